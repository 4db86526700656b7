"""One run of one execution: each step is done once, whichever process asks and however often.

A run may end with work left over (a sign-off is missing, a step failed, the process died). Continuing is the same thing
again: another run of the same execution, in which finished steps answer from the store.
"""

import asyncio
import hashlib
import json
import logging
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, Literal

from prisma_assets.agents.contract import AgentResult, AgentTask
from prisma_assets.agents.gateway import AgentGateway
from prisma_assets.agents.retry import CallTimeoutError
from prisma_assets.domain.errors import PermanentError
from prisma_assets.domain.workflow.condition import Condition, ConditionError
from prisma_assets.domain.workflow.execution import (
    DONE,
    ENDED,
    ExecutionStatus,
    StepRecord,
    condition_context,
    execution_status,
    required_roles,
)
from prisma_assets.domain.workflow.sign_off import Approved, ChangesRequested, Rejected, Waiting
from prisma_assets.domain.workflow.template import Ending, Step, Template
from prisma_assets.engine.shield import to_the_end
from prisma_assets.engine.sign_off import decided
from prisma_assets.store.workflow import Execution, StepFinish, StepRow, StepStart, WorkflowStore

logger = logging.getLogger(__name__)


class TemplateChangedError(PermanentError):
    """The template is not the one this execution started with; start a new execution."""


class StepEndedError(PermanentError):
    """A step ended without a result; its record says why."""


@dataclass(frozen=True, kw_only=True)
class StepOutcome:
    """What became of a step in this run."""

    state: Literal["done", "waiting", "ended"]
    """done: what follows may run. waiting: a sign-off is missing. ended: the execution is over."""
    record: StepRecord
    reused: bool = False
    """True when the result was there already and nothing was done."""
    waiting_for: tuple[str, ...] = ()
    """Roles whose signature is missing."""
    workpaper: Mapping[str, Any] | None = None
    agent_version: str | None = None
    duration_ms: int | None = None
    cost_usd: Any = None


