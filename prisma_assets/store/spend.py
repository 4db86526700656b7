"""Spend by day in PostgreSQL, and what savings are found in. What it means does not belong here."""

from collections.abc import Collection
from dataclasses import dataclass
from datetime import date
from typing import Any, Literal

from prisma_assets.store.database import Database, Transaction
from prisma_assets.store.roll_up import Row, span

SpentBy = Literal["provider", "model", "agent", "client", "engagement", "workflow"]


@dataclass(frozen=True, kw_only=True)
class SpendStore:
    """Where it lives. Days are UTC days; of two, both are included."""

    source: Database | Transaction

    async def replace_day(self, day: date, *, agents: Collection[str]) -> None:
        """Count what a day spent in the place of what was counted before."""
        await self.source.execute("delete_spend_day", {"day": day})
        params = {**span(day), "day": day, "agents": sorted(agents)}
        await self.source.execute("insert_spend_day", params)

    async def by(self, by: SpentBy, *, since: date, until: date) -> list[Row]:
        """Sums by one thing, the dearest first."""
        return await self.source.fetch("spend_by", {"by": by, "since": since, "until": until})

    async def of_agents(self, since: date, until: date) -> list[Row]:
        """Sums and sums of squares by agent, version, provider and model."""
        return await self.source.fetch("spend_of_agents", {"since": since, "until": until})

    async def cache_hits(self, since: date, until: date) -> list[Row]:
        """Work that earlier results answered, by agent, with what those had cost."""
        return await self.source.fetch("cache_hits_by_agent", span(since, until))

    async def repeats(self, since: date, until: date) -> list[Row]:
        """Equal work that was paid for more than once, by agent."""
        return await self.source.fetch("repeated_calls_by_agent", span(since, until))

    async def rollouts(self, until: date) -> list[Row]:
        """The latest change of each agent that reached everybody by then."""
        return await self.source.fetch("finished_rollouts", span(until))

    async def version(
        self, agent_id: str, version: str, *, since: date, until: date, beside: str | None = None
    ) -> Row:
        """Runs and cost of one version; `beside` keeps the days on which another ran too."""
        params: dict[str, Any] = {
            "agent_id": agent_id, "version": version, "since": since, "until": until, "beside": beside,
        }  # fmt: skip
        (row,) = await self.source.fetch("version_spend", params)
        return row
