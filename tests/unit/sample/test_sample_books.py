"""The sample's files, read with nothing but csv and pyarrow: do they tie, and are exactly the planted errors wrong?"""

import csv
import json
from collections import Counter, defaultdict
from datetime import date, datetime
from decimal import Decimal
from pathlib import Path
from typing import NamedTuple

import pyarrow.parquet as pq
import pytest

from prisma_assets.engagement.sample.write import write_sample

LINES = 5_000
SEEDS = (2009, 1, 77)
PERIOD_END = date(2009, 12, 31)
Rows = list[dict[str, str]]


class Sample(NamedTuple):
    """A sample's tables as text, and its planted errors by kind."""

    tables: dict[str, Rows]
    planted: dict[str, set[str]]


@pytest.fixture(scope="module")
def samples(tmp_path_factory) -> dict[int, Sample]:
    return {seed: read_sample(tmp_path_factory.mktemp("sample"), seed) for seed in SEEDS}


@pytest.fixture(params=SEEDS)
def sample(request, samples) -> Sample:
    return samples[request.param]


def read_sample(parent: Path, seed: int) -> Sample:
    folder = parent / "client"
    written = write_sample(folder, seed=seed, lines=LINES)
    planted = defaultdict(set)
    for error in json.loads(written.planted_file.read_text())["planted"]:
        planted[error["kind"]].add(error["record_id"])
    tables = {path.stem: read_csv(path) for path in folder.glob("*.csv")}
    tables["payments_made"] = payments(tables.pop("AP payment register 2009"))
    tables["gl_detail"] = pq.read_table(folder / "gl_detail.parquet").to_pylist()
    return Sample(tables, planted)


def read_csv(path: Path) -> Rows:
    delimiter = ";" if path.stem.startswith("AP ") else ","
    with path.open(encoding="cp1252", newline="") as stream:
        return list(csv.DictReader(stream, delimiter=delimiter))


def payments(rows: Rows) -> Rows:
    """The foreign register under the standard's names and forms."""
    return [
        {
            "payment_id": r["Pmt No"],
            "payment_date": datetime.strptime(r["Pmt Date"], "%d.%m.%Y").date().isoformat(),  # noqa: DTZ007
            "supplier_account_id": r["Vendor"],
            "invoice_number": r["Vendor Inv Ref"],
            "payment_amount": r["Gross Amt"].replace(".", "").replace(",", "."),
            "journal_id": r["GL Journal"],
        }
        for r in rows
    ]


def sums(rows: Rows, key: str, amount: str) -> dict[str, Decimal]:
    totals: dict[str, Decimal] = defaultdict(Decimal)
    for row in rows:
        totals[row[key]] += Decimal(row[amount])
    return totals


def test_ledger_holds_the_lines_asked_for(sample):
    assert len(sample.tables["gl_detail"]) >= LINES


def test_every_account_moves_by_its_ledger_lines(sample):
    """Ending less beginning is the sum of the ledger lines, to the cent, for every account."""
    posted = sums(sample.tables["gl_detail"], "gl_account_number", "amount")

    wrong = [
        row["gl_account_number"]
        for row in sample.tables["trial_balance"]
        if Decimal(row["amount_ending"]) - Decimal(row["amount_beginning"])
        != posted[row["gl_account_number"]]
    ]
    assert wrong == []


def test_every_ledger_account_stands_in_the_trial_balance(sample):
    known = {row["gl_account_number"] for row in sample.tables["trial_balance"]}

    assert {row["gl_account_number"] for row in sample.tables["gl_detail"]} <= known


@pytest.mark.parametrize("column", ["amount_beginning", "amount_ending"])
def test_trial_balance_adds_up_to_zero(sample, column):
    assert sum(Decimal(row[column]) for row in sample.tables["trial_balance"]) == 0


def test_opening_balances_are_last_years_balance_sheet(sample):
    for row in sample.tables["trial_balance"]:
        expected = (
            "0.00" if row["account_type"] in ("revenue", "expense") else row["amount_prior_year"]
        )

        assert row["amount_beginning"] == expected


