"""The fourteen steps on a trader's books: what clean books, errors and missing data lead to."""

import pandas as pd
import pytest

from prisma_assets.domain.audit.opinion import KEY_PROCEDURES


def test_clean_books_lead_to_an_unmodified_opinion(clean_audit):
    """Every key procedure on file and nothing found: the draft is unmodified and nothing stands against release."""
    results = clean_audit

    assert results["a12"].outputs["opinion"] == "UNMODIFIED"
    assert results["a08"].outputs["conclusion"] == "acceptable"
    assert results["a11"].outputs["uncorrected_total_cents"] == 0
    assert results["a11"].outputs["going_concern"] == "STABLE"
    assert results["a14"].outputs["release_obstacles"] == []


def test_every_step_names_every_procedure_and_concludes(clean_audit):
    """A reviewer finds an objective, procedures with a status, a conclusion, standards and evidence in each workpaper."""
    for step_id, result in clean_audit.items():
        paper = result.workpaper
        assert paper.step_id == step_id
        assert all((paper.objective, paper.conclusion, paper.references, paper.sources))
        assert paper.procedures
        assert all(p.reason for p in paper.procedures if p.status == "not performed")
        assert all(p.result for p in paper.procedures if p.status == "performed")


def test_the_same_books_give_the_same_seal(run_audit, clean_audit):
    """Nothing in the audit depends on clock, chance or the order of sets."""
    again = run_audit()["a14"].outputs["archive_manifest_sha256"]

    assert again == clean_audit["a14"].outputs["archive_manifest_sha256"]


@pytest.fixture
def wrong_tables(tables):
    """Two payments made twice, an invoice without goods, one shipped after the period's end."""
    paid = tables["payments_made"]
    again = paid.iloc[[3, 9]].assign(payment_id=["P900", "P901"])
    tables["payments_made"] = pd.concat([paid, again], ignore_index=True)
    shipped = tables["shipments_made"].drop(index=10)
    shipped.loc[shipped["invoice_id"] == "INV059", "shipment_date"] = pd.Timestamp("2026-01-09")
    tables["shipments_made"] = shipped.reset_index(drop=True)
    return tables


def _paid_again(tables) -> int:
    return int(tables["payments_made"]["payment_amount_cents"].iloc[-2:].sum())


def _invoiced(tables, *records: str) -> int:
    invoices = tables["invoices_generated"].set_index("invoice_id")["invoice_amount_cents"]
    return int(invoices[list(records)].sum())


def test_errors_are_summed_once_and_qualify_the_opinion(run_audit, wrong_tables):
    """Factual misstatements add up exactly; above materiality the draft is qualified and asks whether it is pervasive."""
    expected = _paid_again(wrong_tables) + _invoiced(wrong_tables, "INV010", "INV059")

    results = run_audit(wrong_tables)

    assert results["a11"].outputs["uncorrected_total_cents"] == expected
    assert results["a11"].outputs["uncorrected_exceeds_performance_materiality"] is True
    assert results["a12"].outputs["opinion"] == "QUALIFIED"
    assert "pervasive" in results["a12"].outputs["needs_judgement"][0]


def test_corrected_misstatements_no_longer_count(run_audit, wrong_tables, facts):
    """The client corrects one kind and one record: only the rest remains."""
    completion = facts().completion.model_dump() | {"corrected": ["duplicate_payment", "INV059"]}

    results = run_audit(wrong_tables, facts(completion=completion), only=("a08", "a11"))

    remaining = results["a11"].outputs["uncorrected_total_cents"]
    assert remaining == _invoiced(wrong_tables, "INV010")
    table = next(
        e for e in results["a11"].workpaper.evidence if e.title == "Summary of misstatements"
    )
    assert len(table.rows) == 4  # three kinds and the sum, the corrected ones still shown


def test_a_pervasive_misstatement_is_only_ever_a_persons_word(run_audit, wrong_tables, facts):
    """The same amounts are adverse once people recorded that they are pervasive."""
    completion = facts().completion.model_dump() | {"misstatement_is_pervasive": True}

    results = run_audit(wrong_tables, facts(completion=completion), only=("a08", "a11", "a12"))

    assert results["a12"].outputs["opinion"] == "ADVERSE"


def test_an_invoice_found_twice_is_one_misstatement(run_audit, wrong_tables, facts):
    """An invoice without goods that is also wrong in the sample is counted where it was found and not projected."""
    wrong_tables["shipments_made"] = wrong_tables["shipments_made"].query("invoice_id != 'INV050'")
    results = [r.model_dump() for r in facts().sample_results]
    for row in results:
        if row["record_id"] == "INV050":
            row["audited_amount"] = "0"

    audit = run_audit(wrong_tables, facts(sample_results=results), only=("a08",))
    outcome = audit["a08"].outputs

    assert [m["kind"] for m in outcome["misstatements"] if m["nature"] == "projected"] == []
    total = _paid_again(wrong_tables) + _invoiced(wrong_tables, "INV010", "INV050", "INV059")
    assert outcome["uncorrected_cents"] == total


