"""CSV, Parquet and XLSX files as programs write them, and the ones that cannot be read."""

from datetime import date, datetime
from decimal import Decimal
from io import BytesIO

import openpyxl
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from prisma_assets.domain.errors import InputError
from prisma_assets.engagement.folder import read_engagement

PLAIN = "supplier_account_id,supplier_account_name\nV1,Müller\nV2,Beta\n"


def suppliers(folder) -> list[str]:
    return folder.books.tables["supplier_listing"]["supplier_account_name"].tolist()


@pytest.mark.parametrize("delimiter", [",", ";", "\t", "|"])
def test_delimiter_is_found(read_csv, delimiter: str) -> None:
    text = PLAIN.replace(",", delimiter).replace("Beta", '"Be,t;a"')

    assert suppliers(read_csv("supplier_listing", text)) == ["Müller", "Be,t;a"]


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16"])
def test_encoding_is_found_from_the_bytes(read_csv, encoding: str) -> None:
    folder = read_csv("supplier_listing", PLAIN.encode(encoding))

    assert suppliers(folder) == ["Müller", "Beta"]
    assert folder.warnings == ()


def test_windows_encoding_is_read_and_said(read_csv) -> None:
    folder = read_csv("supplier_listing", PLAIN.encode("cp1252"))

    assert suppliers(folder) == ["Müller", "Beta"]
    assert "read as Windows-1252" in folder.warnings[0]


def test_stated_encoding_counts(read_csv, refusal) -> None:
    assert suppliers(read_csv("supplier_listing", PLAIN.encode("cp850"), encoding="cp850"))[0] == "Müller"  # fmt: skip

    message = refusal("supplier_listing", PLAIN.encode("cp1252"), encoding="utf-8")
    assert message.startswith("supplier_listing.csv, line 2: byte 0xfc is no utf-8 text; set tables.supplier_listing.encoding")  # fmt: skip


def test_undecodable_bytes_are_refused(refusal) -> None:
    assert "line 2: byte 0x81 is no cp1252 text" in refusal(
        "supplier_listing", b"supplier_account_id\nV\x81\n"
    )


def test_titles_above_the_header(read_csv) -> None:
    folder = read_csv("supplier_listing", f"Example Ltd\nSuppliers, all\n\n{PLAIN}", header_line=4)

    assert suppliers(folder) == ["Müller", "Beta"]


def test_line_numbers_count_blank_and_broken_lines(refusal) -> None:
    """The line named is the one an editor shows, whatever stands before it."""
    text = 'payment_date,supplier_account_id,payment_amount\n2024-01-01,"A\nB",1.00\n\n2024-01-01,C,x\n'

    assert refusal("payments_made", text) == (
        "payments_made.csv, line 5, column 'payment_amount': 'x' is not an amount; correct it in the file, or set "
        "tables.payments_made.decimal of engagement.yaml"
    )


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("\n\n", "no column names in line 1"),
        ("supplier_account_id,Name,Name\nV1,a,b\n", "column 'Name' stands in it twice"),
        ("supplier_account_id,Name\nV1\n", "line 2: has 1 values where the header names 2"),
        ("supplier_account_id,Name\nV1,a,b\n", "line 2: has 3 values where the header names 2"),
        ('supplier_account_id,Name\nV1,"a\nV2,b\n', "line 2: not readable as CSV"),
        (
            "supplier_account_id,Name\n,a\n",
            "line 2, column 'supplier_account_id': empty, but every row",
        ),
    ],
)
def test_broken_csv_is_refused(refusal, text: str, said: str) -> None:
    assert said in refusal("supplier_listing", text)


def test_reading_gives_a_sign_of_life_after_each_table(write_folder) -> None:
    """Whoever waits for a long reading can tell it from one that hangs."""
    files = {"supplier_listing.csv": PLAIN, "customer_master.csv": "customer_account_id\nC1\n"}
    signs: list[int] = []

    read_engagement(write_folder(files), progress=lambda: signs.append(1))

    assert len(signs) == len(files)


def test_a_table_without_rows_is_an_empty_table(read_csv) -> None:
    """A client to whom nobody owes anything exports column names alone; a sentence asks whether that is so."""
    read = read_csv("supplier_listing", "supplier_account_id,supplier_account_name\n")

    assert suppliers(read) == []
    assert read.warnings == (
        "supplier_listing.csv: holds column names but no rows; read as an empty table, to be confirmed by the client",
    )


@pytest.mark.parametrize(
    ("table", "header"),
    [
        ("trial_balance", "gl_account_number,account_type,amount_ending"),
        ("gl_detail", "journal_id,effective_date,gl_account_number,amount"),
    ],
)
def test_a_ledger_without_rows_is_a_failed_export(refusal, table: str, header: str) -> None:
    assert "holds column names but no rows" in refusal(table, f"{header}\n")


