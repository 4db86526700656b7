"""The sign-offs of one run of an execution: what those given so far mean for a step that waits. Doing steps is `run`."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from prisma_assets.domain.errors import PermanentError
from prisma_assets.domain.workflow.execution import (
    ExecutionStatus,
    StepRecord,
    condition_context,
    required_roles,
)
from prisma_assets.domain.workflow.sign_off import ChangesRequested, Rejected, Waiting
from prisma_assets.domain.workflow.template import Step, Template
from prisma_assets.engine.sign_off import decided
from prisma_assets.store.workflow import WorkflowStore
from prisma_assets.store.workflow_record import Execution, StepRow


@dataclass(frozen=True, kw_only=True)
class Signed:
    """Everybody needed has signed; the step is done."""

    record: StepRecord


@dataclass(frozen=True, kw_only=True)
class Ends:
    """The decision ends the execution."""

    status: ExecutionStatus
    error: Mapping[str, Any]


@dataclass(frozen=True, kw_only=True)
class DoneAgain:
    """Changes were requested: these steps are open again, in a new iteration."""

    step_ids: frozenset[str]


Verdict = Signed | Waiting | Ends | DoneAgain


@dataclass(frozen=True, kw_only=True)
class Gate:
    """The sign-offs of one execution, as its run sees them."""

    template: Template
    execution: Execution
    store: WorkflowStore
    records: dict[str, StepRecord]
    """The run's own: what is signed or opened again is written here as well."""

    async def look(self, step: Step, record: StepRecord) -> Verdict:
        """What the decisions given so far mean for a step that waits, and record it.

        Raises:
            PermanentError: The step has no stored result to sign.
        """
        roles = required_roles(
            step, condition_context(self.execution.inputs, self.records, record.outputs)
        )
        state = await decided(self.store, self.execution, step, record, roles)
        if isinstance(state, Waiting):
            return state
        if isinstance(state, Rejected):
            return _rejected(step, state)
        if isinstance(state, ChangesRequested):
            return await self._send_back(step, record, state)
        return Signed(record=await self._approve(record))

    async def _approve(self, record: StepRecord) -> StepRecord:
        if not isinstance(record, StepRow):
            raise PermanentError(f"step '{record.step_id}' has no stored result to sign")
        await self.store.sign_step(record.step_execution_id)
        signed = StepRow(**{**record.__dict__, "status": "COMPLETED"})
        self.records[record.step_id] = signed
        return signed

    async def _send_back(
        self, step: Step, record: StepRecord, state: ChangesRequested
    ) -> Ends | DoneAgain:
        gate = step.sign_off
        if gate is not None and record.iteration > gate.rework_limit:
            reason = (
                f"{step.title}: changes were requested more than {gate.rework_limit} times, "
                f"last by {state.user}: {state.comment}"
            )
            return Ends(status="FAILED", error={"step_id": step.id, "message": reason})
        targets = gate.rework if gate is not None and gate.rework else (step.id,)
        again = [i for i in self.template.downstream(targets) if i in self.records]
        await self.store.reopen_steps(self.execution.id, again)
        for step_id in again:
            iteration = self.records[step_id].iteration + 1
            self.records[step_id] = StepRecord(
                step_id=step_id, iteration=iteration, status="PENDING"
            )
        return DoneAgain(step_ids=frozenset(again))


def _rejected(step: Step, state: Rejected) -> Ends:
    status = step.sign_off.on_reject if step.sign_off is not None else "FAILED"
    reason = f"{step.title}: rejected by {state.user}" + (
        f": {state.comment}" if state.comment else ""
    )
    return Ends(status=status, error={"step_id": step.id, "message": reason})
