"""Metrics: scales from 0 to 1, what a value can be, one value per unit."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from prisma_assets.domain.experiments.metric import (
    Direction,
    Kind,
    first_impossible,
    freeze_scale,
    unit_value,
)


def test_a_share_is_its_own_scale(a_metric):
    scale = freeze_scale(a_metric(), ())

    assert scale.scores(np.array([0.0, 1.0, np.nan])) == pytest.approx([0.0, 1.0, np.nan], nan_ok=True)  # fmt: skip
    assert scale.effect(0.04) == pytest.approx(0.04)
    assert scale.benefit(a_metric(margin=0.03)) == pytest.approx(0.03)


def test_ratings_run_from_one_to_five(a_metric):
    scale = freeze_scale(a_metric(kind=Kind.RATING), ())

    assert scale.scores(np.array([1.0, 3.0, 5.0])) == pytest.approx([0, 0.5, 1])
    assert scale.effect(0.25) == pytest.approx(1.0)


def test_lower_is_better_turns_scores_and_effects_round(a_metric):
    scale = freeze_scale(a_metric(direction=Direction.LOWER), ())

    assert scale.scores(np.array([0.0, 1.0])) == pytest.approx([1, 0])
    assert scale.effect(0.04) == pytest.approx(-0.04)


def test_latencies_are_compared_as_winsorised_logarithms(a_metric):
    """A lognormal of 30 values: limits at mean -+ 2.576 sd of the logarithms; half the latency is -50 %."""
    logs = np.random.default_rng(1).normal(1.0, 0.8, 30)
    scale = freeze_scale(a_metric(kind=Kind.LATENCY), np.exp(logs).tolist())

    assert (scale.low, scale.high) == pytest.approx((logs.mean() - 2.5758 * logs.std(), logs.mean() + 2.5758 * logs.std()), abs=1e-3)  # fmt: skip
    half = scale.scores(np.array([math.e / 2])) - scale.scores(np.array([math.e]))
    assert scale.effect(float(half[0])) == pytest.approx(-0.5)
    assert scale.scores(np.array([0.0, 1e12])) == pytest.approx([1, 0])


def test_many_values_give_their_own_quantiles(a_metric):
    values = np.exp(np.random.default_rng(2).gamma(2.0, 1.0, 5000))
    scale = freeze_scale(a_metric(kind=Kind.TOKENS), values.tolist())

    assert (scale.low, scale.high) == pytest.approx(tuple(np.quantile(np.log(values), [0.005, 0.995])))  # fmt: skip


@pytest.mark.parametrize("baseline", [[], [0.0, 0.0], [2.0], [3.0] * 30])
def test_a_baseline_without_spread_still_has_a_scale(a_metric, baseline):
    scale = freeze_scale(a_metric(kind=Kind.LATENCY), baseline)

    assert scale.low < scale.high
    assert np.isfinite(scale.scores(np.array([0.0, 1.0, 5.0]))).all()


@given(st.floats(0.001, 1e6), st.floats(0.001, 1e6))
def test_scores_never_reverse_an_order(first, second):
    from prisma_assets.domain.experiments.metric import Metric

    metric = Metric(name="s", kind=Kind.LATENCY, direction=Direction.LOWER, margin=0.1)
    scale = freeze_scale(metric, [0.5, 1.0, 2.0, 4.0])
    low, high = sorted((first, second))
    faster, slower = scale.scores(np.array([low, high]))

    assert 0 <= slower <= faster <= 1


@pytest.mark.parametrize(
    ("kind", "values", "position"),
    [
        (Kind.BINARY, [0, 1, 2], 2), (Kind.BINARY, [-0.1], 0), (Kind.RATING, [5, 0], 1),
        (Kind.LATENCY, [1, -1], 1), (Kind.COST, [0, -0.01], 1), (Kind.TOKENS, [np.inf], 0),
    ],
)  # fmt: skip
def test_impossible_values_are_found(a_metric, kind, values, position):
    found = first_impossible(a_metric(kind=kind), np.array(values, dtype=float))

    assert found is not None
    assert found[0] == position


def test_a_missing_value_is_possible(a_metric):
    assert first_impossible(a_metric(), np.array([np.nan, 1.0])) is None


def test_a_unit_has_one_value():
    """Shares average, latencies average as logarithms: 1 and 4 seconds are 2."""
    assert unit_value(Kind.BINARY, np.array([1.0, 0.0, np.nan])) == 0.5
    assert unit_value(Kind.LATENCY, np.array([1.0, 4.0])) == pytest.approx(2.0)
    assert unit_value(Kind.LATENCY, np.array([0.0, 4.0])) == 0.0
    assert math.isnan(unit_value(Kind.RATING, np.array([np.nan])))


@pytest.mark.parametrize("costs", [[0.1, 0.0], [0.1, np.nan], []])
def test_a_unit_of_which_one_cost_is_unknown_has_none(costs):
    assert math.isnan(unit_value(Kind.COST, np.array(costs, dtype=float)))
