"""The contract of `jobs.executor`: what Dagster's own executors promise, and what dagster-async-executor does not keep."""

import asyncio
import json
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import dagster as dg
import psycopg
import pytest
from dagster._core.definitions.job_base import InMemoryJob
from dagster._core.execution.api import create_execution_plan, execute_run

from jobs.executor import step_tasks

pytestmark = pytest.mark.timeout(60)  # a hang is what most of these look for

WAITS = [
    {"id": "quick", "name": "quick", "title": "Q", "objective": "T.", "agent": "audit-plan-012"},
    {"id": "one", "name": "one", "title": "O", "objective": "T.", "agent": "audit-plan-012", "after": ["quick"]},
    {"id": "two", "name": "two", "title": "T", "objective": "T.", "agent": "audit-risk-013", "after": ["quick"]},
    {"id": "last", "name": "last", "title": "L", "objective": "T.", "agent": "audit-risk-013", "after": ["one", "two"]},
]  # fmt: skip


class Peak:
    """How many were inside at once."""

    def __init__(self) -> None:
        self.now = 0
        self.highest = 0

    async def pass_through(self) -> None:
        self.now += 1
        self.highest = max(self.highest, self.now)
        await asyncio.sleep(0.05)
        self.now -= 1


def six_waiting(name, peak, pool=None):
    """A job of six independent ops that pass through the peak."""

    @dg.op(name=f"{name}_op", pool=pool)
    async def waits(_context) -> None:
        await peak.pass_through()

    @dg.job(name=name, executor_def=step_tasks)
    def six() -> None:
        for number in range(6):
            waits.alias(f"op{number}")()

    return six


def of_type(instance, run, kind):
    """Keys of the steps with such an event."""
    return {e.step_key for e in instance.all_logs(run.run_id, of_type=kind)}


def test_a_pool_lets_as_many_work_as_it_has_slots(instance, run_job):
    """dagster-async-executor 0.0.4 waits for ever when a claim is due at once; four runs of four hung."""
    instance.event_log_storage.set_concurrency_slots("two_at_a_time", 2)
    peak = Peak()

    run = run_job(six_waiting("pooled", peak, pool="two_at_a_time"))

    assert run.status == dg.DagsterRunStatus.SUCCESS
    assert peak.highest == 2


@pytest.mark.parametrize(("limit", "highest"), [(None, 6), (3, 3), (1, 1)])
def test_max_concurrent_bounds_the_steps_at_work(run_job, limit, highest):
    peak = Peak()
    config = {"execution": {"config": {"max_concurrent": limit}}}

    run = run_job(six_waiting(f"bounded_{limit}", peak), run_config=config)

    assert run.status == dg.DagsterRunStatus.SUCCESS
    assert peak.highest == highest


def test_a_failing_step_leaves_its_siblings_going_and_abandons_what_follows(instance, run_job):
    @dg.op
    async def fails(_context) -> int:
        raise ValueError("no")

    @dg.op
    async def goes_on(_context) -> int:
        await asyncio.sleep(0.1)
        return 1

    @dg.op
    async def follows(_context, before: int) -> int:
        return before

    @dg.job(executor_def=step_tasks)
    def failing() -> None:
        follows.alias("after_failure")(fails())
        follows.alias("after_sibling")(goes_on())

    run = run_job(failing)

    assert run.status == dg.DagsterRunStatus.FAILURE
    assert of_type(instance, run, dg.DagsterEventType.STEP_FAILURE) == {"fails"}
    assert of_type(instance, run, dg.DagsterEventType.STEP_SUCCESS) == {"goes_on", "after_sibling"}
    assert "after_failure" not in of_type(instance, run, dg.DagsterEventType.STEP_START)


@pytest.mark.parametrize(
    "error",
    [
        ValueError("plain"),
        dg.Failure("ours", allow_retries=False),
        SystemExit(3),
        asyncio.CancelledError(),
        ExceptionGroup("several", [ValueError("one"), KeyError("two")]),
    ],
    ids=lambda e: type(e).__name__,
)
def test_whatever_a_step_raises_the_run_ends_as_failed(instance, run_job, error):
    @dg.op
    async def raises(_context) -> None:
        raise error

    @dg.op
    async def sibling(_context) -> None:
        await asyncio.sleep(0.05)

    @dg.job(executor_def=step_tasks)
    def raising() -> None:
        raises()
        sibling()

    run = run_job(raising)

    assert run.status == dg.DagsterRunStatus.FAILURE
    assert "raises" in of_type(instance, run, dg.DagsterEventType.STEP_FAILURE)
    assert of_type(instance, run, dg.DagsterEventType.STEP_SUCCESS) == {"sibling"}


