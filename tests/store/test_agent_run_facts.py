"""All runs of agents from one view: reported from outside, or made by the gateway. A range reads no more than its rows."""

from datetime import UTC, datetime
from typing import Any

import psycopg
import pytest
from psycopg.rows import dict_row

NOON = datetime(2026, 3, 2, 12, tzinfo=UTC)

REPORTED = """
insert into agent_runs (run_key, source, agent_id, started_at, outcome, recorded_at)
values ('k1', 'otlp', 'tax-provision-031', '2026-03-02 12:00Z', 'ok', '2026-03-02 12:01Z')
"""
ATTEMPT = """
insert into agent_cost_tracking (
    call_id, attempt, outcome, error, task, step_id, agent_id, agent_version, call_type, provider, duration_ms, incurred_at)
values ('c1', 1, 'timeout', 'ReadTimeout: no answer', 'provision', 't05', 'tax-provision-031', '1.0.0', 'llm', 'other',
    90000, '2026-03-03 00:00:30Z')
"""
MANY = """
insert into agent_runs (run_key, source, agent_id, started_at, outcome, recorded_at)
select n::text, 'file', 'tax-provision-031', at, 'ok', at from (
    select n, timestamptz '2026-01-01Z' + n * interval '1 minute' as at from generate_series(1, 50000) n) as given;
insert into agent_cost_tracking (
    call_id, attempt, outcome, task, step_id, agent_id, agent_version, call_type, provider, duration_ms, incurred_at)
select n::text, 1, 'ok', 't', 's', 'tax-provision-031', '1.0.0', 'procedure', 'embedded', 5,
    timestamptz '2026-01-01Z' + n * interval '1 minute'
from generate_series(1, 50000) n;
analyze agent_runs, agent_cost_tracking;
"""


def facts(url: str) -> list[dict[str, Any]]:
    with psycopg.connect(url, row_factory=dict_row) as connection:
        return connection.execute("select * from agent_run_facts order by started_at").fetchall()


def test_facts_hold_reported_runs_and_every_attempt_of_the_gateway(database_url):
    with psycopg.connect(database_url) as connection:
        connection.execute(REPORTED)
        connection.execute(ATTEMPT)

    reported, attempt = facts(database_url)

    assert (reported["source"], reported["started_at"], reported["cost_usd"]) == (
        "otlp",
        NOON,
        None,
    )
    assert (attempt["source"], attempt["outcome"]) == ("gateway", "timeout")
    assert (attempt["error_type"], attempt["duration_ms"]) == ("ReadTimeout", 90_000)


def test_attempt_of_the_gateway_belongs_to_the_day_it_began(database_url):
    """The ledger stamps the end; an attempt over midnight would count twice or never."""
    with psycopg.connect(database_url) as connection:
        connection.execute(ATTEMPT)

    (attempt,) = facts(database_url)

    assert attempt["started_at"] == datetime(2026, 3, 2, 23, 59, tzinfo=UTC)
    assert attempt["recorded_at"] == datetime(2026, 3, 3, 0, 0, 30, tzinfo=UTC)


@pytest.mark.parametrize("column", ["started_at", "recorded_at"])
def test_range_of_the_facts_is_read_from_indexes_on_both_sides(database_url, column):
    with psycopg.connect(database_url, autocommit=True) as connection:
        connection.execute(MANY)
        plan = connection.execute(
            "explain select agent_id, count(*), sum(cost_usd) from agent_run_facts "
            f"where {column} >= '2026-01-20Z' and {column} < '2026-01-21Z' group by 1".encode()
        ).fetchall()
    text = "\n".join(line for (line,) in plan)

    assert "Seq Scan" not in text, text
    end = "start" if column == "started_at" else "record"
    assert f"agent_runs_by_{end}" in text
    assert f"agent_cost_tracking_by_{end}" in text
