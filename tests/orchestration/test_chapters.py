"""Steps drawn as boxes: the graph is folded, the work is the same."""

import pytest

from jobs.compiler import compile_job
from prisma_assets.agents.cards import firm_cards
from prisma_assets.agents.registry import AgentRegistry
from prisma_assets.domain.workflow.validation import problems
from tests.orchestration.conftest import trial_template

AGENT = "audit-plan-012"


def step(step_id: str, *after: str, **extra: object) -> dict[str, object]:
    return {
        "id": step_id, "name": f"do_{step_id}", "title": step_id, "objective": "Trial.", "agent": AGENT,
        "after": list(after), **extra,
    }  # fmt: skip


STEPS = (
    step("a", chapter="plan"),
    step("b", "a", chapter="plan", when="steps.a.big"),
    step("c", "b", chapter="test", sign_off={"kind": "K", "roles": ["MANAGER"]}),
    step("d", "a", chapter="test"),
    step("e", "c", "d", chapter="test"),
    step("f", "b", "d", join="any", chapter="test"),
    step("g", "e", "f"),
)


def test_the_graph_shows_the_chapters_and_what_has_none():
    """What waits for any of several stands beside the boxes: its sources may lie in any of them."""
    job = compile_job(trial_template(*STEPS), AgentRegistry(firm_cards()), name="trial_job")

    assert sorted(job.graph.node_dict) == ["f_do_f", "g_do_g", "open_execution", "plan", "test"]
    assert sorted(job.graph.node_named("plan").definition.node_dict) == ["a_do_a", "b_condition", "b_do_b"]  # fmt: skip


@pytest.mark.parametrize("big", [True, False], ids=["needed", "bypassed"])
def test_steps_in_chapters_wait_skip_and_go_on_as_without_them(firm, big):
    """A condition, a sign-off and joins across the borders of boxes."""
    trial = firm(*STEPS, answers={"a": {"big": big}})
    execution = trial.open()
    trial.run(execution.id)
    waiting = trial.statuses(execution.id)
    trial.sign(execution.id, "c", "max")
    run = trial.run(execution.id)

    assert waiting["c"] == "WAITING_APPROVAL"
    assert waiting["f"] == "COMPLETED"
    assert "e" not in waiting
    assert run.is_success
    assert trial.execution(execution.id).status == "COMPLETED"
    assert trial.statuses(execution.id)["b"] == ("COMPLETED" if big else "SKIPPED")
    assert sorted(trial.agent.calls) == ["a", *(["b"] if big else []), "c", "d", "e", "f", "g"]


def test_a_failure_in_a_chapter_is_found_and_resumed(firm):
    from prisma_assets.domain.errors import PermanentError

    trial = firm(*STEPS[:1], step("z", "a", chapter="late"), answers={"z": [PermanentError("no"), {}]})  # fmt: skip
    execution = trial.open()
    first = trial.run(execution.id)
    second = trial.run(execution.id)

    assert not first.is_success
    assert second.is_success
    assert trial.agent.calls == ["a", "z", "z"]


@pytest.mark.parametrize(
    ("steps", "expected"),
    [
        (
            (step("a", chapter="one"), step("b", "a"), step("c", "b", chapter="one")),
            "chapters wait for each other in a circle (one -> b -> one): give the steps in between the same chapter, or none",
        ),
        ((step("a", chapter="a_do_a"),), "the chapter 'a_do_a' has the name of a step in the graph"),
        ((step("a", chapter="open_execution"),), "has the name of a step in the graph; rename it"),
    ],
    ids=["circle", "step", "open"],
)  # fmt: skip
def test_chapters_that_cannot_be_drawn_are_refused(steps, expected):
    found = problems(trial_template(*steps), agents=frozenset({AGENT}))

    assert len(found) == 1
    assert expected in found[0].sentence
    assert found[0].path[-1] == "chapter"
