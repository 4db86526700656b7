"""The learning loop on a real instance: facts in, figures out, checks that stop what is downstream."""

from datetime import UTC, date, datetime, timedelta

import dagster as dg
import psycopg
import pytest

from prisma_assets.agents.cards import firm_cards
from prisma_assets.agents.registry import AgentRegistry
from prisma_assets.definitions import build_defs
from prisma_assets.engine.library import TemplateLibrary

AGENTS = [card.id for card in firm_cards()]
DAY = date(2026, 3, 4)


@pytest.fixture(scope="module")
def defs() -> dg.Definitions:
    return build_defs(TemplateLibrary(templates={}), AgentRegistry(firm_cards()), {})


@pytest.fixture(scope="module")
def loop(defs) -> dg.JobDefinition:
    return defs.resolve_job_def("fact_roll_up")


def run_facts(url, n, *, agent=AGENTS[0], day=DAY, **given):
    row = {"duration_ms": 100, "cost_usd": "0.01", **given}
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute(
            "insert into agent_runs (source, run_key, agent_id, started_at, outcome, duration_ms, cost_usd, recorded_at)"
            " select 'api', gen_random_uuid(), %s, %s + n * interval '1 minute', 'ok', %s, %s, now()"
            " from generate_series(1, %s) as n",
            (agent, datetime(day.year, day.month, day.day, tzinfo=UTC), row["duration_ms"], row["cost_usd"], n),
        )  # fmt: skip


def roll(instance, loop, day=DAY, until=None):
    """One run of the job for a day, or several."""
    tags = {
        "dagster/asset_partition_range_start": day.isoformat(),
        "dagster/asset_partition_range_end": (until or day).isoformat(),
    }
    return loop.execute_in_process(instance=instance, tags=tags, raise_on_error=False)


def test_a_day_is_counted_and_shown(instance, firm_url, loop):
    run_facts(firm_url, 30)
    run_facts(firm_url, 5, agent=AGENTS[1])
    done = roll(instance, loop)

    assert done.success
    checks = done.get_asset_check_evaluations()
    assert {c.check_name for c in checks if not c.passed} == set()
    (shown,) = done.asset_materializations_for_node("agent_metrics_daily")
    assert shown.metadata["dagster/row_count"].value == 2
    assert shown.metadata["runs"].value == 35
    assert shown.metadata["coverage"].value == f"2 of {len(AGENTS)} agents"
    assert AGENTS[0] in shown.metadata["overview"].value


def test_broken_facts_stop_what_is_downstream_and_are_told(instance, firm_url, loop):
    day = DAY + timedelta(days=7)
    run_facts(firm_url, 30, day=day)
    run_facts(firm_url, 3, day=day, agent="nobody-known-999")
    done = roll(instance, loop, day)

    assert not done.success
    assert [e.step_key for e in done.get_step_failure_events()] == ["agent_metrics_hourly"]
    assert done.asset_materializations_for_node("agent_metrics_daily") == []
    failed = {c.check_name: c for c in done.get_asset_check_evaluations() if not c.passed}
    assert set(failed) == {"facts_fit", "nothing_is_quarantined"}
    assert "nobody-known-999" in failed["nothing_is_quarantined"].metadata["failing rows"].value
    with psycopg.connect(firm_url) as connection:
        (alert,) = connection.execute(
            "select fingerprint, severity, actual_value from agent_monitoring_alerts where status = 'open'"
        ).fetchall()
    assert alert == ("failed_check:agent_metrics_hourly.facts_fit", "critical", 1.0)


def test_several_days_are_one_run(instance, firm_url, loop):
    first = DAY + timedelta(days=20)
    for number in range(3):
        run_facts(firm_url, 10, day=first + timedelta(days=number))
    done = roll(instance, loop, first, first + timedelta(days=2))

    assert done.success
    shown = done.asset_materializations_for_node("agent_metrics_daily")
    assert {m.partition for m in shown} == {f"2026-03-{n}" for n in (24, 25, 26)}
    assert shown[0].metadata["runs"].value == 30


def test_a_day_without_facts_is_counted_as_such(instance, loop):
    done = roll(instance, loop, date(2026, 1, 1))

    assert done.success
    (shown,) = done.asset_materializations_for_node("agent_metrics_daily")
    assert shown.metadata["dagster/row_count"].value == 0
    assert shown.metadata["overview"].value == "no data"
