"""The tables of an engagement: the AICPA Audit Data Standards' names in snake_case, and what each column means.

How a client's file is read into these tables does not belong here: that is `prisma_assets.engagement`.
"""

from dataclasses import dataclass
from typing import Literal

ColumnKind = Literal["text", "money", "date", "time", "integer"]


@dataclass(frozen=True, kw_only=True)
class Column:
    """One column of a standard table."""

    name: str
    """Name in `engagement.yaml` and in the file when no mapping renames it."""
    kind: ColumnKind
    """A `money` column becomes int64 `<name>_cents` (hundredths of the currency) in the data frame; `date` becomes
    datetime64; `time` becomes text "HH:MM:SS"; `integer` Int64; `text` string."""
    required: bool = False
    """Without it the table cannot be read."""
    meaning: str = ""
    """What the column holds, for documentation and error messages."""

    @property
    def frame_name(self) -> str:
        """Name of the column in the data frame."""
        return f"{self.name}_cents" if self.kind == "money" else self.name


@dataclass(frozen=True, kw_only=True)
class Table:
    """One standard table."""

    name: str
    """Canonical name, also the file's stem when `engagement.yaml` names no file."""
    aliases: tuple[str, ...] = ()
    """Other names accepted in `engagement.yaml`."""
    columns: tuple[Column, ...]
    key: tuple[str, ...]
    """Columns that identify a row; empty where rows have no key of their own."""
    meaning: str

    def column(self, name: str) -> Column | None:
        """The column of that name, or None."""
        return next((c for c in self.columns if c.name == name), None)


def _text(name: str, meaning: str, *, required: bool = False) -> Column:
    return Column(name=name, kind="text", required=required, meaning=meaning)


def _money(name: str, meaning: str, *, required: bool = False) -> Column:
    return Column(name=name, kind="money", required=required, meaning=meaning)


def _date(name: str, meaning: str, *, required: bool = False) -> Column:
    return Column(name=name, kind="date", required=required, meaning=meaning)


