"""Compensations in PostgreSQL: what is to be undone, and what was."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Any, Literal

from prisma_assets.store.database import Database

CompensationStatus = Literal["RUNNING", "COMPLETED", "FAILED"]


@dataclass(frozen=True, kw_only=True)
class Due:
    """One step's work that is to be undone."""

    step_id: str
    iteration: int
    outputs: Mapping[str, Any]
    status: CompensationStatus | None = None
    """Of its compensation; None: not begun."""


@dataclass(frozen=True, kw_only=True)
class CompensationRow:
    """One compensation as stored."""

    step_id: str
    iteration: int
    status: CompensationStatus
    attempt: int
    agent_id: str
    agent_version: str | None
    output: Mapping[str, Any] | None
    workpaper: Mapping[str, Any] | None
    error: Mapping[str, Any] | None
    duration_ms: int | None
    cost_usd: Decimal | None
    settled_by: str | None
    """A person who undid the work by hand."""
    reason: str | None
    started_at: datetime
    completed_at: datetime | None


@dataclass(frozen=True, kw_only=True)
class Undone:
    """What came of undoing a step's work."""

    agent_version: str
    output: Mapping[str, Any]
    workpaper: Mapping[str, Any] | None
    duration_ms: int
    tokens: int
    cost_usd: Decimal | None


@dataclass(frozen=True, kw_only=True)
class ToCompensate:
    """An execution with work to be undone."""

    id: str
    template_sha256: str
    runs: int


@dataclass(frozen=True, kw_only=True)
class CompensationStore:
    """Where compensations live. Whoever writes holds the execution's run lock."""

    database: Database

    async def due(self, execution_id: str, step_ids: Sequence[str]) -> list[Due]:
        """Work that is to be undone, what was done last first.

        Args:
            execution_id: An execution that has ended.
            step_ids: Steps of its template that have a compensation.
        """
        params = {"workflow_execution_id": execution_id, "step_ids": list(step_ids)}
        return [
            Due(
                step_id=r["step_id"],
                iteration=r["iteration"],
                outputs=r["output"] or {},
                status=r["status"],
            )
            for r in await self.database.fetch("due_compensations", params)
        ]

    async def all(self, execution_id: str) -> list[CompensationRow]:
        """Every compensation of the execution, in the order begun."""
        rows = await self.database.fetch("compensations", {"workflow_execution_id": execution_id})
        return [CompensationRow(**r) for r in rows]

    async def to_compensate(self, limit: int) -> list[ToCompensate]:
        """Executions with work to be undone, latest first."""
        return [
            ToCompensate(
                id=str(r["workflow_execution_id"]),
                template_sha256=r["template_sha256"],
                runs=r["runs"],
            )
            for r in await self.database.fetch("executions_to_compensate", {"limit": limit})
        ]

    async def begin(self, execution_id: str, due: Due, *, agent_id: str) -> None:
        """Record that a compensation begins."""
        await self._write("upsert_compensation_started", execution_id, due, {"agent_id": agent_id})

    async def finish(self, execution_id: str, due: Due, undone: Undone) -> None:
        """Record that the work is undone."""
        change = {
            "agent_version": undone.agent_version,
            "output": dict(undone.output),
            "workpaper": dict(undone.workpaper) if undone.workpaper is not None else None,
            "duration_ms": undone.duration_ms,
            "tokens": undone.tokens,
            "cost_usd": undone.cost_usd,
        }
        await self._write("update_compensation_done", execution_id, due, change)

    async def fail(self, execution_id: str, due: Due, error: Mapping[str, Any]) -> None:
        """Record that the work could not be undone."""
        await self._write("update_compensation_failed", execution_id, due, {"error": dict(error)})

    async def settle(self, execution_id: str, step_id: str, *, by: str, reason: str) -> bool:
        """Record that a person has undone a step's work by hand; False when no compensation of it is open."""
        params = {
            "workflow_execution_id": execution_id,
            "step_id": step_id,
            "settled_by": by,
            "reason": reason,
        }
        return await self.database.execute("update_compensations_settled", params) > 0

    async def begin_run(self, execution_id: str, run_id: str) -> None:
        """Record that a run begins to undo the execution's work."""
        params = {"workflow_execution_id": execution_id, "dagster_run_id": run_id}
        await self.database.execute("insert_compensation_run", params)

    async def end_run(self, execution_id: str, run_id: str) -> None:
        """Record that the run has come to its end; one that died never does."""
        params = {"workflow_execution_id": execution_id, "dagster_run_id": run_id}
        await self.database.execute("update_run_ended", params)

    async def _write(
        self, query: str, execution_id: str, due: Due, change: Mapping[str, Any]
    ) -> None:
        about = {
            "workflow_execution_id": execution_id,
            "step_id": due.step_id,
            "iteration": due.iteration,
        }
        await self.database.execute(query, {**about, **change})
