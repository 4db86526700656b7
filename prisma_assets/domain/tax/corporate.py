"""Corporate income tax of one entity for one period: from accounting profit to tax payable, line by line.

What the result means for the statements does not belong here: that is `provision`.
"""

from dataclasses import dataclass
from datetime import date
from fractions import Fraction
from typing import Any

from prisma_assets.domain.audit.amount import cents
from prisma_assets.domain.tax import malta
from prisma_assets.domain.tax.central_tax import CentralTax, central_tax
from prisma_assets.domain.tax.decision import Decision, Reason, review, to_confirm
from prisma_assets.domain.tax.facts import Credit, TaxEntity
from prisma_assets.domain.tax.interest import InterestResult, limit_interest
from prisma_assets.domain.tax.jurisdiction import RESEARCH_AGENT, jurisdictions
from prisma_assets.domain.tax.local_tax import LocalCharge, local_charges, unstated
from prisma_assets.domain.tax.rate import LossRelief, NoRate, rows, rule_on
from prisma_assets.domain.tax.rounding import pct_of, to_cents


@dataclass(frozen=True, kw_only=True)
class NotComputed:
    """The tax could not be computed; a person does it."""

    entity: str
    jurisdiction: str
    reason: str
    """Completes "not performed, because ..."; no full stop."""


@dataclass(frozen=True, kw_only=True)
class Line:
    """One line of the computation."""

    label: str
    cents: int
    basis: str = ""
    """Where it comes from."""


@dataclass(frozen=True, kw_only=True)
class TaxBase:
    """From profit to chargeable income; amounts in hundredths of the entity's currency."""

    profit_cents: int
    permanent_cents: int
    temporary_cents: int
    interest: InterestResult
    income_cents: int
    """After adjustments and interest, before losses."""
    losses_used_cents: int
    relief: "Relief"
    local: tuple[LocalCharge, ...]
    chargeable_cents: int
    """After losses and deductible local taxes; >= 0."""

    @property
    def loss_of_year_cents(self) -> int:
        """A loss to carry forward; positive, or zero."""
        return max(-self.income_cents, 0)

    @property
    def local_cents(self) -> int:
        """Local taxes, deductible or not."""
        return sum(c.tax_cents for c in self.local)


@dataclass(frozen=True, kw_only=True)
class Computation:
    """The tax of one entity; amounts in hundredths of its currency."""

    entity: str
    jurisdiction: str
    currency: str
    base: TaxBase
    central: CentralTax
    credits_cents: int
    tax_cents: int
    """Current tax of the year: central, surcharge and local, less credits."""
    payable_cents: int
    """After payments on account; negative: to be repaid."""
    lines: tuple[Line, ...]
    """From profit before tax to tax payable."""
    refunds: tuple[malta.Refund, ...]
    rate_versions: tuple[str, ...]
    decision: Decision

    @property
    def metrics(self) -> dict[str, Any]:
        """The figures a reviewer looks at first, as JSON values."""
        interest = self.base.interest
        return {
            "tax_ebitda_cents": interest.ebitda_cents,
            "exceeding_borrowing_costs_cents": interest.exceeding_cents,
            "interest_ceiling_cents": interest.ceiling_cents,
            "disallowed_interest_cents": interest.disallowed_cents,
            "interest_of_earlier_years_cents": interest.used_cents,
            "losses_used_cents": self.base.losses_used_cents,
            "loss_of_year_cents": self.base.loss_of_year_cents,
            "shareholder_refund_cents": sum(r.refund_cents for r in self.refunds),
        }


