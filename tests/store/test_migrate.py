"""Bringing a database to this version: each file once and whole, from one process or many, by us or by psql."""

import re
import shutil
import subprocess
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import psycopg
import pytest

from prisma_assets.store.catalog import expected_catalog, read_catalog
from prisma_assets.store.database import DatabaseUnavailableError
from prisma_assets.store.embedded_account import programs
from prisma_assets.store.migrate import MIGRATIONS, MigrationError, migrate, migrations
from prisma_assets.store.verify import verify

FIRST = MIGRATIONS / "sql" / "phase5_optimization.sql"
TEN_TABLES = {
    "agent_feedback",
    "agent_performance_metrics",
    "improvement_opportunities",
    "ab_tests",
    "ab_test_metrics",
    "improvement_deployments",
    "workflow_executions",
    "workflow_step_executions",
    "agent_monitoring_alerts",
    "agent_cost_tracking",
}


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A copy of the migrations that a test may change."""
    return Path(shutil.copytree(MIGRATIONS / "sql", tmp_path / "sql"))


def psql(url: str, file: Path) -> subprocess.CompletedProcess[str]:
    command = [programs() / "psql", "-X", "-q", "-v", "ON_ERROR_STOP=1", url, "-f", file]
    return subprocess.run(command, check=False, capture_output=True, text=True)


def tables(url: str) -> set[str]:
    with psycopg.connect(url) as connection:
        return {entry.table for entry in read_catalog(connection)}


def test_migrate_applies_every_file_in_order_and_then_nothing(empty_database_url):
    first, again = migrate(empty_database_url), migrate(empty_database_url)

    names = [applied.name for applied in first]
    assert names == ["phase5_optimization", *sorted(names[1:])]
    assert not any(applied.adopted for applied in first)
    assert again == []


def test_schema_file_is_what_the_migrations_build(database_url):
    """schema.sql is read as the truth about the tables, so it must be it."""
    schema = (MIGRATIONS / "schema.sql").read_text(encoding="utf-8")

    with psycopg.connect(database_url, autocommit=True) as connection:
        expected, actual = expected_catalog(connection, [schema]), read_catalog(connection)

    assert actual == expected


def test_plain_psql_applies_the_specified_file_to_an_empty_database(empty_database_url):
    done = psql(empty_database_url, FIRST)

    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
    assert tables(empty_database_url) == TEN_TABLES


def test_specified_file_leaves_nothing_when_it_fails(empty_database_url):
    """Without its transaction, a second try would find half the tables and fail for ever."""
    with psycopg.connect(empty_database_url) as connection:
        connection.execute("create table agent_feedback ()")

    assert psql(empty_database_url, FIRST).returncode != 0
    assert tables(empty_database_url) == {"agent_feedback"}


def test_migrate_adopts_what_psql_applied(empty_database_url):
    psql(empty_database_url, FIRST)

    applied = migrate(empty_database_url)

    assert [each.name for each in applied if each.adopted] == ["phase5_optimization"]
    assert verify(empty_database_url) == []


def test_migrate_adopts_a_database_made_from_the_schema_file(empty_database_url):
    psql(empty_database_url, MIGRATIONS / "schema.sql")

    assert all(applied.adopted for applied in migrate(empty_database_url))
    assert verify(empty_database_url) == []


def test_migrate_refuses_tables_that_are_not_ours_and_touches_nothing(empty_database_url):
    with psycopg.connect(empty_database_url) as connection:
        connection.execute("create table ab_tests (x integer)")

    with pytest.raises(MigrationError, match=r"differs from the file \(column .* of ab_tests\)"):
        migrate(empty_database_url)

    assert tables(empty_database_url) == {"ab_tests"}


def test_migrate_refuses_a_changed_file(database_url, folder):
    file = folder / FIRST.name
    file.write_text(file.read_text().replace("BEGIN;", "BEGIN;\nSELECT 1;"))

    with pytest.raises(
        MigrationError, match=r"phase5_optimization\.sql has changed since"
    ) as refused:
        migrate(database_url, folder=folder)

    assert "restore the file" in str(refused.value)


def test_migrate_takes_a_checkout_with_windows_line_ends_for_the_same(database_url, folder):
    for file in folder.glob("*.sql"):
        file.write_bytes(file.read_bytes().replace(b"\n", b"\r\n"))

    assert migrate(database_url, folder=folder) == []


def test_migrate_refuses_a_database_that_is_newer(database_url, folder):
    with psycopg.connect(database_url) as connection:
        connection.execute("insert into schema_migrations values ('9999_add_future', 'x')")

    with pytest.raises(
        MigrationError, match="has 9999_add_future, which this version does not know"
    ):
        migrate(database_url)


def test_migrate_leaves_nothing_of_a_file_that_fails(database_url, folder):
    broken = folder / "9998_add_broken.sql"
    broken.write_text("BEGIN;\nCREATE TABLE half (x integer);\nSELECT 1 / 0;\nCOMMIT;\n")

    with pytest.raises(MigrationError, match=r"9998_add_broken\.sql could not .*division by zero"):
        migrate(database_url, folder=folder)

    assert "half" not in tables(database_url)
    broken.write_text("BEGIN;\nCREATE TABLE half (x integer);\nCOMMIT;\n")
    assert [applied.name for applied in migrate(database_url, folder=folder)] == ["9998_add_broken"]


def test_migrate_from_many_processes_applies_each_file_once(empty_database_url):
    with ThreadPoolExecutor(4) as pool:
        results = list(pool.map(migrate, [empty_database_url] * 4))

    names = [applied.name for result in results for applied in result]
    assert sorted(names) == sorted(each.name for each in migrations())


@pytest.mark.parametrize(
    ("name", "text", "message"),
    [
        pytest.param("add_thing.sql", "BEGIN;\nCOMMIT;\n", "is not called NNNN", id="no number"),
        pytest.param(
            "0001_other.sql", "BEGIN;\nCOMMIT;\n", "have the same number", id="number twice"
        ),
        pytest.param(
            "9000_add_bare.sql", "SELECT 1;\n", "must hold its statements", id="no transaction"
        ),
    ],
)
def test_migrations_refuse_a_file_out_of_form(folder, name, text, message):
    (folder / name).write_text(text)

    with pytest.raises(MigrationError, match=message):
        migrations(folder)


def test_every_migration_says_why_what_it_locks_and_how_to_undo_it():
    for file in (MIGRATIONS / "sql").glob("*.sql"):
        header = file.read_text().split("BEGIN;")[0]

        assert all(
            re.search(rf"^-- {word}: ", header, re.MULTILINE) for word in ("Why", "Locks", "Undo")
        ), file


def test_migrate_says_in_one_sentence_that_the_database_is_down():
    url = "postgresql://me:secret@127.0.0.1:1/books"

    with pytest.raises(
        DatabaseUnavailableError, match=r"127\.0\.0\.1:1/books .*Connection refused"
    ) as refused:
        migrate(url)

    assert "secret" not in str(refused.value)
