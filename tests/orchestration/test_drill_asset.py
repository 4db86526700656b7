"""The rollback drill and the ledger as Dagster shows them."""

import dagster as dg

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


def test_an_empty_ledger_is_no_data(instance):
    """No improvement yet."""
    metadata = materialized(instance, ledger_assets()).metadata
    assert (metadata["dagster/row_count"].value, metadata["overview"].value) == (0, "no data")
