"""What is left in the middle is found and continued without a person, as often as there is hope; what hangs is said to hang."""

import asyncio
import json
import signal
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import dagster as dg
import psycopg
import pytest

from prisma_assets.agents.cards import firm_cards
from prisma_assets.agents.registry import AgentRegistry
from prisma_assets.domain.errors import PermanentError
from prisma_assets.engine.library import TemplateLibrary
from prisma_assets.engine.opening import Opening, open_execution
from prisma_assets.engine.recovery import MOST_DEATHS, stuck_executions
from prisma_assets.store import run_lock
from prisma_assets.store.database import Database
from prisma_assets.store.run_lock import AlreadyRunningError, RunLock, is_worked_on
from sensors.resume import AGAIN_SECONDS, FREE_SECONDS, MOST_AGAIN, resume_sensor
from tests.orchestration import dying_run
from tests.orchestration.dying_run import BY_SENSOR, UNDO_TASK, DeadlyAgent

NOW = datetime.now(UTC)
UNDO = {"task": UNDO_TASK, "retries": 0}


def step(step_id, *after, **extra):
    return {
        "id": step_id, "name": f"do_{step_id}", "title": step_id, "objective": "Tested.",
        "agent": "audit-plan-012", "after": list(after), **extra,
    }  # fmt: skip


CHAIN = (step("s1"), step("s2", "s1"), step("s3", "s2"))


@pytest.fixture
def office(firm, database_url, monkeypatch):
    """A firm with a database of its own, its runs in processes that die, and the sensor that watches them."""
    monkeypatch.setenv("DATABASE_URL", database_url)

    def build(*steps, **extra):
        trial = replace(firm(*steps, **extra), url=database_url)
        library = TemplateLibrary(templates={trial.template.name: trial.template})
        trial.cursor, trial.began = None, NOW

        def tick(later=0.0, *, library=library):
            sensor = resume_sensor(
                library, {"trial": trial.job()}, now=lambda: trial.began + timedelta(seconds=later)
            )
            context = dg.build_sensor_context(
                instance=trial.instance,
                cursor=trial.cursor,
                resources={"database_url": database_url},
            )
            found = sensor.evaluate_tick(context)
            trial.cursor = found.cursor
            return found

        def die(execution_id, where, *, job="trial_job", **tags):
            tags = {"prisma/execution_id": execution_id, **tags}
            code = dying_run.die(
                trial.instance, database_url, trial.template, deadly=where, tags=tags, job=job
            )
            assert code == -signal.SIGKILL

        def finish(execution_id, *, job="trial_job", **tags):
            agent = DeadlyAgent()
            tags = {"prisma/execution_id": execution_id, **tags}
            run = dying_run.run(trial.instance, trial.template, agent, tags=tags, job=job)
            return run, agent.asked

        def sql(statement, *params):
            with psycopg.connect(database_url, autocommit=True) as connection:
                return connection.execute(statement, params)

        trial.tick, trial.die, trial.finish, trial.sql = tick, die, finish, sql
        return trial

    return build


def runs_of(trial, execution_id):
    return trial.instance.get_runs(dg.RunsFilter(tags={"prisma/execution_id": execution_id}))


def keys(found):
    return [r.run_key for r in found.run_requests]


def test_a_run_whose_process_was_killed_is_continued_without_a_person(office):
    """Seen with a free lock twice, some seconds apart; then one run does what is missing, and nothing twice."""
    trial = office(*CHAIN)
    execution_id = trial.open().id
    trial.die(execution_id, ("s2", "do"))
    [dead] = runs_of(trial, execution_id)

    first, soon = trial.tick(), trial.tick(FREE_SECONDS - 1)
    (request,) = trial.tick(FREE_SECONDS + 1).run_requests
    _, asked = trial.finish(execution_id, **request.tags)

    assert (keys(first), keys(soon)) == ([], [])
    assert request.run_key == f"resume:{execution_id}:1:0"
    assert asked == [("s2", "do"), ("s3", "do")]
    assert trial.execution(execution_id).status == "COMPLETED"
    assert trial.instance.get_run_by_id(dead.run_id).status == dg.DagsterRunStatus.FAILURE
    assert keys(trial.tick(100)) == []


