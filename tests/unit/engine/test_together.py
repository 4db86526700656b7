"""Rounds of work for tasks that ask at the same time."""

import asyncio
from collections.abc import Sequence

import pytest

from prisma_assets.engine.together import MOST, Together


class Doubling:
    """Work that keeps what each round was asked, and fails for 13."""

    def __init__(self) -> None:
        self.rounds: list[list[int]] = []

    async def __call__(self, asked: Sequence[int]) -> list[int]:
        self.rounds.append(list(asked))
        await asyncio.sleep(0)
        if 13 in asked:
            raise ValueError("thirteen")
        return [2 * number for number in asked]


def test_what_comes_during_a_round_is_the_next_one():
    """The first waits for nobody; those that came meanwhile share a round, in their order, and no round is too large."""

    async def go() -> tuple[list[int], list[list[int]]]:
        work = Doubling()
        together = Together(work)
        return await asyncio.gather(*(together.ask(n + 100) for n in range(MOST + 9))), work.rounds

    answers, rounds = asyncio.run(go())
    assert answers == [2 * (n + 100) for n in range(MOST + 9)]
    assert [len(r) for r in rounds] == [MOST, 9]


def test_a_failure_is_told_to_all_of_its_round_and_no_other():
    """A later round begins anew."""

    async def go() -> list[int | BaseException]:
        together = Together(Doubling())
        failed = await asyncio.gather(together.ask(13), together.ask(1), return_exceptions=True)
        return [*failed, await together.ask(2)]

    first, second, third = asyncio.run(go())
    assert isinstance(first, ValueError)
    assert isinstance(second, ValueError)
    assert third == 4


def test_who_is_cancelled_before_the_round_is_left_out():
    """And one cancelled during it takes nobody along."""

    async def go() -> tuple[list[list[int]], int]:
        work = Doubling()
        together = Together(work, gather_seconds=0.01)
        early, late = asyncio.create_task(together.ask(1)), asyncio.create_task(together.ask(2))
        await asyncio.sleep(0)
        early.cancel()
        with pytest.raises(asyncio.CancelledError):
            await early
        return work.rounds, await late

    assert asyncio.run(go()) == ([[2]], 4)


def test_rest_does_not_wait_for_company():
    """What gathers is done at once where somebody needs it."""

    async def go() -> list[list[int]]:
        work = Doubling()
        together = Together(work, gather_seconds=3600)
        asked = [asyncio.create_task(together.ask(n)) for n in (1, 2)]
        await asyncio.sleep(0)
        await together.rest()
        await asyncio.gather(*asked)
        await together.rest()
        return work.rounds

    assert asyncio.run(go()) == [[1, 2]]
