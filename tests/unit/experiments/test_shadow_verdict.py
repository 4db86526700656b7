"""What comparisons with the version at work allow to conclude."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from prisma_assets.domain.experiments.shadow_verdict import (
    Beside,
    Margins,
    least_calls,
    shadow_verdict,
)

MARGINS = Margins()
SAME = Beside(agreement=1.0, milliseconds=(100, 100), dollars=(0.02, 0.02))
FREE = replace(SAME, dollars=(0.0, 0.0))
MORE = "more will come"


def judged(calls, *, left=0, more=MORE, margins=MARGINS):
    return shadow_verdict(calls, margins, left=left, more=more)


def test_the_same_work_passes_after_as_many_calls_as_it_takes():
    least = least_calls(MARGINS)
    assert judged([FREE] * (least - 1)).word == "going on"
    assert judged([FREE] * least).word == "pass"
    assert judged([FREE] * least).dearer is None, "what costs nothing is not compared"
    assert judged([SAME] * least).reason.startswith("a cost at most 10% higher not shown yet")


@pytest.mark.parametrize(
    ("changed", "said"),
    [
        ({"agreement": 0.5}, "agrees less than 90%"),
        ({"milliseconds": (100, 300)}, "more than 25% slower"),
        ({"dollars": (0.02, 0.04)}, "more than 10% dearer"),
        ({"dollars": (0.0, 0.01)}, "more than 10% dearer"),
    ],
    ids=["other outputs", "slow", "dear", "no longer free"],
)
def test_what_is_surely_worse_fails(changed, said):
    found = judged([replace(SAME, **changed)] * 60)
    assert (found.word, said in found.reason) == ("fail", True), found.reason


def test_one_new_kind_of_error_fails_at_once():
    failed = Beside(agreement=0.0, new_error="ValueError: no rate for 2031")
    found = judged([FREE] * 100 + [failed])
    assert found.word == "fail"
    assert "no rate for 2031" in found.reason
    known = replace(failed, new_error=None)
    assert judged([FREE] * 100 + [known]).word == "pass", "an error that is known is a disagreement"


def test_what_cannot_be_seen_holds():
    unpriced = replace(SAME, dollars=(0.02, None))
    assert "no price" in judged([SAME] * 80 + [unpriced]).reason
    assert judged([SAME] * 80 + [unpriced]).word == "hold"
    lost = judged([FREE] * 80, left=20)
    assert (lost.word, lost.reason) == ("hold", "20 of 100 inputs could not be compared")
    assert judged([FREE] * 80, left=8).word == "pass"


def test_what_is_not_shown_by_the_declared_number_fails():
    wavering = [FREE, replace(FREE, agreement=0.8)] * 50
    found = judged(wavering, more=None)
    assert (found.word, "agreement above 90% is not shown" in found.reason) == ("fail", True)
    assert judged(wavering).word == "going on"
    assert judged([]).word == "going on"


@given(st.lists(st.floats(0, 1), max_size=40), st.randoms(use_true_random=False))
def test_the_order_of_comparisons_is_nothing(agreements, shuffle):
    calls = [replace(FREE, agreement=a) for a in agreements]
    other = list(calls)
    shuffle.shuffle(other)

    one, two = judged(calls), judged(other)
    assert one.word == two.word
    assert one.agreement.low == pytest.approx(two.agreement.low)
    assert 0 <= one.agreement.surely_low <= one.agreement.low + 1e-9
    assert one.agreement.high <= one.agreement.surely_high + 1e-9 <= 1 + 2e-9


def test_looking_often_passes_what_is_at_the_margin_seldom():
    """Exactly 90 % agreement must not pass more often than 5 %, however often it is looked at (200 runs, fixed seed)."""
    draw, passed = np.random.default_rng(7), 0
    for _ in range(200):
        calls = [replace(FREE, agreement=float(agreed)) for agreed in draw.random(120) < 0.9]
        passed += any(judged(calls[:n]).word == "pass" for n in (30, 40, 55, 80, 120))

    # 5 % of 200 is 10; three standard deviations of a binomial more is 19.
    assert passed <= 19
