"""What time does to sign-offs on a real instance: each reminder, escalation and rejection once, with the word of it."""

import asyncio
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import dagster as dg
import psycopg
import pytest

from jobs.sign_off_clock import sign_off_clock_job
from prisma_assets.domain.errors import InputError
from prisma_assets.engine.clock import SignOffClock
from prisma_assets.engine.library import TemplateLibrary
from prisma_assets.engine.report import report
from prisma_assets.engine.sign_off import give
from prisma_assets.store.database import Database
from prisma_assets.store.notification import NotificationStore
from prisma_assets.store.sign_off import SignOffStore
from prisma_assets.store.workflow import WorkflowStore
from prisma_assets.store.workflow_record import NewSignOff
from sensors.resume import resume_sensor
from sensors.sign_off_clock import sign_off_clock_sensor

STEP = {"id": "s1", "name": "plan", "title": "Plan", "objective": "T.", "agent": "audit-plan-012"}
GATE = {"kind": "K", "roles": ["MANAGER"], "remind": "1d"}
REMINDED = {**STEP, "sign_off": GATE}
ESCALATED = {
    **STEP,
    "sign_off": {**GATE, "expires": {"after": "3d", "then": "escalate", "to": "PARTNER"}},
}
REJECTED = {
    **STEP,
    "sign_off": {**GATE, "expires": {"after": "3d", "then": "reject"}, "on_reject": "DECLINED"},
}


@pytest.fixture
def office(firm, database_url, monkeypatch):
    """A firm with a database of its own: the clock sees every sign-off there is."""
    monkeypatch.setenv("DATABASE_URL", database_url)
    return lambda *steps, **extra: replace(firm(*steps, **extra), url=database_url)


def library(trial):
    return TemplateLibrary(templates={trial.template.name: trial.template})


def waiting(trial):
    execution_id = trial.open().id
    trial.run(execution_id)
    return execution_id


def after(**time):
    """A moment so long after now; what waits was asked for just before now."""
    return datetime.now(UTC) + timedelta(**time)


def look(trial, at):
    async def ask(store):
        done = await SignOffClock(store=store, library=library(trial), now=at).look()
        return [what for _, what in done]

    return trial.ask(ask)


def told(trial):
    """(kind, users) of everything told after the first asking, oldest first."""
    rows = trial.ask(lambda store: NotificationStore(source=store.database).recent(50))
    return [(r["kind"], [p["user"] for p in r["audience"]]) for r in reversed(rows)][1:]


def test_nothing_happens_before_its_time(office):
    trial = office(ESCALATED)
    waiting(trial)

    assert look(trial, after(hours=23)) == []
    assert told(trial) == []


def test_those_whose_signature_is_missing_are_reminded_once_a_day(office):
    trial = office(REMINDED)
    waiting(trial)

    looks = [look(trial, after(days=d)) for d in (1, 1.5, 2, 2)]

    assert looks == [["reminded"], [], ["reminded"], []]
    assert told(trial) == [("sign_off_reminder", ["max"])] * 2


def test_a_clock_that_stood_still_for_a_week_reminds_once(office):
    trial = office(REMINDED)
    waiting(trial)

    assert [look(trial, after(days=7)), look(trial, after(days=7.5)), look(trial, after(days=8))] == [
        ["reminded"], [], ["reminded"],
    ]  # fmt: skip


def test_an_escalation_lets_another_role_sign_in_place(office):
    trial = office(ESCALATED)
    execution_id = waiting(trial)
    with pytest.raises(InputError, match="now needs MANAGER; pat is PARTNER"):
        trial.sign(execution_id, "s1", "pat")
    escalate_now(trial)
    execution = trial.execution(execution_id)
    shown = trial.ask(lambda store: report(store, execution, trial.template))
    trial.sign(execution_id, "s1", "pat")
    trial.run(execution_id)

    assert told(trial) == [("sign_off_escalated", ["pat", "max"])]
    assert shown["waiting_for"] == {"s1": ["MANAGER", "PARTNER"]}
    assert trial.execution(execution_id).status == "COMPLETED"
    (given,) = trial.ask(lambda store: SignOffStore(source=store.database).all(execution_id))
    assert (given.user, given.role) == ("pat", "PARTNER")


def escalate_now(trial):
    """Have it asked for three days ago, and look at the clock."""
    backdate(trial, days=3)
    assert look(trial, datetime.now(UTC)) == ["escalated"]


