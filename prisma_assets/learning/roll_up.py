"""Counting a day: what its facts add up to, by hour and by day, written in the place of what was counted before."""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any

from prisma_assets.domain.learning.sketch import Sketch
from prisma_assets.store.database import Database
from prisma_assets.store.roll_up import QuarantineStore, RollUpStore, Row
from prisma_assets.store.spend import SpendStore

FEEDBACK_DAILY = "feedback_daily"
METRICS_HOURLY = "agent_metrics_hourly"
METRICS_DAILY = "agent_metrics_daily"
ROLL_UPS = (FEEDBACK_DAILY, METRICS_HOURLY, METRICS_DAILY)
"""Names, as in Dagster and in the table `roll_ups`."""

_UNKNOWN_DOMAIN = "unknown"
"""Of an agent the firm does not know, whose facts somebody released."""

Agents = Mapping[str, str]
"""Ids of the agents the firm knows, and the domain of each."""


@dataclass(frozen=True, kw_only=True)
class RolledUp:
    """What counting a day wrote."""

    roll_up: str
    day: date
    rows: int


RollUp = Callable[..., Awaitable[RolledUp]]
"""One of the three below."""


async def count_days(
    database: Database, days: Sequence[date], roll_up: RollUp, *, agents: Agents
) -> list[RolledUp]:
    """Count days one after the other, each in a transaction of its own."""
    return [await roll_up(database, day, agents=agents) for day in days]


async def look_for_changes(database: Database) -> None:
    """Mark the days of facts that became known since the last look."""
    async with database.transaction() as transaction:
        await RollUpStore(source=transaction).mark_changed_days()


async def days_to_count(database: Database, *, since: date, through: date) -> list[date]:
    """Days that hold facts nobody has counted as they are now, oldest first."""
    return await RollUpStore(source=database).days_to_count(ROLL_UPS, since=since, through=through)


async def roll_up_feedback(database: Database, day: date, *, agents: Agents) -> RolledUp:
    """Count what was said on a UTC day."""
    await look_for_changes(database)
    async with database.transaction() as transaction:
        store = RollUpStore(source=transaction)
        await store.begin(FEEDBACK_DAILY, day)
        await QuarantineStore(source=transaction).set_aside(day, agents=agents)
        rows = await store.replace_feedback_daily(day, agents=agents)
        await store.end(FEEDBACK_DAILY, day, rows=rows)
    return RolledUp(roll_up=FEEDBACK_DAILY, day=day, rows=rows)


async def roll_up_hours(database: Database, day: date, *, agents: Agents) -> RolledUp:
    """Count the hours of a UTC day and what it spent on whom; facts that cannot be true are set aside first."""
    await look_for_changes(database)
    async with database.transaction() as transaction:
        store = RollUpStore(source=transaction)
        await store.begin(METRICS_HOURLY, day)
        await QuarantineStore(source=transaction).set_aside(day, agents=agents)
        found = await store.hourly_figures(day, agents=agents)
        rows = [_window(row, Sketch.of(row.pop("durations") or ()), agents) for row in found]
        await store.replace_metrics("1h", day, rows)
        await SpendStore(source=transaction).replace_day(day, agents=agents)
        await store.end(METRICS_HOURLY, day, rows=len(rows))
    return RolledUp(roll_up=METRICS_HOURLY, day=day, rows=len(rows))


async def roll_up_day(database: Database, day: date, *, agents: Agents) -> RolledUp:
    """Add the hours of a UTC day up; its facts are not read again."""
    async with database.transaction() as transaction:
        store = RollUpStore(source=transaction)
        await store.begin(METRICS_DAILY, day)
        found = await store.daily_figures(day)
        rows = [
            _window(row, Sketch.merged_bytes(row.pop("sketches") or ()), agents) for row in found
        ]
        await store.replace_metrics("1d", day, rows)
        await store.end(METRICS_DAILY, day, rows=len(rows))
    return RolledUp(roll_up=METRICS_DAILY, day=day, rows=len(rows))


def _window(row: Row, sketch: Sketch, agents: Agents) -> dict[str, Any]:
    """A row to store: quantiles in whole milliseconds for whoever reads the table, the sketch for who adds up."""
    return {
        **row,
        "domain": agents.get(row["agent_id"], _UNKNOWN_DOMAIN),
        "p50_ms": _whole(sketch.quantile(0.5)),
        "p95_ms": _whole(sketch.quantile(0.95)),
        "p99_ms": _whole(sketch.quantile(0.99)),
        "latency_sketch": sketch.to_bytes().hex() if sketch.n else None,
    }


def _whole(milliseconds: float | None) -> int | None:
    return None if milliseconds is None else round(milliseconds)
