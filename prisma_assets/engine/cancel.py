"""Ends an execution on request: whoever works on it stops; where nobody does, it is settled at once."""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass

from prisma_assets.domain.errors import InputError, PermanentError, PrismaError
from prisma_assets.domain.workflow.execution import ENDED, ExecutionStatus
from prisma_assets.engine.question import team_roles
from prisma_assets.store.cancel import (
    CancelRequest,
    cancel_request,
    cancel_steps,
    request_cancel,
)
from prisma_assets.store.database import DatabaseUnavailableError
from prisma_assets.store.run_lock import AlreadyRunningError, RunLock
from prisma_assets.store.workflow import WorkflowStore
from prisma_assets.store.workflow_record import Execution

MAY_CANCEL = frozenset({"MANAGER", "PARTNER"})
"""Cancel is a manager's, and a partner may what a manager may (domain facts §7.1)."""

LOOK_SECONDS = 0.3
"""How soon a run sees the request. One query of 0.2 ms; a notification would wake every run for every step of every other."""

WAIT_SECONDS = 10.0
"""How long to wait for the run to stop: it needs under a second unless the database is slow."""

_POLL_SECONDS = 0.05


class CancelledError(PermanentError):
    """Somebody cancelled this execution; resume it before it is worked on again."""


@dataclass(frozen=True, kw_only=True)
class Cancel:
    """What somebody asks for."""

    requested_by: str
    reason: str


async def cancel(store: WorkflowStore, execution: Execution, asked: Cancel) -> ExecutionStatus:
    """Cancel an execution and wait until it rests; asking again for what is cancelled changes nothing.

    Returns:
        CANCELLED.

    Raises:
        InputError: It has ended otherwise, no reason is given, or the person may not cancel it.
        PrismaError: Its run has not stopped in time; the request stands and it will.
    """
    _check(execution, asked)
    asked_for = await request_cancel(
        store.database, execution.id, requested_by=asked.requested_by, reason=asked.reason.strip()
    )
    if asked_for:
        await _rested(store, execution.id)
    status = await _status(store, execution.id)
    if status != "CANCELLED":
        raise InputError(f"execution {execution.id} is {status}; it can no longer be cancelled")
    return status


async def refuse_cancelled(store: WorkflowStore, execution_id: str) -> None:
    """Keep a run from working on what somebody cancelled before the run began.

    Raises:
        CancelledError: The request stands.
    """
    request = await cancel_request(store.database, execution_id)
    if request is not None:
        raise CancelledError(
            f"execution {execution_id} was {request.sentence}; `prisma-assets resume {execution_id}` continues it"
        )


async def obey(store: WorkflowStore, execution_id: str, stop: Callable[[], None]) -> None:
    """Look for a request while a run works; `stop` is called once when there is one."""
    while True:
        await asyncio.sleep(LOOK_SECONDS)
        try:
            if await cancel_request(store.database, execution_id) is not None:
                stop()
                return
        except DatabaseUnavailableError:
            continue  # The steps notice; a request is still there when the database is back.


def _check(execution: Execution, asked: Cancel) -> None:
    if not asked.reason.strip():
        raise InputError("a cancel needs a reason: the file must say why the work was stopped")
    team = team_roles(execution)
    roles = team.get(asked.requested_by, frozenset())
    if team and not roles & MAY_CANCEL:
        held = f"is {', '.join(sorted(roles))}" if roles else "is not on the engagement's team"
        who = ", ".join(sorted(u for u, r in team.items() if r & MAY_CANCEL)) or "nobody on it"
        raise InputError(
            f"'{asked.requested_by}' {held} and may not cancel execution {execution.id}; {who} may"
        )


async def _rested(store: WorkflowStore, execution_id: str) -> None:
    loop = asyncio.get_running_loop()
    deadline = loop.time() + WAIT_SECONDS
    while await _status(store, execution_id) not in ENDED:
        if await _settled(store, execution_id):
            return
        if loop.time() > deadline:
            raise PrismaError(
                f"execution {execution_id} is asked to stop and has not within {WAIT_SECONDS:.0f} s; "
                f"`prisma-assets status {execution_id}` shows when it has"
            )
        await asyncio.sleep(_POLL_SECONDS)


async def _settled(store: WorkflowStore, execution_id: str) -> bool:
    """End the execution here if nobody works on it: whoever does holds its lock."""
    lock = RunLock(store.database.url, execution_id)
    try:
        await lock.acquire()
    except AlreadyRunningError:
        return False
    try:
        request = await cancel_request(store.database, execution_id)
        async with store.database.transaction() as tx:
            if request is not None and await store.lock(tx, execution_id) not in ENDED:
                error = _error(request)
                await cancel_steps(tx, execution_id, error)
                await store.settle(tx, execution_id, "CANCELLED", error)
    finally:
        await lock.release()
    return True


def _error(request: CancelRequest) -> dict[str, str]:
    return {"step_id": "", "class": "Cancelled", "message": request.sentence}


async def _status(store: WorkflowStore, execution_id: str) -> ExecutionStatus:
    execution = await store.execution(execution_id)
    if execution is None:
        raise InputError(f"no execution has the id {execution_id}")
    return execution.status