@pytest.mark.parametrize(
    ("way", "skipped"),
    [
        ("run", set()),
        ("bypass", {"work"}),  # the join has the bypass to go on with
        ("neither", {"work", "join", "end"}),
    ],
)
def test_nothing_inputs_carry_order_and_skips(instance, run_job, way, skipped):
    """A gate's bypass feeds the join beside the gated step: skipped only if every upstream is."""

    @dg.op(out={n: dg.Out(dg.Nothing, is_required=False) for n in ("run", "bypass")})
    async def gate(_context):
        if way != "neither":
            yield dg.Output(None, way)

    @dg.op(ins={"before": dg.In(dg.Nothing)}, out={"done": dg.Out(dg.Nothing)})
    async def passes(_context):
        yield dg.Output(None, "done")

    def graph() -> dg.GraphDefinition:
        after = dg.DependencyDefinition
        return dg.GraphDefinition(
            name=f"gated_{way}",
            node_defs=[gate, passes],
            dependencies={
                dg.NodeInvocation("gate"): {},
                dg.NodeInvocation("passes", alias="work"): {"before": after("gate", "run")},
                dg.NodeInvocation("passes", alias="join"): {
                    "before": dg.MultiDependencyDefinition(
                        [after("work", "done"), after("gate", "bypass")]
                    )
                },
                dg.NodeInvocation("passes", alias="end"): {"before": after("join", "done")},
            },
        )

    run = run_job(graph().to_job(executor_def=step_tasks))

    assert run.status == dg.DagsterRunStatus.SUCCESS
    assert of_type(instance, run, dg.DagsterEventType.STEP_SKIPPED) == skipped


def test_dagster_gets_every_event_of_a_run_in_the_order_of_its_log(instance):
    """Events reach Dagster's thread in bundles; whoever ran the job finds none missing and none before its time."""
    job = InMemoryJob(six_waiting("handed_over", Peak()))
    config = {"loggers": {"console": {"config": {"log_level": "CRITICAL"}}}}
    plan = create_execution_plan(job, run_config=config)
    run = instance.create_run_for_job(job_def=job.get_definition(), execution_plan=plan, run_config=config)  # fmt: skip

    given = execute_run(job, run, instance).all_events

    logged = [e.get_dagster_event() for e in instance.all_logs(run.run_id) if e.is_dagster_event]
    assert [e.event_type_value for e in given if e.step_key == "op3"] == [
        "STEP_START", "STEP_OUTPUT", "STEP_SUCCESS"
    ]  # fmt: skip
    assert steps_and_kinds(given) == steps_and_kinds(logged)


def steps_and_kinds(events):
    return [(e.step_key, e.event_type_value) for e in events if e.is_step_event]


def test_ops_see_their_own_resources_made_once_per_run(run_job):
    """Resources are remembered by their keys: an op that needs one of two sees the same object, and no other."""
    seen = []

    @dg.resource
    def thing(_context) -> object:
        return object()

    def op_with(name, *keys):
        @dg.op(name=name, required_resource_keys=set(keys))
        async def looks(context) -> None:
            seen.append({k: getattr(context.resources, k) for k in ("one", "two") if hasattr(context.resources, k)})  # fmt: skip

        return looks

    @dg.job(executor_def=step_tasks, resource_defs={"one": thing, "two": thing})
    def looking() -> None:
        op_with("first", "one")()
        op_with("second", "one", "two")()
        op_with("third")()

    run_job(looking)
    run_job(looking)

    runs = [sorted(run, key=len) for run in (seen[:3], seen[3:])]
    for none, one, both in runs:
        assert (none, list(one), sorted(both)) == ({}, ["one"], ["one", "two"])
        assert one["one"] is both["one"]
    assert runs[0][1]["one"] is not runs[1][1]["one"]


