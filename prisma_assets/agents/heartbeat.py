"""Signs of life of an agent at work. A provider calls `beat` while it works; whoever waits gives up when it falls silent."""

import asyncio
from collections.abc import Coroutine
from contextvars import ContextVar
from time import monotonic
from typing import Any, TypeVar

from prisma_assets.agents.retry import CallTimeoutError

Result = TypeVar("Result")


class HeartbeatLostError(CallTimeoutError):
    """The agent gave no sign of life for longer than the step's heartbeat."""


class _Pulse:
    def __init__(self) -> None:
        self.last = monotonic()


_PULSE: ContextVar[_Pulse | None] = ContextVar("_PULSE", default=None)


def beat() -> None:
    """Say that the work goes on. Threads started by the work inherit the context and may say it too."""
    pulse = _PULSE.get()
    if pulse is not None:
        pulse.last = monotonic()


async def while_beating(
    work: Coroutine[Any, Any, Result], *, silence_seconds: float | None
) -> Result:
    """Await work as long as it gives signs of life.

    Args:
        work: What is done; not started yet.
        silence_seconds: Longest time between two beats, counted from the start; None: it may be silent.

    Raises:
        HeartbeatLostError: It was silent for longer, and has been cancelled.
    """
    if silence_seconds is None:
        return await work
    pulse = _Pulse()
    before = _PULSE.set(pulse)
    doing = asyncio.create_task(work)  # the task copies the context with the pulse in it
    _PULSE.reset(before)
    try:
        while (left := pulse.last + silence_seconds - monotonic()) > 0:
            done, _ = await asyncio.wait({doing}, timeout=left)
            if done:
                return doing.result()
    finally:
        if not doing.done():
            doing.cancel()
            await asyncio.wait({doing})
    raise HeartbeatLostError(f"no sign of life for {silence_seconds:g} s")
