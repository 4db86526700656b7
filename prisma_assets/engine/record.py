"""From a template's step to what the agent is asked, what the store records of it and what the run reports."""

import asyncio
import hashlib
import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any, Literal

from prisma_assets.agents.contract import AgentResult, AgentTask
from prisma_assets.agents.ledger import Along
from prisma_assets.agents.retry import CallTimeoutError
from prisma_assets.domain.errors import PermanentError
from prisma_assets.domain.workflow.execution import (
    DONE,
    StepRecord,
    StepStatus,
    condition_context,
)
from prisma_assets.domain.workflow.part import SignOff
from prisma_assets.domain.workflow.template import Step, Template
from prisma_assets.engine.branches import Branch
from prisma_assets.store.workflow import WorkflowStore, finishing
from prisma_assets.store.workflow_record import Execution, StepFinish, StepRow, StepStart


class OverdueError(PermanentError):
    """A step took longer from first start to end than its schedule-to-close allows, over all attempts and runs."""


OutcomeState = Literal["done", "failed", "waiting", "ended"]


@dataclass(frozen=True, kw_only=True)
class StepOutcome:
    """What became of a step in this run."""

    state: OutcomeState
    """done: what follows may run. failed: it failed, and what follows goes on without it. waiting: a sign-off is missing. ended: nothing further is done in this run."""
    record: StepRecord
    reused: bool = False
    """True when the result was there already and nothing was done."""
    waiting_for: tuple[str, ...] = ()
    """Roles whose signature is missing."""
    stale: tuple[str, ...] = ()
    """Sign-offs that count no more, a sentence each on who had signed and what changed since."""
    workpaper: Mapping[str, Any] | None = None
    agent_version: str | None = None
    duration_ms: int | None = None
    cost_usd: Decimal | None = None
    cached_call_id: str | None = None
    """The earlier call whose result answered; None when the agent was asked."""


def task_for(
    template: Template,
    execution: Execution,
    step: Step,
    records: Mapping[str, StepRecord],
) -> AgentTask:
    """What the step's agent is asked; the call id is the same however often the iteration is tried."""
    context = execution.context
    upstream = template.upstream(step.id)
    done = {i: r for i, r in sorted(records.items()) if i in upstream and r.status in DONE}
    return AgentTask(
        call_id=f"{execution.id}:{step.id}:{iteration_of(records, step)}",
        agent_id=step.agent or "",
        task=step.procedure,
        step_id=step.id,
        execution_id=execution.id,
        engagement_folder=context.get("engagement_folder"),
        books_sha256=context.get("books_sha256"),
        inputs=_inputs(execution, step, records),
        # A step of a sub-workflow sees the others of it by their own names.
        steps={
            i.removeprefix(step.scope): dict(r.outputs)
            for i, r in done.items()
            if i.startswith(step.scope)
        },
        parameters=step.parameters,
        standards=step.standards,
        title=step.title,
        objective=step.objective,
        as_of=datetime.now(UTC),
        client_id=execution.client_id,
        engagement_id=execution.engagement_id,
        timeout_seconds=step.timeout,
        max_retries=step.retries,
        heartbeat_seconds=step.heartbeat,
    )


def _inputs(
    execution: Execution, step: Step, records: Mapping[str, StepRecord]
) -> Mapping[str, Any]:
    if not step.scope:
        return execution.inputs
    context = condition_context(execution.inputs, records)
    return {name: expression.value(context) for name, expression in step.given.items()}


def start_of(
    execution: Execution,
    step: Step,
    iteration: int,
    *,
    branch: Branch | None = None,
    input_sha256: str = "",
) -> StepStart:
    """The record of a step, or of one branch of it, that begins."""
    return StepStart(
        execution_id=execution.id,
        step_id=step.id,
        step_name=step.name,
        iteration=iteration,
        agent_id=branch.task.agent_id if branch is not None else step.agent,
        input_sha256=input_sha256,
        map_key=branch.key if branch is not None else "",
    )


