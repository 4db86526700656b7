"""Tax of central government on chargeable income: rates by slices of the period, bands, small profits, surcharges."""

from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from fractions import Fraction

from prisma_assets.domain.audit.amount import cents
from prisma_assets.domain.tax import uk
from prisma_assets.domain.tax.decision import Reason, review, to_confirm
from prisma_assets.domain.tax.facts import TaxEntity
from prisma_assets.domain.tax.period_rate import Slice, rate_change, slices
from prisma_assets.domain.tax.rate import NoRate, Rate, Surcharge, rows, rule_on
from prisma_assets.domain.tax.rounding import pct_of, portion, to_cents

CATEGORIES = {
    ("CA", "small_business"): "small_business",
    ("MT", "final_tax_without_imputation"): "final_tax_without_imputation",
}
"""Elections that choose another row of the rate table."""


@dataclass(frozen=True, kw_only=True)
class Part:
    """One line of the tax."""

    label: str
    cents: int
    basis: str


@dataclass(frozen=True, kw_only=True)
class CentralTax:
    """The tax, in hundredths of the entity's currency."""

    parts: tuple[Part, ...]
    tax_cents: int
    """After bands and marginal relief."""
    surcharge_cents: int
    headline_pct: Fraction
    """Rate of the top band, weighted by days; what the provision expects of every further unit of profit."""
    is_on_distributions: bool
    rate_versions: tuple[str, ...]
    reasons: tuple[Reason, ...]


def central_tax(
    entity: TaxEntity, *, chargeable_cents: int, start: date, end: date
) -> CentralTax | NoRate:
    """Tax on chargeable income, or on distributions where the law taxes those.

    Args:
        entity: Elections, distributions, revenue and associated companies.
        chargeable_cents: >= 0.
        start: First day of the period.
        end: Last day of the period.
    """
    category = _category(entity)
    found = slices(entity.jurisdiction, start=start, end=end, category=category)
    if isinstance(found, NoRate):
        return found
    parts = _taxed(entity, found, chargeable_cents)
    tax = sum(p.cents for p in parts)
    surcharges, reasons = _surcharges(entity, tax, start)
    surcharge = sum(p.cents for p in surcharges)
    headline = sum((Fraction(s.rate.rate_pct) * s.period_share for s in found), Fraction(0))
    return CentralTax(
        parts=(*parts, *surcharges),
        tax_cents=tax,
        surcharge_cents=surcharge,
        headline_pct=headline,
        is_on_distributions=found[0].rate.base == "distributions",
        rate_versions=tuple(s.rate.version for s in found),
        reasons=(*reasons, *rate_change(found, end), *to_confirm(s.rate for s in found)),
    )


def tax_by_bands(cents_: int, rate: Rate) -> int:
    """Tax on an income at a rate with bands; each band is rounded to the cent."""
    tax, below = 0, 0
    for band in rate.bands:
        upper = min(cents_, band.up_to * 100)
        tax += pct_of(max(upper - below, 0), band.rate_pct)
        below = band.up_to * 100
    return tax + pct_of(max(cents_ - below, 0), rate.rate_pct)


def tax_on_distribution(net_cents: int, rate: Rate) -> int:
    """Tax on a net distribution: r / (100 - r) of it, so that r % falls on the gross amount."""
    return to_cents(net_cents * Fraction(rate.rate_pct) / (100 - Fraction(rate.rate_pct)))


def _category(entity: TaxEntity) -> str:
    for election in entity.elections:
        if (entity.jurisdiction, election) in CATEGORIES:
            return CATEGORIES[entity.jurisdiction, election]
    return "standard"


def _taxed(entity: TaxEntity, found: tuple[Slice, ...], chargeable: int) -> tuple[Part, ...]:
    if found[0].rate.base == "distributions":
        rate = found[0].rate
        tax = tax_on_distribution(cents(entity.distributions), rate)
        basis = f"{rate.rate_pct} / {100 - rate.rate_pct} of net distributions, {rate.version}"
        return (Part(label="Tax on distributions", cents=tax, basis=basis),)
    parts: list[Part] = []
    for piece, income in _apportioned(found, chargeable):
        parts.append(
            Part(
                label=f"Tax {piece.start.isoformat()} to {piece.end.isoformat()}",
                cents=tax_by_bands(income, piece.rate),
                basis=f"{piece.rate.rate_pct} %{' above its bands' if piece.rate.bands else ''}, {piece.rate.version}",
            )
        )
        if entity.jurisdiction == "GB":
            parts.extend(_uk_relief(entity, piece, income))
    return tuple(parts)


def _apportioned(found: tuple[Slice, ...], chargeable: int) -> list[tuple[Slice, int]]:
    """Income by slice; the last slice takes the remainder, so that nothing is lost to rounding."""
    incomes = [portion(chargeable, s.period_share) for s in found[:-1]]
    incomes.append(chargeable - sum(incomes))
    return list(zip(found, incomes, strict=True))


def _uk_relief(entity: TaxEntity, piece: Slice, income: int) -> tuple[Part, ...]:
    rule = uk.small_profits(piece.start)
    if isinstance(rule, NoRate):
        # Before financial year 2023 there was one rate for all profits.
        return ()
    relief = uk.marginal_relief(
        rule,
        profits_cents=income,
        distributions_cents=portion(cents(entity.exempt_distributions), piece.period_share),
        associated=entity.associated_companies,
        year_share=piece.year_share,
        main_rate_pct=Fraction(piece.rate.rate_pct),
    )
    if not relief.relief_cents:
        return ()
    return (Part(label="Small profits relief", cents=-relief.relief_cents, basis=relief.basis),)


def _surcharges(
    entity: TaxEntity, tax: int, day: date
) -> tuple[tuple[Part, ...], tuple[Reason, ...]]:
    rule = rule_on(rows("surcharges", Surcharge), entity.jurisdiction, day, what="surcharge")
    if isinstance(rule, NoRate):
        return (), ()
    if rule.minimum_revenue and entity.revenue is None:
        text = f"The {rule.name} was left out: {entity.name} states no revenue."
        return (), (review(text),)
    if rule.minimum_revenue and cents(entity.revenue or Decimal(0)) < rule.minimum_revenue * 100:
        return (), ()
    amount = pct_of(max(tax - rule.allowance * 100, 0), rule.rate_pct)
    basis = f"{rule.rate_pct} % of the tax, {rule.source}"
    return (Part(label=rule.name.capitalize(), cents=amount, basis=basis),), ()
