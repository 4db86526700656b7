"""Work for tasks that ask at the same time, done together: while one round is under way, the next one gathers.

A lone task waits for nobody, and many share one transaction. What is done in a round does not belong here.
"""

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Generic, TypeVar

Asked = TypeVar("Asked")
Answer = TypeVar("Answer")

MOST = 200
"""Asked in one round: far beyond what makes a commit's share small, and the first need not wait for the last."""


@dataclass(frozen=True)
class _Waiting(Generic[Asked, Answer]):
    asked: Asked
    answer: asyncio.Future[Answer] = field(default_factory=asyncio.Future)


class Together(Generic[Asked, Answer]):
    """Gives what tasks ask to `work` in rounds, in the order they came; bound to one event loop."""

    def __init__(
        self,
        work: Callable[[Sequence[Asked]], Awaitable[Sequence[Answer]]],
        *,
        gather_seconds: float = 0.0,
    ) -> None:
        """Keep what does a round.

        Args:
            work: Gives one answer for each asked, in their order, or raises for all.
            gather_seconds: How long each round waits for company; for work nobody waits for.
        """
        self._work = work
        self._gather_seconds = gather_seconds
        self._waiting: deque[_Waiting[Asked, Answer]] = deque()
        self._under_way: asyncio.Task[None] | None = None
        self._hurry = asyncio.Event()

    async def ask(self, asked: Asked) -> Answer:
        """Give the answer of the round this is done in. Cancelled before that round begins, it is not done.

        Raises:
            Exception: What the work raised; nothing of that round is done.
        """
        waiting = _Waiting[Asked, Answer](asked)
        self._waiting.append(waiting)
        if self._under_way is None:
            # A task of its own: a caller that is cancelled takes nobody along.
            self._under_way = asyncio.create_task(self._rounds())
        return await waiting.answer

    async def rest(self) -> None:
        """Have everything asked so far done at once, and wait for it."""
        if self._under_way is not None:
            self._hurry.set()
            await asyncio.wait([self._under_way])

    async def _rounds(self) -> None:
        try:
            while self._waiting:
                if self._gather_seconds:
                    with suppress(TimeoutError):
                        await asyncio.wait_for(self._hurry.wait(), self._gather_seconds)
                if round_ := self._next():
                    await self._one(round_)
        finally:
            self._under_way = None
            self._hurry.clear()

    def _next(self) -> list[_Waiting[Asked, Answer]]:
        found: list[_Waiting[Asked, Answer]] = []
        while self._waiting and len(found) < MOST:
            waiting = self._waiting.popleft()
            if not waiting.answer.done():  # else its caller was cancelled
                found.append(waiting)
        return found

    async def _one(self, round_: list[_Waiting[Asked, Answer]]) -> None:
        try:
            answers = await self._work([w.asked for w in round_])
        except Exception as error:  # noqa: BLE001 - whoever waits is told
            for waiting in round_:
                if not waiting.answer.done():
                    waiting.answer.set_exception(error)
        else:
            for waiting, answer in zip(round_, answers, strict=True):
                if not waiting.answer.done():
                    waiting.answer.set_result(answer)
