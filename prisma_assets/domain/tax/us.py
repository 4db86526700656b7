"""United States: tax on the tested income of controlled foreign corporations (IRC § 951A, § 250, § 78, § 960(d))."""

from dataclasses import dataclass
from datetime import date
from fractions import Fraction

from prisma_assets.domain.audit.amount import cents
from prisma_assets.domain.tax.facts import ControlledCompany
from prisma_assets.domain.tax.rate import Dated, NoRate, Pct, corporate_income_tax, rows, rule_on
from prisma_assets.domain.tax.rounding import pct_of, to_cents


class Inclusion(Dated):
    """The terms of the inclusion."""

    deduction_pct: Pct
    credit_pct: Pct
    """Part of the foreign taxes that is credited."""
    asset_return_pct: Pct
    """Return on business assets that stays out of the inclusion."""


@dataclass(frozen=True, kw_only=True)
class InclusionTax:
    """The inclusion of one shareholder; amounts in hundredths of its currency."""

    included_cents: int
    gross_up_cents: int
    """Foreign taxes deemed paid, added to income (§ 78)."""
    deduction_cents: int
    credit_cents: int
    tax_cents: int
    rule: str


def inclusion_tax(companies: tuple[ControlledCompany, ...], *, day: date) -> InclusionTax | NoRate:
    """Tax of a United States shareholder on its foreign corporations' tested income.

    Included = sum of tested income less tested losses less the return on assets, not below zero. Deemed paid taxes = the
    included part of tested income times the taxes of corporations with tested income. Tax = rate x (included + deemed paid
    taxes - deduction) - credited part of them, not below zero. Shares by ownership.

    Source: IRC § 951A(b)-(c), § 78, § 250(a)(1)(B), § 960(d)(1)-(3).
    """
    rule = rule_on(rows("us_inclusion", Inclusion), "US", day, what="rule on tested income")
    rate = corporate_income_tax("US", day)
    if isinstance(rule, NoRate):
        return rule
    if isinstance(rate, NoRate):
        return rate
    unknown = [c.name for c in companies if c.tested_income is None]
    if unknown:
        return NoRate(reason=f"the tested income of {', '.join(unknown)} is not determined")
    tested = [_owned(c, cents(c.tested_income)) for c in companies if c.tested_income is not None]
    positive = sum((t for t in tested if t > 0), Fraction(0))
    assets = sum(
        (_owned(c, cents(c.business_assets)) for c in companies if (c.tested_income or 0) > 0),
        Fraction(0),
    )
    included = max(
        sum(tested, Fraction(0)) - assets * Fraction(rule.asset_return_pct) / 100, Fraction(0)
    )
    taxes = sum(
        (_owned(c, cents(c.tax_paid)) for c in companies if (c.tested_income or 0) > 0), Fraction(0)
    )
    deemed = to_cents(taxes * included / positive) if positive else 0
    income = to_cents(included) + deemed
    deduction = pct_of(income, rule.deduction_pct)
    before = pct_of(income - deduction, rate.rate_pct)
    credit = min(pct_of(deemed, rule.credit_pct), before)
    return InclusionTax(
        included_cents=to_cents(included),
        gross_up_cents=deemed,
        deduction_cents=deduction,
        credit_cents=credit,
        tax_cents=before - credit,
        rule=rule.version,
    )


def _owned(company: ControlledCompany, amount: int) -> Fraction:
    return amount * Fraction(company.ownership_pct) / 100
