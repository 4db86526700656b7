"""Step t05: intercompany prices, tax withheld, controlled companies, arrangements to disclose."""

from collections.abc import Sequence
from typing import Any

from prisma_assets.agents.embedded import tax_minimum
from prisma_assets.agents.embedded.tax_scope import screen_json
from prisma_assets.agents.embedded.tax_work import (
    collected,
    decided,
    euro_cents,
    shown,
    tax_finding,
    without_facts,
)
from prisma_assets.agents.embedded.work import Draft, StepWork, finish
from prisma_assets.domain.audit.amount import cents
from prisma_assets.domain.audit.outcome import Outcome, count, not_performed, performed
from prisma_assets.domain.audit.workpaper import Evidence, StepResult
from prisma_assets.domain.tax import controlled_company, disclosure, transfer_price, us, withholding
from prisma_assets.domain.tax.decision import (
    DAC6_ARRANGEMENTS_REFUSED,
    INCLUSION_TAX_REVIEW,
    Decision,
    Reason,
    refuse,
    review,
    worst,
)
from prisma_assets.domain.tax.facts import ControlledCompany, TaxFacts
from prisma_assets.domain.tax.jurisdiction import is_eu
from prisma_assets.domain.tax.rate import NoRate

PRICES, WITHHELD = "Prices within the group", "Tax withheld abroad"
CONTROLLED, SCREEN = "Controlled foreign companies", "Arrangements to disclose"

Part = tuple[Sequence[Outcome], dict[str, Any]]
"""Outcomes of a sub-check, and its outputs."""


def cross_border_and_minimum_tax(work: StepWork) -> StepResult:
    """Do the five sub-checks; each stands by itself, and the gravest decides."""
    facts = work.engagement.tax
    if facts is None:
        nothing = {
            "tp_findings": [],
            "wht_relief": [],
            "cfc_ilr": [],
            "dac6": {},
            "p2": {},
            "decision": "REVIEW",
        }
        names = (PRICES, WITHHELD, CONTROLLED, SCREEN, tax_minimum.NAME)
        return without_facts(work, names, nothing)
    parts = (
        _prices(facts),
        _withheld(facts),
        _controlled(work, facts),
        _disclosed(work, facts),
        tax_minimum.minimum_tax(work, facts),
    )
    verdict = worst(p["decision"] for _, p in parts)
    prices, withheld, controlled, disclosed, minimum = (p for _, p in parts)
    return finish(
        work,
        Draft(
            tables=(),
            outcomes=[o for found, _ in parts for o in found],
            conclusion=_conclusion(verdict, [p for _, p in parts]),
            outputs={
                "tp_findings": prices["findings"],
                "wht_relief": withheld["payments"],
                "cfc_ilr": controlled["inclusions"],
                "interest_limitation": controlled["interest"],
                "dac6": disclosed,
                "p2": minimum,
                "decision": verdict,
                "reasons": [text for _, p in parts for text in p["reasons"]],
                "next_steps": list(dict.fromkeys(s for _, p in parts for s in p["next_steps"])),
            },
        ),
    )


def _prices(facts: TaxFacts) -> Part:
    if not facts.intercompany:
        return [not_performed(PRICES, "engagement.yaml lists no tax.intercompany")], {
            "findings": [],
            **Decision().as_json(),
        }
    tolerance = cents(facts.tolerance)
    found = [
        f
        for flow in facts.intercompany
        for f in transfer_price.findings(flow, tolerance_cents=tolerance)
    ]
    reasons = (
        (review(f"{count(len(found), 'exception')} in prices within the group."),) if found else ()
    )
    decision = Decision(reasons=reasons).as_json()
    rows = tuple((f.flow, f.kind, f.description) for f in found)
    outcome = decided(
        PRICES, decision, population=count(len(facts.intercompany), "flow"),
        evidence=(Evidence(title=PRICES, columns=("flow", "kind", "exception"), rows=rows),) if rows else (),
        findings=tuple(tax_finding(f.kind, f.flow, f.description, PRICES, f.amount_cents) for f in found),
    )  # fmt: skip
    listed = [
        {
            "flow": f.flow,
            "kind": f.kind,
            "amount_cents": f.amount_cents,
            "description": f.description,
        }
        for f in found
    ]
    return [outcome], {"findings": listed, **decision}


