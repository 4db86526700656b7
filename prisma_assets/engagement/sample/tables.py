"""The sample books as the standard's tables, in the order of their records.

Writing them to files does not belong here: that is `write`.
"""

import numpy as np

from prisma_assets.engagement.sample.apportion import Cents
from prisma_assets.engagement.sample.build import SampleBooks
from prisma_assets.engagement.sample.figures import CENTS_PER_THOUSAND
from prisma_assets.engagement.sample.office import Days

Columns = dict[str, list[str]]
"""Column name to one text per row; empty text is a missing value."""


def text_tables(books: SampleBooks) -> dict[str, Columns]:
    """Every table but the ledger, by standard name."""
    return {
        "financial_statements": _statements(books),
        "trial_balance": _trial_balance(books),
        "customer_master": _customers(books),
        "sales_orders": _orders(books),
        "shipments_made": _shipments(books),
        "invoices_generated": _invoices(books),
        "open_accounts_receivable": _open_items(books),
        "payments_received": _receipts(books),
        "supplier_listing": {
            "supplier_account_id": books.supplier_id.tolist(),
            "supplier_account_name": books.supplier_name.tolist(),
        },
        "payments_made": _payments(books),
    }


def amounts(cents: Cents) -> list[str]:
    """Amounts with two decimals."""
    return [amount(value) for value in cents.tolist()]


def amount(cents: int) -> str:
    """An amount with two decimals."""
    whole, part = divmod(abs(cents), 100)
    return f"{'-' if cents < 0 else ''}{whole}.{part:02d}"


def _days(days: Days) -> list[str]:
    texts: list[str] = np.datetime_as_string(days).tolist()
    return texts


def _statements(books: SampleBooks) -> Columns:
    lines = books.figures.lines
    return {
        "line_id": [line.id for line in lines],
        "statement": [line.statement for line in lines],
        "caption": [line.caption for line in lines],
        "amount": [amount(line.amount * CENTS_PER_THOUSAND) for line in lines],
        "amount_prior_year": [amount(line.prior * CENTS_PER_THOUSAND) for line in lines],
        "parent_line_id": [line.parent or "" for line in lines],
        "weight": [str(line.weight) for line in lines],
    }


def _trial_balance(books: SampleBooks) -> Columns:
    accounts = books.accounts.values()
    return {
        "gl_account_number": [a.number for a in accounts],
        "gl_account_name": [a.name for a in accounts],
        "account_type": [a.type for a in accounts],
        "fs_caption": [a.line for a in accounts],
        "amount_beginning": [amount(a.beginning_cents) for a in accounts],
        "amount_ending": [amount(a.ending_cents) for a in accounts],
        "amount_prior_year": [amount(a.prior_year_cents) for a in accounts],
    }


def _customers(books: SampleBooks) -> Columns:
    limits = books.receivables.credit_limit.tolist()
    return {
        "customer_account_id": books.customer_id.tolist(),
        "customer_account_name": books.customer_name.tolist(),
        "transaction_credit_limit": [amount(limit) if limit else "" for limit in limits],
    }


def _orders(books: SampleBooks) -> Columns:
    sales = books.sales
    return {
        "sales_order_id": sales.order_id.tolist(),
        "sales_order_date": _days(sales.order_date),
        "customer_account_id": books.customer_id[sales.order_customer].tolist(),
        "sales_order_amount": amounts(sales.order_amount),
    }


def _shipments(books: SampleBooks) -> Columns:
    sales = books.sales
    count = len(sales.shipment_date)
    return {
        "shipment_id": [f"SHP-{number:06d}" for number in range(1, count + 1)],
        "shipment_date": _days(sales.shipment_date),
        "sales_order_id": sales.order_id[sales.shipment_order].tolist(),
        "invoice_id": sales.shipment_invoice_id.tolist(),
        "customer_account_id": books.customer_id[
            sales.order_customer[sales.shipment_order]
        ].tolist(),
    }


def _invoices(books: SampleBooks) -> Columns:
    sales = books.sales
    terms = books.receivables.terms[sales.customer].astype("timedelta64[D]")
    return {
        "invoice_id": sales.invoice_id.tolist(),
        "invoice_date": _days(sales.invoice_date),
        "invoice_due_date": _days(sales.invoice_date + terms),
        "customer_account_id": books.customer_id[sales.customer].tolist(),
        "sales_order_id": sales.order_id[sales.order].tolist(),
        "invoice_amount": amounts(sales.amount),
        "journal_id": books.ledger.journal_ids[sales.journal].tolist(),
    }


def _open_items(books: SampleBooks) -> Columns:
    items = books.receivables
    return {
        "invoice_id": items.open_invoice_id.tolist(),
        "customer_account_id": books.customer_id[items.open_customer].tolist(),
        "invoice_date": _days(items.open_date),
        "invoice_due_date": _days(items.open_due),
        "open_amount": amounts(items.open_amount),
    }


def _receipts(books: SampleBooks) -> Columns:
    items = books.receivables
    return {
        "payment_id": items.payment_id.tolist(),
        "payment_date": _days(items.payment_date),
        "customer_account_id": books.customer_id[items.payment_customer].tolist(),
        "invoice_id": items.payment_invoice_id.tolist(),
        "payment_amount": amounts(items.payment_amount),
    }


def _payments(books: SampleBooks) -> Columns:
    payments = books.payments
    return {
        "payment_id": payments.payment_id.tolist(),
        "payment_date": _days(payments.date),
        "supplier_account_id": books.supplier_id[payments.supplier].tolist(),
        "invoice_number": payments.invoice_number.tolist(),
        "payment_amount": amounts(payments.amount),
        "journal_id": books.ledger.journal_ids[payments.journal].tolist(),
    }