def backdate(trial, **time):
    with psycopg.connect(trial.url, autocommit=True) as connection:
        connection.execute(
            "update sign_off_requests set asked_at = asked_at - %(by)s, due_at = due_at - %(by)s",
            {"by": timedelta(**time)},
        )


def test_the_preparer_and_strangers_do_not_stand_in(office):
    trial = office(ESCALATED)
    execution_id = waiting(trial)
    escalate_now(trial)

    with pytest.raises(InputError, match="prepared this file"):
        trial.sign(execution_id, "s1", "prep")


def test_nobody_stands_in_for_the_quality_reviewer(office):
    """Whoever reviews is outside the team: a partner of it who signs instead would be no review."""
    gate = {**ESCALATED["sign_off"], "roles": ["EQR"]}
    trial = office({**STEP, "sign_off": gate})
    execution_id = waiting(trial)
    escalate_now(trial)
    execution = trial.execution(execution_id)

    with pytest.raises(InputError, match="now needs EQR"):
        trial.sign(execution_id, "s1", "pat")

    assert trial.ask(lambda s: report(s, execution, trial.template))["waiting_for"] == {
        "s1": ["EQR"]
    }


def test_what_was_given_in_advance_does_not_stand_in(office):
    """Nobody knew then that it would be escalated."""
    trial = office(ESCALATED)
    execution_id = trial.open().id
    new = NewSignOff(execution_id=execution_id, step_id="s1", user="pat", decision="approve")
    trial.ask(lambda store: SignOffStore(source=store.database).add(new))
    trial.run(execution_id)
    escalate_now(trial)

    assert trial.execution(execution_id).status == "WAITING_APPROVAL"
    execution = trial.execution(execution_id)
    assert trial.ask(lambda s: report(s, execution, trial.template))["waiting_for"] == {
        "s1": ["MANAGER", "PARTNER"]
    }


def test_reminders_go_on_after_an_escalation_and_it_happens_once(office):
    trial = office(ESCALATED)
    waiting(trial)

    looks = [look(trial, after(days=d)) for d in (3, 3, 4)]

    assert looks[0] == ["escalated"]
    assert looks[1] == ["reminded"]
    assert looks[2] == ["reminded"]
    assert [kind for kind, _ in told(trial)] == [
        "sign_off_escalated", "sign_off_reminder", "sign_off_reminder",
    ]  # fmt: skip


def test_silence_never_approves_it_rejects_where_the_template_says_so(office):
    trial = office(REJECTED)
    execution_id = waiting(trial)
    done = look(trial, after(days=3))
    with pytest.raises(InputError, match="has been rejected"):
        trial.sign(execution_id, "s1", "max")
    trial.run(execution_id)

    ended = trial.execution(execution_id)

    assert done == ["rejected"]
    assert ended.status == "DECLINED"
    assert ended.error["message"] == "Plan: rejected by the clock: nobody decided within 3 d"
    assert told(trial) == [("sign_off_expired", ["max"])]
    assert look(trial, after(days=30)) == []


def test_the_clocks_rejection_asks_for_the_run_that_acts_on_it(office, instance):
    trial = office(REJECTED)
    execution_id = waiting(trial)
    look(trial, after(days=3))
    sensor = resume_sensor(library(trial), {"trial": trial.job()})
    context = dg.build_sensor_context(instance=instance, resources={"database_url": trial.url})

    (request,) = sensor.evaluate_tick(context).run_requests

    assert request.tags["prisma/execution_id"] == execution_id


def test_what_is_signed_is_left_alone(office):
    trial = office(ESCALATED)
    execution_id = waiting(trial)
    trial.sign(execution_id, "s1", "max")
    decided = look(trial, after(days=9))
    trial.run(execution_id)

    assert decided == ["nothing"]
    assert told(trial) == []
    assert look(trial, after(days=99)) == []


def test_a_failed_execution_is_not_disturbed(office):
    second = {**STEP, "id": "s2", "name": "late"}
    trial = office(REMINDED, second, answers={"s2": ValueError("broken")})
    waiting(trial)

    assert look(trial, after(days=2)) == []


