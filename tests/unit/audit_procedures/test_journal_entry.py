"""Journal-entry tests one by one: what each flags, what it needs, and when it only counts."""

from datetime import time

import pandas as pd
import pytest

from prisma_assets.domain.audit.books import Books
from prisma_assets.domain.audit.journal_entry import (
    JournalCriteria,
    journal_entry_tests,
    unusual_writers,
)


def run(tables, period, criteria=None):
    return journal_entry_tests(Books(tables=tables), period, criteria)


CHANGES = {
    "late_posting": {"effective_date": pd.Timestamp("2023-05-01"), "entered_date": pd.Timestamp("2023-06-01")},
    "entered_after_period": {"effective_date": pd.Timestamp("2023-12-29"), "entered_date": pd.Timestamp("2024-01-02")},
    "out_of_hours_entry": {"entered_time": "20:00:00"},
    "self_approved_entry": {"approved_by": " Anna ", "entered_by": "ANNA"},
    "missing_description": {"je_header_description": "  ", "je_line_description": pd.NA},
    "manual_sensitive_account": {"gl_account_number": "4000"},
}  # fmt: skip


@pytest.mark.parametrize("kind", CHANGES)
def test_flag_names_the_entry(clean_tables, period, kind):
    """Each flag finds the one manual entry that shows it, with its severity in the wording."""
    tables = clean_tables()
    ledger = tables["gl_detail"]
    for column, value in CHANGES[kind].items():
        ledger.loc[ledger["journal_id"] == "JM7", column] = value

    outcome = run(tables, period)

    assert [(f.kind, f.record_id) for f in outcome.findings] == [(kind, "JM7")]
    test = outcome.figures["tests"][kind]
    assert test == {
        "severity": test["severity"], "flagged": 1, "listed": True, "not_possible": "",
    }  # fmt: skip
    assert f"severity {test['severity']}" in outcome.findings[0].description


@pytest.mark.parametrize(
    ("entered", "is_flagged"),
    [("05:59:59", True), ("06:00:00", False), ("19:59:59", False), ("20:00:00", True), (pd.NA, False)],
)  # fmt: skip
def test_working_hours_end_at_their_edges(clean_tables, period, entered, is_flagged):
    """06:00 to 20:00 are working hours; a missing time is no time at night."""
    tables = clean_tables()
    ledger = tables["gl_detail"]
    ledger.loc[ledger["journal_id"] == "JM7", "entered_time"] = entered

    outcome = run(tables, period)

    assert [f.record_id for f in outcome.findings] == (["JM7"] if is_flagged else [])


def test_weekend_entry_is_out_of_hours(clean_tables, period):
    """Saturday and Sunday are no working days, whatever the hour."""
    tables = clean_tables()
    ledger = tables["gl_detail"]
    day = pd.Timestamp("2023-06-10")  # a Saturday
    ledger.loc[ledger["journal_id"] == "JM7", ["effective_date", "entered_date"]] = day

    outcome = run(tables, period)

    assert [(f.kind, f.record_id) for f in outcome.findings] == [("out_of_hours_entry", "JM7")]


def test_batch_postings_at_night_are_no_exceptions(clean_tables, period):
    """Interfaces run at night; only entries written by hand are asked for their hour."""
    tables = clean_tables()
    ledger = tables["gl_detail"]
    ledger.loc[ledger["source"] != "manual", "entered_time"] = "02:00:00"

    assert run(tables, period).findings == ()


