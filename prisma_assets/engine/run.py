"""One run of one execution: each step is done once, whichever process asks and however often.

A run may end with work left over (a sign-off is missing, a step failed, the process died). Continuing is the same thing
again: another run of the same execution, in which finished steps answer from the store.
"""

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from functools import partial
from typing import Any, NoReturn

from prisma_assets.agents.contract import AgentResult, AgentTask
from prisma_assets.agents.gateway import AgentGateway
from prisma_assets.domain.errors import InputError, PermanentError, PrismaError
from prisma_assets.domain.workflow.condition import Condition, ConditionError
from prisma_assets.domain.workflow.execution import (
    DONE,
    ENDED,
    RESTED,
    ExecutionStatus,
    StepRecord,
    StepStatus,
    condition_context,
    execution_status,
    is_tolerated,
    join_state,
    required_roles,
)
from prisma_assets.domain.workflow.part import Ending
from prisma_assets.domain.workflow.template import Step, Template
from prisma_assets.engine.gate import Ends, Gate, Signed, Waits, sent_back
from prisma_assets.engine.record import (
    Conclusion,
    StepOutcome,
    ending_of,
    finish_of,
    input_sha256,
    iteration_of,
    outcome_of,
    row_of,
    start_of,
    task_for,
)
from prisma_assets.engine.shield import to_the_end
from prisma_assets.engine.work import Assignment, StepWorker
from prisma_assets.store.sign_off import SignOffStore
from prisma_assets.store.workflow import WorkflowStore
from prisma_assets.store.workflow_record import Execution, SignOffRequest, StartedStep, StepFinish


class NothingCameError(PermanentError):
    """A step that waits for any of several got none of them."""


