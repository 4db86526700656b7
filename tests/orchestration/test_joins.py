"""Joins: what a step waits for, and what goes on though something before it failed."""

import asyncio
from typing import Any

import dagster as dg

from prisma_assets.domain.errors import PermanentError


def step(step_id: str, *after: str, **extra: Any) -> dict[str, Any]:
    """One step of a test template."""
    return {
        "id": step_id, "name": f"do_{step_id}", "title": f"Step {step_id}", "objective": "Tested.",
        "agent": "audit-plan-012", "after": list(after), **extra,
    }  # fmt: skip


def times(trial, execution_id: str) -> dict[str, Any]:
    return {i: (r.started_at, r.status) for i, r in trial.steps(execution_id).items()}


async def slow(task):
    await asyncio.sleep(1.0)
    return {"from": task.step_id}


def test_any_begins_with_the_first_that_comes(firm):
    """What stands behind it goes ahead too; nothing waits for the slow way."""
    trial = firm(
        step("s1"), step("s2"), step("s3", "s1", "s2", join="any"), step("s4", "s3"),
        answers={"s1": {"from": "s1"}, "s2": slow},
    )  # fmt: skip
    execution = trial.open()

    run = trial.run(execution.id)

    assert run.status == dg.DagsterRunStatus.SUCCESS
    assert trial.execution(execution.id).status == "COMPLETED"
    assert trial.agent.calls.index("s4") == 3, "s1 and s2 begin, then s3 and s4 without s2"
    begun = {i: t for i, (t, _) in times(trial, execution.id).items()}
    assert (begun["s4"] - begun["s2"]).total_seconds() < 0.9
    assert sorted(trial.agent.calls) == ["s1", "s2", "s3", "s4"]
    seen = next(t for t in trial.agent.tasks if t.step_id == "s3")
    assert seen.steps == {"s1": {"from": "s1"}}


def test_any_goes_on_without_the_one_that_failed(firm):
    trial = firm(
        step("s1"), step("s2"), step("s3", "s1", "s2", join="any"),
        answers={"s1": PermanentError("the first source is closed"), "s2": {"from": "s2"}},
    )  # fmt: skip
    execution = trial.open()

    run = trial.run(execution.id)

    assert run.status == dg.DagsterRunStatus.SUCCESS
    assert trial.statuses(execution.id) == {"s1": "FAILED", "s2": "COMPLETED", "s3": "COMPLETED"}
    assert trial.execution(execution.id).status == "COMPLETED"


def test_any_of_which_none_came_fails_and_says_so(firm):
    trial = firm(
        step("s1"), step("s2"), step("s3", "s1", "s2", join="any"),
        answers={"s1": PermanentError("closed"), "s2": PermanentError("empty")},
    )  # fmt: skip
    execution = trial.open()

    run = trial.run(execution.id)

    assert run.status == dg.DagsterRunStatus.FAILURE
    assert trial.execution(execution.id).status == "FAILED"
    assert trial.steps(execution.id)["s3"].error["message"] == "step 's3': none of s1, s2 was done"

    trial.agent.answers.update(s1={"from": "s1"}, s2={})
    trial.run(execution.id)
    assert trial.execution(execution.id).status == "COMPLETED"


def test_any_of_which_all_were_skipped_is_skipped(firm):
    trial = firm(
        step("s0"), step("s1", "s0", when="false"), step("s2", "s0", when="false"),
        step("s3", "s1", "s2", join="any"), step("s4", "s3"),
    )  # fmt: skip
    execution = trial.open()

    trial.run(execution.id)

    assert trial.statuses(execution.id) == {
        "s0": "COMPLETED", "s1": "SKIPPED", "s2": "SKIPPED", "s3": "SKIPPED", "s4": "COMPLETED",
    }  # fmt: skip
    assert trial.execution(execution.id).status == "COMPLETED"


def test_done_waits_for_the_end_of_all_however_it_comes(firm):
    trial = firm(
        step("s1"), step("s2"), step("s3", "s1", "s2", join="done", when="status.s1 == 'FAILED'"),
        answers={"s1": PermanentError("closed"), "s2": slow},
    )  # fmt: skip
    execution = trial.open()

    trial.run(execution.id)

    assert trial.statuses(execution.id) == {"s1": "FAILED", "s2": "COMPLETED", "s3": "COMPLETED"}
    assert trial.agent.calls[-1] == "s3"
    assert trial.execution(execution.id).status == "COMPLETED"


def test_a_failure_that_was_gone_on_without_is_not_tried_again_by_the_next_run(firm):
    signed = {"kind": "AGENT_ACTION", "roles": ["MANAGER"]}
    trial = firm(
        step("s1"), step("s2"), step("s3", "s1", "s2", join="any", sign_off=signed),
        answers={"s1": PermanentError("closed")},
    )  # fmt: skip
    execution = trial.open()
    trial.run(execution.id)
    assert trial.execution(execution.id).status == "WAITING_APPROVAL"

    trial.sign(execution.id, "s3", "max")
    trial.run(execution.id)

    assert trial.execution(execution.id).status == "COMPLETED"
    assert trial.agent.calls.count("s1") == 1


def test_a_step_that_others_need_fails_the_execution_though_a_join_does_not(firm):
    trial = firm(
        step("s1"), step("s2"), step("s3", "s1", "s2", join="any"), step("s4", "s1"),
        answers={"s1": PermanentError("closed")},
    )  # fmt: skip
    execution = trial.open()

    run = trial.run(execution.id)

    assert run.status == dg.DagsterRunStatus.FAILURE
    assert trial.execution(execution.id).status == "FAILED"
    assert trial.statuses(execution.id)["s3"] == "COMPLETED"


def test_a_false_condition_behind_any_is_decided_ahead_as_well(firm):
    trial = firm(
        step("s1"), step("s2"), step("s3", "s1", "s2", join="any", when="false"), step("s4", "s3"),
        answers={"s2": slow},
    )  # fmt: skip
    execution = trial.open()

    trial.run(execution.id)

    assert trial.statuses(execution.id)["s3"] == "SKIPPED"
    assert trial.agent.calls in (["s1", "s2", "s4"], ["s2", "s1", "s4"])
    assert trial.execution(execution.id).status == "COMPLETED"
