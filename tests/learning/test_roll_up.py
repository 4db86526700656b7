"""A day is counted once, whole, and again when something about it becomes known."""

from datetime import UTC, date, datetime, timedelta
from decimal import Decimal

import psycopg
import pytest

from prisma_assets.domain.errors import InputError
from prisma_assets.learning.metrics import daily_series, hourly_series, total
from prisma_assets.learning.quarantine import release_all
from prisma_assets.learning.roll_up import days_to_count, look_for_changes
from prisma_assets.store.roll_up import QuarantineStore

DAY = date(2026, 3, 4)
AGENT, OTHER = "acc-ledger-001", "tax-vat-002"
NOBODY = "nobody-known-999"


def at(hour: float = 9) -> datetime:
    return datetime(2026, 3, 4, tzinfo=UTC) + timedelta(hours=hour)


def days(facts, *, after=timedelta(days=30)):
    """The days that are to be counted."""
    facts.do(look_for_changes)
    return facts.do(days_to_count, since=date(2026, 1, 1), through=DAY + after)


def one_day(facts, agent=AGENT):
    (figure,) = facts.do(daily_series, agent_id=agent, since=DAY, until=DAY)
    return figure


def stored(facts):
    return facts.query(
        "select agent_id, agent_version, granularity, window_start, executions, latency_sketch, cost_usd,"
        " error_types, accuracy_sum, satisfaction_sum from agent_performance_metrics order by 1, 2, 3, 4"
    )


def test_a_day_is_the_sum_of_its_runs(facts):
    facts.run(started_at=at(0), duration_ms=100, tokens_in=10, tokens_out=5, cost_usd="0.10", accuracy=0.9)  # fmt: skip
    facts.run(started_at=at(9), duration_ms=200, tokens_in=30, tokens_cached=20, accuracy=0.8)
    facts.run(started_at=at(9.5), duration_ms=300, outcome="error", error_type="RateLimit", cost_usd="0.05")  # fmt: skip
    facts.run(started_at=at(23.99), outcome="timeout")
    facts.run(started_at=at(24), duration_ms=1)
    facts.count()
    figure = one_day(facts)

    assert (figure.executions, figure.errors, figure.timeouts) == (4, 1, 1)
    assert figure.error_types == {"RateLimit": 1, "timeout": 1}
    assert figure.error_rate == 0.5
    assert figure.timed == 3
    assert figure.p50_ms == pytest.approx(200, rel=0.01)
    assert (figure.tokens_in, figure.tokens_out, figure.tokens_cached) == (40, 5, 20)
    assert figure.tokens_n == 2
    assert (figure.cost_usd, figure.unpriced) == (Decimal("0.15"), 2)
    assert (figure.accuracy, figure.accuracy_n) == (pytest.approx(0.85), 2)


def test_what_was_not_reported_is_no_data(facts):
    facts.run()
    facts.count()
    figure = one_day(facts)

    assert (figure.p50_ms, figure.tokens_in, figure.cost_usd) == (None, None, None)
    assert (figure.accuracy, figure.satisfaction, figure.cache_hit_rate) == (None, None, None)
    assert (figure.unpriced, figure.tokens_n, figure.accuracy_n) == (1, 0, 0)


def test_a_day_without_facts_has_no_entry(facts):
    facts.count()

    assert facts.do(daily_series, since=DAY, until=DAY) == []
    empty = facts.do(total, AGENT, since=DAY, until=DAY)
    assert (empty.executions, empty.error_rate, empty.p95_ms, empty.cost_usd) == (0, None, None, None)  # fmt: skip


def test_versions_are_kept_apart_and_read_together(facts):
    facts.run(agent_version="1.0.0", duration_ms=100)
    facts.run(agent_version="1.1.0", duration_ms=300)
    facts.run(duration_ms=900)
    facts.count()

    versions = facts.query(
        "select agent_version, executions from agent_performance_metrics where granularity = '1d' order by 1"
    )
    assert versions == [("1.0.0", 1), ("1.1.0", 1), ("unknown", 1)]
    assert one_day(facts).p50_ms == pytest.approx(300, rel=0.01)


def test_people_rate_an_agent_that_did_nothing_that_hour(facts):
    facts.feedback(rating=5, created_at=at(11))
    facts.feedback(rating=2, created_at=at(11.5))
    facts.feedback(feedback_type="praise", rating=None)
    facts.count()
    figure = one_day(facts)

    assert figure.executions == 0
    assert (figure.satisfaction, figure.satisfaction_n) == (3.5, 2)


def test_hours_add_up_to_their_day(facts):
    for hour in (1, 1.2, 5, 22):
        facts.run(started_at=at(hour), duration_ms=100 * hour, cost_usd="0.01")
    facts.count()
    hours = facts.do(hourly_series, agent_id=AGENT, since=DAY, until=DAY)

    assert [(h.hour, h.executions) for h in hours] == [(at(1), 2), (at(5), 1), (at(22), 1)]
    assert sum(h.cost_usd for h in hours) == one_day(facts).cost_usd
    assert one_day(facts).p50_ms == pytest.approx((120 + 500) / 2, rel=0.01)


def test_counting_again_gives_the_same_rows(facts):
    for number in range(40):
        facts.run(
            agent_id=AGENT if number % 3 else OTHER,
            started_at=at(number % 24),
            duration_ms=number * 1.7,
            accuracy=number / 41,
        )
    facts.feedback()
    facts.count()
    first = stored(facts)
    facts.count()

    assert len(first) > 24
    assert stored(facts) == first


