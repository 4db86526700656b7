"""Proposed changes in PostgreSQL. Finding them does not belong here."""

from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from prisma_assets.domain.experiments.search import Compared
from prisma_assets.store.database import Database, Transaction

Row = dict[str, Any]


@dataclass(frozen=True, kw_only=True)
class Searched:
    """How a search came to its settings."""

    measure: str
    """What a score is."""
    seed: int
    tried: int
    train_tasks: int
    train_score: float
    """In [0, 1]; flattered, since the settings were chosen by it."""
    compared: Compared
    """On tasks that chose nothing."""


@dataclass(frozen=True, kw_only=True)
class Candidate:
    """A change for an opportunity, proposed or found no better."""

    opportunity_id: str
    agent_id: str
    control_version: str
    way: str
    """search or rewrite."""
    is_proposed: bool
    reason: str
    changes: dict[str, Any]
    searched: Searched | None
    """None: no labelled tasks measured it."""
    cost_usd: Decimal | None
    """Of looking for it; None: no price is known."""


@dataclass(frozen=True, kw_only=True)
class CandidateStore:
    """Where candidates live."""

    source: Database | Transaction

    async def listed(self, *, opportunity_id: str | None = None) -> list[Row]:
        """Candidates with their measures, the latest first."""
        return await self.source.fetch("candidates", {"opportunity_id": opportunity_id})

    async def add(self, candidate: Candidate) -> None:
        """Keep a candidate; one per opportunity and version at work."""
        await self.source.execute("insert_candidate", {**_said(candidate), **_measured(candidate.searched)})  # fmt: skip


def _said(c: Candidate) -> Row:
    return {
        "opportunity_id": c.opportunity_id, "agent_id": c.agent_id, "control_version": c.control_version, "way": c.way,
        "is_proposed": c.is_proposed, "reason": c.reason, "changes": c.changes, "cost_usd": c.cost_usd,
    }  # fmt: skip


def _measured(s: Searched | None) -> Row:
    c = s.compared if s is not None else None
    return {
        "measure": s and s.measure, "seed": s and s.seed, "tried": s and s.tried,
        "train_tasks": s and s.train_tasks, "train_score": s and s.train_score,
        "holdout_tasks": c and c.tasks, "present_score": c and c.present, "holdout_score": c and c.chosen,
        "effect": c and c.effect, "ci_low": c and c.low, "ci_high": c and c.high, "missed_more": c and c.missed_more,
    }  # fmt: skip
