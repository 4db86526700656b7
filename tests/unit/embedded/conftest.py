"""A small trader's clean books, built by arithmetic, and a way to run steps on them."""

import json
from collections.abc import Callable, Collection, Mapping
from datetime import UTC, datetime
from functools import cache
from typing import Any

import pandas as pd
import pytest

from prisma_assets.agents.contract import AgentTask
from prisma_assets.agents.embedded.assignment import ASSIGNMENTS
from prisma_assets.agents.embedded.provider import _step_function
from prisma_assets.agents.embedded.work import StepWork
from prisma_assets.domain.audit.books import Books, TableSource
from prisma_assets.domain.audit.engagement import Engagement
from prisma_assets.domain.audit.workpaper import StepResult

START = pd.Timestamp("2025-01-01")
INVOICES, PAID, PAYMENTS = 60, 40, 48
AS_OF = datetime(2026, 3, 2, 9, tzinfo=UTC)

ACCOUNTS = [
    ("1000", "Cash at bank", "asset", "cash", 600_000_00),
    ("1100", "Trade receivables", "asset", "receivables", 0),
    ("1200", "Inventory", "asset", "inventory", 400_000_00),
    ("2000", "Trade payables", "liability", "payables", -100_000_00),
    ("3000", "Share capital", "equity", "equity", -300_000_00),
    ("3100", "Retained earnings", "equity", "equity", -600_000_00),
    ("4000", "Revenue", "revenue", "revenue", 0),
    ("5000", "Cost of sales", "expense", "costofsales", 0),
    ("6000", "Wages", "expense", "wages", 0),
]
"""Number, name, type, statement line, opening balance in cents (debit positive)."""


def _day(number: int) -> pd.Timestamp:
    return START + pd.Timedelta(days=number)


def _amount(number: int) -> int:
    return 10_000_00 + number * 137_31


def _sales() -> dict[str, pd.DataFrame]:
    rows = [
        {
            "invoice_id": f"INV{n:03d}",
            "invoice_date": _day(n * 6),
            "invoice_due_date": _day(n * 6 + 30),
            "customer_account_id": f"C{n % 5}",
            "sales_order_id": f"SO{n:03d}",
            "invoice_amount_cents": _amount(n),
            "journal_id": f"JS{n:03d}",
        }
        for n in range(INVOICES)
    ]
    invoices = pd.DataFrame(rows)
    orders = invoices[["sales_order_id", "customer_account_id"]].assign(
        sales_order_date=invoices["invoice_date"] - pd.Timedelta(days=3)
    )
    shipments = invoices[["invoice_id", "sales_order_id"]].assign(
        shipment_id="SH" + invoices["invoice_id"].str[3:], shipment_date=invoices["invoice_date"]
    )
    unpaid = invoices.iloc[PAID:]
    open_items = unpaid[
        ["invoice_id", "customer_account_id", "invoice_date", "invoice_due_date"]
    ].assign(open_amount_cents=unpaid["invoice_amount_cents"])
    customers = pd.DataFrame(
        {
            "customer_account_id": [f"C{n}" for n in range(5)],
            "customer_account_name": [f"Customer {n}" for n in range(5)],
            "transaction_credit_limit_cents": [1_000_000_00] * 5,
        }
    )
    receipts = invoices.iloc[:PAID]
    received = pd.DataFrame(
        {
            "payment_id": "R" + receipts["invoice_id"].str[3:],
            "payment_date": receipts["invoice_due_date"],
            "customer_account_id": receipts["customer_account_id"],
            "invoice_id": receipts["invoice_id"],
            "payment_amount_cents": receipts["invoice_amount_cents"],
        }
    )
    return {
        "invoices_generated": invoices, "sales_orders": orders, "shipments_made": shipments,
        "open_accounts_receivable": open_items, "customer_master": customers,
        "payments_received": received,
    }  # fmt: skip


