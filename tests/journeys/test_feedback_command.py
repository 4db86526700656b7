"""`prisma-assets feedback` as people use it: good rows are stored once, bad ones are named, nothing is lost."""

import gzip
import json

import pytest

AGENT = "audit-ethics-045"
HEADER = (
    "agent_id,source,feedback_type,rating,task_id,submitted_by,comment,corrected_output,created_at"
)
GOOD = [
    f"{AGENT},user,rating,5,check,jane,fine,,2026-01-02T10:00:00Z",
    f"{AGENT},qa,correction,,check,joe,call +356 2123 4567,use the 2025 list,2026-01-02T11:00:00Z",
]
BAD = [
    (f"{AGENT},user,rating,7,check,jane,,,", "`rating` is '7'"),
    ("audit-ethic-045,user,praise,,check,jane,,,", "did you mean 'audit-ethics-045'"),
    (f"{AGENT},user,correction,,check,jane,,,", "a correction needs its text"),
    (f"{AGENT},user,praise,,check,jane,,,2999-01-01", "in the future"),
    (f"{AGENT},user", "2 cells where line 1 has 9"),
]


@pytest.fixture
def run(mistake):
    def command(*arguments):
        said = mistake("feedback", *arguments, "--json")
        return said.code, json.loads(said.out)

    return command


def test_good_rows_of_a_spoilt_file_are_kept_once(run, tmp_path):
    file = tmp_path / "feedback.csv"
    rows = [GOOD[0], *(row for row, _ in BAD), GOOD[1], GOOD[0]]
    file.write_text("\n".join([HEADER, *rows]) + "\n", encoding="utf-8")

    code, found = run("import", file)
    assert (code, found["accepted"], found["duplicates"]) == (2, 2, 1)
    assert [r["row"] for r in found["rejected"]] == [2, 3, 4, 5, 6]
    for refused, (_, reason) in zip(found["rejected"], BAD, strict=True):
        assert reason in refused["reason"]

    code, again = run("import", file)
    assert (code, again["accepted"], again["duplicates"]) == (2, 0, 3)

    _, listed = run("list", "--agent", AGENT)
    comments = {row["comment"]: row for row in listed["feedback"]}
    assert {"fine", "call [PHONE_REDACTED]"} <= set(comments)
    assert comments["call [PHONE_REDACTED]"]["corrected_output"] == "use the 2025 list"
    assert comments["fine"]["agent_version"]


def test_json_lines_and_gzip_say_the_same(run, tmp_path):
    row = dict(zip(HEADER.split(","), f"{AGENT},user,rating,3,j,ann,ok,,".split(","), strict=True))
    unknown = "11111111-1111-4111-8111-111111111111"
    lines = [json.dumps(row), "{", json.dumps({**row, "step_execution_id": unknown}), "[]"]
    file = tmp_path / "feedback.jsonl.gz"
    file.write_bytes(gzip.compress("\n".join(lines).encode() + b"\n"))

    code, found = run("import", file)
    assert (code, found["accepted"]) == (2, 1)
    assert [r["row"] for r in found["rejected"]] == [2, 3, 4]
    assert f"no step has the `step_execution_id` {unknown}" in found["rejected"][1]["reason"]


def test_bytes_that_are_not_text_cost_only_their_row(run, tmp_path):
    file = tmp_path / "feedback.csv"
    spoilt = f"{AGENT},user,rating,2,b,jane,caf\xe9,,".encode("latin-1")
    file.write_bytes(
        b"\n".join([HEADER.encode(), spoilt, f"{AGENT},user,rating,2,b,jane,,,".encode()])
    )

    code, found = run("import", file)
    assert (code, found["accepted"], len(found["rejected"])) == (2, 1, 1)
    assert "not UTF-8" in found["rejected"][0]["reason"]


def test_one_piece_is_added_once(run):
    said = (
        "--agent",
        AGENT,
        "--type",
        "complaint",
        "--task",
        "t",
        "--by",
        "kim",
        "--issue",
        "format",
    )
    assert run("add", *said) == (0, {"accepted": 1, "duplicates": 0, "rejected": []})
    assert run("add", *said) == (0, {"accepted": 0, "duplicates": 1, "rejected": []})


@pytest.mark.parametrize(
    ("content", "sentence"),
    [
        (None, "no such file"),
        (b"", "is empty"),
        (b"agent,rating\n", "no column 'agent_id'"),
        (gzip.compress(HEADER.encode() * 99)[:-9], "damaged gzip"),
    ],
)
def test_a_file_that_cannot_be_read_is_one_sentence(mistake, tmp_path, content, sentence):
    file = tmp_path / "feedback.csv"
    if content is not None:
        file.write_bytes(content)
    said = mistake("feedback", "import", file)
    assert said.code == 2
    assert sentence in said.sentence
