"""Fraud risks and what is done about them before the tests start (ISA 240). The journal entry tests are `journal_entry`."""

from typing import Any

from prisma_assets.domain.audit import going_concern
from prisma_assets.domain.audit.books import Books
from prisma_assets.domain.audit.engagement import Engagement
from prisma_assets.domain.audit.journal_entry import JournalCriteria
from prisma_assets.domain.audit.journal_number import distinct_entries
from prisma_assets.domain.audit.key_figure import KeyFigures
from prisma_assets.domain.audit.materiality import NotDetermined
from prisma_assets.domain.audit.outcome import (
    Outcome,
    count,
    evidence_of,
    lacking,
    money,
    not_performed,
    performed,
)
from prisma_assets.domain.audit.risk import PRESUMED, Measure, account_risks
from prisma_assets.domain.audit.workpaper import Evidence

UNPREDICTABLE_ACCOUNTS = 2
"""Accounts drawn for tests the client cannot foresee: enough to surprise, few enough to be done."""


def presumed_risks() -> Outcome:
    """The two risks every audit has, with assertions and answer."""
    rows = tuple((p.risk, ", ".join(p.assertions), p.why, p.response) for p in PRESUMED)
    return performed(
        "Presumed fraud risks",
        population="every audit (ISA 240)",
        result="Both apply; neither presumption is rebutted.",
        evidence=(
            Evidence(
                title="Presumed fraud risks",
                columns=("risk", "assertions", "why", "answer"),
                rows=rows,
            ),
        ),
    )


def risk_factors(engagement: Engagement, figures: KeyFigures) -> Outcome:
    """Pressure, opportunity and attitude, as far as facts and figures show them (ISA 240 appendix 1).

    Figures: `factors`, one sentence each.
    """
    factors: list[str] = []
    screened = going_concern.screen(figures, currency=engagement.client.currency)
    signs = screened.figures.get("raised", [])
    if signs:
        factors.append(f"Pressure: financial position under strain ({', '.join(signs).lower()})")
    if engagement.client.is_listed:
        factors.append("Pressure: results are watched by the market")
    if engagement.client.uses_service_organisation:
        factors.append("Opportunity: records are kept by a service organisation")
    if engagement.acceptance is not None:
        factors += [
            f"Attitude: {concern.rstrip('.')}"
            for concern in engagement.acceptance.management_integrity_concerns
        ]
    rows = tuple((factor,) for factor in factors)
    return performed(
        "Fraud risk factors",
        population="facts of the engagement and figures of the books; interviews with management are the team's",
        result=f"{count(len(factors), 'factor')} found."
        if factors
        else "None found in facts and figures.",
        evidence=(Evidence(title="Fraud risk factors", columns=("factor",), rows=rows),)
        if rows
        else (),
        figures={"factors": factors},
    )


def ledger_profile(books: Books) -> Outcome:
    """Where the ledger's entries come from, so that the unusual can be told from the usual."""
    name = "Profile of the ledger"
    reason = lacking(books, "gl_detail", "source", "journal_id", "amount_cents")
    if reason:
        return not_performed(name, reason)
    ledger = distinct_entries(books.tables["gl_detail"])
    debits = ledger["amount_cents"].clip(lower=0)
    sources = ledger["source"].fillna("(none)")
    profile = (
        ledger.assign(source=sources, debit_cents=debits)
        .groupby("source", sort=True)
        .agg(
            entries=("journal_id", "nunique"),
            lines=("journal_id", "size"),
            debit_cents=("debit_cents", "sum"),
        )
        .reset_index()
        .sort_values("debit_cents", ascending=False, kind="stable")
    )
    return performed(
        name,
        population=f"{count(len(ledger), 'ledger line')}, debits of {money(int(debits.sum()))}",
        result=f"{count(len(profile), 'source')} of entries.",
        evidence=(evidence_of("Entries by source", profile),),
    )


def criteria_set(criteria: JournalCriteria) -> Outcome:
    """Put the criteria for journal entries on file before the tests run."""
    rows = tuple(
        (name.removesuffix("_cents").replace("_", " "), _readable(name, value))
        for name, value in criteria_json(criteria).items()
    )
    return performed(
        "Criteria for selecting journal entries",
        population="all entries of the period",
        result="Set before the tests; applied in step a07 to the whole ledger.",
        evidence=(
            Evidence(
                title="Criteria for journal entries", columns=("criterion", "value"), rows=rows
            ),
        ),
    )


def _readable(name: str, value: Any) -> str:
    if name.endswith("_cents"):
        return money(value)
    return ", ".join(value) if isinstance(value, list) else str(value)


def criteria_json(criteria: JournalCriteria) -> dict[str, Any]:
    """The criteria as JSON that does not depend on the order of sets."""
    values = criteria.model_dump(mode="json")
    return {name: sorted(v) if isinstance(v, list) else v for name, v in values.items()}


def unpredictable_accounts(books: Books, measure: Measure | NotDetermined, *, seed: int) -> Outcome:
    """Draw accounts for a test that size and risk would never select (ISA 240 paragraph 30(c)).

    Args:
        books: Needs the trial balance.
        measure: Yardstick of the risk register.
        seed: Of the draw; the same books and seed draw the same accounts.
    """
    import numpy as np

    name = "Element of unpredictability"
    risks = account_risks(books, measure) if isinstance(measure, Measure) else measure
    if isinstance(risks, NotDetermined):
        return not_performed(name, risks.reason)
    low = sorted(
        (r for r in risks if r.level == "low" and r.balance_cents), key=lambda r: r.account
    )
    if not low:
        return not_performed(
            name, "no account with a balance is of low risk, so every one is looked at anyway"
        )
    drawn = np.random.default_rng(seed).choice(
        len(low), min(UNPREDICTABLE_ACCOUNTS, len(low)), replace=False
    )
    chosen = [low[n] for n in sorted(int(d) for d in drawn)]
    names = [f"{r.account} {r.name}" for r in chosen]
    return performed(
        name,
        population=f"{count(len(low), 'account')} of low risk with a balance; seed {seed}",
        result=f"Vouch entries of {'; '.join(names)}. Not announced to the client.",
        figures={"accounts": [r.account for r in chosen]},
    )
