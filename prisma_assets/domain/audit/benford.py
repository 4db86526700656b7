"""First-two-digits test of amounts against Benford's law.

Source: M. J. Nigrini, Benford's Law (Wiley, 2012). A population that does not conform is a reason to
look, never a misstatement: no finding is made here.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy import stats

from prisma_assets.domain.audit.books import Books
from prisma_assets.domain.audit.outcome import (
    Outcome,
    count,
    evidence_of,
    lacking,
    money,
    not_performed,
    performed,
)
from prisma_assets.domain.audit.workpaper import Evidence

FIRST_TWO_DIGITS = "Benford first-two-digits test"
MINIMUM_AMOUNTS = 300
"""Below it the mean absolute deviation of conforming amounts themselves (about 0.08 / sqrt(n)) is over twice the
limit of nonconformity, so nothing can be told."""
SMALLEST_CENTS = 1_000
"""Amounts under 10.00 are left out: they are immaterial and hold no second digit of their own (Nigrini)."""
CLOSE, ACCEPTABLE, MARGINAL = 0.0012, 0.0018, 0.0022
"""Upper ends of the bands of mean absolute deviation for first-two digits (Nigrini, table 7.1)."""
SPIKE_Z = 2.57
"""Two-sided 1 % point of the normal distribution; of 90 digit pairs about one lies beyond it by chance."""
DIGITS = np.arange(10, 100)
EXPECTED: NDArray[np.float64] = np.log10(1 + 1 / DIGITS)
"""Benford's proportions of the first-two digits 10 to 99."""

_POPULATIONS = (
    ("payments_made", "payment_amount_cents", "payments"),
    ("gl_detail", "amount_cents", "debit lines of the ledger"),
    ("invoices_generated", "invoice_amount_cents", "sales invoices"),
)


@dataclass(frozen=True, kw_only=True)
class NotEnoughAmounts:
    """Too few amounts for the test to tell anything."""

    n: int
    needed: int = MINIMUM_AMOUNTS


@dataclass(frozen=True, kw_only=True)
class DigitTest:
    """How the first-two digits of a population lie against Benford's law."""

    n: int
    """Amounts of 10.00 or more."""
    excluded: int
    """Smaller, zero and negative amounts, which are left out."""
    counts: tuple[int, ...]
    """Amounts per digit pair, 10 to 99."""
    z: tuple[float, ...]
    """Z-statistic per digit pair with continuity correction, signed: positive where there are too many."""
    mad: float
    """Mean absolute deviation of the proportions."""
    expected_mad: float
    """What conforming amounts of this number show on average: MAD has no correction for n of its own."""
    chi_square: float
    p_value: float
    """Of the chi-square statistic, 89 degrees of freedom; with many amounts any trifle is significant."""

    @property
    def excess_mad(self) -> float:
        """MAD beyond what chance explains (Barney and Schulzke 2016, Journal of Forensic Accounting Research 1(1))."""
        return self.mad - self.expected_mad

    @property
    def conformity(self) -> str:
        """Nigrini's band for the MAD."""
        bands = {CLOSE: "close", ACCEPTABLE: "acceptable", MARGINAL: "marginally acceptable"}
        band = next((name for limit, name in bands.items() if self.mad <= limit), "")
        return f"{band} conformity" if band else "nonconformity"

    @property
    def is_explained_by_chance(self) -> bool:
        """True when conforming amounts of this number would often deviate as much (chi-square, 5 %)."""
        return self.p_value > 0.05


def first_two_digits_of(amounts_cents: pd.Series) -> DigitTest | NotEnoughAmounts:
    """Test one population; amounts under 10.00, zeros and negatives are left out.

    Args:
        amounts_cents: Hundredths of a currency, integers.
    """
    values = amounts_cents.dropna().to_numpy(dtype="int64")
    kept = values[values >= SMALLEST_CENTS]
    n = len(kept)
    if n < MINIMUM_AMOUNTS:
        return NotEnoughAmounts(n=n)
    counts = np.bincount(leading_pairs(kept), minlength=100)[10:]
    deviation = counts / n - EXPECTED
    error = np.sqrt(EXPECTED * (1 - EXPECTED) / n)
    corrected = np.abs(deviation) - 1 / (2 * n)
    # The continuity correction is used only where it is smaller than the deviation (Nigrini, on the Z-statistic).
    z = np.sign(deviation) * np.where(corrected > 0, corrected, np.abs(deviation)) / error
    chi_square = float((n * deviation**2 / EXPECTED).sum())
    return DigitTest(
        n=n,
        excluded=len(values) - n,
        counts=tuple(counts.tolist()),
        z=tuple(z.tolist()),
        mad=float(np.abs(deviation).mean()),
        # E|X - np| of a binomial by its normal limit: sigma * sqrt(2 / pi).
        expected_mad=float((error * np.sqrt(2 / np.pi)).mean()),
        chi_square=chi_square,
        p_value=float(stats.chi2.sf(chi_square, len(DIGITS) - 1)),
    )


