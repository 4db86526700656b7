"""Step t01: what the firm may do for the group, what is in scope and what falls due."""

from typing import Any

from prisma_assets.agents.embedded.tax_work import (
    decided,
    tax_finding,
    without_facts,
)
from prisma_assets.agents.embedded.work import Draft, StepWork, finish
from prisma_assets.domain.audit import independence
from prisma_assets.domain.audit.outcome import Outcome, count, not_performed, performed
from prisma_assets.domain.audit.workpaper import Evidence, StepResult
from prisma_assets.domain.tax import disclosure, minimum_tax
from prisma_assets.domain.tax.decision import Decision, refuse, review
from prisma_assets.domain.tax.facts import TaxFacts
from prisma_assets.domain.tax.jurisdiction import RESEARCH_AGENT, agent_for
from prisma_assets.domain.tax.obligation import Obligation, obligations, without_deadline

SCOPE_PROCEDURES = (
    "Permission to serve", "Jurisdictions in scope", "Obligations", "Scope of the minimum tax",
    "Screen of arrangements",
)  # fmt: skip


def scope_and_obligations(work: StepWork) -> StepResult:
    """Settle permission, jurisdictions, due dates, the scope of the minimum tax and arrangements to disclose."""
    facts = work.engagement.tax
    if facts is None:
        nothing = {
            "jurisdictions": [], "direct_tax_items": [], "vat_items": [], "vat_jurisdictions": [], "obligations": [], "p2_in_scope": False,
            "p2_scope": "not decided", "dac6_screen": [], "service_permitted": False, "related_party": False,
        }  # fmt: skip
        return without_facts(work, SCOPE_PROCEDURES, nothing)
    permitted, permission, how = _permission(work, facts)
    due = obligations(facts, period_end=work.engagement.period.end)
    scope = minimum_tax.scope(facts.revenue_history, fiscal_year=work.engagement.period.end.year)
    screens = [disclosure.screen(a, as_of=_today(work)) for a in facts.arrangements]
    items = [
        {
            "jurisdiction": code,
            "agent": agent_for(code),
            "entities": [e.name for e in facts.entities if e.jurisdiction == code],
        }
        for code in facts.jurisdictions
    ]
    outcomes = [
        permission,
        _jurisdictions(items),
        _due(work, facts, due),
        _minimum_tax_scope(scope),
        _screened(screens),
    ]
    return finish(
        work,
        Draft(
            tables=(),
            outcomes=outcomes,
            conclusion=_scope_conclusion(facts, due, permitted=permitted),
            outputs={
                "jurisdictions": list(facts.jurisdictions),
                "direct_tax_items": items,
                "vat_items": [
                    {"registration": r.number, "start": r.start.isoformat()}
                    for r in facts.vat_registrations
                ],
                "vat_jurisdictions": _by_jurisdiction(facts),
                "obligations": [_due_json(o) for o in due],
                # Not decided counts as in scope: the computation then says what it lacks.
                "p2_in_scope": scope.is_in_scope is not False,
                "p2_scope": _scope_word(scope.is_in_scope),
                "dac6_screen": [screen_json(s) for s in screens],
                "service_permitted": permitted,
                "is_audit_client": facts.is_audit_client,
                "independence_conclusion": how,
                "related_party": bool(facts.intercompany),
            },
        ),
    )


def _by_jurisdiction(facts: TaxFacts) -> list[dict[str, Any]]:
    """The registrations as the template goes through them: a branch per registration within its jurisdiction."""
    codes = dict.fromkeys(r.jurisdiction for r in facts.vat_registrations)
    return [
        {
            "jurisdiction": code,
            "registrations": [
                {"registration": r.number, "start": r.start.isoformat()}
                for r in facts.vat_registrations
                if r.jurisdiction == code
            ],
        }
        for code in codes
    ]


def screen_json(found: disclosure.Screening) -> dict[str, Any]:
    """A screened arrangement as JSON values."""
    return {
        "arrangement": found.arrangement,
        "is_reportable": found.is_reportable,
        "hallmarks": list(found.hallmarks),
        "unknown_hallmarks": list(found.unknown_hallmarks),
        "due": found.due.isoformat() if found.due else None,
        "is_late": found.is_late,
        "why": found.why,
    }


def _today(work: StepWork) -> Any:
    return work.task.as_of.date() if work.task.as_of else None


def _permission(work: StepWork, facts: TaxFacts) -> tuple[bool, Outcome, str]:
    """An audit client is served only when independence allows it (IESBA 600-604); a partner confirms."""
    name = SCOPE_PROCEDURES[0]
    if not facts.is_audit_client:
        decision = Decision()
        return (
            True,
            decided(name, decision.as_json(), population="the group is no audit client"),
            "OK",
        )
    conclusion, _ = independence.assess(work.engagement)
    reasons = {
        "OK": (),
        "SAFEGUARDS_REQUIRED": (
            review("Tax services to this audit client need safeguards.", "Partner"),
        ),
        "PROHIBITED": (
            refuse("Independence forbids tax services to this audit client.", "Partner"),
        ),
    }[conclusion]
    found = decided(
        name, Decision(reasons=reasons).as_json(), population="audit client; independence checked"
    )
    return conclusion != "PROHIBITED", found, conclusion


