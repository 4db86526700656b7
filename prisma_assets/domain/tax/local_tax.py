"""Income taxes below central government: provinces, states and municipalities, as the engagement states them."""

from dataclasses import dataclass
from datetime import date
from fractions import Fraction

from prisma_assets.domain.audit.amount import cents
from prisma_assets.domain.tax.decision import Reason, review
from prisma_assets.domain.tax.facts import LocalTax, TaxEntity
from prisma_assets.domain.tax.jurisdiction import jurisdictions
from prisma_assets.domain.tax.period_rate import slices
from prisma_assets.domain.tax.rate import NoRate
from prisma_assets.domain.tax.rounding import pct_of, pct_text


@dataclass(frozen=True, kw_only=True)
class LocalCharge:
    """One local tax of the period."""

    name: str
    tax_cents: int
    basis: str
    is_deductible: bool = False
    version: str = ""
    """Of the rate, where the table gave it."""


def local_charges(
    entity: TaxEntity, *, income_cents: int, start: date, end: date
) -> tuple[LocalCharge, ...] | NoRate:
    """Local taxes on their stated base, or on the income given; never negative.

    Args:
        entity: The taxes, and the subdivision whose rate the table knows.
        income_cents: Income after losses, before deductible local taxes; the base where none is stated.
        start: First day of the period.
        end: Last day of the period.
    """
    stated = entity.local_taxes
    if not stated and entity.subdivision:
        stated = (LocalTax(name=f"Income tax of {entity.subdivision}"),)
    charges = []
    for tax in stated:
        base = max(income_cents if tax.base is None else cents(tax.base), 0)
        charge = _charge(entity, tax, base, (start, end))
        if isinstance(charge, NoRate):
            return charge
        charges.append(charge)
    return tuple(charges)


def unstated(entity: TaxEntity) -> tuple[Reason, ...]:
    """A reason for review where the jurisdiction levies a local tax and the engagement states none."""
    levied = jurisdictions()[entity.jurisdiction].local_tax
    if not levied or entity.local_taxes or entity.subdivision:
        return ()
    return (review(f"{entity.name}: no {levied} is stated, so none is in the tax."),)


def _charge(
    entity: TaxEntity, tax: LocalTax, base: int, period: tuple[date, date]
) -> LocalCharge | NoRate:
    if tax.rate_pct is not None:
        return LocalCharge(
            name=tax.name,
            tax_cents=pct_of(base, tax.rate_pct),
            basis=f"{pct_text(tax.rate_pct)} as stated",
            is_deductible=tax.is_deductible,
        )
    if not entity.subdivision:
        return NoRate(reason=f"engagement.yaml states no rate_pct for {tax.name} of {entity.name}")
    found = slices(entity.subdivision, start=period[0], end=period[1])
    if isinstance(found, NoRate):
        return found
    pct = sum((Fraction(s.rate.rate_pct) * s.period_share for s in found), Fraction(0))
    return LocalCharge(
        name=tax.name,
        tax_cents=pct_of(base, pct),
        basis=f"{pct_text(pct)}, {found[-1].rate.version}",
        is_deductible=tax.is_deductible,
        version=found[-1].rate.version,
    )
