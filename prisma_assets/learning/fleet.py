"""Agents side by side or together over one stretch of time, by the hour or the day."""

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, Literal

from prisma_assets.domain.errors import InputError
from prisma_assets.learning.counted import Counted
from prisma_assets.learning.metrics import Figures, figures_of
from prisma_assets.store.database import Database
from prisma_assets.store.fleet import Asked, FleetStore
from prisma_assets.store.roll_up import Granularity, Row

WindowName = Literal["24h", "7d", "30d", "90d"]
Key = tuple[str | None, datetime | None]
"""Agent and beginning of a window; None: added up over all."""


@dataclass(frozen=True, kw_only=True)
class Window:
    """A stretch of time that ends now."""

    name: WindowName
    title: str
    length: timedelta
    granularity: Granularity
    """Of what is added up: a day's hours, a week's days."""

    @property
    def step(self) -> timedelta:
        """Length of one of its parts."""
        return timedelta(hours=1) if self.granularity == "1h" else timedelta(days=1)

    def asked(self, now: datetime, **which: Any) -> Asked:
        """Its parts up to and with the one under way."""
        end = _floor(now, self.granularity) + self.step
        return Asked(granularity=self.granularity, start=end - self.length, end=end, **which)

    def starts(self, now: datetime) -> list[datetime]:
        """When each of its parts begins, oldest first."""
        asked = self.asked(now)
        return [asked.start + k * self.step for k in range(self.length // self.step)]


WINDOWS: Mapping[str, Window] = {
    w.name: w
    for w in (
        Window(name="24h", title="24 hours", length=timedelta(hours=24), granularity="1h"),
        Window(name="7d", title="7 days", length=timedelta(days=7), granularity="1d"),
        Window(name="30d", title="30 days", length=timedelta(days=30), granularity="1d"),
        Window(name="90d", title="90 days", length=timedelta(days=90), granularity="1d"),
    )
}
USUAL = "30d"
"""A month, as the firm reports."""


def window_of(name: str | None) -> Window:
    """The window of that name; the usual one when none is named.

    Raises:
        InputError: There is none.
    """
    found = WINDOWS.get(name or USUAL)
    if found is None:
        raise InputError(f"there is no window '{name}'; choose one of {', '.join(WINDOWS)}")
    return found


class Fleet:
    """Reads figures of many agents; sums and merged sketches are kept until a day is counted anew."""

    def __init__(self, database: Database, counted: Counted) -> None:
        """Add up what `counted` does not hold yet."""
        self._store = FleetStore(source=database)
        self._counted = counted

    async def figures(self, asked: Asked) -> Mapping[Key, Figures]:
        """Figures by agent and window; what has no fact has no entry."""
        return await self._counted.once(("figures", asked), lambda: self._added(asked))

    async def by_agent(
        self, window: Window, *, now: datetime, agents: Sequence[str] | None = None
    ) -> dict[str, Figures]:
        """Figures of each agent over the whole window."""
        found = await self.figures(window.asked(now, agents=_chosen(agents)))
        return {agent: figures for (agent, _), figures in found.items() if agent is not None}

    async def by_time(
        self, window: Window, *, now: datetime, agents: Sequence[str] | None = None
    ) -> dict[datetime, Figures]:
        """Figures of all these agents together in each part of the window."""
        asked = window.asked(now, agents=_chosen(agents), by_agent=False, by_window=True)
        found = await self.figures(asked)
        return {start: figures for (_, start), figures in found.items() if start is not None}

    async def whole(
        self, window: Window, *, now: datetime, agents: Sequence[str] | None = None
    ) -> Figures:
        """Figures of all these agents over the whole window."""
        found = await self.figures(window.asked(now, agents=_chosen(agents), by_agent=False))
        return next(iter(found.values()), figures_of(()))

    async def runs(self, window: Window, *, now: datetime) -> dict[str, list[int | None]]:
        """How many runs each agent had in each part of the window, oldest first; None: no fact."""
        asked = window.asked(now, by_window=True)
        found = await self._counted.once(("runs", asked), lambda: self._counts(asked))
        starts = window.starts(now)
        return {agent: [runs.get(start) for start in starts] for agent, runs in found.items()}

    async def _counts(self, asked: Asked) -> Mapping[str, Mapping[datetime, int]]:
        return {
            row["agent_id"]: {
                start.astimezone(UTC): runs
                for start, runs in zip(row["starts"], row["runs"], strict=True)
            }
            for row in await self._store.runs(asked)
        }

    async def _added(self, asked: Asked) -> Mapping[Key, Figures]:
        rows = await self._store.sums(asked)
        # Merging takes as long as a page may: others are served meanwhile.
        return await asyncio.to_thread(_merged, rows)


def _merged(rows: Sequence[Row]) -> dict[Key, Figures]:
    return {_key(row): figures_of([row]) for row in rows}


def _key(row: Row) -> Key:
    start = row["window_start"]
    return row["agent_id"], None if start is None else start.astimezone(UTC)


def _chosen(agents: Sequence[str] | None) -> tuple[str, ...] | None:
    return None if agents is None else tuple(sorted(agents))


def _floor(now: datetime, granularity: Granularity) -> datetime:
    hour = now.astimezone(UTC).replace(minute=0, second=0, microsecond=0)
    return hour if granularity == "1h" else hour.replace(hour=0)
