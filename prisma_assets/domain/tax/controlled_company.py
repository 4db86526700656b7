"""Controlled foreign companies of entities in the EU (Dir. (EU) 2016/1164 Art. 7-8): first the base, then the tax."""

from dataclasses import dataclass
from datetime import date
from fractions import Fraction

from prisma_assets.domain.audit.amount import cents
from prisma_assets.domain.tax.facts import ControlledCompany
from prisma_assets.domain.tax.rate import NoRate, corporate_income_tax
from prisma_assets.domain.tax.rounding import pct_of, to_cents

CONTROL_PCT = 50
"""More than this makes control (Art. 7(1)(a))."""
PASSIVE_THIRD = Fraction(1, 3)
"""Up to this part of passive income a member state may leave the company out (Art. 7(3))."""


@dataclass(frozen=True, kw_only=True)
class Inclusion:
    """What the holder adds to its base for one company; amounts in hundredths of the holder's currency."""

    company: str
    holder: str
    is_controlled_foreign_company: bool
    why: str
    base_cents: int = 0
    tax_cents: int = 0
    """After credit of the tax the company paid (Art. 8(7))."""


def include(
    company: ControlledCompany, *, holder_jurisdiction: str, day: date
) -> Inclusion | NoRate:
    """Decide whether a company is a controlled foreign company, and compute base and tax.

    Low taxed: the tax it paid is below the difference between the tax its income would have borne at the holder and the
    tax it paid. Base: its non-distributed passive income by ownership. Tax: base at the holder's rate less the tax paid on it.

    Source: Dir. (EU) 2016/1164 Art. 7(1), 7(2)(a), 7(3), 8(1), 8(3), 8(7).
    """
    rate = corporate_income_tax(holder_jurisdiction, day)
    if isinstance(rate, NoRate):
        return rate
    income, paid = cents(company.total_income), cents(company.tax_paid)
    passive = cents(company.passive_income)
    here = pct_of(max(income, 0), rate.rate_pct)
    reason = _why_not(company, income=income, passive=passive, is_low_taxed=paid < here - paid)
    if reason:
        return Inclusion(
            company=company.name,
            holder=company.holder,
            is_controlled_foreign_company=False,
            why=reason,
        )
    share = Fraction(company.ownership_pct) / 100
    base = to_cents(passive * share)
    credit = to_cents(paid * share * min(Fraction(passive, income), Fraction(1)))
    return Inclusion(
        company=company.name,
        holder=company.holder,
        is_controlled_foreign_company=True,
        why=f"controlled, and its tax of {paid / 100:,.2f} is less than half of {here / 100:,.2f} at the holder",
        base_cents=base,
        tax_cents=max(pct_of(base, rate.rate_pct) - credit, 0),
    )


def _why_not(company: ControlledCompany, *, income: int, passive: int, is_low_taxed: bool) -> str:
    if company.ownership_pct <= CONTROL_PCT:
        return f"not controlled: {company.ownership_pct} % held"
    if income <= 0 or passive <= 0:
        return "no income to include"
    if not is_low_taxed:
        return "not low taxed"
    if company.has_substantive_activity:
        return "it carries on a substantive economic activity"
    if Fraction(passive, income) <= PASSIVE_THIRD:
        return "passive income is a third of its income or less"
    return ""
