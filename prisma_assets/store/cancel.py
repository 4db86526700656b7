"""Requests to cancel an execution, as stored. Obeying them is the engine's."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from prisma_assets.store.database import Database, Transaction


@dataclass(frozen=True, kw_only=True)
class CancelRequest:
    """Who asked for the end of an execution, and why."""

    requested_by: str
    reason: str
    requested_at: datetime

    @property
    def sentence(self) -> str:
        """For people."""
        return f"cancelled by {self.requested_by}: {self.reason}"


async def request_cancel(
    database: Database, execution_id: str, *, requested_by: str, reason: str
) -> bool:
    """Ask for the end of an execution; False when it has ended already. Asking twice keeps the first request."""
    params = {
        "workflow_execution_id": execution_id,
        "requested_by": requested_by,
        "reason": reason,
    }
    return bool(await database.fetch("request_cancel", params))


async def cancel_request(database: Database, execution_id: str) -> CancelRequest | None:
    """The request that stands, or None."""
    rows = await database.fetch("cancel_request", {"workflow_execution_id": execution_id})
    if not rows:
        return None
    return CancelRequest(
        requested_by=rows[0]["cancel_requested_by"],
        reason=rows[0]["cancel_reason"],
        requested_at=rows[0]["cancel_requested_at"],
    )


async def withdraw_cancel(database: Database, execution_id: str) -> None:
    """Let the execution be worked on again."""
    await database.execute("withdraw_cancel", {"workflow_execution_id": execution_id})


async def cancel_steps(tx: Transaction, execution_id: str, error: Mapping[str, Any]) -> None:
    """End the steps a dead run left RUNNING; call while holding the execution's run lock."""
    params = {"workflow_execution_id": execution_id, "error": dict(error)}
    await tx.execute("update_steps_cancelled", params)