@dataclass(kw_only=True)
class ExecutionRun:
    """The steps of one execution, run by one process. Open it inside the event loop that runs the steps."""

    template: Template
    execution: Execution
    store: WorkflowStore
    gateway: AgentGateway
    records: dict[str, StepRecord] = field(default_factory=dict)
    """Latest record of every step begun."""
    _active: int = 0
    _ended: ExecutionStatus | None = None
    _failure: Mapping[str, Any] | None = None

    async def load(self) -> None:
        """Read what earlier runs have done.

        Raises:
            TemplateChangedError: The template's content is not what the execution started with.
        """
        check_template(self.template, self.execution)
        for step_id, record in (await self.store.steps(self.execution.id)).items():
            # What an earlier run did not finish is done again by this one, in the same iteration.
            is_kept = record.status in DONE or record.status == "WAITING_APPROVAL"
            self.records[step_id] = (
                record
                if is_kept
                else StepRecord(step_id=step_id, iteration=record.iteration, status="PENDING")
            )

    async def condition(self, step: Step) -> bool:
        """Whether the step's condition lets it run; a false one is recorded as SKIPPED."""
        record = self.records.get(step.id)
        if record is not None and record.status == "SKIPPED":
            return False
        if step.when is None or (record is not None and record.status != "PENDING"):
            return True
        async with self._working():
            if self._holds(step, step.when):
                return True
            await self.store.skip_step(self._start(step, 1, ""), str(step.when))
            self.records[step.id] = StepRecord(step_id=step.id, status="SKIPPED")
            return False

    def _holds(self, step: Step, condition: Condition) -> bool:
        try:
            return condition.holds(condition_context(self.execution.inputs, self.records))
        except ConditionError as error:
            # No record of the step says it: it has not begun. Siblings go on; the execution fails when they rest.
            self._failure = {
                "step_id": step.id,
                "class": type(error).__name__,
                "message": str(error),
            }
            raise

    async def run(self, step: Step) -> StepOutcome:
        """Do the step unless it is done, and see whether its sign-off is given.

        Raises:
            PrismaError: The step failed; its record and the execution say so.
            asyncio.CancelledError: The run was cancelled; likewise recorded.
        """
        async with self._working():
            if self._ended is not None:
                return StepOutcome(state="ended", record=self._record(step))
            record = self.records.get(step.id)
            if record is not None and record.status in DONE:
                return await self._reuse(step, record)
            if record is not None and record.status == "WAITING_APPROVAL":
                return await self._sign(step, record)
            return await self._do(step, record)

    async def _do(self, step: Step, before: StepRecord | None) -> StepOutcome:
        iteration = before.iteration if before is not None else 1
        task = self._task(step, iteration, await self._review_notes(step, iteration))
        start = self._start(step, iteration, _sha256({"inputs": task.inputs, "steps": task.steps}))
        step_execution_id = await self.store.start_step(start)
        if step_execution_id is None:
            raise PermanentError(
                f"step '{step.id}' of execution {self.execution.id} was finished by another run; resume the execution"
            )
        self.records[step.id] = StepRecord(step_id=step.id, iteration=iteration, status="RUNNING")
        try:
            result = await self.gateway.call(task)
        except (Exception, asyncio.CancelledError) as error:
            await to_the_end(self._end(step, step_execution_id, iteration, error))
            raise
        return await self._finish(step, step_execution_id, iteration, result)

    async def _finish(
        self, step: Step, step_execution_id: str, iteration: int, result: AgentResult
    ) -> StepOutcome:
        context = condition_context(self.execution.inputs, self.records, result.outputs)
        ending = _ending(step, context)
        roles = () if ending is not None else required_roles(step, context)
        workpaper = (
            result.workpaper.model_dump(mode="json") if result.workpaper is not None else None
        )
        record = StepRow(
            step_execution_id=step_execution_id,
            step_id=step.id,
            step_name=step.name,
            iteration=iteration,
            status="WAITING_APPROVAL" if roles else "COMPLETED",
            outputs=result.outputs,
            output_sha256=_sha256({"outputs": result.outputs, "workpaper": workpaper}),
            workpaper=workpaper,
            agent_version=result.agent_version,
            duration_ms=result.duration_ms,
            cost_usd=result.usage.cost_usd,
        )
        await self.store.finish_step(
            StepFinish(
                step_execution_id=step_execution_id,
                status=record.status,
                output=record.outputs,
                output_sha256=record.output_sha256 or "",
                workpaper=workpaper,
                agent_version=result.agent_version,
                attempts=result.attempts,
                duration_ms=result.duration_ms,
                tokens_in=result.usage.tokens_in,
                tokens_out=result.usage.tokens_out,
                cost_usd=result.usage.cost_usd,
                approval_kind=step.sign_off.kind if step.sign_off and roles else None,
                required_roles=roles,
            )
        )
        self.records[step.id] = record
        if ending is not None:
            return await self._end_by(step, record, ending)
        return await self._sign(step, record) if roles else self._outcome("done", record)

    async def _reuse(self, step: Step, record: StepRecord) -> StepOutcome:
        """A result that ended the execution ends it again: nothing behind it is ever done."""
        if record.status == "COMPLETED":
            context = condition_context(self.execution.inputs, self.records, record.outputs)
            ending = _ending(step, context)
            if ending is not None:
                return await self._end_by(step, record, ending)
        return self._outcome("done", record, reused=True)

    async def _end_by(self, step: Step, record: StepRecord, ending: Ending) -> StepOutcome:
        await self._end_execution(ending.status, {"step_id": step.id, "message": ending.reason})
        return self._outcome("ended", record)

    async def _sign(self, step: Step, record: StepRecord) -> StepOutcome:
        roles = required_roles(
            step, condition_context(self.execution.inputs, self.records, record.outputs)
        )
        state = await decided(self.store, self.execution, step, record, roles)
        if isinstance(state, Waiting):
            return self._outcome("waiting", record, waiting_for=state.roles)
        if isinstance(state, Rejected):
            return await self._reject(step, record, state)
        if isinstance(state, ChangesRequested):
            await self.store.reopen_step(self.execution.id, step.id)
            again = StepRecord(step_id=step.id, iteration=record.iteration + 1, status="PENDING")
            self.records[step.id] = again
            return await self._do(step, again)
        return await self._approve(record, state)

    async def _approve(self, record: StepRecord, _state: Approved) -> StepOutcome:
        if not isinstance(record, StepRow):
            raise PermanentError(f"step '{record.step_id}' has no stored result to sign")
        await self.store.sign_step(record.step_execution_id)
        signed = StepRow(**{**record.__dict__, "status": "COMPLETED"})
        self.records[record.step_id] = signed
        return self._outcome("done", signed)

    async def _reject(self, step: Step, record: StepRecord, state: Rejected) -> StepOutcome:
        status = step.sign_off.on_reject if step.sign_off is not None else "FAILED"
        reason = f"{step.title}: rejected by {state.user}" + (
            f": {state.comment}" if state.comment else ""
        )
        await self._end_execution(status, {"step_id": step.id, "message": reason})
        return self._outcome("ended", record)

    async def _end(
        self, step: Step, step_execution_id: str, iteration: int, error: BaseException
    ) -> None:
        status: Literal["CANCELLED", "TIMED_OUT", "FAILED"] = (
            "CANCELLED"
            if isinstance(error, asyncio.CancelledError)
            else "TIMED_OUT"
            if isinstance(error, CallTimeoutError)
            else "FAILED"
        )
        message = (
            "the run was cancelled" if status == "CANCELLED" else str(error) or type(error).__name__
        )
        details = {"step_id": step.id, "class": type(error).__name__, "message": message}
        await self.store.end_step(step_execution_id, status, details)
        self.records[step.id] = StepRecord(
            step_id=step.id, iteration=iteration, status=status, error=details
        )

    async def _end_execution(self, status: ExecutionStatus, error: Mapping[str, Any]) -> None:
        self._ended = status
        async with self.store.database.transaction() as tx:
            await self.store.lock(tx, self.execution.id)
            await self.store.settle(tx, self.execution.id, status, error)

    @asynccontextmanager
    async def _working(self) -> AsyncIterator[None]:
        """Count the steps under way; when the last one rests, write what the execution is now."""
        self._active += 1
        try:
            yield
        finally:
            self._active -= 1
            if self._active == 0:
                await to_the_end(self._settle())

    async def _settle(self) -> None:
        status = execution_status(self.template, self.records)
        if self._failure is not None:
            status = "FAILED"
        if status == "RUNNING" or self._ended is not None:
            return
        async with self.store.database.transaction() as tx:
            now = await self.store.lock(tx, self.execution.id)
            if now not in ENDED:
                await self.store.settle(tx, self.execution.id, status, self._first_error())

    def _first_error(self) -> Mapping[str, Any] | None:
        errors = [r.error for r in self.records.values() if r.error is not None]
        return next(iter(errors), self._failure)

    def _record(self, step: Step) -> StepRecord:
        return self.records.get(step.id, StepRecord(step_id=step.id, status="PENDING"))

    async def _review_notes(self, step: Step, iteration: int) -> tuple[str, ...]:
        if iteration == 1:
            return ()
        decisions = await self.store.all_sign_offs(self.execution.id)
        return tuple(
            d.comment for d in decisions if d.step_id == step.id and d.decision == "changes"
        )

    def _task(self, step: Step, iteration: int, review_notes: tuple[str, ...]) -> AgentTask:
        context = self.execution.context
        upstream = self.template.upstream(step.id)
        return AgentTask(
            call_id=f"{self.execution.id}:{step.id}:{iteration}",
            agent_id=step.agent,
            task=step.procedure,
            step_id=step.id,
            execution_id=self.execution.id,
            engagement_folder=context.get("engagement_folder"),
            books_sha256=context.get("books_sha256"),
            inputs=self.execution.inputs,
            steps={
                i: dict(r.outputs)
                for i, r in sorted(self.records.items())
                if i in upstream and r.status in DONE
            },
            review_notes=review_notes,
            standards=step.standards,
            title=step.title,
            objective=step.objective,
            as_of=datetime.now(UTC),
            client_id=self.execution.client_id,
            engagement_id=self.execution.engagement_id,
            timeout_seconds=step.timeout,
            max_retries=step.retries,
        )

    def _start(self, step: Step, iteration: int, input_sha256: str) -> StepStart:
        return StepStart(
            execution_id=self.execution.id,
            step_id=step.id,
            step_name=step.name,
            iteration=iteration,
            agent_id=step.agent,
            input_sha256=input_sha256,
        )

    def _outcome(
        self,
        state: Literal["done", "waiting", "ended"],
        record: StepRecord,
        *,
        reused: bool = False,
        waiting_for: tuple[str, ...] = (),
    ) -> StepOutcome:
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
        )


def check_template(template: Template, execution: Execution) -> None:
    """Refuse to continue an execution under another template than it started with.

    Raises:
        TemplateChangedError: The content differs.
    """
    if execution.template_sha256 != template.sha256:
        raise TemplateChangedError(
            f"template '{template.name}' has changed since execution {execution.id} started "
            f"(version {execution.template_version} then, {template.version} now); start a new execution"
        )


def _ending(step: Step, context: Mapping[str, Any]) -> Ending | None:
    return next((e for e in step.ends if e.when.holds(context)), None)


def _sha256(value: Any) -> str:
    content = json.dumps(value, sort_keys=True, separators=(",", ":"), default=str)
    return hashlib.sha256(content.encode()).hexdigest()
