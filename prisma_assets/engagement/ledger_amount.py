"""The three ways a ledger writes the side of an amount, to one signed amount, debit positive.

Finding the columns does not belong here: that is `mapping`.
"""

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from prisma_assets.engagement.formats import ValueProblem, first_true, text

DEBIT_MARKS = ("D", "DR", "DB", "DEBIT", "DEBET", "S", "SOLL", "DEBE", "DARE")
CREDIT_MARKS = ("C", "CR", "CREDIT", "K", "KREDIT", "H", "HABEN", "HABER", "A", "AVERE")
"""English, German (S/H), Dutch and Nordic (D/K), Spanish (D/H), Italian (D/A)."""


def from_sides(debit: pa.Array, credit: pa.Array) -> pa.Array:
    """Debit minus credit in cents; an empty side is nothing on that side.

    Credits may be written with a minus: a credit column without one positive value is.
    """
    sides = pc.fill_null(debit, 0), pc.fill_null(credit, 0)
    if is_written_negative(credit):
        return pc.add(*sides)
    return pc.subtract(*sides)


def is_written_negative(credit: pa.Array) -> bool:
    """Whether a credit column writes its amounts with a minus throughout."""
    lowest, highest = pc.min_max(credit).values()
    return bool(lowest.is_valid and lowest.as_py() < 0 and highest.as_py() <= 0)


def from_indicator(amount: pa.Array, indicator: pa.Array) -> pa.Array:
    """Amount in cents under the sign its indicator gives.

    Where credits already carry a minus and debits none, the indicator only repeats the sign. Otherwise a minus on
    either side is a reversal of that side and stays one.

    Raises:
        ValueProblem: An indicator names neither side.
    """
    marks = pc.utf8_rtrim(pc.utf8_upper(text(indicator)), ".")
    is_credit = pc.fill_null(pc.is_in(marks, pa.array(CREDIT_MARKS)), False)
    is_debit = pc.fill_null(pc.is_in(marks, pa.array(DEBIT_MARKS)), False)
    row = first_true(np.asarray(pc.invert(pc.or_(is_credit, is_debit))))
    if row is not None:
        raise ValueProblem(row, "is no debit or credit indicator; use D and C")
    credits, debits = amount.filter(is_credit), amount.filter(is_debit)
    lowest_debit = pc.min(debits).as_py()
    if is_written_negative(credits) and (lowest_debit is None or lowest_debit >= 0):
        return amount
    return pc.if_else(is_credit, pc.negate(amount), amount)
