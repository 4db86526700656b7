"""Sign-offs in PostgreSQL: what was put before whom, and what they decided."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from prisma_assets.domain.workflow.shown import Shown, as_json, from_json, shown_sha256
from prisma_assets.store.database import Database, Transaction
from prisma_assets.store.workflow_record import NewSignOff, SignOffRequest, SignOffRow


@dataclass(frozen=True, kw_only=True)
class DueSignOff:
    """A request for which it is time to remind somebody, or which nobody has answered in time."""

    execution_id: str
    step_id: str
    iteration: int
    number: int
    due_at: datetime


@dataclass(frozen=True, kw_only=True)
class SignOffStore:
    """Where sign-offs live. Whoever writes holds the execution's row (`WorkflowStore.lock`)."""

    source: Database | Transaction
    """A transaction when several things belong together."""

    async def requests(self, execution_id: str) -> dict[str, SignOffRequest]:
        """The latest time each step was put before those who sign, by step id."""
        rows = await self.source.fetch("sign_off_requests", {"workflow_execution_id": execution_id})
        return {r["step_id"]: _request(r) for r in rows}

    async def request(self, execution_id: str, step_id: str) -> SignOffRequest | None:
        """The latest time one step was put before those who sign; None when it never was."""
        params = {"workflow_execution_id": execution_id, "step_id": step_id}
        rows = await self.source.fetch("sign_off_request", params)
        return _request(rows[0]) if rows else None

    async def first_shown(self, execution_id: str) -> dict[str, Shown]:
        """What each step first showed, by step id: what those who signed in advance stand for."""
        rows = await self.source.fetch("first_requests", {"workflow_execution_id": execution_id})
        return {r["step_id"]: from_json(r["shown"]) for r in rows}

    async def ask(
        self, execution_id: str, request: SignOffRequest, *, due_in_seconds: float | None
    ) -> None:
        """Record that a result is put before those who sign; done already, nothing changes.

        Args:
            execution_id: The execution.
            request: What is shown.
            due_in_seconds: Time to the first reminder or the expiry; None: neither.
        """
        params = {
            "workflow_execution_id": execution_id,
            "step_id": request.step_id,
            "iteration": request.iteration,
            "number": request.number,
            "shown": as_json(request.shown),
            "shown_sha256": shown_sha256(request.shown),
            "due_in_seconds": due_in_seconds,
        }
        await self.source.execute("insert_sign_off_request", params)

    async def given(self, execution_id: str, request: SignOffRequest) -> list[SignOffRow]:
        """Decisions that count for a request, in the order given."""
        params = {
            "workflow_execution_id": execution_id,
            "step_id": request.step_id,
            "iteration": request.iteration,
            "is_first": request.is_first,
            "shown_sha256": shown_sha256(request.shown),
        }
        return [_sign_off(r) for r in await self.source.fetch("sign_offs", params)]

    async def all(self, execution_id: str) -> list[SignOffRow]:
        """Every decision on the execution, in the order given."""
        rows = await self.source.fetch("all_sign_offs", {"workflow_execution_id": execution_id})
        return [_sign_off(r) for r in rows]

    async def add(self, new: NewSignOff) -> None:
        """Store one decision."""
        await self.source.execute("insert_sign_off", new.params())

    async def sign(self, step_execution_id: str) -> None:
        """Record that a step's sign-off is complete."""
        await self.source.execute("update_step_signed", {"step_execution_id": step_execution_id})

    async def unsign(self, step_execution_id: str) -> None:
        """Have a step wait again: what was signed is not what is there any more."""
        await self.source.execute("update_step_unsigned", {"step_execution_id": step_execution_id})

    async def due(self, now: datetime, limit: int) -> list[DueSignOff]:
        """Sign-offs for which it is time to do something, longest overdue first."""
        params = {"now": now, "limit": limit}
        return [
            DueSignOff(
                execution_id=str(r["workflow_execution_id"]),
                step_id=r["step_id"],
                iteration=r["iteration"],
                number=r["number"],
                due_at=r["due_at"],
            )
            for r in await self.source.fetch("due_sign_off_requests", params)
        ]

    async def wind(
        self, execution_id: str, request: SignOffRequest, *, next_due_seconds: float | None
    ) -> None:
        """Record what the clock has done, and when it has to look again.

        Args:
            execution_id: The execution.
            request: With the reminders and the expiry it has now.
            next_due_seconds: From the asking; None: never.
        """
        params = {
            **_key(execution_id, request),
            "reminders": request.reminders,
            "expired_at": request.expired_at,
            "next_due_seconds": next_due_seconds,
        }
        await self.source.execute("update_sign_off_request", params)

    async def rest(self, due: DueSignOff) -> None:
        """Have the clock pass over a request that is over."""
        await self.source.execute("rest_sign_off_request", _key(due.execution_id, due))

    async def outputs(
        self, execution_id: str, step_ids: Iterable[str]
    ) -> dict[tuple[str, int], Mapping[str, Any]]:
        """Outputs of every iteration of some steps, by step id and iteration."""
        params = {"workflow_execution_id": execution_id, "step_ids": list(step_ids)}
        rows = await self.source.fetch("step_outputs", params)
        return {(r["step_id"], r["iteration"]): r["output"] or {} for r in rows}


def _key(execution_id: str, request: SignOffRequest | DueSignOff) -> dict[str, Any]:
    return {
        "workflow_execution_id": execution_id,
        "step_id": request.step_id,
        "iteration": request.iteration,
        "number": request.number,
    }


def _request(row: Mapping[str, Any]) -> SignOffRequest:
    return SignOffRequest(
        step_id=row["step_id"],
        iteration=row["iteration"],
        number=row["number"],
        shown=from_json(row["shown"]),
        asked_at=row["asked_at"],
        reminders=row["reminders"],
        expired_at=row["expired_at"],
        due_at=row["due_at"],
    )


def _sign_off(row: Mapping[str, Any]) -> SignOffRow:
    return SignOffRow(
        step_id=row["step_id"],
        iteration=row["iteration"],
        user=row["user_id"],
        role=row["role"],
        decision=row["decision"],
        comment=row["comment"],
        given_in_advance=row["given_in_advance"],
        decided_at=row["decided_at"],
        shown=from_json(row["shown"]) if row["shown"] is not None else None,
    )
