"""Cancelling from another process: it stops in time, whatever the run is doing, and leaves a true state."""

import asyncio
import threading
import time
from collections.abc import Callable
from typing import Any

import anyio.to_thread
import dagster as dg
import psycopg
import pytest

from prisma_assets.domain.errors import InputError, RetryableError
from prisma_assets.engine.cancel import Cancel, cancel
from prisma_assets.store.cancel import cancel_request, withdraw_cancel
from prisma_assets.store.run_lock import RunLock

PROMISED_SECONDS = 2.0


def step(step_id: str, *after: str, **extra: Any) -> dict[str, Any]:
    return {
        "id": step_id, "name": f"do_{step_id}", "title": f"Step {step_id}", "objective": "Tested.",
        "after": list(after), "agent": "audit-plan-012", **extra,
    }  # fmt: skip


def cancelled(
    trial: Any, execution_id: str, *, user: str = "max", reason: str = "wrong client"
) -> Any:
    asked = Cancel(requested_by=user, reason=reason)
    execution = trial.execution(execution_id)
    return trial.ask(lambda store: cancel(store, execution, asked))


def run_and_cancel(
    trial: Any, execution_id: str, when: Callable[[], bool]
) -> tuple[dg.DagsterRun, float]:
    """Run it here, cancel it from another thread with connections of its own, as another process would; seconds it took."""
    took: list[float] = []

    def canceller() -> None:
        while not when():
            time.sleep(0.01)
        began = time.perf_counter()
        cancelled(trial, execution_id)
        took.append(time.perf_counter() - began)

    thread = threading.Thread(target=canceller)
    thread.start()
    run = trial.run(execution_id)
    thread.join()
    return run, took[0]


async def sleeps(_task: Any) -> dict[str, Any]:
    await asyncio.sleep(60)
    return {}


async def works_in_a_thread(_task: Any) -> dict[str, Any]:
    await anyio.to_thread.run_sync(time.sleep, 5, abandon_on_cancel=True)
    return {}


async def is_busy(_task: Any) -> dict[str, Any]:
    raise RetryableError("the provider is busy")


@pytest.mark.parametrize(
    ("agent", "extra"),
    [
        pytest.param(sleeps, {}, id="asleep"),
        pytest.param(works_in_a_thread, {}, id="in a thread"),
        pytest.param(is_busy, {"retries": 10}, id="between retries"),
        pytest.param(
            {"gap": 100},
            {"repeat": {"until": "output.gap < 20", "max": 2, "delay": "60s"}},
            id="between turns",
        ),
        pytest.param(
            sleeps,
            {"for_each": {"items": "steps.s0.items", "max_concurrent": 60}},
            id="in 200 branches",
        ),
    ],
)
def test_a_cancel_stops_the_run_and_leaves_a_true_state(firm, agent, extra):
    trial = firm(
        step("s0"),
        step("s1", "s0", **extra),
        step("s2", "s1"),
        answers={"s0": {"items": [f"item {n}" for n in range(200)]}, "s1": agent},
    )
    execution = trial.open()

    run, seconds = run_and_cancel(trial, execution.id, lambda: trial.agent.calls.count("s1") > 0)

    assert seconds < PROMISED_SECONDS
    assert trial.statuses(execution.id) == {"s0": "COMPLETED", "s1": "CANCELLED"}
    assert trial.execution(execution.id).status == "CANCELLED"
    assert run.status == dg.DagsterRunStatus.CANCELED
    request = trial.ask(lambda store: cancel_request(store.database, execution.id))
    assert request.sentence == "cancelled by max: wrong client"


def test_what_is_cancelled_goes_on_only_when_somebody_resumes_it(firm):
    """A run that was in the queue when its execution was cancelled must not bring it back to life."""
    trial = firm(step("s1"))
    execution = trial.open()
    cancelled(trial, execution.id)

    refused = trial.run(execution.id)

    assert refused.status == dg.DagsterRunStatus.FAILURE
    assert trial.execution(execution.id).status == "CANCELLED"
    assert trial.agent.calls == []
    trial.ask(lambda store: withdraw_cancel(store.database, execution.id))
    trial.run(execution.id)
    assert trial.execution(execution.id).status == "COMPLETED"


def test_what_nobody_works_on_is_settled_at_once(firm):
    """Waiting for a signature, no process holds it; what is done and shown stays as it is."""
    sign_off = {"kind": "REVIEW", "roles": [{"role": "MANAGER"}]}
    trial = firm(step("s1", sign_off=sign_off), step("s2", "s1"))
    execution = trial.open()
    trial.run(execution.id)

    began = time.perf_counter()
    cancelled(trial, execution.id)

    assert time.perf_counter() - began < PROMISED_SECONDS
    stored = trial.execution(execution.id)
    assert stored.status == "CANCELLED"
    assert stored.error["message"] == "cancelled by max: wrong client"
    assert stored.completed_at is not None


def test_what_a_dead_process_left_running_is_settled_too(firm):
    trial = firm(step("s1"))
    execution = trial.open()
    trial.run(execution.id)
    with psycopg.connect(trial.url, autocommit=True) as connection:
        for table in ("workflow_executions", "workflow_step_executions"):
            connection.execute(
                f"update {table} set status = 'RUNNING' where workflow_execution_id = %s",
                (execution.id,),
            )

    cancelled(trial, execution.id)

    assert trial.statuses(execution.id) == {"s1": "CANCELLED"}
    assert trial.execution(execution.id).status == "CANCELLED"


def test_cancelling_twice_keeps_the_first_request(firm):
    trial = firm(step("s1"))
    execution = trial.open()
    cancelled(trial, execution.id, reason="wrong client")

    assert cancelled(trial, execution.id, user="pat", reason="me too") == "CANCELLED"

    request = trial.ask(lambda store: cancel_request(store.database, execution.id))
    assert (request.requested_by, request.reason) == ("max", "wrong client")


def test_what_has_ended_cannot_be_cancelled(firm):
    trial = firm(step("s1"))
    execution = trial.open()
    trial.run(execution.id)

    with pytest.raises(InputError, match="is COMPLETED; it can no longer be cancelled"):
        cancelled(trial, execution.id)

    assert trial.ask(lambda store: cancel_request(store.database, execution.id)) is None


@pytest.mark.parametrize(
    ("user", "reason", "sentence"),
    [
        ("max", "  ", "needs a reason"),
        ("eve", "why not", "'eve' is not on the engagement's team .* max, pat, prep may"),
    ],
)
def test_a_cancel_takes_a_manager_of_the_team_and_a_reason(firm, user, reason, sentence):
    trial = firm(step("s1"))
    execution = trial.open()

    with pytest.raises(InputError, match=sentence):
        cancelled(trial, execution.id, user=user, reason=reason)

    assert trial.execution(execution.id).status == "PENDING"


def test_a_run_that_does_not_stop_is_said_so_and_the_request_stands(firm, monkeypatch):
    """Whoever holds the execution's lock is at work on it; only that process may write its end."""
    monkeypatch.setattr("prisma_assets.engine.cancel.WAIT_SECONDS", 0.3)
    trial = firm(step("s1"))
    execution = trial.open()
    asked = Cancel(requested_by="max", reason="wrong client")

    async def held(store: Any) -> None:
        lock = RunLock(trial.url, execution.id)
        await lock.acquire()
        try:
            await cancel(store, execution, asked)
        finally:
            await lock.release()

    with pytest.raises(Exception, match="has not within 0 s"):
        trial.ask(held)

    assert trial.ask(lambda store: cancel_request(store.database, execution.id)) is not None
