"""`prisma-assets anomalies score` as people use it: on a good file, on a spoilt one, into a file and a pipe."""

import csv
import gzip
import io
from datetime import datetime, timedelta
from pathlib import Path

import numpy as np
import pytest

SPIKE = 700


def series(rows: int = 900) -> list[tuple[str, str]]:
    """Five-minute latencies between 1.2 and 1.9 s, with one of 9 s."""
    values = np.random.default_rng(5).uniform(1.2, 1.9, rows)
    values[SPIKE : SPIKE + 3] = 9
    start = datetime(2026, 3, 2)  # noqa: DTZ001 - files of measurements seldom state an offset
    return [
        (str(start + i * timedelta(minutes=5)), f"{value:.3f}") for i, value in enumerate(values)
    ]


def written(path: Path, rows, *, header="timestamp,value") -> Path:
    path.write_text("\n".join([header, *(",".join(row) for row in rows)]) + "\n", encoding="utf-8")
    return path


def rows_of(text: str) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(text)))


@pytest.fixture
def file(tmp_path) -> Path:
    return written(tmp_path / "latency.csv", series())


def test_every_row_gets_a_score_and_the_spike_is_explained(mistake, file):
    said = mistake("anomalies", "score", file, "--name", "P95", "--unit", "s")

    rows = rows_of(said.out)
    assert (said.code, said.err) == (0, "")
    assert [(r["timestamp"], f"{float(r['value']):.3f}") for r in rows] == series()
    assert all(0 <= float(r["score"]) <= 1 for r in rows)
    (found,) = [r for r in rows if r["is_anomaly"] == "true"]
    assert found["timestamp"] == series()[SPIKE][0]
    assert found["explanation"].startswith("P95 9 s, usual 1.2")
    assert "the highest of 701 values" in found["explanation"]
    assert float(found["score"]) >= 0.985
    assert {r["explanation"] for r in rows if r is not found} == {""}


def test_a_score_does_not_change_when_the_file_grows(mistake, file, tmp_path):
    """The first half alone scores as it does within the whole."""
    half = written(tmp_path / "half.csv", series()[:450])

    whole, part = (mistake("anomalies", "score", f).out for f in (file, half))

    assert whole.startswith(part)


def test_json_holds_the_same_rows_and_the_threshold(mistake, file):
    plain = rows_of(mistake("anomalies", "score", file).out)

    answer = mistake("anomalies", "score", file, "--json").answer

    assert (answer["rows"], answer["no_data"], answer["threshold"]) == (900, 0, 0.985)
    assert [r["score"] for r in answer["scores"]] == [float(r["score"]) for r in plain]
    assert [r["timestamp"] for r in answer["anomalies"]] == [series()[SPIKE][0]]


def test_the_scores_go_to_a_file_and_the_answer_sums_up(mistake, file, tmp_path):
    target = tmp_path / "scores.csv"

    said = mistake("anomalies", "score", file, "--output", target)

    assert said.out == f"{target}: 900 scores, 1 anomaly\n"
    assert target.read_text(encoding="utf-8") == mistake("anomalies", "score", file).out
    answer = mistake("anomalies", "score", file, "--output", target, "--json").answer
    assert "scores" not in answer
    assert len(answer["anomalies"]) == 1
    assert sorted(p.name for p in tmp_path.iterdir() if p.suffix) == ["latency.csv", "scores.csv"]


def test_a_compressed_file_reads_the_same(mistake, file, tmp_path):
    packed = tmp_path / "latency.csv.gz"
    packed.write_bytes(gzip.compress(file.read_bytes()))

    assert mistake("anomalies", "score", packed).out == mistake("anomalies", "score", file).out


def test_other_columns_offsets_and_capitals_do_not_matter(mistake, file, tmp_path):
    rows = [("agent", value, f"{stamp}+00:00") for stamp, value in series()]
    other = written(tmp_path / "other.csv", rows, header="\ufeffagent, Value ,TIMESTAMP")

    scores, expected = (
        [r["score"] for r in rows_of(mistake("anomalies", "score", f).out)] for f in (other, file)
    )

    assert scores == expected


