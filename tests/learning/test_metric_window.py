"""Figures by every dimension, over counted days and over the last minutes."""

from datetime import UTC, date, datetime, timedelta
from decimal import Decimal

import pytest

from prisma_assets.domain.errors import InputError
from prisma_assets.learning.metric_count import METRIC_WINDOWS, missed_days, roll_up_windows
from prisma_assets.learning.metric_window import (
    KINDS,
    MetricWindows,
    days_between,
    dimension_of,
    stretch_of,
)
from prisma_assets.learning.roll_up import look_for_changes
from prisma_assets.store.metric_window import DIMENSIONS, MetricWindowStore
from tests.learning.conftest import AGENT, AGENTS, DAY, OTHER, Facts, at

NEXT = DAY + timedelta(days=1)
NOW = at(12, day=NEXT)
TEST = "11111111-1111-1111-1111-111111111111"


def count(facts: Facts, *days: date):
    return [facts.do(roll_up_windows, day, agents=AGENTS) for day in days or (DAY,)]


def by(facts: Facts, dimension: str, stretch=None, **named):
    """Slices of a dimension, by default over the two days."""

    async def read(database):
        windows = MetricWindows(database=database, agents=AGENTS)
        return await windows.by_value(
            dimension_of(dimension), stretch or days_between(DAY, NEXT), now=NOW, **named
        )

    return facts.do(read)


def parts(facts: Facts, dimension: str, value: str, stretch):
    async def read(database):
        windows = MetricWindows(database=database, agents=AGENTS)
        return await windows.by_time(dimension_of(dimension), value, stretch, now=NOW)

    return facts.do(read)


@pytest.fixture
def worked(facts) -> Facts:
    facts.run(
        agent_version="1.0.0", duration_ms=1000, cost_usd="0.50", tokens_in=100, tokens_out=10, client_id="acme",
        engagement_id="acme-25", provider="openai", model="gpt-4o", accuracy=0.9, cache_hit=True, ab_test_id=TEST, variant="A",
    )  # fmt: skip
    facts.run(
        agent_version="2.0.0", duration_ms=3000, outcome="error", error_type="ToolError", client_id="acme", provider="openai",
        model="gpt-4o", cache_hit=False, ab_test_id=TEST, variant="B", started_at=at(10),
    )  # fmt: skip
    facts.run(
        OTHER, agent_version="1.0.0", cost_usd="2", provider="anthropic", started_at=at(day=NEXT)
    )
    facts.feedback(rating=5)
    return facts


HELD = {
    "agent": {AGENT: 2, OTHER: 1},
    "version": {f"{AGENT}@1.0.0": 1, f"{AGENT}@2.0.0": 1, f"{OTHER}@1.0.0": 1},
    "domain": {"accounting": 2, "tax": 1},
    "workflow": {None: 3},
    "engagement": {"acme-25": 1, None: 2},
    "arm": {f"{TEST}/A": 1, f"{TEST}/B": 1},
    "provider": {"openai": 2, "anthropic": 1},
    "model": {"gpt-4o": 2, None: 1},
    "client": {"acme": 2, None: 1},
}


def test_every_dimension_holds_every_run_once(worked):
    """What a run does not say is a value of its own; only work of an experiment has an arm."""
    count(worked, DAY, NEXT)

    for dimension in DIMENSIONS:
        found = {s.value: s.figures.executions for s in by(worked, dimension)}
        assert found == HELD[dimension]


def test_a_slice_tells_quantiles_errors_tokens_cost_and_what_they_rest_on(worked):
    count(worked, DAY, NEXT)
    mine, other = by(worked, "agent")
    f = mine.figures

    assert (mine.value, f.executions, f.error_types, f.timed) == (AGENT, 2, {"ToolError": 1}, 2)
    assert f.p50_ms == pytest.approx(2000, rel=0.02)
    assert (f.cost_usd, f.unpriced) == (Decimal("0.50"), 1)
    assert (f.tokens_in, f.tokens_n, f.cache_hit_rate) == (100, 1, 0.5)
    assert (f.accuracy, f.accuracy_n, f.satisfaction, f.satisfaction_n) == (0.9, 1, 5, 1)
    assert (other.figures.tokens_in, other.figures.p95_ms, other.concurrency) == (None, None, None)


def test_throughput_and_concurrency_are_of_the_time_that_is_over(worked):
    """Two days up to noon of the second are 36 hours: two runs, four seconds of work."""
    count(worked, DAY, NEXT)
    mine, _ = by(worked, "agent")

    assert mine.per_hour == pytest.approx(2 / 36)
    assert mine.concurrency == pytest.approx(4 / (36 * 3600))


