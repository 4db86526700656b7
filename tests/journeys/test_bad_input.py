"""Each mistake gets one sentence that names the file, line or setting and the mend; nothing half-written remains."""

import socket
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pytest

from prisma_assets.engine.library import SHIPPED

Spoil = Callable[[Path], object]
"""Spoils an engagement folder; gives the line it changed, when it changed one."""
REGISTER = "AP payment register 2009.csv"


def changed(file: str, old: str, new: str) -> Spoil:
    """The first occurrence of a text in a file, replaced."""

    def spoil(folder: Path) -> int:
        path = folder / file
        text = path.read_text(encoding="cp1252")
        assert old in text
        path.write_text(text.replace(old, new, 1), encoding="cp1252")
        return text[: text.index(old)].count("\n") + 1

    return spoil


def removed(file: str) -> Spoil:
    return lambda folder: (folder / file).unlink()


def is_one_sentence(said, code: int, *parts: str) -> None:
    """The shape every mistake's answer has."""
    assert said.code == code, said.err
    assert said.out == ""
    assert "Traceback" not in said.err
    assert said.sentence.startswith("prisma-assets: ")
    assert said.err.count("prisma-assets: ") == 1
    for part in parts:
        assert part in said.sentence


@pytest.mark.parametrize(
    ("spoil", "parts"),
    [
        pytest.param(
            changed("engagement.yaml", "payment_amount: Gross Amt", "payment_amount: Gross"),
            (REGISTER, "has no column 'Gross'", "tables.payments_made.columns", "'Gross Amt'"),
            id="the mapping names a column that is not there",
        ),
        pytest.param(
            changed("engagement.yaml", "payment_amount: Gross", "payment_amout: Gross"),
            ("engagement.yaml:{line}:7", "'payment_amout'", "did you mean 'payment_amount'?"),
            id="the mapping misspells a standard column",
        ),
        pytest.param(
            changed("trial_balance.csv", "gl_account_number,", "konto,"),
            ("trial_balance.csv", "gl_account_number", "engagement.yaml", "'konto'"),
            id="a required column is missing",
        ),
        pytest.param(
            changed("invoices_generated.csv", "INV-09-00002,2009-01-02", "INV-09-00002,2009-13-45"),
            ("invoices_generated.csv, line 3", "'invoice_date'", "'2009-13-45'", "correct it"),
            id="a date that is none",
        ),
        pytest.param(
            changed("engagement.yaml", "%d.%m.%Y", "%m/%d/%Y"),
            (f"{REGISTER}, line 2", "'02.01.2009'", "'%m/%d/%Y'", "tables.payments_made"),
            id="the wrong date format",
        ),
        pytest.param(
            changed("engagement.yaml", "%d.%m.%Y", "DD.MM.YYYY"),
            ("engagement.yaml:{line}:5", "'DD.MM.YYYY'", "write it like %d.%m.%Y"),
            id="a date format of another program",
        ),
        pytest.param(
            changed("invoices_generated.csv", "503367.81", "fifty"),
            ("invoices_generated.csv, line 3", "'invoice_amount'", "'fifty' is not an amount"),
            id="an amount that is none",
        ),
        pytest.param(
            changed("shipments_made.csv", "SHP-000002,", "SHP-000002,extra,"),
            ("shipments_made.csv, line 3", "has 6 values where the header names 5"),
            id="a ragged line",
        ),
        pytest.param(
            removed(REGISTER),
            ("engagement.yaml", "tables.payments_made.file", "does not exist", "add the file"),
            id="a listed file is missing",
        ),
        pytest.param(
            lambda folder: (folder / "gl_detail.parquet").write_text("ledger"),
            ("gl_detail.parquet", "not a readable Parquet file", "export it again"),
            id="a file of another kind",
        ),
        pytest.param(
            changed("engagement.yaml", "preparer:", "preparr:"),
            ("engagement.yaml:{line}:1", "unknown key 'preparr'", "did you mean 'preparer'?"),
            id="a misspelled key",
        ),
        pytest.param(
            changed("engagement.yaml", "preparer: d.brackenshaw", "preparer: d.brackenshawe"),
            ("'d.brackenshawe' is not on the team", "did you mean 'd.brackenshaw'?"),
            id="a preparer nobody knows",
        ),
        pytest.param(
            changed("engagement.yaml", "user: p.marlowsby", "user: audit-plan-012"),
            ("'audit-plan-012' on the team is an agent's id", "agents never sign"),
            id="an agent on the team",
        ),
        pytest.param(
            changed("engagement.yaml", "- MANAGER", "- MANGER"),
            ("engagement.yaml:{line}:9", "'MANGER' is none of 'PARTNER', 'MANAGER'"),
            id="a role nobody has",
        ),
        pytest.param(
            changed("engagement.yaml", "client:", "client: ["),
            ("engagement.yaml:", "not valid YAML"),
            id="broken YAML",
        ),
        pytest.param(
            changed("engagement.yaml", "end: 2009-12-31", "end: 2008-12-31"),
            ("engagement.yaml:", "period.end must be after period.start"),
            id="a period that ends before it begins",
        ),
        pytest.param(
            removed("engagement.yaml"),
            ("holds no engagement.yaml", "add one"),
            id="no engagement.yaml",
        ),
    ],
)
def test_a_mistake_in_the_engagement_folder(mistake, books, spoil, parts):
    line = spoil(books)

    said = mistake("run", "annual_audit", "--engagement", books, "--json")

    is_one_sentence(said, 2, *(part.format(line=line) for part in parts))


