"""The grain of time of the learning loop: UTC days."""

from datetime import date

import dagster as dg

FIRST_DAY = date(2023, 1, 1)
"""No agent of the firm worked before; facts older than this are refused rather than rolled up unseen."""

DAYS = dg.DailyPartitionsDefinition(
    start_date=FIRST_DAY.isoformat(),
    timezone="UTC",
    end_offset=1,  # Today counts: its figures are rebuilt each hour while it lasts.
)

ONE_RUN = dg.BackfillPolicy.single_run()
"""Ninety days asked for in the UI are one run: starting a run takes longer than rolling up a day."""


def days_of(context: dg.AssetExecutionContext) -> list[date]:
    """The days a run is asked to rebuild, oldest first."""
    return sorted(date.fromisoformat(key) for key in context.partition_keys)
