"""Feedback in PostgreSQL: appended once, never changed. What feedback may say does not belong here."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from prisma_assets.domain.learning.feedback import Feedback
from prisma_assets.store.database import Database, Transaction
from prisma_assets.store.execution_page import Cursor


@dataclass(frozen=True, kw_only=True)
class Stored:
    """What became of one piece of feedback."""

    is_new: bool
    """False: it was stored before, or it is refused."""
    problem: str | None
    """Why it is refused."""


@dataclass(frozen=True, kw_only=True)
class FeedbackStore:
    """Where feedback lives."""

    source: Database | Transaction

    async def add(
        self, batch: Sequence[Feedback], *, live_versions: Mapping[str, str]
    ) -> list[Stored]:
        """Store a batch in one statement, and say of each, in order, what became of it.

        Args:
            batch: Checked feedback; what it refers to is checked here.
            live_versions: Version at work now, by agent.
        """
        rows = [
            {**_said(f), "number": number, "live_version": live_versions[f.agent_id]}
            for number, f in enumerate(batch)
        ]
        params = {"rows": json.dumps(rows, default=str)}
        found = await self.source.fetch("insert_feedback", params)
        return [Stored(is_new=r["is_new"], problem=r["problem"]) for r in found]

    async def recent(
        self, limit: int, *, agent_id: str | None = None, after: Cursor | None = None
    ) -> list[dict[str, Any]]:
        """The latest feedback, about one agent or all, after the piece a page ended with."""
        params = {
            "limit": limit, "agent_id": agent_id, "created_before": after.created_at if after else None,
            "id_before": after.id if after else None,
        }  # fmt: skip
        return await self.source.fetch("recent_feedback", params)

    async def of_step(self, step_execution_id: str, *, limit: int) -> list[dict[str, Any]]:
        """The latest feedback about one step's work."""
        params = {"step_execution_id": step_execution_id, "limit": limit}
        return await self.source.fetch("feedback_of_step", params)


def _said(feedback: Feedback) -> dict[str, Any]:
    """The columns that hold something: reading the others would take the database half its time."""
    return {name: value for name, value in vars(feedback).items() if value not in (None, ())}
