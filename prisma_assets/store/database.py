"""Asynchronous access to PostgreSQL: a pool, transactions and named queries. What the queries mean does not belong here."""

import asyncio
from collections.abc import AsyncIterator, Iterator, Mapping
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass
from typing import Any, Self

import psycopg
from psycopg.conninfo import conninfo_to_dict

from prisma_assets.domain.errors import InputError, PrismaError, RetryableError
from prisma_assets.store.connections import Connection, Connections
from prisma_assets.store.named_query import named_query
from prisma_assets.store.statement_group import Answer, Statement, StatementGroups

DEFAULT_MAX_SIZE = 8
"""Connections of one process. The embedded server takes 200; a stack of ten processes stays well below."""

Params = Mapping[str, Any]


class DatabaseUnavailableError(RetryableError):
    """The database cannot be reached or cannot work now; start it, or correct DATABASE_URL."""


class NotMigratedError(PrismaError):
    """The database lacks a table or column of this version; run `prisma-assets migrate`."""


def address(url: str) -> str:
    """Name the server and database of a URL for people, as `host:port/database`, without user or password.

    Raises:
        InputError: the URL cannot be read.
    """
    try:
        parts = conninfo_to_dict(url)
    except psycopg.ProgrammingError:
        parts = None
    if parts is None or _is_misread(parts):
        # The driver's own text may repeat the URL, and with it the password.
        raise InputError(
            "DATABASE_URL cannot be read as a PostgreSQL address; write it as "
            "postgresql://user:password@host:5432/database, with %40 for an @ in the password."
        )
    database = parts.get("dbname") or parts.get("user") or ""
    return f"{parts.get('host') or 'localhost'}:{parts.get('port') or 5432}/{database}"


def _is_misread(parts: Mapping[str, Any]) -> bool:
    """Whether half a password stands where the host belongs, or the port is none."""
    ports = str(parts.get("port") or 5432).split(",")
    return "@" in str(parts.get("host") or "") or not all(
        p.isdigit() and 0 < int(p) < 2**16 for p in ports
    )


@contextmanager
def plain_errors(url: str) -> Iterator[None]:
    """Turn what the driver says about a server that is down or not migrated into one sentence.

    Broken rules (a duplicate key, a failed check) pass unchanged: they are the caller's to judge.
    """
    try:
        yield
    except (psycopg.errors.UndefinedTable, psycopg.errors.UndefinedColumn) as error:
        raise NotMigratedError(
            f"The database {address(url)} is not on this version ({_first_line(error)}); run `prisma-assets migrate`."
        ) from error
    except psycopg.OperationalError as error:
        raise DatabaseUnavailableError(
            f"The database {address(url)} cannot be used now ({_first_line(error)}); "
            "check that it runs, and DATABASE_URL if it is set, then try again."
        ) from error


def _first_line(error: psycopg.Error) -> str:
    if error.diag.message_primary:
        return error.diag.message_primary
    # A failed connection lists every address it tried, each with its reason, and hints in between.
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    reasons = [line.rpartition(" failed: ")[2] for line in lines if " failed: " in line]
    return (reasons or lines or [type(error).__name__])[-1].removeprefix("FATAL:").strip()


class Transaction:
    """Named queries on one connection, inside one transaction or, alone, each in its own."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    async def fetch(self, name: str, params: Params | None = None) -> list[dict[str, Any]]:
        """Rows of the named query; a `dict` parameter is sent as jsonb."""
        cursor = await self._connection.execute(named_query(name), params)
        return await cursor.fetchall()

    async def execute(self, name: str, params: Params | None = None) -> int:
        """Run the named query and count the rows it touched."""
        cursor = await self._connection.execute(named_query(name), params)
        return cursor.rowcount


@dataclass(frozen=True)
class _Opened:
    """What belongs to one event loop."""

    connections: Connections
    groups: StatementGroups


class Database:
    """A few connections to one database, opened by their first use and bound to that event loop."""

    def __init__(self, url: str, *, max_size: int = DEFAULT_MAX_SIZE) -> None:
        self.url = url
        self._max_size = max_size
        self._loop: asyncio.AbstractEventLoop | None = None
        self._opened: _Opened | None = None

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.close()

    @asynccontextmanager
    async def transaction(self) -> AsyncIterator[Transaction]:
        """Commit everything done inside at its end, or nothing when it raises.

        Inside, ask this transaction only: what waits for it while it waits for them would wait for ever.
        """
        async with self._connection() as connection, connection.transaction():
            yield Transaction(connection)

    async def fetch(self, name: str, params: Params | None = None) -> list[dict[str, Any]]:
        """Rows of the named query, in a transaction of its own; a `dict` parameter is sent as jsonb."""
        async with self._connection() as connection:
            return await Transaction(connection).fetch(name, params)

    async def execute(self, name: str, params: Params | None = None) -> int:
        """Run the named query in a transaction of its own and count the rows it touched."""
        async with self._connection() as connection:
            return await Transaction(connection).execute(name, params)

    async def grouped(
        self,
        name: str,
        params: Params | None = None,
        *,
        along: tuple[str, Params] | None = None,
    ) -> Answer:
        """Run the named query in one transaction with what other tasks ask at the same time.

        For the short statements of steps at work. One that fails is done again alone, and so are its neighbours:
        each caller meets its own error only. A second query that goes `along` is committed with the first, or neither is.
        """
        statements: list[Statement] = [(named_query(name), params)]
        if along is not None:
            statements.append((named_query(along[0]), along[1]))
        with plain_errors(self.url):
            return await self._open().groups.ask(*statements)

    async def close(self) -> None:
        """Close every connection; the next use opens them again."""
        opened, self._opened = self._opened, None
        # Connections end with the loop they were opened in.
        if opened is not None and self._loop is asyncio.get_running_loop():
            await opened.groups.rest()
            await opened.connections.close()

    @asynccontextmanager
    async def _connection(self) -> AsyncIterator[Connection]:
        with plain_errors(self.url):
            async with self._open().connections.lend() as connection:
                yield connection

    def _open(self) -> _Opened:
        loop = asyncio.get_running_loop()
        if self._opened is None or self._loop is not loop:
            address(self.url)  # an unreadable URL is reported before the driver repeats it
            connections = Connections(self.url, max_size=self._max_size)
            self._loop, self._opened = loop, _Opened(connections, StatementGroups(connections.lend))
        return self._opened
