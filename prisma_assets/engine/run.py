"""One run of one execution: each step is done once, whichever process asks and however often.

A run may end with work left over (a sign-off is missing, a step failed, the process died). Continuing is the same thing
again: another run of the same execution, in which finished steps answer from the store.
"""

import asyncio
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

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
    StepStatus,
    condition_context,
    execution_status,
    required_roles,
)
from prisma_assets.domain.workflow.part import Ending
from prisma_assets.domain.workflow.sign_off import Waiting
from prisma_assets.domain.workflow.template import Step, Template
from prisma_assets.engine.branches import Branch, add_up, failure, plan, run_all
from prisma_assets.engine.gate import Ends, Gate, Signed
from prisma_assets.engine.record import (
    StepOutcome,
    finish_of,
    input_sha256,
    iteration_of,
    outcome_of,
    row_of,
    start_of,
    task_for,
)
from prisma_assets.engine.shield import to_the_end
from prisma_assets.store.workflow import WorkflowStore
from prisma_assets.store.workflow_record import Execution, StepRow, StepStart


class TemplateChangedError(PermanentError):
    """The template is not the one this execution started with; start a new execution."""


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
    _is_reworked: bool = False

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
            iteration = iteration_of(self.records, step)
            await self.store.skip_step(start_of(self.execution, step, iteration), str(step.when))
            self.records[step.id] = StepRecord(
                step_id=step.id, iteration=iteration, status="SKIPPED"
            )
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
            if self._ended is not None or self._is_reworked:
                return outcome_of("ended", self._record(step))
            record = self.records.get(step.id)
            if record is not None and record.status in DONE:
                return await self._reuse(step, record)
            if record is not None and record.status == "WAITING_APPROVAL":
                return await self._sign(step, record)
            return await self._do(step)

    async def _do(self, step: Step) -> StepOutcome:
        iteration = iteration_of(self.records, step)
        notes = await self._review_notes(step, iteration)
        task = task_for(self.template, self.execution, step, self.records, notes)
        start = start_of(self.execution, step, iteration, input_sha256=input_sha256(task))
        started = await self._begin(start)
        self.records[step.id] = StepRecord(step_id=step.id, iteration=iteration, status="RUNNING")
        try:
            result = await self._result(step, task, iteration)
            record = await self._finish(step, started, result)
        except (Exception, asyncio.CancelledError) as error:
            self.records[step.id] = await to_the_end(self._end(step, started, error))
            raise
        self.records[step.id] = record
        if record.status == "WAITING_APPROVAL":
            return await self._sign(step, record)
        return await self._end_by(step, record) or outcome_of("done", record)

    async def _reuse(self, step: Step, record: StepRecord) -> StepOutcome:
        """A result that ended the execution ends it again: nothing behind it is ever done."""
        ended = await self._end_by(step, record) if record.status == "COMPLETED" else None
        return ended or outcome_of("done", record, reused=True)

    async def _end_by(self, step: Step, record: StepRecord) -> StepOutcome | None:
        ending = _ending(
            step, condition_context(self.execution.inputs, self.records, record.outputs)
        )
        if ending is None:
            return None
        await self._end_execution(ending.status, {"step_id": step.id, "message": ending.reason})
        return outcome_of("ended", record)

    async def _begin(self, start: StepStart) -> str:
        started = await self.store.start_step(start)
        if started is None:
            raise PermanentError(
                f"step '{start.step_id}' of execution {start.execution_id} was finished by another run; "
                "resume the execution"
            )
        return started

    async def _result(self, step: Step, task: AgentTask, iteration: int) -> AgentResult:
        if step.for_each is None:
            return await self.gateway.call(task)
        branches = plan(step, task, condition_context(self.execution.inputs, self.records))
        earlier = await self.store.branches(self.execution.id, step.id, iteration)
        done = {key for key, row in earlier.items() if row.status == "COMPLETED"}

        async def do(branch: Branch) -> AgentResult:
            # The ledger answers for what is done: a resumed for-each pays for its missing branches only.
            if branch.key in done:
                return await self.gateway.call(branch.task)
            return await self._do_branch(step, branch, iteration)

        results, errors = await run_all(branches, do, max_concurrent=step.for_each.max_concurrent)
        if errors:
            raise failure(step, branches, errors)
        return add_up(step, results)

    async def _do_branch(self, step: Step, branch: Branch, iteration: int) -> AgentResult:
        started = await self._begin(
            start_of(
                self.execution,
                step,
                iteration,
                branch=branch,
                input_sha256=input_sha256(branch.task),
            )
        )
        try:
            result = await self.gateway.call(branch.task)
            await self.store.finish_step(finish_of(started, result, status="COMPLETED"))
        except (Exception, asyncio.CancelledError) as error:
            await to_the_end(self._end(step, started, error))
            raise
        return result

    async def _finish(self, step: Step, started: str, result: AgentResult) -> StepRow:
        context = condition_context(self.execution.inputs, self.records, result.outputs)
        # A result that ends the execution is signed by nobody.
        roles = () if _ending(step, context) is not None else required_roles(step, context)
        status: StepStatus = "WAITING_APPROVAL" if roles else "COMPLETED"
        finish = finish_of(started, result, status=status, sign_off=step.sign_off, roles=roles)
        await self.store.finish_step(finish)
        return row_of(step, iteration_of(self.records, step), finish)

    async def _sign(self, step: Step, record: StepRecord) -> StepOutcome:
        verdict = await self._gate.look(step, record)
        if isinstance(verdict, Waiting):
            return outcome_of("waiting", record, waiting_for=verdict.roles)
        if isinstance(verdict, Signed):
            return outcome_of("done", verdict.record)
        if isinstance(verdict, Ends):
            await self._end_execution(verdict.status, verdict.error)
            return outcome_of("ended", record)
        if verdict.step_ids == {step.id}:
            return await self._do(step)
        # Earlier ops of this run have passed; the next run begins at the first step that is open again.
        self._is_reworked = True
        return outcome_of("ended", self.records[step.id])

    @property
    def _gate(self) -> Gate:
        return Gate(
            template=self.template,
            execution=self.execution,
            store=self.store,
            records=self.records,
        )

    async def _end(self, step: Step, started: str, error: BaseException) -> StepRecord:
        status: StepStatus = "FAILED"
        if isinstance(error, asyncio.CancelledError):
            status = "CANCELLED"
        elif isinstance(error, CallTimeoutError):
            status = "TIMED_OUT"
        message = str(error) or type(error).__name__
        if status == "CANCELLED":
            message = "the run was cancelled"
        details = {"step_id": step.id, "class": type(error).__name__, "message": message}
        await self.store.end_step(started, status, details)
        iteration = iteration_of(self.records, step)
        return StepRecord(step_id=step.id, iteration=iteration, status=status, error=details)

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
        if self._is_reworked:
            status = "PENDING"
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
