"""Which days one run of the loop takes together."""

from datetime import date, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from prisma_assets.platform.learn import MOST_DAYS, _stretches

FIRST = date(2026, 1, 1)


def day(number: int) -> date:
    return FIRST + timedelta(days=number)


@pytest.mark.parametrize(
    ("days", "stretches"),
    [
        ([], []),
        ([3], [(3, 3)]),
        ([1, 2, 3], [(1, 3)]),
        ([1, 2, 5, 7, 8], [(1, 2), (5, 5), (7, 8)]),
    ],
)
def test_consecutive_days_go_together(days, stretches):
    found = list(_stretches([day(n) for n in days]))

    assert found == [(day(first), day(last)) for first, last in stretches]


@given(st.sets(st.integers(0, 500)))
def test_every_day_is_taken_once_and_no_stretch_is_too_long(numbers):
    days = sorted(day(n) for n in numbers)
    taken = [
        first + timedelta(days=n)
        for first, last in _stretches(days)
        for n in range((last - first).days + 1)
    ]

    assert taken == days
    assert all((last - first).days < MOST_DAYS for first, last in _stretches(days))
