"""Counted days of agents, written as the roll-up writes them."""

import asyncio
from datetime import UTC, date, datetime, time, timedelta

import numpy as np

from prisma_assets.domain.learning.sketch import Sketch
from prisma_assets.store.database import Database
from prisma_assets.store.roll_up import RollUpStore


def counted(agent, day, *, runs=50, p95=1000.0, errors=0, cost=0.5, accuracy=None):
    """One agent's day: runs that took about as long, some of them failed."""
    start = datetime.combine(day, time(), UTC)
    sketch = Sketch.of([p95] * runs)
    judged = runs if accuracy is not None else 0
    return {
        "agent_id": agent,
        "agent_version": "1.0.0",
        "domain": "audit",
        "window_start": start,
        "window_end": start + timedelta(days=1),
        "executions": runs,
        "successes": runs - errors,
        "errors": errors,
        "timeouts": 0,
        **{name: round(p95) for name in ("p50_ms", "p95_ms", "p99_ms")},
        "latency_sketch": sketch.to_bytes().hex(),
        "tokens_in": 1000 * runs,
        "tokens_out": 100 * runs,
        "tokens_cached": 0,
        "tokens_reasoning": 0,
        "tokens_n": runs,
        "cost_usd": cost,
        "unpriced": 0,
        "accuracy_sum": (accuracy or 0) * judged,
        "accuracy_n": judged,
        "satisfaction_sum": 0,
        "satisfaction_n": 0,
        "cache_hits": 0,
        "cache_n": 0,
        "error_types": {"parse": errors} if errors else {},
    }


def write_days(url, rows_of, *, days, until):
    """Write the rows `rows_of(n, day)` of this many days, the last of them `until`."""

    async def write():
        async with Database(url, max_size=1) as database:
            for n in range(days):
                day = until - timedelta(days=days - 1 - n)
                await RollUpStore(source=database).replace_metrics("1d", day, rows_of(n, day))

    asyncio.run(write())


def write_drifting_firm(url, agents, *, days, until):
    """Steady agents but for two: the first gets slower day by day, the second less accurate from the middle on."""
    rng = np.random.default_rng(7)

    def rows_of(n, day: date):
        rows = []
        for agent in agents:
            slow = 6.0 * n if agent == agents[0] else 0.0
            worse = 0.08 if agent == agents[1] and n >= days // 2 else 0.0
            busy = 20 if day.weekday() >= 5 else 60
            rows.append(
                counted(
                    agent,
                    day,
                    runs=busy + int(rng.integers(-5, 6)),
                    p95=1000 + slow + rng.normal(0, 20),
                    errors=int(rng.integers(0, 2)),
                    cost=round(0.01 * busy * rng.uniform(0.95, 1.05), 6),
                    accuracy=0.93 - worse + rng.normal(0, 0.01),
                )
            )
        return rows

    write_days(url, rows_of, days=days, until=until)
