"""The experiments as a job: who met what, sums per arm, verdicts, reports."""

import dagster as dg
from dagster._core.definitions.unresolved_asset_job_definition import UnresolvedAssetJobDefinition

EVALUATION = "experiment_evaluation"


def experiment_evaluation() -> UnresolvedAssetJobDefinition:
    """Everything from exposures to reports, for all experiments that run."""
    return dg.define_asset_job(
        EVALUATION,
        selection=dg.AssetSelection.groups("experiments"),
        executor_def=dg.in_process_executor,
        # A tick over 1,000 experiments takes seconds; what takes ten minutes hangs.
        tags={"dagster/max_runtime": 600},
        description="Reads what is new of every running experiment and judges it; what is decided ends, harm ends at once.",
    )