def _purchases() -> dict[str, pd.DataFrame]:
    payments = pd.DataFrame(
        [
            {
                "payment_id": f"P{n:03d}",
                "payment_date": _day(n * 7),
                "supplier_account_id": f"S{n % 4}",
                "invoice_number": f"SI-{n:05d}",
                "payment_amount_cents": 6_000_00 + n * 91_17,
                "journal_id": f"JP{n:03d}",
            }
            for n in range(PAYMENTS)
        ]
    )
    suppliers = pd.DataFrame({"supplier_account_id": [f"S{n}" for n in range(4)]})
    return {"payments_made": payments, "supplier_listing": suppliers}


def _ledger(tables: Mapping[str, pd.DataFrame]) -> pd.DataFrame:
    lines: list[dict[str, Any]] = []

    def book(journal: str, on: pd.Timestamp, source: str, *pairs: tuple[str, int]) -> None:
        for number, (account, cents) in enumerate(pairs, start=1):
            lines.append(
                {
                    "journal_id": journal, "journal_id_line_number": str(number),
                    "effective_date": on, "entered_date": on, "entered_by": "ann",
                    "source": source, "gl_account_number": account, "amount_cents": cents,
                    "je_header_description": source,
                }
            )  # fmt: skip

    for row in tables["invoices_generated"].itertuples():
        sold, cost = row.invoice_amount_cents, row.invoice_amount_cents * 6 // 10
        sale = (("1100", sold), ("4000", -sold), ("5000", cost), ("1200", -cost))
        book(row.journal_id, row.invoice_date, "sales", *sale)
    for row in tables["payments_received"].itertuples():
        cents = row.payment_amount_cents
        book(f"J{row.payment_id}", row.payment_date, "receipts", ("1000", cents), ("1100", -cents))
    for row in tables["payments_made"].itertuples():
        cents = row.payment_amount_cents
        book(row.journal_id, row.payment_date, "payments", ("1200", cents), ("1000", -cents))
    for month in range(12):
        pay = ("6000", 14_000_00), ("1000", -14_000_00)
        book(f"JW{month:02d}", _day(month * 30 + 25), "payroll", *pay)
    return pd.DataFrame(lines)


def _trial_balance(ledger: pd.DataFrame) -> pd.DataFrame:
    moved = ledger.groupby("gl_account_number")["amount_cents"].sum()
    rows = []
    for number, name, kind, line, opening in ACCOUNTS:
        ending = opening + int(moved.get(number, 0))
        is_income = kind in ("revenue", "expense")
        rows.append(
            {
                "gl_account_number": number, "gl_account_name": name, "account_type": kind,
                "fs_caption": line, "amount_beginning_cents": opening,
                "amount_ending_cents": ending,
                "amount_prior_year_cents": ending * 95 // 100 if is_income else opening,
            }
        )  # fmt: skip
    return pd.DataFrame(rows)


def _statements(trial_balance: pd.DataFrame) -> pd.DataFrame:
    ending = trial_balance.set_index("gl_account_number")["amount_ending_cents"]
    prior = trial_balance.set_index("gl_account_number")["amount_prior_year_cents"]

    def both(*accounts: str, sign: int = 1) -> tuple[int, int]:
        return sign * int(ending[list(accounts)].sum()), sign * int(prior[list(accounts)].sum())

    result = both("4000", "5000", "6000", sign=-1)
    # What equity held before the year's result; the prior result is already part of its opening balance.
    held = both("3000", "3100", sign=-1)
    equity = held[0] + result[0], held[1]
    rows = [
        ("cash", "BS", "Cash", both("1000"), "currentassets", 1),
        ("receivables", "BS", "Trade receivables", both("1100"), "currentassets", 1),
        ("inventory", "BS", "Inventory", both("1200"), "currentassets", 1),
        ("currentassets", "BS", "Total current assets", both("1000", "1100", "1200"), "assets", 1),
        ("assets", "BS", "Total assets", both("1000", "1100", "1200"), None, 1),
        ("payables", "BS", "Trade payables", both("2000", sign=-1), "currentliabilities", 1),
        ("currentliabilities", "BS", "Total current liabilities", both("2000", sign=-1), None, 1),
        ("equity", "BS", "Total equity", equity, None, 1),
        ("revenue", "IS", "Revenue", both("4000", sign=-1), "netprofit", 1),
        ("costofsales", "IS", "Cost of sales", both("5000"), "netprofit", -1),
        ("wages", "IS", "Wages", both("6000"), "netprofit", -1),
        ("netprofit", "IS", "Net profit", result, None, 1),
        ("operatingcashflow", "CF", "Net cash from operating activities", result, None, 1),
    ]  # fmt: skip
    return pd.DataFrame(
        [
            {
                "line_id": line, "statement": statement, "caption": caption,
                "amount_cents": now, "amount_prior_year_cents": before,
                "parent_line_id": parent, "weight": weight,
            }
            for line, statement, caption, (now, before), parent, weight in rows
        ]
    )  # fmt: skip