def _withheld(facts: TaxFacts) -> Part:
    if not facts.payments_abroad:
        return [not_performed(WITHHELD, "engagement.yaml lists no tax.payments_abroad")], {
            "payments": [],
            **Decision().as_json(),
        }
    listed: list[dict[str, Any]] = []
    reasons: list[Reason] = []
    outcomes: list[Outcome] = []
    for payment in facts.payments_abroad:
        source = facts.entity(payment.payer).jurisdiction
        found = withholding.relieve(payment, source=source, treaties=facts.treaty_rates)
        if isinstance(found, NoRate):
            outcomes.append(not_performed(f"{WITHHELD}: {payment.id}", found.reason))
            reasons.append(review(f"{payment.id}: {found.reason}."))
            continue
        reasons += found.decision.reasons
        listed.append(
            {
                "payment": found.payment,
                "domestic_pct": str(found.domestic_pct),
                "treaty_pct": None if found.treaty_pct is None else str(found.treaty_pct),
                "due_cents": found.due_cents,
                "relief_cents": found.relief_cents,
                "withheld_cents": found.withheld_cents,
                "basis": found.basis,
            }
        )
    decision = Decision(reasons=tuple(reasons)).as_json()
    rows = tuple(
        (
            p["payment"],
            f"{p['domestic_pct']} %",
            shown(p["due_cents"], "EUR"),
            shown(p["relief_cents"], "EUR"),
            p["basis"],
        )
        for p in listed
    )
    if rows:
        table = Evidence(
            title=WITHHELD, columns=("payment", "domestic", "due", "relief", "basis"), rows=rows
        )
        outcomes.insert(
            0,
            decided(WITHHELD, decision, population=count(len(rows), "payment"), evidence=(table,)),
        )
    return outcomes, {"payments": listed, **decision}


def _controlled(work: StepWork, facts: TaxFacts) -> Part:
    interest = [
        {
            "entity": e["entity"],
            **{k: e["metrics"][k] for k in ("disallowed_interest_cents", "tax_ebitda_cents")},
        }
        for result in collected(work, "t03", "cit_result")
        for e in result["entities"]
    ]
    if not facts.controlled_companies:
        outcome = not_performed(CONTROLLED, "engagement.yaml lists no tax.controlled_companies")
        return [outcome], {"inclusions": [], "interest": interest, **Decision().as_json()}
    inclusions, reasons = _inclusions(work, facts)
    euros = sum(row["tax_cents_eur"] for row in inclusions)
    if euros > INCLUSION_TAX_REVIEW.value * 100:
        reasons.append(
            review(f"Tax on foreign companies' income exceeds {INCLUSION_TAX_REVIEW.text}.")
        )
    decision = Decision(reasons=tuple(reasons)).as_json()
    rows = tuple(
        (
            row["company"],
            row["holder"],
            shown(row["base_cents"], row["currency"]),
            shown(row["tax_cents"], row["currency"]),
            row["why"],
        )
        for row in inclusions
    )
    table = Evidence(
        title=CONTROLLED, columns=("company", "holder", "base", "tax", "why"), rows=rows
    )
    population = count(len(facts.controlled_companies), "company", "companies")
    outcome = decided(
        CONTROLLED, decision, population=population, evidence=(table,) if rows else ()
    )
    return [outcome], {"inclusions": inclusions, "interest": interest, **decision}


def _inclusions(work: StepWork, facts: TaxFacts) -> tuple[list[dict[str, Any]], list[Reason]]:
    rows: list[dict[str, Any]] = []
    reasons: list[Reason] = []
    day = work.engagement.period.start
    for holder in dict.fromkeys(c.holder for c in facts.controlled_companies):
        companies = tuple(c for c in facts.controlled_companies if c.holder == holder)
        code = facts.entity(holder).jurisdiction
        if code == "US":
            found, why = _us_inclusion(work, facts, holder, companies)
        elif is_eu(code, day):
            found, why = _eu_inclusions(work, facts, companies)
        else:
            found, why = (
                [],
                [
                    review(
                        f"No rule on controlled companies of {code} is on file; {holder}'s are for a person."
                    )
                ],
            )
        rows += found
        reasons += why
    return rows, reasons


