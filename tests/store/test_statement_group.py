"""Statements committed in groups: one commit for all that wait, and each caller meets its own error only."""

import asyncio

import psycopg
import pytest

from prisma_assets.store import connections
from prisma_assets.store.database import Database, DatabaseUnavailableError

MANY = 500
CUT = (
    "select pg_terminate_backend(pid, 5000) from pg_stat_activity "
    "where datname = current_database() and pid <> pg_backend_pid()"
)
"""What a restart of the server does to those who are connected."""


def call(name: object) -> dict[str, object]:
    return {"name": name, "sha256": "x"}


def names(url: str) -> list[str]:
    with psycopg.connect(url) as connection:
        rows = connection.execute(
            "select name from schema_migrations where sha256 = 'x' order by name"
        ).fetchall()
    return [row[0] for row in rows]


def transactions(url: str) -> int:
    """How many transactions wrote the rows."""
    with psycopg.connect(url) as connection:
        row = connection.execute(
            "select count(distinct xmin::text) from schema_migrations where sha256 = 'x'"
        ).fetchone()
    return row[0]


def ask_all(url: str, *calls: dict[str, object]) -> list[object]:
    async def scenario():
        async with Database(url, max_size=2) as database:
            asked = (database.grouped("insert_schema_migration", c) for c in calls)
            return await asyncio.gather(*asked, return_exceptions=True)

    return asyncio.run(scenario())


def test_a_lone_statement_is_committed_when_it_is_answered(database_url):
    (answer,) = ask_all(database_url, call("one"))

    assert (answer.rows, answer.count) == ([], 1)
    assert names(database_url) == ["one"]


def test_many_statements_share_a_few_transactions(database_url):
    answers = ask_all(database_url, *(call(f"n{i:03}") for i in range(MANY)))

    assert [a.count for a in answers] == [1] * MANY
    assert len(names(database_url)) == MANY
    assert transactions(database_url) == 3  # 200, 200 and 100


def test_rows_come_back_to_whoever_asked(database_url):
    async def scenario():
        async with Database(database_url) as database:
            await asyncio.gather(*(database.grouped("insert_schema_migration", call(f"n{i}")) for i in range(3)))  # fmt: skip
            one, key, other = await asyncio.gather(
                database.grouped("applied_migrations"),
                database.grouped("try_run_lock", {"key": 7}),
                database.grouped("applied_migrations"),
            )
            return one, key, other

    one, key, other = asyncio.run(scenario())
    assert one == other
    assert {"name": "n2", "sha256": "x"} in one.rows
    assert key.rows == [{"pg_try_advisory_lock": True}]


@pytest.mark.parametrize(
    ("wrong", "error"),
    [
        (call("n1"), psycopg.errors.UniqueViolation),
        ({"name": None, "sha256": "x"}, psycopg.errors.NotNullViolation),
        (call(object()), psycopg.ProgrammingError),  # cannot even be sent
        ({"name": "n"}, psycopg.ProgrammingError),  # a parameter is missing
    ],
    ids=["duplicate", "null", "unsendable", "incomplete"],
)
def test_a_wrong_statement_fails_alone(database_url, wrong, error):
    """Its neighbours' work is undone with it and done again, once each."""
    calls = [call(f"n{i}") for i in range(6)]

    answers = ask_all(database_url, *calls[:4], wrong, *calls[4:])

    assert isinstance(answers.pop(4), error)
    assert [a.count for a in answers] == [1] * 6
    assert names(database_url) == [f"n{i}" for i in range(6)]


def test_what_goes_along_is_committed_with_it(database_url):
    async def scenario():
        async with Database(database_url, max_size=2) as database:
            along = ("insert_schema_migration", call("second"))
            return await database.grouped("applied_migrations", along=along)

    before = asyncio.run(scenario())

    assert before.count == len(before.rows)  # the first one's answer
    assert names(database_url) == ["second"]


@pytest.mark.parametrize("neighbours", [0, 4])
@pytest.mark.parametrize(
    ("wrong", "error"),
    [
        (call(None), psycopg.errors.NotNullViolation),
        (call(object()), psycopg.ProgrammingError),  # cannot even be sent
    ],
    ids=["refused", "unsendable"],
)
def test_what_goes_along_and_is_refused_leaves_nothing(database_url, wrong, error, neighbours):
    """Both are undone, and the next ones on the same connection know nothing of it."""

    async def scenario():
        async with Database(database_url, max_size=2) as database:
            both = database.grouped(
                "insert_schema_migration", call("first"), along=("insert_schema_migration", wrong)
            )
            others = [
                database.grouped("insert_schema_migration", call(f"n{i}"))
                for i in range(neighbours)
            ]
            answers = await asyncio.gather(both, *others, return_exceptions=True)
            await database.grouped("insert_schema_migration", call("next"))
            return answers

    answer, *others = asyncio.run(scenario())

    assert isinstance(answer, error)
    assert [o.count for o in others] == [1] * neighbours
    assert names(database_url) == [*(f"n{i}" for i in range(neighbours)), "next"]


