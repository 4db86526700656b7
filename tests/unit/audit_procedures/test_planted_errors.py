"""Errors planted in clean books are found, and nothing else is."""

import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from prisma_assets.domain.audit import ageing, cut_off, journal_entry, matching, tie_out
from prisma_assets.domain.audit.books import Books

FEW = settings(max_examples=6, deadline=None)  # each example runs a whole procedure


def found(outcome, kind):
    return sorted(f.record_id for f in outcome.findings if f.kind == kind)


@FEW
@given(rows=st.sets(st.integers(0, 500), min_size=1, max_size=5), cents=st.integers(1, 10**9))
def test_any_entry_out_of_balance_is_found(clean_tables, rows, cents):
    """A cent too much on one line puts its whole entry out of balance."""
    tables = clean_tables()
    ledger = tables["gl_detail"]
    ledger.loc[list(rows), "amount_cents"] += cents
    planted = sorted(ledger.loc[list(rows), "journal_id"].unique())

    outcome = tie_out.unbalanced_entries(Books(tables=tables))

    balanced_again = [  # both lines of an entry moved: a cent up on each is still out of balance
        entry for entry in planted if ledger.groupby("journal_id")["amount_cents"].sum()[entry] == 0
    ]
    assert found(outcome, "unbalanced_entry") == [e for e in planted if e not in balanced_again]
    assert outcome.figures["unbalanced"] == len(outcome.findings)


@FEW
@given(invoices=st.sets(st.integers(0, 119), min_size=1, max_size=8))
def test_any_unshipped_invoice_is_found(clean_tables, period, invoices):
    """An invoice whose shipment is missing stands for revenue that was not earned."""
    tables = clean_tables()
    tables["shipments_made"] = tables["shipments_made"].drop(index=list(invoices))
    planted = sorted(tables["invoices_generated"].loc[list(invoices), "invoice_id"])
    books = Books(tables=tables)

    outcome = matching.unshipped_invoices(books, period)

    assert found(outcome, "unshipped_invoice") == planted
    assert cut_off.sales_cut_off(books, period).findings == ()


@FEW
@given(invoices=st.sets(st.integers(0, 119), min_size=1, max_size=8), late=st.integers(1, 60))
def test_any_invoice_shipped_after_the_period_is_found(clean_tables, period, invoices, late):
    """Goods that leave in the next period are next period's revenue."""
    tables = clean_tables()
    shipped = pd.Timestamp(period.end) + pd.Timedelta(days=late)
    tables["shipments_made"].loc[list(invoices), "shipment_date"] = shipped
    planted = tables["invoices_generated"].loc[list(invoices)]

    outcome = cut_off.sales_cut_off(Books(tables=tables), period)

    assert found(outcome, "cut_off_error") == sorted(planted["invoice_id"])
    assert outcome.figures["net_cents"] == planted["invoice_amount_cents"].sum()


@FEW
@given(invoices=st.sets(st.integers(0, 119), min_size=1, max_size=8), late=st.integers(1, 60))
def test_any_invoice_written_after_the_period_for_goods_shipped_in_it_is_found(
    clean_tables, period, invoices, late
):
    """Goods that left in the period are its revenue, whenever they are invoiced."""
    tables = clean_tables()
    written = pd.Timestamp(period.end) + pd.Timedelta(days=late)
    tables["invoices_generated"].loc[list(invoices), "invoice_date"] = written

    outcome = cut_off.sales_cut_off(Books(tables=tables), period)

    planted = tables["invoices_generated"].loc[list(invoices)]
    assert found(outcome, "cut_off_error") == sorted(planted["invoice_id"])
    assert outcome.figures["net_cents"] == -planted["invoice_amount_cents"].sum()


STYLES = {
    "as it was": lambda n: n,
    "lower case": str.lower,
    "without punctuation": lambda n: n.replace("-", ""),
    "with spaces": lambda n: f" {n.replace('-', ' ')} ",
    "with leading zeros": lambda n: n.replace("RE-", "RE-00"),
    "with a slash": lambda n: n + "/",
}


