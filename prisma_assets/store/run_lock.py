"""One run at a time per execution: an advisory lock that dies with the process that holds it."""

import asyncio
import hashlib
from contextlib import suppress

import psycopg

from prisma_assets.domain.errors import PermanentError
from prisma_assets.store.connections import CONNECT_SECONDS
from prisma_assets.store.database import Database, DatabaseUnavailableError, plain_errors
from prisma_assets.store.named_query import named_query

LOOK_SECONDS = 1.0
"""How soon a run notices that the server let go of its lock, by a query of 0.2 ms. Whoever takes a free lock for a sign
that the process died waits several times as long."""


class AlreadyRunningError(PermanentError):
    """Another run works on this execution; wait for it to end."""


class RunLock:
    """Session-level advisory lock on one execution (PostgreSQL manual, chapter Explicit Locking)."""

    def __init__(self, url: str, execution_id: str) -> None:
        self._url = url
        self._execution_id = execution_id
        self._connection: psycopg.AsyncConnection[tuple[bool]] | None = None

    async def acquire(self) -> None:
        """Take the lock.

        Raises:
            AlreadyRunningError: Another process holds it.
        """
        with plain_errors(self._url):
            connection = await psycopg.AsyncConnection.connect(
                self._url, autocommit=True, connect_timeout=CONNECT_SECONDS
            )
            cursor = await connection.execute(
                named_query("try_run_lock"), {"key": _key(self._execution_id)}
            )
            row = await cursor.fetchone()
        if row is None or not row[0]:
            await connection.close()
            raise AlreadyRunningError(
                f"execution {self._execution_id} is being worked on by another run; wait until it has ended"
            )
        self._connection = connection

    async def keep(self) -> None:
        """Hold the lock until cancelled; a server that restarts lets go of it, and it is taken again.

        Raises:
            AlreadyRunningError: Another run took it meanwhile and works on the execution.
        """
        while True:
            await asyncio.sleep(LOOK_SECONDS)
            if await self._is_held():
                continue
            await self.release()
            with suppress(DatabaseUnavailableError):  # Not back yet.
                await self.acquire()

    async def _is_held(self) -> bool:
        if self._connection is None:
            return False
        try:
            await self._connection.execute(
                named_query("run_lock_is_held"), {"key": _key(self._execution_id)}
            )
        except psycopg.OperationalError:
            return False
        return True

    async def release(self) -> None:
        """Give the lock back."""
        if self._connection is not None:
            await self._connection.close()
            self._connection = None


async def is_worked_on(database: Database, execution_id: str) -> bool:
    """Whether a living process holds the lock of the execution."""
    [row] = await database.fetch("run_lock_is_held", {"key": _key(execution_id)})
    return bool(row["is_held"])


def _key(execution_id: str) -> int:
    digest = hashlib.sha256(f"prisma-assets execution {execution_id}".encode()).digest()
    return int.from_bytes(digest[:8], "big", signed=True)
