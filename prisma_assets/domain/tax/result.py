"""The tax of one entity as later steps read it: flat, JSON in and out."""

from fractions import Fraction
from typing import Any

from prisma_assets.domain.audit.amount import cents
from prisma_assets.domain.audit.workpaper import Frozen
from prisma_assets.domain.tax.corporate import Computation
from prisma_assets.domain.tax.decision import Verdict, review
from prisma_assets.domain.tax.facts import TaxEntity


class EntityTax(Frozen):
    """The computed tax of one entity; amounts in hundredths of its currency."""

    entity: str
    jurisdiction: str
    currency: str
    profit_cents: int
    permanent_cents: int
    temporary_cents: int
    interest_cents: int
    """Effect of the interest limitation on taxable income."""
    losses_used_cents: int
    loss_of_year_cents: int
    local_deducted_cents: int
    chargeable_cents: int
    headline_pct: Fraction
    """Exact; text such as `25` or `2975/123` in JSON."""
    central_cents: int
    surcharge_cents: int
    local_cents: int
    credits_cents: int
    tax_cents: int
    payable_cents: int
    refund_cents: int
    """Refunds to shareholders; never part of the company's tax."""
    rate_versions: tuple[str, ...]
    decision: Verdict
    reasons: tuple[str, ...]
    next_steps: tuple[str, ...]
    metrics: dict[str, Any]


def by_person(entity: TaxEntity) -> EntityTax | None:
    """The tax a person computed, in the shape later steps read; None: nobody has, or the profit is not stated.

    The whole difference between profit and chargeable income counts as permanent, at the effective rate on the chargeable
    income: the person's working paper holds the parts.
    """
    stated = entity.computed_by_person
    if stated is None or entity.profit_before_tax is None:
        return None
    profit, chargeable, tax = (
        cents(entity.profit_before_tax),
        cents(stated.chargeable),
        cents(stated.tax),
    )
    nothing = dict.fromkeys(
        ("temporary_cents", "interest_cents", "losses_used_cents", "loss_of_year_cents", "local_deducted_cents",
         "surcharge_cents", "local_cents", "credits_cents", "refund_cents"), 0,
    )  # fmt: skip
    return EntityTax(
        **nothing,
        entity=entity.name,
        jurisdiction=entity.jurisdiction,
        currency=entity.currency,
        profit_cents=profit,
        permanent_cents=chargeable - profit,
        chargeable_cents=chargeable,
        headline_pct=Fraction(tax * 100, chargeable) if chargeable else Fraction(0),
        central_cents=tax,
        tax_cents=tax,
        payable_cents=tax - cents(entity.paid_on_account),
        rate_versions=(f"{stated.reference} (computed by {stated.computed_by})",),
        decision="REVIEW",
        reasons=(f"{entity.name} was computed by {stated.computed_by}: {stated.reference}.",),
        next_steps=(review("").next_step,),
        metrics={"disallowed_interest_cents": 0, "tax_ebitda_cents": 0},
    )


def flattened(found: Computation) -> EntityTax:
    """A computation as later steps read it."""
    base, central = found.base, found.central
    return EntityTax(
        entity=found.entity,
        jurisdiction=found.jurisdiction,
        currency=found.currency,
        profit_cents=base.profit_cents,
        permanent_cents=base.permanent_cents,
        temporary_cents=base.temporary_cents,
        interest_cents=base.interest.adjustment_cents,
        losses_used_cents=base.losses_used_cents,
        loss_of_year_cents=base.loss_of_year_cents,
        local_deducted_cents=sum(c.tax_cents for c in base.local if c.is_deductible),
        chargeable_cents=base.chargeable_cents,
        headline_pct=central.headline_pct,
        central_cents=central.tax_cents,
        surcharge_cents=central.surcharge_cents,
        local_cents=base.local_cents,
        credits_cents=found.credits_cents,
        tax_cents=found.tax_cents,
        payable_cents=found.payable_cents,
        refund_cents=sum(r.refund_cents for r in found.refunds),
        rate_versions=found.rate_versions,
        decision=found.decision.verdict,
        reasons=tuple(r.text for r in found.decision.reasons),
        next_steps=tuple(dict.fromkeys(r.next_step for r in found.decision.reasons)),
        metrics=found.metrics,
    )
