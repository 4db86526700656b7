"""Alpha spending: published boundaries, error kept at every look, futility."""

import numpy as np
import pytest
from scipy.stats import norm

from prisma_assets.domain.experiments.look import FEWEST, Spending
from prisma_assets.domain.experiments.power import SPENDING_MAXIMUM, fixed_blocks
from prisma_assets.domain.experiments.spending import (
    boundaries,
    chance_still,
    chance_to_cross,
    look_counts,
    power_boundaries,
)
from prisma_assets.domain.experiments.tally import Tally

NOTHING = Tally().summary()
FIFTHS = [0.2, 0.4, 0.6, 0.8, 1.0]


def a_rule(*, maximum: int, effect: float) -> Spending:
    return Spending(maximum=maximum, effect=effect, bounds=power_boundaries(maximum, 0.05))


def test_five_looks_give_the_published_obrien_fleming_bounds():
    """Lan and DeMets' O'Brien-Fleming spending, one-sided 2.5 %, five equal looks: 4.877 3.357 2.680 2.290 2.031 (R package ldbounds)."""
    spent = [2 * (2 - 2 * norm.cdf(norm.ppf(1 - 0.0125) / np.sqrt(t))) for t in FIFTHS]

    assert boundaries(FIFTHS, spent) == pytest.approx([4.877, 3.357, 2.680, 2.290, 2.031], abs=6e-4)


def test_five_looks_give_the_published_pocock_type_bounds():
    """Pocock-type spending alpha ln(1 + (e - 1) t), one-sided 2.5 %: 2.438 2.427 2.410 2.397 2.386 (R package ldbounds)."""
    spent = [2 * 0.025 * np.log(1 + (np.e - 1) * t) for t in FIFTHS]

    assert boundaries(FIFTHS, spent) == pytest.approx([2.438, 2.427, 2.410, 2.397, 2.386], abs=6e-4)


def test_one_look_is_the_ordinary_test():
    assert boundaries([1.0], [0.05]) == pytest.approx([norm.ppf(0.975)])
    assert chance_to_cross([1.0], [1.96], 2.8) == pytest.approx(norm.cdf(0.84))


def test_all_error_is_spent_and_no_more():
    times = [n / 1000 for n in look_counts(1000)]
    bounds = power_boundaries(1000, 0.05)

    assert chance_to_cross(times, bounds, 0.0) == pytest.approx(0.025, abs=1e-4)


def test_a_maximum_of_a_few_blocks_is_looked_at_after_each():
    assert look_counts(7) == (1, 2, 3, 4, 5, 6, 7)
    assert len(look_counts(1000)) == 200
    assert look_counts(1000)[-1] == 1000


def test_the_planned_maximum_has_the_promised_power():
    """1.12 times a fixed sample, 80 % power; futility takes the rest of what crossing alone would give."""
    times = [n / 1000 for n in look_counts(1000)]
    drift = (norm.ppf(0.975) + norm.ppf(0.8)) * np.sqrt(SPENDING_MAXIMUM)

    power = chance_to_cross(times, power_boundaries(1000, 0.05), drift)

    assert 0.80 < power < 0.83


def test_conditional_power_is_that_of_the_rest():
    """Half way at z = 0 under a drift of 2.8: B(1) ~ N(1.4, 0.5), so P(B(1) > 1.96) = 1 - Phi(0.56 / 0.7071) = 0.214."""
    chance = chance_still(np.array([0.0]), time=np.array([0.5]), drift=np.array([2.8]), last=1.96)

    assert chance == pytest.approx([0.2142], abs=1e-4)


def null_differences(rng, n, p=0.9):
    return (rng.random(n) < p).astype(float) - (rng.random(n) < p)


@pytest.mark.parametrize("p", [0.5, 0.9, 0.97])
def test_error_is_kept_when_every_look_is_taken(at_most, p):
    rule = a_rule(maximum=400, effect=0.05)
    rng = np.random.default_rng(11)
    found = [rule.events(NOTHING, null_differences(rng, 400, p)) for _ in range(400)]

    wrong = sum("better" in e or "worse" in e for e in found)

    assert wrong <= at_most(400, 0.05)


def test_little_is_wasted():
    """At least 3.4 of the 5 % are used: boundaries that nobody crosses cost sample."""
    rule = a_rule(maximum=500, effect=0.1)
    rng = np.random.default_rng(12)
    found = [rule.events(NOTHING, null_differences(rng, 500, 0.5)) for _ in range(1000)]

    assert sum("better" in e or "worse" in e for e in found) >= 34


def test_most_effects_of_the_margin_are_found_and_most_nulls_end_early():
    effect, maximum = 0.1, int(1.12 * fixed_blocks(0.1, np.sqrt(0.25 + 0.24), alpha=0.05))
    rule = a_rule(maximum=maximum, effect=effect)
    rng = np.random.default_rng(13)
    real = [rule.events(NOTHING, (rng.random(maximum) < 0.6).astype(float) - (rng.random(maximum) < 0.5)) for _ in range(300)]  # fmt: skip
    null = [rule.events(NOTHING, null_differences(rng, maximum, 0.5)) for _ in range(300)]

    assert sum("better" in e for e in real) >= 215
    assert np.mean([e.get("futile", maximum) for e in null]) < 0.7 * maximum


def test_a_design_too_small_from_the_start_is_never_called_futile():
    rng = np.random.default_rng(14)

    found = a_rule(maximum=60, effect=0.03).events(NOTHING, null_differences(rng, 60))

    assert "futile" not in found


def test_nothing_is_decided_by_a_handful_of_blocks():
    found = a_rule(maximum=200, effect=0.1).events(NOTHING, np.ones(200))

    assert found["better"] + 1 >= FEWEST


def test_the_interval_leaves_0_out_exactly_when_the_boundary_is_crossed():
    rng = np.random.default_rng(15)
    rule, crossed, outside = a_rule(maximum=100, effect=0.1), [], []
    for _ in range(200):
        d = (rng.random(100) < 0.6).astype(float) - (rng.random(100) < 0.4)
        tally = Tally()
        tally.add(d)
        counts, half = tally.summary(), rule.half_width(tally.summary())
        crossed.append(abs(counts.total) / np.sqrt(counts.squares) >= power_boundaries(100, 0.05)[-1])  # fmt: skip
        outside.append(abs(counts.mean) >= half)

    assert crossed == outside
    assert 0 < sum(crossed) < 200


def test_no_difference_at_all_decides_nothing():
    assert a_rule(maximum=50, effect=0.1).events(NOTHING, np.zeros(50)) == {}
