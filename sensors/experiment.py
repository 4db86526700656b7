"""When running experiments are looked at: every hour. Looking often costs no certainty: every verdict holds at all looks together."""

import dagster as dg
from dagster._core.definitions.unresolved_asset_job_definition import UnresolvedAssetJobDefinition

_AT_TWENTY_PAST = "20 * * * *"
"""After the hour's last facts have been counted at five past."""


def hourly_experiments(job: UnresolvedAssetJobDefinition) -> dg.ScheduleDefinition:
    """Looks at every running experiment."""
    return dg.ScheduleDefinition(
        name="hourly_experiments",
        job=job,
        cron_schedule=_AT_TWENTY_PAST,
        execution_timezone="UTC",
        default_status=dg.DefaultScheduleStatus.RUNNING,
        description="Looks at every running experiment, judges it, and ends what is decided.",
    )
