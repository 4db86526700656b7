"""engagement.yaml and the files beside it: found, hashed, or refused with the place of the mistake."""

import subprocess
import sys
from pathlib import Path

import pytest

from prisma_assets.domain.errors import InputError
from prisma_assets.engagement.document import engagement_schema
from prisma_assets.engagement.facts import books_sha256, read_facts
from prisma_assets.engagement.folder import read_engagement

FACTS = """\
id: E-2024
client: {id: C-1, name: Example Ltd}
period: {start: 2024-01-01, end: 2024-12-31}
team: [{user: ann, roles: [PARTNER]}]
"""
SUPPLIERS = "supplier_account_id\nV1\n"


def refusal(folder: Path) -> str:
    with pytest.raises(InputError) as caught:
        read_engagement(folder)
    return str(caught.value).removeprefix(f"{folder}/")


def test_facts_are_read_without_pandas() -> None:
    """Every process that starts an execution reads the facts; few need the tables."""
    code = "import sys, prisma_assets.engagement.facts; sys.exit('pandas' in sys.modules or 'pyarrow' in sys.modules)"

    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


def test_facts_leave_the_table_settings_out(write_folder) -> None:
    folder = write_folder({"v.csv": SUPPLIERS}, {"vendors": {"file": "v.csv"}})

    facts = read_facts(folder)
    assert facts.client.name == "Example Ltd"
    assert "tables" not in facts.model_dump()


def test_file_written_back_by_a_yaml_1_1_program_is_read(write_folder) -> None:
    """To such a program `on` is true, and so it writes the key."""
    event = "{true: '2025-01-19', description: Storm, kind: non_adjusting}"
    folder = write_folder({}, facts=f"{FACTS}completion: {{subsequent_events: [{event}]}}\n")

    completion = read_facts(folder).completion
    assert completion is not None
    assert str(completion.subsequent_events[0].on) == "2025-01-19"


@pytest.mark.parametrize("name", ["gl_detail.csv", "General Ledger.CSV", "journal-entries.txt"])
def test_file_under_a_tables_name_is_picked_up(write_folder, name: str) -> None:
    text = "journal_id,effective_date,gl_account_number,amount\nJ1,2024-05-01,1,0\n"

    books = read_engagement(write_folder({name: text})).books
    assert books.sources["gl_detail"].file == name
    assert books.sources["gl_detail"].rows == 1


def test_table_listed_without_settings(write_folder) -> None:
    folder = write_folder({"vendors.csv": SUPPLIERS})
    with (folder / "engagement.yaml").open("a") as stream:
        stream.write("tables:\n  vendors:\n")

    assert read_engagement(folder).books.has("supplier_listing", "supplier_account_id")


def test_table_in_a_folder_below(write_folder) -> None:
    folder = write_folder({"export/v.csv": SUPPLIERS}, {"vendors": {"file": "export/v.csv"}})

    assert read_engagement(folder).books.sources["supplier_listing"].file == "export/v.csv"


def test_file_no_table_uses_is_said(write_folder) -> None:
    folder = write_folder({"suplier_listing.csv": SUPPLIERS, "notes.md": "x"})

    read = read_engagement(folder)
    assert read.books.tables == {}
    assert read.warnings == (
        "suplier_listing.csv: not read, because no table bears that name; did you mean supplier_listing? "
        "to use it, name it in tables.<table>.file of engagement.yaml",
    )


def test_hash_follows_every_byte_that_is_read(write_folder) -> None:
    """Equal hashes mean equal books and settings; a file beside them changes nothing."""
    folder = write_folder({"vendors.csv": SUPPLIERS})
    first = books_sha256(folder)
    assert read_engagement(folder).books.sha256 == first

    (folder / "notes.md").write_text("x")
    assert books_sha256(folder) == first
    (folder / "vendors.csv").write_text(SUPPLIERS + "V2\n")
    second = books_sha256(folder)
    with (folder / "engagement.yaml").open("a") as stream:
        stream.write("preparer: bob\n")
    assert len({first, second, books_sha256(folder)}) == 3


