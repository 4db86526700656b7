"""How pages write figures: units people use, and "no data" where there is none."""

from datetime import UTC, datetime, timedelta

import pytest

from prisma_assets.web.page import NO_DATA, ago, chart, duration, money, number, share, when, words

NOW = datetime(2026, 3, 4, 12, tzinfo=UTC)


@pytest.mark.parametrize("write", [number, money, duration, share])
def test_what_was_not_measured_is_no_data_and_never_nought(write):
    assert write(None) == NO_DATA
    assert write(0) != NO_DATA


@pytest.mark.parametrize(
    ("milliseconds", "said"),
    [
        (0.4, "0 ms"),
        (999, "999 ms"),
        (1_500, "1.5 s"),
        (61_000, "1 min 1 s"),
        (3_660_000, "1 h 1 min"),
        (90_000_000, "1 d 1 h"),
    ],
)
def test_a_duration_is_said_in_its_own_unit(milliseconds, said):
    assert duration(milliseconds) == said


@pytest.mark.parametrize(
    ("usd", "said"),
    [(0, "$0.00"), (0.00123, "$0.0012"), (1234.5, "$1,234.50"), (-3, "$-3.00")],
)
def test_small_money_keeps_the_digits_it_needs(usd, said):
    assert money(usd) == said


@pytest.mark.parametrize(
    ("back", "said"),
    [
        (timedelta(seconds=3), "just now"),
        (timedelta(minutes=5), "5 min ago"),
        (timedelta(hours=30), "1 d ago"),
        (timedelta(hours=-1), "2026-03-04 13:00"),
    ],
)
def test_how_long_ago(back, said):
    assert ago(NOW - back, NOW) == said


def test_what_never_was_says_so():
    assert (ago(None), when(None), words(None)) == ("never", "never", "")
    assert words("waiting_for-you") == "waiting for you"


def test_a_chart_keeps_its_gaps():
    drawn = chart([{"name": "P95", "x": [NOW, NOW], "y": [1.0, None]}], unit="ms")

    assert drawn["series"][0]["x"] == [NOW.isoformat()] * 2
    assert drawn["series"][0]["y"] == [1.0, None]
