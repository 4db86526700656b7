"""Documents that belong together: the cases that are easily judged wrongly."""

import pandas as pd
import pytest

from prisma_assets.domain.audit import cut_off, matching
from prisma_assets.domain.audit.books import Books


def kinds(outcome):
    return sorted((f.kind, f.record_id) for f in outcome.findings)


def paid(*rows):
    """Payments from (day, supplier, invoice number, cents)."""
    columns = ["payment_date", "supplier_account_id", "invoice_number", "payment_amount_cents"]
    frame = pd.DataFrame(rows, columns=columns)
    frame["payment_date"] = pd.to_datetime(frame["payment_date"]).astype("datetime64[ns]")
    texts = ["supplier_account_id", "invoice_number"]
    frame[texts] = frame[texts].astype(pd.StringDtype())
    frame["payment_id"] = [f"P{i}" for i in range(1, len(frame) + 1)]
    return Books(tables={"payments_made": frame})


DUPLICATES = {
    "same invoice": ([("2023-01-05", "S1", "A-17", 100), ("2023-02-05", "S1", "a17", 100)], ["P2"]),
    "later one stands first in the file": (
        [("2023-02-05", "S1", "A-17", 100), ("2023-01-05", "S1", "A-17", 100)], ["P1"]),
    "three times": ([("2023-01-05", "S1", "A-17", 100)] * 3, ["P2", "P3"]),
    "refunded": (
        [("2023-01-05", "S1", "A-17", 100), ("2023-01-06", "S1", "A-17", 100), ("2023-01-09", "S1", "A-17", -100)],
        []),
    "reversed and paid again": (
        [("2023-01-05", "S1", "A-17", 100), ("2023-01-06", "S1", "A-17", -100), ("2023-01-09", "S1", "A-17", 100)],
        []),
    "refunded under another number": (
        [("2023-01-05", "S1", "A-17", 100), ("2023-01-06", "S1", "A-17", 100), ("2023-01-09", "S1", "CR-5", -100)],
        []),
    "refunded without a number": (
        [("2023-01-05", "S1", "A-17", 100), ("2023-01-06", "S1", "A-17", 100), ("2023-01-09", "S1", None, -100)],
        []),
    "refund of another number before the second payment": (
        [("2023-01-05", "S1", "A-17", 100), ("2023-01-06", "S1", "CR-5", -100), ("2023-01-09", "S1", "A-17", 100)],
        ["P3"]),
    "three times, one refunded": (
        [("2023-01-05", "S1", "A-17", 100)] * 3 + [("2023-01-09", "S1", "A-17", -100)], ["P3"]),
    "other amount": ([("2023-01-05", "S1", "A-17", 100), ("2023-02-05", "S1", "A-17", 101)], []),
    "other invoice, same amount": ([("2023-01-05", "S1", "A-17", 100), ("2023-02-05", "S1", "A-18", 100)], []),
    "short number at another supplier": ([("2023-01-05", "S1", "A-17", 100), ("2023-02-05", "S2", "A-17", 100)], []),
    "payments of nothing": ([("2023-01-05", "S1", "A-17", 0)] * 2, []),
    "standing payment": ([(f"2023-{m:02}-01", "S1", "RENT1", 100) for m in range(1, 11)], []),
    "reference of many amounts": (
        [("2023-01-05", "S1", "2.11012E+13", n) for n in (100, 200, 300, 400)] + [("2023-02-05", "S1", "2.11012E+13", 100)],
        []),
}  # fmt: skip


