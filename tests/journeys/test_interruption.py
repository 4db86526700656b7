"""What is interrupted, killed, started twice or changed under way ends in a state that a person can continue."""

import os
import shutil
import signal
import subprocess
import time
from collections.abc import Callable
from typing import Any

import pytest

from prisma_assets.engine.library import SHIPPED

pytestmark = pytest.mark.timeout(300)

UNDER_WAY = "a07"
"""A step that takes about a second, with six behind it."""
_DONE = """select step_id, attempt, started_at from workflow_step_executions
           where workflow_execution_id = %s and status in ('COMPLETED', 'SKIPPED') order by 1"""


@pytest.fixture
def audit(office, sample) -> tuple[object, ...]:
    """The command of an audit that nobody needs to sign."""
    sign_offs = sample.folder / "sign_offs.yaml"
    return (
        "run",
        "annual_audit",
        "--engagement",
        sample.folder,
        "--sign-offs",
        sign_offs,
        "--json",
    )


@pytest.fixture
def interrupted(office, audit) -> Callable[[signal.Signals], tuple[str, subprocess.Popen[str]]]:
    """An audit that was sent a signal in the middle; gives its id and its process."""

    def interrupt(number: signal.Signals) -> tuple[str, subprocess.Popen[str]]:
        before = {
            row[0] for row in office.ask("select workflow_execution_id from workflow_executions")
        }
        process = office.start(*audit)
        deadline = time.monotonic() + 60
        while time.monotonic() < deadline:
            begun = {
                row[0]
                for row in office.ask(
                    "select workflow_execution_id from workflow_step_executions where step_id = %s", UNDER_WAY
                )
            } - before  # fmt: skip
            if begun:
                process.send_signal(number)
                return str(begun.pop()), process
            time.sleep(0.02)
        process.kill()
        raise AssertionError(f"the audit never came to {UNDER_WAY}")

    return interrupt


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_to_stop_cancels_and_resume_completes(office, interrupted, number):
    """Nothing that was done is done again; once Ctrl-C left a RUNNING execution and exit 0."""
    execution, process = interrupted(number)
    told = time.monotonic()
    out, err = process.communicate(timeout=60)
    took = time.monotonic() - told
    done = office.ask(_DONE, execution)
    [(status, error)] = office.ask(
        "select status, error ->> 'message' from workflow_executions where workflow_execution_id = %s",
        execution,
    )

    answer = office.answer("resume", execution)

    assert (process.returncode, status, error) == (3, "CANCELLED", "the run was cancelled")
    assert '"status": "CANCELLED"' in out
    assert f"`prisma-assets resume {execution}` continues it" in err
    assert "Traceback" not in err
    assert took < 20
    assert 5 <= len(done) < 14
    assert answer["status"] == "COMPLETED"
    assert set(done) <= set(office.ask(_DONE, execution))


def test_a_killed_audit_is_said_to_be_dead_and_resume_completes_it(office, interrupted):
    execution, process = interrupted(signal.SIGKILL)
    process.communicate(timeout=60)
    done = office.ask(_DONE, execution)
    left = office.command("status", execution, "--json")

    answer = office.answer("resume", execution)

    assert left.answer["status"] == "RUNNING"
    assert "the process that worked on it has died" in left.err
    assert answer["status"] == "COMPLETED"
    assert set(done) <= set(office.ask(_DONE, execution))
    runs = office.ask(
        "select status from dagster.runs where run_id = any(%s) order by id", answer["dagster_run_ids"]
    )  # fmt: skip
    assert runs == [("FAILURE",), ("SUCCESS",)]


def test_two_audits_at_once_do_not_meet(office, audit):
    first, second = office.both(audit, audit)

    assert (first.code, second.code) == (0, 0)
    assert first.answer["execution_id"] != second.answer["execution_id"]
    assert {first.answer["status"], second.answer["status"]} == {"COMPLETED"}


