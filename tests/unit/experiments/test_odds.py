"""Harm of a share: which unit of a block failed."""

import math

import numpy as np
import pytest

from prisma_assets.domain.experiments.block import Sides
from prisma_assets.domain.experiments.odds import WEIGHTS, log_factors, odds_ratios


def sides(treated, control, *, n_t=1, n_c=9):
    """Blocks from counts of successes."""
    t, c = np.atleast_1d(np.array(treated, float)), np.atleast_1d(np.array(control, float))
    return Sides(treated=t, control=c, treated_size=np.full(len(t), float(n_t)), control_size=np.full(len(t), float(n_c)))  # fmt: skip


def factor(treated, control, odds, **shape):
    return math.exp(log_factors(sides(treated, control, **shape), [odds])[0, 0])


def test_factors_by_hand():
    """Odds 3, one of ten failed: 30 / 12 if it was the treated, 10 / 12 if not; two failed: 30 / 14. Nobody failed: 1."""
    assert factor(0, 9, 3.0) == pytest.approx(30 / 12)
    assert factor(1, 8, 3.0) == pytest.approx(10 / 12)
    assert factor(0, 8, 3.0) == pytest.approx(30 / 14)
    assert factor(1, 9, 3.0) == pytest.approx(1.0)
    assert factor(0, 0, 3.0) == pytest.approx(1.0)


@pytest.mark.parametrize("failed", range(11))
def test_the_mean_factor_is_one_whatever_the_number_of_failures(failed):
    share = failed / 10
    if failed in {0, 10}:
        assert factor(1 - share, 9 * (1 - share), 2.5) == pytest.approx(1.0)
        return
    mean = share * factor(0, 10 - failed, 2.5) + (1 - share) * factor(1, 9 - failed, 2.5)

    assert mean == pytest.approx(1.0)


def test_a_single_control_speaks_for_the_treatment_it_is_compared_with():
    """9 treated to 1 control: harm is when the treated fail and the control does not."""
    assert factor(8, 1, 3.0, n_t=9, n_c=1) > 1 > factor(9, 0, 3.0, n_t=9, n_c=1)


def test_pairs_are_the_sign_test():
    """1 to 1 at odds 3: a pair that differs counts 1.5 or 0.5, Wald's test of a coin of 3 to 1."""
    assert factor(0, 1, 3.0, n_c=1) == pytest.approx(1.5)
    assert factor(1, 0, 3.0, n_c=1) == pytest.approx(0.5)


def test_odds_follow_from_the_margin():
    """3 % failing, 3 points more: 0.06 / 0.94 x 0.97 / 0.03 = 2.064."""
    assert odds_ratios(0.03, 0.03)[0] == pytest.approx(2.064, abs=1e-3)
    assert odds_ratios(0.99, 0.5) == (1.0, 1.0, 1.0)


def test_false_alarms_are_as_rare_as_promised(at_most):
    rng, ratios = np.random.default_rng(8), odds_ratios(0.03, 0.03)
    alarms = 0
    for _ in range(400):
        blocks = sides(rng.random(800) < 0.97, rng.binomial(9, 0.97, 800))
        capital = np.cumsum(log_factors(blocks, ratios), axis=0)
        alarms += bool((np.exp(capital) @ WEIGHTS).max() >= 20)

    assert alarms <= at_most(400, 0.05)
