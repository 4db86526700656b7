"""Step t02: do the figures tie out, and what is adjusted?"""

from typing import Any

from prisma_assets.agents.embedded.rounds import since_last_round
from prisma_assets.agents.embedded.tax_work import (
    euro_cents,
    own_amount,
    shown,
    tax_finding,
    without_facts,
)
from prisma_assets.agents.embedded.work import Draft, StepWork, finish
from prisma_assets.domain.audit.amount import cents
from prisma_assets.domain.audit.outcome import Outcome, count, performed
from prisma_assets.domain.audit.workpaper import Evidence, StepResult
from prisma_assets.domain.tax.facts import TaxFacts
from prisma_assets.domain.tax.tie_out import TieOut, tie_out

TIE_OUT = "Profit ties out"


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
            outcomes=[
                _tied(work, ties),
                *since_last_round(work, "open_matters", open_matters),
                _register(register),
                _referenced(facts),
            ],
            conclusion=text,
            outputs={
                "tax_trial_balance": [_tie_json(t) for t in ties],
                "adjustments_register": register,
                "dataset_hash": work.books.sha256,
                "files": work.files,
                "is_reconciled": agreed,
                "open_matters": open_matters,
            },
        ),
    )


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
