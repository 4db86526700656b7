"""Compiled templates on a real Dagster instance and a real database: order, conditions, sign-offs, durability."""

import asyncio
import time
from decimal import Decimal
from typing import Any

import dagster as dg
import psycopg
import pytest

from prisma_assets.domain.errors import InputError, PermanentError, RetryableError
from prisma_assets.domain.workflow.sign_off import Approved, Waiting
from prisma_assets.store.run_lock import AlreadyRunningError, RunLock

SIGNED = {"kind": "AGENT_ACTION", "roles": ["MANAGER"]}


def step(step_id: str, **extra: Any) -> dict[str, Any]:
    """One step of a test template."""
    return {
        "id": step_id, "name": f"do_{step_id}", "title": f"Step {step_id}", "objective": "Tested.",
        "agent": "audit-plan-012", **extra,
    }  # fmt: skip


def test_steps_run_in_order_and_hand_on_their_outputs(firm):
    trial = firm(
        step("s1"), step("s2", after=["s1"]), step("s3", after=["s2"]), answers={"s1": {"x": 7}}
    )

    execution = trial.open()
    run = trial.run(execution.id)

    assert run.status == dg.DagsterRunStatus.SUCCESS
    assert trial.agent.calls == ["s1", "s2", "s3"]
    assert trial.agent.tasks[2].steps["s1"] == {"x": 7}
    assert trial.execution(execution.id).status == "COMPLETED"
    assert trial.execution(execution.id).cost_usd == Decimal("0.03")


def test_a_step_and_its_call_are_one_transaction(firm):
    """The answer is paid for and the step done, or neither is stored: what lies between is a commit per step."""
    trial = firm(step("s1"), step("s2", after=["s1"]))
    execution = trial.open()

    trial.run(execution.id)

    with psycopg.connect(trial.url) as connection:
        writers = connection.execute(
            "select w.xmin::text, c.xmin::text, t.xmin::text from workflow_step_executions w "
            "join agent_cost_tracking t using (workflow_execution_id, step_id) join agent_calls c using (call_id) "
            "where w.workflow_execution_id = %s",
            (execution.id,),
        ).fetchall()
    assert [len(set(w)) for w in writers] == [1, 1]
    assert len({w[0] for w in writers}) == 2


def test_an_answer_that_cannot_be_stored_fails_the_step_and_is_paid_once(firm):
    """PostgreSQL's jsonb has no zero character."""
    trial = firm(step("s1"), answers={"s1": {"text": "a\u0000b"}})
    execution = trial.open()

    for _ in range(2):
        assert trial.run(execution.id).status == dg.DagsterRunStatus.FAILURE

    assert trial.statuses(execution.id) == {"s1": "FAILED"}
    assert trial.agent.calls == ["s1"]


def test_parallel_steps_run_together(firm):
    """Twelve waits of a fifth of a second in one process must overlap."""

    async def wait(_task):
        await asyncio.sleep(0.2)
        return {}

    middle = [
        step(f"m{i}", after=["s"], agent=a)
        for i, a in enumerate(["audit-plan-012", "audit-risk-013", "audit-subst-014"])
    ]
    trial = firm(step("s"), *middle, answers={f"m{i}": wait for i in range(3)})
    peak = _peak_of(trial, ["m0", "m1", "m2"])
    execution = trial.open()

    trial.run(execution.id)

    assert max(peak) == 3
    assert trial.execution(execution.id).status == "COMPLETED"


def _peak_of(trial, steps):
    peak, active = [], set()
    for name in steps:
        inner = trial.agent.answers[name]

        async def counted(task, inner=inner):
            active.add(task.step_id)
            peak.append(len(active))
            outputs = await inner(task)
            active.discard(task.step_id)
            return outputs

        trial.agent.answers[name] = counted
    return peak


@pytest.mark.parametrize(("needed", "expected"), [(True, "COMPLETED"), (False, "SKIPPED")])
def test_a_false_condition_is_a_result_and_what_follows_runs(firm, needed, expected):
    trial = firm(
        step("s1"),
        step("s2", after=["s1"], when="steps.s1.needed"),
        step("s3", after=["s1", "s2"], when="status.s2 == 'SKIPPED' || true"),
        answers={"s1": {"needed": needed}},
    )
    execution = trial.open()

    run = trial.run(execution.id)

    assert trial.statuses(execution.id) == {"s1": "COMPLETED", "s2": expected, "s3": "COMPLETED"}
    assert trial.execution(execution.id).status == "COMPLETED"
    skipped = {
        e.step_key
        for e in trial.instance.all_logs(run.run_id, of_type=dg.DagsterEventType.STEP_SKIPPED)
    }
    assert skipped == (set() if needed else {"s2_do_s2"})