def test_the_last_hour_is_read_from_the_facts_and_equals_what_is_counted(worked):
    """Nothing was counted yet; the day's counting gives the same figures later."""
    stretch = stretch_of("1h", now=at(9.5, day=NEXT))
    (live,) = by(worked, "agent", stretch)
    (first,) = parts(worked, "agent", OTHER, stretch)
    count(worked, NEXT)
    (counted,) = by(worked, "agent")

    assert live.figures == counted.figures == first.figures
    assert (first.start, live.start, live.figures.executions) == (at(9, day=NEXT), None, 1)


def test_a_day_is_told_by_its_hours(facts):
    """Of real days, since hours are kept for a week only."""
    now = datetime.now(UTC)
    facts.run(started_at=now - timedelta(hours=2))
    facts.run(started_at=now - timedelta(hours=25))
    count(facts, *{(now - timedelta(hours=h)).date() for h in (2, 25)})
    (part,) = parts(facts, "agent", AGENT, stretch_of("1d", now=now))

    assert part.start == (now - timedelta(hours=2)).replace(minute=0, second=0, microsecond=0)
    assert part.figures.executions == 1


def test_a_minute_holds_what_began_in_it(facts):
    facts.run(started_at=at(9))
    facts.run(started_at=at(9) + timedelta(seconds=50))
    found = by(facts, "agent", stretch_of("1m", now=at(9) + timedelta(seconds=70)))

    assert [(s.value, s.figures.executions) for s in found] == [(AGENT, 1)]


def test_parts_of_a_stretch_add_up_to_the_whole(worked):
    count(worked, DAY, NEXT)
    days = parts(worked, "domain", "accounting", days_between(DAY, NEXT))

    assert [(s.start, s.figures.executions) for s in days] == [(at(0), 2)]


def test_counting_again_changes_nothing_and_a_late_run_rebuilds_its_day(worked):
    count(worked)
    before = by(worked, "model")
    count(worked)
    assert by(worked, "model") == before
    worked.run(model="gpt-4o", recorded_at=at(9, day=NEXT))
    count(worked)

    assert by(worked, "model")[0].figures.executions == 3


def test_leaves_out_what_cannot_be_true_and_agents_nobody_knows(facts):
    facts.run(recorded_at=at(1))
    facts.run("audit-none-099")
    count(facts)

    assert by(facts, "agent") == by(facts, "domain") == []


def test_days_that_another_run_left_are_found(worked):
    """The run of a day failed after other roll-ups had counted it: the next one counts it, too."""
    worked.do(look_for_changes)

    assert worked.do(missed_days, [NEXT], most=9) == [DAY]
    count(worked)
    assert worked.do(missed_days, [NEXT], most=9) == []
    assert worked.query("select rows > 0 from roll_ups where roll_up = %s", [METRIC_WINDOWS]) == [
        (True,)
    ]


def test_hours_older_than_a_week_are_not_kept_and_their_days_are(worked):
    count(worked)

    assert worked.query("select distinct granularity from metric_windows") == [("1d",)]


def test_every_dimension_is_compared_with_the_agents_own_roll_up(worked):
    worked.count(DAY)
    count(worked)

    rows = worked.do(lambda database: MetricWindowStore(source=database).to_check(DAY, DAY))
    assert {r["dimension"] for r in rows} == set(DIMENSIONS) - {"arm"}
    assert {r["difference"] for r in rows} == {0}


@pytest.mark.parametrize("kind", KINDS)
def test_every_window_ends_now_and_is_as_long_as_it_says(kind):
    now = datetime(2026, 3, 5, 12, 34, 56, tzinfo=UTC)
    stretch = stretch_of(kind, now=now)

    assert stretch.start < now <= stretch.end
    assert stretch.seconds(now) <= (stretch.end - stretch.start).total_seconds()
    assert (stretch.end - stretch.start) // timedelta(minutes=1) == {
        "1m": 1, "1h": 60, "1d": 1440, "7d": 10080, "30d": 43200, "90d": 129600, "1y": 525600,
    }[kind]  # fmt: skip


def test_what_is_not_kept_is_a_sentence_that_names_what_is():
    with pytest.raises(InputError, match="no window '2h'; choose one of 1m, 1h, 1d"):
        stretch_of("2h", now=NOW)
    with pytest.raises(InputError, match="not kept by 'city'; choose one of agent, version"):
        dimension_of("city")
    with pytest.raises(InputError, match="is no window"):
        days_between(NEXT, DAY)
