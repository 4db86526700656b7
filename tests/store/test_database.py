"""The asynchronous database: transactions, named queries, and plain words when the server is away."""

import asyncio
import json

import psycopg
import pytest

from prisma_assets.store import connections
from prisma_assets.store.database import (
    Database,
    DatabaseUnavailableError,
    NotMigratedError,
    address,
)

CALL = {"name": "0000_some_file", "sha256": "x"}


def count(url: str) -> int:
    with psycopg.connect(url) as connection:
        return connection.execute(
            "select count(*) from schema_migrations where name = '0000_some_file'"
        ).fetchone()[0]


def test_transaction_commits_at_its_end(database_url):
    async def scenario():
        async with Database(database_url) as database, database.transaction() as transaction:
            touched = await transaction.execute("insert_schema_migration", CALL)
            return touched, await asyncio.to_thread(count, database_url)

    assert asyncio.run(scenario()) == (1, 0)
    assert count(database_url) == 1


def test_transaction_that_raises_leaves_nothing(database_url):
    async def scenario():
        async with Database(database_url) as database, database.transaction() as transaction:
            await transaction.execute("insert_schema_migration", CALL)
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        asyncio.run(scenario())

    assert count(database_url) == 0


def test_single_query_commits_by_itself_and_rows_are_dicts(database_url):
    async def scenario():
        async with Database(database_url) as database:
            await database.execute("insert_schema_migration", CALL)
            return await database.fetch("applied_migrations")

    assert {"name": "0000_some_file", "sha256": "x"} in asyncio.run(scenario())


def test_broken_rule_is_left_to_the_caller(database_url):
    async def scenario():
        async with Database(database_url) as database:
            await database.execute("insert_schema_migration", CALL)
            with pytest.raises(psycopg.errors.UniqueViolation):
                await database.execute("insert_schema_migration", CALL)

    asyncio.run(scenario())


def test_dict_is_sent_as_jsonb(database_url):
    async def scenario():
        async with Database(database_url) as database:
            execution = {
                **dict.fromkeys(("client_id", "engagement_id", "period", "idempotency_key"), None),
                "workflow_execution_id": "00000000-0000-0000-0000-000000000001",
                "template_name": "t",
                "template_version": "1",
                "template_sha256": "0" * 64,
                "dagster_job": "t_job",
                "context": {"inputs": {"é": [1, None]}},
                "created_by": "anna",
                "is_asked_for": False,
            }
            await database.execute("insert_execution", execution)
            return await database.fetch("recent_executions", {"limit": 1})

    (row,) = asyncio.run(scenario())
    assert json.dumps(row["context"]) == json.dumps({"inputs": {"é": [1, None]}})


def test_database_serves_one_event_loop_after_another(database_url):
    """The command line runs several loops one after another in one process."""
    database = Database(database_url)

    async def scenario():
        rows = await database.fetch("applied_migrations")
        await database.close()
        return len(rows)

    assert asyncio.run(scenario()) == asyncio.run(scenario()) > 0


def test_pool_lets_more_work_wait_than_it_has_connections(database_url):
    async def scenario():
        async with Database(database_url, max_size=2) as database:
            return await asyncio.gather(*(database.fetch("applied_migrations") for _ in range(20)))

    assert len(asyncio.run(scenario())) == 20


def test_idle_connection_that_died_is_replaced(database_url, monkeypatch):
    """After a restart of the server every pooled connection is dead; the next user must not be the one who finds out."""
    monkeypatch.setattr(connections, "CHECK_AFTER_SECONDS", 0)

    async def scenario():
        async with Database(database_url, max_size=1) as database:
            await database.fetch("applied_migrations")
            with psycopg.connect(database_url, autocommit=True) as other:
                other.execute(
                    "select pg_terminate_backend(pid, 5000) from pg_stat_activity "
                    "where datname = current_database() and pid <> pg_backend_pid()"
                )
            return await database.fetch("applied_migrations")

    assert asyncio.run(scenario())


def test_database_that_is_down_is_named_at_once_without_its_password():
    async def scenario():
        async with Database("postgresql://me:secret@127.0.0.1:1/books") as database:
            await database.fetch("applied_migrations")

    with pytest.raises(
        DatabaseUnavailableError,
        match=r"127\.0\.0\.1:1/books cannot be used now \(Connection refused\)",
    ) as down:
        asyncio.run(scenario())

    assert "secret" not in str(down.value)


def test_database_without_tables_says_to_migrate(empty_database_url):
    async def scenario():
        async with Database(empty_database_url) as database:
            await database.fetch("applied_migrations")

    with pytest.raises(NotMigratedError, match="run `prisma-assets migrate`"):
        asyncio.run(scenario())


@pytest.mark.parametrize(
    ("url", "name"),
    [
        ("postgresql://me:secret@db.example:6543/books?sslmode=require", "db.example:6543/books"),
        ("postgres://me@/books?host=/run/pg", "/run/pg:5432/books"),
        ("host=db user=me password=secret", "db:5432/me"),
        ("postgresql:///", "localhost:5432/"),
    ],
)
def test_address_names_a_database_without_its_secrets(url, name):
    assert address(url) == name