@pytest.mark.parametrize(
    ("statement_column", "account_column"),
    [("amount", "amount_ending"), ("amount_prior_year", "amount_prior_year")],
    ids=["this_year", "prior_year"],
)
def test_statement_lines_equal_their_accounts(sample, statement_column, account_column):
    """Assets and expenses show debits positive, the others credits positive."""
    lines = {row["line_id"]: row for row in sample.tables["financial_statements"]}
    by_line: dict[str, Decimal] = defaultdict(Decimal)
    for row in sample.tables["trial_balance"]:
        sign = 1 if row["account_type"] in ("asset", "expense") else -1
        by_line[row["fs_caption"]] += sign * Decimal(row[account_column])

    for line, total in by_line.items():
        assert Decimal(lines[line][statement_column]) == total, line


@pytest.mark.parametrize("column", ["amount", "amount_prior_year"])
def test_statements_foot(sample, column):
    lines = {row["line_id"]: row for row in sample.tables["financial_statements"]}
    children: dict[str, Decimal] = defaultdict(Decimal)
    for row in lines.values():
        if row["parent_line_id"]:
            children[row["parent_line_id"]] += int(row["weight"]) * Decimal(row[column])

    for parent, total in children.items():
        assert Decimal(lines[parent][column]) == total, parent


def test_open_items_are_what_invoices_and_receipts_leave(sample):
    """Each invoice less its receipts is what stands open, and all open items are the control account."""
    tables = sample.tables
    received = sums(tables["payments_received"], "invoice_id", "payment_amount")
    still_open = sums(tables["open_accounts_receivable"], "invoice_id", "open_amount")
    control = next(r for r in tables["trial_balance"] if r["gl_account_number"] == "1200")

    for row in tables["invoices_generated"]:
        rest = Decimal(row["invoice_amount"]) - received[row["invoice_id"]]
        assert rest == still_open.get(row["invoice_id"], 0)
    assert sum(still_open.values()) == Decimal(control["amount_ending"])


@pytest.mark.parametrize(
    ("table", "amount", "account"),
    [
        ("invoices_generated", "invoice_amount", "1200"),
        ("payments_made", "payment_amount", "2010"),
    ],
)
def test_subledger_records_equal_their_journal_entries(sample, table, amount, account):
    lines = [r for r in sample.tables["gl_detail"] if r["gl_account_number"] == account]
    posted = sums(lines, "journal_id", "amount")

    for row in sample.tables[table]:
        assert posted[row["journal_id"]] == Decimal(row[amount])


def test_keys_are_unique_and_references_resolve(sample):
    tables = sample.tables
    for table, key in (
        ("customer_master", "customer_account_id"), ("customer_master", "customer_account_name"),
        ("supplier_listing", "supplier_account_id"), ("sales_orders", "sales_order_id"),
        ("shipments_made", "shipment_id"), ("invoices_generated", "invoice_id"),
        ("payments_received", "payment_id"), ("payments_made", "payment_id"),
        ("open_accounts_receivable", "invoice_id"),
    ):  # fmt: skip
        assert max(Counter(r[key] for r in tables[table]).values()) == 1, (table, key)
    customers = {r["customer_account_id"] for r in tables["customer_master"]}
    suppliers = {r["supplier_account_id"] for r in tables["supplier_listing"]}
    orders = {r["sales_order_id"]: r["customer_account_id"] for r in tables["sales_orders"]}
    assert {r["customer_account_id"] for r in tables["payments_received"]} <= customers
    assert {r["supplier_account_id"] for r in tables["payments_made"]} <= suppliers
    for row in (*tables["invoices_generated"], *tables["shipments_made"]):
        assert orders[row["sales_order_id"]] == row["customer_account_id"]


def test_dates_lie_in_the_year_and_are_keyed_on_business_days(sample):
    for row in sample.tables["gl_detail"]:
        assert row["effective_date"].year == 2009
        assert row["entered_date"] >= row["effective_date"] or row["effective_date"].weekday() > 4
        assert row["entered_date"].weekday() < 5


def test_exactly_the_planted_entries_are_out_of_balance(sample):
    balance = sums(sample.tables["gl_detail"], "journal_id", "amount")

    assert {j for j, total in balance.items() if total} == sample.planted["unbalanced_entry"]


