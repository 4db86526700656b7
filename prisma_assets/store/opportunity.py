"""Improvement opportunities in PostgreSQL. Finding them does not belong here."""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, time
from typing import Any

from prisma_assets.domain.learning.opportunity import Opportunity
from prisma_assets.store.database import Database, Transaction
from prisma_assets.store.roll_up import span

Row = dict[str, Any]

OPEN = ("identified", "triaged", "in_test", "validated")
"""States of trouble that is not mended."""
STATUSES = (*OPEN, "rejected", "deployed", "rolled_back", "superseded", "resolved")


@dataclass(frozen=True, kw_only=True)
class Written:
    """What a look changed."""

    new: int
    """Trouble nobody knew of; the rest goes on."""
    told: tuple[Opportunity, ...]
    """Without trouble somebody dismissed, or whose mending was just released."""


@dataclass(frozen=True, kw_only=True)
class OpportunityStore:
    """Where opportunities live."""

    source: Database | Transaction

    async def lock(self) -> None:
        """Be the only one who looks, until the transaction ends."""
        await self.source.fetch("lock_opportunities")

    async def last_look(self) -> date | None:
        """Last day that was looked at."""
        (row,) = await self.source.fetch("last_opportunity_look")
        day: date | None = row["day"]
        return day

    async def open(self, *, agent_id: str | None = None) -> list[Row]:
        """What is wrong and not mended, as it was found."""
        return await self.source.fetch("open_opportunities", {"agent_id": agent_id})

    async def settled(self, *, since: date, agent_id: str | None = None) -> list[Row]:
        """Trouble that ended since a day, with its days."""
        params = {"since": since, "agent_id": agent_id}
        return await self.source.fetch("settled_opportunities", params)

    async def write(self, found: Sequence[Opportunity], *, day: date) -> Written:
        """Write what the look of a day found; the same trouble is one row."""
        params = {"rows": json.dumps([_row(o) for o in found], default=str), "day": day}
        written = await self.source.fetch("upsert_opportunities", params)
        kept = {(row["agent_id"], row["fingerprint"]) for row in written}
        return Written(
            new=sum(row["is_new"] for row in written),
            told=tuple(o for o in found if (o.agent_id, o.fingerprint) in kept),
        )

    async def resolve(self, opportunity_ids: Sequence[str], *, day: date) -> int:
        """Close trouble that is over at the end of a day."""
        params = {
            "opportunity_ids": list(opportunity_ids),
            "reason": f"as before since two weeks, seen on {day}",
            "closed_at": datetime.combine(day, time(), UTC),
        }
        return await self.source.execute("resolve_opportunities", params)

    async def dismiss(self, opportunity_id: str, *, by: str, reason: str) -> bool:
        """Keep somebody's no; False when it is not open, or in test already."""
        params = {"opportunity_id": opportunity_id, "by": by, "reason": reason}
        return bool(await self.source.fetch("dismiss_opportunity", params))

    async def listed(
        self,
        *,
        agent_id: str | None = None,
        statuses: Sequence[str] | None = OPEN,
        opportunity_id: str | None = None,
    ) -> list[Row]:
        """Opportunities with their evidence, the most pressing first; of any state where `statuses` is None."""
        params = {
            "agent_id": agent_id,
            "statuses": list(statuses) if statuses is not None else None,
            "opportunity_id": opportunity_id,
        }
        return await self.source.fetch("opportunities", params)

    async def to_check(self) -> list[Row]:
        """Open opportunities with what checks look at."""
        return await self.source.fetch("opportunities_to_check")

    async def worse_trends(self, day: date, *, agent_id: str | None = None) -> list[Row]:
        """Significant trends for the worse told on a day."""
        return await self.source.fetch("worse_trends", {"day": day, "agent_id": agent_id})

    async def telling_feedback(self, opportunity: Opportunity, *, through: date) -> list[Row]:
        """The latest pieces of feedback that show the trouble."""
        params = {
            **span(opportunity.began_on, through),
            "agent_id": opportunity.agent_id,
            "metric": str(opportunity.metric),
            "subject": opportunity.subject,
        }
        return await self.source.fetch("telling_feedback", params)


def _row(o: Opportunity) -> Row:
    return {
        "agent_id": o.agent_id,
        "agent_version": o.agent_version,
        "improvement_type": o.improvement_type,
        "detector": o.detector,
        "title": o.title,
        "description": o.description,
        "evidence": o.evidence,
        "sample_size": o.sample_size,
        "priority": o.priority,
        "risk_level": o.risk_level,
        "estimated_impact": round(o.impact, 3),
        "confidence": round(o.confidence, 3),
        "fingerprint": o.fingerprint,
        "metric": str(o.metric),
        "subject": o.subject,
        "began_on": o.began_on,
        "last_seen_on": o.last_seen_on,
        "size": o.size,
        "usd_per_month": o.usd_per_month,
        "hours_per_month": o.hours_per_month,
    }
