"""Counting a day by everything people ask figures by, in the place of what was counted before."""

from collections.abc import Mapping, Sequence
from datetime import UTC, date, datetime, time, timedelta

from prisma_assets.learning.metric_sum import runs_added, sketched, steps_added
from prisma_assets.learning.roll_up import Agents, RolledUp
from prisma_assets.store.database import Database
from prisma_assets.store.metric_window import MetricWindowStore, Part, Wanted
from prisma_assets.store.roll_up import RollUpStore, Row, span

METRIC_WINDOWS = "metric_windows"
"""Name, as in Dagster and in the table `roll_ups`."""
_STEPS = "step_windows"
HOURS_KEPT = timedelta(days=8)
"""Hours are asked for over one day; a week more shows the same hour of the same weekday."""


async def missed_days(database: Database, days: Sequence[date], *, most: int) -> list[date]:
    """Days these windows were never counted for as their facts are now, besides `days`: the latest, oldest first.

    Another roll-up may have counted a day in a run in which this one failed, or before there was this one.
    """
    found = await RollUpStore(source=database).days_to_count(
        (METRIC_WINDOWS,), since=date.min, through=max(days)
    )
    return sorted(set(found) - set(days))[-most:]


async def roll_up_windows(database: Database, day: date, *, agents: Agents) -> RolledUp:
    """Count a UTC day's runs and ratings, and the steps of every day on which some were judged this day."""
    rows = await _count_runs(database, day, agents)
    judged = await MetricWindowStore(source=database).judged_days(day)
    for each in sorted({day, *judged}):
        rows += await _count_steps(database, each, agents)
    return RolledUp(roll_up=METRIC_WINDOWS, day=day, rows=rows)


async def _count_runs(database: Database, day: date, agents: Agents) -> int:
    kept_since = datetime.now(UTC) - HOURS_KEPT
    keeps_hours = day >= kept_since.date()
    async with database.transaction() as transaction:
        lock, store = RollUpStore(source=transaction), MetricWindowStore(source=transaction)
        await lock.begin(METRIC_WINDOWS, day)
        # Nine dimensions have thousands of hours a day: a backfill is spared those nobody would keep.
        part: Part = "hour" if keeps_hours else "day"
        parts = [sketched(r) for r in await store.run_facts(_all_of(day), part=part, agents=agents)]
        whole = _as_day(runs_added(parts), day)
        hours = parts if keeps_hours else ()
        await store.replace_runs(day, hours=_packed(hours), whole=_packed(whole))
        await store.forget_hours(kept_since)
        await lock.end(METRIC_WINDOWS, day, rows=len(whole))
    return len(whole)


async def _count_steps(database: Database, day: date, agents: Agents) -> int:
    async with database.transaction() as transaction:
        lock, store = RollUpStore(source=transaction), MetricWindowStore(source=transaction)
        await lock.begin(_STEPS, day)
        hours = await store.step_facts(_all_of(day), part="hour", agents=agents)
        whole = _as_day(steps_added(hours), day)
        await store.replace_steps(day, hours=hours, whole=whole)
    return len(whole)


def _all_of(day: date) -> Wanted:
    times = span(day)
    return Wanted(start=times["start"], end=times["end"])


def _as_day(rows: Sequence[Row], day: date) -> list[Row]:
    return [{**row, "window_start": datetime.combine(day, time(), UTC)} for row in rows]


def _packed(rows: Sequence[Mapping[str, object]]) -> list[Row]:
    """Rows as JSON takes them: a sketch in hexadecimal digits."""
    return [{**row, "latency_sketch": _hex(row["latency_sketch"])} for row in rows]


def _hex(sketch: object) -> str | None:
    return sketch.hex() if isinstance(sketch, bytes) else None