def test_each_death_has_a_run_key_of_its_own(office):
    trial = office(*CHAIN)
    execution_id = trial.open().id
    found = []
    for number in range(2):
        trial.die(execution_id, ("s2", "do"))
        trial.cursor = None
        trial.tick(100 * number)
        found += keys(trial.tick(100 * number + FREE_SECONDS))

    assert found == [f"resume:{execution_id}:1:0", f"resume:{execution_id}:2:0"]


def test_a_run_that_lives_is_left_alone(office):
    """And a lock that was free for a moment is forgotten: a living run takes it back after a restart of the database."""
    trial = office(*CHAIN)
    execution_id = trial.open().id
    trial.die(execution_id, ("s2", "do"))
    trial.tick()
    with psycopg.connect(trial.url) as living:
        living.execute("select pg_advisory_lock(%s)", (run_lock._key(execution_id),))
        held = trial.tick(FREE_SECONDS + 1)
    again = trial.tick(FREE_SECONDS + 2)

    assert (keys(held), keys(again)) == ([], [])


def test_a_cancelled_execution_whose_process_died_is_not_continued(office):
    trial = office(*CHAIN)
    execution_id = trial.open().id
    trial.die(execution_id, ("s2", "do"))
    trial.sql(
        "update workflow_executions set cancel_requested_at = now(), cancel_requested_by = 'max', cancel_reason = 'stop'"
    )
    trial.tick()

    assert keys(trial.tick(FREE_SECONDS + 1)) == []


def test_after_five_deaths_in_a_row_it_is_left_to_people(office):
    """The sixth run, which the sensor asks for, does nothing but say so; a person's goes on."""
    trial = office(*CHAIN)
    execution_id = trial.open().id
    for _ in range(MOST_DEATHS):
        trial.die(execution_id, ("s1", "do"), **BY_SENSOR)

    _, asked = trial.finish(execution_id, **BY_SENSOR)
    left = trial.execution(execution_id)
    _, by_person = trial.finish(execution_id)

    assert asked == []
    assert left.status == "FAILED"
    assert left.error["message"].startswith("its process died 5 times in a row in step s1; ")
    assert f"prisma-assets resume {execution_id}" in left.error["message"]
    ended = [r.status for r in runs_of(trial, execution_id)]
    assert sorted(s.value for s in ended) == ["FAILURE"] * (MOST_DEATHS + 1) + ["SUCCESS"]
    assert by_person == [("s1", "do"), ("s2", "do"), ("s3", "do")]
    assert trial.execution(execution_id).status == "COMPLETED"


def test_only_deaths_without_a_step_done_since_are_counted(office):
    trial = office(*CHAIN)
    execution_id = trial.open().id

    def deaths():
        return trial.ask(lambda store: store.deaths_in_a_row(execution_id, kind="work"))

    counted = [deaths()]
    for where in ("s1", "s1", "s2", "s2"):
        trial.die(execution_id, (where, "do"))
        counted.append(deaths())
    trial.finish(execution_id)

    # The third run did s1 before it died: it made progress, and only the fourth has made none.
    assert [*counted, deaths()] == [0, 1, 2, 0, 1, 0]


def test_a_run_that_fails_is_no_death(office):
    trial = office(*CHAIN, answers={"s1": PermanentError("refused")})
    execution_id = trial.open().id
    for _ in range(2):
        trial.run(execution_id)

    assert trial.ask(lambda store: store.deaths_in_a_row(execution_id, kind="work")) == 0
    assert keys(trial.tick(1_000)) == []


