"""Themes of feedback in PostgreSQL. How texts are placed does not belong here."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any

from prisma_assets.domain.learning.theme import Said, Theme
from prisma_assets.store.database import Database, Transaction
from prisma_assets.store.roll_up import span

Row = dict[str, Any]


@dataclass(frozen=True, kw_only=True)
class ThemeStore:
    """Where themes live."""

    source: Database | Transaction

    async def lock(self) -> None:
        """Be the only one who places texts, until the transaction ends."""
        await self.source.fetch("lock_themes")

    async def texts(self, *, since: date, until: date, limit: int) -> list[Said]:
        """Comments of these days, both included, the oldest first; of too many, the latest."""
        params = {**span(since, until), "limit": limit}
        found = await self.source.fetch("texts_of_themes", params)
        return [
            Said(
                feedback_id=row["feedback_id"],
                text=row["comment"],
                day=row["day"],
                theme_id=row["theme_id"],
            )
            for row in reversed(found)
        ]

    async def looks(self) -> tuple[date, date] | None:
        """First and last day whose look placed texts; None before the first."""
        (row,) = await self.source.fetch("theme_looks")
        return (row["first"], row["last"]) if row["first"] else None

    async def founded(self) -> dict[str, date]:
        """Day whose look founded each theme."""
        return {r["theme_id"]: r["founded_on"] for r in await self.source.fetch("known_themes")}

    async def write(
        self, themes: Sequence[Theme], *, founded_on: Mapping[str, date], new: frozenset[str]
    ) -> None:
        """Write themes as they are now.

        Args:
            themes: All that were described.
            founded_on: By theme.
            new: Themes people began to speak of lately.
        """
        rows = [
            {
                "theme_id": t.theme_id,
                "name": t.name,
                "terms": t.terms,
                "quotes": [{"feedback_id": q.feedback_id, "text": q.text} for q in t.quotes],
                "feedback": t.feedback,
                "first_seen": t.first_seen,
                "last_seen": t.last_seen,
                "founded_on": founded_on[t.theme_id],
                "is_new": t.theme_id in new,
            }
            for t in themes
        ]
        await self.source.execute("upsert_themes", {"rows": json.dumps(rows, default=str)})

    async def add_members(self, said: Sequence[Said]) -> int:
        """Give texts their themes; the number of those that had none."""
        rows = [{"feedback_id": s.feedback_id, "theme_id": s.theme_id} for s in said]
        return await self.source.execute("insert_theme_members", {"rows": json.dumps(rows)})

    async def themes(self, *, since: date, until: date) -> list[Row]:
        """All themes, those most spoken of in these days first, with the agents they are about."""
        return await self.source.fetch("themes", {"since": since, "until": until})

    async def to_check(self) -> list[Row]:
        """Themes with what checks look at."""
        return await self.source.fetch("themes_to_check")

    async def unhappy_days(
        self, *, since: date, until: date, agent_id: str | None = None
    ) -> list[Row]:
        """What unhappy people spoke of, by agent and day, both days included."""
        params = {"since": since, "until": until, "agent_id": agent_id}
        return await self.source.fetch("unhappy_by_theme", params)
