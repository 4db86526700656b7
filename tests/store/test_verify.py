"""Verifying names whatever is missing or altered in a database, and leaves it as it was."""

import psycopg
import pytest

from prisma_assets.store.catalog import read_catalog
from prisma_assets.store.migrate import migrate
from prisma_assets.store.verify import NotAllowedError, verify


def test_verify_finds_nothing_after_migrating(database_url):
    assert verify(database_url) == []


@pytest.mark.parametrize(
    ("statement", "table", "description"),
    [
        pytest.param(
            "drop table step_result_cache",
            "step_result_cache",
            "table step_result_cache is missing",
            id="table",
        ),
        pytest.param(
            "drop view latest_step_executions",
            "latest_step_executions",
            "table latest_step_executions is missing",
            id="view",
        ),
        pytest.param(
            "alter table agent_feedback drop column comment",
            "agent_feedback",
            "column comment of agent_feedback is missing",
            id="column",
        ),
        pytest.param(
            "alter table ab_tests alter power drop not null",
            "ab_tests",
            "column power of ab_tests is altered: it is (numeric default 0.8) "
            "and should be (numeric not null default 0.8)",
            id="not null",
        ),
        pytest.param(
            "alter table ab_test_metrics alter n type bigint",
            "ab_test_metrics",
            "column n of ab_test_metrics is altered: it is (bigint not null) and should be (integer not null)",
            id="type",
        ),
        pytest.param(
            "alter table ab_tests drop constraint ab_tests_interval",
            "ab_tests",
            "constraint ab_tests_interval of ab_tests is missing",
            id="constraint",
        ),
        pytest.param(
            "drop index agent_cost_tracking_one_success",
            "agent_cost_tracking",
            "index agent_cost_tracking_one_success of agent_cost_tracking is missing",
            id="index",
        ),
        pytest.param(
            "alter table agent_calls add note text",
            "agent_calls",
            "column note of agent_calls does not belong there (text)",
            id="foreign column",
        ),
        pytest.param(
            "alter table step_result_cache set unlogged",
            "step_result_cache",
            "table step_result_cache is altered: it is (r u f) and should be (r p f)",
            id="unlogged",
        ),
        pytest.param(
            "delete from schema_migrations where name = '0001_create_step_sign_offs'",
            "schema_migrations",
            "0001_create_step_sign_offs.sql is not recorded as applied; run `prisma-assets migrate`",
            id="pending file",
        ),
        pytest.param(
            "update schema_migrations set sha256 = 'x' where name = '0001_create_step_sign_offs'",
            "schema_migrations",
            "0001_create_step_sign_offs.sql has changed since it was applied",
            id="changed file",
        ),
        pytest.param(
            "insert into schema_migrations values ('9999_add_future', 'x')",
            "schema_migrations",
            "9999_add_future was applied by a newer version",
            id="newer",
        ),
    ],
)
def test_verify_names_what_is_wrong(database_url, statement, table, description):
    with psycopg.connect(database_url) as connection:
        connection.execute(statement)

    problems = verify(database_url)

    assert [(each.table, each.description) for each in problems] == [(table, description)]


def test_verify_names_every_table_of_an_empty_database(empty_database_url):
    missing = {problem.table for problem in verify(empty_database_url)}

    assert {"agent_feedback", "workflow_executions", "schema_migrations"} <= missing


def test_verify_ignores_tables_of_others_and_leaves_no_trace(database_url):
    with psycopg.connect(database_url) as connection:
        connection.execute("create table of_somebody_else (x integer)")
        before = read_catalog(connection)

    assert verify(database_url) == []
    with psycopg.connect(database_url) as connection:
        assert read_catalog(connection) == before
        assert connection.execute("select to_regnamespace('prisma_scratch')").fetchone() == (None,)


def test_verify_works_in_a_schema_other_than_public(empty_database_url):
    """A firm that shares a database puts us in a schema by the URL's search_path."""
    with psycopg.connect(empty_database_url) as connection:
        connection.execute("create schema audit")
    url = f"{empty_database_url}?options=-csearch_path%3Daudit"
    migrate(url)

    assert verify(url) == []
    assert verify(empty_database_url) != []


def test_verify_says_which_right_is_missing(database_url):
    url = database_url.replace("//prisma:", "//reader:")
    with psycopg.connect(database_url) as connection:
        connection.execute("create role reader login")
        connection.execute(
            "select format('alter role reader password %L', rolpassword) from pg_authid"
        )
        (hashed,) = connection.execute(
            "select rolpassword from pg_authid where rolname = 'prisma'"
        ).fetchone()
        connection.execute(f"alter role reader password '{hashed}'")

    with pytest.raises(NotAllowedError, match="grant it CREATE on the database"):
        verify(url)
    with psycopg.connect(database_url) as connection:
        connection.execute("drop role reader")
