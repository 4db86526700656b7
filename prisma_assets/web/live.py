"""Tells open pages that something they show has changed, as server-sent events; what it is they fetch themselves."""

import asyncio
import contextlib
import json
import logging
from collections.abc import AsyncIterator, Callable, Collection, Iterator

from starlette.requests import Request
from starlette.responses import StreamingResponse
from starlette.routing import BaseRoute, Route

from prisma_assets.domain.errors import PrismaError
from prisma_assets.store.database import Database
from prisma_assets.store.event_bus import EventBus
from prisma_assets.web.event_stream import QUIET_SECONDS

logger = logging.getLogger(__name__)

PATH = "/dashboard/events"
WORKFLOWS = "workflows"
TOPICS = frozenset({WORKFLOWS, "learning", "experiments", "alerts", "costs", "agents"})
LOOK_SECONDS = 0.5
"""Between two looks at the markers: with the fetch that follows, a page shows a change within the second."""
GATHER_SECONDS = 0.2
"""A run changes the status of several steps at once; a page fetches once for all of them."""


class _Reader:
    """One open page."""

    def __init__(self, topics: Collection[str]) -> None:
        self._topics = frozenset(topics)
        self._changed: set[str] = set()
        self._news = asyncio.Event()

    def tell(self, topic: str) -> None:
        if topic in self._topics:
            self._changed.add(topic)
            self._news.set()

    async def changed(self) -> list[str]:
        """Topics changed since the last call; none after a quiet while."""
        try:
            async with asyncio.timeout(QUIET_SECONDS):
                await self._news.wait()
        except TimeoutError:
            return []
        await asyncio.sleep(GATHER_SECONDS)
        self._news.clear()
        changed, self._changed = sorted(self._changed), set()
        return changed


class Changes:
    """One look at the database for all open pages together, and none while no page is open."""

    def __init__(self, bus: EventBus, database: Database) -> None:
        """Look into `database` and listen on `bus` once somebody reads."""
        self._bus = bus
        self._database = database
        self._readers: set[_Reader] = set()
        self._tasks: list[asyncio.Task[None]] = []
        self._hearers: list[Callable[[str], None]] = []
        self.is_looking = False
        """Whether every change from now on will be told."""

    def hear(self, tell: Callable[[str], None]) -> None:
        """Have this called with the topic of each change, before any open page is told."""
        self._hearers.append(tell)

    @contextlib.contextmanager
    def read(self, topics: Collection[str]) -> Iterator[_Reader]:
        """A reader of these topics, for as long as its page is open."""
        reader = _Reader(topics)
        self._readers.add(reader)
        if not self._tasks:
            self._tasks = [asyncio.create_task(self._look()), asyncio.create_task(self._listen())]
        try:
            yield reader
        finally:
            self._readers.discard(reader)
            if not self._readers:
                self._stop()

    async def aclose(self) -> None:
        """Stop looking."""
        tasks = self._tasks
        self._stop()
        await asyncio.gather(*tasks, return_exceptions=True)

    def _stop(self) -> None:
        self.is_looking = False
        tasks, self._tasks = self._tasks, []
        for task in tasks:
            task.cancel()

    def _tell(self, topic: str) -> None:
        for tell in self._hearers:
            tell(topic)
        for reader in self._readers:
            reader.tell(topic)

    async def _look(self) -> None:
        before: dict[str, str] | None = None
        while True:
            try:
                (markers,) = await self._database.fetch("page_markers")
            except PrismaError as error:
                logger.warning("pages are not told of changes: %s", error)
            else:
                for topic in markers if before is not None else ():
                    if before is not None and markers[topic] != before[topic]:
                        self._tell(topic)
                before = markers
                self.is_looking = True
            await asyncio.sleep(LOOK_SECONDS)

    async def _listen(self) -> None:
        while True:
            try:
                async with self._bus.subscribe() as told:
                    async for _ in told:
                        self._tell(WORKFLOWS)
            except PrismaError as error:
                logger.warning("pages are not told of changed executions: %s", error)
            await asyncio.sleep(LOOK_SECONDS)


def live_routes(changes: Changes) -> list[BaseRoute]:
    """`/dashboard/events?topics=a,b`: an event `change` with the topics each time one of them changed."""

    async def events(request: Request) -> StreamingResponse:
        asked = request.query_params.get("topics", "").split(",")
        topics = TOPICS.intersection(asked)

        async def lines() -> AsyncIterator[str]:
            with changes.read(topics) as reader:
                yield "retry: 2000\n\n"
                while True:
                    changed = await reader.changed()
                    yield (
                        f"event: change\ndata: {json.dumps(changed)}\n\n"
                        if changed
                        else ": quiet\n\n"
                    )

        return StreamingResponse(
            lines(), media_type="text/event-stream", headers={"Cache-Control": "no-store"}
        )

    return [Route(PATH, events)]
