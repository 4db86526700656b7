"""Deferred tax from temporary differences at the rates enacted for their reversal (IAS 12 paragraphs 15, 24, 47)."""

from dataclasses import dataclass
from datetime import date
from fractions import Fraction

from prisma_assets.domain.audit.amount import cents
from prisma_assets.domain.tax.facts import TaxEntity, TemporaryDifference
from prisma_assets.domain.tax.rate import NoRate, Surcharge, enacted_rate, rows, rule_on
from prisma_assets.domain.tax.rounding import pct_of, pct_text


@dataclass(frozen=True, kw_only=True)
class DeferredTax:
    """Deferred tax on one temporary difference, in hundredths of the entity's currency; positive: a liability."""

    entity: str
    name: str
    difference_cents: int
    """Taxable: positive; deductible: negative."""
    rate_pct: Fraction
    opening_cents: int
    closing_cents: int
    recognised_in: str
    basis: str

    @property
    def movement_cents(self) -> int:
        """Expense of the year, where recognised in profit or loss."""
        return self.closing_cents - self.opening_cents


def deferred_taxes(entity: TaxEntity, *, reporting: date) -> tuple[DeferredTax | NoRate, ...]:
    """Deferred tax on every temporary difference of an entity.

    No deferred tax is recognised for the minimum tax (IAS 12 paragraph 4A).

    Args:
        entity: Its temporary differences.
        reporting: The reporting date; rates enacted later stay out.
    """
    return tuple(_deferred(entity, d, reporting) for d in entity.temporary_differences)


def reversal_rate(entity: TaxEntity, *, reversal: date, reporting: date) -> Fraction | NoRate:
    """The rate to measure at: central government's with its surcharge, and the local taxes on the same base.

    Where tax falls on distributions the rate for profits kept is zero (IAS 12 paragraphs 52A, 57A).
    """
    central = enacted_rate(entity.jurisdiction, reversal=reversal, reporting=reporting)
    if isinstance(central, NoRate):
        return central
    if central.base == "distributions":
        return Fraction(0)
    surcharge = rule_on(
        rows("surcharges", Surcharge), entity.jurisdiction, reversal, what="surcharge"
    )
    added = Fraction(0)
    if isinstance(surcharge, Surcharge) and not surcharge.allowance:
        added = Fraction(surcharge.rate_pct)
    local = _local_rate(entity, reversal=reversal, reporting=reporting)
    if isinstance(local, NoRate):
        return local
    pct, deductible = local
    # A deductible local tax lessens the base of the central one.
    return Fraction(central.rate_pct) * (1 + added / 100) * (1 - deductible / 100) + pct


def _local_rate(
    entity: TaxEntity, *, reversal: date, reporting: date
) -> tuple[Fraction, Fraction] | NoRate:
    """Local rates in all, and those of them that are deductible; taxes on a base of their own stay out."""
    if entity.subdivision and all(t.rate_pct is None for t in entity.local_taxes):
        found = enacted_rate(entity.subdivision, reversal=reversal, reporting=reporting)
        return found if isinstance(found, NoRate) else (Fraction(found.rate_pct), Fraction(0))
    same_base = [t for t in entity.local_taxes if t.base is None and t.rate_pct is not None]
    every = sum((Fraction(t.rate_pct or 0) for t in same_base), Fraction(0))
    deductible = sum((Fraction(t.rate_pct or 0) for t in same_base if t.is_deductible), Fraction(0))
    return every, deductible


def _deferred(
    entity: TaxEntity, item: TemporaryDifference, reporting: date
) -> DeferredTax | NoRate:
    rate = reversal_rate(entity, reversal=item.reverses_on or reporting, reporting=reporting)
    if isinstance(rate, NoRate):
        return NoRate(reason=f"{entity.name}, {item.name}: {rate.reason}")
    gap = cents(item.carrying_amount) - cents(item.tax_base)
    difference = gap if item.side == "asset" else -gap
    is_unrecognised = difference < 0 and not item.is_recoverable
    return DeferredTax(
        entity=entity.name,
        name=item.name,
        difference_cents=difference,
        rate_pct=rate,
        opening_cents=cents(item.opening_deferred_tax),
        closing_cents=0 if is_unrecognised else pct_of(difference, rate),
        recognised_in=item.recognised_in,
        basis="not recognised: no profit to use it against (IAS 12 paragraph 24)"
        if is_unrecognised
        else f"{pct_text(rate)} enacted by {reporting.isoformat()}",
    )
