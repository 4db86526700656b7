"""Three figures that ought to be one: what was used at list prices, what was recorded, and what a provider asks for.

Reading an invoice does not belong here (`invoice_line`), nor does asking for our records.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Literal

Cause = Literal[
    "agrees",
    "rounding",
    "missing in ours",
    "missing in theirs",
    "currency",
    "quantity",
    "price",
    "recording",
    "unexplained",
]
"""What makes an invoice line differ. recording: our cost is not what our own usage costs by the list; unexplained: the invoice
tells no tokens, or no list has the model, so that the parts cannot be told apart."""
EXPECTED: frozenset[Cause] = frozenset({"agrees", "rounding"})
"""Differences nobody has to look at."""

CENT_HALF = Decimal("0.005")
"""An invoice rounds each line to the cent."""
RECORD_HALF = Decimal("0.0000005")
"""We round the cost of each run to the millionth of a dollar."""
USD = "USD"

Key = tuple[str, str]
"""Day (2026-10-31) or month (2026-10), and model."""


@dataclass(frozen=True, kw_only=True)
class Invoiced:
    """What a provider asks for: the lines of one day or month and model together."""

    amount: Decimal
    """In `currency`; below 0 for a credit."""
    currency: str
    tokens: int | None
    """Read and written; None: the invoice does not tell."""
    listed_usd: Decimal | None
    """What those tokens cost by the list; None: no list has the model, or there are no tokens."""
    lines: int = 1
    """Each rounded by itself."""


@dataclass(frozen=True, kw_only=True)
class Recorded:
    """What we recorded of one day or month and model."""

    runs: int
    unpriced: int
    """Runs without a cost of their own; `usd` lacks theirs."""
    usd: Decimal
    tokens: int
    listed_usd: Decimal | None
    """What the usage costs by the list of its day; None: no list has the model."""


@dataclass(frozen=True, kw_only=True)
class Rate:
    """US dollars for one unit of another currency."""

    usd: Decimal

    @property
    def half(self) -> Decimal:
        """Half a unit of the last digit somebody wrote: what the rate may be off by."""
        exponent = self.usd.as_tuple().exponent
        return Decimal(5).scaleb(exponent - 1) if isinstance(exponent, int) else Decimal(0)


@dataclass(frozen=True, kw_only=True)
class Match:
    """One day or month and model, compared."""

    period: str
    model: str
    cause: Cause
    invoiced: Invoiced | None
    recorded: Recorded | None
    invoiced_usd: Decimal | None
    """None: not on the invoice, or in a currency without a rate."""
    difference_usd: Decimal | None
    """Invoiced less recorded."""
    tolerance_usd: Decimal
    quantity_usd: Decimal | None = None
    """Of the difference, due to other tokens than ours; here and below None: cannot be told."""
    price_usd: Decimal | None = None
    """Due to other prices than the list's."""
    recording_usd: Decimal | None = None
    """Due to costs recorded otherwise than by the list."""


def match(
    invoiced: Mapping[Key, Invoiced], recorded: Mapping[Key, Recorded], *, rates: Mapping[str, Rate]
) -> list[Match]:
    """Compare an invoice with our records.

    Args:
        invoiced: By period and model.
        recorded: Of the periods the invoice covers.
        rates: By currency; US dollars need none.

    Returns:
        One per key of either, in order. The three parts of a difference, where known, add up to it exactly.
    """
    keys = sorted(invoiced.keys() | recorded.keys())
    return [_match(key, invoiced.get(key), recorded.get(key), rates) for key in keys]


def total(amounts: Iterable[Decimal | None]) -> Decimal:
    """Those that are known added up."""
    return sum((a for a in amounts if a is not None), Decimal(0))


def differing(matches: Sequence[Match]) -> list[Match]:
    """Those a person has to look at, the largest first."""
    found = [m for m in matches if m.cause not in EXPECTED]
    return sorted(found, key=lambda m: -abs(m.difference_usd or Decimal(0)))


def _match(
    key: Key, theirs: Invoiced | None, ours: Recorded | None, rates: Mapping[str, Rate]
) -> Match:
    asked, tolerance = _in_dollars(theirs, rates)
    tolerance += RECORD_HALF * (ours.runs if ours is not None else 0)
    difference = None
    if theirs is None or asked is not None:
        difference = (asked or Decimal(0)) - (ours.usd if ours is not None else Decimal(0))
    parts = _parts(asked, theirs, ours)
    return Match(
        period=key[0], model=key[1], invoiced=theirs, recorded=ours, invoiced_usd=asked,
        difference_usd=difference, tolerance_usd=tolerance, cause=_cause(theirs, ours, difference, tolerance, parts),
        quantity_usd=parts.get("quantity"), price_usd=parts.get("price"), recording_usd=parts.get("recording"),
    )  # fmt: skip


def _in_dollars(
    theirs: Invoiced | None, rates: Mapping[str, Rate]
) -> tuple[Decimal | None, Decimal]:
    """The amount asked for, None without a rate, and what rounding may have done to it."""
    if theirs is None:
        return None, Decimal(0)
    half = CENT_HALF * theirs.lines
    if theirs.currency == USD:
        return theirs.amount, half
    rate = rates.get(theirs.currency)
    if rate is None:
        return None, Decimal(0)
    return theirs.amount * rate.usd, half * rate.usd + abs(theirs.amount) * rate.half


def _parts(
    asked: Decimal | None, theirs: Invoiced | None, ours: Recorded | None
) -> dict[Cause, Decimal]:
    """What the difference consists of; they add up to it."""
    if asked is None or theirs is None or ours is None:
        return {}
    if theirs.listed_usd is None or ours.listed_usd is None:
        return {}
    return {
        "quantity": theirs.listed_usd - ours.listed_usd,
        "price": asked - theirs.listed_usd,
        "recording": ours.listed_usd - ours.usd,
    }


def _cause(
    theirs: Invoiced | None,
    ours: Recorded | None,
    difference: Decimal | None,
    tolerance: Decimal,
    parts: Mapping[Cause, Decimal],
) -> Cause:
    if theirs is not None and difference is None:
        return "currency"
    if difference is not None and abs(difference) <= tolerance:
        return "rounding" if difference else "agrees"
    if theirs is None or ours is None:
        return "missing in theirs" if theirs is None else "missing in ours"
    if parts:
        return max(parts, key=lambda cause: abs(parts[cause]))
    if theirs.tokens is None:
        return "unexplained"
    return "price" if theirs.tokens == ours.tokens else "quantity"