def test_empty_values_beyond_the_header_fall_away(read_csv) -> None:
    assert suppliers(read_csv("supplier_listing", PLAIN.replace("\n", ",,\n"))) == ["Müller", "Beta"]  # fmt: skip


def test_column_without_a_name_can_be_mapped(read_csv) -> None:
    """QuickBooks exports the account names under no name at all."""
    folder = read_csv("supplier_listing", "ID,,X\nV1,Alpha,1\n", columns={"supplier_account_id": "ID", "supplier_account_name": "column 2"})  # fmt: skip

    assert suppliers(folder) == ["Alpha"]


def test_wrong_date_names_line_column_value_and_setting(refusal) -> None:
    text = "Payment Date,Vendor ID,Payment Amount\n31.12.2024,V1,1.00\n2024-12-31,V2,1.00\n"

    assert refusal("payments_made", text, date_format="%d.%m.%Y") == (
        "payments_made.csv, line 3, column 'Payment Date': '2024-12-31' does not fit date_format '%d.%m.%Y'; "
        "correct it in the file, or set tables.payments_made.date_format of engagement.yaml"
    )


def test_ambiguous_decimals_name_the_setting(refusal, read_csv) -> None:
    text = "payment_date;supplier_account_id;payment_amount\n2024-12-31;V1;1.234\n"

    assert "set tables.payments_made.decimal" in refusal("payments_made", text)
    folder = read_csv("payments_made", text, thousands=".")
    assert folder.books.tables["payments_made"]["payment_amount_cents"].tolist() == [123400]


def test_payments_without_numbers_get_row_numbers(read_csv) -> None:
    text = "payment_date,supplier_account_id,payment_amount\n2024-12-31,V1,1\n2024-12-31,V1,1\n"

    assert read_csv("payments_made", text).books.tables["payments_made"]["payment_id"].tolist() == ["1", "2"]  # fmt: skip


def test_fractions_of_a_cent_are_said(read_csv) -> None:
    text = (
        "payment_date,supplier_account_id,payment_amount\n2024-12-31,V1,1.5\n2024-12-31,V1,1.125\n"
    )

    folder = read_csv("payments_made", text)
    assert folder.books.tables["payments_made"]["payment_amount_cents"].tolist() == [150, 112]
    assert "1 amount(s) in column 'payment_amount' carry fractions of a cent (first: line 3)" in folder.warnings[0]  # fmt: skip


def test_wrong_value_is_shown_on_one_line(refusal) -> None:
    text = f'payment_date,supplier_account_id,payment_amount\n2024-01-01,"A","{"x " * 50}\nB"\n'

    assert f"'{'x ' * 30}...' is not an amount" in refusal("payments_made", text)


def test_statement_lines(read_csv, refusal) -> None:
    head = "line_id,statement,caption,amount,parent_line_id,weight\n"
    folder = read_csv("financial_statements", f"{head}a,Balance Sheet,Cash,1,t,1\nt,BS,Total,1,,\n")

    frame = folder.books.tables["financial_statements"]
    assert frame["statement"].tolist() == ["BS", "BS"]
    assert frame["weight"].isna().tolist() == [False, True]
    assert "'2' is no weight" in refusal("financial_statements", f"{head}a,BS,Cash,1,t,2\n")
    assert "'notes' is no statement" in refusal("financial_statements", f"{head}a,notes,Cash,1,,\n")


def parquet(table: pa.Table) -> bytes:
    out = BytesIO()
    pq.write_table(table, out)
    return out.getvalue()


def test_parquet_of_other_types(write_folder) -> None:
    """Floats, decimals, integers, dictionaries and timestamps come to the same standard columns."""
    table = pa.table(
        {
            "Payment Date": pa.array([date(2024, 1, 31), date(2024, 2, 1)]),
            "VendorNum": pa.array(["A", "A"]).dictionary_encode(),
            "Amount": pa.array([36.08, -1.0]),
        }
    )
    other = table.set_column(2, "Amount", pa.array([Decimal("36.08"), Decimal(-1)], pa.decimal128(12, 2)))  # fmt: skip
    columns = {"supplier_account_id": "VendorNum", "payment_amount": "Amount"}
    for content in (parquet(table), parquet(other)):
        folder = write_folder({"payments.parquet": content}, {"payments": {"columns": columns}})

        frame = read_engagement(folder).books.tables["payments_made"]
        assert frame["payment_amount_cents"].tolist() == [3608, -100]
        assert frame["supplier_account_id"].tolist() == ["A", "A"]


def test_parquet_text_stored_as_bytes(write_folder) -> None:
    """Spark and Impala of old wrote text so."""
    table = pa.table({"supplier_account_id": pa.array([b"V1"])})
    folder = write_folder({"supplier_listing.parquet": parquet(table)})

    assert read_engagement(folder).books.tables["supplier_listing"]["supplier_account_id"].tolist() == ["V1"]  # fmt: skip


