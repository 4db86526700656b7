"""Clean books of a small trader, built by arithmetic, in which a test plants what it looks for."""

from collections.abc import Callable
from datetime import date

import pandas as pd
import pytest

from prisma_assets.domain.audit.books import Books
from prisma_assets.domain.audit.engagement import Period

START = pd.Timestamp("2023-01-01")
CLERKS = ("anna", "bert", "cora")

Tables = dict[str, pd.DataFrame]


def _days(numbers: pd.Series) -> pd.Series:
    return (START + pd.to_timedelta(numbers, unit="D")).astype("datetime64[ns]")


def _sales(orders: int) -> Tables:
    """One order, one shipment two days later, one invoice on the day of the shipment; two of three are paid."""
    n = pd.Series(range(orders))
    customers = ("C" + (n % 7 + 1).astype("str")).rename("customer_account_id")
    order_ids, invoice_ids = "SO" + n.astype("str"), "INV" + (n + 1000).astype("str")
    ordered = _days(n * 350 // orders)
    shipped = ordered + pd.Timedelta(days=2)
    amounts = 123_450 + n * 6_789 % 400_000
    invoices = pd.DataFrame(
        {
            "invoice_id": invoice_ids,
            "invoice_date": shipped,
            "invoice_due_date": shipped + pd.Timedelta(days=30),
            "customer_account_id": customers,
            "sales_order_id": order_ids,
            "invoice_amount_cents": amounts,
            "journal_id": "JS" + (n + 1).astype("str"),
        }
    )
    paid = invoices[n % 3 != 0]
    unpaid = invoices[n % 3 == 0].rename(columns={"invoice_amount_cents": "open_amount_cents"})
    return {
        "customer_master": pd.DataFrame(
            {
                "customer_account_id": [f"C{i}" for i in range(1, 8)],
                "customer_account_name": [f"Customer {i}" for i in range(1, 8)],
                "transaction_credit_limit_cents": pd.array(
                    [100_000_000_00] * 6 + [pd.NA], dtype="Int64"
                ),
            }
        ),
        "sales_orders": pd.DataFrame(
            {
                "sales_order_id": order_ids,
                "sales_order_date": ordered,
                "customer_account_id": customers,
                "sales_order_amount_cents": amounts,
            }
        ),
        "shipments_made": pd.DataFrame(
            {
                "shipment_id": "SH" + n.astype("str"),
                "shipment_date": shipped,
                "sales_order_id": order_ids,
                "invoice_id": invoice_ids,
                "customer_account_id": customers,
            }
        ),
        "invoices_generated": invoices,
        "payments_received": pd.DataFrame(
            {
                "payment_id": "R" + paid["invoice_id"],
                "payment_date": paid["invoice_date"] + pd.Timedelta(days=5),
                "customer_account_id": paid["customer_account_id"],
                "invoice_id": paid["invoice_id"],
                "payment_amount_cents": paid["invoice_amount_cents"],
            }
        ).reset_index(drop=True),
        "open_accounts_receivable": unpaid[
            [
                "invoice_id",
                "customer_account_id",
                "invoice_date",
                "invoice_due_date",
                "open_amount_cents",
            ]
        ].reset_index(drop=True),
    }


def _purchases(payments: int) -> Tables:
    """Equal monthly rents under different invoice numbers, and other payments of all sizes."""
    n = pd.Series(range(payments))
    is_rent = n % 10 == 0
    return {
        "supplier_listing": pd.DataFrame({"supplier_account_id": [f"S{i}" for i in range(1, 6)]}),
        "payments_made": pd.DataFrame(
            {
                "payment_id": "P" + (n + 1).astype("str"),
                "payment_date": _days(n * 360 // payments),
                "supplier_account_id": ("S" + (n % 4 + 1).astype("str")).mask(is_rent, "S5"),
                "invoice_number": "RE-" + (n + 20_000).astype("str"),
                "payment_amount_cents": (34_567 + n * 9_876 % 700_000).mask(is_rent, 250_000),
            }
        ),
    }


def _entry(name: str, day: pd.Timestamp, lines: list[tuple[str, int]], **extra: str) -> list[dict]:
    common = {
        "journal_id": name,
        "effective_date": day,
        "entered_date": day,
        "entered_time": "10:15:00",
        "entered_by": "system",
        "approved_by": "ruth",
        "source": "sales",
        "je_header_description": "posting",
        "je_line_description": "line",
    } | extra
    return [
        common
        | {"journal_id_line_number": str(i), "gl_account_number": account, "amount_cents": amount}
        for i, (account, amount) in enumerate(lines, start=1)
    ]


def _ledger(tables: Tables, manual: int) -> pd.DataFrame:
    rows: list[dict] = []
    for i, row in enumerate(tables["invoices_generated"].itertuples(), start=1):
        amount = row.invoice_amount_cents
        rows += _entry(f"JS{i}", row.invoice_date, [("1100", amount), ("4000", -amount)])
    for i, row in enumerate(tables["payments_received"].itertuples(), start=1):
        amount = row.payment_amount_cents
        rows += _entry(
            f"JR{i}", row.payment_date, [("1000", amount), ("1100", -amount)], source="receipts"
        )
    for i, row in enumerate(tables["payments_made"].itertuples(), start=1):
        amount = row.payment_amount_cents
        rows += _entry(
            f"JP{i}", row.payment_date, [("5000", amount), ("1000", -amount)], source="payments"
        )
    workdays = pd.bdate_range("2023-01-02", "2023-12-29")
    for i in range(1, manual + 1):
        day = workdays[i * 250 // (manual + 1)]
        amount = 2_000_000 if i % 9 == 0 else 54_321 + i  # clerks write round accruals too
        lines = [("5000", amount), ("2000", -amount)]
        rows += _entry(f"JM{i}", day, lines, source="manual", entered_by=CLERKS[i % 3])
    frame = pd.DataFrame(rows)
    frame["effective_date"] = frame["effective_date"].astype("datetime64[ns]")
    frame["entered_date"] = frame["entered_date"].astype("datetime64[ns]")
    return frame


ACCOUNTS = (
    # number, name, type, line, opening balance
    ("1000", "Bank", "asset", "cash", 500_000_000),
    ("1100", "Trade receivables", "asset", "receivables", 0),
    ("2000", "Accrued liabilities", "liability", "accruals", -100_000_000),
    ("3000", "Retained earnings", "equity", "equity", -400_000_000),
    ("4000", "Sales", "revenue", "sales", 0),
    ("5000", "Costs", "expense", "costs", 0),
)


def _trial_balance(ledger: pd.DataFrame) -> pd.DataFrame:
    accounts = pd.DataFrame(
        ACCOUNTS,
        columns=[
            "gl_account_number",
            "gl_account_name",
            "account_type",
            "fs_caption",
            "amount_beginning_cents",
        ],
    )
    moved = ledger.groupby("gl_account_number")["amount_cents"].sum()
    moved = accounts["gl_account_number"].map(moved).fillna(0).astype("int64")
    accounts["amount_ending_cents"] = accounts["amount_beginning_cents"] + moved
    accounts["amount_prior_year_cents"] = accounts["amount_beginning_cents"]
    return accounts


def _statements(accounts: pd.DataFrame) -> pd.DataFrame:
    ending = accounts.set_index("fs_caption")["amount_ending_cents"]
    opening = accounts.set_index("fs_caption")["amount_beginning_cents"]

    def year(b: pd.Series) -> dict[str, int]:
        profit = -b["sales"] - b["costs"]
        assets = b["cash"] + b["receivables"]
        equity = -b["equity"] + profit
        return {
            "cash": b["cash"], "receivables": b["receivables"], "assets": assets, "accruals": -b["accruals"],
            "equity": equity, "claims": equity - b["accruals"], "sales": -b["sales"], "costs": b["costs"],
            "profit": profit, "cf_profit": profit, "cf_other": 0, "change": 0,
        }  # fmt: skip

    now, before = year(ending), year(opening)
    now["change"] = now["cash"] - before["cash"]
    now["cf_other"] = now["change"] - now["cf_profit"]
    layout = (
        ("cash", "BS", "Cash", "assets", 1),
        ("receivables", "BS", "Receivables", "assets", 1),
        ("assets", "BS", "Total assets", None, pd.NA),
        ("accruals", "BS", "Accruals", "claims", 1),
        ("equity", "BS", "Equity", "claims", 1),
        ("claims", "BS", "Total liabilities and equity", None, pd.NA),
        ("sales", "IS", "Sales", "profit", pd.NA),
        ("costs", "IS", "Costs", "profit", -1),
        ("profit", "IS", "Net income", None, pd.NA),
        ("cf_profit", "CF", "Net income", "change", 1),
        ("cf_other", "CF", "Other", "change", 1),
        ("change", "CF", "Net increase in cash", None, pd.NA),
    )
    frame = pd.DataFrame(
        layout, columns=["line_id", "statement", "caption", "parent_line_id", "weight"]
    )
    frame["parent_line_id"] = frame["parent_line_id"].astype("str")
    frame["weight"] = frame["weight"].astype("Int64")
    frame["amount_cents"] = frame["line_id"].map(now).astype("int64")
    frame["amount_prior_year_cents"] = frame["line_id"].map(before).astype("Int64")
    return frame


def _as_read(frame: pd.DataFrame) -> pd.DataFrame:
    """Text as the engagement reader delivers it: nullable strings, whose comparisons may be missing too."""
    texts = frame.select_dtypes(["str", "object"]).columns
    return frame.astype(dict.fromkeys(texts, pd.StringDtype()))


@pytest.fixture(scope="session")
def period() -> Period:
    return Period(start=date(2023, 1, 1), end=date(2023, 12, 31))


@pytest.fixture(scope="session")
def clean_tables() -> Callable[[], Tables]:
    """Makes fresh copies of the clean tables, for a test to change."""
    tables = _sales(120) | _purchases(90)
    tables["gl_detail"] = _ledger(tables, manual=60)
    tables["trial_balance"] = _trial_balance(tables["gl_detail"])
    tables["financial_statements"] = _statements(tables["trial_balance"])
    tables = {name: _as_read(frame) for name, frame in tables.items()}
    return lambda: {name: frame.copy() for name, frame in tables.items()}


@pytest.fixture(scope="session")
def clean_books(clean_tables: Callable[[], Tables]) -> Books:
    return Books(tables=clean_tables())
