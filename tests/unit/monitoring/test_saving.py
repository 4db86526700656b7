"""Savings: amounts with intervals that hold, and cheaper ways only where they are shown to be as good."""

import math
from dataclasses import replace
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from prisma_assets.domain.monitoring.saving import (
    FEWEST,
    NoEvidence,
    Option,
    Saving,
    Sums,
    changed,
    cheapest,
    counted,
)

MONTH = 30.4375 / 30


def sums(*values: float) -> Sums:
    return Sums(n=len(values), total=math.fsum(values), squares=math.fsum(v * v for v in values))


def alike(n: int, mean: float, deviation: float) -> Sums:
    """So many values of that mean and standard deviation."""
    return Sums(n=n, total=n * mean, squares=n * (mean**2 + deviation**2))


USUAL = Option(
    version="1.0.0", provider="openai", model="gpt-4o", runs=1000,
    cost=alike(1000, 0.10, 0.05), accuracy=alike(800, 0.92, 0.27),
)  # fmt: skip
CHEAP = Option(
    version="1.0.0", provider="openai", model="gpt-4o-mini", runs=600,
    cost=alike(600, 0.02, 0.01), accuracy=alike(600, 0.95, 0.22),
)  # fmt: skip


def judged(*options: Option, comparisons: int = 1):
    return cheapest("tax-vat-002", options, margin=0.03, comparisons=comparisons, month=MONTH)


def test_a_cheaper_model_of_equal_quality_is_found_with_its_interval_and_what_to_do():
    """Eight cents a run over a thousand runs; the accuracy is not worse by the margin."""
    found = judged(USUAL, CHEAP)

    assert isinstance(found, Saving)
    assert found.amount.usd == pytest.approx(80)
    # 1.96 * sqrt(.05^2/999 + .01^2/599) * 1000 = 3.2
    assert (found.amount.low, found.amount.high) == pytest.approx((76.8, 83.2), abs=0.05)
    assert found.usd_month.usd == pytest.approx(80 * MONTH)
    assert "0.0200 USD a run (n=600)" in found.evidence
    assert "experiment" in found.action
    assert not found.is_realised


@pytest.mark.parametrize(
    ("other", "reason"),
    [
        (replace(CHEAP, accuracy=alike(600, 0.85, 0.36)), "cheaper, but not shown to be as accurate within 0.03"),
        (replace(CHEAP, accuracy=alike(99, 1.0, 0.0)), "cheaper, but 99 judged runs of the fewer side, of 100"),
        (replace(CHEAP, cost=alike(600, 0.10, 0.05)), "not shown to be cheaper"),
        (replace(CHEAP, cost=alike(99, 0.01, 0.0)), "99 priced runs of the fewer side, of 100"),
    ],
    ids=["worse", "unjudged", "equal cost", "few runs"],
)  # fmt: skip
def test_says_what_is_not_shown_instead_of_a_figure(other, reason):
    """A cheaper model that might be worse is no saving."""
    found = judged(USUAL, other)

    assert isinstance(found, NoEvidence)
    assert found.reason == f"1.0.0 on gpt-4o-mini: {reason}"


def test_one_way_of_working_has_nothing_beside_it():
    """There is nothing to compare."""
    assert judged(USUAL) is None


def test_many_comparisons_ask_for_more():
    """What a single look would show, one look among ten thousand does not."""
    nearly = replace(CHEAP, accuracy=alike(600, 0.92, 0.25))
    assert isinstance(judged(USUAL, nearly), Saving)
    assert isinstance(judged(USUAL, nearly, comparisons=10_000), NoEvidence)


def test_a_change_needs_enough_of_both_and_may_cost_more():
    """A new version that is dearer is a saving below zero, and said so."""
    before, after = alike(FEWEST, 0.10, 0.02), alike(FEWEST, 0.15, 0.02)
    dearer = changed(before, after, runs=1000)
    assert dearer is not None
    assert dearer.usd == pytest.approx(-50)
    assert dearer.low < dearer.usd < dearer.high < 0
    assert changed(before, alike(FEWEST - 1, 0.01, 0.0), runs=1000) is None


@given(st.lists(st.floats(0, 1000), min_size=1, max_size=30), st.floats(0.1, 40))
def test_an_amount_lies_in_its_interval_and_scales_with_time(costs, factor):
    """Nothing that was counted saved less than nothing."""
    found = counted(sums(*costs))
    longer = found.scaled(factor)

    for one in (found, longer):
        assert all(a <= b * (1 + 1e-9) for a, b in pairwise([0.0, one.low, one.usd, one.high]))
    assert longer.usd == pytest.approx(found.usd * factor)


def test_intervals_of_counted_events_hold_what_is_expected_in_95_of_100_months():
    """2,000 months of Poisson many events of skewed cost: the true mean lies within about as often as promised."""
    random = np.random.default_rng(7)
    months = 2000
    held = 0
    for events in random.poisson(120, months):
        costs = random.exponential(0.05, events)
        found = counted(sums(*costs.tolist()))
        held += found.low <= 120 * 0.05 <= found.high
    # Binomial: 3 standard errors of 2,000 at 0.95 are 0.015; the skewness costs one more point.
    assert 0.925 <= held / months <= 0.965
