"""A few open connections to one database, lent to one task at a time. What is said on them does not belong here.

psycopg_pool opens connections in background tasks, which hide why it failed; here whoever needs one opens it.
"""

import asyncio
import select
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import psycopg
from psycopg.pq import TransactionStatus
from psycopg.rows import DictRow, dict_row
from psycopg.types.json import JsonbDumper

Connection = psycopg.AsyncConnection[DictRow]

CONNECT_SECONDS = 10
"""Long enough for a server that recovers from a crash, short enough for a person who waits."""

CHECK_AFTER_SECONDS = 1.0
"""A connection that rested no longer is taken to be alive unless it has news; asking each time cost a sixth of a run."""

_RETRY_SECONDS = 0.2
"""Pause between attempts to reach a server that was there before; the embedded one recovers in 0.6 s."""


class Connections:
    """At most `max_size` connections, the one used last lent first; bound to one event loop."""

    def __init__(self, url: str, *, max_size: int) -> None:
        self._url = url
        self._places = asyncio.Semaphore(max_size)
        self._idle: list[tuple[Connection, float]] = []
        self._was_reached = False
        self._is_closed = False

    @asynccontextmanager
    async def lend(self) -> AsyncIterator[Connection]:
        """A connection outside any transaction; waits for its turn when all are lent.

        Raises:
            psycopg.OperationalError: The server cannot be reached.
        """
        async with self._places:
            connection = await self._living() or await self._connect()
            try:
                yield connection
            finally:
                await self._take_back(connection)

    async def close(self) -> None:
        """Close those that rest now, and each of the others when it comes back."""
        self._is_closed = True
        while self._idle:
            await self._idle.pop()[0].close()

    async def _living(self) -> Connection | None:
        while self._idle:
            connection, since = self._idle.pop()
            if time.monotonic() - since < CHECK_AFTER_SECONDS and not _has_news(connection):
                return connection
            try:
                await connection.execute("")
            except psycopg.OperationalError:
                await connection.close()  # It died with a restarted server.
            else:
                return connection
        return None

    async def _connect(self) -> Connection:
        deadline = time.monotonic() + CONNECT_SECONDS
        while True:
            try:
                connection = await psycopg.AsyncConnection[DictRow].connect(
                    self._url,
                    # Without a block, each query commits by itself: one round trip instead of three.
                    autocommit=True,
                    row_factory=dict_row,
                    connect_timeout=CONNECT_SECONDS,
                )
            except psycopg.OperationalError:
                # A server that was there is restarting; one that never was is told of at once.
                if not self._was_reached or time.monotonic() > deadline:
                    raise
                await asyncio.sleep(_RETRY_SECONDS)
            else:
                self._was_reached = True
                connection.adapters.register_dumper(dict, JsonbDumper)
                return connection

    async def _take_back(self, connection: Connection) -> None:
        if self._is_closed or connection.info.transaction_status != TransactionStatus.IDLE:
            await (
                connection.close()
            )  # Cut off in the middle, or dead: nobody knows what it would answer.
        else:
            self._idle.append((connection, time.monotonic()))


def _has_news(connection: Connection) -> bool:
    """Whether the server said something to a connection that asked nothing: as a rule, that it is closed."""
    poll = select.poll()
    poll.register(connection.fileno(), select.POLLIN)
    return bool(poll.poll(0))
