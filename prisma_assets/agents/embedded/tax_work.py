"""What the seven tax steps share: the facts, results of earlier branches, and amounts as a workpaper shows them."""

from collections.abc import Mapping, Sequence
from fractions import Fraction
from typing import Any

from prisma_assets.agents.embedded.work import Draft, StepWork, finish
from prisma_assets.domain.audit.amount import in_currency
from prisma_assets.domain.audit.outcome import Outcome, not_performed, performed
from prisma_assets.domain.audit.workpaper import Evidence, Finding, StepResult
from prisma_assets.domain.tax.facts import TaxEntity
from prisma_assets.domain.tax.rounding import to_cents

NO_FACTS = "engagement.yaml has no section tax"


def without_facts(work: StepWork, names: Sequence[str], outputs: Mapping[str, Any]) -> StepResult:
    """The result of a step whose engagement states nothing about tax."""
    outcomes = [not_performed(name, NO_FACTS) for name in names]
    text = f"Not performed, because {NO_FACTS}; state the group there and start a new run."
    return finish(work, Draft(outcomes=outcomes, conclusion=text, outputs=outputs, tables=()))


def collected(work: StepWork, step_id: str, name: str) -> list[dict[str, Any]]:
    """A list among an earlier step's outputs; empty when it was skipped."""
    return list(work.outputs_of(step_id).get(name) or [])


def per_euro(entity: TaxEntity) -> Fraction:
    """Units of the entity's currency for one euro."""
    return Fraction(entity.per_eur) if entity.per_eur is not None else Fraction(1)


def euro_cents(amount_cents: int, entity: TaxEntity) -> int:
    """An amount of the entity in euro cents."""
    return to_cents(amount_cents / per_euro(entity))


def own_amount(work: StepWork, amount_cents: int | None, currency: str) -> int | None:
    """The amount of a finding, which a workpaper shows in the engagement's currency; None where it is in another."""
    return amount_cents if currency == work.currency else None


def tax_finding(
    kind: str, record_id: str, description: str, procedure: str, amount_cents: int | None = None
) -> Finding:
    """A finding on the facts of engagement.yaml."""
    return Finding(
        kind=kind,
        table="engagement",
        record_id=record_id,
        amount_cents=amount_cents,
        description=description,
        procedure=procedure,
    )


def decided(
    name: str,
    decision: Mapping[str, Any],
    *,
    population: str,
    evidence: tuple[Evidence, ...] = (),
    findings: tuple[Finding, ...] = (),
) -> Outcome:
    """A calculation as a procedure: its decision with the reasons, and who goes on with them."""
    reasons, steps = decision["reasons"], decision["next_steps"]
    text = " ".join((f"{decision['decision']}.", *reasons, *(f"{s}." for s in steps)))
    return performed(name, population=population, result=text, evidence=evidence, findings=findings)


def shown(amount_cents: int | None, currency: str) -> str:
    """An amount with its currency."""
    return in_currency(amount_cents, currency)