def test_exactly_the_planted_invoices_were_never_shipped(sample):
    shipped = {r["invoice_id"] for r in sample.tables["shipments_made"]}
    orders = {r["sales_order_id"] for r in sample.tables["shipments_made"]}

    unshipped = {
        r["invoice_id"]
        for r in sample.tables["invoices_generated"]
        if Decimal(r["invoice_amount"]) > 0
        and r["invoice_id"] not in shipped
        and r["sales_order_id"] not in orders
    }
    assert unshipped == sample.planted["unshipped_invoice"]


def test_exactly_the_planted_invoices_were_shipped_after_the_year(sample):
    shipped: dict[str, str] = {}
    for row in sample.tables["shipments_made"]:
        first = shipped.get(row["invoice_id"], "9999")
        shipped[row["invoice_id"]] = min(first, row["shipment_date"])

    late = {
        r["invoice_id"]
        for r in sample.tables["invoices_generated"]
        if shipped.get(r["invoice_id"], "") > PERIOD_END.isoformat()
    }
    assert late == sample.planted["cut_off_error"]


def test_exactly_the_planted_payments_repeat_another(sample):
    """A second payment of an invoice is one too many, unless the payments of it were voided in between."""
    by_invoice: dict[tuple[str, str], Rows] = defaultdict(list)
    for row in sample.tables["payments_made"]:
        by_invoice[row["supplier_account_id"], row["invoice_number"]].append(row)

    twice = set()
    for paid in by_invoice.values():
        amounts = Counter(Decimal(p["payment_amount"]) for p in paid)
        for amount, number in amounts.items():
            if amount > 0 and number - amounts[-amount] > 1:
                twice.add(
                    [p for p in paid if Decimal(p["payment_amount"]) == amount][-1]["payment_id"]
                )
    assert twice == sample.planted["duplicate_payment"]


def test_exactly_the_planted_customers_exceed_their_limit(sample):
    owed = sums(sample.tables["open_accounts_receivable"], "customer_account_id", "open_amount")

    over = {
        r["customer_account_id"]
        for r in sample.tables["customer_master"]
        if r["transaction_credit_limit"]
        and owed[r["customer_account_id"]] > Decimal(r["transaction_credit_limit"])
    }
    assert over == sample.planted["over_limit_customer"]


def test_exactly_the_planted_entries_are_round_sums_of_rare_writers(sample):
    """Rare: fewer than ten manual entries in the year; the accountants key dozens."""
    manual = [r for r in sample.tables["gl_detail"] if r["source"] == "manual"]
    written = Counter({r["journal_id"]: r["entered_by"] for r in manual}.values())

    found = {
        r["journal_id"]
        for r in manual
        if written[r["entered_by"]] < 10 and abs(r["amount"]) >= 10_000 and r["amount"] % 1_000 == 0
    }
    assert found == sample.planted["round_sum_manual_entry"]


def test_every_kind_is_planted_six_to_fifteen_times(sample):
    kinds = {
        "unshipped_invoice", "duplicate_payment", "cut_off_error", "round_sum_manual_entry",
        "unbalanced_entry", "over_limit_customer",
    }  # fmt: skip

    assert set(sample.planted) == kinds
    assert all(6 <= len(records) <= 15 for records in sample.planted.values())


def test_doubles_of_every_error_are_there(sample):
    """What looks like an error and is none, so that false alarms can show."""
    tables = sample.tables
    invoice_dates = {r["invoice_id"]: r["invoice_date"] for r in tables["invoices_generated"]}
    manual = [r for r in tables["gl_detail"] if r["source"] == "manual"]
    written = Counter({r["journal_id"]: r["entered_by"] for r in manual}.values())
    rents = Counter(
        (r["supplier_account_id"], r["payment_amount"]) for r in tables["payments_made"]
    )

    later = [s for s in tables["shipments_made"]
             if invoice_dates.get(s["invoice_id"], "9999") < s["shipment_date"] <= "2009-12-31"]  # fmt: skip
    back_orders = [s for s in tables["shipments_made"] if s["invoice_id"].startswith("INV-10")]
    round_by_usual = [r for r in manual if written[r["entered_by"]] > 50 and r["amount"]
                      and r["amount"] % 1_000 == 0]  # fmt: skip
    assert later
    assert back_orders
    assert len(round_by_usual) > 50
    assert max(rents.values()) >= 11
    assert any(Decimal(r["invoice_amount"]) < 0 for r in tables["invoices_generated"])
    assert any(Decimal(r["payment_amount"]) < 0 for r in tables["payments_made"])
