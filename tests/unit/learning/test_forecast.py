"""A forecast says what the next weeks bring and how wrong it may be, or nothing."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from prisma_assets.domain.learning.forecast import (
    COVERAGE,
    HORIZON_DAYS,
    MIN_DAYS,
    Foreseen,
    forecast,
)
from tests.unit.learning.simulated_fleet import wandering

WEEK = np.array([1.0, 1.1, 1.1, 1.0, 0.9, 0.3, 0.2])


def loads(seed, *, days, level=200.0, growth=0.0):
    """Runs per day of an agent that works less at weekends, the last 28 days being the future."""
    rng = np.random.default_rng(seed)
    at = np.arange(days + HORIZON_DAYS)
    wandered = 0.15 * wandering(rng, series=1, days=len(at), phi=0.4)[0]
    runs = rng.poisson(level * WEEK[at % 7] * np.exp(growth * at + wandered)).astype(float)
    return runs[:days].tolist(), runs[days:]


def test_a_week_that_repeats_goes_on():
    history = np.tile(100 * WEEK, 26).tolist()

    expected = forecast(Foreseen.LOAD, history)
    assert [e.ahead for e in expected] == list(range(1, 29))
    assert [e.value for e in expected] == pytest.approx(np.tile(100 * WEEK, 4))
    assert all(e.low == pytest.approx(e.value) == e.high for e in expected)


def test_a_load_that_grows_grows_on_but_not_for_ever():
    """A slope of one run a day: some nine more in the end, not twenty-eight."""
    history = (np.linspace(1000, 1181, 182)).tolist()

    values = [e.value for e in forecast(Foreseen.LOAD, history)]
    assert values[0] == pytest.approx(1181, abs=5)
    assert 4 < values[-1] - values[0] < 15


def test_what_is_low_is_never_negative_nor_quality_above_one():
    rng = np.random.default_rng(1)
    cost = forecast(Foreseen.COST, rng.exponential(1, 120).tolist())
    quality = forecast(Foreseen.QUALITY, (1 - rng.exponential(0.02, 120)).tolist())

    assert min(e.low for e in cost) >= 0
    assert max(e.high for e in quality) <= 1
    assert min(e.low for e in quality) > 0.8


def test_a_wild_day_does_not_become_the_level():
    history, _ = loads(2, days=120)
    wild = [*history[:-1], history[-1] * 50]

    calm, alarmed = forecast(Foreseen.LOAD, history), forecast(Foreseen.LOAD, wild)
    assert [e.value for e in alarmed] == pytest.approx([e.value for e in calm], rel=0.2)


def test_a_new_level_is_believed_within_two_weeks():
    history = [100.0] * 150 + [200.0] * 14

    assert forecast(Foreseen.LOAD, history)[0].value == pytest.approx(185, abs=25)


def test_weekdays_nobody_ever_worked_are_not_forecast():
    history = [None if day % 7 >= 5 else 100.0 + day % 3 for day in range(182)]

    expected = forecast(Foreseen.LOAD, history)
    assert len(expected) == 20
    assert {(181 + e.ahead) % 7 for e in expected} == {0, 1, 2, 3, 4}


@pytest.mark.parametrize(
    "history",
    [
        pytest.param([], id="nothing"),
        pytest.param([None] * 182, id="no data"),
        pytest.param([5.0] * (MIN_DAYS - 1), id="too short"),
        pytest.param([5.0] * 100 + [None] * 50, id="nothing of late"),
        pytest.param([5.0 if n % 3 == 0 else None for n in range(182)], id="too rare"),
        pytest.param([None] * 126 + [5.0] * (MIN_DAYS - 1) + [None], id="just begun"),
    ],
)
def test_too_little_is_no_forecast(history):
    assert forecast(Foreseen.LOAD, history) == []


def test_intervals_keep_their_word():
    """Four of five days lie within, over two dozen agents, at a history of ten weeks as of twenty."""
    within = []
    for seed in range(24):
        history, future = loads(seed, days=70 if seed % 2 else 140, growth=0.002)
        expected = forecast(Foreseen.LOAD, history)
        within += [e.low <= f <= e.high for e, f in zip(expected, future, strict=True)]

    assert np.mean(within) == pytest.approx(COVERAGE, abs=0.1)


def test_it_is_less_wrong_than_last_week_again():
    ours, naive = [], []
    for seed in range(12):
        history, future = loads(seed, days=140)
        values = np.array([e.value for e in forecast(Foreseen.LOAD, history)])
        ours.append(np.abs(values - future).mean())
        naive.append(np.abs(np.tile(history[-7:], 4) - future).mean())

    assert np.mean(ours) < 0.9 * np.mean(naive)


@settings(max_examples=15, deadline=None)
@given(
    seed=st.integers(0, 1000),
    days=st.integers(MIN_DAYS, 200),
    missing=st.floats(0, 0.5),
    figure=st.sampled_from(list(Foreseen)),
)
def test_whatever_the_history_the_value_lies_in_its_interval(seed, days, missing, figure):
    rng = np.random.default_rng(seed)
    history = [None if rng.random() < missing else float(v) for v in rng.random(days)]

    expected = forecast(figure, history)
    assert all(0 <= e.low <= e.value <= e.high for e in expected)
    assert forecast(figure, history) == expected