def test_parquet_column_of_another_kind_is_refused(write_folder) -> None:
    table = pa.table({"supplier_account_id": pa.array([["list"]])})
    folder = write_folder({"supplier_listing.parquet": parquet(table)})

    with pytest.raises(
        InputError, match=r"holds list<.*> values, which cannot be supplier_account_id"
    ):
        read_engagement(folder)


def workbook(**sheets: list[list[object]]) -> bytes:
    book = openpyxl.Workbook()
    book.remove(book.active)
    for name, rows in sheets.items():
        sheet = book.create_sheet(name)
        for row in rows:
            sheet.append(row)
    out = BytesIO()
    book.save(out)
    return out.getvalue()


ROWS = [
    ["Account", "Account Name", "Type", "Balance"],
    [1000.0, "Cash", "Bank", 36.08],
    [None, None, None, None],
    ["0400", "Loan", "Liability", -36.08],
    ["Total", None, None, 0],
]


def test_worksheet(write_folder) -> None:
    """An account stored as the number 1000.0 is account 1000; one stored as text keeps its zero."""
    content = workbook(Notes=[["Draft"]], Balances=ROWS)
    settings = {"sheet": "Balances", "columns": {"account_type": "Type"}}
    folder = read_engagement(write_folder({"tb.xlsx": content}, {"trial_balance": {"file": "tb.xlsx", **settings}}))  # fmt: skip

    frame = folder.books.tables["trial_balance"]
    assert frame["gl_account_number"].tolist() == ["1000", "0400"]
    assert frame["amount_ending_cents"].tolist() == [3608, -3608]
    assert folder.warnings == ("tb.xlsx, row 5: totals row left out ('Total'); it agrees with the rows above",)  # fmt: skip


def test_worksheet_of_the_tables_name_and_dates(write_folder) -> None:
    rows = [[], ["Payment Date", "Vendor ID", "Amount Paid"], [datetime(2024, 12, 31), "V1", 5]]  # noqa: DTZ001
    content = workbook(Notes=[["Draft"]], **{"Payments Made": rows})
    folder = write_folder({"payments_made.xlsx": content})

    frame = read_engagement(folder).books.tables["payments_made"]
    assert frame["payment_date"].tolist() == [pd.Timestamp("2024-12-31")]
    assert frame["payment_amount_cents"].tolist() == [500]


@pytest.mark.parametrize(
    ("name", "content", "settings", "said"),
    [
        ("a.csv", b"PAR1 nonsense", {}, "looks like .parquet; rename it"),
        ("a.csv", workbook(One=ROWS), {}, "looks like .xlsx; rename it"),
        ("a.csv", b"a,b\0\n", {}, "is no text file; export it as CSV"),
        ("a.xlsx", workbook(One=[["Account", "Account Name", "Type"], [10**30, "x", "A"]]), {}, "no column is amount_ending"),
        ("a.parquet", b"PAR1 nonsense", {}, "not a readable Parquet file"),
        ("a.xlsx", b"PK nonsense", {}, "not a readable XLSX workbook"),
        ("a.xlsx", workbook(One=ROWS, Two=ROWS), {}, "has 2 sheets; say which in tables.trial_balance.sheet"),
        ("a.xlsx", workbook(One=ROWS), {"sheet": "Two"}, "has no sheet 'Two'"),
        ("a.xlsx", workbook(One=ROWS), {"header_line": 9}, "no column names in row 9"),
        ("a.xlsx", workbook(One=[["x", "x"], [1, 2]]), {}, "column 'x' stands in it twice"),
    ],
)  # fmt: skip
def test_unreadable_file_is_refused(
    write_folder, name: str, content: bytes, settings: dict[str, str], said: str
) -> None:
    folder = write_folder({name: content}, {"trial_balance": {"file": name, **settings}})

    with pytest.raises(InputError, match=said) as caught:
        read_engagement(folder)
    assert "\n" not in str(caught.value)


def test_even_and_uneven_files_read_the_same(write_folder) -> None:
    """The fast way is for files of one record per line; a blank line or a value over two lines takes the other."""
    lines = [f'{n},"Name, {n}"' for n in range(9_000)]
    even = "supplier_account_id,supplier_account_name\n" + "\n".join(lines) + "\n"
    uneven = even.replace("\n7,", "\n\n7,")

    first = read_engagement(write_folder({"vendors.csv": even})).books
    second = read_engagement(write_folder({"vendors.csv": uneven})).books
    third = read_engagement(write_folder({"vendors.csv": even.replace("\n", "\r\n")})).books
    assert first.sha256 != second.sha256
    pd.testing.assert_frame_equal(first.tables["supplier_listing"], second.tables["supplier_listing"])  # fmt: skip
    pd.testing.assert_frame_equal(first.tables["supplier_listing"], third.tables["supplier_listing"])  # fmt: skip


def test_column_name_over_two_lines(read_csv) -> None:
    assert suppliers(read_csv("supplier_listing", 'supplier_account_id,"supplier\naccount name"\nV1,a\n')) == ["a"]  # fmt: skip
