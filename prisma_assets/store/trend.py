"""Trends, change points and forecasts in PostgreSQL, by the day they were told on. How they are found does not belong here."""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any

from prisma_assets.store.database import Database, Transaction

Row = dict[str, Any]


@dataclass(frozen=True, kw_only=True)
class TrendStore:
    """Where they live."""

    source: Database | Transaction

    async def replace_trends(self, as_of: date, rows: Sequence[Row]) -> None:
        """Put these trends in the place of the day's; call it in a transaction."""
        await self._replace("trends", as_of, rows)

    async def replace_change_points(self, as_of: date, rows: Sequence[Row]) -> None:
        """Put these change points in the place of those found on the day; call it in a transaction."""
        await self._replace("change_points", as_of, rows)

    async def replace_forecasts(self, as_of: date, rows: Sequence[Row]) -> None:
        """Put these forecasts in the place of those made on the day; call it in a transaction."""
        await self._replace("forecasts", as_of, rows)

    async def latest_trends(self, agent_id: str | None = None) -> list[Row]:
        """Trends of the latest day judged, the surest first."""
        return await self.source.fetch("latest_trends", {"agent_id": agent_id})

    async def latest_change_points(self, agent_id: str | None = None) -> list[Row]:
        """Change points found on the latest day judged, the newest first."""
        return await self.source.fetch("latest_change_points", {"agent_id": agent_id})

    async def latest_forecasts(self, agent_id: str | None = None) -> list[Row]:
        """What was forecast last, by agent, figure and day."""
        return await self.source.fetch("latest_forecasts", {"agent_id": agent_id})

    async def _replace(self, what: str, as_of: date, rows: Sequence[Row]) -> None:
        await self.source.execute(f"delete_{what}", {"as_of": as_of})
        params = {"as_of": as_of, "rows": json.dumps(rows, default=str)}
        await self.source.execute(f"insert_{what}", params)
