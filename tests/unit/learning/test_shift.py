"""A share or a mean that got worse is found with its day; one that only varies by chance is left alone."""

from datetime import date, timedelta

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from prisma_assets.domain.learning.shift import (
    DayMean,
    DayShare,
    exceeds,
    find_rise,
    find_shift,
    is_over,
    rise_is_over,
)

FIRST = date(2026, 1, 1)
CHANGE = 84
LAST = 98


@pytest.fixture
def rng():
    return np.random.default_rng(7)


def day(number):
    return FIRST + timedelta(days=number)


def shares(rng, rates, *, runs=40):
    return [
        DayShare(day=day(i), hits=float(rng.binomial(runs, rate)), n=float(runs))
        for i, rate in enumerate(rates)
    ]


def means(rng, levels, *, runs=40):
    return [
        DayMean(day=day(i), mean=float(rng.lognormal(0, 0.8, runs).mean() * level), n=float(runs))
        for i, level in enumerate(levels)
    ]


def stepped(before, after, *, days=LAST, at=CHANGE):
    return [before] * at + [after] * (days - at)


def last(series):
    return series[-1].day


def test_a_share_that_doubled_is_found_with_its_day_and_size(rng):
    series = shares(rng, stepped(0.08, 0.20))

    found = find_shift(series, through=last(series), margin=0.01)

    assert found is not None
    assert abs((found.since - day(CHANGE)).days) <= 3
    assert found.before == pytest.approx(0.08, abs=0.02)
    assert found.now == pytest.approx(0.20, abs=0.05)
    assert found.before_from == day(LAST - 28 - 56)
    assert found.confidence > 0.99


def test_what_never_happened_before_needs_few_days(rng):
    series = shares(rng, stepped(0.0, 0.10, days=CHANGE + 4))

    found = find_shift(series, through=last(series), margin=0.01)

    assert found is not None
    assert found.before == 0.0
    assert found.since >= day(CHANGE)


def test_an_improvement_is_no_trouble(rng):
    series = shares(rng, stepped(0.3, 0.05))
    assert find_shift(series, through=last(series), margin=0.01) is None


def test_a_change_too_small_to_act_on_is_left_alone(rng):
    series = shares(rng, stepped(0.05, 0.08), runs=5_000)

    assert find_shift(series, through=last(series), margin=0.01) is not None
    assert find_shift(series, through=last(series), margin=0.05) is None


def test_streams_that_share_false_alarms_need_more_evidence(rng):
    series = shares(rng, stepped(0.08, 0.20, days=CHANGE + 6))
    alone = find_shift(series, through=last(series), margin=0.01)

    assert alone is not None
    tests = int(np.exp(alone.log_evidence - 8)) + 1
    assert find_shift(series, through=last(series), margin=0.01, tests=tests) is None


def test_too_little_past_or_present_says_nothing(rng):
    young = shares(rng, stepped(0.0, 0.9, days=15, at=10))
    idle = [DayShare(day=day(i), hits=0.0, n=0.0) for i in range(LAST)]
    rare = [
        DayShare(day=d.day, hits=d.hits / 40, n=1.0) for d in shares(rng, stepped(0, 1.0, days=90))
    ]

    for series in (young, idle, rare, []):
        assert find_shift(series, through=day(LAST), margin=0.01) is None


def test_days_that_differ_beyond_chance_are_no_change(rng):
    """Every Monday is bad: the past says so, and the next bad Monday is no news."""
    rates = [0.3 if i % 7 == 0 else 0.05 for i in range(92)]
    series = shares(rng, rates, runs=100)
    assert find_shift(series, through=last(series), margin=0.01) is None


@pytest.mark.slow
@pytest.mark.parametrize(("rate", "runs", "wobble"), [(0.02, 40, 0.0), (0.1, 40, 0.3)], ids=str)
def test_daily_looks_at_an_unchanged_share_alarm_less_often_than_promised(rng, rate, runs, wobble):
    """A stream may alarm once in 3,000 days, 1 % of months; asserted: at most 5 % of 100 months."""
    false = 0
    for _ in range(100):
        logits = np.log(rate / (1 - rate)) + rng.normal(0, wobble, 114)
        series = shares(rng, 1 / (1 + np.exp(-logits)), runs=runs)
        false += any(
            find_shift(series[:k], through=series[k - 1].day, margin=0.001) is not None
            for k in range(84, 114, 2)
        )
    assert false <= 5