def test_a_misstatement_found_only_in_the_sample_is_projected(run_audit, facts):
    """What only the sample shows stands for the population."""
    results = [r.model_dump() for r in facts().sample_results]
    results[0]["audited_amount"] = "0"  # the first unpaid invoice is not owed

    audit = run_audit(engagement=facts(sample_results=results), only=("a08",))

    (row,) = audit["a08"].outputs["misstatements"]
    assert (row["kind"], row["nature"]) == ("projected_receivables", "projected")
    assert row["total_cents"] > 0


def test_without_books_there_is_a_disclaimer_and_no_figure(run_audit, facts):
    """No table at all: nothing is summed to zero, and the draft disclaims."""
    bare = facts(independence=None, acceptance=None, completion=None, sample_results=[])

    results = run_audit({}, bare)

    assert results["a12"].outputs["opinion"] == "DISCLAIMER"
    assert results["a11"].outputs["uncorrected_total_cents"] is None
    assert results["a11"].outputs["uncorrected_exceeds_performance_materiality"] is True
    assert results["a11"].outputs["going_concern"] is None
    assert results["a05"].outputs["overall_materiality_cents"] is None
    for step_id in ("a01", "a02", "a03", "a05", "a07", "a08", "a10", "a11"):
        assert results[step_id].workpaper.conclusion.startswith("Not performed, because"), step_id


@pytest.mark.parametrize(
    ("missing", "step", "gap"),
    [
        ("gl_detail", "a07", "journal entries were tested"),
        ("shipments_made", "a08", "revenue was tested"),
        ("open_accounts_receivable", "a08", "receivables were sampled"),
        ("payments_made", "a08", "payments were tested"),
        ("financial_statements", "a10", "the statements were agreed"),
    ],
)
def test_a_missing_table_is_a_gap_and_never_a_clean_opinion(run_audit, tables, missing, step, gap):
    """Evidence that could not be obtained limits the scope: the draft is qualified and names the gap."""
    del tables[missing]

    results = run_audit(tables, only=("a03", step, "a12"))

    assert results["a03"].outputs["pbc_complete"] is False
    assert results["a12"].outputs["opinion"] == "QUALIFIED"
    assert any(gap in text for text in results["a12"].outputs["evidence_gaps"])


def test_a_sample_without_results_is_no_evidence(run_audit, facts):
    """Items were selected and nobody has looked at them yet: further procedures, and no clean opinion."""
    results = run_audit(engagement=facts(sample_results=[]), only=("a08", "a12"))

    assert results["a08"].outputs["conclusion"] == "further_procedures_required"
    assert results["a12"].outputs["opinion"] == "QUALIFIED"


def test_key_procedures_are_all_reported_by_their_steps(run_audit, clean_audit, facts):
    """A key procedure that no step reports would be a gap for ever."""
    group = facts(
        client={"id": "C-1", "name": "Trader Ltd", "is_group": True},
        components=[
            {"name": "North", "revenue": "400000", "instruction_acknowledged": True, "conclusion": "clean"}
        ],
    )  # fmt: skip

    results = clean_audit | run_audit(engagement=group, only=("a02", "a09", "a12"))

    for procedure in KEY_PROCEDURES:
        state = results[procedure.step_id].outputs["key_procedures"][procedure.key]
        assert state["is_performed"], procedure.key
    assert results["a12"].outputs["opinion"] == "UNMODIFIED"


def test_doubt_about_going_concern_asks_the_partner(run_audit, tables):
    """Two signs raise doubt; the draft stays unmodified and the partner is asked."""
    lines = tables["financial_statements"].set_index("line_id")
    lines.loc["currentliabilities", "amount_cents"] = 10 * int(lines.loc["assets", "amount_cents"])
    lines.loc["operatingcashflow", "amount_cents"] = -1
    tables["financial_statements"] = lines.reset_index()

    results = run_audit(tables, only=("a11", "a12"))

    assert results["a11"].outputs["going_concern"] == "SIGNIFICANT_DOUBT"
    assert any("material uncertainty" in q for q in results["a12"].outputs["needs_judgement"])


def test_a_statement_line_changed_by_hand_is_one_misstatement(run_audit, tables):
    """A wrong line disagrees with its account and no longer foots; both are the same error."""
    lines = tables["financial_statements"]
    lines.loc[lines["line_id"] == "wages", "amount_cents"] += 5_000_00

    outputs = run_audit(tables, only=("a10",))["a10"].outputs

    (row,) = outputs["misstatements"]
    assert (row["kind"], row["items"], row["total_cents"]) == ("statement_difference", 1, 5_000_00)


def test_unbalanced_entries_are_counted_where_they_are_found(run_audit, tables):
    """An entry out of balance is one misstatement, although the trial balance no longer balances either."""
    ledger = tables["gl_detail"]
    row = ledger.index[(ledger["journal_id"] == "JW00") & (ledger["gl_account_number"] == "6000")][
        0
    ]
    ledger.loc[row, "amount_cents"] += 700_00
    accounts = tables["trial_balance"]
    accounts.loc[accounts["gl_account_number"] == "6000", "amount_ending_cents"] += 700_00

    results = run_audit(tables, only=("a03",))

    assert results["a03"].outputs["tb_balanced"] is False
    assert results["a03"].outputs["misstatements"] == [
        {"kind": "unbalanced_entry", "nature": "factual", "items": 1, "total_cents": 700_00, "corrected_cents": 0}
    ]  # fmt: skip
    assert "unbalanced_entry" in {f.kind for f in results["a03"].workpaper.findings}
