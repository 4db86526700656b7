"""Follows one execution: how it stands, then every change as it happens."""

import asyncio
from collections.abc import AsyncGenerator

from prisma_assets.domain.errors import InputError
from prisma_assets.domain.workflow.execution import ENDED
from prisma_assets.store.database import Database, DatabaseUnavailableError
from prisma_assets.store.event_bus import FIRST_WAIT_SECONDS, EventBus, EventsLost
from prisma_assets.store.status_change import PresentState, StatusChange, present_state


async def watch(
    bus: EventBus, database: Database, execution_id: str
) -> AsyncGenerator[StatusChange, None]:
    """Yield the present state, then every change of status, until the execution has ended.

    A change is yielded once. After a lost connection the state is read again and what differs is yielded; what came and
    went meanwhile is not known to anybody.

    Args:
        bus: On the same database.
        database: Where the execution is stored.
        execution_id: A UUID.

    Yields:
        Steps in the order begun and then the execution itself; then changes in the order stored. Waiting for a sign-off
        ends nothing; COMPLETED, FAILED, CANCELLED and DECLINED of the execution do.

    Raises:
        InputError: There is no such execution.
        DatabaseUnavailableError: The database cannot be reached at the start.
    """
    # Listening comes first: what is stored after the state was read waits in the subscription.
    async with bus.subscribe(execution_id) as events:
        state = await _read(database, execution_id)
        known: dict[object, str] = {}
        for change in state.changes:
            known[change.subject] = change.status
            yield change
        if _is_end(change):
            return
        async for told in events:
            if isinstance(told, EventsLost):
                try:
                    state = await _read(database, execution_id)
                except DatabaseUnavailableError:
                    events.lose()  # it went away again
                    await asyncio.sleep(FIRST_WAIT_SECONDS)
                    continue
                news = [c for c in state.changes if known.get(c.subject) != c.status]
            else:
                news = [] if state.snapshot.includes(told.transaction) else [told.change]
            for change in news:
                known[change.subject] = change.status
                yield change
                if _is_end(change):
                    return


async def _read(database: Database, execution_id: str) -> PresentState:
    state = await present_state(database, execution_id)
    if state is None:
        raise InputError(f"no execution has the id {execution_id}")
    return state


def _is_end(change: StatusChange) -> bool:
    return change.step_id is None and change.status in ENDED
