"""Short writes that must come to their end although whoever asked for them is being cancelled."""

import asyncio
from collections.abc import Awaitable
from typing import TypeVar

import anyio

Value = TypeVar("Value")


async def to_the_end(work: Awaitable[Value]) -> Value:
    """Await work that a cancel must not cut off.

    Steps run in anyio task groups, which cancel again at every await until the task ends; `asyncio.shield` alone keeps
    the work alive but does not wait for it, and the event loop was closed over half-written records.
    """
    doing = asyncio.ensure_future(work)
    with anyio.CancelScope(shield=True):
        await asyncio.shield(doing)
    return doing.result()