def test_what_is_cancelled_before_it_is_sent_is_not_sent(database_url):
    async def scenario():
        async with Database(database_url) as database:
            tasks = [
                asyncio.create_task(database.grouped("insert_schema_migration", call(f"n{i}")))
                for i in range(4)
            ]
            await asyncio.sleep(0)  # all have asked, none is sent
            tasks[2].cancel()
            return await asyncio.gather(*tasks, return_exceptions=True)

    answers = asyncio.run(scenario())

    assert isinstance(answers[2], asyncio.CancelledError)
    assert names(database_url) == ["n0", "n1", "n3"]


def test_a_cancelled_caller_leaves_what_was_sent_and_its_neighbours(database_url):
    async def scenario():
        async with Database(database_url) as database:
            with psycopg.connect(database_url) as other:
                other.execute("lock table schema_migrations in exclusive mode")
                tasks = [
                    asyncio.create_task(database.grouped("insert_schema_migration", call(f"n{i}")))
                    for i in range(4)
                ]
                await asyncio.sleep(0.3)  # the group is on its way and waits for the table
                tasks[2].cancel()
                await asyncio.sleep(0)
                other.rollback()
            return await asyncio.gather(*tasks, return_exceptions=True)

    answers = asyncio.run(scenario())

    assert isinstance(answers[2], asyncio.CancelledError)
    assert names(database_url) == ["n0", "n1", "n2", "n3"]


def test_closing_waits_for_what_is_on_its_way(database_url):
    async def scenario():
        database = Database(database_url)
        task = asyncio.create_task(database.grouped("insert_schema_migration", call("last")))
        await asyncio.sleep(0)
        await database.close()
        return task.done()

    assert asyncio.run(scenario())
    assert names(database_url) == ["last"]


def test_whoever_waits_is_told_that_the_server_is_away():
    answers = ask_all("postgresql://me:secret@127.0.0.1:1/books", call("a"), call("b"))

    assert [type(a) for a in answers] == [DatabaseUnavailableError] * 2
    assert "secret" not in str(answers)


def test_a_connection_that_dies_takes_its_group_only(database_url, monkeypatch):
    """Whether the group was committed is not known, so its callers are told; the next ones have another connection."""
    monkeypatch.setattr("prisma_assets.store.statement_group._MAX_GROUP", 2)

    async def scenario():
        async with Database(database_url, max_size=2) as database:
            await database.fetch("applied_migrations")
            with psycopg.connect(database_url) as other:
                other.execute("lock table schema_migrations in exclusive mode")
                tasks = [
                    asyncio.create_task(database.grouped("insert_schema_migration", call(f"n{i}")))
                    for i in range(5)
                ]
                await asyncio.sleep(0.3)
                other.execute(CUT)
            return await asyncio.gather(*tasks, return_exceptions=True)

    answers = asyncio.run(scenario())

    assert [type(a) for a in answers[:2]] == [DatabaseUnavailableError] * 2
    assert [a.count for a in answers[2:]] == [1] * 3
    assert names(database_url) == ["n2", "n3", "n4"]


def test_a_server_that_restarts_is_waited_for(database_url, monkeypatch):
    """The embedded server is back within a second after a crash; the run goes on."""
    attempts = []
    connect = psycopg.AsyncConnection.connect

    async def refuse_twice(*args, **kwargs):
        attempts.append(1)
        if len(attempts) in (2, 3):
            raise psycopg.OperationalError("the database system is starting up")
        return await connect(*args, **kwargs)

    monkeypatch.setattr(connections.psycopg.AsyncConnection, "connect", refuse_twice)

    async def scenario():
        async with Database(database_url, max_size=1) as database:
            await database.fetch("applied_migrations")
            with psycopg.connect(database_url, autocommit=True) as other:
                other.execute(CUT)
            return await database.grouped("insert_schema_migration", call("later"))

    assert asyncio.run(scenario()).count == 1
    assert len(attempts) == 4
