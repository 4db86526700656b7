"""What a monitoring system scrapes: today's counts of every agent and how the firm's work stands."""

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from prisma_assets.domain.learning.sketch import Sketch
from prisma_assets.store.alert_rule import AlertRuleStore
from prisma_assets.store.budget import BudgetStore
from prisma_assets.store.database import Database
from prisma_assets.store.roll_up import RollUpStore

Row = Mapping[str, Any]


@dataclass(frozen=True, kw_only=True)
class AgentToday:
    """One agent since midnight UTC, as far as its hours are counted."""

    agent_id: str
    executions: int
    errors: Mapping[str, int]
    """By type; `timeout` for those that ran out of time."""
    durations: Sketch
    """Milliseconds."""
    tokens_in: int
    tokens_out: int
    cost_usd: float
    unpriced: int


@dataclass(frozen=True, kw_only=True)
class Exposition:
    """One scrape."""

    agents: Sequence[AgentToday]
    executions: Sequence[Row]
    alerts: Sequence[Row]
    budgets: Sequence[Row]
    watchdog_age_seconds: float | None
    """None: it has not looked yet."""


async def exposition(database: Database, *, now: datetime | None = None) -> Exposition:
    """Read what is exposed: roll-ups and indexed counts only, so that a scrape costs the same with five million runs."""
    at = now or datetime.now(UTC)
    today = at.date()
    since = at.replace(hour=0, minute=0, second=0, microsecond=0)
    async with asyncio.TaskGroup() as together:
        hours = together.create_task(
            RollUpStore(source=database).windows("1h", since=today, until=today, agent_id=None)
        )
        executions = together.create_task(database.fetch("exposed_executions", {"since": since}))
        alerts = together.create_task(database.fetch("exposed_alerts"))
        budgets = together.create_task(BudgetStore(source=database).balances(at=at))
        watch = together.create_task(AlertRuleStore(source=database).watch())
    looked = watch.result()
    return Exposition(
        agents=_today(hours.result()),
        executions=executions.result(),
        alerts=alerts.result(),
        budgets=budgets.result(),
        watchdog_age_seconds=None if looked is None else (at - looked.looked_at).total_seconds(),
    )


def _today(hours: Sequence[Row]) -> list[AgentToday]:
    by_agent: dict[str, list[Row]] = {}
    for row in hours:
        by_agent.setdefault(row["agent_id"], []).append(row)
    return [_added(agent_id, rows) for agent_id, rows in sorted(by_agent.items())]


def _added(agent_id: str, rows: Sequence[Row]) -> AgentToday:
    errors: dict[str, int] = {}
    for row in rows:
        for kind, n in (row["error_types"] or {}).items():
            errors[kind] = errors.get(kind, 0) + n
        if row["timeouts"]:
            errors["timeout"] = errors.get("timeout", 0) + row["timeouts"]
    return AgentToday(
        agent_id=agent_id,
        executions=sum(row["executions"] for row in rows),
        errors=errors,
        durations=Sketch.merged_bytes([r["latency_sketch"] for r in rows if r["latency_sketch"]]),
        tokens_in=sum(row["tokens_in"] or 0 for row in rows),
        tokens_out=sum(row["tokens_out"] or 0 for row in rows),
        cost_usd=float(sum(row["cost_usd"] or 0 for row in rows)),
        unpriced=sum(row["unpriced"] for row in rows),
    )