@pytest.mark.parametrize("missing", ["source", "entered_by", "entered_date", "approved_by"])
def test_missing_column_makes_its_tests_impossible_and_leaves_the_others(
    clean_tables, period, missing
):
    """A ledger without users or sources is still tested for the rest, and the workpaper says what was not."""
    tables = clean_tables()
    tables["gl_detail"] = tables["gl_detail"].drop(columns=missing)

    outcome = run(tables, period)

    needed = {
        "source": {"round_sum_manual_entry", "manual_sensitive_account"},
        "entered_by": {"round_sum_manual_entry", "self_approved_entry"},
        "entered_date": {"late_posting", "entered_after_period", "out_of_hours_entry"},
        "approved_by": {"self_approved_entry"},
    }
    tests = outcome.figures["tests"]
    impossible = {kind for kind, test in tests.items() if test["not_possible"]}
    assert impossible == needed[missing]
    assert all(f"no column {missing}" in tests[kind]["not_possible"] for kind in impossible)
    assert "Not possible" in outcome.procedure.result


def test_unknown_source_words_are_named(clean_tables, period):
    """When no source is known to mean manual, the workpaper quotes the words so that a person can say which does."""
    tables = clean_tables()
    tables["gl_detail"]["source"] = tables["gl_detail"]["source"].replace("manual", "Z9")

    outcome = run(tables, period)
    told = run(tables, period, JournalCriteria(manual_sources=frozenset({"z9"})))

    assert "Z9" in outcome.figures["tests"]["round_sum_manual_entry"]["not_possible"]
    assert told.figures["manual_entries"] == 60


def test_a_flag_on_most_entries_is_counted_not_listed(clean_tables, period):
    """Where every manual entry is keyed late, lateness describes the client and sorts nothing out."""
    tables = clean_tables()
    ledger = tables["gl_detail"]
    ledger["entered_date"] = ledger["effective_date"] + pd.Timedelta(days=35)
    criteria = JournalCriteria(listed_minimum=10)

    outcome = run(tables, period, criteria)

    late = outcome.figures["tests"]["late_posting"]
    assert (late["flagged"], late["listed"]) == (60, False)
    assert "late_posting 60" in outcome.procedure.result
    assert not [f for f in outcome.findings if f.kind == "late_posting"]


@pytest.mark.parametrize(
    ("counts", "unusual"),
    [
        ({"a": 300, "b": 290, "c": 12}, {"c"}),
        ({"a": 100}, set()),
        ({"a": 30, "b": 25, "c": 20, "d": 15, "e": 10}, set()),  # a tenth is part of the job
        ({f"u{i}": 8 for i in range(12)}, set()),  # evenly shared: 8 % each, nobody is unusual
        ({"a": 50, "b": 50} | {f"x{i}": 1 for i in range(10)}, {f"x{i}" for i in range(10)}),
        ({}, set()),
    ],
)
def test_unusual_writers_write_few_of_many(counts, unusual):
    """Under a tenth of the entries and under a third of the typical writer's number."""
    writers = pd.DataFrame(
        {"user": list(counts), "entries": pd.Series(counts.values(), dtype="int64")}
    )

    flags = unusual_writers(writers, JournalCriteria())

    assert set(writers.loc[flags, "user"]) == unusual


@pytest.mark.parametrize(
    ("cents", "is_round"),
    [
        (1_000_000, True),
        (900_000, False),
        (1_050_000, False),
        (1_100_000, True),
        (1_000_001, False),
    ],
)
def test_round_sums_follow_the_firms_rule(clean_tables, period, cents, is_round):
    """10,000.00 or more and divisible by 1,000.00."""
    tables = clean_tables()
    ledger = tables["gl_detail"]
    planted = ledger[ledger["journal_id"] == "JM1"].assign(journal_id="JX", entered_by="chief")
    planted["amount_cents"] = [cents, -cents]
    tables["gl_detail"] = pd.concat([ledger, planted], ignore_index=True)

    outcome = run(tables, period)

    assert [f.record_id for f in outcome.findings] == (["JX"] if is_round else [])


def test_criteria_can_be_set(clean_tables, period):
    """Another client, other hours: the criteria come from the team."""
    criteria = JournalCriteria(day_start=time(11))

    outcome = run(clean_tables(), period, criteria)

    assert outcome.figures["tests"]["out_of_hours_entry"]["flagged"] == 60  # all keyed at 10:15
