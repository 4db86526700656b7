"""Amounts with their currency, percentages and ratios as people read them. How money is stored (int64 cents) is the tables' business, not this module's."""

from decimal import ROUND_FLOOR, Decimal

from prisma_assets.domain.audit.outcome import money


def in_currency(amount_cents: int | None, currency: str) -> str:
    """Amount with the currency, thousands separators and two decimals; "not known" for None."""
    return "not known" if amount_cents is None else f"{currency} {money(amount_cents)}".lstrip()


def cents(amount: Decimal) -> int:
    """Hundredths of an amount that `engagement.yaml` states in whole units."""
    return int((amount * 100).to_integral_value())


def percent_of(base_cents: int, pct: Decimal) -> int:
    """That percentage of an amount, rounded down to a whole cent so that no threshold is overstated."""
    return int((Decimal(base_cents) * pct / 100).to_integral_value(rounding=ROUND_FLOOR))


def ratio(value: float | None, *, digits: int = 2) -> str:
    """A ratio with fixed decimals; "not known" for None."""
    return "not known" if value is None else f"{value:,.{digits}f}"


def percentage(share: float | None, *, digits: int = 1) -> str:
    """A share in [0, 1] as a percentage; "not known" for None."""
    return "not known" if share is None else f"{100 * share:,.{digits}f} %"
