"""Every asset of the product, in one list. A new file of assets adds one line here."""

import dagster as dg

from prisma_assets.assets.candidate import candidate_assets
from prisma_assets.assets.cost import cost_assets
from prisma_assets.assets.drill import drill_assets
from prisma_assets.assets.experiment import experiment_assets
from prisma_assets.assets.feedback import feedback_assets
from prisma_assets.assets.ledger import ledger_assets
from prisma_assets.assets.metric_window import metric_window_assets
from prisma_assets.assets.metrics import metric_assets
from prisma_assets.assets.opportunity import opportunity_assets
from prisma_assets.assets.replay import replay_assets
from prisma_assets.assets.shadow import shadow_assets
from prisma_assets.assets.source import source_specs
from prisma_assets.assets.theme import theme_assets
from prisma_assets.assets.trend import trend_assets


def all_assets() -> list[dg.AssetsDefinition | dg.AssetSpec]:
    """All assets: facts, the learning loop, experiments."""
    return [
        *source_specs(),
        *feedback_assets(),
        *metric_assets(),
        *metric_window_assets(),
        *trend_assets(),
        *cost_assets(),
        *theme_assets(),
        *opportunity_assets(),
        *candidate_assets(),
        *ledger_assets(),
        *drill_assets(),
        *replay_assets(),
        *experiment_assets(),
        *shadow_assets(),
    ]
