"""Undoing the work of an execution that has failed, was cancelled or declined: what was done last is undone first."""

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from prisma_assets.agents.contract import AgentResult, AgentTask
from prisma_assets.agents.gateway import AgentGateway
from prisma_assets.domain.errors import InputError, PermanentError
from prisma_assets.domain.workflow.execution import ENDED, StepRecord
from prisma_assets.domain.workflow.part import Compensation
from prisma_assets.domain.workflow.template import Step, Template
from prisma_assets.engine.record import task_for
from prisma_assets.engine.recovery import MOST_DEATHS
from prisma_assets.engine.shield import to_the_end
from prisma_assets.engine.sign_off import check_member, known_step
from prisma_assets.store.compensation import CompensationRow, CompensationStore, Due, Undone
from prisma_assets.store.workflow import WorkflowStore
from prisma_assets.store.workflow_record import Execution

UNDO_JOB = "compensation_job"
"""The Dagster job that undoes the work of the execution its run is tagged with."""
UNDONE_AFTER = ENDED - {"COMPLETED"}
"""Only what ended without its aim is undone."""


class NotUndoneError(PermanentError):
    """A step's work could not be undone; try again with `resume`, or undo it by hand and say so with `undone`."""


@dataclass(frozen=True, kw_only=True)
class Compensator:
    """Undoes the work of one execution; use under its run lock."""

    template: Template
    execution: Execution
    store: WorkflowStore
    gateway: AgentGateway

    async def undo(self) -> list[CompensationRow]:
        """Undo what is due, one step after the other; a step that cannot be undone ends it.

        Returns:
            Every compensation of the execution.

        Raises:
            NotUndoneError: A step could not be undone; what was done before it stays as it is.
            asyncio.CancelledError: The run was cancelled; people decide how it goes on.
        """
        if self.execution.status in UNDONE_AFTER:
            records: Mapping[str, StepRecord] = await self.store.steps(self.execution.id)
            for due in await self._rows.due(self.execution.id, compensated(self.template)):
                await self._undo(due, records)
        return await self._rows.all(self.execution.id)

    async def give_up(self) -> None:
        """Leave to people what has killed its process too often.

        Raises:
            NotUndoneError: It was left.
        """
        deaths = await self.store.deaths_in_a_row(self.execution.id, kind="compensation")
        if deaths < MOST_DEATHS:
            return
        for due in await self._rows.due(self.execution.id, compensated(self.template)):
            if due.status == "RUNNING":
                reason = f"the process that undid it died {deaths} times in a row"
                await self._rows.fail(self.execution.id, due, _error(due, "Died", reason))
                raise NotUndoneError(_sentence(self.execution, due.step_id, reason))

    @property
    def _rows(self) -> CompensationStore:
        return CompensationStore(database=self.store.database)

    async def _undo(self, due: Due, records: Mapping[str, StepRecord]) -> None:
        step, how = _compensation(self.template, due.step_id)
        task = self._task(step, how, due, records)
        await self._rows.begin(self.execution.id, due, agent_id=task.agent_id)
        try:
            result = await self.gateway.call(task)
            await self._rows.finish(self.execution.id, due, _undone(result))
            await self._count_cost()
        except (Exception, asyncio.CancelledError) as error:
            cancelled = isinstance(error, asyncio.CancelledError)
            reason = "the run was cancelled" if cancelled else str(error) or type(error).__name__
            details = _error(due, type(error).__name__, reason)
            await to_the_end(self._rows.fail(self.execution.id, due, details))
            if cancelled:
                raise
            raise NotUndoneError(_sentence(self.execution, due.step_id, reason)) from error

    def _task(
        self, step: Step, how: Compensation, due: Due, records: Mapping[str, StepRecord]
    ) -> AgentTask:
        task = task_for(self.template, self.execution, step, records)
        own = {step.id.removeprefix(step.scope): dict(due.outputs)}
        return replace(
            task,
            call_id=f"{self.execution.id}:{step.id}:{due.iteration}:compensation",
            agent_id=how.agent or step.agent or "",
            task=how.task,
            steps={**task.steps, **own},
            parameters=how.parameters,
            title=f"Undoing: {step.title}",
            timeout_seconds=how.timeout,
            max_retries=how.retries,
            heartbeat_seconds=None,
        )

    async def _count_cost(self) -> None:
        """What undoing costs, the execution has cost."""
        execution = self.execution
        async with self.store.database.transaction() as tx:
            await self.store.lock(tx, execution.id)
            await self.store.settle(tx, execution.id, execution.status, execution.error)


