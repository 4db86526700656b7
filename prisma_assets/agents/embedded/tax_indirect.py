"""Step t04: returns of value added tax, the recapitulative statement and the check against turnover."""

from collections.abc import Mapping
from typing import Any

from prisma_assets.agents.embedded.tax_work import own_amount, shown, tax_finding, without_facts
from prisma_assets.agents.embedded.work import Draft, StepWork, finish
from prisma_assets.domain.audit.amount import cents
from prisma_assets.domain.audit.outcome import Outcome, count, not_performed, performed
from prisma_assets.domain.audit.workpaper import Evidence, Finding, StepResult
from prisma_assets.domain.tax import vat
from prisma_assets.domain.tax.decision import Decision, worst
from prisma_assets.domain.tax.facts import TaxFacts, VatRegistration
from prisma_assets.domain.tax.rate import NoRate
from prisma_assets.domain.tax.vat_ledger import TABLES, Ledger, ledger

LINES_NAMED = 200
"""Exceptions named one by one; beyond that a ledger is wrong as a whole and the count says so."""


def indirect_tax(work: StepWork) -> StepResult:
    """Draw up the return of every registration in scope, or of the one the branch is for."""
    facts = work.engagement.tax
    nothing = {
        "vat_return": [],
        "recap_statement": [],
        "reconciliation_to_turnover": [],
        "decision": "APPROVED",
    }
    if facts is None:
        return without_facts(work, ("Value added tax",), {**nothing, "decision": "REVIEW"})
    registrations = _wanted(work, facts)
    if not registrations:
        outcome = not_performed("Value added tax", "engagement.yaml lists no tax.vat_registrations")
        return finish(work, Draft(outcomes=[outcome], conclusion="", outputs=nothing, tables=()))
    outcomes: list[Outcome] = []
    returns, recap, reconciled = [], [], []
    for registration in registrations:
        found = _registration(work, facts, registration)
        outcomes += found["outcomes"]
        returns.append(found["return"])
        recap += found["recap"]
        reconciled.append(found["reconciliation"])
    verdict = worst(r["decision"] for r in returns)
    text = " ".join(_sentence(r) for r in returns)
    return finish(
        work,
        Draft(
            outcomes=outcomes,
            conclusion=f"{text} Nothing is transmitted from here.",
            tables=tuple(TABLES.values()),
            outputs={
                "vat_return": returns,
                "recap_statement": recap,
                "reconciliation_to_turnover": reconciled,
                "decision": verdict,
            },
        ),
    )


def _wanted(work: StepWork, facts: TaxFacts) -> tuple[VatRegistration, ...]:
    item = work.task.item
    if not isinstance(item, Mapping):
        return facts.vat_registrations
    return tuple(
        r
        for r in facts.vat_registrations
        if r.number == item.get("registration") and r.start.isoformat() == item.get("start")
    )


def _registration(work: StepWork, facts: TaxFacts, registration: VatRegistration) -> dict[str, Any]:
    currency = facts.entity(registration.entity).currency
    book: Ledger | None = None
    if registration.totals is not None:
        figures: vat.VatReturn | NoRate = vat.return_from_totals(registration.totals, registration)
        population = "totals as stated"
    else:
        book = ledger(work.books, facts, registration)
        population = (
            f"{count(len(book.lines), 'ledger line')} of {registration.start} to {registration.end}"
        )
        figures = (
            NoRate(reason="; ".join(book.missing))
            if book.missing
            else vat.return_from_lines(book.lines, registration)
        )
    name = f"VAT return of {registration.number}"
    if isinstance(figures, NoRate):
        return _without(registration, name, figures.reason)
    decision = vat.decide(registration, figures)
    rows = _recap(registration, book)
    outcomes = [_returned(name, population, figures, currency, decision)]
    if book is not None:
        outcomes += [
            _lines_hold(work, registration, book, currency),
            _recapitulated(registration, rows, currency),
        ]
    outcomes.append(_reconciled(work, facts, registration, figures))
    return {
        "outcomes": outcomes,
        "return": {
            **_identity(registration),
            **_json(figures),
            "currency": currency,
            **decision.as_json(),
        },
        "recap": rows,
        "reconciliation": _reconciliation(facts, registration, figures, currency),
    }


def _without(registration: VatRegistration, name: str, reason: str) -> dict[str, Any]:
    identity = _identity(registration)
    return {
        "outcomes": [not_performed(name, reason)],
        "return": {
            **identity, "net_cents": None, "decision": "REVIEW",
            "reasons": [f"{registration.number} was not drawn up, because {reason}."],
            "next_steps": ["A person draws it up"],
        },
        "recap": [],
        "reconciliation": {**identity, "agrees": None},
    }  # fmt: skip


