"""The search over an agent's settings: what is tried, what goes on, and what counts as better."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from prisma_assets.domain.experiments.search import (
    Mark,
    Span,
    compared,
    drawn,
    selection_mark,
    survivors,
)

SPANS = {"days": Span(least=5, most=90), "entries": Span(least=10, most=5_000)}


def marks(*scores, missed=0):
    return [Mark(score=s, missed=missed) for s in scores]


def test_settings_are_within_their_range_and_the_same_for_the_same_seed():
    tried = drawn(SPANS, count=30, seed=4)
    assert tried == drawn(SPANS, count=30, seed=4) != drawn(SPANS, count=30, seed=5)
    assert all(span.least <= s[name] <= span.most for s in tried for name, span in SPANS.items())
    assert len({tuple(s.items()) for s in tried}) == len(tried)


def test_small_numbers_are_tried_as_often_as_large_ones():
    """Ten to a hundred is as wide as a hundred to a thousand."""
    tried = [s["entries"] for s in drawn({"entries": SPANS["entries"]}, count=64, seed=1)]
    assert 0.4 < np.mean([value < 10 * 500**0.5 for value in tried]) < 0.6


def test_a_space_of_one_value_is_tried_once():
    assert drawn({"n": Span(least=3, most=3)}, count=8, seed=0) == [{"n": 3}]


def test_who_misses_an_error_goes_last_however_short_his_list():
    found = survivors([marks(0.2), marks(0.9, missed=1), marks(0.4), marks(0.4)], keep=3)

    assert found == [2, 3, 0]


def test_settings_that_overlook_an_error_are_not_better():
    present, chosen = marks(*[0.2] * 24), [*marks(*[0.9] * 23), Mark(score=0.8, missed=1)]
    judged = compared(present, chosen)
    assert judged.low > 0
    assert judged.missed_more == 1
    assert not judged.is_better
    assert compared(present, marks(*[0.9] * 24)).is_better


def test_three_tasks_decide_nothing():
    judged = compared(marks(0, 0, 0), marks(1, 1, 1))
    assert judged.effect == 1
    assert judged.low < 0
    assert not judged.is_better


@pytest.mark.parametrize("spread", [0.05, 0.3])
def test_the_interval_holds_the_truth_as_often_as_it_says(spread):
    """400 hold-outs without a difference: at most 5 % of the intervals lie off 0, within the error of 400 (three deviations: 3.3 %)."""
    rng = np.random.default_rng(11)
    off = 0
    for _ in range(400):
        a, b = (np.clip(rng.normal(0.5, spread, 24), 0, 1) for _ in range(2))
        judged = compared(marks(*a), marks(*b))
        off += judged.low > 0 or judged.high < 0
    assert off / 400 <= 0.05 + 0.033


def test_a_selection_is_worth_what_it_finds_and_what_it_spares():
    errors, neutral = frozenset({"e1", "e2"}), frozenset({"n"})
    whole = selection_mark(["e1", "e2", "n"], errors, neutral=neutral)
    half = selection_mark(["e1", "s1", "s2"], errors, neutral=neutral)
    nothing = selection_mark([], errors, neutral=neutral)
    # precision 1/3, recall 1/2: 2 * (1/6) / (5/6) = 0.4
    assert [(m.score, m.missed) for m in (whole, half, nothing)] == [(1, 0), (0.4, 1), (0, 2)]


@given(st.sets(st.sampled_from("abcdefgh")), st.sets(st.sampled_from("abcdefgh"), min_size=1))
def test_a_score_is_a_share(selected, errors):
    mark = selection_mark(sorted(selected), frozenset(errors), neutral=frozenset())
    assert 0 <= mark.score <= 1
    assert (mark.score == 1) == (selected == errors)
