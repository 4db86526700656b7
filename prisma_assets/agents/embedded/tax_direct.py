"""Step t03: corporate income tax of one jurisdiction, or of all of them."""

from collections.abc import Mapping
from typing import Any

from prisma_assets.agents.embedded.tax_work import (
    euro_cents,
    shown,
    tax_finding,
    without_facts,
)
from prisma_assets.agents.embedded.work import Draft, StepWork, finish
from prisma_assets.domain.audit.outcome import Outcome, not_performed, performed
from prisma_assets.domain.audit.workpaper import Evidence, StepResult
from prisma_assets.domain.errors import InputError
from prisma_assets.domain.tax.corporate import Computation, NotComputed, compute
from prisma_assets.domain.tax.decision import worst
from prisma_assets.domain.tax.facts import TaxFacts
from prisma_assets.domain.tax.result import by_person, flattened
from prisma_assets.domain.tax.rounding import pct_text

HUMAN = "a person computes it"


def direct_tax_by_jurisdiction(work: StepWork) -> StepResult:
    """Compute the jurisdiction the branch is for; outside a for-each, all of them."""
    item = work.task.item
    if isinstance(item, Mapping):
        return direct_tax(work, item.get("jurisdiction"))
    return direct_tax(work, item if isinstance(item, str) else None)


def direct_tax(work: StepWork, jurisdiction: str | None) -> StepResult:
    """Compute the tax of every entity of a jurisdiction.

    Args:
        work: The step's material.
        jurisdiction: Country code. None: every jurisdiction of the group.

    Raises:
        InputError: The group has no entity there.
    """
    facts = work.engagement.tax
    if facts is None:
        return without_facts(
            work, ("Corporate income tax",), {"cit_result": [], "decision": "REVIEW"}
        )
    if jurisdiction is not None and jurisdiction not in facts.jurisdictions:
        raise InputError(
            f"tax.entities of engagement.yaml has none in {jurisdiction}; known: {', '.join(facts.jurisdictions)}"
        )
    codes = facts.jurisdictions if jurisdiction is None else (jurisdiction,)
    found = {code: _computed(work, facts, code) for code in codes}
    results = [_result(facts, code, list(computed)) for code, computed in found.items()]
    outcomes = [_outcome(c, facts) for computed in found.values() for c in computed]
    return finish(
        work,
        Draft(
            tables=(),
            outcomes=outcomes,
            conclusion=" ".join(_sentence(r) for r in results),
            outputs={"cit_result": results, "decision": worst(r["decision"] for r in results)},
        ),
    )


def _computed(work: StepWork, facts: TaxFacts, code: str) -> tuple[Computation | NotComputed, ...]:
    period = work.engagement.period
    return tuple(
        compute(e, start=period.start, end=period.end)
        for e in facts.entities
        if e.jurisdiction == code
    )


def _result(
    facts: TaxFacts, code: str, computed: list[Computation | NotComputed]
) -> dict[str, Any]:
    done = [c for c in computed if isinstance(c, Computation)]
    people = {c: by_person(facts.entity(c.entity)) for c in computed if isinstance(c, NotComputed)}
    missing = [c for c, stated in people.items() if stated is None]
    flat = [flattened(c) for c in done] + [stated for stated in people.values() if stated]
    reasons = [text for f in flat for text in f.reasons]
    steps = [text for f in flat for text in f.next_steps]
    verdicts: list[str] = [f.decision for f in flat]
    if missing:
        # Without a computation there is nothing to approve.
        verdicts.append("REVIEW")
        reasons += [f"{m.entity} was not computed, because {m.reason}." for m in missing]
        steps.append(HUMAN.capitalize())
    return {
        "jurisdiction": code,
        "currency": "EUR",
        "base_cents": None
        if missing
        else sum(euro_cents(f.chargeable_cents, facts.entity(f.entity)) for f in flat),
        "tax_cents": None
        if missing
        else sum(euro_cents(f.tax_cents, facts.entity(f.entity)) for f in flat),
        "rate_version": list(dict.fromkeys(v for f in flat for v in f.rate_versions)),
        "decision": worst(verdicts),
        "reasons": reasons,
        "next_steps": list(dict.fromkeys(steps)),
        "entities": [f.model_dump(mode="json") for f in flat],
        "not_computed": [{"entity": m.entity, "reason": m.reason} for m in missing],
    }


def _outcome(found: Computation | NotComputed, facts: TaxFacts) -> Outcome:
    name = f"Corporate income tax of {found.entity} ({found.jurisdiction})"
    if isinstance(found, NotComputed):
        stated = by_person(facts.entity(found.entity))
        if stated is None:
            return not_performed(name, found.reason)
        return performed(
            name,
            population=f"profit before tax {shown(stated.profit_cents, stated.currency)}",
            result=f"Tax of the year {shown(stated.tax_cents, stated.currency)}, by {stated.rate_versions[0]}. {stated.decision}.",
            findings=(
                tax_finding("tax_position_to_review", found.entity, stated.reasons[0], name),
            ),
        )
    rows = tuple(
        (line.label, shown(line.cents, found.currency), line.basis) for line in found.lines
    )
    refunds = sum(r.refund_cents for r in found.refunds)
    refund = f" Shareholders may claim {shown(refunds, found.currency)}." if refunds else ""
    reasons = " ".join(r.text for r in found.decision.reasons)
    return performed(
        name,
        population=f"profit before tax {shown(found.base.profit_cents, found.currency)}, headline rate {pct_text(found.central.headline_pct)}",
        result=f"Tax of the year {shown(found.tax_cents, found.currency)}.{refund} {found.decision.verdict}. {reasons}".strip(),
        evidence=(
            Evidence(
                title=f"Computation of {found.entity}",
                columns=("line", "amount", "basis"),
                rows=rows,
            ),
        ),
        findings=tuple(
            tax_finding(
                "tax_position_refused" if r.verdict == "REFUSED" else "tax_position_to_review",
                found.entity,
                r.text,
                name,
            )
            for r in found.decision.reasons
        ),
    )


def _sentence(result: Mapping[str, Any]) -> str:
    if result["tax_cents"] is None:
        return f"{result['jurisdiction']}: not computed in full; {HUMAN}."
    return f"{result['jurisdiction']}: tax of {shown(result['tax_cents'], 'EUR')}, {result['decision']}."
