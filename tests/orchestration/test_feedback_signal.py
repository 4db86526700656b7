"""What people do to an agent's work becomes feedback: after the act, each once, none lost, whenever the listener is broken off."""

import asyncio
from dataclasses import replace
from datetime import UTC, datetime

import dagster as dg
import psycopg
import pytest
from psycopg.rows import dict_row

from jobs.feedback_signal import feedback_signal_job
from prisma_assets.agents.registry import AgentRegistry
from prisma_assets.engine.redo import RedoRequest, redo
from prisma_assets.learning.feedback_intake import FeedbackIntake
from prisma_assets.learning.feedback_signal import hear_signals
from prisma_assets.store.database import Database
from prisma_assets.store.deployment import ROLLBACK
from sensors.feedback_signal import feedback_signal_sensor

AGENT = "audit-plan-012"
BASE = {"title": "T", "objective": "T.", "agent": AGENT}
GATE = {"kind": "K", "roles": ["PARTNER"]}
PLAN = {**BASE, "id": "s1", "name": "plan", "sign_off": GATE}
SUM = {
    "id": "s1", "name": "sum_up", "title": "T", "objective": "T.", "compute": {"value": "1"}, "sign_off": GATE,
}  # fmt: skip

MANY = """
with e as (
    insert into workflow_executions (template_name, template_version, template_sha256, dagster_job, context, created_by)
    values ('t', '1', repeat('a', 64), 't_job', '{}', 'ann') returning workflow_execution_id
), s as (
    insert into workflow_step_executions (workflow_execution_id, step_id, step_name, agent_id, agent_version, started_at)
    select workflow_execution_id, 's' || n, 'plan', 'audit-plan-012', '1.0.0', now() - interval '1 hour'
    from e, generate_series(1, 700) n
), r as (
    insert into step_redos (workflow_execution_id, step_ids, opened_step_ids, requested_by, reason)
    select workflow_execution_id, array['s' || n, 's' || n + 1], array['s' || n], 'max', 'wrong'
    from e, generate_series(1, 699, 2) n
)
insert into step_sign_offs (workflow_execution_id, step_id, iteration, user_id, decision, comment)
select workflow_execution_id, 's' || n, 1, 'pat', 'reject', 'no' from e, generate_series(1, 700) n
"""


@pytest.fixture
def office(firm, database_url, monkeypatch):
    """A firm with a database of its own: the listener hears every act there is."""
    monkeypatch.setenv("DATABASE_URL", database_url)
    return lambda *steps: replace(firm(*steps), url=database_url)


def hear(url):
    async def heard():
        async with Database(url, max_size=2) as database:
            return await hear_signals(database, FeedbackIntake(AgentRegistry()))

    found = asyncio.run(heard())
    return found.feedback, found.silent


def rows(url, query):
    with psycopg.connect(url, row_factory=dict_row) as connection:
        return connection.execute(query.encode()).fetchall()


def feedback(url):
    return rows(
        url,
        "select f.agent_id, f.agent_version, source, feedback_type, submitted_by, comment, iteration, f.task_id, "
        "f.created_at from agent_feedback f join workflow_step_executions using (step_execution_id) order by f.created_at",
    )


def ask_again(trial, execution_id, *, by="max"):
    asked = RedoRequest(steps=("s1",), requested_by=by, reason="ask max@example.com")
    execution = trial.execution(execution_id)
    trial.ask(lambda store: redo(store, execution, trial.template, asked))


def test_changes_asked_for_are_about_the_result_that_was_shown(office):
    trial = office(PLAN)
    execution_id = trial.open().id
    trial.run(execution_id)
    trial.sign(execution_id, "s1", "pat", decision="changes", comment="mind +356 2123 4567")
    trial.run(execution_id)

    heard = [hear(trial.url), hear(trial.url)]

    (row,) = feedback(trial.url)
    assert heard == [(1, 0), (0, 0)]
    assert (row["agent_id"], row["iteration"], row["task_id"]) == (AGENT, 1, "s1")
    assert row["agent_version"] == AgentRegistry().get(AGENT).version
    assert (row["source"], row["feedback_type"], row["submitted_by"]) == (
        "manager",
        "suggestion",
        "pat",
    )
    assert row["comment"] == "mind [PHONE_REDACTED]"
    (given,) = rows(trial.url, "select decided_at from step_sign_offs")
    assert row["created_at"] == given["decided_at"]


