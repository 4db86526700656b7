"""Receivables by age and by limit."""

import pandas as pd
import pytest

from prisma_assets.domain.audit import ageing
from prisma_assets.domain.audit.books import Books


def open_items(*rows):
    """Open items from (invoice date, due date, cents)."""
    frame = pd.DataFrame(rows, columns=["invoice_date", "invoice_due_date", "open_amount_cents"])
    for column in ("invoice_date", "invoice_due_date"):
        frame[column] = pd.to_datetime(frame[column]).astype("datetime64[ns]")
    frame["invoice_id"] = [f"I{i}" for i in range(len(frame))]
    frame["customer_account_id"] = "C1"
    return frame


@pytest.mark.parametrize(
    ("due", "bucket"),
    [
        ("2024-01-15", "not due"), ("2023-12-31", "not due"), ("2023-12-30", "1-30"), ("2023-12-01", "1-30"),
        ("2023-11-30", "31-60"), ("2023-11-01", "31-60"), ("2023-10-31", "61-90"), ("2023-10-02", "61-90"),
        ("2023-10-01", "over 90"), ("2020-01-01", "over 90"),
    ],
)  # fmt: skip
def test_buckets_end_where_they_say(period, due, bucket):
    """Days are counted from the due date to the last day of the period."""
    books = Books(tables={"open_accounts_receivable": open_items(("2023-01-01", due, 700))})

    outcome = ageing.receivable_ageing(books, period)

    assert {k: v for k, v in outcome.figures["buckets_cents"].items() if v} == {bucket: 700}


def test_without_a_due_date_thirty_days_are_assumed_and_said(period):
    """An item without any date is shown as such; one without a due date is aged from its invoice."""
    items = open_items(("2023-11-20", None, 500), (None, None, 40), ("2023-11-20", "2024-02-01", 3))
    books = Books(tables={"open_accounts_receivable": items})

    outcome = ageing.receivable_ageing(books, period)

    buckets = outcome.figures["buckets_cents"]
    assert (buckets["1-30"], buckets["no date"], buckets["not due"]) == (500, 40, 3)
    assert "30 days from invoice assumed" in outcome.procedure.result


def test_buckets_add_up_to_the_total(clean_books, period):
    """Nothing is lost between the buckets."""
    figures = ageing.receivable_ageing(clean_books, period).figures

    assert sum(figures["buckets_cents"].values()) == figures["total_cents"]
    assert sum(figures["items"].values()) == 40


def test_open_items_can_be_computed_from_invoices_and_receipts(clean_tables, clean_books, period):
    """Without a list of open items, invoices less receipts up to the period's end give the same."""
    tables = clean_tables()
    del tables["open_accounts_receivable"]

    computed = ageing.receivable_ageing(Books(tables=tables), period)
    listed = ageing.receivable_ageing(clean_books, period)

    assert computed.figures == listed.figures
    assert "computed as invoices less receipts" in computed.procedure.population


def test_receipts_after_the_period_do_not_settle(clean_tables, period):
    """What a customer paid in January was still owed in December."""
    tables = clean_tables()
    del tables["open_accounts_receivable"]
    before = ageing.receivable_ageing(Books(tables=tables), period).figures["total_cents"]
    receipts = tables["payments_received"]
    receipts.loc[0, "payment_date"] = pd.Timestamp("2024-01-02")

    after = ageing.receivable_ageing(Books(tables=tables), period).figures["total_cents"]

    assert after - before == receipts.loc[0, "payment_amount_cents"]


def test_customers_without_a_limit_are_left_out_and_counted(clean_tables, period):
    """No limit is not a limit of zero; zero is one."""
    tables = clean_tables()
    limits = pd.array([pd.NA] * 6 + [0], dtype="Int64")
    tables["customer_master"]["transaction_credit_limit_cents"] = limits

    outcome = ageing.credit_limits(Books(tables=tables), period)

    assert [f.record_id for f in outcome.findings] == ["C7"]
    assert "6 customers with open items had no limit set" in outcome.procedure.result


def test_credit_balances_reduce_what_a_customer_owes(clean_tables, period):
    """The limit is held against the net balance."""
    tables = clean_tables()
    items = open_items(("2023-12-01", None, 1_000), ("2023-12-02", None, -300))
    tables["open_accounts_receivable"] = items
    tables["customer_master"]["transaction_credit_limit_cents"] = 700

    assert ageing.credit_limits(Books(tables=tables), period).findings == ()
    assert (
        "1 credit balance of -3.00"
        in ageing.receivable_ageing(Books(tables=tables), period).procedure.result
    )