def test_ratings_vary_less_than_a_share_and_are_judged_by_how_they_vary(rng):
    def rated(mean):
        stars = np.clip(np.round(rng.normal(mean, 0.9, 8)), 1, 5)
        return float((5 - stars).sum() / 4)

    levels = stepped(4.4, 3.8)
    series = [DayShare(day=day(i), hits=rated(m), n=8.0) for i, m in enumerate(levels)]

    as_scale = find_shift(series, through=last(series), margin=0.025, is_scale=True)
    as_share = find_shift(series, through=last(series), margin=0.025)

    assert as_scale is not None
    assert as_share is None or as_share.log_evidence < as_scale.log_evidence


def test_a_share_above_the_limit_is_found_only_beyond_chance(rng):
    above = shares(rng, [0.15] * 28)
    at_limit = shares(rng, [0.05] * 28)

    found = exceeds(above, through=last(above), limit=0.05)

    assert found is not None
    assert (found.before, found.before_n, found.before_from) == (0.05, 0, None)
    assert exceeds(at_limit, through=last(at_limit), limit=0.05) is None
    assert exceeds(above[:1], through=last(above), limit=0.05) is None


def test_a_creeping_cost_is_found_before_it_has_doubled(rng):
    levels = [1.015 ** max(0, i - CHANGE) for i in range(CHANGE + 28)]
    series = means(rng, levels)

    found = find_rise(series, through=last(series), margin=0.1)

    assert found is not None
    assert found.since > day(CHANGE)
    assert 1.1 < found.now / found.before < 1.6


def test_a_steady_cost_and_a_price_list_are_left_alone(rng):
    steady = means(rng, [1.0] * LAST)
    fixed = [DayMean(day=day(i), mean=0.02, n=40.0) for i in range(LAST)]

    assert find_rise(steady, through=last(steady), margin=0.1) is None
    assert find_rise(fixed, through=last(fixed), margin=0.1) is None
    assert find_rise([], through=day(0), margin=0.1) is None


def test_a_trouble_is_over_when_two_weeks_look_as_before(rng):
    series = shares(rng, [*stepped(0.08, 0.20), *[0.08] * 21])
    found = find_shift(series[:LAST], through=day(LAST - 1), margin=0.01)

    assert found is not None
    assert not is_over(found, series[:LAST], through=day(LAST - 1))
    assert not is_over(found, series[: LAST + 1], through=day(LAST))
    assert is_over(found, series, through=last(series))


def test_a_silent_agent_does_not_end_its_trouble(rng):
    series = shares(rng, stepped(0.08, 0.20))
    found = find_shift(series, through=last(series), margin=0.01)

    assert found is not None
    assert not is_over(found, series, through=day(LAST + 60))


def test_a_rise_is_over_when_the_price_is_back(rng):
    series = means(rng, [*stepped(1.0, 1.6), *[1.0] * 21])
    found = find_rise(series[:LAST], through=day(LAST - 1), margin=0.1)

    assert found is not None
    assert not rise_is_over(found, series[:LAST], through=day(LAST - 1))
    assert rise_is_over(found, series, through=last(series))


@settings(max_examples=60, deadline=None)
@given(
    st.lists(st.tuples(st.integers(0, 30), st.integers(0, 30)), min_size=1, max_size=70),
    st.booleans(),
)
def test_any_history_is_answered_with_a_finite_change_or_none(pairs, is_scale):
    series = [
        DayShare(day=day(i), hits=float(min(hits, n)), n=float(n))
        for i, (hits, n) in enumerate(pairs)
    ]

    found = find_shift(series, through=last(series), margin=0.01, is_scale=is_scale)

    if found is not None:
        assert 0 <= found.before < found.now <= 1
        assert np.isfinite([found.log_evidence, found.deviation]).all()
        assert 0 <= found.confidence <= 1
