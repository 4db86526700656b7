"""Top-up tax of a jurisdiction under the global minimum tax (Directive (EU) 2022/2523). Amounts are euro cents.

How an entity's qualifying income and covered taxes come about does not belong here: they are facts of the engagement.
"""

from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from fractions import Fraction

from prisma_assets.domain.audit.amount import cents
from prisma_assets.domain.tax.facts import RevenueYear, TaxEntity
from prisma_assets.domain.tax.minimum_tax_rule import Regime, minimum_tax_rules
from prisma_assets.domain.tax.rate import NoRate
from prisma_assets.domain.tax.rounding import pct_of, pct_text, ratio_pct, to_cents

SCOPE_REVENUE = 750_000_000
"""Euros of consolidated revenue (Art. 2(1))."""
SCOPE_YEARS, TESTED_YEARS = 2, 4
"""In at least two of the four years before the tested one (Art. 2(1))."""
DE_MINIMIS_REVENUE, DE_MINIMIS_INCOME = 10_000_000, 1_000_000
"""Euros, averages over three years, both stay below (Art. 30(1))."""


@dataclass(frozen=True, kw_only=True)
class Scope:
    """Whether the group is in scope."""

    is_in_scope: bool | None
    """None: the revenue of too few years is known to decide."""
    why: str


@dataclass(frozen=True, kw_only=True)
class Totals:
    """A jurisdiction's constituent entities together."""

    jurisdiction: str
    revenue_cents: int | None
    profit_cents: int | None
    simplified_taxes_cents: int | None
    income_cents: int | None
    """Net qualifying income."""
    taxes_cents: int | None
    """Adjusted covered taxes."""
    payroll_cents: int
    assets_cents: int
    paid_cents: int
    """Domestic top-up tax computed elsewhere."""
    average_revenue_cents: int | None
    average_income_cents: int | None


@dataclass(frozen=True, kw_only=True)
class TopUp:
    """The top-up tax of one jurisdiction."""

    jurisdiction: str
    effective_rate_pct: Fraction | None
    """None: not computed, since a safe harbour or the exclusion applies or there is no income."""
    exclusion_cents: int = 0
    """Substance-based income exclusion."""
    excess_cents: int = 0
    top_up_cents: int = 0
    domestic_cents: int = 0
    """Charged by the jurisdiction itself (qualified domestic top-up tax)."""
    residual_cents: int = 0
    charged_under: str = ""
    """Where the residual falls; empty: there is none."""
    relieved_by: str = ""
    """Safe harbour or exclusion that set the tax to zero."""
    notes: tuple[str, ...] = ()


def scope(history: tuple[RevenueYear, ...], *, fiscal_year: int) -> Scope:
    """Decide whether the group is in scope for a fiscal year.

    Source: Directive (EU) 2022/2523 Art. 2(1).
    """
    wanted = range(fiscal_year - TESTED_YEARS, fiscal_year)
    known = {y.fiscal_year: y.revenue for y in history if y.fiscal_year in wanted}
    reached = [year for year, revenue in sorted(known.items()) if revenue >= SCOPE_REVENUE]
    text = f"revenue reached EUR {SCOPE_REVENUE:,} in {len(reached)} of {len(known)} known years of {wanted[0]} to {wanted[-1]}"
    if len(reached) >= SCOPE_YEARS:
        return Scope(is_in_scope=True, why=text)
    undecided = len(reached) + TESTED_YEARS - len(known) >= SCOPE_YEARS
    return Scope(is_in_scope=None if undecided else False, why=text)


def totals(entities: tuple[TaxEntity, ...], *, fiscal_year: int) -> Totals:
    """Add up the entities of one jurisdiction in euro cents; a figure one entity lacks is lacking for all."""
    facts = [(e, e.minimum_tax) for e in entities]
    income = _summed([(e, m.qualifying_income) for e, m in facts])
    revenue = _summed([(e, e.revenue) for e in entities])
    return Totals(
        jurisdiction=entities[0].jurisdiction,
        revenue_cents=revenue,
        profit_cents=_summed([(e, e.profit_before_tax) for e in entities]),
        simplified_taxes_cents=_summed([(e, m.simplified_taxes) for e, m in facts]),
        income_cents=income,
        taxes_cents=_summed([(e, m.covered_taxes) for e, m in facts]),
        payroll_cents=_summed([(e, m.payroll) for e, m in facts]) or 0,
        assets_cents=_summed([(e, m.tangible_assets) for e, m in facts]) or 0,
        paid_cents=_summed([(e, m.domestic_top_up_paid) for e, m in facts]) or 0,
        average_revenue_cents=_average(entities, fiscal_year, revenue, "revenue"),
        average_income_cents=_average(entities, fiscal_year, income, "income"),
    )


