"""`MonitoringDashboard` as a program uses it: figures or no data, and rules that are refused with a sentence."""

import asyncio
from pathlib import Path

import psycopg
import pytest

from prisma_assets.domain.errors import InputError
from prisma_assets.platform import MonitoringDashboard
from prisma_assets.settings import Settings
from prisma_assets.store.alert_rule import AlertRuleStore

AGENT = "audit-plan-012"


@pytest.fixture
def ask(database_url, tmp_path):
    """Puts a question to a dashboard."""

    async def opened(question):
        settings = Settings(home=Path(tmp_path), database_url=database_url)
        async with MonitoringDashboard(settings=settings) as dashboard:
            return await question(dashboard)

    return lambda question: asyncio.run(opened(question))


def test_an_agent_without_facts_has_no_data_rather_than_nought(ask):
    metrics = ask(lambda d: d.get_agent_metrics(AGENT))

    figures = metrics.figures
    assert (figures.executions, figures.unpriced) == (0, 0)
    assert {figures.p50_ms, figures.p95_ms, figures.p99_ms, figures.error_rate} == {None}
    assert {figures.cost_usd, figures.accuracy, figures.satisfaction} == {None}
    assert metrics.alerts == ()


def test_metrics_are_those_counted_in_the_days_asked_for(ask, database_url):
    with psycopg.connect(database_url) as connection:
        connection.execute(
            "insert into agent_performance_metrics (agent_id, agent_version, domain, granularity, window_start, window_end,"
            " executions, successes, errors, timeouts, cost_usd, unpriced, error_types)"
            " select %s, '1.0.0', 'audit', '1d', d, d + interval '1 day', 10, 8, 2, 0, 1.5, 4, '{\"Refused\": 2}'"
            " from (select date_trunc('day', now() at time zone 'utc') at time zone 'utc' - n * interval '1 day' as d"
            " from unnest(array[0, 1, 40]) n) days",
            (AGENT,),
        )

    figures = ask(lambda d: d.get_agent_metrics(AGENT)).figures

    assert (figures.executions, figures.error_rate, figures.error_types) == (
        20,
        0.2,
        {"Refused": 4},
    )
    assert (float(figures.cost_usd), figures.unpriced) == (3.0, 8)


def test_an_alert_is_a_rule_from_then_on_and_asked_for_again_the_same(ask):
    async def twice(dashboard):
        said = {
            "agent_id": AGENT,
            "metric": "error_rate",
            "threshold": 0.05,
            "condition": "greater_than",
        }
        rules = [await dashboard.create_alert(**said) for _ in range(2)]
        return rules, await AlertRuleStore(source=await dashboard.database()).set_rules()

    rules, stored = ask(twice)

    assert rules[0].id == rules[1].id
    assert [row["rule_id"] for row in stored] == [rules[0].id]
    assert (rules[0].window_seconds, rules[0].min_n) == (3600, 20)


@pytest.mark.parametrize("condition", ["greater_than", "less_than", "pct_change", "zscore"])
def test_every_condition_of_the_specification_is_taken(ask, condition):
    rule = ask(
        lambda d: d.create_alert(
            agent_id=AGENT, metric="p95_ms", threshold=3.0, condition=condition
        )
    )

    assert rule.condition == condition


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        (
            {"metric": "response_tme"},
            "no metric of agents is called 'response_tme'; there are error_rate",
        ),
        ({"condition": "above"}, "no condition is called 'above'"),
        ({"agent_id": "audit-plan-999"}, "no agent is called 'audit-plan-999'"),
        ({"threshold": 5}, "error_rate lies between 0 and 1; the threshold 5 does not"),
        ({"threshold": float("nan")}, "give a number"),
        ({"condition": "zscore", "threshold": -1}, "above 0 for zscore"),
    ],
)
def test_what_cannot_be_is_refused_with_a_sentence(ask, change, sentence):
    said = {
        "agent_id": AGENT,
        "metric": "error_rate",
        "threshold": 0.05,
        "condition": "greater_than",
    }

    with pytest.raises(InputError, match=sentence):
        ask(lambda d: d.create_alert(**{**said, **change}))


def test_figures_are_told_by_anything_they_are_kept_by(ask, database_url):
    """The last hour is read from the runs themselves: nothing need be counted."""
    with psycopg.connect(database_url) as connection:
        connection.execute(
            "insert into agent_runs (source, run_key, agent_id, started_at, outcome, client_id)"
            " select 'api', n::text, %s, now() - interval '1 minute', 'ok', 'acme' from generate_series(1, 3) n",
            (AGENT,),
        )

    (acme,) = ask(lambda d: d.get_metrics(by="client", window="1h"))
    assert (acme.value, acme.figures.executions, acme.figures.unpriced) == ("acme", 3, 3)
    with pytest.raises(InputError, match="not kept by 'city'"):
        ask(lambda d: d.get_metrics(by="city"))