def _jurisdictions(items: list[dict[str, Any]]) -> Outcome:
    unsupported = [i["jurisdiction"] for i in items if i["agent"] == RESEARCH_AGENT]
    result = "Every jurisdiction has a computing agent."
    if unsupported:
        result = f"{', '.join(unsupported)}: no computation is on file; the law is researched and a person computes."
    rows = tuple((i["jurisdiction"], i["agent"], ", ".join(i["entities"])) for i in items)
    return performed(
        SCOPE_PROCEDURES[1],
        population=count(len(items), "jurisdiction"),
        result=result,
        evidence=(
            Evidence(title="Jurisdictions", columns=("code", "agent", "entities"), rows=rows),
        ),
        findings=tuple(
            tax_finding(
                "jurisdiction_without_computation",
                code,
                f"No computation covers {code}.",
                SCOPE_PROCEDURES[1],
            )
            for code in unsupported
        ),
    )


def _due(work: StepWork, facts: TaxFacts, due: tuple[Obligation, ...]) -> Outcome:
    name = SCOPE_PROCEDURES[2]
    unknown = without_deadline(facts, period_end=work.engagement.period.end)
    today = _today(work)
    late = [o for o in due if today and o.due < today and not o.receipt]
    rows = tuple((o.entity, o.form, o.due.isoformat(), o.origin, o.confirm) for o in due)
    findings = [
        tax_finding(
            "deadline_unknown", text.split(":")[0], f"{text}; state it in tax.filings.", name
        )
        for text in unknown
    ]
    findings += [
        tax_finding(
            "filing_overdue",
            f"{o.entity} {o.form}",
            f"{o.form} of {o.entity} was due on {o.due}.",
            name,
        )
        for o in late
    ]
    return performed(
        name,
        population=count(len(due), "obligation"),
        result=f"{count(len(late), 'obligation')} overdue; {count(len(unknown), 'deadline')} not known.",
        evidence=(
            Evidence(
                title=name, columns=("entity", "form", "due", "origin", "to confirm"), rows=rows
            ),
        ),
        findings=tuple(findings),
    )


def _minimum_tax_scope(scope: minimum_tax.Scope) -> Outcome:
    if scope.is_in_scope is None:
        return not_performed(
            SCOPE_PROCEDURES[3], f"{scope.why}; state tax.revenue_history for all four"
        )
    word = "in" if scope.is_in_scope else "out of"
    return performed(
        SCOPE_PROCEDURES[3],
        population="consolidated revenue of four years",
        result=f"The group is {word} scope: {scope.why}.",
    )


def _screened(screens: list[disclosure.Screening]) -> Outcome:
    name = SCOPE_PROCEDURES[4]
    if not screens:
        return performed(name, population="0 arrangements", result="engagement.yaml states none.")
    rows = tuple(
        (
            s.arrangement,
            {True: "yes", False: "no", None: "not decided"}[s.is_reportable],
            s.due.isoformat() if s.due else None,
            s.why,
        )
        for s in screens
    )
    reportable = [s for s in screens if s.is_reportable]
    return performed(
        name,
        population=count(len(screens), "arrangement"),
        result=f"{count(len(reportable), 'arrangement')} to report within 30 days of the first trigger.",
        evidence=(
            Evidence(title=name, columns=("arrangement", "reportable", "due", "why"), rows=rows),
        ),
        findings=tuple(
            tax_finding(
                "arrangement_reportable",
                s.arrangement,
                f"{s.arrangement} is reportable: {s.why}.",
                name,
            )
            for s in reportable
        ),
    )


def _scope_word(is_in_scope: bool | None) -> str:
    return {True: "in scope", False: "out of scope", None: "not decided"}[is_in_scope]


def _scope_conclusion(facts: TaxFacts, due: tuple[Obligation, ...], *, permitted: bool) -> str:
    if not permitted:
        return "The firm may not provide these services: the group is an audit client and independence forbids them."
    where = count(len(facts.jurisdictions), "jurisdiction")
    return (
        f"{where} and {count(len(due), 'obligation')} are in scope. A manager confirms the scope."
    )


def _due_json(found: Obligation) -> dict[str, Any]:
    return {
        "entity": found.entity,
        "jurisdiction": found.jurisdiction,
        "tax": found.tax,
        "form": found.form,
        "due": found.due.isoformat(),
        "origin": found.origin,
        "confirm": found.confirm,
    }
