"""The way of a change of high risk by command: both versions on known books, then in the shadow, then people."""

import json

import pytest

from prisma_assets.engagement.sample.write import write_sample

AGENT = "audit-analytics-017"
DECLARED = (
    "--agent", AGENT, "--name", "shorter", "--hypothesis", "Fewer sound entries are read.", "--change",
    'parameters={"selection_handed_on": 30}', "--metric", "accuracy", "--risk", "high", "--min-samples", "5", "--as", "ana",
)  # fmt: skip


@pytest.fixture
def command(mistake, database_url, monkeypatch):
    """The command in this process, on a database of its own."""
    monkeypatch.setenv("DATABASE_URL", database_url)
    return mistake


@pytest.fixture
def answer(command):
    def asked(*arguments):
        said = command(*arguments, "--json")
        assert said.code == 0, said.err
        return said.answer

    return asked


@pytest.fixture
def books(tmp_path):
    """Two engagements with what is wrong in them."""
    return [write_sample(tmp_path / f"books{n}", seed=41 + n, lines=5_000).folder for n in range(2)]


def test_both_versions_do_the_same_books_once(command, answer, books):
    """Real procedures: a shorter selection is right more often. Begun again, nothing is done twice."""
    made = answer("experiment", "create", *DECLARED)
    folders = [part for folder in books for part in ("--engagements", folder)]
    first = answer("experiment", "run", made["id"], *folders[:2])
    ran = answer("experiment", "run", made["id"], *folders)

    assert (first["pairs"], first["new"]) == (1, 1)
    assert (ran["pairs"], ran["new"], ran["known_before"], ran["calls"]) == (2, 1, 1, 4)
    assert (ran["verdict"], ran["cost_usd"]) == ("inconclusive", 0)
    accuracy = next(m for m in ran["metrics"] if m["name"] == "accuracy")
    assert 0 < accuracy["mean"]["A"] < accuracy["mean"]["B"] <= 1
    shown = answer("experiment", "show", made["id"])
    assert (shown["status"], shown["mode"], shown["verdict"]) == ("draft", "paired", "inconclusive")
    refused = command("deployment", "propose", AGENT, "--by", "ana", "--version", made["treatment_version"], "--risk", "high", "--experiment", made["id"])  # fmt: skip
    assert (refused.code, "only what it adopts can be deployed" in refused.sentence) == (2, True)
    started = command("experiment", "start", made["id"], "--as", "max", "--role", "PARTNER")
    assert (started.code, "is never tried on client files" in started.sentence) == (2, True)
    page = command("experiment", "run", made["id"], *folders).out
    assert "2 tasks done by both versions, 0 of them now; 4 calls, 0.0000 USD" in page


def test_what_has_no_measure_is_one_sentence(command, answer, books, tmp_path):
    made = answer("experiment", "create", *DECLARED)
    books[0].with_name("books0.planted.json").unlink()
    file = tmp_path / "tasks.yaml"
    file.write_text("tasks:\n- {name: one, task: x}\n", encoding="utf-8")
    for arguments, said in (
        (("--engagements", books[0]), "has no measure of its outcome"),
        (("--engagements", books[1], "--engagements", books[1]), "two of the folders hold the same books"),
        (("--tasks", file), "task 'one' has no measure of its outcome"),
        (("--tasks", tmp_path / "none.yaml"), "name a file of tasks with known answers"),
        ((), "give one of --tasks, --engagements and --samples"),
        (("--tasks", file, "--samples", "3"), "not --tasks and --samples"),
    ):  # fmt: skip
        ended = command("experiment", "run", made["id"], *arguments)
        assert (ended.code, said in ended.sentence) == (2, True), ended.sentence
    assert answer("experiment", "show", made["id"])["mode"] == "live", "nothing was begun"


def test_people_are_asked_after_the_shadow_run(command, answer, tmp_path):
    evidence = tmp_path / "evidence.json"
    evidence.write_text(json.dumps({"verdict": "adopt"}), encoding="utf-8")
    waits = answer(
        "deployment", "propose", AGENT, "--by", "ana", "--changes", '{"parameters": {"selection_handed_on": 30}}', "--reason", "fewer",
        "--risk", "high", "--evidence", evidence,
    )["deployment_id"]  # fmt: skip
    early = command("deployment", "approve", waits, "--by", "max", "--role", "MANAGER")
    few = command("deployment", "shadow", waits, "--by", "ana", "--calls", "5")
    none = command("deployment", "shadow", waits)

    assert (early.code, f"`deployment shadow {waits}` begins that" in early.sentence) == (2, True)
    assert (few.code, "that takes 29 at least" in few.sentence) == (2, True)
    assert (none.code, "has no shadow run; --by begins one" in none.sentence) == (2, True)
    begun = answer("deployment", "shadow", waits, "--by", "ana", "--calls", "40")
    assert (begun["verdict"], begun["most_calls"]) == ("going on", 40)
    looked = command("deployment", "shadow", waits).out
    assert "0 calls compared, 0 wait, 0 left out, of 40" in looked
    shown = command("deployment", "show", waits).out
    assert "shadow: going on" in shown
    assert answer("deployment", "show", waits)["shadow"]["deployment_id"] == waits
