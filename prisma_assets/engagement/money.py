"""Amounts as people and programs write them, to whole cents, exactly.

Text is never read through a float: 1.005 is not 1.00499999. Which column holds an amount does not belong here.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from decimal import Decimal
from functools import reduce
from typing import Literal

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from prisma_assets.engagement.formats import ValueProblem, first_true, text

DecimalMark = Literal[".", ","]

PLAIN = r"^-?\d{1,16}(\.\d{1,2})?$"
"""What needs no cleaning. 16 digits before the mark is what int64 cents can hold."""
WELL_FORMED = {
    ".": r"^(\d+|\d{1,3}([,_]\d{2,3})*[,_]\d{3})(\.\d*)?$|^\.\d+$",
    ",": r"^(\d+|\d{1,3}([._]\d{2,3})*[._]\d{3})(,\d*)?$|^,\d+$",
}
"""An amount without sign and symbols under each decimal mark; `_` stands for a space or apostrophe between groups
(groups of two are Indian lakh grouping)."""
HOLDABLE = r"^\d{0,16}(\.\d{0,18})?$"
"""What int64 cents can hold, and a decimal of 38 digits while rounding."""

CREDIT_MARK = r"(?i)([\d).,\s-])(CR|C)\.?$"
DEBIT_MARK = r"(?i)([\d).,\s-])(DR|D)\.?$"
BRACKETED = r"^\([\s\p{Z}]*(.*?)[\s\p{Z}]*\)$"
CURRENCY = r"(?:[A-Z]{0,2}\p{Sc}|[A-Z]{3})"
"""A symbol, with or without a country before it, or a code of three letters; only at either end of an amount."""
DECIMALS = 18
"""Decimals kept while rounding: a float written out at full length has no more."""
ALMOST_WHOLE = 1e-6
"""Cents. A float as near as this to a whole cent is the float of that cent; anything further off was no whole cent."""


class AmbiguousDecimalError(Exception):
    """Every separator could be a decimal mark or a thousands separator."""

    def __init__(self, value: str) -> None:
        super().__init__(value)
        self.value = value


@dataclass(frozen=True)
class Cents:
    """A column of amounts in whole cents."""

    values: pa.Array
    """int64, null where the file holds nothing."""
    rounded: int = 0
    """How many amounts carried fractions of a cent and were rounded half to even."""
    first_rounded: int | None = None
    """Row of the first of them."""


@dataclass(frozen=True)
class Written:
    """Amounts taken apart: how the sign is written, and the digits with their separators."""

    body: pa.Array
    negative: pa.Array
    signs: pa.Array
    """How many signs the value carries; more than one contradicts or repeats itself."""

    @staticmethod
    def of(column: pa.Array) -> "Written":
        """Take a column of any type but a number apart."""
        values = text(column)
        if pc.all(pc.match_substring_regex(values, PLAIN)).as_py() is not False:
            negative = pc.starts_with(values, "-")
            return Written(pc.utf8_ltrim(values, "-"), negative, pc.cast(negative, pa.int8()))
        return Written._taken_apart(values)

    @staticmethod
    def _taken_apart(values: pa.Array) -> "Written":
        body = pc.replace_substring_regex(values, r"[−–—]", "-")
        marks = [pc.match_substring_regex(body, mark) for mark in (CREDIT_MARK, DEBIT_MARK)]
        for pattern, kept in (
            (CREDIT_MARK, r"\1"),
            (DEBIT_MARK, r"\1"),
            (r"^([-+(\s\p{Z}]*)" + CURRENCY, r"\1"),
            (CURRENCY + r"([-)\s\p{Z}]*)$", r"\1"),
            (r"^[\s\p{Z}]+|[\s\p{Z}]+$", ""),
        ):
            body = pc.replace_substring_regex(body, pattern, kept)
        bracketed = pc.match_substring_regex(body, BRACKETED)
        body = pc.replace_substring_regex(body, BRACKETED, r"\1")
        leading = pc.starts_with(body, "-")
        trailing = pc.match_substring_regex(body, r".-$")
        body = pc.replace_substring_regex(body, r"^[-+][\s\p{Z}]*|[\s\p{Z}]*-$", "")
        # An accounting format writes zero as a dash: nothing but the sign is left.
        body = pc.if_else(pc.and_(leading, pc.equal(body, "")), "0", body)
        for _ in range(2):  # neighbouring groups share a digit, which one pass cannot match twice
            body = pc.replace_substring_regex(body, r"(\d)[\p{Z}'’](\d{3})", r"\1_\2")
        signs = [bracketed, leading, trailing, *marks]
        counted = [pc.cast(sign, pa.int8()) for sign in signs]
        negative = reduce(pc.or_, signs[:4])  # all but the debit mark
        return Written(body, negative, reduce(pc.add, counted))


def decimal_mark(columns: Iterable[Written]) -> DecimalMark:
    """The decimal mark that reads the amounts of one file, all its columns of text together.

    Raises:
        AmbiguousDecimalError: The separators there are could be either ("1.234" and nothing that decides).
    """
    bodies = pa.chunked_array([written.body for written in columns], pa.string())
    separated = bodies.filter(pc.match_substring_regex(bodies, "[.,]"))
    if len(separated) == 0:
        return "."
    point, comma = (
        pc.sum(pc.match_substring_regex(separated, WELL_FORMED[mark])).as_py() for mark in ".,"
    )
    if point == comma == len(separated):
        raise AmbiguousDecimalError(separated[0].as_py())
    return "." if point >= comma else ","


def number_cents(column: pa.Array) -> Cents:
    """A column of numbers as whole cents.

    Raises:
        ValueProblem: A value is no amount.
    """
    return (_integer_cents if pa.types.is_integer(column.type) else _float_cents)(column)


def _integer_cents(column: pa.Array) -> Cents:
    values = np.asarray(pc.fill_null(pc.cast(column, pa.float64(), safe=False), 0.0))
    too_large = first_true(np.abs(values) > 9e16)
    if too_large is not None:
        raise ValueProblem(too_large, "is larger than an amount can be")
    return Cents(pc.multiply(pc.cast(column, pa.int64()), 100))


def _float_cents(column: pa.Array) -> Cents:
    filled = np.asarray(pc.invert(pc.is_null(column, nan_is_null=True)))
    scaled = np.where(filled, pc.fill_null(column, 0.0).to_numpy(zero_copy_only=False), 0.0) * 100.0
    wrong = first_true(~(np.abs(scaled) < 9e18))
    if wrong is not None:
        raise ValueProblem(wrong, "is not an amount")
    whole = np.rint(scaled)
    # Large floats are coarser than the tolerance; four units in their last place is what arithmetic leaves.
    off = np.abs(scaled - whole) > np.maximum(ALMOST_WHOLE, 4 * np.spacing(np.abs(scaled)))
    return Cents(pa.array(whole.astype(np.int64), mask=~filled), int(off.sum()), first_true(off))


def written_cents(parts: Written, mark: DecimalMark) -> Cents:
    """A column of written amounts as whole cents.

    Raises:
        ValueProblem: A value is no amount under this decimal mark.
    """
    formed = pc.match_substring_regex(parts.body, WELL_FORMED[mark])
    _refuse(pc.invert(formed), "is not an amount")
    _refuse(pc.greater(parts.signs, 1), "carries two signs")
    separators = {".": "[,_]", ",": "[._]"}[mark]
    digits = pc.replace_substring(pc.replace_substring_regex(parts.body, separators, ""), ",", ".")
    _refuse(pc.invert(pc.match_substring_regex(digits, HOLDABLE)), "has more digits than an amount can hold")  # fmt: skip
    exact = pc.cast(digits, pa.decimal128(36, DECIMALS))
    rounded = pc.cast(pc.round(exact, 2, round_mode="half_to_even"), pa.decimal128(18, 2))
    whole = pc.cast(pc.multiply(rounded, pa.scalar(Decimal(100))), pa.int64())
    rest = pc.cast(pc.subtract(exact, pc.cast(rounded, exact.type)), pa.float64())
    off = np.asarray(pc.fill_null(pc.greater(pc.abs(rest), ALMOST_WHOLE / 100), False))
    signed = pc.if_else(parts.negative, pc.negate(whole), whole)
    return Cents(signed, int(off.sum()), first_true(off))


def _refuse(wrong: pa.Array, reason: str) -> None:
    row = first_true(np.asarray(pc.fill_null(wrong, False)))
    if row is not None:
        raise ValueProblem(row, reason)
