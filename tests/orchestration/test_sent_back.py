"""Work sent back is done on the books as they stand then, and its agent knows what it gave before and why it comes back."""

from pathlib import Path
from typing import Any

import pytest

from prisma_assets.command.report import show
from prisma_assets.domain.errors import InputError
from prisma_assets.engagement.facts import books_sha256
from prisma_assets.engine.redo import RedoRequest, redo
from prisma_assets.engine.report import report

SIGNED = {"kind": "RECON_APPROVAL", "roles": ["MANAGER"]}
FACTS = """\
id: E-1
client: {id: C-1, name: Trader Ltd}
period: {start: 2025-01-01, end: 2025-12-31}
team: [{user: max, roles: [MANAGER]}]
"""


def step(step_id: str, *after: str, **extra: Any) -> dict[str, Any]:
    """One step of a test template."""
    return {
        "id": step_id, "name": f"do_{step_id}", "title": f"Step {step_id}", "objective": "Tested.",
        "after": list(after), "agent": "audit-plan-012", **extra,
    }  # fmt: skip


@pytest.fixture
def folder(tmp_path) -> Path:
    """A client's books."""
    (tmp_path / "engagement.yaml").write_text(FACTS)
    (tmp_path / "trial_balance.csv").write_text("gl_account_number,amount_ending\n1000,5\n")
    return tmp_path


def deliver(folder: Path) -> None:
    """The client delivers another trial balance."""
    (folder / "trial_balance.csv").write_text("gl_account_number,amount_ending\n1000,6\n")


def opened(firm, folder, *steps, answers=None):
    trial = firm(
        *steps, answers=answers, inputs={"engagement": {"type": "folder", "required": True}}
    )
    execution = trial.open({"engagement": str(folder)})
    trial.run(execution.id)
    return trial, execution.id


def asked(trial, step_id):
    return [t for t in trial.agent.tasks if t.step_id == step_id]


def test_what_is_sent_back_is_done_on_the_books_as_they_stand_then(firm, folder):
    """The client delivered what was missing: an execution tied to its first books for ever could never take that in."""
    first = books_sha256(folder)
    trial, execution = opened(
        firm, folder, step("s1"), step("s2", "s1", sign_off={**SIGNED, "rework": ["s2"]})
    )
    deliver(folder)
    trial.sign(execution, "s2", "max", "changes", "The trial balance came in.")

    trial.run(execution)

    (before, again) = asked(trial, "s2")
    assert (before.books_sha256, again.books_sha256) == (first, books_sha256(folder))
    assert len(asked(trial, "s1")) == 1
    context = trial.execution(execution).context
    assert context["earlier_books"] == [{"books_sha256": first, "replaced_for": ["s2"]}]


def test_an_agent_asked_again_knows_what_it_gave_and_why_it_comes_back(firm, folder):
    trial, execution = opened(
        firm, folder,
        step("s1"), step("s2", "s1", sign_off={**SIGNED, "rework": ["s1"]}),
        answers={"s1": [{"open": 3}, {"open": 0}]},
    )  # fmt: skip
    trial.sign(execution, "s2", "max", "changes", "Look at leases.")

    trial.run(execution)
    trial.run(execution)

    first, again = asked(trial, "s1")
    assert (first.previous, first.review_notes) == (None, ())
    assert (again.previous, again.review_notes) == ({"open": 3}, ("Look at leases.",))


def test_a_branch_done_again_knows_what_it_gave_itself(firm, folder):
    async def named(task):
        return {"is": task.item}

    trial, execution = opened(
        firm, folder,
        step("s1", for_each={"items": "['A', 'B']"}, sign_off=SIGNED), answers={"s1": named},
    )  # fmt: skip
    trial.sign(execution, "s1", "max", "changes", "Again.")

    trial.run(execution)

    again = [t for t in asked(trial, "s1") if t.review_notes]
    assert {t.item: t.previous for t in again} == {"A": {"is": "A"}, "B": {"is": "B"}}


def test_a_redo_takes_the_books_in_as_well(firm, folder):
    trial, execution = opened(firm, folder, step("s1"))
    deliver(folder)
    wish = RedoRequest(steps=("s1",), requested_by="max", reason="New books.")
    found = trial.execution(execution)
    trial.ask(lambda store: redo(store, found, trial.template, wish))

    trial.run(execution)

    assert asked(trial, "s1")[-1].books_sha256 == books_sha256(folder)


def test_books_that_do_not_read_send_nothing_back(firm, folder):
    """The folder is mended and the execution resumed; until then nothing is opened again on unreadable books."""
    trial, execution = opened(firm, folder, step("s1", sign_off=SIGNED))
    (folder / "engagement.yaml").write_text("id: [")
    trial.sign(execution, "s1", "max", "changes", "Again.")

    trial.run(execution)

    assert trial.steps(execution)["s1"].iteration == 1
    assert "engagement.yaml" in trial.execution(execution).error["message"]
    (folder / "engagement.yaml").write_text(FACTS)
    trial.run(execution)
    assert trial.steps(execution)["s1"].iteration == 2
    assert trial.execution(execution).status == "WAITING_APPROVAL"


def test_what_is_not_sent_back_rests_on_the_books_it_was_done_on(firm, folder):
    """Somebody changes a file while a step waits: nothing takes it in until a person sends work back."""
    first = books_sha256(folder)
    trial, execution = opened(firm, folder, step("s1", sign_off=SIGNED), step("s2", "s1"))
    deliver(folder)
    trial.sign(execution, "s1", "max")

    trial.run(execution)

    assert asked(trial, "s2")[0].books_sha256 == first
    assert "earlier_books" not in trial.execution(execution).context


def test_nothing_unfinished_can_be_approved(firm, folder, capsys):
    """A return without its receipt is not filed, whoever signs it; it comes back until the receipt is there."""
    signed = {**SIGNED, "approve_when": "output.open == 0"}
    trial, execution = opened(
        firm, folder, step("s1", sign_off=signed), answers={"s1": [{"open": 1}, {"open": 0}]}
    )

    def advice():
        found = trial.execution(execution)
        told = trial.ask(lambda store: report(store, found, trial.template))
        show(told, as_json=False)
        return capsys.readouterr().out

    with pytest.raises(InputError, match=r"cannot be approved while `output.open == 0`"):
        trial.sign(execution, "s1", "max")
    while_open = advice()
    trial.sign(execution, "s1", "max", "changes", "The receipt came in.")
    trial.run(execution)
    once_it_holds = advice()
    trial.sign(execution, "s1", "max")
    trial.run(execution)

    assert trial.execution(execution).status == "COMPLETED"
    assert "while `output.open == 0` does not hold" in while_open
    assert "--decision changes" in while_open
    assert "--decision approve" in once_it_holds
