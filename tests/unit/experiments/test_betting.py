"""Betting: by hand, against calibration, and its symmetries."""

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from prisma_assets.domain.experiments.betting import (
    LARGEST,
    Bets,
    evidence_path,
    interval,
    log_capital,
    log_mixture,
    lower_bound,
    tuned_bets,
)
from prisma_assets.domain.experiments.tally import LATTICE, Tally, on_lattice

NOTHING = Tally().summary()
differences = st.lists(st.sampled_from([-1.0, 0.0, 1.0, 0.5, -0.25]), min_size=1, max_size=60)


def counted(values):
    tally = Tally()
    tally.add(np.array(values))
    return tally.summary()


def test_capital_by_hand():
    """Stake 0.5 on 1, 0, -1: 1.5 x 1 x 0.5 = 0.75; stake 0.2: 1.2 x 1 x 0.8 = 0.96; half on each: 0.855."""
    bets = Bets(stakes=(0.5, 0.2), weights=(0.5, 0.5))

    path = evidence_path(NOTHING, np.array([1.0, 0.0, -1.0]), bets)

    assert np.exp(path) == pytest.approx([(1.5 + 1.2) / 2, (1.5 + 1.2) / 2, 0.855])


def test_capital_against_another_hypothesis_by_hand():
    """Against "at most -0.1" a difference of 0 is a gain: 1 + 0.5 x 0.1."""
    path = evidence_path(NOTHING, np.array([0.0]), Bets(stakes=(0.5,), weights=(1.0,)), mean=-0.1)

    assert math.exp(path[0]) == pytest.approx(1.05)


def test_stakes_grow_with_the_effect_and_never_risk_everything():
    """Best stake for 3 points at .90: 0.03 / (0.18 + 0.0009) = 0.166, three quarters of it first."""
    assert tuned_bets(0.03, math.sqrt(0.18)).stakes[0] == pytest.approx(0.75 * 0.16584, rel=1e-4)
    assert max(tuned_bets(1.0, 0.1).stakes) == LARGEST
    assert sum(tuned_bets(0.1, 0.5).weights) == pytest.approx(1.0)


@given(values=differences, cut=st.integers(0, 60))
@settings(max_examples=40, deadline=None)
def test_counts_and_order_of_arrival_give_the_same_capital(values, cut):
    bets = tuned_bets(0.1, 0.5)
    whole = evidence_path(NOTHING, np.array(values), bets)[-1]
    first, rest = values[:cut], values[cut:]
    later = evidence_path(counted(first), np.array(rest), bets)[-1] if rest else whole

    assert later == pytest.approx(whole, abs=1e-9)
    assert log_mixture(log_capital(counted(values), bets), bets.weights) == pytest.approx(whole, abs=1e-9)  # fmt: skip


@given(values=differences)
@settings(max_examples=40, deadline=None)
def test_exchanging_the_arms_turns_the_interval_round(values):
    bets = tuned_bets(0.1, 0.5)
    low, high = interval(counted(values), bets, alpha=0.05)

    other = interval(counted(values).flipped(), bets, alpha=0.05)

    assert other == pytest.approx((-high, -low), abs=1e-9)
    assert -1 <= low <= np.mean(on_lattice(np.array(values))) + 1e-9


@given(values=differences, stake=st.floats(0.01, LARGEST), means=st.tuples(st.floats(-1, 0.99), st.floats(-1, 0.99)))  # fmt: skip
@settings(max_examples=60, deadline=None)
def test_evidence_falls_as_the_hypothesis_rises(values, stake, means):
    bets = Bets(stakes=(stake,), weights=(1.0,))
    low, high = sorted(means)

    falls = [float(log_capital(counted(values), bets, mean=m)[0]) for m in (low, high)]

    assert falls[0] >= falls[1] - 1e-9


def test_the_bound_is_where_the_evidence_suffices():
    rng = np.random.default_rng(3)
    counts, bets = counted(rng.choice([-1.0, 0.0, 1.0], size=500, p=[0.1, 0.6, 0.3])), tuned_bets(0.1, 0.6)  # fmt: skip

    low = lower_bound(counts, bets, alpha=0.025)

    assert log_mixture(log_capital(counts, bets, mean=low), bets.weights) == pytest.approx(math.log(40), abs=1e-5)  # fmt: skip
    assert 0 < low < 0.2


def test_nothing_known_bounds_nothing():
    assert interval(NOTHING, tuned_bets(0.1, 0.5), alpha=0.05) == (-1.0, 1.0)


@pytest.mark.parametrize(
    "draw",
    [
        lambda rng, n: (rng.random(n) < 0.9).astype(float) - (rng.random(n) < 0.9),
        lambda rng, n: (rng.random(n) < 0.97).astype(float) - rng.binomial(9, 0.97, n) / 9,
        lambda rng, n: rng.beta(0.3, 3.0, n) - rng.beta(0.3, 3.0, n),
        lambda rng, n: rng.choice([1.0, -1 / 9], n, p=[0.1, 0.9]),
    ],
    ids=["pairs", "canary", "skewed", "hardly bounded"],
)
def test_error_is_kept_at_every_look(at_most, draw):
    """A stream without a difference multiplies its capital by 20 in at most one case in 20, however it is looked at."""
    rng, bets = np.random.default_rng(5), tuned_bets(0.03, 0.3)
    paths = [evidence_path(NOTHING, draw(rng, 1500), bets) for _ in range(400)]

    assert sum(path.max() >= math.log(20) for path in paths) <= at_most(400, 0.05)


def test_the_interval_holds_at_all_looks_together(at_most):
    rng, bets = np.random.default_rng(6), tuned_bets(0.05, 0.42)
    missed = 0
    for _ in range(100):
        d = (rng.random(600) < 0.93).astype(float) - (rng.random(600) < 0.9)
        ends = [interval(counted(d[:n]), bets, alpha=0.05) for n in range(30, 601, 30)]
        missed += any(not low <= 0.03 <= high for low, high in ends)

    assert missed <= at_most(100, 0.05)


def test_differences_of_shares_and_ratings_are_counted_exactly():
    exact = np.array([1 / 9, -1 / 3, 0.75, 1 - 7 / 9, 1 / 36, 0.0])

    assert on_lattice(exact) == pytest.approx(exact, abs=1e-15)
    assert set(Tally().cells) == set()
    assert counted([0.5, 0.5, -1.0]).n == 3
    assert Tally.from_state({"2520": 2, str(-LATTICE): 1}).summary().mean == 0.0
