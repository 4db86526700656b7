"""Trends, change points and forecasts as assets: from counted days on a real database to rows and what the UI shows."""

from datetime import UTC, date, datetime, timedelta

import dagster as dg
import psycopg
import pytest

from prisma_assets.agents.cards import firm_cards
from prisma_assets.assets.trend import trend_assets
from resources.learning import LEARNING_DATABASE, LearningDatabase
from tests.orchestration.counted_days import counted, write_days, write_drifting_firm

AGENTS = [card.id for card in firm_cards()][:6]
DAYS = 84
AS_OF = date(2026, 6, 28)


@pytest.fixture(scope="module")
def firm(firm_url):
    """Six agents with twelve weeks behind them, one slower by the day, one less accurate for six weeks."""
    write_drifting_firm(firm_url, AGENTS, days=DAYS, until=AS_OF)
    return firm_url


def materialised(instance, url, name, day=AS_OF):
    asset = next(one for one in trend_assets() if one.key.to_user_string() == name)
    return dg.materialize(
        [asset],
        instance=instance,
        partition_key=day.isoformat(),
        resources={LEARNING_DATABASE: LearningDatabase(url=url)},
    )


def rows(url, query, *params):
    with psycopg.connect(url) as connection:
        return connection.execute(query, params).fetchall()


def test_trends_are_kept_and_shown(instance, firm):
    done = materialised(instance, firm, "performance_trends")

    assert done.success
    assert all(check.passed for check in done.get_asset_check_evaluations())
    told = rows(
        firm,
        "select agent_id, metric, direction, is_significant from performance_trends where as_of = %s and is_significant",
        AS_OF,
    )
    assert (AGENTS[0], "p95_ms", "worse", True) in told
    # One in ten of those told may be chance: of three, one.
    assert len({agent for agent, *_ in told} - set(AGENTS[:2])) <= 1
    (shown,) = done.asset_materializations_for_node("performance_trends")
    # Latency, errors, cost, tokens and accuracy of six agents; nobody rated them.
    assert shown.metadata["dagster/row_count"].value == 30
    assert shown.metadata["coverage"].value == "30 of 30 figures have 28 days of data"
    assert shown.metadata["worse"].value == len(told)
    assert f"{AGENTS[0]}, p95_ms: `" in shown.metadata["plot"].value
    assert "P95 of the time per run rose by" in shown.metadata["overview"].value


def test_a_change_of_level_is_dated(instance, firm):
    materialised(instance, firm, "performance_trends")

    (found,) = rows(
        firm,
        "select at, before, after, direction from change_points where agent_id = %s and metric = 'accuracy'",
        AGENTS[1],
    )
    changed = AS_OF - timedelta(days=DAYS - 1 - DAYS // 2)
    assert abs((found[0] - changed).days) <= 1
    assert found[1] == pytest.approx(0.93, abs=0.01)
    assert found[2] == pytest.approx(0.85, abs=0.01)
    assert found[3] == "worse"


@pytest.mark.parametrize(
    ("asset", "table", "day"),
    [
        ("performance_trends", "performance_trends", "as_of"),
        ("performance_trends", "change_points", "found_as_of"),
        ("agent_forecasts", "agent_forecasts", "as_of"),
    ],
)
def test_a_second_time_gives_the_same_rows(instance, firm, asset, table, day):
    kept = "to_jsonb(t) - 'computed_at'"
    query = f"select {kept} from {table} t where {day} = %s order by ({kept})::text"
    materialised(instance, firm, asset)
    first = rows(firm, query, AS_OF)
    materialised(instance, firm, asset)

    assert rows(firm, query, AS_OF) == first != []


def test_forecasts_are_kept_and_shown(instance, firm):
    done = materialised(instance, firm, "agent_forecasts")

    assert done.success
    assert all(check.passed for check in done.get_asset_check_evaluations())
    kept = rows(
        firm,
        "select metric, count(*), min(day), max(day), bool_and(low <= value and value <= high)"
        " from agent_forecasts where as_of = %s group by metric order by metric",
        AS_OF,
    )
    ahead = (AS_OF + timedelta(days=1), AS_OF + timedelta(days=28))
    assert kept == [(m, 6 * 28, *ahead, True) for m in ("cost", "load", "quality")]
    (shown,) = done.asset_materializations_for_node("agent_forecasts")
    assert shown.metadata["dagster/row_count"].value == 3 * 6 * 28
    assert shown.metadata["coverage"].value == "6 of 6 agents have 56 days of data"
    assert "Runs of all agents in the next four weeks" in shown.metadata["plot"].value


def test_the_week_is_forecast(instance, firm):
    materialised(instance, firm, "agent_forecasts")

    loads = rows(
        firm,
        "select extract(isodow from day), value from agent_forecasts where as_of = %s and metric = 'load' and agent_id = %s",
        AS_OF,
        AGENTS[2],
    )
    assert [v for d, v in loads if d < 6] == pytest.approx([60] * 20, abs=6)
    assert [v for d, v in loads if d >= 6] == pytest.approx([20] * 8, abs=5)


def test_many_days_are_one_run_that_forecasts_from_its_last(instance, firm):
    days = [AS_OF - timedelta(days=ago) for ago in (16, 15, 14)]
    done = dg.materialize(
        trend_assets(),
        instance=instance,
        resources={LEARNING_DATABASE: LearningDatabase(url=firm)},
        tags={
            "dagster/asset_partition_range_start": days[0].isoformat(),
            "dagster/asset_partition_range_end": days[-1].isoformat(),
        },
    )

    assert done.success
    judged = (
        "select distinct as_of from performance_trends where as_of between %s and %s order by 1"
    )
    assert rows(firm, judged, days[0], days[-1]) == [(day,) for day in days]
    forecast = "select distinct as_of from agent_forecasts where as_of between %s and %s"
    assert rows(firm, forecast, days[0], days[-1]) == [(days[-1],)]


def test_a_day_before_any_data_says_nothing(instance, firm):
    early = date(2025, 1, 1)
    trends = materialised(instance, firm, "performance_trends", early)
    forecasts = materialised(instance, firm, "agent_forecasts", early)

    assert trends.success
    assert forecasts.success
    (shown,) = trends.asset_materializations_for_node("performance_trends")
    assert shown.metadata["coverage"].value == "0 of 0 figures have 28 days of data"
    assert rows(firm, "select count(*) from agent_forecasts where as_of = %s", early) == [(0,)]


def test_the_day_that_is_not_over_is_left_out(instance, firm_url):
    """At noon an agent has done half its runs: that is no fall in load."""
    today = datetime.now(UTC).date()
    agent = "tax-corp-027"

    def rows_of(n, day):
        return [counted(agent, day, runs=1 if day == today else 100, p95=1000 + n % 7)]

    write_days(firm_url, rows_of, days=70, until=today)
    assert materialised(instance, firm_url, "agent_forecasts", today).success
    values = rows(
        firm_url,
        "select low, value, high from agent_forecasts where agent_id = %s and metric = 'load' order by day",
        agent,
    )
    assert len(values) == 28
    assert all(row == pytest.approx((100, 100, 100)) for row in values)
