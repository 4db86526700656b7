"""Hears of every change of status and hands it to whoever subscribed. What a change means does not belong here."""

import asyncio
import contextlib
import logging
from collections import deque
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Self

import psycopg

from prisma_assets.store.connections import CONNECT_SECONDS
from prisma_assets.store.database import DatabaseUnavailableError, address, plain_errors
from prisma_assets.store.named_query import named_query
from prisma_assets.store.status_change import ToldChange

logger = logging.getLogger(__name__)

QUEUE_SIZE = 10_000
"""Changes kept for a slow subscriber, 2 MB: a for-each of 5,000 branches at once."""
FIRST_WAIT_SECONDS = 0.1
LONGEST_WAIT_SECONDS = 5.0
"""Pauses between attempts to reach a database that went away; it may be gone for a minute or for a night."""
_IDLE_SECONDS, _PROBE_SECONDS, _PROBES = 10, 5, 3
"""A connection that only listens notices a dead peer by TCP alone (tcp(7)); 25 s instead of two hours."""


class EventsLost:
    """Some changes were not delivered, for the subscriber was too slow or the connection broke: read the state again."""


class Subscription:
    """The changes of one execution, or of all, in the order they were stored; iterate over it."""

    def __init__(self, execution_id: str | None, *, size: int) -> None:
        self._execution_id = execution_id
        self._size = size
        self._waiting: deque[ToldChange] = deque()
        self._has_lost = False
        self._news = asyncio.Event()

    def offer(self, told: ToldChange) -> None:
        """Keep the change until it is asked for; never waits."""
        if self._execution_id not in (None, told.change.execution_id):
            return
        if len(self._waiting) >= self._size:
            self.lose()
        elif not self._has_lost:  # what comes before the state is read again is in it
            self._waiting.append(told)
            self._news.set()

    def lose(self) -> None:
        """What waits here is incomplete."""
        self._waiting.clear()
        self._has_lost = True
        self._news.set()

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> ToldChange | EventsLost:
        await self._news.wait()
        if self._has_lost:
            self._has_lost = False
            self._news.clear()
            return EventsLost()
        told = self._waiting.popleft()
        if not self._waiting:
            self._news.clear()
        return told


class EventBus:
    """One listening connection for any number of subscribers; opened by the first of them, in their event loop."""

    def __init__(self, url: str | None = None) -> None:
        """Keep where to listen.

        Args:
            url: The product's database, in libpq form; None: the one of the engine it is given to.
        """
        self.url = url
        self._subscriptions: set[Subscription] = set()
        self._listening = asyncio.Event()
        self._task: asyncio.Task[None] | None = None
        self._problem: DatabaseUnavailableError | None = None

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.aclose()

    @asynccontextmanager
    async def subscribe(
        self, execution_id: str | None = None, *, size: int = QUEUE_SIZE
    ) -> AsyncIterator[Subscription]:
        """Receive every change stored from here on.

        Args:
            execution_id: Only of this execution; None: of all.
            size: Changes kept while the subscriber is busy; when there are more it is told that it lost some.

        Raises:
            DatabaseUnavailableError: The database cannot be reached.
        """
        await self._until_listening()
        subscription = Subscription(execution_id, size=size)
        self._subscriptions.add(subscription)
        try:
            yield subscription
        finally:
            self._subscriptions.discard(subscription)

    async def aclose(self) -> None:
        """Stop listening; a later subscriber begins again."""
        task, self._task = self._task, None
        self._listening.clear()
        if task is not None:
            task.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await task

    async def _until_listening(self) -> None:
        if self.url is None:
            raise DatabaseUnavailableError(
                "this event bus has no database yet; give it a URL, or give it to a WorkflowEngine"
            )
        if self._task is None:
            self._task = asyncio.create_task(self._listen(self.url))
        try:
            async with asyncio.timeout(CONNECT_SECONDS):
                await self._listening.wait()
        except TimeoutError:
            raise self._problem or DatabaseUnavailableError(
                f"The database {address(self.url)} does not answer; check that it runs, then try again."
            ) from None

    async def _listen(self, url: str) -> None:
        wait = FIRST_WAIT_SECONDS
        while True:
            try:
                with plain_errors(url):
                    async with await _connected(url) as connection:
                        self._begin()
                        wait = FIRST_WAIT_SECONDS
                        async for told in connection.notifies():
                            self._hand_out(told.payload)
            except (DatabaseUnavailableError, psycopg.InterfaceError) as error:
                logger.warning("changes of status are not heard: %s", error)
                self._problem = DatabaseUnavailableError(str(error))
            self._listening.clear()
            await asyncio.sleep(wait)
            wait = min(wait * 2, LONGEST_WAIT_SECONDS)

    def _begin(self) -> None:
        # What was stored while nobody listened was not heard.
        for subscription in self._subscriptions:
            subscription.lose()
        self._listening.set()

    def _hand_out(self, payload: str) -> None:
        try:
            told = ToldChange.read(payload)
        except (ValueError, LookupError, TypeError):
            # Anybody who may connect may notify; one line that is not ours must not end the listening.
            logger.warning("a notification is not one of the product's: %.200s", payload)
            return
        for subscription in self._subscriptions:
            subscription.offer(told)


async def _connected(url: str) -> psycopg.AsyncConnection[tuple[object, ...]]:
    connection = await psycopg.AsyncConnection.connect(
        url,
        autocommit=True,
        connect_timeout=CONNECT_SECONDS,
        keepalives_idle=_IDLE_SECONDS,
        keepalives_interval=_PROBE_SECONDS,
        keepalives_count=_PROBES,
    )
    await connection.execute(named_query("listen_events"))
    return connection
