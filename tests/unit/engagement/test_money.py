"""Amounts as exports write them come out in exact cents, or are refused."""

import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from prisma_assets.engagement.formats import ValueProblem
from prisma_assets.engagement.money import (
    AmbiguousDecimalError,
    Written,
    decimal_mark,
    number_cents,
    written_cents,
)


def read(*values: str | None) -> list[int | None]:
    written = Written.of(pa.array(values, pa.string()))
    return written_cents(written, decimal_mark([written])).values.to_pylist()


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("36.08", 3608),
        ("-1.5", -150),
        (".50", 50),
        ("5.", 500),
        ("007.10", 710),
        ("1,234.50", 123450),
        ("1,23,456.00", 12345600),
        ("1.234,50", 123450),
        ("1.234.567", 123456700),
        ("1 234,5", 123450),
        ("1\u00a0234\u202f567,89", 123456789),
        ("1'234'567.89", 123456789),
        ("(5.00)", -500),
        ("$ (1,000.25)", -100025),
        ("7.00-", -700),
        ("−4.00", -400),
        ("-$3.10", -310),
        ("US$ 1,000.00", 100000),
        ("EUR 1.00", 100),
        ("-12,00 €", -1200),
        ("5.00 USD", 500),
        ("12.00 CR", -1200),
        ("12.00CR", -1200),
        ("5.00 DR", 500),
        ("2.00 C", -200),
        ("-", 0),
        ("$ -", 0),
        ("  ", None),
    ],
)
def test_amount_reads_as_it_is_written(text: str, expected: int | None) -> None:
    """Signs, symbols, brackets and separators of real exports; an accounting dash is zero, blank is nothing."""
    assert read(text) == [expected]


@pytest.mark.parametrize(
    "text", ["abc", "1e5", "12ABC34", "1 2", "EUR", "()", "(5.00", "12.5.1", "(5-)", "-5.00 DR", "5,5,5.0", "1" * 17]
)  # fmt: skip
def test_what_is_no_amount_is_refused(text: str) -> None:
    """A value with two signs, a stray letter or an open bracket is never guessed at."""
    with pytest.raises(ValueProblem) as problem:
        read("1.00", text)

    assert problem.value.row == 1


def test_decimal_mark_is_decided_by_the_whole_file() -> None:
    """A lone 1.234 could be both; beside 7,50 it is one thousand two hundred and thirty-four."""
    assert read("1.234", "7,50") == [123400, 750]
    assert read("1,234", "7.50") == [123400, 750]


def test_undecided_decimal_mark_is_not_guessed() -> None:
    """A wrong guess would be a thousandfold error."""
    with pytest.raises(AmbiguousDecimalError):
        read("1.234", "500")


def test_fractions_of_a_cent_are_rounded_and_counted() -> None:
    """Half to even; a float written out at full length is no fraction."""
    written = Written.of(pa.array(["1.005", "36.080000000000005", "1.015"]))
    cents = written_cents(written, ".")

    assert cents.values.to_pylist() == [100, 3608, 102]
    assert (cents.rounded, cents.first_rounded) == (2, 0)


def test_floats_come_to_the_cent_they_stand_for() -> None:
    """36.08 is not representable; it still is 3608 cents. Half a cent is counted as rounded."""
    cents = number_cents(pa.array([36.08, None, 1e9 + 0.01, 0.005, float("nan")]))

    assert cents.values.to_pylist() == [3608, None, 100000000001, 0, None]
    assert (cents.rounded, cents.first_rounded) == (1, 3)


def test_integers_are_whole_currency_units() -> None:
    assert number_cents(pa.array([5, None, -3])).values.to_pylist() == [500, None, -300]


@pytest.mark.parametrize("column", [pa.array([10**18]), pa.array([float("inf")])])
def test_numbers_too_large_are_refused(column: pa.Array) -> None:
    with pytest.raises(ValueProblem):
        number_cents(column)


@settings(max_examples=50)
@given(st.lists(st.integers(-(10**14), 10**14), min_size=1))
def test_cents_survive_every_way_of_writing(amounts: list[int]) -> None:
    """What is written from cents reads back as the same cents, with and without separators."""
    plain = [f"{'-' if a < 0 else ''}{abs(a) // 100}.{abs(a) % 100:02d}" for a in amounts]
    grouped = [f"{abs(a) // 100:,}.{abs(a) % 100:02d}{'-' if a < 0 else ''}" for a in amounts]
    european = [f"{g}".translate(str.maketrans(",.", ".,")) for g in grouped]

    assert read(*plain) == read(*grouped) == read(*european) == amounts