@pytest.mark.parametrize(
    ("files", "tables", "said"),
    [
        ({}, {"general_ledgr": {}}, "engagement.yaml:6:10: unknown table 'general_ledgr'; did you mean 'general_ledger'?"),
        ({}, {"x9": {}}, "engagement.yaml:6:10: unknown table 'x9'; known tables: trial_balance, gl_detail, "),
        ({}, {"vendors": {"colums": {}}}, "unknown key 'tables.vendors.colums'; did you mean 'columns'?"),
        ({}, {"vendors": {"columns": {"supplier_id": "x"}}}, "has no column 'supplier_id'; did you mean 'supplier_account_id'?"),
        ({}, {"vendors": {"encoding": "base64"}}, "'base64' is no encoding"),
        ({}, {"vendors": {"date_format": "dd.mm.yyyy"}}, "'dd.mm.yyyy' names no day; write it like %d.%m.%Y"),
        ({}, {"vendors": {"date_format": "%d.%m"}}, "'%d.%m' names no day"),
        ({}, {"vendors": {"date_format": "%Q"}}, "'%Q' names no day"),
        ({}, {"vendors": {"time_format": "%I:%M"}}, "'%I:%M' names no time of day"),
        ({}, {"vendors": {"delimiter": ", "}}, "tables.vendors.delimiter"),
        ({}, {"vendors": {"encoding": "utf-9"}}, "'utf-9' is no encoding"),
        ({}, {"vendors": {"decimal": ",", "thousands": ","}}, "must not be the same character"),
        ({}, {"vendors": {}}, "tables.supplier_listing is listed, but no supplier_listing.csv"),
        ({}, {"vendors": {"file": "v.csv"}}, "tables.supplier_listing.file 'v.csv' does not exist; correct the name"),
        ({"va.csv": "x"}, {"vendors": {"file": "v.csv"}}, "'v.csv' does not exist; did you mean 'va.csv'?"),
        ({}, {"vendors": {"file": "../v.csv"}}, "'../v.csv' lies outside the engagement folder"),
        ({}, {"vendors": {"file": "/etc/passwd"}}, "'/etc/passwd' lies outside the engagement folder"),
        ({"v.xls": "x"}, {"vendors": {"file": "v.xls"}}, "is not a format the reader knows; save it as CSV, Parquet or XLSX"),
        ({"v.csv": ""}, {"vendors": {"file": "v.csv"}}, "'v.csv' is empty; export it again"),
        ({"v.csv": "x"}, {"vendors": {"file": "v.csv"}, "suppliers": {}}, "'vendors' and 'suppliers' are the same table"),
        ({"vendors.csv": "x", "suppliers.csv": "x"}, {}, "vendors.csv and suppliers.csv both claim the table supplier_listing"),
    ],
)  # fmt: skip
def test_wrong_tables_section_is_refused(write_folder, files, tables, said: str) -> None:
    message = refusal(write_folder(files, tables))

    assert said in message
    assert "\n" not in message


def test_misspelled_key_is_refused_with_its_place(write_folder) -> None:
    folder = write_folder({}, facts="id: E\nclient: {id: C, nam: X}\n")

    assert "engagement.yaml:2:17: unknown key 'client.nam'; did you mean 'name'?" in refusal(folder)


def test_link_out_of_the_folder_is_refused(write_folder, tmp_path: Path) -> None:
    (tmp_path / "outside.csv").write_text(SUPPLIERS)
    folder = write_folder({})
    (folder / "vendors.csv").symlink_to(tmp_path / "outside.csv")

    assert "vendors.csv links outside the engagement folder" in refusal(folder)


def test_missing_folder_and_file_are_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="no such folder"):
        read_facts(tmp_path / "nowhere")
    with pytest.raises(InputError, match=r"holds no engagement\.yaml"):
        read_facts(tmp_path)


def test_engagement_file_that_is_no_text_is_refused(tmp_path: Path) -> None:
    (tmp_path / "engagement.yaml").write_bytes(b"id: \xff")

    with pytest.raises(InputError, match="not UTF-8"):
        read_facts(tmp_path)


def test_schema_names_every_setting() -> None:
    schema = engagement_schema()

    assert schema["additionalProperties"] is False
    assert "date_format" in schema["$defs"]["TableSettings"]["properties"]
