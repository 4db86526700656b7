"""The ledger against the trial balance and the subledger; what tests of planted errors do not reach."""

import pandas as pd

from prisma_assets.domain.audit import journal_entry, tie_out
from prisma_assets.domain.audit.books import Books


def test_account_missing_from_the_trial_balance_is_named(clean_tables, period):
    """Postings to an account the trial balance does not know are outside the statements."""
    tables = clean_tables()
    tables["trial_balance"] = tables["trial_balance"].iloc[:-1]

    outcome = tie_out.ledger_to_trial_balance(Books(tables=tables), period)

    assert [(f.kind, f.record_id) for f in outcome.findings] == [
        ("account_not_in_trial_balance", "5000")
    ]
    posted = tables["gl_detail"].query("gl_account_number == '5000'")["amount_cents"].sum()
    assert outcome.findings[0].amount_cents == posted


def test_lines_without_account_or_number_are_not_lost(clean_tables, period):
    """A line that names no account, or no entry, is reported rather than dropped in grouping."""
    tables = clean_tables()
    tables["gl_detail"].loc[0, ["gl_account_number", "journal_id"]] = pd.NA
    books = Books(tables=tables)

    tied = tie_out.ledger_to_trial_balance(books, period)
    complete = tie_out.journal_line_completeness(books)
    entries = journal_entry.journal_entry_tests(books, period)

    assert ("account_not_in_trial_balance", "(none)") in [
        (f.kind, f.record_id) for f in tied.findings
    ]
    assert complete.figures["lines_without_number"] == 1
    assert entries.procedure.status == "performed"


def test_without_opening_balances_only_income_accounts_are_compared(clean_tables, period):
    """A missing opening balance is not zero: balance sheet accounts are left out and the workpaper says so."""
    tables = clean_tables()
    accounts = tables["trial_balance"].drop(columns="amount_beginning_cents")
    accounts.loc[accounts["gl_account_number"] == "5000", "amount_ending_cents"] += 100
    tables["trial_balance"] = accounts

    outcome = tie_out.ledger_to_trial_balance(Books(tables=tables), period)

    assert [f.record_id for f in outcome.findings] == ["5000"]
    assert outcome.figures["accounts_not_compared"] == 4
    assert "4 balance sheet accounts could not be compared" in outcome.procedure.result


def test_lines_outside_the_period_are_left_out_and_counted(clean_tables, period):
    """Next year's postings in the export do not belong to this year's movement."""
    tables = clean_tables()
    later = tables["gl_detail"].head(2).assign(effective_date=pd.Timestamp("2024-01-02"))
    tables["gl_detail"] = pd.concat([tables["gl_detail"], later], ignore_index=True)

    outcome = tie_out.ledger_to_trial_balance(Books(tables=tables), period)

    assert outcome.findings == ()
    assert outcome.figures["lines_outside_period"] == 2


def test_control_account_difference_is_measured(clean_tables):
    """Open items that no longer add up to the receivable account are one difference."""
    tables = clean_tables()
    tables["open_accounts_receivable"].loc[0, "open_amount_cents"] += 5_000

    outcome = tie_out.subledger_to_control_account(Books(tables=tables))

    assert outcome.figures["difference_cents"] == 5_000
    assert outcome.figures["control_accounts"] == ["1100"]
    assert [f.kind for f in outcome.findings] == ["subledger_difference"]


def test_allowance_and_tax_receivables_are_no_control_account(clean_tables):
    """Only trade receivables are what customers owe."""
    tables = clean_tables()
    extra = tables["trial_balance"].iloc[[1, 1]].copy()
    extra["gl_account_number"] = ["1190", "1400"]
    extra["gl_account_name"] = ["Allowance for doubtful receivables", "VAT receivable"]
    tables["trial_balance"] = pd.concat([tables["trial_balance"], extra], ignore_index=True)

    outcome = tie_out.subledger_to_control_account(Books(tables=tables))

    assert outcome.figures["control_accounts"] == ["1100"]
    assert outcome.findings == ()


def test_no_recognisable_control_account_is_said(clean_tables):
    """Without a receivable account there is nothing to compare with."""
    tables = clean_tables()
    tables["trial_balance"]["gl_account_name"] = "Account"

    outcome = tie_out.subledger_to_control_account(Books(tables=tables))

    assert outcome.procedure.status == "not performed"


def test_gaps_in_journal_numbers_are_found(clean_tables):
    """An entry taken out of a consecutive series leaves a hole with its number."""
    tables = clean_tables()
    ledger = tables["gl_detail"]
    tables["gl_detail"] = ledger[~ledger["journal_id"].isin(["JS40", "JS41", "JP7"])]

    outcome = tie_out.journal_line_completeness(Books(tables=tables))

    gaps = [(f.record_id, f.description) for f in outcome.findings]
    assert gaps == [
        ("JP7", "1 journal number missing from JP7 on."),
        ("JS40", "2 journal numbers missing from JS40 on."),
    ]
    assert outcome.figures["missing_numbers"] == 3


def test_gaps_keep_the_written_width_of_the_number(clean_tables):
    """JE-0009 is followed by JE-0010, not JE-10."""
    tables = clean_tables()
    ledger = tables["gl_detail"].head(80).copy()
    numbers = [n for n in range(1, 42) if n != 10]
    ledger["journal_id"] = [f"JE-2023-{numbers[i // 2]:05d}" for i in range(len(ledger))]
    tables["gl_detail"] = ledger

    outcome = tie_out.journal_line_completeness(Books(tables=tables))

    assert [f.record_id for f in outcome.findings] == ["JE-2023-00010"]


def test_numbers_shared_with_other_documents_are_not_gaps(clean_tables):
    """Where most numbers are missing the series is not consecutive; that is said instead of listing holes."""
    tables = clean_tables()
    ledger = tables["gl_detail"]
    numbers = ledger["journal_id"].str.extract(r"(\d+)")[0].astype("int64")
    ledger["journal_id"] = ledger["journal_id"].str[:2] + (numbers * 7).astype("str")

    outcome = tie_out.journal_line_completeness(Books(tables=tables))

    assert outcome.findings == ()
    assert "4 number series not consecutive" in outcome.procedure.result


def test_lines_that_stand_twice_are_found(clean_tables):
    """The same line of the same entry twice doubles its amount."""
    tables = clean_tables()
    tables["gl_detail"] = pd.concat([tables["gl_detail"], tables["gl_detail"].iloc[[3]]])

    outcome = tie_out.journal_line_completeness(Books(tables=tables))

    assert [(f.kind, f.record_id) for f in outcome.findings] == [
        ("duplicate_journal_line", "JS2/2")
    ]


def test_prior_year_column_may_stand_after_closing(clean_tables):
    """After closing, balance sheet accounts alone add up to zero beside last year's income."""
    tables = clean_tables()
    accounts = tables["trial_balance"]
    accounts.loc[accounts["gl_account_number"] == "4000", "amount_prior_year_cents"] = -777
    closed = tie_out.trial_balance_balances(Books(tables=tables))
    accounts.loc[accounts["gl_account_number"] == "1000", "amount_prior_year_cents"] += 5

    outcome = tie_out.trial_balance_balances(Books(tables=tables))

    assert closed.findings == ()
    assert [f.record_id for f in outcome.findings] == ["amount_prior_year"]
    assert outcome.figures["balanced"] is True