@FEW
@given(
    payments=st.sets(st.integers(0, 80), min_size=1, max_size=6),
    style=st.sampled_from(sorted(STYLES)),
    days=st.integers(0, 200),
)
def test_any_payment_made_twice_is_found(clean_tables, payments, style, days):
    """Supplier, amount and invoice number agree, however the number was typed; the later payment is named."""
    tables = clean_tables()
    paid = tables["payments_made"]
    again = paid.loc[sorted(payments)].copy()
    again["payment_id"] = "X" + again["payment_id"]
    again["payment_date"] += pd.Timedelta(days=days)
    again["invoice_number"] = again["invoice_number"].map(STYLES[style])
    tables["payments_made"] = pd.concat([paid, again], ignore_index=True)

    outcome = matching.duplicate_payments(Books(tables=tables))

    assert found(outcome, "duplicate_payment") == sorted(again["payment_id"])
    assert found(outcome, "possible_duplicate_payment") == []
    assert outcome.figures["amount_cents"] == again["payment_amount_cents"].sum()


@FEW
@given(customers=st.sets(st.integers(0, 5), min_size=1, max_size=4), over=st.integers(1, 10**6))
def test_any_customer_over_the_limit_is_found(clean_tables, period, customers, over):
    """Owing a cent more than the limit is over it; owing the limit is not."""
    tables = clean_tables()
    master = tables["customer_master"]
    owed = (
        tables["open_accounts_receivable"].groupby("customer_account_id")["open_amount_cents"].sum()
    )
    limits = owed.reindex(master["customer_account_id"]).astype("Int64").to_numpy()
    master["transaction_credit_limit_cents"] = pd.array(limits, dtype="Int64")
    master.loc[list(customers), "transaction_credit_limit_cents"] -= over

    outcome = ageing.credit_limits(Books(tables=tables), period)

    assert found(outcome, "over_limit_customer") == sorted(
        master.loc[list(customers), "customer_account_id"]
    )
    assert all(f.amount_cents == over for f in outcome.findings)


def manual_entries(ledger, user, number, amount, **changes):
    """Copies of a manual entry, by that user and over that amount."""
    model = ledger[ledger["journal_id"] == "JM1"]
    copies = []
    for i in range(number):
        copy = model.assign(journal_id=f"JX-{user}-{i}", entered_by=user, **changes)
        copy["amount_cents"] = [amount, -amount]
        copies.append(copy)
    return pd.concat(copies)


@FEW
@given(
    counts=st.lists(st.integers(1, 5), min_size=1, max_size=3),
    thousands=st.integers(10, 5_000),
    source=st.sampled_from(["manual", "MANUAL", "Manual"]),
)
def test_any_round_sum_by_a_rare_writer_is_found(clean_tables, period, counts, thousands, source):
    """Round sums by people who seldom write entries are found; the clerks' own round accruals are not."""
    tables = clean_tables()
    ledger = tables["gl_detail"]
    planted = pd.concat(
        manual_entries(ledger, f"chief{i}", n, thousands * 100_000, source=source)
        for i, n in enumerate(counts)
    )
    tables["gl_detail"] = pd.concat([ledger, planted], ignore_index=True)

    outcome = journal_entry.journal_entry_tests(Books(tables=tables), period)

    assert found(outcome, "round_sum_manual_entry") == sorted(planted["journal_id"].unique())
    assert {f.kind for f in outcome.findings} == {"round_sum_manual_entry"}


@pytest.mark.parametrize("column", ["amount_ending_cents", "amount_beginning_cents"])
def test_an_altered_trial_balance_is_found(clean_tables, period, column):
    """An account that does not carry its postings is named with the difference."""
    tables = clean_tables()
    tables["trial_balance"].loc[4, column] += 12_345

    outcome = tie_out.ledger_to_trial_balance(Books(tables=tables), period)
    balance = tie_out.trial_balance_balances(Books(tables=tables))

    if column == "amount_ending_cents":
        assert [(f.kind, f.record_id, f.amount_cents) for f in outcome.findings] == [
            ("ledger_tb_difference", "4000", -12_345)
        ]
        assert balance.figures["difference_cents"] == 12_345
    else:  # an income account starts at nil: what stands there at the start is last year's total
        assert outcome.findings == ()
