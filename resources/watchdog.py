"""Watches the watchers: how long each sensor and schedule has been silent beyond the time it may rest."""

from collections.abc import Collection, Iterable
from datetime import UTC, datetime

import dagster as dg
from dagster._core.definitions.run_request import InstigatorType
from dagster._core.scheduler.instigation import (
    InstigatorState,
    InstigatorStatus,
    ScheduleInstigatorData,
    SensorInstigatorData,
    TickStatus,
)
from dagster._utils.schedules import schedule_execution_time_iterator

from prisma_assets.domain.monitoring.alert_figure import Part
from prisma_assets.domain.monitoring.alert_rule import shipped_rules

DEFAULT_INTERVAL_SECONDS = 30
"""Dagster's own, of a sensor that names none."""
_WELL = [TickStatus.SUCCESS, TickStatus.SKIPPED]
_WATCHED = (InstigatorType.SENSOR, InstigatorType.SCHEDULE)


def parts(instance: dg.DagsterInstance, *, names: Collection[str], at: datetime) -> list[Part]:
    """The sensors and schedules of these names that have run at some time.

    A tick that failed is no sign of life. One that was switched off in the UI falls silent like one that broke.
    """
    return sorted(_parts(instance, names, at), key=lambda part: part.name)


def silent(alive: Iterable[Part]) -> list[str]:
    """Names of those that are silent for longer than the shipped rule allows."""
    limit = next(rule.threshold for rule in shipped_rules() if rule.about == "part") or 0.0
    return [part.name for part in alive if part.silent_hours > limit]


def _parts(instance: dg.DagsterInstance, names: Collection[str], at: datetime) -> Iterable[Part]:
    for state in instance.all_instigator_state():
        if state.name in names and state.instigator_type in _WATCHED:
            part = _part(instance, state, at)
            if part is not None:
                yield part


def _part(instance: dg.DagsterInstance, state: InstigatorState, at: datetime) -> Part | None:
    ticks = instance.get_ticks(
        state.instigator_origin_id, state.selector_id, limit=1, statuses=_WELL
    )
    since = ticks[0].timestamp if ticks else _began(state)
    if since is None:
        return None
    silent = max(0.0, at.timestamp() - _due(state, since))
    note = f"last sign of life {datetime.fromtimestamp(since, UTC):%Y-%m-%d %H:%M} UTC"
    if state.status is InstigatorStatus.STOPPED:
        note += "; it is switched off"
    return Part(name=state.name, silent_hours=silent / 3600, note=note)


def _began(state: InstigatorState) -> float | None:
    """When one that never ran well was switched on; None: nobody knows, as of one that has not begun."""
    data = state.instigator_data
    if isinstance(data, SensorInstigatorData):
        return data.last_sensor_start_timestamp
    return data.start_timestamp if isinstance(data, ScheduleInstigatorData) else None


def _due(state: InstigatorState, since: float) -> float:
    """When the next sign of life is due after the last."""
    data = state.instigator_data
    if isinstance(data, ScheduleInstigatorData):
        times = schedule_execution_time_iterator(since + 1, data.cron_schedule, "UTC")
        return next(times).timestamp()
    interval = data.min_interval if isinstance(data, SensorInstigatorData) else None
    return since + (interval or DEFAULT_INTERVAL_SECONDS)