POSSIBLE = {
    "letter O for zero": ([("2023-01-05", "S1", "10O7", 100), ("2023-02-05", "S1", "1007", 100)], ["P2"]),
    "letter I for one": ([("2023-01-05", "S1", "A5I7", 100), ("2023-02-05", "S1", "A517", 100)], ["P2"]),
    "other supplier": ([("2023-01-05", "S1", "RE-20071", 100), ("2023-02-05", "S2", "RE-20071", 100)], ["P2"]),
    "no number, same day": ([("2023-01-05", "S1", None, 100), ("2023-01-05", "S1", None, 100)], ["P2"]),
    "no number, another day": ([("2023-01-05", "S1", None, 100), ("2023-01-06", "S1", None, 100)], []),
    "a word, same day": ([("2023-01-05", "S1", "RENT", 100), ("2023-01-05", "S1", "RENT", 100)], ["P2"]),
}  # fmt: skip


@pytest.fixture(scope="module")
def judged():
    """All cases in one table, each with suppliers of its own: what is found, by case."""
    cases = DUPLICATES | POSSIBLE
    tables = []
    for case, (rows, _) in cases.items():
        table = paid(*rows).tables["payments_made"]
        table["supplier_account_id"] = case + ":" + table["supplier_account_id"]
        tables.append(table.assign(payment_id=case + ":" + table["payment_id"]))
    table = pd.concat(tables, ignore_index=True)
    outcome = matching.duplicate_payments(Books(tables={"payments_made": table}))
    found = {case: [] for case in cases}
    for kind, record in kinds(outcome):
        case, payment = record.split(":")
        found[case].append((kind, payment))
    return found


@pytest.mark.parametrize("case", DUPLICATES)
def test_duplicate_payments_are_told_from_their_doubles(judged, case):
    """A payment is a duplicate only when the same invoice stays paid twice."""
    assert judged[case] == [("duplicate_payment", record) for record in DUPLICATES[case][1]]


@pytest.mark.parametrize("case", POSSIBLE)
def test_weaker_matches_are_only_possible_duplicates(judged, case):
    """What could be chance is graded apart, so that a reviewer starts with what is certain."""
    assert judged[case] == [("possible_duplicate_payment", record) for record in POSSIBLE[case][1]]


def test_without_invoice_numbers_the_limitation_is_said():
    """Without the column only supplier, amount and day can be compared, and row numbers name the payments."""
    books = paid(("2023-01-05", "S1", "", 100), ("2023-01-05", "S1", "", 100))
    table = books.tables["payments_made"].drop(columns=["invoice_number", "payment_id"])

    outcome = matching.duplicate_payments(Books(tables={"payments_made": table}))

    assert kinds(outcome) == [("possible_duplicate_payment", "2")]
    assert "2 payments carry no number that identifies one invoice" in outcome.procedure.result


def test_equal_payments_of_a_day_are_counted_where_they_are_the_rule():
    """A client that pays many equal sums a day is not accused of as many duplicates."""
    rows = [("2023-01-05", f"S{i % 40}", None, 100) for i in range(120)]

    outcome = matching.duplicate_payments(paid(*rows))

    assert outcome.findings == ()
    assert "80 found, too common" in outcome.procedure.result


def test_shipments_known_by_order_serve_when_they_name_no_invoice(clean_tables, period):
    """Where the shipping file holds order numbers only, the order is the link."""
    tables = clean_tables()
    tables["shipments_made"] = tables["shipments_made"].drop(columns="invoice_id").iloc[1:]

    outcome = matching.unshipped_invoices(Books(tables=tables), period)

    assert kinds(outcome) == [("unshipped_invoice", "INV1000")]


def test_another_invoices_shipment_on_the_same_order_is_no_evidence(clean_tables, period):
    """Two invoices of one order, one shipment for the first: the second is not shipped."""
    tables = clean_tables()
    invoices = tables["invoices_generated"]
    second = invoices.head(1).assign(invoice_id="INV9")
    tables["invoices_generated"] = pd.concat([invoices, second], ignore_index=True)

    outcome = matching.unshipped_invoices(Books(tables=tables), period)

    assert kinds(outcome) == [("unshipped_invoice", "INV9")]


