"""Statements of concurrent tasks committed in groups: one round trip and one flush to disk for all that wait.

While one group is on its way the next one gathers, so a lone statement waits for nobody and a thousand share a commit.
"""

import asyncio
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass, field
from typing import Any

import psycopg

from prisma_assets.store.connections import Connection

_MAX_GROUP = 200
"""Statements per group: far beyond what makes the commit's share small, and the first ones need not wait for the last."""


@dataclass(frozen=True)
class Answer:
    """What one statement answered."""

    rows: list[dict[str, Any]]
    """Empty when it gives none."""
    count: int
    """Rows given or touched."""


Statement = tuple[bytes, Mapping[str, Any] | None]
"""A query and its parameters."""


@dataclass(frozen=True)
class _Asked:
    statements: Sequence[Statement]
    """Committed all or none."""
    answer: asyncio.Future[Answer] = field(default_factory=asyncio.Future)
    """What the first of them answers."""


class _UnsentError(Exception):
    """A statement could not be sent; what was sent before it in its group is undone."""


class StatementGroups:
    """Commits statements in groups on one connection, in the order they come; bound to one event loop."""

    def __init__(self, lend: Callable[[], AbstractAsyncContextManager[Connection]]) -> None:
        self._lend = lend
        self._waiting: deque[_Asked] = deque()
        self._alone: deque[_Asked] = deque()
        """What was in a group that failed; each is done by itself, to see which one it was."""
        self._writing: asyncio.Task[None] | None = None

    async def ask(self, *statements: Statement) -> Answer:
        """Give the first statement's answer once all are committed together. Cancelled before they are sent, none is sent.

        Raises:
            psycopg.Error: What one of these met; none of them is stored, the others of the group are all the same.
        """
        asked = _Asked(statements)
        self._waiting.append(asked)
        if self._writing is None:
            # A task of its own: a caller that is cancelled takes nobody along.
            self._writing = asyncio.create_task(self._write())
        return await asked.answer

    async def rest(self) -> None:
        """Wait until everything asked is answered."""
        while self._writing is not None:
            await asyncio.wait([self._writing])

    async def _write(self) -> None:
        try:
            async with self._lend() as connection:
                while not connection.closed and (group := self._next()):
                    await self._commit(connection, group)
        except Exception as error:  # noqa: BLE001 - no connection; whoever waits for one is told
            while group := self._next():
                _refuse(group, error)
        finally:
            is_over = not (self._alone or self._waiting)
            self._writing = None if is_over else asyncio.create_task(self._write())

    def _next(self) -> list[_Asked]:
        source, size = (self._alone, 1) if self._alone else (self._waiting, _MAX_GROUP)
        group: list[_Asked] = []
        while source and len(group) < size:
            asked = source.popleft()
            if not asked.answer.done():  # else its caller was cancelled
                group.append(asked)
        return group

    async def _commit(self, connection: Connection, group: list[_Asked]) -> None:
        try:
            answers = await _answers(connection, group)
        except Exception as error:  # noqa: BLE001 - each caller is told its own
            is_undone = isinstance(error, _UnsentError) or not connection.closed
            if is_undone and len(group) > 1:
                self._alone.extend(group)
            else:
                _refuse(group, (isinstance(error, _UnsentError) and error.__cause__) or error)
            if is_undone and _size(group) > 1:
                await (
                    connection.close()
                )  # It takes for prepared what the failure kept from being so.
        else:
            for asked, answer in zip(group, answers, strict=True):
                if not asked.answer.done():
                    asked.answer.set_result(answer)


def _refuse(group: Sequence[_Asked], error: BaseException) -> None:
    for asked in group:
        if not asked.answer.done():
            asked.answer.set_exception(error)


async def _answers(connection: Connection, group: Sequence[_Asked]) -> list[Answer]:
    if _size(group) == 1:
        return [await _answer(await connection.execute(*group[0].statements[0]))]
    # What a pipeline carries up to its end is one transaction (PostgreSQL manual, libpq, Pipeline Mode).
    async with connection.pipeline():
        try:
            cursors = [[await connection.execute(*s) for s in a.statements] for a in group]
        except Exception as error:
            connection.pgconn.finish()  # Its end would commit what stands before.
            raise _UnsentError from error
    return [await _answer(own[0]) for own in cursors]


def _size(group: Sequence[_Asked]) -> int:
    return sum(len(asked.statements) for asked in group)


async def _answer(cursor: psycopg.AsyncCursor[dict[str, Any]]) -> Answer:
    rows = await cursor.fetchall() if cursor.description is not None else []
    return Answer(rows, cursor.rowcount)