def leading_pairs(amounts: NDArray[np.int64]) -> NDArray[np.int64]:
    """The first two digits of integers of 10 or more; exact, since no logarithm is rounded."""
    powers = 10 ** np.arange(1, 19, dtype="int64")
    below_first = np.searchsorted(powers, amounts, side="right") - 1
    return np.asarray(amounts // np.concatenate(([1], powers))[below_first], dtype="int64")


def first_two_digits(books: Books) -> Outcome:
    """Test every population of amounts the books hold: payments, debit lines of the ledger, sales invoices."""
    tests: dict[str, DigitTest] = {}
    populations, results, evidence, obstacles = [], [], [], []
    for table, column, noun in _POPULATIONS:
        if reason := lacking(books, table, column):
            obstacles.append(reason)
            continue
        amounts = books.tables[table][column]
        test = first_two_digits_of(amounts)
        if isinstance(test, NotEnoughAmounts):
            obstacles.append(
                f"table {table} has {test.n:,} amounts of 10.00 or more and {test.needed} are needed"
            )
            continue
        tests[table] = test
        total = int(amounts[amounts >= SMALLEST_CENTS].sum())
        populations.append(f"{test.n:,} {noun} of 10.00 or more, total {money(total)}")
        results.append(_wording(noun, test))
        evidence.append(_spikes(noun, amounts, test))
    if not tests:
        return not_performed(FIRST_TWO_DIGITS, "; ".join(obstacles))
    return performed(
        FIRST_TWO_DIGITS,
        population="; ".join(populations),
        result=" ".join(results),
        evidence=(_summary(tests), *evidence),
        figures={"populations": {table: _figures(test) for table, test in tests.items()}},
    )


def _wording(noun: str, test: DigitTest) -> str:
    chance = ", within chance for so few amounts" if test.is_explained_by_chance else ""
    spikes = sum(z > SPIKE_Z for z in test.z)
    return (
        f"{noun[0].upper()}{noun[1:]}: {test.conformity} (MAD {test.mad:.5f}{chance}), "
        f"{count(spikes, 'digit pair')} with significantly too many."
    )


def _figures(test: DigitTest) -> dict[str, Any]:
    return {
        "n": test.n,
        "excluded": test.excluded,
        "mad": test.mad,
        "expected_mad": test.expected_mad,
        "excess_mad": test.excess_mad,
        "conformity": test.conformity,
        "is_explained_by_chance": test.is_explained_by_chance,
        "chi_square": test.chi_square,
        "p_value": test.p_value,
        "spikes": [int(d) for d, z in zip(DIGITS, test.z, strict=True) if z > SPIKE_Z],
    }


def _summary(tests: dict[str, DigitTest]) -> Evidence:
    rows = [
        (
            table,
            t.n,
            t.excluded,
            f"{t.mad:.5f}",
            f"{t.expected_mad:.5f}",
            t.conformity,
            f"{t.chi_square:.1f}",
        )
        for table, t in tests.items()
    ]
    names = ["table", "amounts", "left_out", "MAD", "MAD_by_chance", "conformity", "chi_square"]
    return evidence_of("First-two digits against Benford's law", pd.DataFrame(rows, columns=names))


def _spikes(noun: str, amounts: pd.Series, test: DigitTest) -> Evidence:
    """The five digit pairs with the largest surplus and the amount that occurs most often in each."""
    kept = amounts.dropna()
    kept = kept[kept >= SMALLEST_CENTS]
    pairs = leading_pairs(kept.to_numpy(dtype="int64"))
    largest = np.argsort(-np.asarray(test.z), kind="stable")[:5]
    rows = []
    for index in largest:
        often = kept[pairs == DIGITS[index]].value_counts().head(1)
        amount, times = (money(often.index[0]), int(often.iloc[0])) if len(often) else ("", 0)
        proportions = (test.counts[index] / test.n, EXPECTED[index])
        shares = [f"{value:.3%}" for value in proportions]
        rows.append(
            (int(DIGITS[index]), test.counts[index], *shares, f"{test.z[index]:.1f}", amount, times)
        )
    names = ["digits", "amounts", "share", "expected", "z", "most_frequent_amount", "times"]
    return evidence_of(f"Largest surpluses: {noun}", pd.DataFrame(rows, columns=names))