@pytest.mark.parametrize(
    ("entry", "part"),
    [
        ("step: a99, user: p.marlowsby", "entry 1: template 'annual_audit' has no step 'a99'"),
        ("step: a04, user: p.marlowsby", "step 'a04' (Fraud risk assessment) asks for no sign-off"),
        ("step: a02, user: p.marlowsbi", "not on the engagement's team; did you mean 'p.marlowsby'?"),
        ("step: a02, user: m.tindlewick", "step 'a02' is signed by PARTNER; 'm.tindlewick' is MANAGER"),
        ("step: a02, user: p.marlowsby, role: BOSS", "so.yaml:2:36: sign_offs.0.role: 'BOSS' is none of"),
        ("step: a02, user: p.marlowsby, role: MANAGER", "does not hold the role MANAGER; held: PARTNER"),
        ("step: a02, user: p.marlowsby, decision: ok", "sign_offs.0.decision: 'ok' is none of 'approve'"),
        ("step: a02, user: p.marlowsby, decision: reject", "'reject' by p.marlowsby needs a comment"),
        ("stepp: a02, user: p.marlowsby", "so.yaml:2:6: unknown key 'sign_offs.0.stepp'; did you mean 'step'?"),
        (
            "step: a02, user: p.marlowsby}\n  - {step: engagement_acceptance, user: p.marlowsby",
            "'p.marlowsby' signs step 'a02' twice",
        ),
    ],
)  # fmt: skip
def test_a_mistake_in_the_sign_offs_file(mistake, sample, tmp_path, entry, part):
    file = tmp_path / "so.yaml"
    file.write_text(f"sign_offs:\n  - {{{entry}}}\n")

    said = mistake("run", "annual_audit", "--engagement", sample.folder, "--sign-offs", file)

    is_one_sentence(said, 2, part)


@dataclass(frozen=True)
class Line:
    """A command line that cannot work; `{books}` stands for the sample's folder."""

    arguments: str
    part: str


