"""The one retry policy of agent calls: what is tried again, and how long the gateway waits before."""

import asyncio
import errno
import random
import socket
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field

from prisma_assets.domain.errors import RetryableError

UNREACHABLE = frozenset({errno.ENETDOWN, errno.ENETUNREACH, errno.EHOSTDOWN, errno.EHOSTUNREACH})
"""Errors of the network that pass; a missing file or a full disk does not."""


class CallTimeoutError(RetryableError):
    """The agent did not answer in time; raise the step's timeout if it regularly needs longer."""


def is_retryable(error: BaseException) -> bool:
    """Tell whether the same call may succeed when tried again; whatever is not known to is final."""
    if isinstance(error, (RetryableError, ConnectionError, TimeoutError, socket.gaierror)):
        return True
    return isinstance(error, OSError) and error.errno in UNREACHABLE


@dataclass(frozen=True, kw_only=True)
class Backoff:
    """Exponential back-off with full jitter: callers that failed together do not come back together.

    Source: M. Brooker, "Exponential Backoff And Jitter", AWS Architecture Blog (2015), where full jitter needs
    the fewest calls of the variants compared.
    """

    base_seconds: float = 0.2
    """Longest first pause: well above one round trip, below what a person notices."""
    cap_seconds: float = 30.0
    """No pause is longer: a provider's rate limits are counted per minute."""
    sleep: Callable[[float], Awaitable[None]] = asyncio.sleep
    random: Callable[[], float] = field(default=random.SystemRandom().random)
    """Draws from [0, 1)."""

    def seconds(self, failures: int) -> float:
        """Draw the pause after that many failed attempts (from 1)."""
        # sleep = random_between(0, min(cap, base * 2 ** attempt)), attempts counted from 0 in the source.
        doublings = min(failures - 1, 32)  # 2**32 is past any cap; greater powers overflow a float
        return self.random() * min(self.cap_seconds, self.base_seconds * 2.0**doublings)

    async def pause(self, failures: int) -> None:
        """Wait before the next attempt."""
        await self.sleep(self.seconds(failures))
