"""Counted figures of many agents, added up by the database. What they mean does not belong here."""

from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Any

from prisma_assets.store.database import Database, Transaction
from prisma_assets.store.roll_up import Granularity, Row


@dataclass(frozen=True, kw_only=True)
class Asked:
    """Which windows are added up over what."""

    granularity: Granularity
    start: datetime
    end: datetime
    """Windows that begin before it."""
    agents: tuple[str, ...] | None = None
    """None: all."""
    by_agent: bool = True
    by_window: bool = False


@dataclass(frozen=True, kw_only=True)
class FleetStore:
    """Where they are read."""

    source: Database | Transaction

    async def state(self) -> str:
        """Something that changes whenever a day is counted: as long as it does not, no sum below changes."""
        (row,) = await self.source.fetch("counted_state")
        return str(row["state"])

    async def sums(self, asked: Asked) -> list[Row]:
        """Sums in the columns of a window, with `sketches` to be merged."""
        params: dict[str, Any] = asdict(asked)
        params["agents"] = None if asked.agents is None else list(asked.agents)
        return await self.source.fetch("summed_windows", params)

    async def runs(self, asked: Asked) -> list[Row]:
        """Runs of each agent by window: `starts` and `runs`, one beside the other."""
        params = {"granularity": asked.granularity, "start": asked.start, "end": asked.end}
        return await self.source.fetch("agent_runs_by_window", params)
