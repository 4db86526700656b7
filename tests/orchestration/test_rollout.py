"""A changed agent on its way to its work: who gets it, what it has to show, and how it is taken back with all it wrote."""

import asyncio
import uuid
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import dagster as dg
import psycopg
import pytest
from psycopg.rows import dict_row

from jobs.deployment import BREACH_TAG, rollback_job, rollout_job
from prisma_assets.agents.cards import firm_cards
from prisma_assets.agents.registry import AgentRegistry
from prisma_assets.domain.errors import InputError
from prisma_assets.domain.experiments.assignment import is_treated
from prisma_assets.domain.experiments.release_path import Approval
from prisma_assets.engine.library import TemplateLibrary
from prisma_assets.engine.opening import Opening, checked, store_opening
from prisma_assets.learning.agent_version import Change, propose_version
from prisma_assets.learning.release import (
    Proposal,
    approve,
    known_deployment,
    pause,
    propose,
    release,
)
from prisma_assets.learning.rollback import MOST_ATTEMPTS, ask_for_rollback, reopen, take_back
from prisma_assets.learning.rollout import look
from prisma_assets.store.database import Database
from sensors.deployment import guardrail_rollback_sensor, rollout_sensor
from tests.orchestration.conftest import run_on

AGENT = "audit-control-015"
HIGH = "audit-report-021"
REGISTRY = AgentRegistry(firm_cards())
START = datetime.now(UTC) - timedelta(days=30)


def step(step_id: str, *after: str) -> dict[str, object]:
    return {
        "id": step_id, "name": f"do_{step_id}", "title": step_id, "objective": "Tested.", "agent": AGENT,
        "after": list(after),
    }  # fmt: skip


class Office:
    """A migrated database, and what people and jobs do in it."""

    def __init__(self, url: str) -> None:
        self.url = url

    def ask(self, work):
        async def go():
            async with Database(self.url, max_size=3) as database:
                return await work(database)

        return asyncio.run(go())

    def rows(self, query: str, *params):
        named = params[0] if params and isinstance(params[0], dict) else params
        with psycopg.connect(self.url, autocommit=True, row_factory=dict_row) as connection:
            cursor = connection.execute(query, named)
            return cursor.fetchall() if cursor.description else []

    def version(self, agent: str = AGENT, prompt: str = "Be brief.") -> str:
        change = Change(agent_id=agent, changes={"prompt": prompt}, reason="shorter", by="ana")
        return self.ask(lambda d: propose_version(d, REGISTRY, change))

    def begun(self, *, at: datetime = START):
        """A rollout of low risk, which begins by itself."""
        version = self.version()
        proposal = Proposal(agent_id=AGENT, version=version, by="ana")
        return self.ask(lambda d: propose(d, REGISTRY, proposal, now=at))

    def work(self, deployment, n: int, *, control: float = 0.02, treated: float = 0.02, at: datetime = START) -> None:  # fmt: skip
        """Files that met a version, an hour of work each, with these shares of failures."""
        [test] = self.rows(
            "select traffic_split_b::float8 as split from ab_tests where ab_test_id = %s", deployment.rollout_test_id
        )  # fmt: skip
        self.rows(
            """with units as (
                select n, md5(%(seed)s || n) as unit, random() < %(split)s as b,
                       %(at)s::timestamptz + n * interval '1 minute' as at
                from generate_series(1, %(n)s) n
            ), met as (
                insert into experiment_exposures (ab_test_id, unit, variant, split, first_exposed_at, recorded_at)
                select %(test)s, unit, case when b then 'B' else 'A' end, %(split)s, at, at from units
            )
            insert into agent_cost_tracking (call_id, attempt, outcome, error, task, step_id, agent_id, agent_version, ab_test_id,
                variant, experiment_unit, call_type, provider, duration_ms, tokens_in, tokens_out, cost_usd, incurred_at)
            select unit, 1, case when random() < case when b then %(treated)s else %(control)s end then 'error' else 'ok' end, '',
                'task', 's1', %(agent)s, case when b then %(to)s else %(was)s end, %(test)s, case when b then 'B' else 'A' end, unit,
                'llm', 'embedded', 100, 1, 1, 0, at + interval '1 second'
            from units""",
            {
                "seed": str(uuid.uuid4()),
                "n": n, "split": test["split"], "at": at, "test": deployment.rollout_test_id, "treated": treated,
                "control": control, "agent": deployment.agent_id, "to": deployment.to_version, "was": deployment.from_version,
            },
        )  # fmt: skip

    def look(self, now: datetime):
        [one] = self.ask(lambda d: look(d, now=now))
        return one

    def now(self, deployment):
        return self.ask(lambda d: known_deployment(d, deployment.deployment_id))


@pytest.fixture
def office(database_url) -> Office:
    return Office(database_url)


# ---- what a change needs before it begins


def test_low_risk_begins_by_itself_with_a_twentieth_of_the_work(office):
    deployment = office.begun()
    assert (deployment.stage, deployment.traffic_pct, deployment.auto_deployed) == ("canary", 5, True)  # fmt: skip
    [test] = office.rows(
        "select kind, status, assignment_unit, control_version, treatment_version from ab_tests"
    )
    assert test == {
        "kind": "rollout", "status": "running", "assignment_unit": "engagement", "control_version": "1.0.0",
        "treatment_version": deployment.to_version,
    }  # fmt: skip
    assert [n["kind"] for n in office.rows("select kind from notifications")] == [
        "deployment_began"
    ]


