"""Foreign column names: matched, mapped, or refused with what the file does have."""

import pytest

from prisma_assets.domain.audit.table import TABLES
from prisma_assets.domain.errors import InputError
from prisma_assets.engagement.facts import column_names
from prisma_assets.engagement.mapping import OTHER_NAMES, map_columns, plain_name


def columns_of(table: str, names: list[str], **mapped: str) -> dict[str, str]:
    return dict(map_columns(TABLES[table], names, mapped, file="file.csv").columns)


def test_audit_data_standards_names_need_no_mapping() -> None:
    names = ["Journal_ID", "Effective_Date", "GL_Account_Number", "Amount", "Entered_By", "Business_Unit_Code"]  # fmt: skip

    assert columns_of("gl_detail", names) == {
        "journal_id": "Journal_ID", "effective_date": "Effective_Date", "gl_account_number": "GL_Account_Number",
        "amount": "Amount", "entered_by": "Entered_By",
    }  # fmt: skip


def test_names_that_others_give_are_recognised() -> None:
    found = columns_of("supplier_listing", ["VendorNumber", "vendor name"])

    assert found == {"supplier_account_id": "VendorNumber", "supplier_account_name": "vendor name"}


def test_mapped_name_may_differ_in_case_and_spacing() -> None:
    assert columns_of("supplier_listing", ["Krediteur Nr"], supplier_account_id="krediteur_nr") == {
        "supplier_account_id": "Krediteur Nr"
    }


def test_one_column_may_serve_twice() -> None:
    """A timestamp is both the day and the time an entry was keyed."""
    found = columns_of(
        "gl_detail", ["Journal ID", "Effective Date", "Account", "Amount", "Created At"],
        entered_date="Created At", entered_time="Created At",
    )  # fmt: skip

    assert found["entered_date"] == found["entered_time"] == "Created At"


def test_standard_name_wins_over_other_names() -> None:
    found = columns_of("supplier_listing", ["Vendor ID", "Supplier_Account_ID"])

    assert found["supplier_account_id"] == "Supplier_Account_ID"


def test_two_candidates_for_a_required_column_are_not_guessed() -> None:
    with pytest.raises(InputError, match=r"'Vendor ID', 'Supplier ID' could each be|'Supplier ID', 'Vendor ID' could each be"):  # fmt: skip
        columns_of("supplier_listing", ["Vendor ID", "Supplier ID"])


def test_two_candidates_for_an_optional_column_take_the_first_known() -> None:
    names = ["Journal ID", "Effective Date", "Account", "Amount", "Memo", "Description"]

    assert columns_of("gl_detail", names)["je_line_description"] == "Description"


def test_missing_required_column_names_the_closest() -> None:
    with pytest.raises(InputError) as caught:
        columns_of("payments_made", ["Date of payment", "Supplier Code", "Payment Amt"])

    assert str(caught.value) == (
        "file.csv: no column is payment_date, which table payments_made needs; name it in engagement.yaml as "
        "tables.payments_made.columns: {payment_date: <column of the file>}; the closest are 'Payment Amt', 'Date of payment', "
        "of 3: 'Date of payment', 'Supplier Code', 'Payment Amt'"
    )


def test_missing_ledger_amount_names_the_other_form() -> None:
    with pytest.raises(InputError, match="or map debit and credit"):
        columns_of("gl_detail", ["Journal ID", "Effective Date", "Account", "Debit"])


def test_mapped_column_that_is_not_there_names_the_closest() -> None:
    with pytest.raises(InputError) as caught:
        columns_of("supplier_listing", ["Vendor Num", "Name"], supplier_account_id="VendorNumb")

    assert str(caught.value) == (
        "file.csv: has no column 'VendorNumb', which tables.supplier_listing.columns of engagement.yaml gives for "
        "supplier_account_id; the closest are 'Vendor Num', of 2: 'Vendor Num', 'Name'"
    )


def test_other_names_belong_to_standard_columns_and_to_one_per_table() -> None:
    """A name that could be two columns of one table would be matched by chance."""
    for table in TABLES.values():
        known = column_names(table)
        others = [name for column in known for name in OTHER_NAMES.get(column, ())]
        assert len(others) == len(set(others)), table.name
    all_columns = {column for table in TABLES.values() for column in column_names(table)}
    assert OTHER_NAMES.keys() <= all_columns
    assert all(plain_name(n) == n for names in OTHER_NAMES.values() for n in names)