def test_a_rejection_and_work_done_again_are_complaints_an_approval_is_none(office):
    trial = office(PLAN)
    execution_id = trial.open().id
    trial.run(execution_id)
    trial.sign(execution_id, "s1", "pat")
    trial.run(execution_id)
    ask_again(trial, execution_id)
    trial.run(execution_id)
    ask_again(trial, execution_id, by=ROLLBACK)
    trial.run(execution_id)
    trial.sign(execution_id, "s1", "pat", decision="reject", comment="never")

    assert hear(trial.url) == (3, 0)

    found = feedback(trial.url)
    assert [(r["source"], r["submitted_by"], r["iteration"]) for r in found] == [
        ("manager", "max", 1), ("system", ROLLBACK, 2), ("manager", "pat", 3),
    ]  # fmt: skip
    assert {r["feedback_type"] for r in found} == {"complaint"}
    assert [r["comment"] for r in found] == ["ask [EMAIL_REDACTED]"] * 2 + ["never"]


def test_a_step_no_agent_did_is_noted_with_the_reason(office):
    trial = office(SUM)
    execution_id = trial.open().id
    trial.run(execution_id)
    trial.sign(execution_id, "s1", "pat", decision="reject", comment="no")

    assert [hear(trial.url), hear(trial.url)] == [(0, 1), (0, 0)]

    (noted,) = rows(trial.url, "select reason from feedback_signals")
    assert noted["reason"] == "no agent did the step"
    assert feedback(trial.url) == []


def test_listeners_broken_off_anywhere_and_several_at_once_lose_nothing_and_double_nothing(
    database_url,
):
    with psycopg.connect(database_url) as connection:
        connection.execute(MANY)

    async def broken_off(seconds):
        async with Database(database_url, max_size=2) as database:
            work = asyncio.ensure_future(hear_signals(database, FeedbackIntake(AgentRegistry())))
            await asyncio.wait([work], timeout=seconds)
            work.cancel()
            await asyncio.gather(work, return_exceptions=True)

    async def many():
        await asyncio.gather(*(broken_off(n / 12) for n in range(1, 7)))
        await asyncio.gather(*(broken_off(60) for _ in range(2)))

    asyncio.run(many())

    (count,) = rows(
        database_url, "select count(*) n, count(distinct dedupe_key) keys from agent_feedback"
    )
    assert (count["n"], count["keys"]) == (1400, 1400)
    assert hear(database_url) == (0, 0)


def test_the_sensor_asks_for_the_job_only_when_there_is_something_to_hear(
    office, run_job, instance
):
    trial = office(PLAN)
    job = feedback_signal_job(AgentRegistry())
    sensor = feedback_signal_sensor(job, now=lambda: datetime(2026, 3, 1, tzinfo=UTC))

    def tick():
        context = dg.build_sensor_context(instance, resources={"database_url": trial.url})
        return sensor.evaluate_tick(context)

    execution_id = trial.open().id
    trial.run(execution_id)
    quiet = tick()
    trial.sign(execution_id, "s1", "pat", decision="reject", comment="no")
    asked, again = tick(), tick()
    defs = dg.Definitions(jobs=[job], resources={"database_url": trial.url})
    run = run_job(defs.get_job_def(job.name))

    assert "nobody has rejected" in quiet.skip_message
    assert run.is_success
    assert asked.run_requests[0].run_key == again.run_requests[0].run_key
    assert tick().run_requests == []
    assert len(feedback(trial.url)) == 1