@pytest.mark.parametrize(
    "line",
    [
        Line("audit", "no such command 'audit'; `prisma-assets --help` explains"),
        Line("run", "missing argument 'TEMPLATE'; `prisma-assets run --help` explains"),
        Line("run annual_audit --engagment x", "no such option: --engagment"),
        Line("run anual_audit", "no template is called 'anual_audit'; did you mean 'annual_audit'?"),
        Line("run annual_audit", "needs the input 'engagement'"),
        Line("run annual_audit --engagement nowhere", "nowhere: no such folder"),
        Line("run annual_audit --engagement {books} --input size=1", "has no input 'size'; it has: engagement"),
        Line("run annual_audit --input engagement", "--input is NAME=VALUE, not 'engagement'"),
        Line("run annual_audit --input engagement=a --input engagement=b", "engagement is given twice"),
        Line("run annual_audit --engagement a --input engagement=b", "name the same folder; give one"),
        Line("run annual_audit --engagement {books} --sign-offs none.yaml", "none.yaml: no such file"),
        Line("run annual_audit --engagement {books} --sign-offs {books}", "is a folder; name a file"),
        Line("status 00000000-0000-0000-0000-000000000000", "no execution has the id 00000000"),
        Line("status latest", "no execution has the id latest; there is none yet"),
        Line("resume ';drop", "no execution has the id ';drop"),
        Line("approve x a02", "missing option '--as'"),
        Line("approve x a02 --as p --decision aprove", "not 'aprove'; did you mean 'approve'?"),
        Line("score x", "missing option '--planted'"),
        Line("score x --planted none.json", "none.json: no such file; `prisma-assets sample DIR` writes it"),
        Line("score x --planted {books}/engagement.yaml", "engagement.yaml: no list of planted errors"),
        Line("sample {books}/engagement.yaml", "is no folder; name a new one"),
        Line("sample full", "holds files that are no sample engagement; name a new or empty folder"),
        Line("sample new --seed -1", "--seed must be 0 or more, not -1"),
        Line("sample new --lines 10", "--lines must lie between 5,000 and 2,000,000, not 10"),
        Line("sample new --lines many", "invalid value for '--lines'"),
        Line("templates show anual_audit", "did you mean 'annual_audit'?"),
        Line("templates check none.yaml", "none.yaml: no such file"),
        Line("templates check {books}/gl_detail.parquet", "gl_detail.parquet: not UTF-8 text"),
        Line("agents show nobody", "there is no agent \"nobody\"; `prisma-assets agents list` shows all"),
        Line("agents list --domain nothing", "no agent has domain \"nothing\"; choose from: accounting"),
        Line("up --port 70000", "invalid value for '--port'"),
        Line("up --port 0", "invalid value for '--port'"),
    ],
    ids=lambda line: line.arguments,
)  # fmt: skip
def test_a_command_line_that_cannot_work(mistake, sample, tmp_path, line):
    (tmp_path / "full").mkdir()
    (tmp_path / "full" / "mine.txt").write_text("mine")
    before = {p.name for p in tmp_path.iterdir()}
    arguments = [a.replace("{books}", str(sample.folder)) for a in line.arguments.split()]

    said = mistake(*arguments)

    is_one_sentence(said, 2, line.part)
    assert {p.name for p in tmp_path.iterdir()} == before


@pytest.mark.parametrize("arguments", [(), ("templates",)])
def test_nothing_asked_is_answered_with_the_help(mistake, arguments):
    said = mistake(*arguments)

    assert said.code == 2
    assert said.out == ""
    assert said.err.startswith(" ".join(("Usage: prisma-assets", *arguments)))


@pytest.mark.parametrize(
    ("old", "new", "part"),
    [
        ("    after: [a01]\n", "    after: [a14]\n", "wait for each other in a circle (a02 -> a03"),
        ("audit-plan-012", "audit-plan-12", "unknown agent 'audit-plan-12'; did you mean 'audit-plan-012'?"),
        ("    objective: Set mat", "    objectiv: Set mat", "unknown key 'steps.4.objectiv'; did you mean 'objective'?"),
        ("when: steps.a02.is_group", "when: steps.a02.is_group &&", "is not a valid CEL expression at column 20"),
        ("when: steps.a02.is_group", "when: step.a02.is_group", "unknown name 'step'"),
        ("when: steps.a02.is_group", "when: steps.a14.is_group", "which does not come before 'a09'"),
        ("timeout: 72h", "timeout: 72x", "'72x' is not a duration; write a number and a unit"),
    ],
)  # fmt: skip
def test_a_mistake_in_a_template(mistake, monkeypatch, tmp_path, old, new, part):
    """Both who checks the file and who wants to run it are told, and the shipped templates go on working."""
    folder = tmp_path / "templates"
    folder.mkdir()
    text = (SHIPPED / "annual_audit.yaml").read_text().replace("name: annual_audit", "name: ours")
    assert old in text
    (folder / "ours.yaml").write_text(text.replace(old, new, 1))
    line = text[: text.index(old)].count("\n") + 1
    monkeypatch.setenv("PRISMA_TEMPLATES", str(folder))

    checked = mistake("templates", "check", folder / "ours.yaml", "--json")
    run = mistake("run", "ours")
    listed = mistake("templates", "list", "--json")

    is_one_sentence(checked, 2, f"ours.yaml:{line}:", part)
    assert run.sentence == checked.sentence
    assert [t["name"] for t in listed.answer["templates"]] == [
        "annual_audit",
        "multi_jurisdiction_tax",
    ]
    assert part in listed.answer["problems"][0]


def test_a_circle_is_pointed_at_where_it_stands(mistake, tmp_path):
    file = tmp_path / "ours.yaml"
    text = (SHIPPED / "annual_audit.yaml").read_text()
    file.write_text(text.replace("    after: [a01]\n", "    after: [a14]\n", 1))

    said = mistake("templates", "check", file)

    place = file.read_text().splitlines().index("    after: [a14]") + 1
    is_one_sentence(said, 2, f"{file}:{place}:5: ", "remove one `after` entry")


