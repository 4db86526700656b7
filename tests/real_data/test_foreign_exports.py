"""Exports of four accounting programs load with settings alone; no file is edited."""

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from prisma_assets.engagement.folder import EngagementFolder, read_engagement

pytestmark = pytest.mark.real_data

FACTS = {
    "id": "E", "client": {"id": "C", "name": "Example", "currency": "USD"},
    "period": {"start": "2025-01-01", "end": "2025-12-31"}, "team": [{"user": "a", "roles": ["PARTNER"]}],
}  # fmt: skip

ReadExport = Callable[..., EngagementFolder]


@pytest.fixture
def read_export(shared_data: Path, tmp_path: Path) -> ReadExport:
    """Reads one file of a case as one table, under its settings."""

    def read(case: str, file: str, table: str, **settings: Any) -> EngagementFolder:
        shutil.copyfile(shared_data / "reconciliations" / case / file, tmp_path / file)
        facts = FACTS | {"tables": {table: {"file": file, **settings}}}
        (tmp_path / "engagement.yaml").write_text(json.dumps(facts))
        return read_engagement(tmp_path)

    return read


def expected_balances(shared_data: Path, case: str) -> dict[str, int]:
    """The known balance of each account in the case's latest stated period, in cents."""
    path = shared_data / "reconciliations" / case / "expected_results.json"
    known = json.loads(path.read_text())["reconciliations"]
    return {r["account"]: round(r["glBalance"] * 100) for r in known if r["period"] == "2025-12"}


def balances(folder: EngagementFolder) -> dict[str, int]:
    frame = folder.books.tables["trial_balance"]
    return dict(zip(frame["gl_account_number"], frame["amount_ending_cents"].tolist(), strict=True))


def test_quickbooks_trial_balance(read_export: ReadExport, shared_data: Path) -> None:
    """Number and name share a column; amounts are quoted with thousands separators."""
    folder = read_export(
        "06-quickbooks-format", "gl_balance.csv", "trial_balance",
        columns={"gl_account_number": "Account", "gl_account_name": "Account"},
        account_types={"Accounts Payable": "liability", "Accrued": "liability", "Inventory": "asset", "Cost": "expense"},
    )  # fmt: skip

    found = balances(folder)
    for account, cents in expected_balances(shared_data, "06-quickbooks-format").items():
        assert next(v for name, v in found.items() if f"({account})" in name) == cents


def test_quickbooks_open_items(read_export: ReadExport) -> None:
    """US dates are told from 01/15/2026; payables written negative are turned."""
    folder = read_export(
        "06-quickbooks-format", "subledger_balance.csv", "open_accounts_receivable",
        columns={"invoice_id": "Num", "customer_account_id": "Vendor"}, sign="credit_positive",
    )  # fmt: skip

    frame = folder.books.tables["open_accounts_receivable"]
    assert frame["open_amount_cents"].sum() == 6_135_000
    assert str(frame["invoice_due_date"].iloc[0].date()) == "2026-01-15"


def test_netsuite_trial_balance(read_export: ReadExport, shared_data: Path) -> None:
    """Rows per subsidiary and department are summed in the base currency."""
    folder = read_export(
        "08-netsuite-format", "gl_balance.csv", "trial_balance",
        columns={"amount_ending": "Amount (Base Currency)"},
        account_types={"1": "asset", "2": "liability", "5": "expense"},
    )  # fmt: skip

    known = expected_balances(shared_data, "08-netsuite-format")
    assert known.items() <= balances(folder).items()
    assert any("summed" in warning for warning in folder.warnings)


def test_netsuite_payments(read_export: ReadExport) -> None:
    folder = read_export(
        "08-netsuite-format", "subledger_balance.csv", "payments_made",
        columns={
            "payment_date": "Transaction Date", "payment_amount": "Amount (Base Currency)",
            "invoice_number": "Transaction Number",
        },
    )  # fmt: skip

    frame = folder.books.tables["payments_made"]
    assert frame["payment_amount_cents"].iloc[3] == -1_981_200
    assert frame["supplier_account_id"].iloc[0] == "VEN-0125"


def test_costpoint_trial_balance(read_export: ReadExport, shared_data: Path) -> None:
    """Debit and credit columns say the side that the net balance hides."""
    folder = read_export(
        "07-costpoint-format", "gl_balance.csv", "trial_balance", account_types={"2": "liability", "6": "expense"}
    )  # fmt: skip

    assert expected_balances(shared_data, "07-costpoint-format").items() <= balances(folder).items()


def test_xero_trial_balance(read_export: ReadExport) -> None:
    folder = read_export(
        "11-xero-format", "gl_balance.csv", "trial_balance",
        account_types={"1": "asset", "2": "liability", "5": "expense"},
    )  # fmt: skip

    assert balances(folder) == {"2000": -4_285_000, "2100": -720_000, "1400": 9_875_000, "5000": 6_730_000}  # fmt: skip


@pytest.mark.parametrize("case", ["01-simple-balanced", "03-timing-differences", "04-roll-forward-multi-period"])  # fmt: skip
def test_transactions_as_a_ledger(read_export: ReadExport, case: str) -> None:
    """A ledger without journal numbers: what names the line stands in for one."""
    folder = read_export(case, "transactions.csv", "gl_detail", columns={"journal_id": "narrative"})

    frame = folder.books.tables["gl_detail"]
    assert str(frame["effective_date"].dt.year.unique().tolist()) == "[2025]"
    assert frame["amount_cents"].sum() != 0
    assert any("does not balance" in warning for warning in folder.warnings)
