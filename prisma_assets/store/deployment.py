"""Deployments in PostgreSQL: a change on its way to all work of an agent, its history, and what is done when it did harm."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from prisma_assets.domain.experiments.release_path import Approval, Risk
from prisma_assets.store.database import Database, Transaction


@dataclass(frozen=True, kw_only=True)
class Deployment:
    """One deployment as stored."""

    deployment_id: str
    opportunity_id: str | None
    ab_test_id: str | None
    """The experiment that is its proof."""
    verdict_id: int | None
    agent_id: str
    from_version: str
    to_version: str
    change_set: Mapping[str, Any]
    change_hash: str
    risk_level: Risk
    stage: str
    traffic_pct: int
    auto_deployed: bool
    stage_entered_at: datetime | None
    stage_units: Mapping[str, int] | None
    paused_by: str | None
    released_by: str | None
    waits_for: str | None
    needs_person: bool
    rollout_test_id: str | None
    """The assignment of its rollout."""
    observed_metrics: Mapping[str, Any] | None
    rollback_reason: str | None
    rolled_back_at: datetime | None
    created_by: str
    created_at: datetime
    started_at: datetime | None
    completed_at: datetime | None


@dataclass(frozen=True, kw_only=True)
class NewDeployment:
    """A change somebody wants deployed."""

    agent_id: str
    from_version: str
    to_version: str
    change_set: Mapping[str, Any]
    change_hash: str
    risk_level: Risk
    created_by: str
    opportunity_id: str | None = None
    ab_test_id: str | None = None
    verdict_id: int | None = None
    offline_evidence: Mapping[str, Any] | None = None
    """What `experiment analyse --json` said of a comparison on past tasks."""


@dataclass(frozen=True, kw_only=True)
class Event:
    """Something that happens to a deployment."""

    what: str
    by: str
    reason: str = ""
    facts: Mapping[str, Any] | None = None


ROLLBACK = "rollback"
"""Who takes versions back and has their work done again, in histories."""
ROLLING = ("canary", "ramp", "full")


@dataclass(frozen=True, kw_only=True)
class DeploymentStore:
    """Where deployments live."""

    source: Database | Transaction

    async def add(self, new: NewDeployment) -> str:
        """Store a deployment that waits; gives its id."""
        params = {**vars(new), "change_set": dict(new.change_set)}
        return str((await self.source.fetch("insert_deployment", params))[0]["deployment_id"])

    async def find(
        self,
        *,
        deployment_id: str | None = None,
        agent_id: str | None = None,
        stages: tuple[str, ...] | None = None,
        limit: int = 100,
    ) -> list[Deployment]:
        """Deployments, the latest first."""
        params = {
            "deployment_id": deployment_id, "agent_id": agent_id, "limit": limit,
            "stages": None if stages is None else list(stages),
        }  # fmt: skip
        return [Deployment(**row) for row in await self.source.fetch("deployments", params)]

    async def lock(self, deployment_id: str) -> str | None:
        """Keep a deployment from everybody else until the transaction ends; gives its stage."""
        rows = await self.source.fetch("lock_deployment", {"deployment_id": deployment_id})
        return rows[0]["stage"] if rows else None

    async def tell(self, deployment_id: str, event: Event) -> None:
        """Add to the history."""
        params = {
            "deployment_id": deployment_id, "what": event.what, "by": event.by, "reason": event.reason,
            "facts": dict(event.facts or {}),
        }  # fmt: skip
        await self.source.execute("insert_deployment_event", params)

    async def history(self, deployment_id: str) -> list[dict[str, Any]]:
        """All that happened, in order."""
        return await self.source.fetch("deployment_events", {"deployment_id": deployment_id})

    async def approvals(self, deployment_id: str) -> list[Approval]:
        """Consents, in order."""
        rows = await self.source.fetch("deployment_approvals", {"deployment_id": deployment_id})
        return [Approval(user=row["user_id"], role=row["role"]) for row in rows]

    async def approve(self, deployment_id: str, approval: Approval, comment: str) -> None:
        """Store one person's consent."""
        params = {**vars(approval), "deployment_id": deployment_id, "comment": comment}
        await self.source.execute("insert_deployment_approval", params)

    async def write(self, query: str, deployment_id: str, **values: Any) -> None:
        """One of the named changes of a deployment."""
        await self.source.execute(query, {"deployment_id": deployment_id, **values})

    async def version(self, agent_id: str, version: str) -> dict[str, Any] | None:
        """A proposed version with its card."""
        params = {"agent_id": agent_id, "version": version}
        rows = await self.source.fetch("agent_version_card", params)
        return rows[0] if rows else None
