"""Each misstatement once, with and without correction, against performance materiality."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from prisma_assets.domain.audit.misstatement import (
    KindTotal,
    corrected_since,
    factual,
    from_json,
    is_clearly_trivial,
    judge,
    projected,
    statement_differences,
    to_json,
    totals,
    uncorrected_cents,
)
from prisma_assets.domain.audit.workpaper import Finding


def _finding(
    kind: str, record: str, cents: int | None, table: str = "invoices_generated", words: str = "x"
) -> Finding:
    return Finding(kind=kind, table=table, record_id=record, amount_cents=cents, description=words, procedure="p")  # fmt: skip


def _total(cents: int, corrected: int = 0) -> KindTotal:
    return KindTotal(kind="k", nature="factual", items=1, total_cents=cents, corrected_cents=corrected)  # fmt: skip


def test_a_document_named_by_two_procedures_is_one_misstatement():
    """The same invoice without goods and in the wrong period, once under its number among receivables."""
    found = factual(
        [
            _finding("unshipped_invoice", "I1", 100),
            _finding("cut_off_error", "I1", 120, "open_accounts_receivable"),
        ],
        (),
    )

    (one,) = found
    assert (one.kind, one.cents) == ("cut_off_error", 120)


def test_documents_of_different_kinds_may_share_a_number():
    """Invoice 7 and payment 7 are two documents."""
    found = factual(
        [_finding("unshipped_invoice", "7", 100), _finding("duplicate_payment", "7", 50, "payments_made")], ()
    )  # fmt: skip

    assert sorted(m.cents for m in found) == [50, 100]


def test_understatements_are_not_set_off():
    """Plus and minus 100 misstate the accounts by 200."""
    rows = totals(factual([_finding("unbalanced_entry", "1", 100, "gl_detail"), _finding("unbalanced_entry", "2", -100, "gl_detail")], ()))  # fmt: skip

    assert uncorrected_cents(rows) == 200


def test_what_is_no_misstatement_is_passed_over():
    """An unusual entry or a customer over the limit misstates nothing by itself; an unknown amount cannot be summed."""
    findings = [
        _finding("over_limit_customer", "C1", 100),
        _finding("round_sum_manual_entry", "J1", 100),
        _finding("cut_off_error", "I1", None),
    ]

    assert factual(findings, ()) == ()


@pytest.mark.parametrize("corrected", [("cut_off_error",), ("I1",)])
def test_corrected_misstatements_stay_visible_but_do_not_remain(corrected):
    """Corrected by kind or by record."""
    (row,) = totals(factual([_finding("cut_off_error", "I1", 100)], corrected))

    assert (row.total_cents, row.uncorrected_cents) == (100, 0)


def test_one_wrong_line_of_the_statements_is_one_misstatement():
    """The line, its total and the cross-check differ by the same amount; last year's comparatives do not count."""
    table = "financial_statements"
    found = statement_differences(
        [
            _finding("statement_tb_difference", "wages", 500, table),
            _finding("footing_error", "profit", -500, table),
            _finding("statement_cross_check", "profit", 500, table),
            _finding("footing_error", "assets", 70, table, "Total assets (prior year) ..."),
            _finding("rounding_difference", "assets", 1, table),
        ],
        None,
        (),
    )

    assert [(m.record_id, m.cents) for m in found] == [("wages", 500)]


def test_an_imbalance_counted_at_its_cause_is_not_counted_in_the_statements():
    """The trial balance is out by 500 because of an entry that is already summed."""
    table = "financial_statements"

    assert statement_differences([_finding("statement_cross_check", "assets", 500, table)], -500, ()) == ()  # fmt: skip


@pytest.mark.parametrize(
    ("cents", "expected"),
    [(0, "acceptable"), (49, "acceptable"), (50, "further_procedures_required"),
     (99, "further_procedures_required"), (100, "material")],
)  # fmt: skip
def test_the_judgement_turns_at_half_and_at_all_of_performance_materiality(cents, expected):
    """Performance materiality 100."""
    assert judge([_total(cents)], 100) == expected


def test_without_materiality_nothing_is_judged():
    """Not zero: not evaluated."""
    assert judge([_total(0)], None) == "not_evaluated"


def test_trivial_means_trivial_taken_together():
    """Many small errors are not clearly trivial."""
    assert is_clearly_trivial([_total(40), _total(50, corrected=20)], 100)
    assert not is_clearly_trivial([_total(60), _total(60)], 100)
    assert not is_clearly_trivial([_total(1)], None)


@given(
    st.lists(st.tuples(st.sampled_from("abc"), st.integers(1, 10**12), st.booleans()), max_size=30)
)
def test_totals_lose_nothing_on_their_way_through_json(items):
    """What is handed from step to step adds up to what was found."""
    found = [
        projected(kind, cents, (kind,) if corrected else ()) for kind, cents, corrected in items
    ]

    rows = from_json(to_json(totals(found)))

    assert uncorrected_cents(rows) == sum(m.cents for m in found if not m.is_corrected)
    assert sum(r.items for r in rows) == len(found)


@pytest.mark.parametrize(
    ("corrected", "remains"),
    [(("cut_off_error",), 0), (("I1",), 300), (("I9",), 1000), ((), 1000)],
    ids=["the kind", "one record", "a record not handed on", "nothing"],
)
def test_corrections_after_the_count_are_taken_off(corrected, remains):
    """The client corrects at the end what was counted weeks before."""
    rows = (
        KindTotal(
            kind="cut_off_error", nature="factual", items=2, total_cents=1000, corrected_cents=0
        ),
    )
    items = [{"kind": "cut_off_error", "record_id": "I1", "amount_cents": 700}]

    now = corrected_since(rows, items, corrected)

    assert uncorrected_cents(now) == remains