def test_credit_notes_and_other_periods_are_not_asked_for_shipments(clean_tables, period):
    """A credit note ships nothing, and next year's invoices are next year's audit."""
    tables = clean_tables()
    invoices = tables["invoices_generated"]
    credit = invoices.head(1).assign(invoice_id="CN1", invoice_amount_cents=-500)
    later = invoices.head(1).assign(invoice_id="INV9", invoice_date=pd.Timestamp("2024-01-03"))
    tables["invoices_generated"] = pd.concat([invoices, credit, later], ignore_index=True)

    assert matching.unshipped_invoices(Books(tables=tables), period).findings == ()


def test_invoices_without_any_link_are_counted_as_untraceable(clean_tables, period):
    """An invoice without an order number cannot be looked up in a file of order numbers."""
    tables = clean_tables()
    tables["shipments_made"] = tables["shipments_made"].drop(columns="invoice_id")
    tables["invoices_generated"].loc[3, "sales_order_id"] = pd.NA

    outcome = matching.unshipped_invoices(Books(tables=tables), period)

    assert outcome.findings == ()
    assert "1 invoice could not be traced" in outcome.procedure.result


def test_files_without_a_common_key_cannot_be_matched(clean_tables, period):
    """Then neither shipments nor cut-off are tested, and the reason is given."""
    tables = clean_tables()
    tables["shipments_made"] = tables["shipments_made"].drop(
        columns=["invoice_id", "sales_order_id"]
    )

    for procedure in (matching.unshipped_invoices, cut_off.sales_cut_off):
        assert procedure(Books(tables=tables), period).procedure.status == "not performed"


def test_goods_in_parts_count_when_the_last_part_left(clean_tables, period):
    """An invoice is earned when it is fully shipped."""
    tables = clean_tables()
    shipments = tables["shipments_made"]
    rest = shipments.head(1).assign(shipment_id="SHX", shipment_date=pd.Timestamp("2024-01-04"))
    tables["shipments_made"] = pd.concat([shipments, rest], ignore_index=True)

    outcome = cut_off.sales_cut_off(Books(tables=tables), period)

    assert kinds(outcome) == [("cut_off_error", "INV1000")]


@pytest.mark.parametrize(
    ("hour", "is_error"), [("2023-12-31 17:00", False), ("2024-01-01 00:00", True)]
)
def test_the_last_day_of_the_period_belongs_to_it(clean_tables, period, hour, is_error):
    """A shipment in the afternoon of the last day is still of the period."""
    tables = clean_tables()
    tables["shipments_made"].loc[0, "shipment_date"] = pd.Timestamp(hour)

    outcome = cut_off.sales_cut_off(Books(tables=tables), period)

    assert bool(outcome.findings) is is_error


def test_parties_outside_the_master_data_are_named_once(clean_tables):
    """A customer or supplier nobody set up is a finding however often it occurs."""
    tables = clean_tables()
    tables["payments_made"].loc[[1, 2], "supplier_account_id"] = "GHOST"
    tables["customer_master"] = tables["customer_master"].iloc[1:]

    outcome = matching.unknown_parties(Books(tables=tables))

    assert kinds(outcome) == [("unknown_customer", "C1")] * 3 + [("unknown_supplier", "GHOST")]
    assert {f.table for f in outcome.findings} == {
        "invoices_generated", "sales_orders", "payments_received", "payments_made",
    }  # fmt: skip


def test_invoices_without_order_are_found(clean_tables):
    """Both an unknown and a missing order number mean that nobody ordered."""
    tables = clean_tables()
    invoices = tables["invoices_generated"]
    invoices.loc[0, "sales_order_id"] = "SO-UNKNOWN"
    invoices.loc[1, "sales_order_id"] = pd.NA

    outcome = matching.invoices_without_order(Books(tables=tables))

    assert [f.record_id for f in outcome.findings] == ["INV1000", "INV1001"]
    assert "(none)" in outcome.findings[1].description
