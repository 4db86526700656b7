"""The sign-offs of one run of an execution: what those given so far mean for a step that waits. Doing steps is `run`."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from prisma_assets.domain.errors import PermanentError
from prisma_assets.domain.workflow.execution import ExecutionStatus, StepRecord
from prisma_assets.domain.workflow.sign_off import ChangesRequested, Rejected, Waiting
from prisma_assets.domain.workflow.template import Step, Template
from prisma_assets.engine.asking import ask, stale_sentences
from prisma_assets.engine.intake import take_in
from prisma_assets.engine.question import Sheet, question
from prisma_assets.engine.stale import is_stale
from prisma_assets.store.database import Transaction
from prisma_assets.store.sign_off import SignOffStore
from prisma_assets.store.workflow import WorkflowStore
from prisma_assets.store.workflow_record import Execution, SignOffRequest, StepRow


@dataclass(frozen=True, kw_only=True)
class Signed:
    """Everybody needed has signed; the step is done."""

    record: StepRecord


@dataclass(frozen=True, kw_only=True)
class Waits:
    """Signatures are missing."""

    roles: tuple[str, ...]
    """Roles that may sign now."""
    stale: tuple[str, ...]
    """Who had signed before, and what changed since: a sentence each."""


@dataclass(frozen=True, kw_only=True)
class Ends:
    """The decision ends the execution."""

    status: ExecutionStatus
    error: Mapping[str, Any]


@dataclass(frozen=True, kw_only=True)
class DoneAgain:
    """Changes were requested: these steps are open again, in a new iteration."""

    step_ids: frozenset[str]
    execution: Execution
    """On the books as they stand now."""


Verdict = Signed | Waits | Ends | DoneAgain


@dataclass(frozen=True, kw_only=True)
class Gate:
    """The sign-offs of one execution, as its run sees them."""

    template: Template
    execution: Execution
    store: WorkflowStore
    records: dict[str, StepRecord]
    """The run's own: what is signed or opened again is written here as well."""
    requests: dict[str, SignOffRequest]
    """The run's own: the latest time each step was put before those who sign."""

    async def load(self) -> None:
        """Read what earlier runs have asked."""
        found = await SignOffStore(source=self.store.database).requests(self.execution.id)
        self.requests.update(found)

    async def look(self, step: Step) -> Verdict:
        """What the decisions given so far mean for a step that waits, and record it.

        Raises:
            PermanentError: The step has no stored result to sign.
        """
        async with self.store.database.transaction() as tx:
            await self.store.lock(tx, self.execution.id)
            asked = await question(tx, self._sheet, step)
            if asked.request.asked_at is None:
                await ask(tx, asked)
            state = asked.state
            if isinstance(state, Waiting):
                verdict: Verdict = Waits(
                    roles=asked.missing, stale=await stale_sentences(tx, asked)
                )
            elif isinstance(state, Rejected):
                verdict = _rejected(step, state)
            elif isinstance(state, ChangesRequested):
                verdict = await self._send_back(tx, step, state)
            else:
                verdict = await self._approve(tx, step)
        self.requests[step.id] = asked.request
        self._remember(verdict)
        return verdict

    def is_stale(self, step: Step) -> bool:
        """Whether the step is signed, but on results that are not there any more."""
        return is_stale(self.requests.get(step.id), step.id, self.records)

    async def look_again(self) -> None:
        """Have every step wait whose signature rests on results that are not there any more, as the store has them."""
        if not self.requests:
            return
        self.records.update(await self.store.steps(self.execution.id))
        for step in self.template.steps:
            if self.is_stale(step):
                await self.reopen(step)
                await self.look(step)

    async def reopen(self, step: Step) -> None:
        """Have a signed step wait again."""
        record = self._stored(step)
        await SignOffStore(source=self.store.database).unsign(record.step_execution_id)
        self.records[step.id] = replace(record, status="WAITING_APPROVAL")

    async def _approve(self, tx: Transaction, step: Step) -> Signed:
        record = self._stored(step)
        await SignOffStore(source=tx).sign(record.step_execution_id)
        return Signed(record=replace(record, status="COMPLETED"))

    async def _send_back(
        self, tx: Transaction, step: Step, state: ChangesRequested
    ) -> Ends | DoneAgain:
        gate = step.sign_off
        decisions = await SignOffStore(source=tx).all(self.execution.id)
        times = sum(d.step_id == step.id and d.decision == "changes" for d in decisions)
        if gate is not None and times > gate.rework_limit:
            reason = (
                f"{step.title}: changes were requested more than {gate.rework_limit} times, "
                f"last by {state.user}: {state.comment}"
            )
            return Ends(status="FAILED", error={"step_id": step.id, "message": reason})
        again = frozenset(i for i in sent_back(self.template, step.id) if i in self.records)
        await self.store.reopen_steps(tx, self.execution.id, again)
        execution = await take_in(self.store, tx, self.execution, again=again)
        return DoneAgain(step_ids=again, execution=execution)

    def _remember(self, verdict: Verdict) -> None:
        """Take into the run's records what is committed."""
        if isinstance(verdict, Signed):
            self.records[verdict.record.step_id] = verdict.record
        if isinstance(verdict, DoneAgain):
            for step_id in verdict.step_ids:
                iteration = self.records[step_id].iteration + 1
                self.records[step_id] = StepRecord(
                    step_id=step_id, iteration=iteration, status="PENDING"
                )

    def _stored(self, step: Step) -> StepRow:
        record = self.records[step.id]
        if not isinstance(record, StepRow):
            raise PermanentError(f"step '{step.id}' has no stored result to sign")
        return record

    @property
    def _sheet(self) -> Sheet:
        return Sheet(template=self.template, execution=self.execution, records=self.records)


def sent_back(template: Template, step_id: str) -> frozenset[str]:
    """Ids of the steps that are done again when changes are requested at this one."""
    step = template.step(step_id)
    gate = step.sign_off if step is not None else None
    return template.downstream(gate.rework if gate is not None and gate.rework else (step_id,))


def _rejected(step: Step, state: Rejected) -> Ends:
    status = step.sign_off.on_reject if step.sign_off is not None else "FAILED"
    reason = f"{step.title}: rejected by {state.user}" + (
        f": {state.comment}" if state.comment else ""
    )
    return Ends(status=status, error={"step_id": step.id, "message": reason})