def _us_inclusion(
    work: StepWork, facts: TaxFacts, holder: str, companies: tuple[ControlledCompany, ...]
) -> tuple[list[dict[str, Any]], list[Reason]]:
    found = us.inclusion_tax(companies, day=work.engagement.period.start)
    if isinstance(found, NoRate):
        # The firm refuses an inclusion without its base.
        return [], [refuse(f"{holder}: {found.reason}.")]
    entity = facts.entity(holder)
    row = {
        "company": ", ".join(c.name for c in companies), "holder": holder, "regime": found.rule,
        "currency": entity.currency, "base_cents": found.included_cents, "tax_cents": found.tax_cents,
        "tax_cents_eur": euro_cents(found.tax_cents, entity), "why": "net tested income of controlled corporations",
    }  # fmt: skip
    return [row], []


def _eu_inclusions(
    work: StepWork, facts: TaxFacts, companies: tuple[ControlledCompany, ...]
) -> tuple[list[dict[str, Any]], list[Reason]]:
    rows: list[dict[str, Any]] = []
    reasons: list[Reason] = []
    for company in companies:
        entity = facts.entity(company.holder)
        found = controlled_company.include(
            company, holder_jurisdiction=entity.jurisdiction, day=work.engagement.period.start
        )
        if isinstance(found, NoRate):
            reasons.append(review(f"{company.name}: {found.reason}."))
            continue
        if found.is_controlled_foreign_company:
            reasons.append(
                review(
                    f"{company.holder} includes income of {company.name}, a controlled foreign company.",
                    "Tax Technical Reviewer",
                )
            )
        rows.append(
            {
                "company": company.name, "holder": company.holder, "regime": "Directive (EU) 2016/1164 Art. 7-8",
                "currency": entity.currency, "base_cents": found.base_cents, "tax_cents": found.tax_cents,
                "tax_cents_eur": euro_cents(found.tax_cents, entity), "why": found.why,
            }
        )  # fmt: skip
    return rows, reasons


def _disclosed(work: StepWork, facts: TaxFacts) -> Part:
    if not facts.arrangements:
        empty = {"score": 0, "due": None, "arrangements": [], **Decision().as_json()}
        return [
            performed(SCREEN, population="0 arrangements", result="engagement.yaml states none.")
        ], empty
    today = work.task.as_of.date() if work.task.as_of else None
    screens = [disclosure.screen(a, as_of=today) for a in facts.arrangements]
    reportable = [s for s in screens if s.is_reportable]
    reasons = [review(f"{s.arrangement}: {s.why}.") for s in screens if s.is_reportable is None]
    reasons += [
        review(f"{s.arrangement} is to be reported by {s.due or 'a day not known'}.")
        for s in reportable
        if s.reported_on is None
    ]
    reasons += [review(f"{s.arrangement} is or was reported late.") for s in screens if s.is_late]
    if len(reportable) > DAC6_ARRANGEMENTS_REFUSED.value:
        reasons.append(
            refuse(
                f"{count(len(reportable), 'arrangement')} are reportable; {DAC6_ARRANGEMENTS_REFUSED.text}."
            )
        )
    decision = Decision(reasons=tuple(reasons)).as_json()
    due = min((s.due for s in reportable if s.due), default=None)
    outputs = {
        "score": len(reportable),
        "due": due.isoformat() if due else None,
        "arrangements": [screen_json(s) for s in screens],
        **decision,
    }
    return [decided(SCREEN, decision, population=count(len(screens), "arrangement"))], outputs


def _conclusion(verdict: str, parts: Sequence[dict[str, Any]]) -> str:
    texts = [text for p in parts for text in p["reasons"]]
    return (
        f"{verdict}. {' '.join(texts)}" if texts else f"{verdict}. Nothing found stands against it."
    )
