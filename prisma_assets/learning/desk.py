"""What waits for people now, over all rooms of the firm."""

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from prisma_assets.domain.monitoring.budget import PAUSE_AT, WARN_AT
from prisma_assets.learning.watchdog import silent_because
from prisma_assets.store.alert import AlertStore
from prisma_assets.store.budget import BudgetStore
from prisma_assets.store.database import Database
from prisma_assets.store.deployment import Deployment, DeploymentStore
from prisma_assets.store.opportunity import OpportunityStore

STOPPED_DAYS = 7
"""A failure of last week is still somebody's task; an older one is history."""
MOST = 20
"""Rows of each list: a desk, not an archive."""
LATEST = 6
"""Executions shown as the latest work: enough to find what one has just started."""
_OPEN_STAGES = ("pending_approval", "canary", "ramp", "full")
_PRESSING = frozenset({"high", "critical"})

Row = Mapping[str, Any]


@dataclass(frozen=True, kw_only=True)
class Desk:
    """What needs somebody, each list the most pressing first."""

    at: datetime
    counts: Row
    sign_offs: Sequence[Row]
    stopped: Sequence[Row]
    alerts: Sequence[Row]
    deployments: Sequence[Deployment]
    """Those that wait for a person."""
    budgets: Sequence[Row]
    """Those at or beyond their warning, with `share` of the limit."""
    opportunities: Sequence[Row]
    latest: Sequence[Row]
    """Executions opened last, whatever became of them."""
    silent: str | None
    """Why nobody watches; None when somebody does."""


async def desk(database: Database, *, now: datetime | None = None) -> Desk:
    """Read the desk as of now."""
    at = now or datetime.now(UTC)
    today = at.replace(hour=0, minute=0, second=0, microsecond=0)
    lately = {"since": at - timedelta(days=STOPPED_DAYS), "limit": MOST}
    async with asyncio.TaskGroup() as together:
        counts = together.create_task(database.fetch("home_counts", {"since": today}))
        sign_offs = together.create_task(database.fetch("waiting_approvals"))
        stopped = together.create_task(database.fetch("home_stopped", lately))
        alerts = together.create_task(AlertStore(source=database).active())
        deployments = together.create_task(
            DeploymentStore(source=database).find(stages=_OPEN_STAGES)
        )
        balances = together.create_task(BudgetStore(source=database).balances(at=at))
        opportunities = together.create_task(OpportunityStore(source=database).listed())
        latest = together.create_task(database.fetch("recent_executions", {"limit": LATEST}))
        silent = together.create_task(silent_because(database))
    pressing = [row for row in opportunities.result() if row["priority"] in _PRESSING]
    return Desk(
        at=at,
        counts=counts.result()[0],
        sign_offs=sorted(sign_offs.result(), key=lambda row: row["asked_at"])[:MOST],
        stopped=stopped.result(),
        alerts=[row for row in alerts.result() if row["status"] == "open"][:MOST],
        deployments=[d for d in deployments.result() if waits_for_person(d)][:MOST],
        budgets=sorted(_tight(balances.result()), key=lambda row: -row["share"])[:MOST],
        opportunities=pressing[:MOST],
        latest=latest.result(),
        silent=silent.result(),
    )


def waits_for_person(deployment: Deployment) -> bool:
    """Whether it stands still until somebody decides."""
    return (
        deployment.stage == "pending_approval"
        or deployment.needs_person
        or deployment.paused_by is not None
    )


def _tight(balances: Sequence[Row]) -> list[dict[str, Any]]:
    shares = (
        {**row, "share": (row["spent_usd"] + row["reserved_usd"]) / row["limit_usd"]}
        for row in balances
        if row["limit_usd"] > 0
    )
    return [
        {**row, "is_paused": row["share"] >= PAUSE_AT} for row in shares if row["share"] >= WARN_AT
    ]