def test_of_two_who_resume_at_once_one_works(office, interrupted):
    execution, process = interrupted(signal.SIGKILL)
    process.communicate(timeout=60)

    said = office.both(*[("resume", execution, "--json")] * 2)

    worked = [s for s in said if s.code == 0]
    refused = [s for s in said if s.code != 0]
    assert worked
    assert worked[0].answer["status"] == "COMPLETED"
    # On a slow machine the second may come when the first is done; else it is told to wait.
    assert all(s.code == 3 and s.out == "" for s in refused)
    assert all(
        "is being worked on by another run" in s.err or "is COMPLETED" in s.err for s in refused
    )
    attempts = office.ask(
        "select step_id, max(attempt) from workflow_step_executions where workflow_execution_id = %s group by 1",
        execution,
    )
    assert max(attempt for _, attempt in attempts) == 2


def test_books_that_change_under_way_are_refused_until_they_are_restored(office, books):
    execution = office.answer("run", "annual_audit", "--engagement", books)["execution_id"]
    office.answer("approve", execution, "a02", "--as", "p.marlowsby")
    original = (books / "trial_balance.csv").read_text()
    (books / "trial_balance.csv").write_text(original.replace("1010,", "1011,", 1))

    changed = office.command("resume", execution, "--json")
    (books / "trial_balance.csv").write_text(original)
    restored = office.answer("resume", execution)

    assert (changed.code, changed.answer["status"]) == (3, "FAILED")
    assert "changed since the run began" in changed.answer["error"]["message"]
    assert "put the original files back and resume" in changed.err
    assert restored["status"] == "WAITING_APPROVAL"
    assert restored["error"] is None


def test_a_template_that_changes_or_goes_leaves_what_has_begun_as_it_was(office, sample, tmp_path):
    """One execution waits; its file is changed, then removed: it goes on by what it began with, a new one does not."""
    file = tmp_path / "ours.yaml"
    environ = {"PRISMA_TEMPLATES": str(tmp_path)}
    text = (SHIPPED / "annual_audit.yaml").read_text().replace("name: annual_audit", "name: ours")
    file.write_text(text)
    start = ("run", "ours", "--engagement", sample.folder, "--json")
    first = office.command(*start, environ=environ).answer
    file.write_text(text.replace("id: a14", "id: z14", 1).replace("1h", "2h"))
    second = office.command(*start, environ=environ).answer

    again = office.command("resume", first["execution_id"], "--json", environ=environ)
    listed = office.command("templates", "list", "--json", environ=environ).answer["in_use"]
    shutil.rmtree(tmp_path)
    tmp_path.mkdir()
    approve = ("approve", first["execution_id"], "a02", "--as", "p.marlowsby", "--json")
    approved = office.command(*approve, environ=environ)
    gone = office.command("resume", first["execution_id"], "--json", environ=environ)

    assert again.answer["status"] == "WAITING_APPROVAL"
    ours = {v["job"]: v["executions"] for v in listed if v["name"] == "ours"}
    assert ours == {"ours_job": 1, f"ours_{first['template_sha256'][:8]}_job": 1}
    assert "z14" in {s["step_id"] for s in second["steps"]}
    assert approved.code == 0, approved.err
    assert gone.answer["status"] == "WAITING_APPROVAL"
    assert "a02" not in gone.answer["waiting_for"]
    assert "z14" not in {s["step_id"] for s in gone.answer["steps"]}


def test_a_reader_who_has_seen_enough_is_no_error(office):
    """`prisma-assets agents list | head -1` once ended in a BrokenPipeError."""
    for arguments in (("agents", "list"), ("agents", "list", "--json"), ("--help",)):
        read, write = os.pipe()
        os.close(read)
        with os.fdopen(write, "w") as closed:
            process = office.start(*arguments, stdout=closed)
        _, err = process.communicate(timeout=60)

        assert (process.returncode, err) == (0, "")


def _status(office: Any, execution: str) -> str:
    [(status,)] = office.ask(
        "select status from workflow_executions where workflow_execution_id = %s", execution
    )
    return str(status)
