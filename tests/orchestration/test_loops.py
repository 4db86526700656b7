"""Repeats, a for-each inside a for-each, computed steps, sub-workflows, limits of time and cached results."""

import asyncio
from typing import Any

import dagster as dg
import pytest

from prisma_assets.agents.heartbeat import beat
from prisma_assets.domain.errors import PermanentError
from prisma_assets.domain.workflow.expansion import expand
from tests.orchestration.conftest import trial_template


def step(step_id: str, *after: str, **extra: Any) -> dict[str, Any]:
    """One step of a test template."""
    doer = {} if {"compute", "workflow"} & extra.keys() else {"agent": "audit-plan-012"}
    return {
        "id": step_id, "name": f"do_{step_id}", "title": f"Step {step_id}", "objective": "Tested.",
        "after": list(after), **doer, **extra,
    }  # fmt: skip


async def halve(task):
    before = task.previous["gap"] if task.previous else 100
    return {"gap": before // 2, "turn": task.turn}


def turns(trial, execution_id, step_id="s1"):
    rows = trial.ask(lambda store: store.branches(execution_id, step_id, 1))
    return {k: r.outputs.get("gap") for k, r in rows.items()}


def test_a_step_is_repeated_on_what_it_gave_until_its_condition_holds(firm):
    trial = firm(
        step("s1", repeat={"until": "output.gap < 20", "max": 5}),
        step("s2", "s1"),
        answers={"s1": halve},
    )
    execution = trial.open()

    trial.run(execution.id)

    done = trial.steps(execution.id)["s1"]
    assert done.outputs == {"gap": 12, "turn": 3, "repeat": {"turns": 3, "met": True}}
    assert turns(trial, execution.id) == {"turn 1": 50, "turn 2": 25, "turn 3": 12}
    assert trial.execution(execution.id).status == "COMPLETED"
    assert float(trial.execution(execution.id).cost_usd) == pytest.approx(0.04)


def test_the_last_turn_fails_the_step_and_says_why(firm):
    trial = firm(step("s1", repeat={"until": "output.gap < 20", "max": 2}), answers={"s1": halve})
    execution = trial.open()

    trial.run(execution.id)

    error = trial.steps(execution.id)["s1"].error
    assert error["message"] == "step 's1': `output.gap < 20` was not met after 2 turns"
    trial.run(execution.id)
    assert trial.agent.calls == ["s1", "s1"], "a resumed repeat pays for no turn twice"


def test_or_goes_on_to_a_person(firm):
    signed = {"kind": "RECON_APPROVAL", "roles": ["MANAGER"], "when": "!output.repeat.met"}
    trial = firm(
        step("s1", repeat={"until": "output.gap < 20", "max": 2, "otherwise": "go_on"}, sign_off=signed),
        answers={"s1": halve},
    )  # fmt: skip
    execution = trial.open()

    trial.run(execution.id)

    assert trial.execution(execution.id).status == "WAITING_APPROVAL"


def test_a_repeat_that_broke_off_goes_on_with_the_turn_it_lacks(firm):
    async def breaks(task):
        if task.turn == 2 and not trial.mended:
            raise PermanentError("the line was cut")
        return await halve(task)

    trial = firm(
        step("s1", repeat={"until": "output.gap < 20", "max": 5, "delay": "10ms"}),
        answers={"s1": breaks},
    )
    trial.mended = False
    execution = trial.open()
    trial.run(execution.id)
    assert trial.execution(execution.id).status == "FAILED"

    trial.mended = True
    trial.run(execution.id)

    assert trial.execution(execution.id).status == "COMPLETED"
    assert [t.turn for t in trial.agent.tasks] == [1, 2, 2, 3]


NESTED = {
    "items": "steps.s1.groups",
    "key": "item.name",
    "for_each": {"items": "item.parts", "key": "outer.name + '-' + item", "agent": "'audit-risk-013'"},
}  # fmt: skip


async def named(task):
    return {"is": f"{task.outer['name']}:{task.item}"}


def test_a_list_within_each_item_has_a_branch_per_inner_item(firm):
    groups = {"groups": [{"name": "EU", "parts": ["MT", "FR"]}, {"name": "AF", "parts": ["RW"]}]}
    trial = firm(step("s1"), step("s2", "s1", for_each=NESTED), answers={"s1": groups, "s2": named})
    execution = trial.open()

    trial.run(execution.id)

    done = trial.steps(execution.id)["s2"]
    assert done.outputs == {
        "branches": {
            "EU": {"EU-MT": {"is": "EU:MT"}, "EU-FR": {"is": "EU:FR"}},
            "AF": {"AF-RW": {"is": "AF:RW"}},
        },
        "count": 3,
    }
    assert {t.agent_id for t in trial.agent.tasks if t.step_id == "s2"} == {"audit-risk-013"}
    rows = trial.ask(lambda store: store.branches(execution.id, "s2", 1))
    assert sorted(rows) == ["AF/AF-RW", "EU/EU-FR", "EU/EU-MT"]


def test_values_are_computed_without_an_agent(firm):
    trial = firm(
        step("s1"),
        step("s2", "s1", compute={"share": "steps.s1.part / steps.s1.all", "big": "inputs.n > 3"}),
        inputs={"n": {"type": "integer", "default": 5}},
        answers={"s1": {"part": 1.0, "all": 4.0}},
    )
    execution = trial.open()

    run = trial.run(execution.id)

    assert run.status == dg.DagsterRunStatus.SUCCESS
    row = trial.steps(execution.id)["s2"]
    assert (row.outputs, row.agent_id) == ({"share": 0.25, "big": True}, None)
    assert trial.agent.calls == ["s1"]


def test_a_sub_workflow_runs_as_steps_of_the_whole(firm):
    part = trial_template(
        step("b1"),
        step("b2", "b1", when="inputs.limit > 1 && steps.b1.total > inputs.limit"),
        inputs={"limit": {"type": "integer", "required": True}},
    ).model_copy(update={"name": "part"})
    trial = firm(
        step("a1"),
        step("a2", "a1", workflow={"template": "part", "inputs": {"limit": "steps.a1.n * 2"}, "outputs": {"total": "steps.b1.total"}}),
        step("a3", "a2"),
        answers={"a1": {"n": 2}, "a2__b1": {"total": 9}},
    )  # fmt: skip
    trial.template = expand(
        trial.template, {"part": part}.__getitem__, agents=frozenset({"audit-plan-012"})
    )
    execution = trial.open()

    trial.run(execution.id)

    assert trial.execution(execution.id).status == "COMPLETED"
    inside = next(t for t in trial.agent.tasks if t.step_id == "a2__b2")
    assert inside.inputs == {"limit": 4}
    assert inside.steps == {"b1": {"total": 9}}
    assert inside.task == "do_b2"
    assert trial.agent.tasks[-1].steps["a2"] == {"total": 9}


async def forever(_task):
    await asyncio.sleep(60)
    return {}


def test_schedule_to_close_counts_over_attempts_and_runs(firm):
    trial = firm(
        step("s1", schedule_to_close="500ms", timeout="300ms", retries=5), answers={"s1": forever}
    )
    execution = trial.open()

    trial.run(execution.id)

    row = trial.steps(execution.id)["s1"]
    assert row.status == "TIMED_OUT"
    assert row.error["message"] == "step 's1' was not done within 0.5 s of its first start"
    before = len(trial.agent.calls)
    trial.agent.answers["s1"] = {}
    trial.run(execution.id)
    assert trial.steps(execution.id)["s1"].status == "TIMED_OUT"
    assert len(trial.agent.calls) <= before + 1


def test_a_silent_agent_is_given_up_and_tried_again(firm):
    async def first_silent(_task):
        if len(trial.agent.calls) == 1:
            await asyncio.sleep(60)
        for _ in range(8):
            beat()
            await asyncio.sleep(0.05)
        return {"ok": True}

    trial = firm(step("s1", heartbeat="250ms", retries=1), answers={"s1": first_silent})
    execution = trial.open()

    trial.run(execution.id)

    assert trial.steps(execution.id)["s1"].outputs == {"ok": True}
    assert trial.agent.calls == ["s1", "s1"]


def test_silence_beyond_the_last_attempt_is_a_timeout(firm):
    trial = firm(step("s1", heartbeat="100ms"), answers={"s1": forever})
    execution = trial.open()

    trial.run(execution.id)

    row = trial.steps(execution.id)["s1"]
    assert row.status == "TIMED_OUT"
    assert "no sign of life for 0.1 s" in row.error["message"]


def test_equal_work_is_not_paid_twice_where_the_template_says_so(firm):
    import uuid

    about = {"key": str(uuid.uuid4())}  # so that no other test's work is equal
    trial = firm(
        step("s1", cache="1h", parameters=about), step("s2", "s1"), answers={"s1": {"n": 1}}
    )
    first, second = trial.open(), trial.open()

    trial.run(first.id)
    trial.run(second.id)

    assert trial.agent.calls == ["s1", "s2", "s2"]
    row = trial.steps(second.id)["s1"]
    assert row.outputs == {"n": 1}
    assert row.cached_call_id == f"{first.id}:s1:1"
    assert float(trial.execution(second.id).cost_usd) == pytest.approx(0.01)


@pytest.mark.parametrize("change", [{"cache": "1ms"}, {"parameters": {"other": True}}])
def test_old_or_other_work_is_done_anew(firm, change):
    trial = firm(step("s1", **{"cache": "1h", "parameters": {"here": "old or other"}, **change}))
    first, second = trial.open(), trial.open()
    trial.run(first.id)
    if "parameters" in change:
        changed = trial.template.steps[0].model_copy(update={"parameters": {"third": 1}})
        trial.template = trial.template.model_copy(update={"steps": (changed,)})
        second = trial.open()

    trial.run(second.id)

    assert trial.agent.calls == ["s1", "s1"]


def test_work_for_another_client_is_never_taken(firm):
    import psycopg

    trial = firm(step("s1", cache="1h", parameters={"here": "clients"}))
    first, second = trial.open(), trial.open()
    with psycopg.connect(trial.url, autocommit=True) as connection:
        connection.execute(
            "update workflow_executions set client_id = 'other' where workflow_execution_id = %s",
            (second.id,),
        )

    trial.run(first.id)
    trial.run(second.id)

    assert trial.agent.calls == ["s1", "s1"]