def finish_of(
    started: str,
    result: AgentResult,
    *,
    status: StepStatus,
    sign_off: SignOff | None = None,
    roles: tuple[str, ...] = (),
) -> StepFinish:
    """The record of what a step, or one branch of it, produced."""
    workpaper = result.workpaper.model_dump(mode="json") if result.workpaper is not None else None
    return StepFinish(
        step_execution_id=started,
        status=status,
        output=result.outputs,
        output_sha256=_sha256({"outputs": result.outputs, "workpaper": workpaper}),
        workpaper=workpaper,
        agent_version=result.agent_version,
        attempts=result.attempts,
        duration_ms=result.duration_ms,
        tokens_in=result.usage.tokens_in,
        tokens_out=result.usage.tokens_out,
        cost_usd=result.usage.cost_usd,
        cached_call_id=result.cached_from,
        approval_kind=sign_off.kind if sign_off is not None and roles else None,
        required_roles=roles,
    )


@dataclass
class Conclusion:
    """Stores what a step, or one branch of it, produced: in one transaction with the call where one new call gave it."""

    finish_of: Callable[[AgentResult], StepFinish]
    _written: StepFinish | None = None

    def along(self, result: AgentResult) -> Along | None:
        """What is committed with the call."""
        try:
            finish = self.finish_of(result)
        except Exception:  # noqa: BLE001 - the call is paid and gets its row; `stored` meets the same error
            return None
        self._written = finish
        return finishing(finish)

    async def stored(self, store: WorkflowStore, result: AgentResult) -> StepFinish:
        """The record of the result, written by now."""
        if self._written is not None:
            return self._written
        finish = self.finish_of(result)
        await store.finish_step(finish)
        return finish


def row_of(step: Step, iteration: int, finish: StepFinish) -> StepRow:
    """The finished step as the store will show it."""
    return StepRow(
        step_execution_id=finish.step_execution_id,
        step_id=step.id,
        step_name=step.name,
        iteration=iteration,
        status=finish.status,
        outputs=finish.output,
        output_sha256=finish.output_sha256,
        workpaper=finish.workpaper,
        agent_version=finish.agent_version,
        duration_ms=finish.duration_ms,
        cost_usd=finish.cost_usd,
        cached_call_id=finish.cached_call_id,
    )


def outcome_of(
    state: OutcomeState,
    record: StepRecord,
    *,
    reused: bool = False,
    waiting_for: tuple[str, ...] = (),
) -> StepOutcome:
    """What the run reports of a step."""
    row = record if isinstance(record, StepRow) else None
    return StepOutcome(
        state=state,
        record=record,
        reused=reused,
        waiting_for=waiting_for,
        workpaper=row.workpaper if row else None,
        agent_version=row.agent_version if row else None,
        duration_ms=row.duration_ms if row else None,
        cost_usd=row.cost_usd if row else None,
        cached_call_id=row.cached_call_id if row else None,
    )


def ending_of(step: Step, error: BaseException) -> tuple[StepStatus, dict[str, Any]]:
    """How a step that raised this error ended, and what its record says of it."""
    status: StepStatus = "FAILED"
    message = str(error) or type(error).__name__
    if isinstance(error, asyncio.CancelledError):
        status, message = "CANCELLED", "the run was cancelled"
    elif isinstance(error, (CallTimeoutError, OverdueError)):
        status = "TIMED_OUT"
    return status, {"step_id": step.id, "class": type(error).__name__, "message": message}


def iteration_of(records: Mapping[str, StepRecord], step: Step) -> int:
    """The iteration the step is in; 1 before it has begun."""
    return records[step.id].iteration if step.id in records else 1


def input_sha256(task: AgentTask) -> str:
    """Hash of what the agent is given: equal hashes ask for equal work."""
    return _sha256(
        {
            "inputs": task.inputs,
            "steps": task.steps,
            "item": task.item,
            "outer": task.outer,
            "previous": task.previous,
            "books": task.books_sha256,
        }
    )


def _sha256(value: Any) -> str:
    content = json.dumps(value, sort_keys=True, separators=(",", ":"), default=str)
    return hashlib.sha256(content.encode()).hexdigest()
