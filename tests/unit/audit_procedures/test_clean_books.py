"""Books without errors: every procedure is performed, states its population and finds nothing."""

import inspect

import pandas as pd
import pytest

from prisma_assets.domain.audit import (
    ageing,
    benford,
    cut_off,
    footing,
    journal_entry,
    matching,
    sampling,
    tie_out,
)
from prisma_assets.domain.audit.books import Books
from prisma_assets.domain.audit.table import TABLES

PROCEDURES = (
    tie_out.unbalanced_entries,
    tie_out.trial_balance_balances,
    tie_out.ledger_to_trial_balance,
    tie_out.subledger_to_control_account,
    tie_out.journal_line_completeness,
    journal_entry.journal_entry_tests,
    matching.unshipped_invoices,
    matching.duplicate_payments,
    matching.unknown_parties,
    matching.invoices_without_order,
    cut_off.sales_cut_off,
    ageing.receivable_ageing,
    ageing.credit_limits,
    footing.statement_footing,
    footing.statements_to_trial_balance,
    footing.statement_cross_checks,
    sampling.sample_receivables,
    sampling.sample_payments,
)


def run(procedure, books, period):
    known = {
        "books": books,
        "period": period,
        "plan": sampling.SamplePlan(tolerable_cents=2_000_000),
    }
    names = inspect.signature(procedure).parameters
    return procedure(**{name: known[name] for name in names if name in known})


@pytest.mark.parametrize("procedure", PROCEDURES, ids=lambda p: p.__name__)
def test_clean_books_give_no_findings(procedure, clean_books, period):
    """A clean ledger raises no alarm, and the procedure says what it looked at."""
    outcome = run(procedure, clean_books, period)

    assert outcome.procedure.status == "performed"
    assert outcome.findings == ()
    assert outcome.procedure.population
    assert outcome.procedure.result


@pytest.mark.parametrize(
    "procedure", [*PROCEDURES, benford.first_two_digits], ids=lambda p: p.__name__
)
def test_missing_tables_are_said_to_be_missing(procedure, period):
    """Without its tables a procedure is not performed and says why; it invents nothing."""
    outcome = run(procedure, Books(), period)

    assert outcome.procedure.status == "not performed"
    assert (
        "provided no table" in outcome.procedure.reason or "no master" in outcome.procedure.reason
    )
    assert (outcome.findings, outcome.evidence, outcome.figures) == ((), (), {})


@pytest.mark.parametrize(
    "procedure", [*PROCEDURES, benford.first_two_digits], ids=lambda p: p.__name__
)
def test_empty_tables_are_said_to_be_empty(procedure, clean_tables, period):
    """A table with headings and no rows is as good as none."""
    empty = {name: frame.iloc[:0] for name, frame in clean_tables().items()}

    outcome = run(procedure, Books(tables=empty), period)

    assert outcome.procedure.status == "not performed"


@pytest.mark.parametrize("has_columns", [True, False], ids=["empty columns", "no columns"])
@pytest.mark.parametrize(
    "procedure", [*PROCEDURES, benford.first_two_digits], ids=lambda p: p.__name__
)
def test_required_columns_alone_are_enough_to_answer(procedure, has_columns, clean_tables, period):
    """A client who leaves out every optional column, or leaves it blank, gets an answer, and no made-up findings."""
    bare = {}
    for name, frame in clean_tables().items():
        optional = [
            c.frame_name for c in TABLES[name].columns if not c.required and c.frame_name in frame
        ]
        bare[name] = frame.drop(columns=optional)
        if has_columns:
            blank = frame[optional].astype(
                {c: "Int64" for c in optional if frame[c].dtype == "int64"}
            )
            bare[name] = bare[name].join(blank.where(pd.Series(False, index=frame.index)))

    outcome = run(procedure, Books(tables=bare), period)

    assert outcome.procedure.reason or outcome.procedure.result
    assert outcome.findings == ()


@pytest.mark.parametrize("procedure", PROCEDURES, ids=lambda p: p.__name__)
def test_procedures_leave_the_books_as_they_are_and_repeat_themselves(
    procedure, clean_tables, period
):
    """Evidence is never changed, and the same books give the same workpaper."""
    tables = clean_tables()
    before = {name: frame.copy() for name, frame in tables.items()}

    first = run(procedure, Books(tables=tables), period)
    second = run(procedure, Books(tables=tables), period)

    assert first == second
    for name, frame in tables.items():
        pd.testing.assert_frame_equal(frame, before[name])
