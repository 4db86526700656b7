"""Executions, their steps and their sign-offs in PostgreSQL: one method, one query, one domain type."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Any
from uuid import UUID, uuid4

from prisma_assets.domain.workflow.execution import ENDED, ExecutionStatus, StepRecord, StepStatus
from prisma_assets.domain.workflow.sign_off import Decision
from prisma_assets.store.database import Database, Transaction


@dataclass(frozen=True, kw_only=True)
class NewExecution:
    """What is known when somebody starts a workflow."""

    template_name: str
    template_version: str
    template_sha256: str
    dagster_job: str
    context: Mapping[str, Any]
    """JSON: `inputs`, and for an engagement `engagement_folder`, `books_sha256`, `team`, `preparer`."""
    created_by: str
    client_id: str | None = None
    engagement_id: str | None = None
    period: str | None = None
    idempotency_key: str | None = None


@dataclass(frozen=True, kw_only=True)
class Execution:
    """One workflow execution as stored."""

    id: str
    template_name: str
    template_version: str
    template_sha256: str
    status: ExecutionStatus
    context: Mapping[str, Any]
    created_by: str
    created_at: datetime
    client_id: str | None = None
    engagement_id: str | None = None
    period: str | None = None
    dagster_job: str = ""
    dagster_run_id: str | None = None
    started_at: datetime | None = None
    completed_at: datetime | None = None
    error: Mapping[str, Any] | None = None
    cost_usd: Decimal | None = None

    @property
    def inputs(self) -> Mapping[str, Any]:
        """What the person who started it gave."""
        inputs: Mapping[str, Any] = self.context.get("inputs", {})
        return inputs


@dataclass(frozen=True, kw_only=True)
class StepRow(StepRecord):
    """Latest iteration of a step, with what a page or the command line shows."""

    step_execution_id: str
    step_name: str
    attempt: int = 1
    agent_id: str | None = None
    agent_version: str | None = None
    workpaper: Mapping[str, Any] | None = None
    started_at: datetime | None = None
    duration_ms: int | None = None
    cost_usd: Decimal | None = None


@dataclass(frozen=True, kw_only=True)
class StepStart:
    """A step about to be worked on."""

    execution_id: str
    step_id: str
    step_name: str
    iteration: int
    agent_id: str
    input_sha256: str


@dataclass(frozen=True, kw_only=True)
class StepFinish:
    """What a step produced."""

    step_execution_id: str
    status: StepStatus
    output: Mapping[str, Any]
    output_sha256: str
    workpaper: Mapping[str, Any] | None
    agent_version: str
    attempts: int
    duration_ms: int
    tokens_in: int
    tokens_out: int
    cost_usd: Decimal | None
    approval_kind: str | None = None
    required_roles: Sequence[str] = ()


@dataclass(frozen=True, kw_only=True)
class SignOffRow:
    """One decision as stored."""

    step_id: str
    user: str
    role: str | None
    decision: Decision
    comment: str
    given_in_advance: bool
    decided_at: datetime
    iteration: int | None = None


@dataclass(frozen=True, kw_only=True)
class NewSignOff:
    """One decision to be stored."""

    execution_id: str
    step_id: str
    user: str
    decision: Decision
    comment: str = ""
    role: str | None = None
    iteration: int | None = None
    """None when given in advance."""
    shown_sha256: str | None = None
    """Hash of the output the person decided on; None when given in advance."""

    def params(self) -> dict[str, Any]:
        """Parameters of the insert."""
        return {
            "workflow_execution_id": self.execution_id,
            "step_id": self.step_id,
            "iteration": self.iteration,
            "role": self.role,
            "user_id": self.user,
            "decision": self.decision,
            "comment": self.comment,
            "given_in_advance": self.shown_sha256 is None,
            "shown_sha256": self.shown_sha256,
        }


@dataclass(frozen=True, kw_only=True)
class WaitingExecution:
    """An execution that waits for a sign-off and has decisions to look at."""

    id: str
    template_name: str
    decisions: int
    """Decisions given so far; a new one makes a new run key."""


@dataclass(frozen=True, kw_only=True)
class WorkflowStore:
    """Where executions live."""

    database: Database

    async def create(
        self, new: NewExecution, advance: Sequence[NewSignOff] = ()
    ) -> tuple[str, bool]:
        """Store a new execution and the sign-offs given with it, in one transaction.

        Returns:
            Its id, and False when the idempotency key was known and nothing was stored.
        """
        execution_id = str(uuid4())
        params = {
            "workflow_execution_id": execution_id,
            "template_name": new.template_name,
            "template_version": new.template_version,
            "template_sha256": new.template_sha256,
            "client_id": new.client_id,
            "engagement_id": new.engagement_id,
            "period": new.period,
            "context": dict(new.context),
            "dagster_job": new.dagster_job,
            "idempotency_key": new.idempotency_key,
            "created_by": new.created_by,
        }
        async with self.database.transaction() as tx:
            if not await tx.fetch("insert_execution", params):
                rows = await tx.fetch("execution_by_key", {"idempotency_key": new.idempotency_key})
                return str(rows[0]["workflow_execution_id"]), False
            for sign_off in advance:
                await tx.execute(
                    "insert_sign_off", {**sign_off.params(), "workflow_execution_id": execution_id}
                )
        return execution_id, True

    async def execution(self, execution_id: str) -> Execution | None:
        """The execution of that id, or None."""
        if not _is_uuid(execution_id):
            return None
        rows = await self.database.fetch("execution", {"workflow_execution_id": execution_id})
        return _execution(rows[0]) if rows else None

    async def recent(self, limit: int = 20) -> list[Execution]:
        """The newest executions."""
        return [
            _execution(r) for r in await self.database.fetch("recent_executions", {"limit": limit})
        ]

    async def waiting(self, limit: int) -> list[WaitingExecution]:
        """Executions that wait and were given a decision since they last rested, newest decision first."""
        rows = await self.database.fetch("waiting_executions", {"limit": limit})
        return [
            WaitingExecution(
                id=str(r["workflow_execution_id"]),
                template_name=r["template_name"],
                decisions=r["decisions"],
            )
            for r in rows
        ]

    async def take_up(self, execution_id: str, *, run_id: str) -> None:
        """Mark the execution as being worked on by that run."""
        params = {"workflow_execution_id": execution_id, "dagster_run_id": run_id}
        async with self.database.transaction() as tx:
            await tx.execute("update_execution_started", params)
            await tx.execute("insert_execution_run", params)

    async def runs(self, execution_id: str) -> list[str]:
        """Ids of the Dagster runs that worked on the execution, in order."""
        rows = await self.database.fetch("execution_runs", {"workflow_execution_id": execution_id})
        return [r["dagster_run_id"] for r in rows]

    async def settle(
        self,
        tx: Transaction,
        execution_id: str,
        status: ExecutionStatus,
        error: Mapping[str, Any] | None = None,
    ) -> None:
        """Write what became of the execution; call under `locked`."""
        params = {
            "workflow_execution_id": execution_id,
            "status": status,
            "error": dict(error) if error else None,
            "is_ended": status in ENDED,
        }
        await tx.execute("update_execution_status", params)

    async def lock(self, tx: Transaction, execution_id: str) -> ExecutionStatus:
        """Hold the execution's row for this transaction, and give its status."""
        rows = await tx.fetch("lock_execution", {"workflow_execution_id": execution_id})
        status: ExecutionStatus = rows[0]["status"]
        return status

    async def steps(self, execution_id: str, tx: Transaction | None = None) -> dict[str, StepRow]:
        """Latest iteration of every step begun, by step id."""
        source = tx or self.database
        rows = await source.fetch("step_records", {"workflow_execution_id": execution_id})
        return {r["step_id"]: _step_row(r) for r in rows}

    async def start_step(self, start: StepStart) -> str | None:
        """Record that a step begins; None when it is already done and must not run."""
        params = {
            "workflow_execution_id": start.execution_id,
            "step_id": start.step_id,
            "step_name": start.step_name,
            "iteration": start.iteration,
            "agent_id": start.agent_id,
            "input_hash": start.input_sha256,
        }
        rows = await self.database.fetch("upsert_step_started", params)
        return str(rows[0]["step_execution_id"]) if rows else None

    async def finish_step(self, finish: StepFinish) -> None:
        """Record what a step produced."""
        params = {
            "step_execution_id": finish.step_execution_id,
            "status": finish.status,
            "output": dict(finish.output),
            "output_hash": finish.output_sha256,
            "workpaper": dict(finish.workpaper) if finish.workpaper is not None else None,
            "agent_version": finish.agent_version,
            "retry_count": finish.attempts - 1,
            "duration_ms": finish.duration_ms,
            "tokens_in": finish.tokens_in,
            "tokens_out": finish.tokens_out,
            "cost_usd": finish.cost_usd,
            "approval_kind": finish.approval_kind,
            "required_roles": list(finish.required_roles),
        }
        await self.database.execute("update_step_finished", params)

    async def end_step(
        self, step_execution_id: str, status: StepStatus, error: Mapping[str, Any]
    ) -> None:
        """Record that a step failed, timed out or was cancelled."""
        params = {"step_execution_id": step_execution_id, "status": status, "error": dict(error)}
        await self.database.execute("update_step_ended", params)

    async def skip_step(self, start: StepStart, condition: str) -> None:
        """Record that a step's condition is false."""
        params = {
            "workflow_execution_id": start.execution_id,
            "step_id": start.step_id,
            "step_name": start.step_name,
            "iteration": start.iteration,
            "agent_id": start.agent_id,
            "condition_expr": condition,
        }
        await self.database.execute("insert_step_skipped", params)

    async def sign_step(self, step_execution_id: str) -> None:
        """Record that a step's sign-off is complete."""
        await self.database.execute("update_step_signed", {"step_execution_id": step_execution_id})

    async def reopen_step(self, execution_id: str, step_id: str) -> None:
        """Open a new iteration of a step."""
        params = {"workflow_execution_id": execution_id, "step_id": step_id}
        await self.database.execute("insert_step_iteration", params)

    async def sign_offs(self, execution_id: str, record: StepRecord) -> list[SignOffRow]:
        """Decisions that count for this iteration of a step, in the order given."""
        params = {
            "workflow_execution_id": execution_id,
            "step_id": record.step_id,
            "iteration": record.iteration,
            "shown_sha256": record.output_sha256,
        }
        rows = await self.database.fetch("sign_offs", params)
        return [_sign_off({**r, "step_id": record.step_id}) for r in rows]

    async def all_sign_offs(self, execution_id: str) -> list[SignOffRow]:
        """Every decision on the execution, in the order given."""
        rows = await self.database.fetch("all_sign_offs", {"workflow_execution_id": execution_id})
        return [_sign_off(r) for r in rows]

    async def add_sign_off(self, new: NewSignOff) -> None:
        """Store one decision."""
        await self.database.execute("insert_sign_off", new.params())