def test_a_database_that_restarts_under_a_run_does_not_hang_it(firm):
    """Closing what the run holds may fail too; the run must end all the same."""

    async def restart(_task):
        with psycopg.connect(trial.url, autocommit=True) as connection:
            connection.execute(
                "select pg_terminate_backend(pid, 5000) from pg_stat_activity "
                "where datname = current_database() and pid <> pg_backend_pid()"
            )
        return {}

    trial = firm(WAITS[0], answers={"quick": [restart, {}]})
    execution = trial.open()
    trial.run(execution.id)

    trial.run(execution.id)

    assert trial.execution(execution.id).status == "COMPLETED"


def test_a_session_that_cannot_be_closed_does_not_hang_the_run(instance, run_job, monkeypatch):
    async def cannot_close(_run_id):
        raise OSError("no")

    monkeypatch.setattr("jobs.executor.close_session", cannot_close)

    run = run_job(six_waiting("unclosed", Peak()))

    assert run.status == dg.DagsterRunStatus.SUCCESS


@pytest.fixture
def waiting(firm, tmp_path) -> Iterator[tuple]:
    """An execution two of whose steps wait, run by a process of its own."""
    trial = firm(*WAITS)
    execution = trial.open()
    witness = tmp_path / "witness"
    witness.touch()
    arguments = [
        trial.instance.root_directory, trial.url, json.dumps(WAITS), execution.id, str(witness)
    ]  # fmt: skip
    program = Path(__file__).with_name("waiting_run.py")
    process = subprocess.Popen([sys.executable, str(program), *arguments])
    try:
        while not {"one begins", "two begins"} <= set(witness.read_text().split("\n")):
            assert process.poll() is None
            time.sleep(0.05)
        yield trial, execution, process, witness
    finally:
        process.kill()
        process.wait()


@pytest.mark.parametrize(
    ("number", "is_asked"),
    [
        # As Dagster terminates a run: CANCELING first, then the interrupt.
        (signal.SIGINT, True),
        # Ctrl-C on `prisma-assets run`, and what the supervisor sends to runs when it stops: the run tells Dagster itself.
        (signal.SIGINT, False),
        (signal.SIGTERM, False),
    ],
    ids=["terminated", "ctrl-c", "stopped"],
)
def test_a_stopped_run_cancels_its_steps_and_leaves_no_process(waiting, number, is_asked):
    trial, execution, process, witness = waiting
    (run,) = trial.instance.get_runs(dg.RunsFilter(tags={"prisma/execution_id": execution.id}))
    if is_asked:
        trial.instance.report_run_canceling(run)

    began = time.monotonic()
    with psycopg.connect(trial.url) as slow:
        # Cancellation is delivered again at each wait: what is written after it must be out of its reach.
        slow.execute("lock table workflow_step_executions, agent_cost_tracking in exclusive mode")
        process.send_signal(number)
        time.sleep(0.5)
        slow.rollback()
    process.wait(20)
    took = time.monotonic() - began

    assert took < 5  # 1.5 s where this is written; the steps would have waited for 60
    assert set(witness.read_text().split("\n")) >= {
        "one cancelled", "one cleaned up", "two cancelled", "two cleaned up"
    }  # fmt: skip
    assert trial.statuses(execution.id) == {
        "quick": "COMPLETED", "one": "CANCELLED", "two": "CANCELLED"
    }  # fmt: skip
    assert trial.execution(execution.id).status == "CANCELLED"
    assert trial.instance.get_run_by_id(run.run_id).status == dg.DagsterRunStatus.CANCELED
    assert ledger(trial, execution) == {"quick": 1, "one": 1, "two": 1}
    trial.run(execution.id)  # a cancelled execution goes on where it was
    assert sorted(trial.agent.calls) == ["last", "one", "two"]
    assert trial.execution(execution.id).status == "COMPLETED"


def ledger(trial, execution):
    """Calls in the ledger by step: what a cancelled call consumed is owed all the same."""
    with psycopg.connect(trial.url) as connection:
        rows = connection.execute(
            "select step_id, count(*) from agent_cost_tracking where workflow_execution_id = %s group by 1",
            (execution.id,),
        ).fetchall()
    return dict(rows)


def test_an_execution_whose_process_was_killed_goes_on_where_it_was(waiting):
    trial, execution, process, _ = waiting
    process.kill()
    process.wait()

    run = trial.run(execution.id)

    assert run.status == dg.DagsterRunStatus.SUCCESS
    assert sorted(trial.agent.calls) == ["last", "one", "two"]
    assert {i: r.attempt for i, r in trial.steps(execution.id).items()} == {
        "quick": 1, "one": 2, "two": 2, "last": 1
    }  # fmt: skip
