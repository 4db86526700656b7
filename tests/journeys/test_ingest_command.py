"""`prisma-assets ingest runs` as people use it: any columns, good rows stored once, bad ones named."""

import gzip
import json
from decimal import Decimal

import psycopg
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from psycopg.rows import dict_row

AGENT = "audit-plan-012"
HEADER = "run,began,secs,model,in,out,usd,result"
GOOD = [
    "1,2026-01-02T10:00:00Z,1.5,gpt-4.1,1000,100,,pass",
    "2,2026-01-02T11:00:00Z,2,our-own,1000,100,,pass",
    "3,2026-01-02T12:00:00Z,,gpt-4.1,1000,100,0.5,late",
]
BAD = [
    ("4,2026-01-02T10:00:00Z,-1,m,1,1,,pass", "`duration_ms` is -1"),
    ("5,2999-01-01,1,m,1,1,,pass", "in the future"),
    ("6,2026-01-02T10:00:00Z,1,m,-5,1,,pass", "`tokens_in` is -5; it cannot be negative"),
    ("7,2026-01-02T10:00:00Z,1,m,1,1,,broken", "does not say what 'broken' means"),
    ("8,2026-01-02", "2 cells where line 1 has 8"),
]
MAP = f"""
agent_id: ={AGENT}
run_key: run
started_at: began
duration_ms: secs:s
model: model
tokens_in: in
tokens_out: out
cost_usd: usd
outcome: {{columns: result, values: {{pass: ok, late: timeout}}}}
"""


@pytest.fixture
def run(mistake, tmp_path, empty_office_url):
    """The command on a file with these bytes; answers with its exit status and what it printed."""
    with psycopg.connect(empty_office_url) as connection:
        connection.execute("truncate agent_runs")

    def command(content, *options, name="runs.csv"):
        file = tmp_path / name
        file.write_bytes(content if isinstance(content, bytes) else content.encode())
        said = mistake("ingest", "runs", file, *options, "--json")
        return said.code, json.loads(said.out)

    return command


@pytest.fixture
def mapping(tmp_path):
    file = tmp_path / "map.yaml"
    file.write_text(MAP, encoding="utf-8")
    return "--map", file


def stored(empty_office_url):
    with psycopg.connect(empty_office_url, row_factory=dict_row) as connection:
        return connection.execute("select * from agent_runs order by run_key").fetchall()


def test_good_rows_of_a_spoilt_file_are_kept_once(run, mapping, empty_office_url):
    file = "\n".join([HEADER, GOOD[0], *(row for row, _ in BAD), *GOOD[1:], GOOD[0]])

    code, found = run(file, *mapping)
    assert (code, found["accepted"], found["duplicates"]) == (2, 3, 1)
    assert [r["row"] for r in found["rejected"]] == [2, 3, 4, 5, 6]
    for refused, (_, reason) in zip(found["rejected"], BAD, strict=True):
        assert reason in refused["reason"]

    code, again = run(file, *mapping)
    assert (code, again["accepted"], again["duplicates"]) == (2, 0, 4)

    listed, unlisted, reported = stored(empty_office_url)
    assert listed["cost_usd"] == Decimal("0.0028")  # 1,000 at 2 USD and 100 at 8 USD a million
    assert listed["price_version"].startswith("genai-prices")
    assert listed["duration_ms"] == 1500
    assert (unlisted["cost_usd"], unlisted["price_version"]) == (None, None)
    assert (reported["cost_usd"], reported["price_version"]) == (Decimal("0.5"), None)
    assert (reported["outcome"], reported["duration_ms"]) == ("timeout", None)


def test_every_kind_of_file_says_the_same(run, mapping, tmp_path):
    """A run is the same run in whatever file it comes."""
    rows = [dict(zip(HEADER.split(","), row.split(","), strict=True)) for row in GOOD]
    csv = "\n".join([HEADER, *GOOD])
    lines = "\n".join(map(json.dumps, rows)).encode()
    pq.write_table(pa.Table.from_pylist(rows), tmp_path / "table")

    assert run(csv, *mapping)[1]["accepted"] == 3
    for content in (
        gzip.compress(csv.encode()),
        gzip.compress(lines),
        (tmp_path / "table").read_bytes(),
    ):
        code, found = run(content, *mapping)
        assert (code, found["accepted"], found["duplicates"]) == (0, 0, 3)


def test_rows_that_are_no_runs_are_left_out_and_told(mistake, tmp_path):
    """Left out in silence, a mistaken filter would look like a small file."""
    mapping, file = tmp_path / "map.yaml", tmp_path / "runs.csv"
    mapping.write_text(MAP + "only: {model: our-own}\n", encoding="utf-8")
    file.write_text("\n".join([HEADER, *GOOD]), encoding="utf-8")

    said = mistake("ingest", "runs", file, "--map", mapping, "--json")

    found = json.loads(said.out)
    assert (said.code, found["accepted"] + found["duplicates"], found["rejected"]) == (0, 1, [])
    assert "2 rows are no runs" in said.err


def test_mapping_may_be_written_as_options(run, empty_office_url):
    options = [f"agent_id=={AGENT}", "started_at=began", "outcome==ok", "duration_ms=secs:s"]

    code, found = run(
        "\n".join([HEADER, *GOOD]), *(word for option in options for word in ("--map", option))
    )

    assert (code, found["accepted"]) == (0, 3)
    assert {row["duration_ms"] for row in stored(empty_office_url)} == {1500, 2000, None}


def test_columns_called_as_in_the_table_need_no_mapping(run):
    code, found = run(f"agent_id,started_at,outcome,tokens_in\n{AGENT},2026-01-02,ok,5\n")

    assert (code, found["accepted"]) == (0, 1)


@pytest.mark.parametrize(
    ("content", "options", "said"),
    [
        ("a,b\n1,2\n", (), "no column 'agent_id'"),
        (
            "agent_id,started_at,outcome\n",
            ("--map", "no/such.yaml"),
            "no such file; name a mapping",
        ),
        ("x\n", ("--map", "agent=x"), "a run has no 'agent'"),
        ("", (), "is empty; there is nothing to import"),
        (b"PAR1 and no more", (), "damaged Parquet file"),
        (b"\x1f\x8bnot gzip", (), "damaged gzip file"),
    ],
)
def test_file_or_mapping_that_cannot_be_used_is_one_sentence(
    mistake, tmp_path, content, options, said
):
    file = tmp_path / "runs"
    file.write_bytes(content if isinstance(content, bytes) else content.encode())

    told = mistake("ingest", "runs", file, *options)

    assert told.code == 2
    assert said in told.err
    assert "Traceback" not in told.err
