"""What people read of a trend: a figure in its unit, which way it went, and since when."""

from datetime import date

import pytest

from prisma_assets.domain.learning.tracked import Tracked
from prisma_assets.domain.learning.trend_text import (
    change_sentence,
    figure,
    level_sentence,
    trend_sentence,
)


@pytest.mark.parametrize(
    ("metric", "value", "text"),
    [
        (Tracked.LATENCY, 1240.4, "1,240 ms"),
        (Tracked.ERROR_RATE, 0.0312, "3.1 %"),
        (Tracked.ACCURACY, 0.9312, "93.1 %"),
        (Tracked.COST, 0.01234, "$0.0123"),
        (Tracked.TOKENS, 12_345.6, "12,346 tokens"),
        (Tracked.SATISFACTION, 4.216, "4.22 of 5"),
    ],
)
def test_a_figure_has_its_unit(metric, value, text):
    assert figure(metric, value) == text


def test_every_figure_can_be_told():
    for metric in Tracked:
        assert "over 30 days" in trend_sentence(metric, level=1.0, change=-0.5, days=30)


def test_a_trend_says_which_way_and_where_to():
    """A median of 1,000 ms and a rise of 200 in all: about 1,100 in the end."""
    said = trend_sentence(Tracked.LATENCY, level=1000, change=200, days=56)

    assert said == (
        "P95 of the time per run rose by 200 ms over 56 days with data, to about 1,100 ms"
    )


def test_a_rate_never_falls_below_none():
    said = trend_sentence(Tracked.ERROR_RATE, level=0.01, change=-0.05, days=56)

    assert said.endswith("fell by 5.0 % over 56 days with data, to about 0.0 %")


def test_a_change_says_since_when():
    said = change_sentence(Tracked.ACCURACY, at=date(2026, 3, 4), before=0.931, after=0.88)

    assert said == "accuracy has been 88.0 % since 2026-03-04, before it was 93.1 %"


def test_no_trend_is_a_level():
    assert level_sentence(Tracked.COST, level=0.02, days=40) == (
        "cost per run about $0.0200 over 40 days with data"
    )
