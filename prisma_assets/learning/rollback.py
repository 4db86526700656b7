"""Takes a version back that did harm: the good one is at work again, and every workpaper the bad one wrote is found and done again."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from prisma_assets.domain.errors import InputError, PrismaError
from prisma_assets.domain.notification.notification import Notification, Recipient
from prisma_assets.domain.workflow.template import Template
from prisma_assets.engine.redo import RedoRequest, redo
from prisma_assets.learning.release import locked
from prisma_assets.learning.rollout import record_breach, set_live
from prisma_assets.store.database import Database, Transaction
from prisma_assets.store.deployment import (
    ROLLBACK,
    ROLLING,
    Deployment,
    DeploymentStore,
    Event,
)
from prisma_assets.store.notification import NotificationStore
from prisma_assets.store.run_lock import AlreadyRunningError
from prisma_assets.store.workflow import WorkflowStore
from prisma_assets.store.workflow_record import Execution

REOPENED_AT_ONCE = 200
"""Executions whose steps one run opens; the sensor asks again for the rest."""

TemplateOf = Callable[[Execution], Any]
"""Gives the template an execution works by, to be awaited."""


@dataclass(frozen=True, kw_only=True)
class Taken:
    """What a rollback did."""

    deployment: Deployment
    reason: str
    steps: int
    """Results the bad version wrote."""
    executions: int
    caches: int
    """Kept results of it that answer nothing any more."""


async def ask_for_rollback(database: Database, deployment_id: str, *, by: str, reason: str) -> None:
    """A person's word is evidence enough; the rollback follows as for any breach.

    Raises:
        InputError: No reason, no such deployment, or nothing of it is at work.
    """
    if not by.strip() or not reason.strip():
        raise InputError("a version is taken back by somebody, for a reason; give both")
    async with database.transaction() as tx:
        stages = (*ROLLING, "completed")
        deployment = await locked(tx, deployment_id, stages, "is at work")
        await record_breach(tx, deployment, found_by=by, reason=reason)


async def take_back(database: Database, breach_id: str) -> Taken | None:
    """Serve a breach in one transaction; None: it is served, or somebody is at it.

    Restores the version before, ends the rollout, drops what the bad version left in the cache, lists every latest result it wrote, tells
    people and closes the breach, all or nothing. A failure is counted, and noted on the breach.
    """
    await database.execute("count_breach_attempt", {"breach_id": breach_id})
    try:
        async with database.transaction() as tx:
            rows = await tx.fetch("lock_breach", {"breach_id": breach_id})
            return await _serve(tx, rows[0]) if rows else None
    except Exception as error:
        note = {"breach_id": breach_id, "error": f"{type(error).__name__}: {error}"}
        await database.execute("note_breach_error", note)
        raise


async def _serve(tx: Transaction, breach: dict[str, Any]) -> Taken:
    store = DeploymentStore(source=tx)
    deployment_id = breach["deployment_id"]
    await store.lock(deployment_id)
    [deployment] = await store.find(deployment_id=deployment_id)
    bad = {"agent_id": deployment.agent_id, "version": deployment.to_version}
    # Written even where the version before never left: whoever reads the history sees what is at work, and why.
    await set_live(store, deployment, deployment.from_version, by=ROLLBACK, reason=breach["reason"])
    test = {"rollout_test_id": deployment.rollout_test_id, "status": "aborted"}
    await store.write("end_rollout_test", deployment_id, **test)
    caches = await tx.execute("drop_cached_results", bad)
    marked = await tx.fetch("mark_reperformances", {**bad, "deployment_id": deployment_id})
    await store.write("end_deployment", deployment_id, stage="rolled_back", reason=breach["reason"])
    taken = Taken(
        deployment=deployment, reason=breach["reason"], steps=len(marked),
        executions=len({m["workflow_execution_id"] for m in marked}), caches=caches,
    )  # fmt: skip
    facts = {"steps": taken.steps, "executions": taken.executions, "cached_results": caches}
    event = Event(what="rolled back", by=breach["found_by"], reason=taken.reason, facts=facts)
    await store.tell(deployment_id, event)
    await NotificationStore(source=tx).add(_taken_back(taken))
    await tx.execute("serve_breach", {"breach_id": breach["breach_id"]})
    return taken


@dataclass(frozen=True, kw_only=True)
class Reopened:
    """What became of the marked steps of one execution."""

    execution_id: str
    steps: tuple[str, ...]
    left_because: str | None
    """None: they are open again. Otherwise they stay as they are, or wait until the execution is at rest."""


async def reopen(database: Database, template_of: TemplateOf) -> list[Reopened]:
    """Open the marked steps of executions that are at rest, with everything behind them; the others wait for the next run."""
    found = await database.fetch("executions_to_reperform", {"limit": REOPENED_AT_ONCE})
    return [await _reopen(WorkflowStore(database=database), row, template_of) for row in found]


async def _reopen(store: WorkflowStore, row: dict[str, Any], template_of: TemplateOf) -> Reopened:
    execution_id, steps = row["workflow_execution_id"], tuple(row["step_ids"] or ())
    key = {"workflow_execution_id": execution_id, "deployment_id": row["deployment_id"]}
    deployments = DeploymentStore(source=store.database)
    [deployment] = await deployments.find(deployment_id=row["deployment_id"])
    try:
        if steps:  # None: a process died after it had opened them, or somebody had them done again.
            await _open(store, execution_id, steps, _Why(deployment, template_of))
    except AlreadyRunningError as error:
        return Reopened(execution_id=execution_id, steps=steps, left_because=str(error))
    except PrismaError as error:
        await store.database.execute("leave_reperformances", {**key, "reason": str(error)})
        return Reopened(execution_id=execution_id, steps=steps, left_because=str(error))
    await store.database.execute("opened_reperformances", key)
    return Reopened(execution_id=execution_id, steps=steps, left_because=None)


@dataclass(frozen=True)
class _Why:
    deployment: Deployment
    template_of: TemplateOf


async def _open(store: WorkflowStore, execution_id: str, steps: tuple[str, ...], why: _Why) -> None:
    execution = await store.execution(execution_id)
    if execution is None or execution.status == "CANCELLED":
        raise InputError("the execution was cancelled; nobody relies on it")
    deployment = why.deployment
    asked = RedoRequest(
        steps=steps, requested_by=ROLLBACK,
        reason=f"written by version {deployment.to_version} of {deployment.agent_id}, which was taken back: {deployment.rollback_reason}",
    )  # fmt: skip
    template: Template = await why.template_of(execution)
    await _pin(store, execution, deployment)
    await redo(store, execution, template, asked)
    await store.ask_for_run(execution_id)
    await NotificationStore(source=store.database).add(_reopened(execution, deployment, steps))


async def _pin(store: WorkflowStore, execution: Execution, deployment: Deployment) -> None:
    """Have the execution work by the good version from now on; it takes part in no experiment on the agent any more."""
    agent_id = deployment.agent_id
    async with store.database.transaction() as tx:
        [live] = await tx.fetch("live_card", {"agent_id": agent_id})
        context = execution.context
        experiments = {a: e for a, e in context.get("experiments", {}).items() if a != agent_id}
        change = {
            "agent_versions": {**context.get("agent_versions", {}), agent_id: live["card_sha256"]},
            "served": {**context.get("served", {}), agent_id: live["card_sha256"]},
            "experiments": experiments,
        }
        await store.change_context(tx, execution.id, change)


def _taken_back(taken: Taken) -> Notification:
    d = taken.deployment
    return Notification(
        kind="version_taken_back",
        dedupe_key=f"version_taken_back:{d.deployment_id}",
        subject=f"{d.agent_id}: version {d.to_version} was taken back",
        text=(
            f"{taken.reason}.\n\nVersion {d.from_version} does the work again. {taken.steps} results of {d.to_version} in "
            f"{taken.executions} executions are to be performed again."
        ),
        facts={"deployment_id": d.deployment_id, "agent_id": d.agent_id, "steps": taken.steps},
    )


def _reopened(execution: Execution, deployment: Deployment, steps: tuple[str, ...]) -> Notification:
    team = execution.context.get("team", [])
    return Notification(
        kind="steps_to_perform_again",
        dedupe_key=f"steps_to_perform_again:{deployment.deployment_id}:{execution.id}",
        subject=f"{execution.engagement_id or execution.template_name}: {', '.join(steps)} are performed again",
        text=(
            f"Version {deployment.to_version} of {deployment.agent_id} was taken back: {deployment.rollback_reason}. What it wrote "
            "here is done again by the version before; sign-offs on it are asked for again."
        ),
        audience=tuple(Recipient(user=m["user"], email=m.get("email")) for m in team),
        facts={"deployment_id": deployment.deployment_id, "steps": list(steps)},
        execution_id=execution.id,
    )
