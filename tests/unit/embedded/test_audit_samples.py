"""Step a08 in its further turns: samples extended, other evidence looked for, and what is left to people."""

import pandas as pd

from prisma_assets.domain.audit.books import Books
from prisma_assets.domain.audit.sampling import SamplePlan, sample_receivables
from tests.unit.embedded.again import procedure, run_again, stored

OPEN = pd.DataFrame(
    {
        "invoice_id": [f"OPEN{n:04d}" for n in range(800)],
        "customer_account_id": "C1",
        "open_amount_cents": [1_000_00 + n * 1_31 for n in range(800)],
    }
)
"""800 open invoices of some 1,200,000.00 in all: enough for a sample to be a sample."""
TOLERABLE = 60_000_00
PLAN = {
    "a05": {
        "performance_materiality_cents": TOLERABLE,
        "sampling": {"confidence_pct": 95, "expected_misstatement_pct": "0", "seed": 1},
    }
}


def drawn(splits):
    """Invoices the plan draws when every interval is cut into so many parts."""
    plan = SamplePlan(tolerable_cents=TOLERABLE, confidence_pct=95, seed=1, splits=splits)
    return sample_receivables(Books(tables={"open_accounts_receivable": OPEN}), plan).figures[
        "selected"
    ]


def audited(records, wrong):
    """What evidence showed: the book amount, or nothing for the wrong ones."""
    book = OPEN.set_index("invoice_id")["open_amount_cents"]
    return [
        {"record_id": r, "audited_amount": "0" if r in wrong else f"{int(book[r]) / 100:.2f}"} for r in records
    ]  # fmt: skip


def test_an_undecided_sample_is_doubled_and_keeps_what_it_drew(facts, tables):
    """One item of 60 is worth nothing: 95 % bound 4.74 intervals of 20,000 > 60,000; among 120, 4.74 of 10,000 decide."""
    tables["open_accounts_receivable"] = OPEN
    tables["shipments_made"] = tables["shipments_made"].iloc[:0]
    first_items, more_items = drawn(1), drawn(2)
    known = facts(sample_results=audited(more_items, {first_items[0]}))

    first = run_again("a08", tables, known, steps=PLAN)
    second = run_again("a08", tables, known, steps=PLAN, turn=2, previous=stored(first))

    assert set(first_items) < set(more_items)
    was, now = (r.outputs["samples"]["receivables"] for r in (first, second))
    assert (was["splits"], was["conclusion"]) == (1, "further procedures required")
    assert first.outputs["can_extend"]
    assert (now["splits"], now["conclusion"]) == (2, "acceptable")
    assert now["items"] > was["items"]


def test_an_extension_nobody_has_examined_is_listed_and_the_first_result_stands(facts, tables):
    tables["open_accounts_receivable"] = OPEN
    first_items = drawn(1)
    known = facts(sample_results=audited(first_items, {first_items[0]}))

    first = run_again("a08", tables, known, steps=PLAN)
    second = run_again("a08", tables, known, steps=PLAN, turn=2, previous=stored(first))

    assert second.outputs["samples"]["receivables"]["splits"] == 1
    assert set(second.outputs["to_examine"]["receivables"]) == set(drawn(2)) - set(first_items)
    assert second.outputs["can_extend"] is False


def test_missing_answers_are_looked_for_elsewhere_before_people_are_asked(facts):
    """Nobody answered a confirmation: the shipments support all 20 open invoices (ISA 505 paragraph 12)."""
    bare = facts(sample_results=[])
    first = run_again("a08", engagement=bare)
    assert first.outputs["conclusion"] == "further_procedures_required"
    assert first.outputs["can_extend"]

    second = run_again("a08", engagement=bare, turn=2, previous=stored(first))

    assert second.outputs["conclusion"] == "acceptable"
    assert second.outputs["key_procedures"]["receivables"]["is_performed"]
    vouched = procedure(second, "Alternative procedures for receivables without an answer")
    assert "0 items still to be examined" in vouched.result


def test_what_no_other_evidence_supports_is_left_to_people(facts, tables):
    """Without shipments nothing in the books supports the invoices: the loop ends and says what is missing."""
    del tables["shipments_made"]
    bare = facts(sample_results=[])
    first = run_again("a08", tables, bare)

    second = run_again("a08", tables, bare, turn=2, previous=stored(first))

    assert second.outputs["conclusion"] == "further_procedures_required"
    assert second.outputs["can_extend"] is False


def test_a_later_payment_is_evidence(facts, tables):
    """An invoice paid in January was owed in December (ISA 505 A18)."""
    shipments = tables["shipments_made"]
    tables["shipments_made"] = shipments[shipments["invoice_id"] != "INV045"]
    received = tables["payments_received"]
    late = received.iloc[[0]].assign(
        payment_id="RX", invoice_id="INV045", payment_date=received["payment_date"].max().replace(year=2026),
        payment_amount_cents=tables["open_accounts_receivable"].set_index("invoice_id").loc["INV045", "open_amount_cents"],
    )  # fmt: skip
    tables["payments_received"] = late
    bare = facts(sample_results=[])
    first = run_again("a08", tables, bare)

    second = run_again("a08", tables, bare, turn=2, previous=stored(first))

    evidence = next(e for e in second.workpaper.evidence if e.title.startswith("Alternative"))
    assert ("INV045", "paid in full after the period") in evidence.rows
