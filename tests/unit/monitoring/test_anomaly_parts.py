"""The parts of the detector: memories, distances, the gate, the words."""

from datetime import UTC, datetime, timedelta

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from prisma_assets.domain.monitoring.anomaly_explanation import explain
from prisma_assets.domain.monitoring.anomaly_gate import COOLDOWN, FORGIVEN_DAYS, WARM_UP, Gate
from prisma_assets.domain.monitoring.anomaly_judgement import Evidence, Finding, Sign, Usual
from prisma_assets.domain.monitoring.anomaly_memory import Memory, RankMemory
from prisma_assets.domain.monitoring.anomaly_novelty import (
    NEIGHBOURS,
    coarse_novelty,
    fine_novelty,
    level_shift,
)
from prisma_assets.domain.monitoring.figure import number

AT = datetime(2026, 3, 2, 9, tzinfo=UTC)


@given(values=st.lists(st.floats(allow_nan=False, allow_infinity=False), max_size=40))
def test_a_memory_holds_the_last_values_in_order(values):
    memory = Memory(7)
    for value in values:
        memory.append(value)

    assert memory.values.tolist() == values[-7:]
    assert Memory.from_text(memory.to_text(), capacity=7).values.tolist() == values[-7:]


def test_a_restored_memory_goes_on_forgetting():
    memory = Memory.from_text(Memory(3).to_text(), capacity=3)
    for value in range(20):
        memory.append(value)

    assert memory.values.tolist() == [17, 18, 19]


def test_p_values_are_ranks_and_ties_count_against_surprise():
    ranks = RankMemory.of(10)

    # the first; a new record; as high as the record; lower than all; a new record of five
    assert [ranks.p_value(s) for s in (1, 2, 2, 0, 3)] == [1, 1 / 2, 2 / 3, 1, 1 / 5]


def test_p_values_of_exchangeable_surprises_are_uniform():
    """Of 5,000, a share of alpha lies below alpha (three standard errors)."""
    ranks = RankMemory.of(4_000)
    p_values = np.array([ranks.p_value(s) for s in np.random.default_rng(3).gamma(0.3, size=5_000)])

    for alpha in (0.01, 0.1, 0.5):
        error = 3 * np.sqrt(alpha * (1 - alpha) / 5_000)
        assert abs((p_values <= alpha).mean() - alpha) < error + 1 / 500


def test_size_is_told_in_medians_of_the_past():
    ranks = RankMemory.of(10)
    for surprise in (1, 2, 3, 5):
        ranks.p_value(surprise)

    assert ranks.size() == 2.5  # 5 over the median of 1, 2, 3


def test_anything_is_large_after_a_past_of_zeros_but_zero_is_not():
    ranks = RankMemory.of(10)
    sizes = []
    for surprise in (0, 0, 0.1):
        ranks.p_value(surprise)
        sizes.append(ranks.size())

    assert sizes == [0, 0, float("inf")]


def test_a_course_seen_often_is_familiar_and_a_new_one_is_far():
    wave = np.tile(np.sin(np.arange(24) * 2 * np.pi / 24), 40)

    assert fine_novelty(wave) == pytest.approx(0, abs=1e-12)
    assert coarse_novelty(wave) == pytest.approx(0, abs=0.2)
    wave[-1] += 3  # another hour of the wave comes a little closer than 3
    assert 2 < (fine_novelty(wave) or 0) <= 3


def test_measures_wait_for_their_past():
    values = np.zeros(11 + NEIGHBOURS)

    assert fine_novelty(values) is None
    assert fine_novelty(np.zeros(12 + NEIGHBOURS)) == 0
    assert coarse_novelty(values) is None
    assert coarse_novelty(values[:3]) is None