@pytest.mark.parametrize(
    ("name", "value", "code", "part"),
    [
        ("DATABASE_URL", "mysql://somewhere", 2, "DATABASE_URL is not a PostgreSQL address"),
        ("DATABASE_URL", "postgresql://u:secret@word@h/db", 2, "with %40 for an @ in the password"),
        ("DATABASE_URL", "postgresql://u:secret@h:70000/db", 2, "cannot be read as a PostgreSQL address"),
        ("DATABASE_URL", "postgresql://u:secret@127.0.0.1:1/db", 3, "127.0.0.1:1/db cannot be used now"),
        ("DATABASE_URL", "postgresql://u:secret@nowhere.invalid/db", 3, "nowhere.invalid:5432/db cannot be used now"),
        ("PRISMA_HOME", "/dev/null", 2, "PRISMA_HOME is /dev/null, which is a file"),
        ("PRISMA_PORT", "http", 2, "PRISMA_PORT is 'http'"),
        ("PRISMA_TEMPLATES", "/nowhere", 2, "PRISMA_TEMPLATES is /nowhere, which is not a folder"),
    ],
)  # fmt: skip
def test_a_setting_that_cannot_work(mistake, monkeypatch, name, value, code, part):
    monkeypatch.setenv(name, value)

    said = mistake("status", "x", "--json")

    is_one_sentence(said, code, part)
    assert "secret" not in said.err


def test_a_wrong_password_is_said_without_repeating_it(mistake, monkeypatch, office):
    right = office.database_url.split("@")
    monkeypatch.setenv("DATABASE_URL", f"postgresql://prisma:secret@{right[-1]}")

    said = mistake("migrate", "--json")

    is_one_sentence(said, 3, "password authentication failed", "DATABASE_URL")
    assert "secret" not in said.err


def test_a_server_that_never_answers_is_given_up(mistake, monkeypatch):
    """A firewall that swallows packets once left commands waiting for minutes."""
    with socket.create_server(("127.0.0.1", 0)) as silent:
        port = silent.getsockname()[1]
        monkeypatch.setenv("DATABASE_URL", f"postgresql://u@127.0.0.1:{port}/db")
        monkeypatch.setattr("prisma_assets.store.migrate.CONNECT_SECONDS", 2)

        said = mistake("status", "x")

    is_one_sentence(said, 3, f"127.0.0.1:{port}/db cannot be used now", "timeout")


def test_a_port_that_is_taken(mistake):
    with socket.create_server(("127.0.0.1", 0)) as other:
        port = other.getsockname()[1]

        said = mistake("up", "--port", port)

    is_one_sentence(said, 2, f"Port {port} is taken by", "choose another port")


def test_a_full_disk_when_the_sample_is_written(mistake, monkeypatch, tmp_path):
    """Nothing of it remains, and what stood there before is untouched."""
    assert mistake("sample", "mine", "--lines", 5_000).code == 0
    before = {p: p.read_bytes() for p in tmp_path.rglob("*") if p.is_file()}
    write = Path.write_bytes

    def full_at_the_ledger(path: Path, content: bytes) -> int:
        if path.name == "gl_detail.parquet":
            raise OSError(28, "No space left on device", str(path))
        return write(path, content)

    monkeypatch.setattr(Path, "write_bytes", full_at_the_ledger)
    said = mistake("sample", "mine", "--lines", 6_000)
    monkeypatch.undo()

    is_one_sentence(said, 3, "mine: the disk is full")
    assert {p: p.read_bytes() for p in tmp_path.rglob("*") if p.is_file()} == before


def test_a_full_disk_at_the_start(mistake, monkeypatch, tmp_path):
    monkeypatch.delenv("DATABASE_URL")
    monkeypatch.setattr("prisma_assets.store.embedded.FREE_MB_TO_MAKE", 10**9)

    said = mistake("migrate")

    is_one_sentence(
        said, 3, f"The disk of PRISMA_HOME {tmp_path / 'home'} is full", "free some space"
    )
    assert not (tmp_path / "home" / "postgres").exists()


def test_what_nobody_foresaw_is_a_sentence_and_a_trace_in_a_file(mistake, monkeypatch, tmp_path):
    def broken(*_: object) -> None:
        raise ZeroDivisionError("by nought")

    monkeypatch.setattr("prisma_assets.command.connection.firm", broken)

    said = mistake("agents", "list", "--json")

    log = tmp_path / "home" / "logs" / "errors.log"
    is_one_sentence(said, 3, "ZeroDivisionError: by nought", str(log))
    assert "Traceback" in log.read_text()