@cache
def _clean_tables() -> dict[str, pd.DataFrame]:
    tables = _sales() | _purchases()
    tables["gl_detail"] = _ledger(tables)
    tables["trial_balance"] = _trial_balance(tables["gl_detail"])
    tables["financial_statements"] = _statements(tables["trial_balance"])
    return {name: _typed(frame) for name, frame in tables.items()}


def trader_tables() -> dict[str, pd.DataFrame]:
    return {name: frame.copy() for name, frame in _clean_tables().items()}


def _typed(frame: pd.DataFrame) -> pd.DataFrame:
    """The kinds the reader of engagement folders gives: string, int64, datetime64[ns]."""
    frame = frame.copy()
    for name in frame.columns:
        if frame[name].dtype.kind == "M":
            frame[name] = frame[name].astype("datetime64[ns]")
        elif not name.endswith("_cents") and name != "weight":
            frame[name] = frame[name].astype("string")
    return frame.reset_index(drop=True)


@cache
def _open_items() -> pd.DataFrame:
    return _sales()["open_accounts_receivable"]


def trader_facts(**changes: Any) -> Engagement:
    open_items = _open_items()
    facts: dict[str, Any] = {
        "id": "E-1",
        "client": {"id": "C-1", "name": "Trader Ltd"},
        "period": {"start": "2025-01-01", "end": "2025-12-31"},
        "team": [
            {"user": "pat", "roles": ["PARTNER"], "years_on_engagement": 3},
            {"user": "max", "roles": ["MANAGER"]},
            {"user": "eva", "roles": ["EQR"]},
        ],
        "independence": {"confirmed_by": ["pat", "max", "eva"]},
        "acceptance": {"background_rating": "LOW", "engagement_letter_ref": "EL-1"},
        "sample_results": [
            {"record_id": record, "audited_amount": f"{cents / 100:.2f}"}
            for record, cents in zip(
                open_items["invoice_id"], open_items["open_amount_cents"], strict=True
            )
        ],
        "completion": {
            "subsequent_events_reviewed_through": "2026-03-02",
            "going_concern_assessment": "no uncertainty",
            "representation_letter_date": "2026-03-02",
        },
    }
    return Engagement.model_validate(facts | changes)


def books_of(tables: Mapping[str, pd.DataFrame]) -> Books:
    sources = {
        name: TableSource(file=f"{name}.csv", sha256=f"{n:064x}", rows=len(frame))
        for n, (name, frame) in enumerate(tables.items())
    }
    return Books(tables=tables, sources=sources, sha256="b" * 64)


@pytest.fixture
def tables() -> dict[str, pd.DataFrame]:
    """The trader's tables; a test changes what it wants to be wrong."""
    return trader_tables()


@pytest.fixture
def facts() -> Callable[..., Engagement]:
    """The trader's engagement facts, sections replaced by keyword."""
    return trader_facts


