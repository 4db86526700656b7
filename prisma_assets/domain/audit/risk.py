"""Risks of material misstatement: of the statements as a whole, by account, and those every audit presumes (ISA 315R, 240)."""

import re
from dataclasses import dataclass
from typing import Any

from prisma_assets.domain.audit.amount import percent_of
from prisma_assets.domain.audit.books import Books
from prisma_assets.domain.audit.engagement import Engagement
from prisma_assets.domain.audit.key_figure import KeyFigures, account_types
from prisma_assets.domain.audit.materiality import (
    BENCHMARK_PCT,
    Benchmark,
    NotDetermined,
    RiskLevel,
    choose_benchmark,
)

LEVELS: tuple[RiskLevel, ...] = ("low", "moderate", "significant", "high")

ASSERTIONS: dict[str, tuple[str, ...]] = {
    "asset": ("existence", "rights", "valuation"),
    "liability": ("completeness", "obligations", "valuation"),
    "equity": ("presentation", "rights"),
    "revenue": ("occurrence", "cut-off", "accuracy"),
    "expense": ("completeness", "cut-off", "classification"),
}
"""Relevant assertions by account type: assets and income tend to be overstated, debts and costs understated (ISA 315R A190)."""


@dataclass(frozen=True, kw_only=True)
class InherentRisk:
    """How prone a kind of account is to misstatement, before any control."""

    pattern: str
    """Regular expression over the lower-case account name; empty: any account of the type."""
    account_type: str
    """Type it applies to; empty: any type."""
    level: RiskLevel
    reason: str


INHERENT: tuple[InherentRisk, ...] = (
    InherentRisk(pattern=r"suspense|clearing|unallocated", account_type="", level="high",
                 reason="holding account: items without a home (ISA 240 A45)"),
    InherentRisk(pattern=r"related part|intercompany|inter-company|director|shareholder loan", account_type="", level="significant",
                 reason="related parties (ISA 550 paragraph 18)"),
    InherentRisk(pattern="", account_type="revenue", level="significant", reason="presumed fraud risk in revenue (ISA 240 paragraph 27)"),
    InherentRisk(pattern=r"goodwill|impairment|allowance|provision|reserve|fair value|contingen|pension|deferred|warrant", account_type="",
                 level="significant", reason="estimate with judgement (ISA 540R paragraph 16)"),
    InherentRisk(pattern=r"inventor|stock\b|work in progress", account_type="asset", level="moderate", reason="existence and net realisable value"),
    InherentRisk(pattern=r"receivable|debtor", account_type="asset", level="moderate", reason="existence and recoverability"),
    InherentRisk(pattern=r"\b(cash|bank)\b", account_type="asset", level="moderate", reason="prone to theft"),
    InherentRisk(pattern=r"payable|creditor|accru", account_type="liability", level="moderate", reason="unrecorded liabilities"),
)  # fmt: skip
"""First match counts. The firm's ordering of what experience shows to go wrong; the reason names the standard where one asks for it."""


@dataclass(frozen=True, kw_only=True)
class AccountRisk:
    """One account in the risk register."""

    account: str
    name: str
    account_type: str
    balance_cents: int
    movement_cents: int | None
    """Against the prior period; None without a comparative."""
    level: RiskLevel
    reason: str
    assertions: tuple[str, ...]


@dataclass(frozen=True, kw_only=True)
class Measure:
    """The planning yardstick of the register, before materiality is set in the plan."""

    cents: int
    basis: str


@dataclass(frozen=True, kw_only=True)
class StatementRisk:
    """Risk of the statements as a whole."""

    level: RiskLevel
    reasons: tuple[str, ...]


@dataclass(frozen=True, kw_only=True)
class PresumedRisk:
    """A risk every audit treats as significant."""

    risk: str
    assertions: tuple[str, ...]
    why: str
    response: str


PRESUMED: tuple[PresumedRisk, ...] = (
    PresumedRisk(
        risk="Revenue is recorded that did not occur, or in the wrong period",
        assertions=("occurrence", "cut-off"),
        why="ISA 240 presumes it; the presumption is not rebutted",
        response="Invoices against orders and shipments, cut-off, sampled receivables (step a08)",
    ),
    PresumedRisk(
        risk="Management overrides controls",
        assertions=("occurrence", "accuracy", "presentation"),
        why="ISA 240: present in every entity",
        response="Journal entry tests and Benford on the whole ledger (step a07), estimates and unusual transactions",
    ),
)


def planning_measure(figures: KeyFigures) -> Measure | NotDetermined:
    """The yardstick of the register: the firm's percentage of the benchmark that `auto` would choose.

    It only ranks accounts; the plan sets materiality proper (ISA 320 paragraph 12 foresees the revision).
    """
    choice = choose_benchmark(figures, "auto")
    if isinstance(choice, NotDetermined):
        return choice
    benchmark: Benchmark = choice.benchmark
    pct = BENCHMARK_PCT[benchmark].value
    return Measure(
        cents=percent_of(choice.figure.cents, pct),
        basis=f"{pct} % of {benchmark.replace('_', ' ')}",
    )