TRIAL_BALANCE = Table(
    name="trial_balance",
    meaning="One row per general ledger account at the period's end.",
    key=("gl_account_number",),
    columns=(
        _text("gl_account_number", "Account number.", required=True),
        _text("gl_account_name", "Account name.", required=True),
        _text("account_type", "asset, liability, equity, revenue or expense.", required=True),
        _text("fs_caption", "line_id of the financial statement line the account belongs to."),
        _money("amount_beginning", "Balance at the period's start, debit positive."),
        _money("amount_ending", "Balance at the period's end, debit positive.", required=True),
        _money(
            "amount_prior_year",
            "Balance at the end of the prior period, debit positive (income accounts: last year's total).",
        ),
    ),
)
GL_DETAIL = Table(
    name="gl_detail",
    aliases=("general_ledger", "journal_entries"),
    meaning="One row per journal entry line of the period.",
    key=("journal_id", "journal_id_line_number"),
    columns=(
        _text("journal_id", "Journal entry number.", required=True),
        _text("journal_id_line_number", "Line within the entry."),
        _date("effective_date", "Date the entry counts in the books.", required=True),
        _date("entered_date", "Date the entry was keyed."),
        Column(name="entered_time", kind="time", meaning="Time of day the entry was keyed."),
        _text("entered_by", "User who keyed the entry."),
        _text("approved_by", "User who approved the entry."),
        _text(
            "source",
            "Origin: `manual`, or the subledger that posted it (sales, purchasing, payroll, ...).",
        ),
        _text("gl_account_number", "Account number.", required=True),
        _money(
            "amount",
            "Signed amount, debit positive; or `debit` and `credit` columns are given instead.",
            required=True,
        ),
        _text("je_header_description", "What the entry is for."),
        _text("je_line_description", "What the line is for."),
        _text("document_number", "Invoice, payment or other document behind the line."),
    ),
)
CUSTOMER_MASTER = Table(
    name="customer_master",
    aliases=("customers",),
    meaning="One row per customer.",
    key=("customer_account_id",),
    columns=(
        _text("customer_account_id", "Customer number.", required=True),
        _text("customer_account_name", "Customer name."),
        _money("transaction_credit_limit", "Credit limit; empty means no limit was set."),
    ),
)
SALES_ORDERS = Table(
    name="sales_orders",
    aliases=("orders",),
    meaning="One row per sales order.",
    key=("sales_order_id",),
    columns=(
        _text("sales_order_id", "Order number.", required=True),
        _date("sales_order_date", "Order date.", required=True),
        _text("customer_account_id", "Customer number.", required=True),
        _money("sales_order_amount", "Order amount."),
    ),
)
SHIPMENTS_MADE = Table(
    name="shipments_made",
    aliases=("shipments",),
    meaning="One row per shipment to a customer.",
    key=("shipment_id",),
    columns=(
        _text("shipment_id", "Shipment number.", required=True),
        _date("shipment_date", "Date the goods left.", required=True),
        _text("sales_order_id", "Order shipped."),
        _text("invoice_id", "Invoice that bills the shipment."),
        _text("customer_account_id", "Customer number."),
    ),
)
INVOICES_GENERATED = Table(
    name="invoices_generated",
    aliases=("sales_invoices", "invoices"),
    meaning="One row per sales invoice.",
    key=("invoice_id",),
    columns=(
        _text("invoice_id", "Invoice number.", required=True),
        _date("invoice_date", "Date the invoice counts in the books.", required=True),
        _date("invoice_due_date", "Date payment is due."),
        _text("customer_account_id", "Customer number.", required=True),
        _text("sales_order_id", "Order billed."),
        _money("invoice_amount", "Invoice amount; credit notes negative.", required=True),
        _text("journal_id", "Journal entry that recorded the invoice."),
    ),
)
OPEN_ACCOUNTS_RECEIVABLE = Table(
    name="open_accounts_receivable",
    aliases=("invoices_receivable", "accounts_receivable"),
    meaning="One row per invoice unpaid at the period's end.",
    key=("invoice_id",),
    columns=(
        _text("invoice_id", "Invoice number.", required=True),
        _text("customer_account_id", "Customer number.", required=True),
        _date("invoice_date", "Invoice date."),
        _date("invoice_due_date", "Date payment is due."),
        _money("open_amount", "Amount unpaid at the period's end.", required=True),
    ),
)
CASH_RECEIPTS = Table(
    name="payments_received",
    aliases=("cash_receipts",),
    meaning="One row per payment received from a customer.",
    key=("payment_id",),
    columns=(
        _text("payment_id", "Receipt number.", required=True),
        _date("payment_date", "Date received.", required=True),
        _text("customer_account_id", "Customer number.", required=True),
        _text("invoice_id", "Invoice paid."),
        _money("payment_amount", "Amount received.", required=True),
    ),
)
SUPPLIER_LISTING = Table(
    name="supplier_listing",
    aliases=("vendors", "vendor_master", "suppliers"),
    meaning="One row per supplier.",
    key=("supplier_account_id",),
    columns=(
        _text("supplier_account_id", "Supplier number.", required=True),
        _text("supplier_account_name", "Supplier name."),
    ),
)
PAYMENTS_MADE = Table(
    name="payments_made",
    aliases=("payments",),
    meaning="One row per payment to a supplier.",
    key=(),
    columns=(
        _text("payment_id", "Payment number; row numbers stand in where the books have none."),
        _date("payment_date", "Date paid.", required=True),
        _text("supplier_account_id", "Supplier number.", required=True),
        _text("invoice_number", "Supplier's invoice number."),
        _money("payment_amount", "Amount paid; refunds negative.", required=True),
        _text("journal_id", "Journal entry that recorded the payment."),
    ),
)
FINANCIAL_STATEMENTS = Table(
    name="financial_statements",
    aliases=("statements",),
    meaning="One row per line of the draft financial statements.",
    key=("line_id",),
    columns=(
        _text("line_id", "Identifier of the line, the trial balance's fs_caption.", required=True),
        _text("statement", "BS balance sheet, IS income statement, CF cash flow.", required=True),
        _text("caption", "Wording of the line.", required=True),
        _money("amount", "Amount as presented.", required=True),
        _money("amount_prior_year", "Comparative as presented."),
        _text("parent_line_id", "Line whose total includes this one; empty for a grand total."),
        Column(
            name="weight",
            kind="integer",
            meaning="+1 or -1: sign with which the line enters its parent; empty means +1.",
        ),
    ),
)

TABLES: dict[str, Table] = {
    t.name: t
    for t in (
        TRIAL_BALANCE, GL_DETAIL, CUSTOMER_MASTER, SALES_ORDERS, SHIPMENTS_MADE, INVOICES_GENERATED,
        OPEN_ACCOUNTS_RECEIVABLE, CASH_RECEIPTS, SUPPLIER_LISTING, PAYMENTS_MADE, FINANCIAL_STATEMENTS,
    )
}  # fmt: skip


def table_named(name: str) -> Table | None:
    """The standard table of that canonical name or alias, or None."""
    return TABLES.get(name) or next((t for t in TABLES.values() if name in t.aliases), None)
