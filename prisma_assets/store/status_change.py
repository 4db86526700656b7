"""Changes of status: as the database tells of them, and as they stand when somebody asks. Waiting for them is the event bus's."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Self

from prisma_assets.domain.workflow.execution import ExecutionStatus, StepStatus
from prisma_assets.store.database import Database


@dataclass(frozen=True, kw_only=True)
class StatusChange:
    """What an execution, a step of it, or a branch of a step became."""

    execution_id: str
    status: ExecutionStatus | StepStatus
    at: datetime
    """UTC; changes of one step come in this order, those of two steps in the order they were stored."""
    step_id: str | None = None
    """None: the execution itself."""
    iteration: int = 1
    map_key: str = ""
    """Name of a branch or turn, its first 1,000 characters; empty: the step itself."""

    @property
    def subject(self) -> tuple[str | None, int, str]:
        """What changed: step, iteration and branch."""
        return self.step_id, self.iteration, self.map_key


@dataclass(frozen=True, kw_only=True)
class ToldChange:
    """A change as its notification tells of it."""

    change: StatusChange
    transaction: int
    """The transaction that stored it (PostgreSQL manual, xid8)."""

    @classmethod
    def read(cls, payload: str) -> Self:
        """Read a notification of the channel `prisma_events`."""
        told: dict[str, Any] = json.loads(payload)
        change = StatusChange(
            execution_id=told["execution"],
            status=told["status"],
            at=datetime.fromisoformat(told["at"]),
            step_id=told.get("step"),
            iteration=told.get("iteration", 1),
            map_key=told.get("map_key", ""),
        )
        return cls(change=change, transaction=int(told["transaction"]))


@dataclass(frozen=True, kw_only=True)
class Snapshot:
    """Which transactions a reading had seen (PostgreSQL manual, pg_snapshot)."""

    oldest_open: int
    next_new: int
    still_open: frozenset[int]

    @classmethod
    def read(cls, text: str) -> Self:
        """Read `xmin:xmax:xip_list`."""
        oldest, following, running = text.split(":")
        return cls(
            oldest_open=int(oldest),
            next_new=int(following),
            still_open=frozenset(int(x) for x in running.split(",") if x),
        )

    def includes(self, transaction: int) -> bool:
        """Whether what that transaction stored was there when the reading was made."""
        if transaction < self.oldest_open:
            return True
        return transaction < self.next_new and transaction not in self.still_open


@dataclass(frozen=True, kw_only=True)
class PresentState:
    """An execution and everything begun in it, as it stood in one moment."""

    changes: Sequence[StatusChange]
    """Steps in the order begun, in their latest iteration, then the execution itself."""
    snapshot: Snapshot


async def present_state(database: Database, execution_id: str) -> PresentState | None:
    """How the execution stands now; None when there is none of that id.

    Args:
        database: Where it is stored.
        execution_id: A UUID.
    """
    rows = await database.fetch("present_state", {"workflow_execution_id": execution_id})
    if not rows:
        return None
    return PresentState(
        changes=[_change(execution_id, row) for row in rows],
        snapshot=Snapshot.read(rows[0]["snapshot"]),
    )


def _change(execution_id: str, row: Mapping[str, Any]) -> StatusChange:
    # Cut as the notification cuts it, so that both name the same branch.
    return StatusChange(
        execution_id=execution_id,
        status=row["status"],
        at=row["at"],
        step_id=row["step_id"],
        iteration=row["iteration"],
        map_key=row["map_key"][:1000],
    )