def test_feedback_is_counted_by_type_source_and_category(facts):
    facts.feedback(rating=5, accuracy_rating=4)
    facts.feedback(rating=3, source="qa")
    facts.feedback(feedback_type="complaint", rating=None, issue_categories=["format", "unclear"])
    facts.feedback(feedback_type="complaint", rating=None, issue_categories=["format"])
    facts.feedback(OTHER)
    facts.count()
    (row, other) = facts.query(
        "select agent_id, feedback, types, sources, categories, rating_sum, rating_n, accuracy_sum, accuracy_n"
        " from feedback_daily order by 1"
    )

    assert row[:2] == (AGENT, 4)
    assert row[2:5] == (
        {"rating": 2, "complaint": 2},
        {"user": 3, "qa": 1},
        {"format": 2, "unclear": 1},
    )
    assert row[5:] == (8, 2, 4, 1)
    assert other[:2] == (OTHER, 1)


def test_a_counted_day_is_not_counted_again(facts):
    facts.run()
    facts.feedback(created_at=at(30))

    assert days(facts) == [DAY, DAY + timedelta(days=1)]
    facts.count(DAY, DAY + timedelta(days=1))
    assert days(facts) == []


def test_a_late_row_has_its_day_counted_again_and_no_other(facts):
    facts.run()
    facts.run(started_at=at(24))
    facts.count(DAY, DAY + timedelta(days=1))
    facts.run(recorded_at=datetime.now(UTC))

    assert days(facts) == [DAY]
    facts.count()
    assert one_day(facts).executions == 2
    assert days(facts) == []


def test_a_row_that_is_committed_late_is_not_missed(facts):
    """Its transaction began, and stamped it, before the last look; it was seen by nobody until after."""
    with psycopg.connect(facts.url) as slow:
        slow.execute(
            "insert into agent_runs (source, run_key, agent_id, started_at, outcome)"
            " values ('api', 'slow', %s, %s, 'ok')",
            (AGENT, at()),
        )
        facts.run(started_at=at(24))
        facts.count(DAY, DAY + timedelta(days=1))
        assert days(facts) == []

    assert days(facts) == [DAY]


def test_days_beyond_the_last_one_asked_for_wait(facts):
    facts.run(started_at=at(24))

    assert days(facts, after=timedelta(0)) == []
    assert days(facts, after=timedelta(1)) == [DAY + timedelta(days=1)]


def quarantined(facts, **options):
    return facts.do(lambda database: QuarantineStore(source=database).facts(limit=10, **options))


@pytest.mark.parametrize(
    ("doubtful", "reason"),
    [
        ({"agent_id": NOBODY}, "no such agent"),
        ({"recorded_at": at(9) - timedelta(minutes=6)}, "began after it was reported"),
        ({"duration_ms": 86_400_001}, "more than a day"),
        ({"tokens_in": 100_000_001}, "more tokens"),
        ({"tokens_in": 10, "tokens_cached": 11}, "from the cache"),
    ],
    ids=["agent", "clock", "duration", "tokens", "cached"],
)
def test_a_run_that_cannot_be_true_is_set_aside(facts, doubtful, reason):
    facts.run(duration_ms=50)
    facts.run(**doubtful)
    facts.count()
    (fact,) = quarantined(facts)

    assert reason in fact["reason"]
    assert fact["kind"] == "run"
    assert one_day(facts).executions == 1
    assert facts.do(daily_series, agent_id=NOBODY, since=DAY, until=DAY) == []


def test_feedback_about_nobody_is_set_aside(facts):
    facts.feedback()
    facts.feedback(NOBODY)
    facts.count()

    assert [f["kind"] for f in quarantined(facts)] == ["feedback"]
    assert facts.query("select agent_id from feedback_daily") == [(AGENT,)]


def test_a_fact_stays_aside_while_its_day_is_counted_again(facts):
    facts.run(duration_ms=90_000_000)
    facts.count()
    first = quarantined(facts)
    facts.count()

    assert quarantined(facts) == first


def test_a_fact_that_was_corrected_is_let_go(facts):
    facts.run(duration_ms=90_000_000)
    facts.count()
    facts.query("update agent_runs set duration_ms = 90")
    facts.count()

    assert quarantined(facts) == []
    assert one_day(facts).timed == 1


def test_a_released_fact_counts_and_its_day_is_counted_again(facts):
    facts.run(duration_ms=90_000_000)
    facts.run(agent_id=NOBODY)
    facts.count()
    keys = [fact["fact_key"] for fact in quarantined(facts)]

    assert facts.do(release_all, keys, user="m.ops", reason="it ran that long") == [DAY]
    assert days(facts) == [DAY]
    facts.count()
    assert one_day(facts).executions == 1
    assert one_day(facts, NOBODY).executions == 1
    assert quarantined(facts) == []
    assert {f["released_by"] for f in quarantined(facts, released=True)} == {"m.ops"}


@pytest.mark.parametrize("key", ["", "0" * 32])
def test_only_what_is_set_aside_is_released(facts, key):
    with pytest.raises(InputError, match="quarantine list"):
        facts.do(release_all, [key], user="m.ops", reason="why not")


def test_a_release_says_who_and_why(facts):
    with pytest.raises(InputError, match="reason"):
        facts.do(release_all, ["x"], user="m.ops", reason=" ")
