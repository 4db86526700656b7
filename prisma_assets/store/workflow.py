"""Executions, their steps and their sign-offs in PostgreSQL: one method, one query, one domain type."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID, uuid4

from prisma_assets.domain.workflow.execution import ENDED, ExecutionStatus, StepStatus
from prisma_assets.store.database import Database, Transaction
from prisma_assets.store.pinning import keep
from prisma_assets.store.workflow_record import (
    Execution,
    NewExecution,
    NewSignOff,
    Redo,
    ResumableExecution,
    RunKind,
    SilentExecution,
    StartedStep,
    StepFinish,
    StepRow,
    StepStart,
)


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
            "is_asked_for": new.is_asked_for,
            "created_by": new.created_by,
        }
        async with self.database.transaction() as tx:
            if not await tx.fetch("insert_execution", params):
                rows = await tx.fetch("execution_by_key", {"idempotency_key": new.idempotency_key})
                return str(rows[0]["workflow_execution_id"]), False
            await keep(tx, new.pins)
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

    async def resumable(self, limit: int, *, asked_seconds: float) -> list[ResumableExecution]:
        """Executions that may go on, latest news first.

        Args:
            limit: How many at most.
            asked_seconds: So long ago somebody must have asked for a run that nobody has taken up.
        """
        params = {"limit": limit, "asked_seconds": asked_seconds}
        rows = await self.database.fetch("resumable_executions", params)
        return [
            ResumableExecution(
                id=str(r["workflow_execution_id"]),
                template_name=r["template_name"],
                template_sha256=r["template_sha256"],
                status=r["status"],
                runs=r["runs"],
                decisions=r["decisions"],
                run_asked_at=r["run_asked_at"],
            )
            for r in rows
        ]

    async def ask_for_run(self, execution_id: str) -> None:
        """Record that somebody wants the execution run; should they die before it begins, the sensor asks again."""
        await self.database.execute("ask_for_run", {"workflow_execution_id": execution_id})

    async def deaths_in_a_row(self, execution_id: str, *, kind: RunKind) -> int:
        """How many of the latest runs of that kind died without a step done or undone since."""
        params = {"workflow_execution_id": execution_id, "kind": kind}
        [row] = await self.database.fetch("deaths_in_a_row", params)
        return int(row["deaths"])

    async def silent(
        self, *, longer_than_seconds: float, execution_id: str | None = None
    ) -> list[SilentExecution]:
        """Executions said to be worked on of which nothing was heard for so long; all of them, or that one."""
        params = {
            "workflow_execution_id": execution_id,
            "silent_seconds": longer_than_seconds,
        }
        return [
            SilentExecution(
                id=str(r["workflow_execution_id"]),
                template_name=r["template_name"],
                template_sha256=r["template_sha256"],
                step_ids=tuple(r["running"]),
                silent_seconds=r["silent_seconds"],
            )
            for r in await self.database.fetch("silent_executions", params)
        ]

    async def take_up(self, execution_id: str, *, run_id: str) -> None:
        """Mark the execution as being worked on by that run."""
        params = {"workflow_execution_id": execution_id, "dagster_run_id": run_id}
        await self.database.execute("take_up_execution", params)

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

    async def branches(self, execution_id: str, step_id: str, iteration: int) -> dict[str, StepRow]:
        """Branches of a for-each step in one iteration, by name."""
        params = {"workflow_execution_id": execution_id, "step_id": step_id, "iteration": iteration}
        rows = await self.database.fetch("branch_records", params)
        return {r["map_key"]: _step_row(r) for r in rows}

    async def start_step(self, start: StepStart) -> StartedStep | None:
        """Record that a step begins; None when it is already done and must not run."""
        params = {
            "workflow_execution_id": start.execution_id,
            "step_id": start.step_id,
            "step_name": start.step_name,
            "iteration": start.iteration,
            "agent_id": start.agent_id,
            "input_hash": start.input_sha256,
            "map_key": start.map_key,
        }
        rows = (await self.database.grouped("upsert_step_started", params)).rows
        if not rows:
            return None
        return StartedStep(
            id=str(rows[0]["step_execution_id"]),
            attempt=rows[0]["attempt"],
            waited_seconds=rows[0]["waited_seconds"],
        )

    async def finish_step(self, finish: StepFinish) -> None:
        """Record what a step produced."""
        await self.database.grouped(*finishing(finish))

    async def end_step(
        self, step_execution_id: str, status: StepStatus, error: Mapping[str, Any]
    ) -> None:
        """Record that a step failed, timed out or was cancelled."""
        params = {"step_execution_id": step_execution_id, "status": status, "error": dict(error)}
        await self.database.grouped("update_step_ended", params)

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

    async def reopen_steps(
        self, tx: Transaction, execution_id: str, step_ids: Iterable[str]
    ) -> None:
        """Open a new iteration of those steps that were begun."""
        for step_id in step_ids:
            params = {"workflow_execution_id": execution_id, "step_id": step_id}
            await tx.execute("insert_step_iteration", params)

    async def change_context(
        self, tx: Transaction, execution_id: str, change: Mapping[str, Any]
    ) -> None:
        """Record facts of the execution that hold from now on."""
        params = {"workflow_execution_id": execution_id, "change": dict(change)}
        await tx.execute("update_context", params)

    async def add_redo(self, tx: Transaction, execution_id: str, new: Redo) -> None:
        """Record who had what done again, and why."""
        params = {
            "workflow_execution_id": execution_id,
            "step_ids": list(new.step_ids),
            "opened_step_ids": list(new.opened_step_ids),
            "requested_by": new.requested_by,
            "reason": new.reason,
        }
        await tx.execute("insert_redo", params)

    async def redos(self, execution_id: str) -> list[Redo]:
        """Work done again on request, in the order asked."""
        rows = await self.database.fetch("redos", {"workflow_execution_id": execution_id})
        return [
            Redo(
                step_ids=tuple(r["step_ids"]),
                opened_step_ids=tuple(r["opened_step_ids"]),
                requested_by=r["requested_by"],
                reason=r["reason"],
                requested_at=r["requested_at"],
            )
            for r in rows
        ]


def finishing(finish: StepFinish) -> tuple[str, Mapping[str, Any]]:
    """The statement that records what a step produced, to be committed alone or with the call that produced it."""
    return "update_step_finished", {
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
        "cached_call_id": finish.cached_call_id,
        "approval_kind": finish.approval_kind,
        "required_roles": list(finish.required_roles),
    }


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
        map_key=row.get("map_key", ""),
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
        cached_call_id=row["cached_call_id"],
    )