def _run_step(
    name: str,
    tables: Mapping[str, pd.DataFrame],
    engagement: Engagement,
    steps: Mapping[str, Any],
    **asked: Any,
) -> StepResult:
    step_id = _step_id(name)
    task = AgentTask(
        call_id=step_id, agent_id="audit-test-001", task=name, step_id=step_id, steps=steps,
        as_of=AS_OF, **asked,
    )  # fmt: skip
    return _step_function(name)(StepWork(engagement=engagement, books=books_of(tables), task=task))


def _step_id(name: str) -> str:
    return f"a{list(ASSIGNMENTS).index(name) + 1:02d}"


def _run_steps(
    tables: Mapping[str, pd.DataFrame],
    engagement: Engagement,
    steps: Collection[str],
    outputs: dict[str, Any],
) -> dict[str, StepResult]:
    """Run steps in order; `outputs` holds those of the others and takes up the new ones."""
    results = {}
    for name in ASSIGNMENTS:
        step_id = _step_id(name)
        if step_id not in steps or _is_skipped(step_id, outputs):
            continue
        results[step_id] = _run_step(name, tables, engagement, outputs)
        # Through JSON, as the store hands outputs on.
        outputs[step_id] = json.loads(json.dumps(results[step_id].outputs, allow_nan=False))
    return results


ALL_STEPS = tuple(_step_id(name) for name in ASSIGNMENTS)


@cache
def _clean_audit() -> tuple[dict[str, StepResult], dict[str, Any]]:
    outputs: dict[str, Any] = {}
    results = _run_steps(trader_tables(), trader_facts(), ALL_STEPS, outputs)
    return results, outputs


@pytest.fixture
def clean_audit() -> dict[str, StepResult]:
    """Results of the whole audit of the clean books, by step id."""
    return _clean_audit()[0]


@pytest.fixture
def run_audit() -> Callable[..., dict[str, StepResult]]:
    """Runs steps in order as the template does and gives their results by step id.

    `only` names the steps that the change concerns; the others' outputs are those of the clean audit.
    """

    def run(
        tables: Mapping[str, pd.DataFrame] | None = None,
        engagement: Engagement | None = None,
        *,
        only: Collection[str] | None = None,
    ) -> dict[str, StepResult]:
        outputs = {} if only is None else dict(_clean_audit()[1])
        return _run_steps(
            trader_tables() if tables is None else tables,
            engagement or trader_facts(),
            ALL_STEPS if only is None else only,
            outputs,
        )

    return run


@pytest.fixture
def perform() -> Callable[..., StepResult]:
    """Performs a step of a methodology on the trader's books, after steps with these outputs."""

    def do(step_id: str, steps: Mapping[str, Any], **brief: Any) -> StepResult:
        extra = {k: brief.pop(k) for k in ("review_notes", "engagement") if k in brief}
        task = AgentTask(
            call_id=step_id, agent_id="audit-test-001", task="perform_procedure_step", step_id=step_id,
            steps=steps, as_of=AS_OF, title=f"Title of {step_id}", objective="What it is for.",
            standards=("ISA 999 1",), review_notes=extra.get("review_notes", ()),
            parameters={"procedure": "Some Procedure", "actor": "Audit Senior", **brief},
        )  # fmt: skip
        engagement = extra.get("engagement") or trader_facts()
        work = StepWork(engagement=engagement, books=books_of(trader_tables()), task=task)
        return _step_function(task.task)(work)

    return do


def _is_skipped(step_id: str, outputs: Mapping[str, Any]) -> bool:
    if step_id == "a06":
        plan = outputs["a05"]
        relies = plan["controls_reliance"] or plan["relies_on_significant_risk_control"]
        return not (relies or outputs["a03"]["uses_service_org"])
    if step_id == "a09":
        return not outputs["a02"]["is_group"]
    return step_id == "a13" and not outputs["a02"]["eqr_required"]