@pytest.mark.parametrize("asked", [True, False])
def test_what_was_asked_for_and_never_begun_is_run(office, asked):
    """Whoever asked died before a run took it up; what nobody asked for waits."""
    trial = office(*CHAIN)
    opening = Opening(
        template=trial.template, agents=AgentRegistry(firm_cards()), inputs={}, created_by="t",
        is_asked_for=asked,
    )  # fmt: skip
    execution, _ = trial.ask(lambda store: open_execution(store, opening))
    at_once = trial.tick()
    trial.sql("update workflow_executions set run_asked_at = run_asked_at - interval '61 s'")
    later = trial.tick()
    trial.run(execution.id)

    assert keys(at_once) == []
    assert keys(later) == ([f"resume:{execution.id}:0:0"] if asked else [])
    assert keys(trial.tick()) == []


def test_a_resume_whose_asker_died_is_done(office):
    trial = office(*CHAIN, answers={"s1": PermanentError("refused")})
    execution_id = trial.open().id
    trial.run(execution_id)
    trial.ask(lambda store: store.ask_for_run(execution_id))
    trial.sql("update workflow_executions set run_asked_at = run_asked_at - interval '61 s'")

    assert keys(trial.tick()) == [f"resume:{execution_id}:1:0"]


def test_a_run_that_could_not_begin_is_asked_for_again_later_and_not_for_ever(office):
    """Dagster starts one run per key; a database that was away for a moment must not leave a decision without effect."""
    trial = office(step("s1", sign_off={"kind": "K", "roles": ["MANAGER"]}))
    execution_id = trial.open().id
    trial.run(execution_id)
    trial.sign(execution_id, "s1", "max")
    (request,) = trial.tick().run_requests
    asked = [request.run_key]
    for number in range(MOST_AGAIN + 1):
        trial.instance.create_run_for_job(job_def=trial.job(), tags=dict(request.tags))
        trial.began = datetime.now(UTC)
        patience = AGAIN_SECONDS * 2.0**number
        assert keys(trial.tick(patience - 60)) == []
        asked += keys(trial.tick(patience + 60))

    base = f"resume:{execution_id}:1:1"
    assert asked == [base, *(f"{base}:{n}" for n in range(1, MOST_AGAIN + 1))]


def test_a_content_that_is_not_loaded_is_left_and_said(office):
    trial = office(*CHAIN)
    execution_id = trial.open().id
    trial.die(execution_id, ("s2", "do"))
    empty = TemplateLibrary(templates={})
    trial.tick(library=empty)

    assert keys(trial.tick(FREE_SECONDS + 1, library=empty)) == []


def silent(trial, execution_id, seconds):
    """Nothing was heard of the execution for so long."""
    for table, column in (
        ("workflow_step_executions", "started_at"), ("workflow_step_executions", "completed_at"),
        ("execution_runs", "started_at"), ("agent_cost_tracking", "incurred_at"),
    ):  # fmt: skip
        trial.sql(
            f"update {table} set {column} = now() - interval '{seconds} s' where {column} is not null"
        )


def stuck(trial):
    return trial.ask(lambda store: stuck_executions(store, lambda _: trial.template))


def test_a_process_that_lives_and_does_nothing_is_said_to_be_stuck(office):
    """A step of 2 minutes may be silent for 2 minutes, a pause between attempts, and a tenth of both."""
    trial = office(step("s1"), step("s2", "s1", timeout="120s"))
    execution_id = trial.open().id
    trial.die(execution_id, ("s2", "do"))
    with psycopg.connect(trial.url, autocommit=True) as living:
        living.execute("select pg_advisory_lock(%s)", (run_lock._key(execution_id),))
        silent(trial, execution_id, 160)
        patient = stuck(trial)
        silent(trial, execution_id, 170)
        (found,) = stuck(trial)
        trial.tick()
        told = json.loads(trial.cursor)["told"]

    assert patient == []
    assert found.step_ids == ("s2",)
    assert found.allowed_seconds == pytest.approx(165)
    assert f"execution {execution_id} is stuck" in found.sentence
    assert told == [execution_id]
    assert stuck(trial) == []  # its process has died, which is another thing


