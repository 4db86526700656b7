"""One run at a time per execution: an advisory lock that dies with the process that holds it."""

import hashlib

import psycopg

from prisma_assets.domain.errors import PermanentError
from prisma_assets.store.database import plain_errors


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
        digest = hashlib.sha256(f"prisma-assets execution {self._execution_id}".encode()).digest()
        key = int.from_bytes(digest[:8], "big", signed=True)
        with plain_errors(self._url):
            connection = await psycopg.AsyncConnection.connect(self._url, autocommit=True)
            cursor = await connection.execute("select pg_try_advisory_lock(%s)", (key,))
            row = await cursor.fetchone()
        if row is None or not row[0]:
            await connection.close()
            raise AlreadyRunningError(
                f"execution {self._execution_id} is being worked on by another run; wait until it has ended"
            )
        self._connection = connection

    async def release(self) -> None:
        """Give the lock back."""
        if self._connection is not None:
            await self._connection.close()
            self._connection = None