def top_up(figures: Totals, *, fiscal_start: date, parent: str | None) -> TopUp | NoRate:
    """Compute a jurisdiction's top-up tax.

    Effective rate = adjusted covered taxes / net qualifying income (Art. 26); top-up percentage = 15 % less that (Art.
    27(2)); excess profit = net qualifying income - substance-based income exclusion (Art. 27(4), 28); top-up tax = percentage
    x excess profit - qualified domestic top-up tax (Art. 27(3)). Percentages stay exact; the tax is rounded once.

    Args:
        figures: The jurisdiction's entities together.
        fiscal_start: First day of the fiscal year.
        parent: Jurisdiction of the ultimate parent. None: not known, so nobody is found to charge the residual.
    """
    rules = minimum_tax_rules()
    regime, shares = rules.regime(figures.jurisdiction), rules.substance_for(fiscal_start)
    if isinstance(shares, NoRate):
        return shares
    exclusion = pct_of(figures.payroll_cents, shares.payroll_pct) + pct_of(
        figures.assets_cents, shares.assets_pct
    )
    relieved = safe_harbour(
        figures, fiscal_start=fiscal_start, exclusion_cents=exclusion
    ) or de_minimis(figures)
    if relieved:
        return TopUp(
            jurisdiction=figures.jurisdiction,
            effective_rate_pct=None,
            exclusion_cents=exclusion,
            relieved_by=relieved,
        )
    if figures.income_cents is None or figures.taxes_cents is None:
        return NoRate(
            reason=f"qualifying_income and covered_taxes of every entity in {figures.jurisdiction} are not stated"
        )
    if figures.income_cents <= 0:
        return TopUp(jurisdiction=figures.jurisdiction, effective_rate_pct=None, exclusion_cents=exclusion,
                     notes=("There is no net qualifying income; additional top-up tax (Art. 21(5), 29) is for a person to consider.",))  # fmt: skip
    rate, notes = _effective_rate(figures.income_cents, figures.taxes_cents)
    excess = max(figures.income_cents - exclusion, 0)
    tax = to_cents(max(Fraction(rules.rate_pct) - rate, Fraction(0)) / 100 * excess)
    return _charged(
        TopUp(jurisdiction=figures.jurisdiction, effective_rate_pct=rate, exclusion_cents=exclusion,
              excess_cents=excess, top_up_cents=tax, notes=notes),
        figures, regime, fiscal_start=fiscal_start, parent=parent,
    )  # fmt: skip


def safe_harbour(figures: Totals, *, fiscal_start: date, exclusion_cents: int) -> str:
    """The test of the transitional country-by-country safe harbour that is passed; empty: none, or its figures are lacking.

    Source: Directive (EU) 2022/2523 Art. 32; OECD, Safe Harbours and Penalty Relief (20 December 2022) paragraphs 10-25.
    """
    revenue, profit = figures.revenue_cents, figures.profit_cents
    if revenue is None or profit is None:
        return ""
    if revenue < DE_MINIMIS_REVENUE * 100 and profit < DE_MINIMIS_INCOME * 100:
        return "safe harbour: de minimis"
    passing = minimum_tax_rules().safe_harbour_for(fiscal_start)
    if isinstance(passing, NoRate):
        return ""
    if profit <= exclusion_cents:
        return "safe harbour: routine profits"
    taxes = figures.simplified_taxes_cents
    rate = None if taxes is None or profit <= 0 else ratio_pct(taxes, profit)
    if rate is not None and rate >= passing.rate_pct:
        return (
            f"safe harbour: simplified effective rate {pct_text(rate)}, {passing.rate_pct} % passes"
        )
    return ""


