"""Sign-offs rest on what was shown: when that changes they count no more, are asked again, and people are told what changed."""

import psycopg
import pytest

from prisma_assets.domain.errors import InputError
from prisma_assets.engine.report import report
from prisma_assets.store.sign_off import SignOffStore
from prisma_assets.store.workflow_record import NewSignOff

BASE = {"title": "T", "objective": "T.", "agent": "audit-plan-012"}
PLAN = {**BASE, "id": "s1", "name": "plan"}
TEST = {
    **BASE, "id": "s2", "name": "test", "after": ["s1"], "sign_off": {"kind": "K", "roles": ["MANAGER"]},
}  # fmt: skip
CLOSE = {
    **BASE, "id": "s3", "name": "close", "after": ["s2"],
    "sign_off": {"kind": "K", "roles": ["PARTNER"], "rework": ["s1"], "rework_limit": 1},
}  # fmt: skip


@pytest.fixture
def audit(firm):
    """Three steps in a row; the second and third are signed; the plan differs each time it is made."""
    answers = {"s1": [{"materiality": 100}, {"materiality": 120}, {"materiality": 120}]}
    return firm(PLAN, TEST, CLOSE, answers=answers)


def told(trial, execution_id):
    execution = trial.execution(execution_id)
    return trial.ask(lambda store: report(store, execution, trial.template))


def until_s3(trial):
    """The id of an execution that waits for the partner, the manager having signed."""
    execution_id = trial.open().id
    trial.run(execution_id)
    trial.sign(execution_id, "s2", "max")
    trial.run(execution_id)
    return execution_id


def tamper(trial, execution_id, step):
    """Change a stored result behind everybody's back."""
    with psycopg.connect(trial.url, autocommit=True) as connection:
        connection.execute(
            "update workflow_step_executions set output = %s, output_hash = %s where workflow_execution_id = %s and step_id = %s",
            (psycopg.types.json.Jsonb({"materiality": 999}), "9" * 64, execution_id, step),
        )


def test_a_sign_off_is_bound_to_the_step_and_all_upstream(audit):
    execution_id = until_s3(audit)

    (given,) = audit.ask(lambda s: SignOffStore(source=s.database).all(execution_id))

    assert (given.user, set(given.shown)) == ("max", {"s1", "s2"})


def test_work_sent_back_is_asked_again_with_what_changed(audit):
    """The partner sends the plan back: the manager's signature on work that rests on it counts no more."""
    execution_id = until_s3(audit)
    audit.sign(execution_id, "s3", "pat", "changes", "materiality is too low")
    audit.run(execution_id)
    run = audit.run(execution_id)

    found = told(audit, execution_id)

    assert found["status"] == "WAITING_APPROVAL"
    assert found["waiting_for"] == {"s2": ["MANAGER"]}
    (stale,) = found["stale_sign_offs"]
    assert (stale["step_id"], stale["user"], stale["role"]) == ("s2", "max", "MANAGER")
    assert stale["signed_at"] is not None
    assert stale["changes"][0]["keys"] == ({"key": "materiality", "before": 100, "after": 120},)
    assert stale["sentence"].endswith(
        "counts no more: s1 done again, materiality from 100 to 120; s2 done again with the same outputs"
    )
    assert "materiality from 100 to 120" in shown_in_dagster(audit, run.run_id, "s2_test")


def shown_in_dagster(trial, run_id, op):
    (event,) = [
        e.dagster_event
        for e in trial.instance.all_logs(run_id)
        if e.dagster_event is not None
        and e.dagster_event.step_key == op
        and "stale sign-offs" in getattr(e.dagster_event.event_specific_data, "metadata", {})
    ]
    return event.event_specific_data.metadata["stale sign-offs"].value


def test_signing_again_settles_it(audit):
    execution_id = until_s3(audit)
    audit.sign(execution_id, "s3", "pat", "changes", "too low")
    audit.run(execution_id)
    audit.run(execution_id)
    audit.sign(execution_id, "s2", "max")
    audit.run(execution_id)
    waiting_again = told(audit, execution_id)
    audit.sign(execution_id, "s3", "pat")
    audit.run(execution_id)

    found = told(audit, execution_id)

    assert (waiting_again["waiting_for"], waiting_again["stale_sign_offs"]) == (
        {"s3": ["PARTNER"]},
        [],
    )
    assert (found["status"], found["stale_sign_offs"]) == ("COMPLETED", [])


def test_a_result_changed_in_place_takes_the_signature_with_it(audit):
    """Not only rework: any row upstream that is not what was shown."""
    execution_id = until_s3(audit)
    audit.sign(execution_id, "s3", "pat")
    tamper(audit, execution_id, "s1")

    audit.run(execution_id)
    found = told(audit, execution_id)

    assert audit.statuses(execution_id) == {
        "s1": "COMPLETED", "s2": "WAITING_APPROVAL", "s3": "WAITING_APPROVAL",
    }  # fmt: skip
    assert found["status"] == "WAITING_APPROVAL"
    assert {s["user"]: s["step_id"] for s in found["stale_sign_offs"]} == {"max": "s2", "pat": "s3"}
    assert "s1 changed in place" in found["stale_sign_offs"][0]["sentence"]


