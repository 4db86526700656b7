"""Finished work done again on request: with everything behind it, a reason on record, and every signature asked again."""

import asyncio

import pytest

from prisma_assets.domain.errors import InputError
from prisma_assets.engine.redo import RedoRequest, redo
from prisma_assets.engine.report import report
from prisma_assets.store.run_lock import AlreadyRunningError, RunLock

BASE = {"title": "T", "objective": "T.", "agent": "audit-plan-012"}
PLAN = {**BASE, "id": "s1", "name": "plan"}
BESIDE = {**BASE, "id": "s2", "name": "beside"}
CLOSE = {
    **BASE, "id": "s3", "name": "close", "after": ["s1"], "sign_off": {"kind": "K", "roles": ["PARTNER"]},
}  # fmt: skip


@pytest.fixture
def audit(firm):
    return firm(PLAN, BESIDE, CLOSE, answers={"s1": [{"rate": 1}, {"rate": 2}]})


def completed(trial):
    execution_id = trial.open().id
    trial.run(execution_id)
    trial.sign(execution_id, "s3", "pat")
    trial.run(execution_id)
    assert trial.execution(execution_id).status == "COMPLETED"
    return execution_id


def again(trial, execution_id, *steps, reason="the agent's version was taken back", by="max"):
    asked = RedoRequest(steps=steps, requested_by=by, reason=reason)
    execution = trial.execution(execution_id)
    return trial.ask(lambda store: redo(store, execution, trial.template, asked))


def told(trial, execution_id):
    execution = trial.execution(execution_id)
    return trial.ask(lambda store: report(store, execution, trial.template))


def test_a_completed_execution_is_opened_again_with_everything_behind_the_step(audit):
    execution_id = completed(audit)

    done = again(audit, execution_id, "plan")

    assert (done.step_ids, done.opened_step_ids) == (("s1",), ("s1", "s3"))
    assert audit.execution(execution_id).status == "PENDING"
    assert audit.execution(execution_id).completed_at is None
    assert {i: r.iteration for i, r in audit.steps(execution_id).items()} == {
        "s1": 2,
        "s2": 1,
        "s3": 2,
    }


def test_the_next_run_does_it_again_and_asks_again(audit):
    execution_id = completed(audit)
    again(audit, execution_id, "s1")
    audit.run(execution_id)

    found = told(audit, execution_id)
    notes = [t.review_notes for t in audit.agent.tasks if t.step_id == "s1"]

    assert audit.agent.calls.count("s1") == 2
    assert audit.agent.calls.count("s2") == 1
    assert notes == [(), ("the agent's version was taken back",)]
    assert found["waiting_for"] == {"s3": ["PARTNER"]}
    assert "pat as PARTNER signed" in found["stale_sign_offs"][0]["sentence"]
    assert "rate from 1 to 2" in found["stale_sign_offs"][0]["sentence"]


def test_who_asked_and_why_is_on_record(audit):
    execution_id = completed(audit)
    again(audit, execution_id, "s1", "s2", reason="  new evidence ", by="pat")

    (kept,) = told(audit, execution_id)["redos"]

    assert (kept["requested_by"], kept["reason"]) == ("pat", "new evidence")
    assert kept["opened_step_ids"] == ("s1", "s2", "s3")
    assert kept["requested_at"] is not None


def test_work_that_waits_for_its_signature_may_be_done_again(audit):
    execution_id = audit.open().id
    audit.run(execution_id)

    assert again(audit, execution_id, "s3").opened_step_ids == ("s3",)


@pytest.mark.parametrize(
    ("steps", "reason", "sentence"),
    [
        (("s1",), " ", "for a reason"),
        (("s9",), "why", "has no step 's9'"),
        (("s3",), "why", "'s3' is PENDING; only work that is done"),
    ],
)
def test_what_is_refused_changes_nothing(firm, steps, reason, sentence):
    trial = firm({**PLAN, "sign_off": {"kind": "K", "roles": ["PARTNER"]}}, CLOSE)
    execution_id = trial.open().id
    trial.run(execution_id)

    with pytest.raises(InputError, match=sentence):
        again(trial, execution_id, *steps, reason=reason)

    assert {i: r.iteration for i, r in trial.steps(execution_id).items()} == {"s1": 1}
    assert trial.execution(execution_id).status == "WAITING_APPROVAL"


def test_a_declined_execution_stays_declined(firm):
    trial = firm(PLAN, {**CLOSE, "sign_off": {**CLOSE["sign_off"], "on_reject": "DECLINED"}})
    execution_id = trial.open().id
    trial.run(execution_id)
    trial.sign(execution_id, "s3", "pat", "reject", "no")
    trial.run(execution_id)

    with pytest.raises(InputError, match="was declined, which is a decision of the firm"):
        again(trial, execution_id, "s1")


def test_work_under_way_is_left_alone(audit):
    execution_id = completed(audit)

    async def while_held(store):
        lock = RunLock(audit.url, execution_id)
        await lock.acquire()
        try:
            execution = await store.execution(execution_id)
            asked = RedoRequest(steps=("s1",), requested_by="max", reason="why")
            await redo(store, execution, audit.template, asked)
        finally:
            await lock.release()

    with pytest.raises(AlreadyRunningError, match="is being worked on"):
        audit.ask(while_held)


def test_two_at_once_open_one_iteration(audit):
    execution_id = completed(audit)

    async def both(store):
        execution = await store.execution(execution_id)
        asked = RedoRequest(steps=("s1",), requested_by="max", reason="why")
        return await asyncio.gather(
            *(redo(store, execution, audit.template, asked) for _ in range(2)),
            return_exceptions=True,
        )

    ends = audit.ask(both)

    assert sum(isinstance(e, (InputError, AlreadyRunningError)) for e in ends) == 1
    assert audit.steps(execution_id)["s1"].iteration == 2
