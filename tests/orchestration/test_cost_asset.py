"""The savings as Dagster shows them."""

from datetime import UTC, datetime

import dagster as dg
import psycopg

from prisma_assets.assets.cost import cost_assets
from resources.learning import LEARNING_DATABASE, learning_database


def materialized(instance):
    result = dg.materialize(
        cost_assets(), instance=instance, resources={LEARNING_DATABASE: learning_database()}
    )
    assert result.success
    [event] = result.get_asset_materialization_events()
    return {name: value.value for name, value in event.materialization.metadata.items()}


def test_without_a_fact_nothing_is_saved_and_nothing_is_claimed(instance):
    metadata = materialized(instance)

    assert (metadata["dagster/row_count"], metadata["saved_usd"], metadata["spent_usd"]) == (0, "no data", "no data")  # fmt: skip
    assert metadata["target_share"] == 0.3


def test_what_failures_cost_is_shown_as_possible(instance, firm_url):
    with psycopg.connect(firm_url, autocommit=True) as connection:
        connection.execute(
            "insert into spend_daily (day, agent_id, agent_version, runs, unpriced, cost_usd, cost_sq, failed, failed_unpriced, failed_usd, failed_sq) "
            "values (%s, 'tax-vat-028', '1.0.0', 10, 0, 5, 2.5, 2, 0, 1, 0.5)",
            (datetime.now(UTC).date(),),
        )
        metadata = materialized(instance)
        connection.execute("delete from spend_daily")

    assert (metadata["dagster/row_count"], metadata["spent_usd"], metadata["saved_usd"]) == (1, 5.0, "no data")  # fmt: skip
    assert "failed work" in metadata["overview"]
