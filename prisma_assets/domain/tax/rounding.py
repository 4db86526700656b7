"""The one rounding rule of the tax computations: exact fractions, brought to a whole cent once, halves away from zero.

Rounding that a return prescribes (whole euros, whole pounds) is the form's business, not this module's.
"""

from decimal import Decimal
from fractions import Fraction

Share = Fraction | Decimal | int
"""An exact factor; never a float."""


def to_cents(amount: Fraction) -> int:
    """The nearest whole cent, halves away from zero."""
    doubled = 2 * abs(amount) + 1
    size = doubled.numerator // (2 * doubled.denominator)
    return -size if amount < 0 else size


def portion(cents: int, share: Share) -> int:
    """That share of an amount, in whole cents."""
    return to_cents(cents * Fraction(share))


def pct_of(cents: int, pct: Share) -> int:
    """That percentage of an amount, in whole cents."""
    return to_cents(cents * Fraction(pct) / 100)


def ratio_pct(part: int, whole: int) -> Fraction | None:
    """One amount as an exact percentage of another; None when the other is zero."""
    return None if whole == 0 else Fraction(100 * part, whole)


def pct_text(pct: Fraction | Decimal | None) -> str:
    """A percentage for reading, with two decimals; "not known" for None."""
    if pct is None:
        return "not known"
    hundredths = to_cents(Fraction(pct) * 100)
    whole, rest = divmod(abs(hundredths), 100)
    return f"{'-' if hundredths < 0 else ''}{whole:,}.{rest:02d} %"