def account_risks(books: Books, measure: Measure) -> tuple[AccountRisk, ...] | NotDetermined:
    """Grade every account of the trial balance, gravest and largest first.

    An account below the measure in size and movement is low, unless it is a holding account: those are graded by their
    nature, since an empty one may have been emptied for the period's end. A movement above the measure lifts a low
    inherent risk to moderate.

    Source: ISA 315R paragraphs 29-34.
    """
    frame = books.get("trial_balance")
    if frame is None:
        return NotDetermined(reason="the trial balance was not provided")
    types = account_types(frame)
    risks = [
        _grade(row, str(kind), measure)
        for row, kind in zip(frame.to_dict("records"), types, strict=True)
    ]
    return tuple(
        sorted(risks, key=lambda r: (-LEVELS.index(r.level), -abs(r.balance_cents), r.account))
    )


def statement_risk(
    engagement: Engagement, *, tied_out: bool | None, significant_risks: int
) -> StatementRisk:
    """Grade the risk of the statements as a whole; the gravest fact decides.

    Args:
        engagement: Client and acceptance facts.
        tied_out: The trial balance balances and agrees to the ledger. None: could not be tested.
        significant_risks: Risks the team named beyond the presumed ones.

    Source: ISA 315R paragraph 30 (risks at the financial statement level); the grading is the firm's.
    """
    facts: list[tuple[RiskLevel, str]] = []
    client, acceptance = engagement.client, engagement.acceptance
    if tied_out is False:
        facts.append(("high", "the books do not balance or do not agree to the trial balance"))
    if tied_out is None:
        facts.append(("significant", "the books could not be tied out"))
    if acceptance is None:
        facts.append(("significant", "no acceptance facts: the background is unknown"))
    else:
        facts.extend(_acceptance_facts(engagement))
    if significant_risks >= 3:
        facts.append(("significant", f"{significant_risks} significant risks named by the team"))
    if client.is_listed or client.is_pie:
        facts.append(
            ("moderate", "listed or public-interest entity: wide use, pressure on results")
        )
    if client.uses_service_organisation:
        facts.append(("moderate", "a service organisation keeps part of the records (ISA 402)"))
    level: RiskLevel = max((f[0] for f in facts), key=LEVELS.index, default="low")
    return StatementRisk(level=level, reasons=tuple(why for _, why in facts))


def _acceptance_facts(engagement: Engagement) -> list[tuple[RiskLevel, str]]:
    acceptance = engagement.acceptance
    if acceptance is None:
        return []
    background: dict[str, RiskLevel] = {
        "HIGH": "high",
        "UNKNOWN": "significant",
        "MEDIUM": "moderate",
    }
    facts: list[tuple[RiskLevel, str]] = []
    if acceptance.management_integrity_concerns:
        facts.append(("high", "concerns about management's integrity"))
    if acceptance.background_rating in background:
        rating = acceptance.background_rating
        facts.append((background[rating], f"background rating {rating}"))
    if acceptance.is_new_client:
        facts.append(("moderate", "first audit of this client: opening balances (ISA 510)"))
    return facts


def _grade(row: dict[Any, Any], kind: str, measure: Measure) -> AccountRisk:
    name = str(row["gl_account_name"])
    balance = _whole(row["amount_ending_cents"]) or 0
    movement = _movement(row, kind, balance)
    level, reason = _inherent(name, kind)
    is_large = abs(balance) >= measure.cents
    has_moved = movement is not None and abs(movement) >= measure.cents
    if not is_large and not has_moved and level != "high":
        level, reason = "low", "below the planning measure in size and movement"
    elif has_moved and level == "low":
        level, reason = "moderate", "moved by more than the planning measure"
    return AccountRisk(
        account=str(row["gl_account_number"]),
        name=name,
        account_type=kind,
        balance_cents=balance,
        movement_cents=movement,
        level=level,
        reason=reason,
        assertions=ASSERTIONS.get(kind, ()),
    )


def _movement(row: dict[Any, Any], kind: str, balance: int) -> int | None:
    """Against the prior year-end; for balance sheet accounts without one, against the opening balance."""
    prior = _whole(row.get("amount_prior_year_cents"))
    if prior is None and kind in ("asset", "liability", "equity"):
        prior = _whole(row.get("amount_beginning_cents"))
    return None if prior is None else balance - prior


def _whole(value: Any) -> int | None:
    """The cell as int; None when it is missing in any of pandas' ways."""
    try:
        return int(value)
    except (TypeError, ValueError):
        return None


def _inherent(name: str, kind: str) -> tuple[RiskLevel, str]:
    for rule in INHERENT:
        if rule.account_type in ("", kind) and re.search(rule.pattern, name.lower()):
            return rule.level, rule.reason
    return "low", "no inherent risk beyond the ordinary"