def test_a_condition_that_cannot_be_decided_fails_the_execution(firm):
    trial = firm(step("s1"), step("s2", after=["s1"], when="steps.s1.missing > 1"))
    execution = trial.open()

    run = trial.run(execution.id)

    assert run.status == dg.DagsterRunStatus.FAILURE
    assert trial.execution(execution.id).status == "FAILED"
    assert "steps.s1.missing" in trial.execution(execution.id).error["message"]


def test_a_sign_off_parks_the_execution_and_the_next_run_continues_it(firm):
    trial = firm(
        step("s1"), step("s2", after=["s1"], sign_off=SIGNED), step("s3", after=["s1", "s2"])
    )
    execution = trial.open()

    parked = trial.run(execution.id)
    waiting = trial.execution(execution.id).status, trial.statuses(execution.id)
    state = trial.sign(execution.id, "s2", "max")
    trial.run(execution.id)

    assert parked.status == dg.DagsterRunStatus.SUCCESS
    assert trial.instance.get_run_by_id(parked.run_id).tags["prisma/state"] == "waiting_approval"
    assert waiting == ("WAITING_APPROVAL", {"s1": "COMPLETED", "s2": "WAITING_APPROVAL"})
    assert isinstance(state, Approved)
    assert trial.agent.calls == ["s1", "s2", "s3"]
    assert trial.execution(execution.id).status == "COMPLETED"
    assert len(trial.ask(lambda store: store.runs(execution.id))) == 2


def test_a_rejected_sign_off_ends_the_execution_as_the_template_says(firm):
    trial = firm(step("s1", sign_off={**SIGNED, "on_reject": "DECLINED"}), step("s2", after=["s1"]))
    execution = trial.open()
    trial.run(execution.id)

    trial.sign(execution.id, "s1", "max", "reject", "not for us")
    trial.run(execution.id)

    ended = trial.execution(execution.id)
    assert (ended.status, ended.error["message"]) == (
        "DECLINED",
        "Step s1: rejected by max: not for us",
    )
    assert trial.agent.calls == ["s1"]


def test_requested_changes_have_the_step_done_again_and_signed_again(firm):
    trial = firm(step("s1", sign_off=SIGNED), answers={"s1": [{"draft": 1}, {"draft": 2}]})
    execution = trial.open()
    trial.run(execution.id)

    trial.sign(execution.id, "s1", "max", "changes", "too short")
    trial.run(execution.id)
    again = trial.steps(execution.id)["s1"]
    trial.sign(execution.id, "s1", "max")
    trial.run(execution.id)

    assert (again.iteration, again.attempt) == (2, 1)
    assert (again.status, again.outputs) == ("WAITING_APPROVAL", {"draft": 2})
    assert trial.agent.tasks[1].review_notes == ("too short",)
    assert trial.execution(execution.id).status == "COMPLETED"


@pytest.mark.parametrize(
    ("step_id", "user", "decision", "comment", "sentence"),
    [
        ("s1", "stranger", "approve", "", "stranger is not on the engagement's team"),
        ("s1", "pat", "approve", "", "the sign-off now needs MANAGER"),
        ("s1", "max", "reject", "", "needs a comment"),
        ("s2", "max", "approve", "", "does not wait for a sign-off; waiting: s1"),
        ("s9", "max", "approve", "", "has no step 's9'"),
    ],
)
def test_a_decision_that_cannot_count_is_refused_with_the_reason(
    firm, step_id, user, decision, comment, sentence
):
    trial = firm(step("s1", sign_off=SIGNED), step("s2", after=["s1"], sign_off=SIGNED))
    execution = trial.open()
    trial.run(execution.id)

    with pytest.raises(InputError, match=sentence):
        trial.sign(execution.id, step_id, user, decision, comment)


def test_two_signatures_in_turn(firm):
    trial = firm(
        step("s1", sign_off={"kind": "K", "roles": ["MANAGER", "PARTNER"], "in_turn": True})
    )
    execution = trial.open()
    trial.run(execution.id)

    with pytest.raises(InputError, match="now needs MANAGER"):
        trial.sign(execution.id, "s1", "pat")
    first = trial.sign(execution.id, "s1", "max")
    second = trial.sign(execution.id, "s1", "pat")

    assert first == Waiting(roles=("PARTNER",))
    assert isinstance(second, Approved)


