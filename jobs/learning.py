"""The learning loop as jobs: counting facts every hour, and everything that follows from them every night."""

import dagster as dg
from dagster._core.definitions.unresolved_asset_job_definition import UnresolvedAssetJobDefinition

LOOP = "learning_loop"
COUNTING = "fact_roll_up"
_TAGS = {"dagster/max_runtime": 3_600}
"""Seconds. A backfill of 90 days takes minutes; what takes longer than an hour hangs."""


def learning_loop() -> UnresolvedAssetJobDefinition:
    """Everything from facts to opportunities, for the days a run is given."""
    return dg.define_asset_job(
        LOOP,
        selection=dg.AssetSelection.groups("facts", "learning").materializable(),
        executor_def=dg.in_process_executor,
        tags=_TAGS,
        description="Counts the facts of the given days and draws what can be learned from them: trends, themes, opportunities.",
    )


def fact_roll_up() -> UnresolvedAssetJobDefinition:
    """Only the counting, which alerts and pages read."""
    return dg.define_asset_job(
        COUNTING,
        selection=dg.AssetSelection.groups("facts").materializable(),
        executor_def=dg.in_process_executor,
        tags=_TAGS,
        description="Counts the facts of the given days by hour and by day.",
    )