def run_async(work):
    return asyncio.run(work)


def test_a_run_takes_its_lock_back_when_the_database_restarts(database_url, monkeypatch):
    monkeypatch.setattr(run_lock, "LOOK_SECONDS", 0.05)

    async def go():
        lock = RunLock(database_url, "one")
        await lock.acquire()
        keeping = asyncio.create_task(lock.keep())
        async with Database(database_url) as database:
            lose(database_url)
            held = []
            for _ in range(40):
                held.append(await is_worked_on(database, "one"))
                await asyncio.sleep(0.05)
            keeping.cancel()
            await asyncio.gather(keeping, return_exceptions=True)
            await lock.release()
            # The server lets go of it when it notices that the connection is closed.
            while await is_worked_on(database, "one"):  # noqa: ASYNC110 - it says nothing
                await asyncio.sleep(0.05)
            return held

    assert run_async(go())[-1] is True


def test_a_run_whose_lock_was_taken_meanwhile_hears_of_it(database_url, monkeypatch):
    monkeypatch.setattr(run_lock, "LOOK_SECONDS", 0.2)

    async def go():
        lock, other = RunLock(database_url, "one"), RunLock(database_url, "one")
        await lock.acquire()
        keeping = asyncio.create_task(lock.keep())
        await asyncio.sleep(0)
        lose(database_url)
        await other.acquire()
        try:
            await asyncio.wait_for(keeping, 5)
        finally:
            await other.release()

    with pytest.raises(AlreadyRunningError):
        run_async(go())


def lose(url):
    """End every session but ours, as a restart does."""
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute(
            "select pg_terminate_backend(pid, 5000) from pg_stat_activity "
            "where datname = current_database() and pid <> pg_backend_pid()"
        )


UNDONE = (step("s1", compensate=UNDO), step("s2", "s1", compensate=UNDO), step("s3", "s2"))


def failed(trial):
    execution_id = trial.open().id
    trial.finish(execution_id)
    trial.sql(
        "update workflow_step_executions set status = 'FAILED', error = '{}', output = null where step_id = 's3'"
    )
    trial.sql(
        """update workflow_executions set status = 'FAILED', error = '{"step_id": "s3", "message": "no"}'"""
    )
    return execution_id


def compensations(trial):
    return dict(trial.sql("select step_id, status from step_compensations").fetchall())


def test_undoing_that_is_killed_in_the_middle_goes_on_where_it_was(office):
    trial = office(*UNDONE)
    execution_id = failed(trial)
    trial.die(execution_id, ("s1", "undo"), job="compensation_job")
    left = compensations(trial)

    _, asked = trial.finish(execution_id, job="compensation_job")

    assert left == {"s2": "COMPLETED", "s1": "RUNNING"}
    assert asked == [("s1", "undo")]
    assert compensations(trial) == {"s2": "COMPLETED", "s1": "COMPLETED"}
    paid = trial.sql(
        "select call_id, count(*) from agent_cost_tracking where call_id like '%%:compensation' group by 1"
    ).fetchall()
    assert sorted(paid) == [(f"{execution_id}:s{n}:1:compensation", 1) for n in (1, 2)]


def test_undoing_that_kills_its_process_each_time_is_left_to_people(office):
    trial = office(*UNDONE)
    execution_id = failed(trial)
    for _ in range(MOST_DEATHS):
        trial.die(execution_id, ("s2", "undo"), job="compensation_job", **BY_SENSOR)

    run, asked = trial.finish(execution_id, job="compensation_job", **BY_SENSOR)

    assert run.status == dg.DagsterRunStatus.FAILURE
    assert asked == []
    assert compensations(trial) == {"s2": "FAILED"}
