"""Changes of status as the database tells of them: complete, in order, and honest about what was lost."""

import asyncio
from collections.abc import AsyncIterator, Callable, Coroutine
from contextlib import asynccontextmanager
from typing import Any
from uuid import uuid4

import psycopg
import pytest
from hypothesis import given
from hypothesis import strategies as st

from prisma_assets.platform.watch import watch
from prisma_assets.store.database import Database, DatabaseUnavailableError
from prisma_assets.store.event_bus import EventBus, EventsLost, Subscription
from prisma_assets.store.status_change import Snapshot, StatusChange, ToldChange

SHA = "0" * 64
WORKERS, STEPS = 12, 25


class Writer:
    """One connection that stores executions and steps as runs do."""

    def __init__(self, connection: psycopg.AsyncConnection[Any]) -> None:
        self.connection = connection

    async def open(self) -> str:
        execution = str(uuid4())
        await self.connection.execute(
            "insert into workflow_executions (workflow_execution_id, template_name, template_version, template_sha256,"
            " dagster_job, created_by) values (%s, 'trial', '1', %s, 'trial_job', 'tester')",
            (execution, SHA),
        )
        return execution

    async def status(self, execution: str, status: str) -> None:
        await self.connection.execute(
            "update workflow_executions set status = %s, updated_at = now() where workflow_execution_id = %s",
            (status, execution),
        )

    async def start(self, execution: str, step: str, *, map_key: str = "") -> None:
        await self.connection.execute(
            "insert into workflow_step_executions (workflow_execution_id, step_id, step_name, map_key, status, started_at)"
            " values (%s, %s, 'a step', %s, 'RUNNING', clock_timestamp())",
            (execution, step, map_key),
        )

    async def finish(self, execution: str, step: str) -> None:
        await self.connection.execute(
            "update workflow_step_executions set status = 'COMPLETED', output = '{}', completed_at = clock_timestamp()"
            " where workflow_execution_id = %s and step_id = %s",
            (execution, step),
        )


@asynccontextmanager
async def writer(url: str) -> AsyncIterator[Writer]:
    async with await psycopg.AsyncConnection.connect(url, autocommit=True) as connection:
        yield Writer(connection)


async def followed(url: str, execution: str, into: list[StatusChange]) -> None:
    async with EventBus(url) as bus, Database(url, max_size=1) as database:
        async for change in watch(bus, database, execution):
            into.append(change)


async def until(met: Callable[[], bool]) -> None:
    async with asyncio.timeout(20):
        while not met():  # noqa: ASYNC110 - what is waited for is a list another task fills
            await asyncio.sleep(0.01)


async def drop_listeners(write: Writer) -> None:
    """What a restart of the database does to those who only listen."""
    await write.connection.execute(
        "select pg_terminate_backend(pid) from pg_stat_activity"
        " where datname = current_database() and query = 'listen prisma_events'"
    )


def statuses(changes: list[StatusChange], step: str | None) -> list[str]:
    return [c.status for c in changes if c.step_id == step]


def run(work: Coroutine[Any, Any, None]) -> None:
    asyncio.run(work)


def test_watch_yields_the_present_state_and_then_every_change_until_the_end(database_url):
    """A sign-off that is awaited ends nothing; the end of the execution does."""
    seen: list[StatusChange] = []

    async def story() -> None:
        async with writer(database_url) as write:
            execution = await write.open()
            await write.start(execution, "a01")
            watching = asyncio.create_task(followed(database_url, execution, seen))
            await until(lambda: len(seen) == 2)
            await write.finish(execution, "a01")
            await write.status(execution, "WAITING_APPROVAL")
            await write.status(execution, "COMPLETED")
            await asyncio.wait_for(watching, 20)

    run(story())

    assert [(c.step_id, c.status) for c in seen] == [
        ("a01", "RUNNING"),
        (None, "PENDING"),
        ("a01", "COMPLETED"),
        (None, "WAITING_APPROVAL"),
        (None, "COMPLETED"),
    ]
    assert all(c.at.tzinfo is not None for c in seen)


def test_watch_of_an_ended_execution_shows_it_and_ends(database_url):
    seen: list[StatusChange] = []

    async def story() -> None:
        async with writer(database_url) as write:
            execution = await write.open()
            await write.status(execution, "DECLINED")
            await followed(database_url, execution, seen)

    run(story())

    assert statuses(seen, None) == ["DECLINED"]


def test_watchers_that_join_at_any_moment_see_each_change_once_and_in_order(database_url):
    """Under load: 12 connections change 300 steps while 10 people begin to watch, one after the other."""
    watched: list[list[StatusChange]] = [[] for _ in range(10)]

    async def steps(execution: str, number: int) -> None:
        async with writer(database_url) as write:
            for step in range(STEPS):
                await write.start(execution, f"s{number}-{step}")
                await write.finish(execution, f"s{number}-{step}")

    async def story() -> None:
        async with writer(database_url) as write, EventBus(database_url) as bus:
            execution = await write.open()
            database = Database(database_url)

            async def follow(into: list[StatusChange]) -> None:
                async for change in watch(bus, database, execution):
                    into.append(change)

            working = asyncio.gather(*(steps(execution, n) for n in range(WORKERS)))
            watching = []
            for into in watched:
                watching.append(asyncio.create_task(follow(into)))
                await asyncio.sleep(0.02)
            await working
            await write.status(execution, "COMPLETED")
            await asyncio.wait_for(asyncio.gather(*watching), 30)
            await database.close()

    run(story())

    for seen in watched:
        by_step = {c.step_id: statuses(seen, c.step_id) for c in seen if c.step_id}
        assert len(by_step) == WORKERS * STEPS
        assert {tuple(s) for s in by_step.values()} <= {("RUNNING", "COMPLETED"), ("COMPLETED",)}
        assert statuses(seen, None) == ["PENDING", "COMPLETED"]