@pytest.mark.parametrize(
    ("values", "levels"),
    [
        ([4.0], (4, 4)),
        ([1.0, 3.0], (3, 1)),
        ([9.0, 1.0, 3.0], (3, 1)),  # halves of what there is; the odd one out is the oldest
        ([7.0] * 50 + [1.0] * 100 + [2.0] * 100, (2, 1)),
    ],
    ids=["single", "pair", "odd", "long"],
)
def test_a_level_is_compared_with_the_one_before(values, levels):
    assert level_shift(np.array(values)) == levels


def passes(gate: Gate, p_value: float, *, row=1_000, at=AT, is_large=True) -> bool:
    return gate.decide(p_value, is_large=is_large, row=row, at=at)[0] is Finding.ANOMALY


def test_the_gate_wants_rare_large_and_late_enough():
    gate = Gate()

    assert passes(gate, 0.01)
    assert not passes(gate, 0.02)
    assert not passes(gate, 0.01, is_large=False)
    assert gate.decide(0.001, is_large=True, row=WARM_UP, at=AT) == (Finding.LEARNING, gate)


def test_more_of_the_same_is_no_news():
    _, gate = Gate().decide(0.01, is_large=True, row=1_000, at=AT)

    assert not passes(gate, 1e-4, row=1_000 + COOLDOWN)
    assert passes(gate, 1e-4, row=1_001 + COOLDOWN)


def test_an_alert_makes_the_next_one_dearer_until_it_is_forgiven():
    _, gate = Gate().decide(0.01, is_large=True, row=1_000, at=AT)
    p_value = 0.012  # under 1.5 %, over 1.5 % / 10 ** 0.25 = 0.84 %

    assert not passes(gate, p_value, row=2_000)
    assert not passes(gate, p_value, row=2_000, at=AT - timedelta(days=9))
    assert passes(gate, p_value, row=2_000, at=AT + timedelta(days=FORGIVEN_DAYS))


def test_a_stored_gate_is_the_same_gate():
    _, gate = Gate().decide(0.01, is_large=True, row=1_000, at=AT)

    assert Gate.from_state(gate.to_state()) == gate
    assert Gate.from_state(Gate().to_state()) == Gate()


def evidence(*signs, low=1.2, high=1.9, at_this_hour=True):
    usual = Usual(low=low, high=high, at_this_hour=at_this_hour)
    return Evidence(signs=signs, usual=usual, levels=(3.21, 1.5), seen=3_912)


@pytest.mark.parametrize(
    ("why", "value", "sentence"),
    [
        (evidence(Sign.RECORD_HIGH), 4.1, "P95 4.1 s, usual 1.2-1.9 s at this hour; the highest of 3,912 values"),
        (evidence(Sign.RECORD_LOW, at_this_hour=False), 0.0, "P95 0 s, usual 1.2-1.9 s; the lowest of 3,912 values"),
        (evidence(Sign.LEVEL), 1.5, "P95 1.5 s, within the usual 1.2-1.9 s at this hour; the level moved from 1.5 to 3.21 s"),
        (evidence(Sign.COURSE), 4.0, "P95 4 s, usual 1.2-1.9 s at this hour; the last 12 values run unlike those before"),
        (evidence(Sign.LONG_COURSE, low=-2), 4.0, "P95 4 s, usual -2 to 1.9 s at this hour; the last 56 values run unlike those before"),
    ],
    ids=["high", "low", "level", "course", "negative"],
)  # fmt: skip
def test_an_anomaly_is_explained_in_words(why, value, sentence):
    assert explain(why, value, name="P95", unit="s") == sentence


def test_without_a_unit_none_is_written():
    assert explain(evidence(Sign.RECORD_HIGH), 4.1).startswith("value 4.1, usual 1.2-1.9 at")


@pytest.mark.parametrize(
    ("value", "written"),
    [(0, "0"), (0.12345, "0.123"), (12.0, "12"), (999.9, "1000"), (31_415_250, "31,415,250"), (-0.5, "-0.5"), (2e-7, "2e-07"), (1e300, "1e+300")],
)  # fmt: skip
def test_numbers_are_short(value, written):
    assert number(value) == written
