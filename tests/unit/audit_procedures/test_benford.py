"""First-two-digits test: against amounts made to conform, and made not to."""

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from prisma_assets.domain.audit import benford
from prisma_assets.domain.audit.books import Books


def conforming(n):
    """Amounts whose logarithms are evenly spread over four decades from 10.00: Benford's law by construction."""
    exponents = 3 + 4 * (np.arange(n) + 0.5) / n
    return pd.Series(np.floor(10**exponents).astype("int64"))


@settings(max_examples=100, deadline=None)
@given(amount=st.integers(10, 2**63 - 1))
def test_leading_digits_are_exact(amount):
    """Also next to powers of ten and at the largest integer, where logarithms round wrongly."""
    assert benford.leading_pairs(np.array([amount]))[0] == int(str(amount)[:2])


def test_expected_proportions_follow_the_law():
    """log10(1 + 1/d) over all pairs is one; 10 leads 4.139 % of amounts."""
    assert benford.EXPECTED.sum() == pytest.approx(1)
    assert benford.EXPECTED[0] == pytest.approx(0.04139, abs=5e-6)
    assert benford.EXPECTED[-1] == pytest.approx(0.00436, abs=5e-6)


def test_conforming_amounts_conform():
    """The mean absolute deviation of conforming amounts is close to nothing and no pair stands out."""
    test = benford.first_two_digits_of(conforming(20_000))

    assert test.conformity == "close conformity"
    assert test.is_explained_by_chance
    assert max(np.abs(test.z)) < 1
    assert sum(test.counts) == test.n == 20_000


def test_expected_deviation_is_what_conforming_samples_show():
    """MAD has no correction for the number of amounts: simulated conforming samples deviate as much as reckoned."""
    generator = np.random.default_rng(7)
    tests = [
        benford.first_two_digits_of(
            pd.Series(np.floor(10 ** generator.uniform(3, 7, 500)).astype("int64"))
        )
        for _ in range(100)
    ]

    mean = np.mean([t.mad for t in tests])
    rejected = np.mean([not t.is_explained_by_chance for t in tests])

    assert mean == pytest.approx(tests[0].expected_mad, rel=0.03)
    assert all(
        t.conformity == "nonconformity" for t in tests
    )  # by the bands alone: too few amounts
    assert rejected <= 0.12  # 5 % nominal, 100 samples: binomial bound


def test_an_invented_price_stands_out():
    """Five hundred payments of just under an approval limit of 5,000.00 show as a surplus of 49."""
    amounts = pd.concat([conforming(10_000), pd.Series([499_500] * 500)])

    test = benford.first_two_digits_of(amounts)
    outcome = benford.first_two_digits(
        Books(tables={"payments_made": pd.DataFrame({"payment_amount_cents": amounts})})
    )

    assert int(benford.DIGITS[np.argmax(test.z)]) == 49
    assert outcome.figures["populations"]["payments_made"]["spikes"] == [49]
    spikes = outcome.evidence[1]
    assert spikes.rows[0][0] == 49
    assert spikes.rows[0][-2:] == ("4,995.00", 500)
    assert outcome.findings == ()


def test_small_zero_and_negative_amounts_are_left_out():
    """Amounts under 10.00, credits and zeros take no part, and are counted."""
    amounts = pd.concat([conforming(400), pd.Series([999, 0, -5_000])])

    test = benford.first_two_digits_of(amounts)

    assert (test.n, test.excluded) == (400, 3)


def test_too_few_amounts_are_not_tested():
    """Under 300 amounts chance alone looks like nonconformity; the reason is given."""
    books = Books(tables={"payments_made": pd.DataFrame({"payment_amount_cents": conforming(299)})})

    outcome = benford.first_two_digits(books)

    assert benford.first_two_digits_of(conforming(299)) == benford.NotEnoughAmounts(n=299)
    assert outcome.procedure.status == "not performed"
    assert "299 amounts of 10.00 or more and 300 are needed" in outcome.procedure.reason


@pytest.mark.parametrize(
    ("mad", "band"),
    [
        (0.0012, "close conformity"),
        (0.0013, "acceptable conformity"),
        (0.0018, "acceptable conformity"),
        (0.0020, "marginally acceptable conformity"),
        (0.0023, "nonconformity"),
    ],
)
def test_bands_of_conformity(mad, band):
    """Nigrini (2012), table 7.1, first-two digits."""
    test = benford.DigitTest(
        n=1, excluded=0, counts=(), z=(), mad=mad, expected_mad=0.001, chi_square=0, p_value=1
    )

    assert test.conformity == band
    assert test.excess_mad == pytest.approx(mad - 0.001)