def _is_uuid(text: str) -> bool:
    try:
        UUID(text)
    except ValueError:
        return False
    return True


def _execution(row: Mapping[str, Any]) -> Execution:
    values = {k: v for k, v in row.items() if k != "workflow_execution_id"}
    return Execution(id=str(row["workflow_execution_id"]), **values)


def _step_row(row: Mapping[str, Any]) -> StepRow:
    return StepRow(
        step_execution_id=str(row["step_execution_id"]),
        step_id=row["step_id"],
        step_name=row["step_name"],
        iteration=row["iteration"],
        attempt=row["attempt"],
        status=row["status"],
        outputs=row["output"] or {},
        output_sha256=row["output_hash"],
        error=row["error"],
        agent_id=row["agent_id"],
        agent_version=row["agent_version"],
        workpaper=row["workpaper"],
        started_at=row["started_at"],
        duration_ms=row["duration_ms"],
        cost_usd=row["cost_usd"],
    )


def _sign_off(row: Mapping[str, Any]) -> SignOffRow:
    return SignOffRow(
        step_id=row["step_id"],
        iteration=row.get("iteration"),
        user=row["user_id"],
        role=row["role"],
        decision=row["decision"],
        comment=row["comment"] or "",
        given_in_advance=row["given_in_advance"],
        decided_at=row["decided_at"],
    )