@dataclass(kw_only=True)
class ExecutionRun:
    """The steps of one execution, run by one process. Open it inside the event loop that runs the steps."""

    template: Template
    execution: Execution
    store: WorkflowStore
    gateway: AgentGateway
    records: dict[str, StepRecord] = field(default_factory=dict)
    """Latest record of every step begun."""
    requests: dict[str, SignOffRequest] = field(default_factory=dict)
    """The latest time each step was put before those who sign."""
    _ended: ExecutionStatus | None = None
    _failure: Mapping[str, Any] | None = None
    _is_reworked: bool = False
    _taken: set[str] = field(default_factory=set)
    """Steps this run has turned to."""
    _ahead: dict[str, asyncio.Task[StepOutcome]] = field(default_factory=dict)
    """Steps begun before their op, by id."""

    async def load(self) -> None:
        """Read what earlier runs have done."""
        for step_id, record in (await self.store.steps(self.execution.id)).items():
            self.records[step_id] = record
        await self._gate.load()
        # What an earlier run did not finish is done again by this one, in the same iteration.
        for begun in [r for r in self.records.values() if not self._is_kept(r)]:
            self.records[begun.step_id] = StepRecord(
                step_id=begun.step_id, iteration=begun.iteration, status="PENDING"
            )

    def _is_kept(self, record: StepRecord) -> bool:
        if _has_result(record):
            return True
        # A failure that what follows went on without stays one.
        behind = [s.id for s in self.template.steps if record.step_id in s.after]
        return (
            record.status in RESTED
            and is_tolerated(self.template, record.step_id)
            and all(i in self.records and _has_result(self.records[i]) for i in behind)
        )

    async def condition(self, step: Step) -> bool:
        """Whether the step's condition lets it run; a false one is recorded as SKIPPED."""
        record = self.records.get(step.id)
        if record is not None and record.status == "SKIPPED":
            return False
        if step.when is None or (record is not None and record.status != "PENDING"):
            return True
        if join_state(step, self.records) != "ready":
            return True  # `run` says what becomes of it
        if self._holds(step, step.when):
            return True
        await self._skip(step, str(step.when))
        return False

    async def _skip(self, step: Step, why: str) -> StepRecord:
        iteration = iteration_of(self.records, step)
        await self.store.skip_step(start_of(self.execution, step, iteration), why)
        skipped = StepRecord(step_id=step.id, iteration=iteration, status="SKIPPED")
        self.records[step.id] = skipped
        return skipped

    def _holds(self, step: Step, condition: Condition) -> bool:
        try:
            return condition.holds(condition_context(self.execution.inputs, self.records))
        except ConditionError as error:
            # It has not begun. Siblings go on; the execution fails when they rest.
            self._fail(step, error)
            raise

    def _fail(self, step: Step, error: PrismaError) -> None:
        """Remember a failure that no record of the step says."""
        self._failure = {"step_id": step.id, "class": type(error).__name__, "message": str(error)}

    async def run(self, step: Step) -> StepOutcome:
        """Do the step unless it is done, and see whether its sign-off is given.

        Raises:
            PrismaError: The step failed; its record and the execution say so.
            asyncio.CancelledError: The run was cancelled; likewise recorded.
        """
        ahead = self._ahead.get(step.id)
        return await (ahead if ahead is not None else self._take(step))

    async def aclose(self) -> None:
        """Wait for what was begun ahead of its op, then write what the execution is now.

        Not before: between two ops nothing is under way, and an execution that waits, or has failed, may still have work.
        """
        # Cancelled with the run if the run was.
        await asyncio.gather(*self._ahead.values(), return_exceptions=True)
        await to_the_end(self._settle())

    async def _take(self, step: Step) -> StepOutcome:
        self._taken.add(step.id)
        if self._ended is not None or self._is_reworked:
            return outcome_of("ended", self._record(step))
        record = self.records.get(step.id)
        if record is not None and record.status in RESTED:
            outcome = await self._reuse(step, record)
        elif record is not None and record.status == "WAITING_APPROVAL":
            outcome = await self._sign(step, record)
        else:
            outcome = await self._join(step)
        self._go_ahead()
        return outcome

    async def _join(self, step: Step) -> StepOutcome:
        state = join_state(step, self.records)
        if state == "waiting":
            return outcome_of("waiting", self._record(step))
        if state == "skipped":
            return outcome_of("done", await self._skip(step, "nothing before it was done"))
        return await self._do(step, is_met=state == "ready")

    def _go_ahead(self) -> None:
        """Begin what need not wait for its op: Dagster starts an op once all ops before it have ended, `any` needs one.

        What stands behind such a step goes ahead too, as far as nothing else holds it back.
        """
        if self._ended is not None or self._is_reworked:
            return
        for step in self.template.steps:
            early = step.join == "any" or any(a in self._ahead for a in step.after)
            if early and step.id not in self._taken and join_state(step, self.records) == "ready":
                self._taken.add(step.id)
                self._ahead[step.id] = asyncio.create_task(self._run_ahead(step))

    async def _run_ahead(self, step: Step) -> StepOutcome:
        if not await self.condition(step):
            self._go_ahead()
            return outcome_of("done", self._record(step))
        return await self._take(step)

    async def _do(self, step: Step, *, is_met: bool = True) -> StepOutcome:
        iteration = iteration_of(self.records, step)
        task = await self._task(step, iteration)
        start = start_of(self.execution, step, iteration, input_sha256=input_sha256(task))
        started = await self._worker.begin(start)
        self.records[step.id] = StepRecord(step_id=step.id, iteration=iteration, status="RUNNING")
        context = condition_context(self.execution.inputs, self.records)
        conclusion = Conclusion(partial(self._finish_of, step, started))
        given = Assignment(step=step, task=task, iteration=iteration, context=context)
        try:
            if not is_met:
                _refuse(step)
            result = await self._worker.do(given, started, conclusion)
            finish = await conclusion.stored(self.store, result)
            record: StepRecord = row_of(step, iteration, finish)
        except (Exception, asyncio.CancelledError) as error:
            await to_the_end(self._worker.end(step, started, error))
            record = self._failed(step, iteration, error)
            if not (isinstance(error, Exception) and is_tolerated(self.template, step.id)):
                raise
            return outcome_of("failed", record)
        self.records[step.id] = record
        if record.status == "WAITING_APPROVAL":
            return await self._sign(step, record)
        return await self._end_by(step, record) or outcome_of("done", record)

    def _failed(self, step: Step, iteration: int, error: BaseException) -> StepRecord:
        status, details = ending_of(step, error)
        record = StepRecord(step_id=step.id, iteration=iteration, status=status, error=details)
        self.records[step.id] = record
        if status == "CANCELLED":
            for ahead in self._ahead.values():
                ahead.cancel()
        return record

    @property
    def _worker(self) -> StepWorker:
        return StepWorker(execution=self.execution, store=self.store, gateway=self.gateway)

    async def _reuse(self, step: Step, record: StepRecord) -> StepOutcome:
        """A result that ended the execution ends it again: nothing behind it is ever done."""
        if record.status not in DONE:
            return outcome_of("failed", record, reused=True)
        if self._gate.is_stale(step):
            await self._gate.reopen(step)
            return await self._sign(step, self.records[step.id])
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

    def _finish_of(self, step: Step, started: StartedStep, result: AgentResult) -> StepFinish:
        context = condition_context(self.execution.inputs, self.records, result.outputs)
        # A result that ends the execution is signed by nobody.
        roles = () if _ending(step, context) is not None else required_roles(step, context)
        status: StepStatus = "WAITING_APPROVAL" if roles else "COMPLETED"
        return finish_of(started.id, result, status=status, sign_off=step.sign_off, roles=roles)

    async def _sign(self, step: Step, record: StepRecord) -> StepOutcome:
        try:
            verdict = await self._gate.look(step)
        except InputError as error:
            # Work cannot go back while the books do not read; once they are mended, a resume looks again.
            self._fail(step, error)
            raise
        if isinstance(verdict, Waits):
            waiting = outcome_of("waiting", record, waiting_for=verdict.roles)
            return replace(waiting, stale=verdict.stale)
        if isinstance(verdict, Signed):
            return outcome_of("done", verdict.record)
        if isinstance(verdict, Ends):
            await self._end_execution(verdict.status, verdict.error)
            return outcome_of("ended", record)
        self.execution = verdict.execution
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
            requests=self.requests,
        )

    async def _end_execution(self, status: ExecutionStatus, error: Mapping[str, Any]) -> None:
        self._ended = status
        async with self.store.database.transaction() as tx:
            await self.store.lock(tx, self.execution.id)
            await self.store.settle(tx, self.execution.id, status, error)

    async def _settle(self) -> None:
        status = execution_status(self.template, self.records)
        if status == "COMPLETED" and self._ended is None:
            await self._gate.look_again()
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

    async def _task(self, step: Step, iteration: int) -> AgentTask:
        """What the agent is asked; of work sent back it is told why, and what it gave before."""
        task = task_for(self.template, self.execution, step, self.records)
        if iteration == 1:
            return task
        sign_offs = SignOffStore(source=self.store.database)
        decisions = await sign_offs.all(self.execution.id)
        redos = await self.store.redos(self.execution.id)
        given = await sign_offs.outputs(self.execution.id, [step.id])
        notes = (
            *(
                d.comment
                for d in decisions
                if d.decision == "changes" and step.id in sent_back(self.template, d.step_id)
            ),
            *(r.reason for r in redos if step.id in r.opened_step_ids),
        )
        return replace(
            task, review_notes=notes, previous=given.get((step.id, iteration - 1)) or None
        )


def _has_result(record: StepRecord) -> bool:
    return record.status in DONE or record.status == "WAITING_APPROVAL"


def _refuse(step: Step) -> NoReturn:
    raise NothingCameError(f"step '{step.id}': none of {', '.join(step.after)} was done")


def _ending(step: Step, context: Mapping[str, Any]) -> Ending | None:
    return next((e for e in step.ends if e.when.holds(context)), None)
