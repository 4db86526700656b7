"""Writing the sample: the same bytes for the same numbers, nothing of anybody's overwritten, nothing half-written left."""

import hashlib
import json
from pathlib import Path

import pytest

from prisma_assets.domain.audit import sampling, score
from prisma_assets.domain.errors import InputError
from prisma_assets.engagement.folder import read_engagement
from prisma_assets.engagement.sample.write import MARKER, write_sample

LINES = 5_000


@pytest.fixture(scope="module")
def written(tmp_path_factory):
    return write_sample(tmp_path_factory.mktemp("written") / "client", seed=5, lines=LINES)


def hashes(folder: Path) -> dict[str, str]:
    return {p.name: hashlib.sha256(p.read_bytes()).hexdigest() for p in sorted(folder.iterdir())}


def test_same_seed_and_lines_give_the_same_bytes(written, tmp_path):
    again = write_sample(tmp_path / "client", seed=5, lines=LINES)

    assert hashes(again.folder) == hashes(written.folder)
    assert again.planted_file.read_bytes() == written.planted_file.read_bytes()


def test_another_seed_gives_other_books_and_errors(written, tmp_path):
    other = write_sample(tmp_path / "client", seed=6, lines=LINES)

    assert hashes(other.folder)["gl_detail.parquet"] != hashes(written.folder)["gl_detail.parquet"]
    assert other.planted_file.read_bytes() != written.planted_file.read_bytes()


def test_planted_errors_lie_beside_the_folder(written):
    """The audit is given the folder; nothing in it may name an error."""
    assert written.planted_file == written.folder.with_name("client.planted.json")
    assert not any(
        "planted" in path.read_text(errors="ignore") for path in written.folder.iterdir()
    )


def test_nothing_else_is_left_beside_the_folder(written):
    assert {p.name for p in written.folder.parent.iterdir()} == {"client", "client.planted.json"}


def test_reader_reads_every_table(written):
    """Foreign headings, semicolons and German dates included; all that is odd is what was planted."""
    read = read_engagement(written.folder)

    assert {name: len(frame) for name, frame in read.books.tables.items()} == written.rows
    assert len(read.warnings) == 1
    assert "does not balance" in read.warnings[0]


def test_sample_results_cover_the_items_the_plan_draws(written):
    """Performance materiality: 65 % of 5 % of the reported profit before tax of 297,490 thousand."""
    read = read_engagement(written.folder)
    strategy = read.engagement.strategy
    plan = sampling.SamplePlan(
        tolerable_cents=966_842_500, confidence_pct=95, seed=strategy.sampling_seed
    )

    for draw in (sampling.sample_receivables, sampling.sample_payments):
        assert draw(read.books, plan, read.engagement.sample_results).figures["evaluated"]


def test_a_sample_may_be_replaced(tmp_path):
    first = write_sample(tmp_path / "client", seed=5, lines=LINES)
    before = hashes(first.folder)

    write_sample(tmp_path / "client", seed=6, lines=LINES)

    assert hashes(first.folder) != before
    assert {p.name for p in tmp_path.iterdir()} == {"client", "client.planted.json"}


def test_a_folder_with_other_files_is_left_alone(tmp_path):
    (tmp_path / "client").mkdir()
    (tmp_path / "client" / "ledger.xlsx").write_text("mine")

    with pytest.raises(InputError, match="no sample engagement; name a new or empty folder"):
        write_sample(tmp_path / "client", lines=LINES)
    assert (tmp_path / "client" / "ledger.xlsx").read_text() == "mine"


@pytest.mark.parametrize("name", ["notes.txt", "engagement.yaml"], ids=["added", "changed"])
def test_a_sample_somebody_worked_on_is_left_alone(written, tmp_path, name):
    folder = tmp_path / "client"
    folder.mkdir()
    for path in written.folder.iterdir():
        (folder / path.name).write_bytes(path.read_bytes())
    (folder / name).write_text("mine")

    with pytest.raises(InputError, match=f"{name} was added or changed"):
        write_sample(folder, lines=LINES)
    assert (folder / name).read_text() == "mine"


@pytest.mark.parametrize("content", ["", "[]", '{"files": 3}'])
def test_a_broken_marker_marks_nothing(tmp_path, content):
    folder = tmp_path / "client"
    folder.mkdir()
    (folder / MARKER).write_text(content)

    with pytest.raises(InputError, match="no sample engagement"):
        write_sample(folder, lines=LINES)


def test_an_empty_folder_is_filled(tmp_path):
    (tmp_path / "client").mkdir()

    assert write_sample(tmp_path / "client", lines=LINES).ledger_lines >= LINES


def test_a_file_in_the_place_is_refused(tmp_path):
    (tmp_path / "client").write_text("mine")

    with pytest.raises(InputError, match="is no folder"):
        write_sample(tmp_path / "client", lines=LINES)


def test_a_place_that_cannot_be_written_leaves_nothing(tmp_path):
    (tmp_path / "file").write_text("mine")

    with pytest.raises(InputError, match="cannot be written"):
        write_sample(tmp_path / "file" / "client", lines=LINES)
    assert [p.name for p in tmp_path.iterdir()] == ["file"]


@pytest.mark.parametrize(
    ("numbers", "message"),
    [
        ({"seed": -1}, "--seed must be 0 or more, not -1"),
        ({"lines": 4_999}, "--lines must lie between 5,000 and 2,000,000, not 4,999"),
        ({"lines": 2_000_001}, "--lines must lie between"),
    ],
    ids=["seed", "too_few", "too_many"],
)
def test_numbers_out_of_range_are_refused(tmp_path, numbers, message):
    with pytest.raises(InputError, match=message):
        write_sample(tmp_path / "client", **numbers)
    assert list(tmp_path.iterdir()) == []


def test_summary_says_what_was_written(written):
    said = written.as_json()
    planted = score.parse_planted(written.planted_file.read_text(), file="planted")

    assert json.loads(json.dumps(said)) == said
    assert said["rows"]["gl_detail"] == written.ledger_lines >= LINES
    assert sum(said["planted"].values()) == len(planted)
    assert str(written.folder) in written.sentences()[0]
