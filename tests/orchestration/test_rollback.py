"""A version that did harm is taken back with every result it wrote, once, and all or nothing."""

from dataclasses import replace

import dagster as dg
import psycopg
import pytest

from jobs.deployment import BREACH_TAG, rollback_job, rollout_job
from prisma_assets.domain.errors import InputError
from prisma_assets.domain.experiments.assignment import is_treated
from prisma_assets.engine.library import TemplateLibrary
from prisma_assets.engine.opening import Opening, checked, store_opening
from prisma_assets.learning.rollback import ask_for_rollback, reopen, take_back
from prisma_assets.store.run_lock import RunLock
from sensors.deployment import MOST_ATTEMPTS, guardrail_rollback_sensor, rollout_sensor
from tests.orchestration.conftest import run_on
from tests.orchestration.rollout_office import AGENT, REGISTRY, Office


def step(step_id: str, *after: str) -> dict[str, object]:
    return {
        "id": step_id, "name": f"do_{step_id}", "title": step_id, "objective": "Tested.", "agent": AGENT,
        "after": list(after),
    }  # fmt: skip


@pytest.fixture
def jobs(instance, firm_url):
    """The module's instance with an empty library, its database open to the office."""
    with psycopg.connect(firm_url, autocommit=True) as connection:
        connection.execute("update ab_tests set status = 'cancelled' where status = 'running'")
        connection.execute("delete from guardrail_breaches where served_at is null")
        connection.execute(
            "update improvement_deployments set stage = 'rejected' where stage in ('pending_approval', 'canary')"
        )
    return instance, Office(firm_url)


def run(instance, job: dg.JobDefinition, url: str, **tags: str) -> dg.DagsterRun:
    bound = dg.Definitions(jobs=[job], resources={"database_url": url}).get_job_def(job.name)
    return run_on(instance, bound, tags=tags)


def test_harm_is_taken_back_in_the_run_that_sees_it_with_every_result_it_wrote(jobs, firm):
    """From the breach in the data to the version before, and its steps open again, in one run."""
    instance, office = jobs
    trial = firm(step("s1"), step("s2", "s1"), name="rolled_back_trial")
    deployment = office.begun()
    salt = office.rows(
        "select assignment_salt as salt from ab_tests where ab_test_id = %s", deployment.rollout_test_id
    )[0]["salt"]  # fmt: skip
    files = (f"file-{n}" for n in range(10_000))
    bad_file = next(f for f in files if is_treated(f, salt=salt, split=0.05))
    good_file = next(f for f in files if not is_treated(f, salt=salt, split=0.05))
    office.work(deployment, 3_000, control=0.02, treated=0.4)
    bad, good = (_open(trial, file) for file in (bad_file, good_file))
    for execution_id in (bad, good):
        assert trial.run(execution_id).status is dg.DagsterRunStatus.SUCCESS
    assert _versions(trial, bad) == {"s1": deployment.to_version, "s2": deployment.to_version}

    library = TemplateLibrary(templates={trial.template.name: trial.template})
    ended = run(instance, rollout_job(library), trial.url)
    assert ended.status is dg.DagsterRunStatus.SUCCESS

    after = office.now(deployment)
    assert after.stage == "rolled_back"
    assert after.rollback_reason.startswith("error_rate is worse than the version beside it")
    [live] = office.rows(
        "select version, set_by from live_agent_versions where agent_id = %s order by live_version_id desc limit 1",
        AGENT,
    )
    assert live == {"version": "1.0.0", "set_by": "rollback"}
    marked = office.ask(
        lambda d: d.fetch("reperformances", {"deployment_id": deployment.deployment_id})
    )
    assert [(m["workflow_execution_id"], m["step_id"]) for m in marked] == [(bad, "s1"), (bad, "s2")]  # fmt: skip
    assert all(m["opened_at"] for m in marked)
    assert trial.execution(good).status == "COMPLETED"

    assert trial.execution(bad).status == "PENDING"
    assert trial.run(bad).status is dg.DagsterRunStatus.SUCCESS
    assert _versions(trial, bad) == {"s1": "1.0.0", "s2": "1.0.0"}
    assert trial.execution(bad).status == "COMPLETED"