def test_a_failed_step_is_named_and_the_next_run_does_only_what_is_left(firm):
    trial = firm(
        step("s1"), step("s2", after=["s1"]), step("s3", after=["s1"]), step("s4", after=["s2", "s3"]),
        answers={"s2": [PermanentError("the ledger is locked"), {}]},
    )  # fmt: skip
    execution = trial.open()

    run = trial.run(execution.id)
    failed = trial.execution(execution.id)
    before = sorted(trial.agent.calls)
    trial.run(execution.id)

    assert run.status == dg.DagsterRunStatus.FAILURE
    assert (failed.status, failed.error["step_id"], failed.error["message"]) == (
        "FAILED",
        "s2",
        "the ledger is locked",
    )
    assert before == ["s1", "s2", "s3"]
    assert trial.agent.calls[3:] == ["s2", "s4"]
    assert trial.execution(execution.id).status == "COMPLETED"
    assert trial.execution(execution.id).error is None


def test_only_what_may_succeed_is_tried_again(firm):
    trial = firm(
        step("s1", retries=2), step("s2", after=["s1"], retries=2),
        answers={"s1": [RetryableError("busy"), {}], "s2": PermanentError("never")},
    )  # fmt: skip
    execution = trial.open()

    trial.run(execution.id)

    assert trial.agent.calls == ["s1", "s1", "s2"]


def test_a_step_that_takes_too_long_is_stopped(firm):
    async def forever(_task):
        await asyncio.sleep(60)

    trial = firm(step("s1", timeout="100ms"), answers={"s1": forever})
    execution = trial.open()
    began = time.monotonic()

    trial.run(execution.id)

    assert time.monotonic() - began < 20
    assert trial.statuses(execution.id) == {"s1": "TIMED_OUT"}
    assert trial.execution(execution.id).status == "FAILED"


def test_a_result_that_ends_the_execution_stops_everything_behind_it(firm):
    ends = [
        {
            "when": "output.conclusion == 'PROHIBITED'",
            "status": "DECLINED",
            "reason": "Not independent.",
        }
    ]
    trial = firm(
        step("s1", ends=ends, sign_off=SIGNED),
        step("s2", after=["s1"]),
        answers={"s1": {"conclusion": "PROHIBITED"}},
    )
    execution = trial.open()

    run = trial.run(execution.id)

    assert run.status == dg.DagsterRunStatus.SUCCESS
    assert trial.execution(execution.id).status == "DECLINED"
    assert trial.execution(execution.id).error == {"step_id": "s1", "message": "Not independent."}
    assert trial.agent.calls == ["s1"]


def test_two_runs_of_one_execution_never_work_at_once(firm):
    """The sensor and a person may both ask for the next run; one of them is told to wait."""
    trial = firm(step("s1"))
    execution = trial.open()

    async def take_twice():
        first, second = RunLock(trial.url, execution.id), RunLock(trial.url, execution.id)
        await first.acquire()
        try:
            with pytest.raises(AlreadyRunningError, match="worked on by another run"):
                await second.acquire()
        finally:
            await first.release()
        await second.acquire()
        await second.release()

    asyncio.run(take_twice())
    trial.run(execution.id)

    assert trial.execution(execution.id).status == "COMPLETED"


def test_a_changed_template_does_not_continue_an_execution_it_did_not_start(firm):
    trial = firm(step("s1", sign_off=SIGNED), step("s2", after=["s1"]))
    execution = trial.open()
    trial.run(execution.id)
    trial.template = trial.template.model_copy(update={"version": "2", "description": "Changed."})

    run = trial.run(execution.id)

    assert run.status == dg.DagsterRunStatus.FAILURE
    assert trial.statuses(execution.id) == {"s1": "WAITING_APPROVAL"}


def test_a_run_launched_from_the_launchpad_opens_its_own_execution(firm):
    trial = firm(step("s1"), inputs={"size": {"type": "integer", "default": 3}})

    run = trial.launch({"ops": {"open_execution": {"config": {"inputs": {"size": 5}}}}})

    execution_id = trial.instance.get_run_by_id(run.run_id).tags["prisma/execution_id"]
    assert trial.execution(execution_id).inputs == {"size": 5}
    assert trial.execution(execution_id).status == "COMPLETED"
