"""Answers that hold until a day is counted anew: read once, given to everybody who asks meanwhile."""

import asyncio
from collections import OrderedDict
from collections.abc import Awaitable, Callable, Hashable
from typing import Any, TypeVar

from prisma_assets.store.database import Database
from prisma_assets.store.fleet import FleetStore

Answer = TypeVar("Answer")
_KEPT = 128
"""Answers kept: four windows of the fleet and of some thirty agents and dashboards that people look at; some MB."""


class Counted:
    """Keeps what was read of counted days, for as long as it is true."""

    def __init__(self, database: Database) -> None:
        """Remember nothing yet."""
        self._store = FleetStore(source=database)
        self._state = ""
        self._kept: OrderedDict[Hashable, asyncio.Future[Any]] = OrderedDict()

    async def once(self, what: Hashable, read: Callable[[], Awaitable[Answer]]) -> Answer:
        """What was read since a day was last counted, or read now.

        Args:
            what: Names the answer; equal names, equal answers.
            read: Reads counted days and nothing else.
        """
        state = await self._store.state()
        if state != self._state:
            self._state = state
            self._kept.clear()
        kept: asyncio.Future[Answer] | None = self._kept.get(what)
        if kept is None or _has_failed(kept):
            kept = self._kept[what] = asyncio.ensure_future(read())
        self._kept.move_to_end(what)
        while len(self._kept) > _KEPT:
            self._kept.popitem(last=False)
        return await asyncio.shield(kept)  # others may wait for the same


def _has_failed(kept: "asyncio.Future[Any]") -> bool:
    return kept.done() and (kept.cancelled() or kept.exception() is not None)
