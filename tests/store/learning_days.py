"""Writes days of agents' work and feedback, as counting them would, for tests of what follows from them."""

from collections.abc import Iterable, Mapping
from datetime import UTC, date, datetime, time, timedelta
from typing import Any

import numpy as np

from prisma_assets.agents.cards import firm_cards
from prisma_assets.domain.learning.feedback import read_feedback
from prisma_assets.domain.learning.sketch import Sketch
from prisma_assets.learning.known import known_agents
from prisma_assets.learning.roll_up import roll_up_feedback
from prisma_assets.store.database import Database
from prisma_assets.store.feedback import FeedbackStore
from prisma_assets.store.roll_up import RollUpStore

AGENT, OTHER = "audit-plan-012", "audit-risk-013"
FIRST = date(2026, 1, 1)
RUNS = 60


def day(number: int) -> date:
    return FIRST + timedelta(days=number)


def worked(
    rng: np.random.Generator,
    number: int,
    *,
    agent: str = AGENT,
    gateway: float = 0.0,
    right: float = 0.98,
) -> dict[str, Any]:
    """One day of one agent: a row of figures."""
    failed = int(rng.binomial(RUNS, gateway))
    judged = RUNS - failed
    times = rng.lognormal(7, 0.5, RUNS)
    start = datetime.combine(day(number), time(), UTC)
    return {
        "agent_id": agent,
        "agent_version": "1.0.0",
        "domain": "audit",
        "window_start": start,
        "window_end": start + timedelta(days=1),
        "executions": RUNS,
        "successes": judged,
        "errors": failed,
        "timeouts": 0,
        **{f"p{q}_ms": round(float(np.quantile(times, q / 100))) for q in (50, 95, 99)},
        "latency_sketch": Sketch.of(times).to_bytes().hex(),
        "tokens_in": 0,
        "tokens_out": 0,
        "tokens_cached": 0,
        "tokens_reasoning": 0,
        "tokens_n": 0,
        "cost_usd": float(rng.lognormal(0, 0.3, RUNS).sum() * 0.02),
        "unpriced": 0,
        "accuracy_sum": int(rng.binomial(judged, right)),
        "accuracy_n": judged,
        "satisfaction_sum": 0,
        "satisfaction_n": 0,
        "cache_hits": 0,
        "cache_n": 0,
        "error_types": {"bad_gateway": failed} if failed else {},
    }


async def write_days(database: Database, rows: Iterable[Mapping[str, Any]]) -> None:
    """Write days of figures, all agents of a day together."""
    by_day: dict[date, list[Any]] = {}
    for row in rows:
        by_day.setdefault(row["window_start"].date(), []).append(row)
    store = RollUpStore(source=database)
    for when, found in by_day.items():
        await store.replace_metrics("1d", when, found)


async def write_feedback(
    database: Database, said: Iterable[tuple[int, str, str]], *, agent: str = AGENT
) -> None:
    """Store what was said, (day, type, comment), and count its days."""
    agents = known_agents()
    batch = [
        read_feedback(
            {
                "agent_id": agent,
                "source": "user",
                "submitted_by": "pat",
                "task_id": "plan",
                "feedback_type": kind,
                "rating": 5 if kind == "rating" else None,
                "comment": comment,
                "created_at": datetime.combine(day(number), time(9), UTC),
                "dedupe_key": f"{agent}-{i}",
            },
            agents=frozenset(agents),
            now=datetime.now(UTC),
        )
        for i, (number, kind, comment) in enumerate(said)
    ]
    versions = {card.id: card.version for card in firm_cards()}
    await FeedbackStore(source=database).add(batch, live_versions=versions)
    for when in sorted({f.created_at.date() for f in batch if f.created_at}):
        await roll_up_feedback(database, when, agents=agents)