def compensated(template: Template) -> list[str]:
    """Ids of the steps that can be undone."""
    return [s.id for s in template.steps if s.compensate is not None]


async def is_due(store: WorkflowStore, execution: Execution, template: Template) -> bool:
    """Whether the execution has ended with work to be undone, by the product and not by people."""
    if execution.status not in UNDONE_AFTER or not compensated(template):
        return False
    rows = CompensationStore(database=store.database)
    due = await rows.due(execution.id, compensated(template))
    return bool(due) and all(d.status != "FAILED" for d in due)


async def unfinished(store: WorkflowStore, execution_id: str) -> list[CompensationRow]:
    """Compensations begun and not done: nobody knows whether the step's work stands."""
    rows = await CompensationStore(database=store.database).all(execution_id)
    return [r for r in rows if r.status != "COMPLETED"]


async def open_undone(store: WorkflowStore, execution: Execution, template: Template) -> None:
    """Open again the steps whose work was undone, with everything behind them; call before a run takes the execution up.

    Raises:
        NotUndoneError: A compensation is begun and not done.
    """
    if not compensated(template):
        return
    for row in await unfinished(store, execution.id):
        reason = row.error["message"] if row.error else "the process that undid it died"
        raise NotUndoneError(_sentence(execution, row.step_id, reason))
    rows = await CompensationStore(database=store.database).all(execution.id)
    records = await store.steps(execution.id)
    undone = {
        r.step_id
        for r in rows
        if r.step_id in records and records[r.step_id].iteration == r.iteration
    }
    again = [i for i in template.downstream(undone) if i in records]
    if again:
        async with store.database.transaction() as tx:
            await store.lock(tx, execution.id)
            await store.reopen_steps(tx, execution.id, again)


@dataclass(frozen=True, kw_only=True)
class ByHand:
    """Somebody says that they have undone a step's work."""

    step: str
    user: str
    reason: str


async def settle_by_hand(
    store: WorkflowStore, execution: Execution, template: Template, said: ByHand
) -> None:
    """Record that a person has undone what could not be undone.

    Raises:
        InputError: Unknown step or person, no reason, or no compensation of the step is open.
    """
    check_member(execution, said.user)
    step = known_step(template, said.step)
    if not said.reason.strip():
        raise InputError("say with --reason what was done by hand; the file must show it")
    rows = CompensationStore(database=store.database)
    if not await rows.settle(execution.id, step.id, by=said.user, reason=said.reason.strip()):
        waiting = ", ".join(r.step_id for r in await unfinished(store, execution.id)) or "nothing"
        raise InputError(
            f"step '{step.id}' of execution {execution.id} has no compensation that failed; waiting to be undone: {waiting}"
        )


def _compensation(template: Template, step_id: str) -> tuple[Step, Compensation]:
    step = template.step(step_id)
    if step is None or step.compensate is None:
        raise PermanentError(
            f"template '{template.name}' does not say how step '{step_id}' is undone"
        )
    return step, step.compensate


def _undone(result: AgentResult) -> Undone:
    return Undone(
        agent_version=result.agent_version,
        output=result.outputs,
        workpaper=result.workpaper.model_dump(mode="json") if result.workpaper else None,
        duration_ms=result.duration_ms,
        tokens=result.usage.tokens_in + result.usage.tokens_out,
        cost_usd=result.usage.cost_usd,
    )


def _error(due: Due, kind: str, message: str) -> dict[str, Any]:
    return {"step_id": due.step_id, "class": kind, "message": message}


def _sentence(execution: Execution, step_id: str, reason: str) -> str:
    return (
        f"the work of step '{step_id}' of execution {execution.id} is not undone: {reason}; "
        f"`prisma-assets resume {execution.id}` tries again, `prisma-assets undone {execution.id} {step_id}` says it was done by hand"
    )
