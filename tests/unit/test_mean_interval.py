"""Intervals of means of which only the mean and the number of values are kept."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from prisma_assets.domain.monitoring.mean_interval import mean_interval


def test_a_share_has_the_interval_of_wilson():
    """9 of 10: 0.5958 to 0.9821, as Newcombe (1998), Statistics in Medicine 17, 857-872, computes method 3."""
    assert mean_interval(0.9, 10, least=0, most=1) == pytest.approx((0.5958, 0.9821), abs=5e-5)


def test_without_a_value_nothing_is_known():
    assert mean_interval(None, 0, least=1, most=5) is None
    assert mean_interval(4.0, 0, least=1, most=5) is None


@given(mean=st.floats(1, 5), n=st.integers(1, 10_000))
def test_an_interval_holds_its_mean_and_stays_within_the_scale(mean, n):
    low, high = mean_interval(mean, n, least=1, most=5)

    assert 1 <= low <= mean + 1e-9
    assert mean - 1e-9 <= high <= 5


@given(mean=st.floats(0, 1), n=st.integers(1, 1_000))
def test_more_values_make_it_narrower(mean, n):
    low, high = mean_interval(mean, n, least=0, most=1)
    closer = mean_interval(mean, 2 * n, least=0, most=1)

    assert closer[1] - closer[0] < high - low
