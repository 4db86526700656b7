"""The rollback drill and the ledger as Dagster shows them."""

import dagster as dg
import psycopg

from prisma_assets.assets.drill import drill_assets
from prisma_assets.assets.ledger import ledger_assets
from resources.learning import LEARNING_DATABASE, learning_database


def materialized(instance, assets) -> dg.AssetMaterialization:
    result = dg.materialize(
        assets, instance=instance, resources={LEARNING_DATABASE: learning_database()}
    )
    assert result.success
    [event] = result.get_asset_materialization_events()
    return event.materialization


def test_the_drill_publishes_what_it_found(instance):
    """Nothing is recorded here, and it says so."""
    metadata = materialized(instance, drill_assets()).metadata
    assert metadata["failing_is"].value == "assumed: nothing is recorded"
    assert metadata["dagster/row_count"].value == 3
    assert "| percent | rollouts | false_alarms | found | median_treated |" in metadata["overview"].value  # fmt: skip


def test_the_ledger_is_no_data_until_something_is_at_work(instance, firm_url):
    """What nobody promised has a row without numbers; nothing is to be retired."""
    metadata = materialized(instance, ledger_assets()).metadata
    assert (metadata["dagster/row_count"].value, metadata["overview"].value) == (0, "no data")

    with psycopg.connect(firm_url, autocommit=True) as connection:
        connection.execute(
            """insert into improvement_deployments (agent_id, from_version, to_version, change_set, change_hash, risk_level, strategy, stage,
                auto_deployed, started_at, created_by)
            values ('audit-control-015', '1.0.0', '1.0.0-b.1', '{}', repeat('a', 64), 'low', 'canary', 'canary', true, now(), 'ana')"""
        )
    metadata = materialized(instance, ledger_assets()).metadata
    assert (metadata["dagster/row_count"].value, metadata["retire"].value) == (1, 0)
    assert "audit-control-015" in metadata["overview"].value