def test_watch_survives_a_lost_connection_by_reading_the_state_again(database_url):
    """What happened while nobody could be told is told afterwards, once."""
    seen: list[StatusChange] = []

    async def story() -> None:
        async with writer(database_url) as write:
            execution = await write.open()
            await write.start(execution, "a01")
            watching = asyncio.create_task(followed(database_url, execution, seen))
            await until(lambda: len(seen) == 2)
            await drop_listeners(write)
            await write.finish(execution, "a01")
            await write.start(execution, "a02")
            await until(lambda: len(seen) == 4)
            await write.finish(execution, "a02")
            await write.status(execution, "COMPLETED")
            await asyncio.wait_for(watching, 20)

    run(story())

    assert statuses(seen, "a01") == ["RUNNING", "COMPLETED"]
    assert statuses(seen, "a02") == ["RUNNING", "COMPLETED"]
    assert statuses(seen, None) == ["PENDING", "COMPLETED"]


def test_a_slow_subscriber_is_told_that_it_lost_events_and_holds_up_nobody(database_url):
    async def story() -> None:
        async with writer(database_url) as write, EventBus(database_url) as bus:
            execution = await write.open()
            async with bus.subscribe(execution, size=3) as slow, bus.subscribe(execution) as quick:
                for number in range(5):
                    await write.start(execution, f"s{number}")
                heard = [await anext(quick) for _ in range(5)]
                lost = await anext(slow)
                await write.finish(execution, "s0")
                afterwards = await anext(slow)

        assert [t.change.step_id for t in heard if isinstance(t, ToldChange)] == [
            f"s{n}" for n in range(5)
        ]
        assert isinstance(lost, EventsLost)
        assert isinstance(afterwards, ToldChange)

    run(story())


def test_what_is_no_event_of_the_product_ends_nothing(database_url):
    """Whoever may connect may notify on the channel."""

    async def story() -> None:
        async with (
            writer(database_url) as write,
            EventBus(database_url) as bus,
            bus.subscribe() as events,
        ):
            await write.connection.execute("notify prisma_events, 'nonsense'")
            await write.connection.execute("notify prisma_events, '{}'")
            execution = await write.open()
            told = await asyncio.wait_for(anext(events), 20)

        assert isinstance(told, ToldChange)
        assert told.change.execution_id == execution

    run(story())


def test_a_branch_with_a_long_name_is_told(database_url):
    """Names come from the client's data; a notification that does not fit would undo the step."""
    name = "\x01" * 1500  # six bytes each in JSON

    async def story() -> None:
        async with writer(database_url) as write, EventBus(database_url) as bus:
            execution = await write.open()
            async with bus.subscribe(execution) as events:
                await write.start(execution, "a01", map_key=name)
                told = await asyncio.wait_for(anext(events), 20)

        assert isinstance(told, ToldChange)
        assert told.change.map_key == name[:1000]

    run(story())


def test_a_bus_without_a_database_says_so():
    async def story() -> None:
        async with EventBus() as bus, bus.subscribe():
            pass

    with pytest.raises(DatabaseUnavailableError, match="no database yet"):
        run(story())


@given(
    oldest=st.integers(1, 50),
    following=st.integers(0, 50),
    running=st.sets(st.integers(1, 100)),
    transaction=st.integers(1, 120),
)
def test_a_snapshot_includes_what_had_ended_when_it_was_taken(
    oldest: int, following: int, running: set[int], transaction: int
):
    """PostgreSQL manual, pg_snapshot: xmin <= running < xmax; all below xmin have ended, none from xmax on has begun."""
    next_new = oldest + following
    still_open = sorted(x for x in running if oldest <= x < next_new)
    text = f"{oldest}:{next_new}:{','.join(map(str, still_open))}"

    included = Snapshot.read(text).includes(transaction)

    assert included == (transaction < next_new and transaction not in still_open)


def test_a_subscription_keeps_nothing_between_a_loss_and_the_reading_after_it():
    """The state is read again once the loss is known, and holds what was stored before."""

    async def story() -> list[object]:
        subscription = Subscription(None, size=10)
        subscription.lose()
        subscription.offer(told_change("s1"))
        lost = await anext(subscription)
        subscription.offer(told_change("s2"))
        return [lost, await anext(subscription)]

    lost, told = asyncio.run(story())

    assert isinstance(lost, EventsLost)
    assert isinstance(told, ToldChange)
    assert told.change.step_id == "s2"


def told_change(step: str) -> ToldChange:
    return ToldChange.read(
        '{"execution": "e", "status": "RUNNING", "at": "2026-03-01T10:00:00+00:00", "transaction": "7",'
        f' "step": "{step}"}}'
    )
