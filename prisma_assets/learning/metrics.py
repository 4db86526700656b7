"""How agents did, by day and by hour: what trends, opportunities, alerts and people read."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime
from decimal import Decimal
from itertools import groupby
from typing import Any

from prisma_assets.domain.learning.sketch import Sketch
from prisma_assets.store.database import Database
from prisma_assets.store.roll_up import Granularity, RollUpStore, Row


@dataclass(frozen=True, kw_only=True)
class Figures:
    """What the runs of some time add up to."""

    executions: int
    errors: int
    timeouts: int
    error_types: Mapping[str, int]
    """Failed runs by the type of their error."""
    timed: int
    """Runs whose duration is known; the quantiles rest on them."""
    p50_ms: float | None
    """Milliseconds; here and below None: no data."""
    p95_ms: float | None
    p99_ms: float | None
    tokens_in: int | None
    """All tokens read, those from a cache among them."""
    tokens_out: int | None
    tokens_cached: int | None
    """Here and below None too where none is known: reporters leave the figure out rather than say zero."""
    tokens_reasoning: int | None
    tokens_n: int
    """Runs that reported tokens."""
    cost_usd: Decimal | None
    """Of the runs that have a price."""
    unpriced: int
    """Runs without a price; their cost is not in `cost_usd`."""
    accuracy: float | None
    """Mean in [0, 1]."""
    accuracy_n: int
    satisfaction: float | None
    """Mean rating in [1, 5]."""
    satisfaction_n: int
    cache_hit_rate: float | None
    """Share in [0, 1] of the runs that said whether a cache answered."""

    @property
    def error_rate(self) -> float | None:
        """Share of runs that failed or ran out of time."""
        return (self.errors + self.timeouts) / self.executions if self.executions else None

    @property
    def cost_per_run(self) -> float | None:
        """US dollars per run that has a price."""
        priced = self.executions - self.unpriced
        return float(self.cost_usd) / priced if self.cost_usd is not None and priced > 0 else None


@dataclass(frozen=True, kw_only=True)
class DailyFigure(Figures):
    """One agent on one UTC day, all its versions together."""

    agent_id: str
    day: date


@dataclass(frozen=True, kw_only=True)
class HourlyFigure(Figures):
    """One agent in one UTC hour, all its versions together."""

    agent_id: str
    hour: datetime
    """Its beginning."""


async def daily_series(
    database: Database, *, agent_id: str | None = None, since: date, until: date
) -> list[DailyFigure]:
    """Figures by agent and day from `since` to `until`, both included; a day without a fact has no entry."""
    windows = await _windows(database, "1d", agent_id=agent_id, since=since, until=until)
    return [
        DailyFigure(agent_id=agent, day=start.astimezone(UTC).date(), **_added(rows))
        for (agent, start), rows in windows
    ]


async def hourly_series(
    database: Database, *, agent_id: str | None = None, since: date, until: date
) -> list[HourlyFigure]:
    """Figures by agent and hour of the days from `since` to `until`, both included."""
    windows = await _windows(database, "1h", agent_id=agent_id, since=since, until=until)
    return [
        HourlyFigure(agent_id=agent, hour=start.astimezone(UTC), **_added(rows))
        for (agent, start), rows in windows
    ]


async def total(database: Database, agent_id: str, *, since: date, until: date) -> Figures:
    """Figures of one agent over all these days together, quantiles from the merged sketches."""
    store = RollUpStore(source=database)
    return figures_of(await store.windows("1d", since=since, until=until, agent_id=agent_id))


def figures_of(rows: Sequence[Row]) -> Figures:
    """Figures of windows taken together."""
    return Figures(**_added(rows))


def packed_sketches(row: Row) -> Sequence[bytes]:
    """Those of a window's parts where the database added it up, else its own; none where no run was timed."""
    if "sketches" in row:
        return row["sketches"] or ()
    return (row["latency_sketch"],) if row["latency_sketch"] else ()


async def _windows(
    database: Database, granularity: Granularity, *, agent_id: str | None, since: date, until: date
) -> list[tuple[tuple[str, datetime], list[Row]]]:
    rows = await RollUpStore(source=database).windows(
        granularity, since=since, until=until, agent_id=agent_id
    )
    by_window = groupby(rows, key=lambda row: (row["agent_id"], row["window_start"]))
    return [(window, list(group)) for window, group in by_window]


def _added(rows: Sequence[Row]) -> dict[str, Any]:
    """Windows added up."""
    sums = {
        name: sum(row[name] for row in rows)
        for name in (
            "executions",
            "errors",
            "timeouts",
            "unpriced",
            "tokens_n",
            "accuracy_n",
            "satisfaction_n",
        )
    }
    sketch = Sketch.merged_bytes([packed for row in rows for packed in packed_sketches(row)])
    costs = [row["cost_usd"] for row in rows if row["cost_usd"] is not None]
    return {
        **sums,
        **{
            n: sum(r[n] for r in rows) if sums["tokens_n"] else None
            for n in ("tokens_in", "tokens_out")
        },
        **{n: sum(r[n] for r in rows) or None for n in ("tokens_cached", "tokens_reasoning")},
        "error_types": _counts(row["error_types"] for row in rows),
        "timed": sketch.n,
        "p50_ms": sketch.quantile(0.5),
        "p95_ms": sketch.quantile(0.95),
        "p99_ms": sketch.quantile(0.99),
        "cost_usd": sum(costs, Decimal()) if costs else None,
        "accuracy": _mean(rows, "accuracy_sum", "accuracy_n"),
        "satisfaction": _mean(rows, "satisfaction_sum", "satisfaction_n"),
        "cache_hit_rate": _mean(rows, "cache_hits", "cache_n"),
    }


def _counts(parts: Iterable[Mapping[str, int]]) -> dict[str, int]:
    found: dict[str, int] = {}
    for part in parts:
        for name, times in part.items():
            found[name] = found.get(name, 0) + times
    return dict(sorted(found.items(), key=lambda item: (-item[1], item[0])))


def _mean(rows: Iterable[Row], total_name: str, n_name: str) -> float | None:
    pairs = [(row[total_name], row[n_name]) for row in rows]
    n = sum(n for _, n in pairs)
    return float(sum(t for t, _ in pairs)) / n if n else None