def test_a_person_takes_a_version_back_and_one_breach_is_one_rollback(jobs):
    instance, office = jobs
    deployment = office.begun()
    with pytest.raises(InputError, match="give both"):
        office.ask(lambda d: ask_for_rollback(d, deployment.deployment_id, by="max", reason=" "))
    for _ in range(2):
        office.ask(lambda d: ask_for_rollback(d, deployment.deployment_id, by="max", reason="odd wording"))  # fmt: skip
    [breach] = office.ask(lambda d: d.fetch("unserved_breaches", {"limit": 9}))

    [request] = _tick(guardrail_rollback_sensor, rollback_job, instance, office).run_requests
    assert request.run_key == f"rollback:{breach['breach_id']}:1"
    assert request.tags[BREACH_TAG] == breach["breach_id"]
    assert office.ask(lambda d: take_back(d, breach["breach_id"])).reason == "odd wording"
    assert office.ask(lambda d: take_back(d, breach["breach_id"])) is None
    assert "no unserved breach" in str(_tick(guardrail_rollback_sensor, rollback_job, instance, office).skip_message)  # fmt: skip
    with pytest.raises(InputError, match="is rolled_back; only one that is at work"):
        office.ask(
            lambda d: ask_for_rollback(d, deployment.deployment_id, by="max", reason="again")
        )


def test_a_rollback_that_fails_leaves_nothing_half_done_and_ends_in_a_person(jobs):
    """Nobody kept the version before: nothing changes, the next attempt has another key, and after five a person is named."""
    instance, office = jobs
    deployment = office.begun()
    office.ask(lambda d: ask_for_rollback(d, deployment.deployment_id, by="max", reason="odd"))
    office.rows(
        "update improvement_deployments set from_version = '0.0.1' where deployment_id = %s",
        deployment.deployment_id,
    )
    [breach] = office.ask(lambda d: d.fetch("unserved_breaches", {"limit": 9}))
    for attempt in range(MOST_ATTEMPTS):
        [request] = _tick(guardrail_rollback_sensor, rollback_job, instance, office).run_requests
        assert request.run_key == f"rollback:{breach['breach_id']}:{attempt + 1}"
        with pytest.raises(Exception, match=r"nobody kept what version 0\.0\.1"):
            office.ask(lambda d: take_back(d, breach["breach_id"]))
    assert office.now(deployment).stage == "canary"
    said = str(_tick(guardrail_rollback_sensor, rollback_job, instance, office).skip_message)
    assert said.startswith("a person has to take back: audit-control-015 (PrismaError: nobody kept")
    office.rows(
        "update improvement_deployments set from_version = '1.0.0' where deployment_id = %s", deployment.deployment_id
    )  # fmt: skip
    assert office.ask(lambda d: take_back(d, breach["breach_id"])) is not None


def test_steps_wait_while_a_run_works_on_their_execution(jobs, firm):
    """They are opened by a later run; a cancelled execution is left, with the reason."""
    instance, office = jobs
    trial = firm(step("s1"), name="waiting_trial")
    deployment = office.begun()
    first, second = (_open(trial, f"f{n}") for n in (1, 2))
    for execution_id in (first, second):
        trial.run(execution_id)
        office.rows(
            "update workflow_step_executions set agent_version = %s where workflow_execution_id = %s",
            deployment.to_version, execution_id,
        )  # fmt: skip
    office.rows(
        "update workflow_executions set status = 'CANCELLED' where workflow_execution_id = %s",
        second,
    )
    office.ask(lambda d: ask_for_rollback(d, deployment.deployment_id, by="max", reason="odd"))
    [breach] = office.ask(lambda d: d.fetch("unserved_breaches", {"limit": 9}))
    taken = office.ask(lambda d: take_back(d, breach["breach_id"]))
    assert (taken.steps, taken.executions) == (2, 2)

    async def template_of(_execution):
        return trial.template

    async def while_worked_on(database):
        lock = RunLock(trial.url, first)
        await lock.acquire()
        try:
            return await reopen(database, template_of)
        finally:
            await lock.release()

    said = {r.execution_id: r.left_because for r in office.ask(while_worked_on)}
    assert "is being worked on by another run" in said[first]
    assert said[second] == "the execution was cancelled; nobody relies on it"
    assert _tick(rollout_sensor, rollout_job, instance, office).run_requests
    [opened] = office.ask(lambda d: reopen(d, template_of))
    assert (opened.execution_id, opened.left_because) == (first, None)
    assert "no new version" in str(_tick(rollout_sensor, rollout_job, instance, office).skip_message)  # fmt: skip


def _tick(sensor, job, instance, office):
    context = dg.build_sensor_context(instance=instance, resources={"database_url": office.url})
    return sensor(job(TemplateLibrary(templates={}))).evaluate_tick(context)


def _open(trial, engagement: str) -> str:
    opening = Opening(template=trial.template, agents=REGISTRY, inputs={}, created_by="tester")
    ready = checked(opening)
    ready = replace(ready, execution=replace(ready.execution, engagement_id=engagement))
    execution, _ = trial.ask(lambda store: store_opening(store, ready))
    return str(execution.id)


def _versions(trial, execution_id: str) -> dict[str, str]:
    with psycopg.connect(trial.url) as connection:
        query = "select step_id, agent_version from latest_step_executions where workflow_execution_id = %s"
        return dict(connection.execute(query, (execution_id,)).fetchall())
