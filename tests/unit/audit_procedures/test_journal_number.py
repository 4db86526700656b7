"""Ledgers that number their entries from 1 every month."""

import pandas as pd
import pytest

from prisma_assets.domain.audit import journal_entry, tie_out
from prisma_assets.domain.audit.books import Books
from prisma_assets.domain.audit.journal_number import distinct_entries


@pytest.fixture
def restarted(clean_tables):
    """The clean books, their entries numbered from 1 in every month."""
    tables = clean_tables()
    ledger = tables["gl_detail"].sort_values("effective_date", kind="stable")
    month = ledger["effective_date"].dt.strftime("%Y-%m")
    numbers = ledger.groupby(month)["journal_id"].transform(lambda ids: pd.factorize(ids)[0] + 1)
    tables["gl_detail"] = ledger.assign(journal_id=numbers.astype("string"))
    return tables


def test_entries_of_one_number_in_several_months_are_several(restarted, clean_tables, period):
    """No line counts as repeated, no user's entries as another's: the tests find what they find in the other numbering."""
    books, usual = Books(tables=restarted), Books(tables=clean_tables())

    assert tie_out.journal_line_completeness(books).figures["duplicate_lines"] == 0
    now, before = (journal_entry.journal_entry_tests(b, period) for b in (books, usual))
    assert now.figures == before.figures


def test_errors_that_cancel_out_over_months_are_found(restarted):
    """Entry 1 of one month is 500 too high, entry 1 of the next 500 too low: together they would balance."""
    ledger = restarted["gl_detail"]
    first = ledger[ledger["journal_id"] == "1"].drop_duplicates("effective_date")
    months = first["effective_date"].dt.strftime("%Y-%m")
    rows = first[~months.duplicated()].index[:2]
    ledger.loc[rows, "amount_cents"] += [500, -500]

    outcome = tie_out.unbalanced_entries(Books(tables=restarted))

    expected = [(f"1 of {month}", amount) for month, amount in zip(months[rows], (500, -500), strict=True)]  # fmt: skip
    assert [(f.record_id, f.amount_cents) for f in outcome.findings] == expected


def test_an_entry_that_spans_months_stays_one(clean_tables):
    """Lines of one entry may count in two months; then no month balances, so the number means one entry."""
    tables = clean_tables()
    ledger = tables["gl_detail"]
    later = ledger.index[ledger["amount_cents"] < 0]
    ledger.loc[later, "effective_date"] += pd.DateOffset(months=1)

    assert distinct_entries(ledger) is ledger
    assert tie_out.unbalanced_entries(Books(tables=tables)).findings == ()