def _identity(registration: VatRegistration) -> dict[str, Any]:
    return {
        "registration": registration.number,
        "jurisdiction": registration.jurisdiction,
        "entity": registration.entity,
        "scheme": registration.scheme,
        "start": registration.start.isoformat(),
        "end": registration.end.isoformat(),
    }


def _json(figures: vat.VatReturn) -> dict[str, int]:
    return {name: getattr(figures, name) for name in vat.VatReturn.__dataclass_fields__}


def _returned(
    name: str, population: str, figures: vat.VatReturn, currency: str, decision: Decision
) -> Outcome:
    rows = tuple(
        (field.removesuffix("_cents").replace("_", " "), shown(value, currency))
        for field, value in _json(figures).items()
    )
    reasons = " ".join(r.text for r in decision.reasons)
    return performed(
        name,
        population=population,
        result=f"Net {shown(figures.net_cents, currency)}. {decision.verdict}. {reasons}".strip(),
        evidence=(Evidence(title=name, columns=("figure", "amount"), rows=rows),),
    )


def _lines_hold(
    work: StepWork, registration: VatRegistration, book: Ledger, currency: str
) -> Outcome:
    name = f"Ledger lines of {registration.number}"
    found = [e for line in book.lines for e in vat.exceptions(line, registration.jurisdiction)]
    findings = [
        Finding(kind=e.kind, table=TABLES[e.side], record_id=e.document,
                amount_cents=own_amount(work, e.amount_cents, currency), description=e.description, procedure=name)
        for e in found[:LINES_NAMED]
    ]  # fmt: skip
    findings += [
        Finding(kind="vat_outside_period", table=TABLES[x.side], record_id=x.document,
                description=f"{x.side.capitalize()} {x.document} of {x.day} lies in no period of the registration.", procedure=name)
        for x in book.outside[:LINES_NAMED]
    ]  # fmt: skip
    return performed(
        name,
        population=count(len(book.lines), "line"),
        result=f"{count(len(found), 'exception')}; {count(len(book.outside), 'line')} outside every period, left out.",
        findings=tuple(findings),
    )


def _recap(registration: VatRegistration, book: Ledger | None) -> list[dict[str, Any]]:
    if book is None:
        return []
    return [
        {
            "registration": registration.number,
            "vat_number": r.vat_number,
            "kind": r.kind,
            "net_cents": r.net_cents,
        }
        for r in vat.recapitulate(book.lines)
    ]


def _recapitulated(
    registration: VatRegistration, rows: list[dict[str, Any]], currency: str
) -> Outcome:
    name = f"Recapitulative statement of {registration.number}"
    shown_rows = tuple((r["vat_number"], r["kind"], shown(r["net_cents"], currency)) for r in rows)
    return performed(
        name,
        population="supplies to other member states",
        result=count(len(rows), "row") + ".",
        evidence=(Evidence(title=name, columns=("customer", "kind", "net"), rows=shown_rows),)
        if rows
        else (),
    )


def _reconciliation(
    facts: TaxFacts, registration: VatRegistration, figures: vat.VatReturn, currency: str
) -> dict[str, Any]:
    turnover = None if registration.turnover is None else cents(registration.turnover)
    difference = None if turnover is None else figures.supplies_cents - turnover
    return {
        **_identity(registration),
        "currency": currency,
        "supplies_cents": figures.supplies_cents,
        "turnover_cents": turnover,
        "difference_cents": difference,
        "agrees": None if difference is None else abs(difference) <= cents(facts.tolerance),
    }


def _reconciled(
    work: StepWork, facts: TaxFacts, registration: VatRegistration, figures: vat.VatReturn
) -> Outcome:
    name = f"Turnover of {registration.number}"
    currency = facts.entity(registration.entity).currency
    found = _reconciliation(facts, registration, figures, currency)
    if found["agrees"] is None:
        return not_performed(name, f"engagement.yaml states no turnover for {registration.number}")
    text = f"Supplies of {shown(found['supplies_cents'], currency)}, turnover of {shown(found['turnover_cents'], currency)}"
    findings: tuple[Finding, ...] = ()
    if not found["agrees"]:
        findings = (
            tax_finding("vat_turnover_mismatch", registration.number, f"{text}.", name,
                        own_amount(work, found["difference_cents"], currency)),
        )  # fmt: skip
    return performed(
        name,
        population="supplies declared and revenue by the books",
        result=f"{text}: difference {shown(found['difference_cents'], currency)}.",
        findings=findings,
    )


def _sentence(found: Mapping[str, Any]) -> str:
    if found["net_cents"] is None:
        return f"{found['registration']}: no return could be drawn up."
    return f"{found['registration']}: net {shown(found['net_cents'], found['currency'])}, {found['decision']}."