def test_an_execution_never_ends_completed_on_a_stale_sign_off(firm):
    """The row changes after the run has passed the step: the last look finds it."""
    trial = firm(PLAN, TEST, CLOSE, {**BASE, "id": "s4", "name": "late", "after": ["s3"]})
    execution_id = until_s3(trial)
    trial.sign(execution_id, "s3", "pat")

    async def change_meanwhile(_):
        tamper(trial, execution_id, "s1")
        return {}

    trial.agent.answers["s4"] = change_meanwhile
    trial.run(execution_id)

    assert trial.execution(execution_id).status == "WAITING_APPROVAL"
    assert trial.statuses(execution_id)["s4"] == "COMPLETED"
    assert set(told(trial, execution_id)["waiting_for"]) == {"s2", "s3"}


def test_a_sign_off_given_on_what_has_changed_since_the_run_binds_to_what_is_there(audit):
    execution_id = until_s3(audit)
    tamper(audit, execution_id, "s2")
    audit.sign(execution_id, "s3", "pat")

    given = audit.ask(lambda s: SignOffStore(source=s.database).all(execution_id))
    requests = audit.ask(lambda s: SignOffStore(source=s.database).requests(execution_id))

    assert given[-1].shown["s2"].sha256 == "9" * 64
    assert requests["s3"].number == 2


def test_sign_offs_given_in_advance_stand_for_the_first_result_only(firm):
    trial = firm(PLAN, TEST, CLOSE)
    execution_id = trial.open().id
    advance(trial, execution_id, ("s2", "max"), ("s3", "pat"))
    trial.run(execution_id)
    completed = trial.execution(execution_id).status
    reopen(trial, execution_id)
    tamper(trial, execution_id, "s1")
    trial.run(execution_id)

    found = told(trial, execution_id)

    assert completed == "COMPLETED"
    assert found["status"] == "WAITING_APPROVAL"
    assert {(s["user"], s["step_id"]) for s in found["stale_sign_offs"]} == {
        ("max", "s2"),
        ("pat", "s3"),
    }


def advance(trial, execution_id, *signed):
    async def add(store):
        for step, user in signed:
            new = NewSignOff(execution_id=execution_id, step_id=step, user=user, decision="approve")
            await SignOffStore(source=store.database).add(new)

    trial.ask(add)


def reopen(trial, execution_id):
    with psycopg.connect(trial.url, autocommit=True) as connection:
        connection.execute(
            "update workflow_executions set status = 'FAILED' where workflow_execution_id = %s",
            (execution_id,),
        )


@pytest.mark.parametrize(
    ("user", "roles", "reason"),
    [
        ("prep", ["PARTNER"], "prepared this file"),
        ("audit-plan-012", ["MANAGER"], "agents and service accounts never sign"),
        ("robot", ["MANAGER", "SERVICE_ACCOUNT"], "agents and service accounts never sign"),
        ("nobody", None, "not on the engagement's team"),
    ],
)
def test_who_may_never_sign(audit, user, roles, reason):
    """Approver and preparer differ, and an agent never approves, whatever team it was put on."""
    execution_id = audit.open().id
    if roles is not None:
        member = psycopg.types.json.Jsonb([{"user": user, "roles": roles}])
        with psycopg.connect(audit.url, autocommit=True) as connection:
            connection.execute(
                "update workflow_executions set context = jsonb_set(context, '{team}', context->'team' || %s) where workflow_execution_id = %s",
                (member, execution_id),
            )
    audit.run(execution_id)

    with pytest.raises(InputError, match=reason):
        audit.sign(execution_id, "s2", user)


def test_one_person_never_gives_two_signatures(firm):
    two = {**PLAN, "sign_off": {"kind": "K", "roles": ["PARTNER", "PARTNER"]}}
    trial = firm(two)
    execution_id = trial.open().id
    trial.run(execution_id)
    trial.sign(execution_id, "s1", "pat")

    with pytest.raises(InputError, match="each signature needs its own person"):
        trial.sign(execution_id, "s1", "pat")


def test_sending_back_is_counted_by_requests_not_by_iterations(audit):
    """Work done again for another reason left fewer of the rounds the template allows."""
    execution_id = until_s3(audit)
    audit.sign(execution_id, "s3", "pat", "changes", "too low")
    for _ in range(2):
        audit.run(execution_id)
    audit.sign(execution_id, "s2", "max")
    audit.run(execution_id)
    audit.sign(execution_id, "s3", "pat", "changes", "still too low")
    audit.run(execution_id)

    ended = audit.execution(execution_id)

    assert ended.status == "FAILED"
    assert "more than 1 times" in ended.error["message"]
