"""Changes of status as server-sent events (HTML standard §9.2)."""

import asyncio
import json
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import aclosing

from prisma_assets.domain.workflow.execution import ENDED
from prisma_assets.store.status_change import StatusChange

QUIET_SECONDS = 15.0
"""A line nobody reads goes out this often while nothing happens: proxies close what is silent for a minute."""

END_ID = "end"
"""Id of the last event. A browser that lost the connection sends it back, and is told to stop (204)."""


async def stream(changes: AsyncGenerator[StatusChange, None]) -> AsyncIterator[str]:
    """Every change as an event, and signs of life between them."""
    async with aclosing(changes):
        coming = asyncio.ensure_future(anext(changes, None))
        try:
            while True:
                done, _ = await asyncio.wait({coming}, timeout=QUIET_SECONDS)
                if not done:
                    yield ": nothing new\n\n"
                    continue
                change = coming.result()
                if change is None:
                    return
                yield _event(change)
                coming = asyncio.ensure_future(anext(changes, None))
        finally:
            coming.cancel()
            await asyncio.gather(coming, return_exceptions=True)


def _event(change: StatusChange) -> str:
    body = {
        "execution_id": change.execution_id,
        "step_id": change.step_id,
        "iteration": change.iteration,
        "map_key": change.map_key,
        "status": change.status,
        "at": change.at.isoformat(),
    }
    is_last = change.step_id is None and change.status in ENDED
    identity = f"id: {END_ID}\n" if is_last else ""
    return f"{identity}event: status\ndata: {json.dumps(body)}\n\n"
