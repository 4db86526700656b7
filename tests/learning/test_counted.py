"""What was read of counted days is kept until a day is counted anew, and a reading that failed is not kept."""

import asyncio

import psycopg
import pytest

from prisma_assets.learning.counted import Counted
from prisma_assets.store.database import Database


def mark(url, day):
    """A day is counted, now."""
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute(
            "insert into roll_ups (roll_up, day, begun_at, rows) values ('agent_metrics_daily', %s, clock_timestamp(), 1)"
            " on conflict (roll_up, day) do update set begun_at = excluded.begun_at",
            (day,),
        )


class Reader:
    """Counts how often it is asked."""

    def __init__(self):
        self.asked = 0

    async def __call__(self):
        self.asked += 1
        await asyncio.sleep(0)
        return self.asked


def on(url, work):
    async def opened():
        async with Database(url) as database:
            return await work(Counted(database))

    return asyncio.run(opened())


def test_many_who_ask_at_once_are_answered_by_one_reading(database_url):
    reader = Reader()

    async def work(counted):
        return await asyncio.gather(*(counted.once("figures", reader) for _ in range(20)))

    assert on(database_url, work) == [1] * 20


@pytest.mark.parametrize("day", ["2026-03-04", "2026-03-05"], ids=["the same day", "another"])
def test_a_count_makes_it_read_again(database_url, day):
    mark(database_url, "2026-03-04")
    reader = Reader()

    async def work(counted):
        first = await counted.once("figures", reader)
        again = await counted.once("figures", reader)
        mark(database_url, day)
        return first, again, await counted.once("figures", reader)

    assert on(database_url, work) == (1, 1, 2)


def test_what_failed_is_read_again(database_url):
    async def broken():
        raise ValueError("no")

    async def work(counted):
        with pytest.raises(ValueError, match="no"):
            await counted.once("figures", broken)
        return await counted.once("figures", Reader())

    assert on(database_url, work) == 1


def test_who_goes_away_takes_the_reading_from_nobody(database_url):
    async def slow():
        await asyncio.sleep(0.2)
        return "read"

    async def work(counted):
        first = asyncio.ensure_future(counted.once("figures", slow))
        second = asyncio.ensure_future(counted.once("figures", slow))
        await asyncio.sleep(0.1)
        first.cancel()
        return await second

    assert on(database_url, work) == "read"
