"""Steps t01 and t02: what is in scope and due, and whether the figures tie out."""

from typing import Any

from prisma_assets.agents.embedded.tax_work import (
    decided,
    euro_cents,
    own_amount,
    shown,
    tax_finding,
    without_facts,
)
from prisma_assets.agents.embedded.work import Draft, StepWork, finish
from prisma_assets.domain.audit import independence
from prisma_assets.domain.audit.amount import cents
from prisma_assets.domain.audit.outcome import Outcome, count, not_performed, performed
from prisma_assets.domain.audit.workpaper import Evidence, StepResult
from prisma_assets.domain.tax import disclosure, minimum_tax
from prisma_assets.domain.tax.decision import Decision, refuse, review
from prisma_assets.domain.tax.facts import TaxFacts
from prisma_assets.domain.tax.jurisdiction import RESEARCH_AGENT, agent_for
from prisma_assets.domain.tax.obligation import Obligation, obligations, without_deadline
from prisma_assets.domain.tax.tie_out import TieOut, tie_out

SCOPE_PROCEDURES = (
    "Permission to serve", "Jurisdictions in scope", "Obligations", "Scope of the minimum tax",
    "Screen of arrangements",
)  # fmt: skip
TIE_OUT = "Profit ties out"


def scope_and_obligations(work: StepWork) -> StepResult:
    """Settle permission, jurisdictions, due dates, the scope of the minimum tax and arrangements to disclose."""
    facts = work.engagement.tax
    if facts is None:
        nothing = {
            "jurisdictions": [], "direct_tax_items": [], "vat_items": [], "obligations": [], "p2_in_scope": False,
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


def data_collection_and_reconciliation(work: StepWork) -> StepResult:
    """Tie the profits out, list the adjustments and name the data the computations rest on."""
    facts = work.engagement.tax
    if facts is None:
        nothing = {
            "tax_trial_balance": [], "adjustments_register": [], "is_reconciled": False,
            "dataset_hash": work.books.sha256,
        }  # fmt: skip
        return without_facts(work, (TIE_OUT, "Register of adjustments"), nothing)
    ties = [_tie(work, facts, e.name) for e in facts.entities]
    register = [
        {
            "entity": e.name, "currency": e.currency, "label": a.label, "kind": a.kind,
            "amount_cents": cents(a.amount), "reference": a.reference,
        }
        for e in facts.entities
        for a in e.adjustments
    ]  # fmt: skip
    agreed = all(t.agrees for t in ties)
    open_matters = [text for t in ties for text in (*t.differences, *(f"{g}." for g in t.gaps))]
    text = (
        "Trial balance, statements and tax computation start from the same profit in every entity."
        if agreed
        else f"Not tied out: {' '.join(open_matters)} Correct the data, or a manager decides."
    )
    return finish(
        work,
        Draft(
            outcomes=[_tied(work, ties), _register(register), _referenced(facts)],
            conclusion=text,
            outputs={
                "tax_trial_balance": [_tie_json(t) for t in ties],
                "adjustments_register": register,
                "dataset_hash": work.books.sha256,
                "is_reconciled": agreed,
                "open_matters": open_matters,
            },
        ),
    )


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
        result = f"{', '.join(unsupported)}: no computation covers them; the law is researched and a person computes."
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


def _tie(work: StepWork, facts: TaxFacts, name: str) -> TieOut:
    """Tie one entity out; the trial balance in the folder is that of the client itself."""
    read = work.figures.get("profit_before_tax") if name == work.engagement.client.name else None
    return tie_out(
        facts.entity(name),
        tolerance_cents=cents(facts.tolerance),
        ledger_profit_cents=read.cents if read else None,
    )


def _tied(work: StepWork, ties: list[TieOut]) -> Outcome:
    rows = tuple(
        (
            t.entity,
            shown(t.tax_cents, t.currency),
            shown(t.trial_balance_cents, t.currency),
            shown(t.statements_cents, t.currency),
        )
        for t in ties
    )
    findings = tuple(
        tax_finding("profit_does_not_tie_out", t.entity, text, TIE_OUT,
                    own_amount(work, _largest_gap(t), t.currency))
        for t in ties
        for text in t.differences
    )  # fmt: skip
    return performed(
        TIE_OUT,
        population=count(len(ties), "entity", "entities"),
        result=f"{sum(t.agrees for t in ties)} agree in all three.",
        evidence=(
            Evidence(
                title="Profit before tax",
                columns=("entity", "tax computation", "trial balance", "statements"),
                rows=rows,
            ),
        ),
        findings=findings,
    )


def _largest_gap(tie: TieOut) -> int | None:
    if tie.tax_cents is None:
        return None
    others = [v for v in (tie.trial_balance_cents, tie.statements_cents) if v is not None]
    return max((abs(v - tie.tax_cents) for v in others), default=None)


def _register(register: list[dict[str, Any]]) -> Outcome:
    rows = tuple(
        (
            a["entity"],
            a["label"],
            a["kind"],
            shown(a["amount_cents"], a["currency"]),
            a["reference"],
        )
        for a in register
    )
    return performed(
        "Register of adjustments",
        population=count(len(register), "adjustment"),
        result=f"{count(sum(a['kind'] == 'permanent' for a in register), 'adjustment')} permanent.",
        evidence=(
            Evidence(
                title="Adjustments",
                columns=("entity", "adjustment", "kind", "amount", "reference"),
                rows=rows,
            ),
        ),
    )


def _referenced(facts: TaxFacts) -> Outcome:
    """An adjustment without law or working paper behind it is a claim."""
    name = "Adjustments have a source"
    bare = [(e, a) for e in facts.entities for a in e.adjustments if not a.reference]
    total = sum(abs(euro_cents(cents(a.amount), e)) for e, a in bare)
    return performed(
        name,
        population=count(sum(len(e.adjustments) for e in facts.entities), "adjustment"),
        result=f"{count(len(bare), 'adjustment')} without a reference, {shown(total, 'EUR')} in all.",
        findings=tuple(
            tax_finding(
                "adjustment_without_reference",
                f"{e.name}: {a.label}",
                f"{a.label} of {e.name} names no law or working paper.",
                name,
            )
            for e, a in bare
        ),
    )


def _tie_json(tie: TieOut) -> dict[str, Any]:
    return {
        "entity": tie.entity,
        "currency": tie.currency,
        "tax_cents": tie.tax_cents,
        "trial_balance_cents": tie.trial_balance_cents,
        "statements_cents": tie.statements_cents,
        "agrees": tie.agrees,
    }