def test_the_time_begins_anew_when_it_is_asked_again(office):
    trial = office(REMINDED, answers={"s1": [{"n": 1}, {"n": 2}]})
    execution_id = waiting(trial)
    backdate(trial, hours=20)
    trial.sign(execution_id, "s1", "max", "changes", "again")
    trial.run(execution_id)

    assert look(trial, after(hours=20)) == ["nothing"]
    assert look(trial, after(hours=25)) == ["reminded"]


def test_two_clocks_do_it_once(office):
    trial = office(ESCALATED)
    waiting(trial)
    at = after(days=3)

    async def both(store):
        clocks = [SignOffClock(store=store, library=library(trial), now=at) for _ in range(4)]
        return await asyncio.gather(*(clock.look() for clock in clocks))

    trial.ask(both)

    assert sorted(kind for kind, _ in told(trial)).count("sign_off_escalated") == 1


def test_an_execution_whose_template_is_gone_keeps_nobody_waiting(office):
    trial = office(REMINDED)
    waiting(trial)
    with psycopg.connect(trial.url, autocommit=True) as connection:
        connection.execute("update workflow_executions set template_sha256 = %s", ("0" * 64,))
    waiting(trial)

    assert look(trial, after(days=1)) == ["nothing", "reminded"]
    assert look(trial, after(days=1)) == []


@pytest.fixture
def tick(instance):
    def evaluate(trial, at, *, url=None):
        job = sign_off_clock_job(library(trial))
        sensor = sign_off_clock_sensor(job, now=lambda: at)
        context = dg.build_sensor_context(
            instance=instance, resources={"database_url": url or trial.url}
        )
        return sensor.evaluate_tick(context)

    return evaluate


def keys(found):
    return [r.run_key for r in found.run_requests]


def test_the_sensor_asks_once_for_what_is_due(office, tick):
    trial = office(REMINDED)
    waiting(trial)
    at = after(days=1)
    early = tick(trial, after(hours=1))
    first, same = tick(trial, at), tick(trial, at)
    waiting(trial)
    both = tick(trial, after(days=1))
    look(trial, after(days=1))

    assert early.run_requests == []
    assert early.skip_message == "no sign-off is due for a reminder, and none is overdue"
    assert len(keys(first)) == 1
    assert keys(first) == keys(same) != keys(both)
    assert tick(trial, after(days=1)).run_requests == []


def test_the_sensor_only_asks(office, tick):
    trial = office(REMINDED)
    waiting(trial)
    tick(trial, after(days=1))

    assert told(trial) == []


def test_a_database_that_does_not_answer_is_the_reason_for_skipping(office, tick):
    found = tick(office(REMINDED), after(), url="postgresql://prisma@127.0.0.1:1/prisma")

    assert found.run_requests == []
    assert "cannot be used now" in found.skip_message


def test_the_job_does_what_is_due(office, run_job):
    trial = office(ESCALATED)
    waiting(trial)
    at = after(days=3)
    product = dg.Definitions(
        jobs=[sign_off_clock_job(library(trial), now=lambda: at)],
        resources={"database_url": dg.ResourceDefinition.hardcoded_resource(trial.url)},
    )

    run = run_job(product.get_job_def("sign_off_clock_job"))

    assert run.status == dg.DagsterRunStatus.SUCCESS
    assert told(trial) == [("sign_off_escalated", ["pat", "max"])]


def test_a_decision_given_while_a_run_works_elsewhere_is_acted_on(office, instance):
    """The run had passed the step; when it rested later than the decision, the sensor never saw it."""
    beside = {**STEP, "id": "s2", "name": "beside", "after": []}
    trial = office(REMINDED, beside)
    execution_id = trial.open().id

    async def sign_meanwhile(_):
        async with Database(trial.url, max_size=2) as database:
            store = WorkflowStore(database=database)
            for _ in range(200):
                if await SignOffStore(source=database).request(execution_id, "s1") is not None:
                    break
                await asyncio.sleep(0.05)
            new = NewSignOff(
                execution_id=execution_id, step_id="s1", user="max", decision="approve"
            )
            await give(store, await store.execution(execution_id), trial.template, new)
        return {}

    trial.agent.answers["s2"] = sign_meanwhile
    trial.run(execution_id)
    sensor = resume_sensor(library(trial), {"trial": trial.job()})
    context = dg.build_sensor_context(instance=instance, resources={"database_url": trial.url})

    assert trial.execution(execution_id).status == "WAITING_APPROVAL"
    assert len(sensor.evaluate_tick(context).run_requests) == 1
