"""United Kingdom: small profits rate and marginal relief (CTA 2010 s. 18A-18E)."""

from dataclasses import dataclass
from datetime import date
from fractions import Fraction

from pydantic import Field

from prisma_assets.domain.tax.rate import Dated, NoRate, Pct, rows, rule_on
from prisma_assets.domain.tax.rounding import pct_of, to_cents


class SmallProfits(Dated):
    """The rule for companies with small profits."""

    small_rate_pct: Pct
    lower: int
    """Lower limit for twelve months and no associated company, in pounds."""
    upper: int
    fraction: str = Field(pattern=r"^\d+/\d+$")
    """Standard marginal relief fraction."""


@dataclass(frozen=True, kw_only=True)
class MarginalRelief:
    """How a slice of profits is relieved; amounts in pence."""

    relief_cents: int
    """Taken off tax at the main rate."""
    basis: str
    """How it came about."""


def small_profits(day: date) -> SmallProfits | NoRate:
    """The rule in force on a day."""
    return rule_on(rows("uk_small_profits", SmallProfits), "GB", day, what="small profits rate")


def marginal_relief(
    rule: SmallProfits,
    *,
    profits_cents: int,
    distributions_cents: int,
    associated: int,
    year_share: Fraction,
    main_rate_pct: Fraction,
) -> MarginalRelief:
    """Relief for the profits of an accounting period or of the part of one that falls in a financial year.

    Relief = F x (U - A) x N / A, with N taxable total profits, A augmented profits, U the upper limit; at or below the
    lower limit the small profits rate applies instead.

    Args:
        rule: Limits and fraction.
        profits_cents: N; >= 0.
        distributions_cents: Exempt distributions that make A = N + distributions.
        associated: Number of associated companies; the limits are divided by one more.
        year_share: Part of twelve months, in (0, 1]; the limits shrink with it.
        main_rate_pct: Main rate.

    Source: CTA 2010 s. 18A(1), 18B(2), 18D, 18L.
    """
    augmented = profits_cents + distributions_cents
    lower = rule.lower * 100 * year_share / (1 + associated)
    upper = rule.upper * 100 * year_share / (1 + associated)
    if profits_cents <= 0 or augmented > upper:
        return MarginalRelief(relief_cents=0, basis="augmented profits exceed the upper limit")
    if augmented <= lower:
        full = pct_of(profits_cents, main_rate_pct)
        small = pct_of(profits_cents, rule.small_rate_pct)
        return MarginalRelief(
            relief_cents=full - small,
            basis=f"small profits rate {rule.small_rate_pct} % (s. 18A)",
        )
    relief = Fraction(rule.fraction) * (upper - augmented) * profits_cents / augmented
    return MarginalRelief(
        relief_cents=to_cents(relief),
        basis=f"{rule.fraction} x (upper limit - augmented profits) x profits / augmented profits (s. 18B)",
    )