def compute(entity: TaxEntity, *, start: date, end: date) -> Computation | NotComputed:
    """Compute the tax of a period, both days included.

    Profit before tax + adjustments + interest limitation - losses - deductible local taxes = chargeable income; tax at the
    rates of the period + surcharges + local taxes - credits = tax of the year. Every line is rounded once, to the cent.
    """
    base = tax_base(entity, start=start, end=end)
    if isinstance(base, NotComputed):
        return base
    central = central_tax(entity, chargeable_cents=base.chargeable_cents, start=start, end=end)
    if isinstance(central, NoRate):
        return _not_computed(entity, central.reason)
    levied = central.tax_cents + central.surcharge_cents
    credit = credits_allowed(entity.credits, tax_cents=levied)
    tax = levied + base.local_cents - credit
    refunds = _refunds(entity, central.tax_cents)
    reasons = (
        *_doubts(entity, start),
        *base.interest.reasons,
        *base.relief.reasons,
        *unstated(entity),
        *central.reasons,
        *_malta_concerns(entity, base.income_cents, central.tax_cents, refunds),
    )
    versions = (*central.rate_versions, *(c.version for c in base.local if c.version))
    return Computation(
        entity=entity.name,
        jurisdiction=entity.jurisdiction,
        currency=entity.currency,
        base=base,
        central=central,
        credits_cents=credit,
        tax_cents=tax,
        payable_cents=tax - cents(entity.paid_on_account),
        lines=(*_base_lines(entity, base), *_tax_lines(entity, base, central, tax)),
        refunds=refunds,
        rate_versions=tuple(dict.fromkeys(versions)),
        decision=Decision(reasons=tuple(dict.fromkeys(reasons))),
    )


def tax_base(entity: TaxEntity, *, start: date, end: date) -> TaxBase | NotComputed:
    """Chargeable income of a period, both days included."""
    problem = _problem(entity)
    if problem or entity.profit_before_tax is None:
        return _not_computed(entity, problem)
    profit = cents(entity.profit_before_tax)
    permanent, temporary = _adjusted(entity, "permanent"), _adjusted(entity, "temporary")
    interest = limit_interest(entity, income_cents=profit + permanent + temporary, day=start)
    income = profit + permanent + temporary + interest.adjustment_cents
    losses, relief = losses_used(entity, income_cents=income, day=start)
    taxable = max(income - losses, 0)
    local = local_charges(entity, income_cents=taxable, start=start, end=end)
    if isinstance(local, NoRate):
        return _not_computed(entity, local.reason)
    deductible = sum(c.tax_cents for c in local if c.is_deductible)
    return TaxBase(
        profit_cents=profit,
        permanent_cents=permanent,
        temporary_cents=temporary,
        interest=interest,
        income_cents=income,
        losses_used_cents=losses,
        relief=relief,
        local=local,
        chargeable_cents=max(taxable - deductible, 0),
    )


@dataclass(frozen=True, kw_only=True)
class Relief:
    """How losses were relieved."""

    basis: str
    reasons: tuple[Reason, ...] = ()


def losses_used(entity: TaxEntity, *, income_cents: int, day: date) -> tuple[int, Relief]:
    """Losses of earlier years set off against the income of this one, in cents, and by which rule.

    Without a rule on file nothing is set off and a person decides: tax is then overstated rather than understated.
    """
    available = cents(entity.losses_brought_forward)
    if not available or income_cents <= 0:
        return 0, Relief(basis="none" if not available else "no income to set losses off against")
    rule = rule_on(
        rows("loss_relief", LossRelief), entity.jurisdiction, day, what="rule on loss relief"
    )
    if isinstance(rule, NoRate):
        return 0, Relief(basis="", reasons=(review(f"Losses were not set off: {rule.reason}."),))
    free = min(rule.free * 100, income_cents)
    ceiling = free + pct_of(income_cents - free, rule.share_pct)
    return min(available, ceiling), Relief(basis=rule.source, reasons=to_confirm((rule,)))


def credits_allowed(credits: tuple[Credit, ...], *, tax_cents: int) -> int:
    """Credits taken: those not refundable up to the tax, the refundable ones in full."""
    ordinary = sum(cents(c.amount) for c in credits if not c.is_refundable)
    refundable = sum(cents(c.amount) for c in credits if c.is_refundable)
    return min(ordinary, max(tax_cents, 0)) + refundable