def test_missing_values_have_no_score_and_are_counted(mistake, tmp_path):
    rows = series()
    for i, blank in ((300, ""), (301, "NaN"), (302, "null")):
        rows[i] = (rows[i][0], blank)

    said = mistake("anomalies", "score", written(tmp_path / "holes.csv", rows))

    got = rows_of(said.out)
    assert [i for i, r in enumerate(got) if r["score"] == ""] == [300, 301, 302]
    assert said.sentence.endswith("3 rows have no value (first: line 302); they have no score")


def test_rows_out_of_order_and_doubled_are_scored_and_said(mistake, tmp_path):
    """The hour that comes twice in autumn: two rows more, and one that goes back."""
    rows = series()
    rows[500:500] = [rows[499], rows[480]]

    said = mistake("anomalies", "score", written(tmp_path / "autumn.csv", rows))

    assert said.code == 0
    assert len(rows_of(said.out)) == 902
    assert "2 rows are not later than the row above them (first: line 502)" in said.err


def test_a_single_row_is_scored(mistake, tmp_path):
    said = mistake("anomalies", "score", written(tmp_path / "one.csv", series()[:1]))

    assert said.out.splitlines()[1:] == [f"{','.join(series()[0])},0.0,false,"]


SPOILT = {
    "empty": ("", "is empty; it needs the columns timestamp and value"),
    "header only": ("timestamp,value\n", "no rows below the column names"),
    "no value column": ("timestamp,latency\n1,2\n", "no column 'value' in line 1, which has timestamp, latency"),
    "no timestamp column": ("time,value\n1,2\n", "no column 'timestamp' in line 1"),
    "semicolons": ("timestamp;value\n1;2\n", "which has timestamp;value"),
    "text value": ("timestamp,value\n2026-03-01,1\n\n2026-03-02,fast\n", "line 4: 'fast' is no number"),
    "infinite value": ("timestamp,value\n2026-03-01,inf\n", "line 2: 'inf' is no number"),
    "text timestamp": ("timestamp,value\nyesterday,1\n", "line 2: 'yesterday' is no timestamp"),
    "cells missing": ("timestamp,value\n2026-03-01\n", "line 2 has 1 cells where line 1 has 2"),
    "decimal comma": ("timestamp,value\n2026-03-01,1,5\n", "line 2 has 3 cells where line 1 has 2"),
}  # fmt: skip


@pytest.mark.parametrize(("text", "sentence"), SPOILT.values(), ids=SPOILT)
def test_a_spoilt_file_is_named_in_a_sentence(mistake, tmp_path, text, sentence):
    file = tmp_path / "spoilt.csv"
    file.write_text(text, encoding="utf-8")

    said = mistake("anomalies", "score", file, "--output", tmp_path / "scores.csv")

    assert (said.code, said.out) == (2, "")
    assert said.err.startswith(f"prisma-assets: {file}: ")
    assert len(said.err.splitlines()) == 1
    assert sentence in said.err
    assert not (tmp_path / "scores.csv").exists()


def test_a_file_that_is_no_text_is_named(mistake, tmp_path):
    latin, cut = tmp_path / "latin.csv", tmp_path / "cut.csv.gz"
    latin.write_bytes("timestamp,value,ort\n1,2,M\xfcnchen\n".encode("latin-1"))
    cut.write_bytes(gzip.compress(b"timestamp,value\n" * 500)[:-12])

    assert "not UTF-8 text" in mistake("anomalies", "score", latin).sentence
    assert "damaged gzip file" in mistake("anomalies", "score", cut).sentence
    assert "no such file" in mistake("anomalies", "score", tmp_path / "none.csv").sentence
    assert "is a folder" in mistake("anomalies", "score", tmp_path).sentence


def test_an_output_that_cannot_be_written_is_named(mistake, file, tmp_path):
    said = mistake("anomalies", "score", file, "--output", tmp_path / "no" / "scores.csv")

    assert said.code == 2
    assert "name a file in a folder that exists" in said.sentence
