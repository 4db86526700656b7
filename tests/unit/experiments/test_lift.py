"""Promised and realised lift: shrunk towards nothing, and retired where harm is still possible."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import ttest_ind

from prisma_assets.domain.experiments.lift import (
    FEWEST_UNITS,
    Effect,
    Period,
    before_after,
    kept,
    shrunk,
    spread_of_effects,
)
from prisma_assets.domain.experiments.metric import Direction


def effect(value: float, deviation: float) -> Effect:
    half = 1.959963984540054 * deviation
    return Effect(value=value, low=value - half, high=value + half)


def test_shrinks_by_the_share_of_noise():
    """As noisy as effects vary: half is left. Measured without noise: all of it."""
    assert shrunk(effect(0.08, 0.02), spread=0.02) == pytest.approx(0.04)
    assert shrunk(effect(0.08, 0.0), spread=0.02) == pytest.approx(0.08)
    assert shrunk(effect(0.08, 0.0), spread=0.0) == pytest.approx(0.08)


@given(st.floats(-1, 1), st.floats(1e-6, 1), st.floats(0, 1))
def test_never_exaggerates_nor_turns_round(value, deviation, spread):
    """Between nothing and what was measured."""
    left = shrunk(effect(value, deviation), spread=spread)
    assert abs(left) <= abs(value) + 1e-12
    assert left * value >= 0


def test_winners_realise_what_is_left_after_shrinking():
    """Of 4,000 changes those that look best are adopted: as measured they promise half as much again as they keep; shrunk they do not."""
    rng = np.random.default_rng(7)
    true = rng.normal(0, 0.02, 4_000)
    measured = [effect(float(v), 0.02) for v in true + rng.normal(0, 0.02, 4_000)]
    spread = spread_of_effects(measured, margin=0.03)
    assert spread == pytest.approx(0.02, rel=0.1)
    best = np.argsort([m.value for m in measured])[-400:]
    kept_by_them = float(true[best].mean())
    assert np.mean([measured[i].value for i in best]) > 1.5 * kept_by_them
    assert np.mean([shrunk(measured[i], spread=spread) for i in best]) == pytest.approx(kept_by_them, rel=0.1)  # fmt: skip


def test_the_margin_stands_in_for_a_spread_nobody_knows():
    """Four experiments say nothing about how effects vary; many that vary less than their noise say that they hardly do."""
    assert spread_of_effects([effect(0.1, 0.01)] * 4, margin=0.03) == pytest.approx(0.03)
    assert spread_of_effects([effect(0.01, 0.05)] * 9, margin=0.03) == pytest.approx(0.0)


@pytest.mark.parametrize(
    ("realised", "direction", "said"),
    [
        (Effect(value=0.05, low=0.01, high=0.09), Direction.HIGHER, "kept"),
        (Effect(value=0.05, low=-0.01, high=0.11), Direction.HIGHER, "includes harm"),
        (Effect(value=-0.2, low=-0.3, high=-0.1), Direction.LOWER, "kept"),
        (Effect(value=-0.2, low=-0.5, high=0.1), Direction.LOWER, "includes harm"),
        (None, Direction.HIGHER, "no data"),
    ],
)
def test_an_improvement_that_may_be_harm_is_named(realised, direction, said):
    """By the metric's own direction."""
    assert kept(realised, direction) == said
    assert math.isfinite(realised.deviation if realised else 0.0)


def period(values) -> Period:
    return Period(n=len(values), mean=float(np.mean(values)), variance=float(np.var(values, ddof=1)))  # fmt: skip


def test_before_and_after_is_welchs_interval():
    """As scipy has it: two samples of unequal size and spread."""
    rng = np.random.default_rng(3)
    before, after = rng.normal(3.0, 1.0, 40), rng.normal(3.4, 0.5, 90)
    expected = ttest_ind(after, before, equal_var=False).confidence_interval(0.95)

    found = before_after(period(before), period(after), is_log=False)

    assert found is not None
    assert (found.low, found.high) == pytest.approx((expected.low, expected.high))
    assert found.value == pytest.approx(after.mean() - before.mean())


def test_before_and_after_of_logarithms_is_a_relative_change():
    """Half of the time everywhere: 50 % less, and nothing varies."""
    before, after = (Period(n=50, mean=math.log(ms), variance=0.0) for ms in (800, 400))

    assert before_after(before, after, is_log=True) == Effect(value=-0.5, low=-0.5, high=-0.5)


@pytest.mark.parametrize("n", [0, 1, FEWEST_UNITS - 1])
def test_few_units_before_or_after_are_no_data(n):
    many, few = Period(n=500, mean=1.0, variance=1.0), Period(n=n, mean=1.0, variance=None)

    assert before_after(many, few, is_log=False) is None
    assert before_after(few, many, is_log=False) is None
    assert before_after(None, many, is_log=False) is None
