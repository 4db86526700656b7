"""What a version of an agent sets reaches the procedures that declare it, and no other."""

import pytest

from prisma_assets.agents.cards import firm_cards
from prisma_assets.agents.contract import AgentTask
from prisma_assets.agents.embedded.assignment import assignments, declared_parameters
from prisma_assets.agents.embedded.provider import _by_version
from prisma_assets.agents.registry import AgentRegistry
from prisma_assets.agents.version import changeable, subject_of, unread, with_changes

CARD = AgentRegistry(firm_cards()).get("audit-analytics-017")
CHANGED = with_changes(CARD, {"parameters": {"selection_handed_on": 200}}, version="1.0.0-b.1")


def a_task(procedure: str, **parameters: object) -> AgentTask:
    return AgentTask(
        call_id="c", agent_id=CARD.id, task=procedure, step_id="s", parameters=parameters
    )


def test_version_sets_what_the_procedure_declares():
    task = _by_version(CHANGED, a_task("analytics_and_je_testing", selection_handed_on=300))

    assert task.parameters == {"selection_handed_on": 200}


@pytest.mark.parametrize("procedure", ["substantive_testing", "unknown_procedure"])
def test_other_procedures_are_asked_as_before(procedure):
    task = a_task(procedure, own=1)

    assert _by_version(CHANGED, task) is task


def test_version_differs_from_its_parent_in_the_changes_alone():
    assert CHANGED.sha256 != CARD.sha256
    assert CHANGED.model_copy(update={"parameters": {}, "version": CARD.version}) == CARD
    assert changeable(CHANGED)["parameters"] == {"selection_handed_on": 200}


def test_what_is_usual_lies_within_what_may_be_set():
    assert declared_parameters()
    assert all(p.least <= p.usual <= p.most for p in declared_parameters().values())
    names = [name for a in assignments().values() for name in a.parameters]
    assert len(names) == len(set(names))


def test_changes_nobody_reads_are_told():
    assert unread(CARD, {"parameters": {}}) is None
    assert "read parameters only: model and prompt" in str(unread(CARD, {"prompt": "x", "model": "y"}))  # fmt: skip
    assert unread(CARD.model_copy(update={"provider": "llm"}), {"prompt": "x"}) is None
    assert subject_of(CARD.model_copy(update={"provider": "llm"})).parameters is None
