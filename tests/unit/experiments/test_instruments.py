"""Sample ratio, multiplicity, power, assignment."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.special import beta

from prisma_assets.domain.experiments.assignment import is_treated, place
from prisma_assets.domain.experiments.multiplicity import discoveries
from prisma_assets.domain.experiments.power import (
    Enough,
    Underpowered,
    fixed_blocks,
    power_statement,
)
from prisma_assets.domain.experiments.sample_ratio import ALARM, RatioEvidence, log_ratio_evidence

# ---- sample ratio


def path(treated, split=0.5, evidence=None):
    evidence = evidence or RatioEvidence()
    return evidence.add(treated=np.array(treated, dtype=bool), splits=np.full(len(treated), split))


def test_evidence_by_hand():
    """Three treated, one control at one half: B(53, 51) / B(50, 50) / (1/2)^4."""
    expected = beta(53, 51) / beta(50, 50) * 16

    found = log_ratio_evidence(np.array([3]), np.array([1]), 0.5)

    assert math.exp(found[0]) == pytest.approx(expected)


def test_a_promised_ratio_raises_no_alarm(at_most):
    rng = np.random.default_rng(1)
    alarms = sum(path(rng.random(4000) < 0.1, 0.1).max() >= math.log(20) for _ in range(300))

    assert alarms <= at_most(300, 0.05)


def test_55_to_45_is_found_after_some_1700_units():
    """Measured before: a median of 1,660 assignments."""
    rng = np.random.default_rng(2)
    found = [int((path(rng.random(6000) < 0.55) >= math.log(ALARM)).argmax()) for _ in range(100)]

    assert 1300 < np.median(found) < 2100


@given(st.lists(st.booleans(), min_size=1, max_size=80), st.integers(0, 80))
def test_cutting_the_stream_changes_nothing(treated, cut):
    evidence = RatioEvidence()
    parts = [path(p, evidence=evidence) for p in (treated[:cut], treated[cut:]) if p]

    assert np.concatenate(parts) == pytest.approx(path(treated), abs=1e-9)
    assert RatioEvidence.from_state(evidence.to_state()).counts == evidence.counts


def test_a_ramp_is_judged_by_the_ratio_in_force():
    rng = np.random.default_rng(3)
    splits = np.repeat([0.05, 0.25, 0.5], 2000)
    evidence = RatioEvidence()

    seen = evidence.add(treated=rng.random(6000) < splits, splits=splits)

    assert seen.max() < math.log(ALARM)
    assert seen[-1] == pytest.approx(evidence.log_evidence())
    assert evidence.treated + evidence.control == 6000


# ---- several metrics


def test_e_bh_by_hand():
    """Four metrics at q = .10: k e_(k) >= 40. 30 x 2 = 60 passes though 30 and 35 alone would not."""
    assert discoveries({"a": 35, "b": 30, "c": 5, "d": 0.1}) == {"a", "b"}
    assert discoveries({"a": 35, "b": 3, "c": 5, "d": 0.1}) == frozenset()
    assert discoveries({"a": 10}) == {"a"}
    assert discoveries({}) == frozenset()


@given(st.dictionaries(st.text(max_size=3), st.floats(0, 1e6), max_size=8), st.floats(1, 100))
def test_more_evidence_never_loses_a_discovery(e_values, factor):
    more = {name: e * factor for name, e in e_values.items()}

    assert discoveries(e_values) <= discoveries(more)


# ---- power


@pytest.mark.parametrize(
    ("base", "other", "published"), [(0.90, 0.93, 1353), (0.90, 0.85, 683), (0.50, 0.60, 385)]
)
def test_sample_sizes_are_those_of_the_tables(base, other, published):
    """Two proportions, two-sided 5 %, power 80 %, without continuity correction (Fleiss 1981, table A.3 less the correction)."""
    deviation = math.sqrt(base * (1 - base) + other * (1 - other))

    assert fixed_blocks(abs(other - base), deviation, alpha=0.05) == pytest.approx(published, abs=1)


def test_too_little_traffic_is_said_in_weeks():
    a_week = 1 / 604_800

    said = power_statement(1500, available=300, blocks_per_second=100 * a_week)

    assert isinstance(said, Underpowered)
    assert (said.blocks, said.available, said.weeks) == (1500, 300, pytest.approx(15))
    assert power_statement(1500, available=1500, blocks_per_second=None) == Enough(blocks=1500, weeks=None)  # fmt: skip


# ---- assignment


@given(st.text(max_size=20), st.text(max_size=5))
def test_a_unit_stays_in_its_arm_and_a_ramp_only_adds(unit, salt):
    arms = [is_treated(unit, salt=salt, split=s) for s in (0.0, 0.05, 0.1, 0.5, 1.0)]

    assert arms == sorted(arms)
    assert (arms[0], arms[-1]) == (False, True)
    assert arms == [is_treated(unit, salt=salt, split=s) for s in (0.0, 0.05, 0.1, 0.5, 1.0)]


def test_arms_are_even_and_independent_between_experiments():
    first = np.array([is_treated(f"task-{i}", salt="a", split=0.5) for i in range(4000)])
    second = np.array([is_treated(f"task-{i}", salt="b", split=0.5) for i in range(4000)])

    assert abs(first.mean() - 0.5) < 0.03
    assert abs((first == second).mean() - 0.5) < 0.03
    assert 0 <= place("x", salt="a") < 1
