"""Every asset of the product, in one list. A new file of assets adds one line here."""

import dagster as dg


def all_assets() -> list[dg.AssetsDefinition]:
    """All assets: facts, the learning loop, experiments."""
    return []
