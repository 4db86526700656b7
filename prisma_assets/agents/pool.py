"""The pooled instances of one agent: how many work at once, which one takes a call, when one is replaced.

Retries, timeouts and the ledger belong to the gateway.
"""

import asyncio
import logging
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from itertools import count
from typing import Any

from prisma_assets.agents.contract import AgentCard, AgentProvider

logger = logging.getLogger(__name__)


class PooledInstance:
    """One instance a provider made, started by the first call that needs it."""

    def __init__(self, card: AgentCard, provider: AgentProvider) -> None:
        self._card = card
        self._provider = provider
        self._value: Any = None
        self._starting = asyncio.Lock()
        self.is_started = False
        self.is_broken = False
        """True: no further call is given to it, and it is stopped after the last one under way."""
        self.in_flight = 0
        self.touched = 0
        """Grows with every call taken or finished; the smallest has been idle longest."""

    async def ready(self) -> Any:
        """Give the provider's instance. If the starting call is cancelled, the next one starts it."""
        if not self.is_started:
            async with self._starting:
                if not self.is_started:
                    self._value = await self._provider.start(self._card)
                    self.is_started = True
        return self._value

    async def stop(self) -> None:
        """Release the provider's instance; a failure is logged, since nobody can act on it."""
        if self.is_started:
            self.is_started = False
            try:
                await self._provider.stop(self._value)
            except Exception:
                logger.warning("an instance of %s did not stop", self._card.id, exc_info=True)


class InstancePool:
    """At most `card.max_concurrency` calls at once on at most `card.instances` instances, first come, first served."""

    def __init__(self, card: AgentCard, provider: AgentProvider) -> None:
        self.card = card
        self.provider = provider
        self._places = asyncio.Semaphore(card.max_concurrency)
        self._instances: list[PooledInstance] = []
        self._turn = count(1)
        self._stopping: set[asyncio.Task[None]] = set()

    @asynccontextmanager
    async def borrow(self) -> AsyncIterator[PooledInstance]:
        """Wait for a free place and hold the least loaded instance; mark it broken to have it replaced."""
        async with self._places:
            instance = self._least_loaded()
            instance.in_flight += 1
            instance.touched = next(self._turn)
            try:
                yield instance
            finally:
                instance.in_flight -= 1
                instance.touched = next(self._turn)
                if instance.is_broken:
                    self._discard(instance)

    async def aclose(self) -> None:
        """Stop every instance."""
        leaving, self._instances = self._instances, []
        await asyncio.gather(*self._stopping, *(instance.stop() for instance in leaving))

    def _least_loaded(self) -> PooledInstance:
        best = min(self._instances, key=lambda i: (i.in_flight, i.touched), default=None)
        if best is not None and (
            best.in_flight == 0 or len(self._instances) >= self.card.instances
        ):
            return best
        fresh = PooledInstance(self.card, self.provider)
        self._instances.append(fresh)
        return fresh

    def _discard(self, instance: PooledInstance) -> None:
        if instance in self._instances:
            self._instances.remove(instance)
        if instance.in_flight == 0:
            # In the background: the caller gets its answer or its error without waiting for the clean-up.
            task = asyncio.create_task(instance.stop())
            self._stopping.add(task)
            task.add_done_callback(self._stopping.discard)