def in_euro_cents(amount_cents: int, entity: TaxEntity) -> int:
    """An amount of the entity in euro cents, at the period's average rate."""
    if entity.per_eur is None:
        return amount_cents
    return to_cents(amount_cents / Fraction(entity.per_eur))


def _problem(entity: TaxEntity) -> str:
    if entity.jurisdiction not in jurisdictions():
        return f"no computation covers {entity.jurisdiction}; {RESEARCH_AGENT} researches the law and a person computes"
    if entity.profit_before_tax is None:
        return f"engagement.yaml states no profit_before_tax for {entity.name}"
    return ""


def _adjusted(entity: TaxEntity, kind: str) -> int:
    return sum(cents(a.amount) for a in entity.adjustments if a.kind == kind)


def _not_computed(entity: TaxEntity, reason: str) -> NotComputed:
    return NotComputed(entity=entity.name, jurisdiction=entity.jurisdiction, reason=reason)


def _base_lines(entity: TaxEntity, base: TaxBase) -> tuple[Line, ...]:
    lines = [Line(label="Profit before tax", cents=base.profit_cents, basis="books")]
    lines += [
        Line(label=a.label, cents=cents(a.amount), basis=a.reference or a.kind)
        for a in entity.adjustments
    ]
    rule = base.interest.rule
    basis = rule.reason if isinstance(rule, NoRate) else rule.source
    lines += [
        Line(label="Interest not deductible", cents=base.interest.disallowed_cents, basis=basis),
        Line(label="Interest of earlier years", cents=-base.interest.used_cents, basis=basis),
        Line(
            label="Losses brought forward", cents=-base.losses_used_cents, basis=base.relief.basis
        ),
    ]
    lines += [
        Line(label=f"{c.name}, deducted", cents=-c.tax_cents, basis=c.basis)
        for c in base.local
        if c.is_deductible
    ]
    return (
        *(line for line in lines if line.cents),
        Line(label="Chargeable income", cents=base.chargeable_cents),
    )


def _tax_lines(entity: TaxEntity, base: TaxBase, central: CentralTax, tax: int) -> tuple[Line, ...]:
    levied = [Line(label=p.label, cents=p.cents, basis=p.basis) for p in central.parts]
    levied += [Line(label=c.name, cents=c.tax_cents, basis=c.basis) for c in base.local]
    taken = sum(line.cents for line in levied) - tax
    names = ", ".join(c.name for c in entity.credits)
    paid = cents(entity.paid_on_account)
    return (
        *levied,
        *((Line(label="Credits", cents=-taken, basis=names),) if taken else ()),
        Line(label="Tax of the year", cents=tax),
        *((Line(label="Paid on account", cents=-paid),) if paid else ()),
        Line(label="Tax payable", cents=tax - paid),
    )


def _refunds(entity: TaxEntity, tax_cents: int) -> tuple[malta.Refund, ...]:
    if entity.jurisdiction != "MT" or "final_tax_without_imputation" in entity.elections:
        return ()
    return malta.refunds(entity.malta_profits, tax_cents=tax_cents)


def _malta_concerns(
    entity: TaxEntity, chargeable: int, tax: int, refunds: tuple[malta.Refund, ...]
) -> tuple[Reason, ...]:
    if entity.jurisdiction != "MT":
        return ()
    return malta.concerns(
        entity,
        chargeable_cents=in_euro_cents(chargeable, entity),
        tax_cents=in_euro_cents(tax, entity),
        refund_cents=in_euro_cents(sum(r.refund_cents for r in refunds), entity),
    )


def _doubts(entity: TaxEntity, day: date) -> tuple[Reason, ...]:
    own = jurisdictions()[entity.jurisdiction].currency_on(day)
    if entity.currency == own:
        return ()
    text = f"{entity.name} states its amounts in {entity.currency}; the return is in {own}, and so are bands and limits."
    return (review(text),)