@pytest.mark.parametrize(
    ("changed", "said"),
    [
        ({"version": "9.9.9"}, "has no proposed version 9.9.9"),
        ({"risk": "low", "agent_id": HIGH}, "at least of high risk, not low"),
        ({"risk": "medium"}, "medium risk needs an experiment that adopted it"),
        ({"risk": "high"}, "needs a comparison on past tasks that says adopt, not none"),
        ({"risk": "high", "offline_evidence": {"verdict": "inconclusive"}}, "says adopt, not inconclusive"),
        ({"ab_test_id": str(uuid.uuid4())}, "no experiment on audit-control-015 has the id"),
    ],
)  # fmt: skip
def test_refuses_what_its_risk_does_not_allow(office, changed, said):
    agent = changed.get("agent_id", AGENT)
    proposal = replace(Proposal(agent_id=agent, version=office.version(agent), by="ana"), **changed)
    with pytest.raises(InputError, match=said):
        office.ask(lambda d: propose(d, REGISTRY, proposal, now=START))
    assert office.rows("select * from improvement_deployments") == []


def test_one_rollout_per_agent(office):
    office.begun()
    with pytest.raises(InputError, match="another deployment of audit-control-015 is open"):
        office.begun()


def test_high_risk_takes_two_people_and_not_its_author(office):
    proof = {"verdict": "adopt"}
    proposal = Proposal(agent_id=HIGH, version=office.version(HIGH), by="ana", offline_evidence=proof)  # fmt: skip
    deployment = office.ask(lambda d: propose(d, REGISTRY, proposal, now=START))
    assert deployment.stage == "pending_approval"

    def consent(user: str, role: str):
        given = Approval(user=user, role=role)
        return office.ask(
            lambda d: approve(d, deployment.deployment_id, given, comment="seen", now=START)
        )

    with pytest.raises(InputError, match="ana proposed the change"):
        consent("ana", "PARTNER")
    assert consent("max", "MANAGER").stage == "pending_approval"
    with pytest.raises(InputError, match="max has approved it already"):
        consent("max", "PARTNER")
    assert consent("pat", "PARTNER").stage == "canary"
    with pytest.raises(InputError, match="only one that waits for approval can do this"):
        consent("quinn", "PARTNER")


# ---- on its way


def test_goes_by_stages_to_all_the_work(office):
    """Time and work let it advance; the last share takes proof, or a person who answers for it."""
    deployment, now, shares = office.begun(), START, []
    for _ in range(12):
        office.work(deployment, 900, at=now + timedelta(minutes=1))
        now += timedelta(hours=25)
        office.look(now)
        deployment = office.now(deployment)
        shares.append(deployment.traffic_pct)
        if deployment.traffic_pct == 100 or deployment.needs_person:
            break
    assert shares[:4] == [10, 25, 50, 50] or shares[:4] == [10, 25, 50, 100]
    if deployment.traffic_pct == 50:
        assert "not shown to be unharmed" in deployment.waits_for
        given = Approval(user="max", role="MANAGER")
        office.ask(lambda d: release(d, deployment.deployment_id, given, reason="enough seen"))
        now += timedelta(hours=1)
        office.look(now)
    assert office.now(deployment).stage == "full"
    [live] = office.rows("select agent_id, version, set_by from live_agent_versions")
    assert live == {"agent_id": AGENT, "version": deployment.to_version, "set_by": "rollout"}
    office.look(now + timedelta(hours=24))
    assert office.now(deployment).stage == "completed"
    assert office.ask(lambda d: look(d, now=now + timedelta(hours=48))) == []


def test_a_repeated_look_changes_nothing(office):
    deployment = office.begun()
    office.work(deployment, 300)
    first = office.look(START + timedelta(hours=12))
    again = office.look(START + timedelta(hours=12))
    assert (first.units > 0, again.units) == (True, 0)
    assert first.move == again.move


def test_a_pause_holds_and_an_author_cannot_release(office):
    deployment = office.begun()
    office.work(deployment, 900)
    office.ask(lambda d: pause(d, deployment.deployment_id, by="max", reason="month end"))
    office.look(START + timedelta(hours=30))
    assert office.now(deployment).waits_for == "paused by a person"
    office.ask(lambda d: pause(d, deployment.deployment_id, by="max", reason="over", go_on=True))
    office.look(START + timedelta(hours=31))
    deployment = office.now(deployment)
    assert deployment.traffic_pct == 10
    ana = Approval(user="ana", role="PARTNER")
    with pytest.raises(InputError, match="ana proposed the change"):
        office.ask(lambda d: release(d, deployment.deployment_id, ana, reason="mine"))


def test_vanished_traffic_holds_and_calls_a_person(office):
    deployment = office.begun()
    office.look(START + timedelta(days=3))
    assert office.now(deployment).waits_for == "no work reached either version in 72 h"
    told = office.rows("select subject from notifications where kind = 'deployment_waits'")
    assert len(told) == 1


# ---- and back


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
    from prisma_assets.store.run_lock import RunLock

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