def de_minimis(figures: Totals) -> str:
    """The de minimis exclusion, where three years' averages are known and both stay below.

    Source: Directive (EU) 2022/2523 Art. 30(1)-(2).
    """
    revenue, income = figures.average_revenue_cents, figures.average_income_cents
    if revenue is None or income is None:
        return ""
    passes = revenue < DE_MINIMIS_REVENUE * 100 and income < DE_MINIMIS_INCOME * 100
    return "de minimis exclusion (Art. 30)" if passes else ""


def _effective_rate(income: int, taxes: int) -> tuple[Fraction, tuple[str, ...]]:
    if taxes < 0:
        text = "Adjusted covered taxes are negative; the rate counts as zero and the excess is carried forward by a person."
        return Fraction(0), (text,)
    return Fraction(100 * taxes, income), ()


def _charged(
    found: TopUp,
    figures: Totals,
    regime: Regime | NoRate,
    *,
    fiscal_start: date,
    parent: str | None,
) -> TopUp:
    """Divide the tax between the jurisdiction itself and the rule that takes the rest."""
    notes = list(found.notes)
    domestic = min(figures.paid_cents, found.top_up_cents)
    if isinstance(regime, NoRate):
        notes.append(f"Whether {figures.jurisdiction} levies a domestic top-up tax is not known.")
    elif regime.levies("qdmtt", fiscal_start):
        # Levied on the same base and rate, it takes all of the tax unless its own return says otherwise.
        domestic = domestic or found.top_up_cents
    else:
        domestic = 0
        if regime.derogation:
            notes.append(
                f"{figures.jurisdiction} has put off IIR and UTPR (Art. 50) and levies no domestic top-up tax."
            )
    residual = found.top_up_cents - domestic
    return TopUp(
        jurisdiction=found.jurisdiction,
        effective_rate_pct=found.effective_rate_pct,
        exclusion_cents=found.exclusion_cents,
        excess_cents=found.excess_cents,
        top_up_cents=found.top_up_cents,
        domestic_cents=domestic,
        residual_cents=residual,
        charged_under=_charged_under(parent, fiscal_start) if residual else "",
        notes=tuple(notes),
    )


def _charged_under(parent: str | None, fiscal_start: date) -> str:
    """The rule that takes the residual: the ultimate parent's income inclusion rule, else whichever comes next."""
    regime = (
        minimum_tax_rules().regime(parent) if parent else NoRate(reason="the parent is not known")
    )
    if isinstance(regime, Regime) and regime.levies("iir", fiscal_start):
        return f"income inclusion rule of {regime.jurisdiction} (Art. 5)"
    return "an intermediate parent's income inclusion rule or the undertaxed profits rule (Art. 6-8, 12-14)"


def _euros(entity: TaxEntity, amount: Decimal) -> int:
    return to_cents(cents(amount) / Fraction(entity.per_eur or 1))


def _summed(figures: list[tuple[TaxEntity, Decimal | None]]) -> int | None:
    known = [_euros(entity, amount) for entity, amount in figures if amount is not None]
    return sum(known) if len(known) == len(figures) else None


def _average(
    entities: tuple[TaxEntity, ...], fiscal_year: int, current: int | None, what: str
) -> int | None:
    """Average over this and the two years before; None when a year of an entity is not known (Art. 30(2))."""
    if current is None:
        return None
    total = current
    for entity in entities:
        years = {y.fiscal_year: y for y in entity.minimum_tax.prior_years}
        for year in (fiscal_year - 2, fiscal_year - 1):
            if year not in years:
                return None
            total += _euros(entity, getattr(years[year], what))
    return to_cents(Fraction(total, 3))


def shares(amount_cents: int, entities: tuple[TaxEntity, ...]) -> tuple[int, ...]:
    """Divide a jurisdiction's top-up tax between its entities by their qualifying income, losses counting as nothing.

    The last entity takes what rounding leaves.

    Source: Directive (EU) 2022/2523 Art. 27(5)-(6).
    """
    incomes = [max(_euros(e, e.minimum_tax.qualifying_income or Decimal(0)), 0) for e in entities]
    total = sum(incomes)
    if not total:
        incomes, total = [1] * len(entities), len(entities)
    parts = [to_cents(Fraction(amount_cents * income, total)) for income in incomes[:-1]]
    return (*parts, amount_cents - sum(parts))
