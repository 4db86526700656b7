"""Who is told when a sign-off is asked for, goes stale, or passes to the next person; and the job and sensor that send it."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import dagster as dg
import psycopg
import pytest

from jobs.notification import notification_job
from prisma_assets.store.notification import NotificationStore
from prisma_assets.store.sign_off import SignOffStore
from prisma_assets.store.workflow_record import NewSignOff
from sensors.outbox import notification_sensor

BASE = {"title": "T", "objective": "T.", "agent": "audit-plan-012"}
PLAN = {**BASE, "id": "s1", "name": "plan"}
ANY_ORDER = {
    **BASE, "id": "s2", "name": "test", "after": ["s1"],
    "sign_off": {"kind": "K", "roles": ["MANAGER", "PARTNER"], "rework": ["s1"]},
}  # fmt: skip
IN_TURN = {**ANY_ORDER, "sign_off": {**ANY_ORDER["sign_off"], "in_turn": True}}


@pytest.fixture
def office(firm, database_url, monkeypatch):
    """A firm with a database of its own."""
    monkeypatch.setenv("DATABASE_URL", database_url)
    for name in (
        "PRISMA_SMTP_URL",
        "PRISMA_MAIL_FROM",
        "PRISMA_MAIL_TO",
        "PRISMA_WEBHOOK_URL",
        "PRISMA_WEBHOOK_SECRET",
    ):
        monkeypatch.delenv(name, raising=False)
    return lambda *steps, **extra: replace(firm(*steps, **extra), url=database_url)


def told(trial):
    """(kind, users, step) of everything told, oldest first."""
    rows = trial.ask(lambda store: NotificationStore(source=store.database).recent(50))
    return [(r["kind"], [p["user"] for p in r["audience"]], r["step_id"]) for r in reversed(rows)]


def waiting(trial):
    execution_id = trial.open().id
    trial.run(execution_id)
    return execution_id


def test_everybody_who_may_sign_is_told_once(office):
    """Not the preparer, though a partner: the signature would not count."""
    trial = office(PLAN, ANY_ORDER)
    execution_id = waiting(trial)
    trial.run(execution_id)

    assert told(trial) == [("sign_off_asked", ["pat", "max"], "s2")]


def test_in_turn_the_next_is_told_when_the_first_has_signed(office):
    trial = office(PLAN, IN_TURN)
    execution_id = waiting(trial)
    trial.sign(execution_id, "s2", "max")

    assert told(trial) == [("sign_off_asked", ["max"], "s2"), ("sign_off_asked", ["pat"], "s2")]


def test_nobody_is_told_of_what_was_signed_in_advance(office):
    trial = office(PLAN, ANY_ORDER)
    execution_id = trial.open().id

    async def advance(store):
        for user in ("max", "pat"):
            new = NewSignOff(execution_id=execution_id, step_id="s2", user=user, decision="approve")
            await SignOffStore(source=store.database).add(new)

    trial.ask(advance)
    trial.run(execution_id)

    assert trial.execution(execution_id).status == "COMPLETED"
    assert told(trial) == []


def test_those_who_sign_again_are_told_what_changed(office):
    trial = office(PLAN, ANY_ORDER, answers={"s1": [{"rate": 1}, {"rate": 2}]})
    execution_id = waiting(trial)
    trial.sign(execution_id, "s2", "max")
    trial.sign(execution_id, "s2", "pat", "changes", "wrong rate")
    trial.run(execution_id)
    trial.run(execution_id)

    news = trial.ask(lambda store: NotificationStore(source=store.database).take_unrouted(9))[-1]

    assert told(trial)[1:] == [("sign_off_stale", ["pat", "max"], "s2")]
    assert "max as MANAGER signed" in news.notification.text
    assert "rate from 1 to 2" in news.notification.text
    assert news.notification.facts["stale"] != []


@pytest.fixture
def tick(instance):
    def evaluate(trial, *, at=None, url=None):
        now = at or datetime(2026, 3, 2, tzinfo=UTC)
        sensor = notification_sensor(notification_job(), now=lambda: now)
        context = dg.build_sensor_context(
            instance=instance, resources={"database_url": url or trial.url}
        )
        return sensor.evaluate_tick(context)

    return evaluate


def keys(found):
    return [r.run_key for r in found.run_requests]


def test_the_sensor_asks_while_something_is_due(office, tick, run_job):
    trial = office(PLAN, ANY_ORDER)
    nothing = tick(trial)
    waiting(trial)
    first, same = tick(trial), tick(trial)
    waiting(trial)
    more = tick(trial)

    assert (nothing.run_requests, nothing.skip_message) == ([], "nothing is to be sent")
    assert len(keys(first)) == 1
    assert keys(first) == keys(same) != keys(more)


def test_a_run_that_died_is_asked_for_again(office, tick):
    """One run per key: were the key the same for ever, nobody would be told anything any more."""
    trial = office(PLAN, ANY_ORDER)
    waiting(trial)
    at = datetime(2026, 3, 2, tzinfo=UTC)

    assert keys(tick(trial, at=at)) != keys(tick(trial, at=at + timedelta(minutes=10)))


def test_a_database_that_does_not_answer_is_the_reason_for_skipping(office, tick):
    found = tick(office(PLAN, ANY_ORDER), url="postgresql://prisma@127.0.0.1:1/prisma")

    assert found.run_requests == []
    assert "cannot be used now" in found.skip_message


def test_the_job_sends_and_the_sensor_rests(office, tick, run_job, instance):
    trial = office(PLAN, ANY_ORDER)
    execution_id = waiting(trial)
    product = dg.Definitions(
        jobs=[notification_job()],
        resources={"database_url": dg.ResourceDefinition.hardcoded_resource(trial.url)},
    )

    run = run_job(product.get_job_def("notification_job"))

    assert run.status == dg.DagsterRunStatus.SUCCESS
    assert tick(trial).run_requests == []
    logged = [e.user_message for e in instance.all_logs(run.run_id)]
    assert any("Sign-off needed: T" in line and execution_id in line for line in logged)
    with psycopg.connect(trial.url) as connection:
        rows = connection.execute("select channel, status from notification_deliveries").fetchall()
    assert rows == [("log", "sent")]
