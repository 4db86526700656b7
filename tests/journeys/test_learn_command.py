"""`learn`, `metrics` and `quarantine` as people use them, from facts to figures."""

from datetime import UTC, datetime, timedelta

import psycopg
import pytest

from prisma_assets.agents.cards import firm_cards

AGENT = firm_cards()[0].id
DAY = (datetime.now(UTC) - timedelta(days=400)).date()
"""Long ago: no other journey leaves facts there."""


def run(url, **given):
    row = {"agent_id": AGENT, "outcome": "ok", "error_type": None, "duration_ms": 100, **given}
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute(
            "insert into agent_runs (source, run_key, agent_id, started_at, outcome, error_type, duration_ms)"
            " values ('file', gen_random_uuid(), %(agent_id)s, %(at)s, %(outcome)s, %(error_type)s, %(duration_ms)s)",
            {**row, "at": datetime(DAY.year, DAY.month, DAY.day, 12, tzinfo=UTC)},
        )


@pytest.mark.slow
def test_facts_become_figures_and_one_set_aside_is_released(office):
    for duration in (100, 200, 300):
        run(office.database_url, duration_ms=duration)
    run(office.database_url, outcome="error", error_type="ToolError", duration_ms=90_000_000)

    learned = office.answer("learn", "--through", DAY)
    rows = {row["asset"]: row["rows"] for row in learned["assets"]}
    assert (rows["agent_metrics_hourly"], rows["agent_metrics_daily"]) == (1, 1)
    assert learned["failed_days"] == []
    warned = {c["check"]: c["failing_rows"] for c in learned["checks"] if not c["passed"]}
    assert AGENT in warned["nothing_is_quarantined"]
    figures = office.answer("metrics", AGENT, "--from", DAY, "--to", DAY)
    assert (figures["executions"], figures["errors"], figures["unpriced"]) == (3, 0, 3)
    assert figures["p50_ms"] == pytest.approx(200, rel=0.01)
    assert (figures["cost_usd"], figures["accuracy"]) == (None, None)
    sliced = office.answer("metrics", AGENT, "--by", "agent", "--from", DAY, "--to", DAY)
    assert [part["executions"] for part in sliced["parts"]] == [3]
    (domain,) = office.answer("metrics", "--by", "domain", "--from", DAY, "--to", DAY)["items"]
    assert (domain["executions"], domain["cost_usd"], domain["automation_rate"]) == (3, None, None)

    (fact,) = [f for f in office.answer("quarantine", "list")["facts"] if f["day"] == str(DAY)]
    released = ("release", fact["fact_key"], "--as", "m.ops", "--reason", "a batch over night")
    assert office.answer("quarantine", *released)["days"] == [str(DAY)]


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (("learn", "--through", "2999-01-01"), "to today, not 2999-01-01"),
        (("learn", "--through", "2022-12-31"), "from 2023-01-01"),
        (("learn", "--through", "soon"), "YYYY-MM-DD, not 'soon'"),
        (("metrics", "nobody"), "no agent has the id 'nobody'"),
        (("metrics", AGENT, "--from", "2026-02-30"), "--from is a day"),
        (("metrics", AGENT, "--from", "2026-03-02", "--to", "2026-03-01"), "lies after"),
        (("metrics", "--by", "city"), "choose one of agent, version, domain"),
        (("metrics", "--window", "2h"), "choose one of 1m, 1h, 1d"),
        (("metrics", "--window", "1h", "--to", "2026-03-01"), "not both"),
        (("quarantine", "release", "0", "--as", "m", "--reason", "r"), "`prisma-assets quarantine list`"),
        (("quarantine", "release", "0", "--as", "m", "--reason", " "), "the reason why"),
    ],
)  # fmt: skip
def test_a_mistake_is_one_sentence(mistake, arguments, sentence):
    said = mistake(*arguments)

    assert said.code == 2
    assert sentence in said.sentence
    assert said.out == ""


def test_no_facts_are_no_data(mistake):
    said = mistake("metrics", AGENT, "--to", "2024-01-31")

    assert said.code == 0
    assert "P95 of 0 timed runs" in said.out
    assert "no data" in said.out


def test_an_empty_quarantine_says_so(mistake):
    assert "no fact is set aside" in mistake("quarantine", "list").out
