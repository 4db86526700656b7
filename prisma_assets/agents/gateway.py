"""The one way to call an agent: pooled instances, limits, timeout, retries, and every attempt in the ledger.

What an agent does belongs to its provider; what a step does with the answer belongs to the workflow.
"""

import asyncio
import logging
from collections.abc import AsyncIterator, Callable, Coroutine, Mapping
from contextlib import asynccontextmanager
from dataclasses import asdict, dataclass, field, replace
from datetime import UTC, datetime
from decimal import Decimal
from time import perf_counter
from typing import Any

from prisma_assets.agents.arms import Arms
from prisma_assets.agents.contract import AgentCard, AgentProvider, AgentResult, AgentTask, Usage
from prisma_assets.agents.heartbeat import HeartbeatLostError, while_beating
from prisma_assets.agents.ledger import Along, CallLedger, CallOutcome, RecordedCall
from prisma_assets.agents.pool import InstancePool, PooledInstance
from prisma_assets.agents.price import price_use
from prisma_assets.agents.purse import Purse
from prisma_assets.agents.registry import AgentRegistry
from prisma_assets.agents.retry import Backoff, CallTimeoutError, is_retryable
from prisma_assets.domain.errors import InputError, PrismaError

logger = logging.getLogger(__name__)

Conclude = Callable[[AgentResult], Along | None]
"""What a caller stores of a call's result together with the call; None: nothing."""


@dataclass
class _Turn:
    """Lets one call of an id go at a time."""

    lock: asyncio.Lock = field(default_factory=asyncio.Lock)
    callers: int = 0


@dataclass(frozen=True, kw_only=True)
class _Failed:
    """An attempt that gave no result."""

    error: BaseException
    duration_ms: int


@dataclass
class _Bill:
    """What an attempt cost; None: it broke off, or has no price, and nobody knows."""

    cost_usd: Decimal | None = Decimal(0)


class AgentGateway:
    """Calls agents. One gateway per run, used in the event loop of its first call; `aclose` it there."""

    def __init__(
        self,
        registry: AgentRegistry,
        providers: Mapping[str, AgentProvider],
        ledger: CallLedger,
        *,
        backoff: Backoff | None = None,
        purse: Purse | None = None,
        arms: Arms | None = None,
    ) -> None:
        """Keep what calls need; nothing starts before the first one.

        Args:
            registry: The agents.
            providers: By the name cards use.
            ledger: Where every attempt is written.
            backoff: Pauses between attempts.
            purse: Promises each attempt its money; None: there are no budgets.
            arms: Experiments the calls may be part of; None: there are none.
        """
        self._registry = registry
        self._providers = providers
        self._ledger = ledger
        self._backoff = backoff or Backoff()
        self._purse = purse
        self._arms = arms
        self._pools: dict[tuple[str, str], InstancePool] = {}
        self._turns: dict[str, _Turn] = {}
        self._writing: set[asyncio.Task[None]] = set()
        self._loop: asyncio.AbstractEventLoop | None = None
        self._is_closed = False

    async def call(
        self, task: AgentTask, *, is_new: bool = False, conclude: Conclude | None = None
    ) -> AgentResult:
        """Have the task done, or give its recorded result if that already happened.

        Args:
            task: What to do.
            is_new: The caller knows that nobody has ever begun this call, so the ledger need not be asked.
            conclude: Called with a result that was not recorded before; what it gives is committed with the call or not at
                all, which saves the caller a transaction.

        Raises:
            UnknownAgentError: There is no such agent.
            InputError: The agent's provider is not configured, or the provider refuses what it was given.
            CallTimeoutError: The last permitted attempt took longer than `task.timeout_seconds`.
            RetryableError: The last permitted attempt failed with it.
            PermanentError: The provider says that trying again cannot help, or a budget is used up.
        """
        self._check_usable()
        arm = self._arms.arm_of(task) if self._arms is not None else None
        task = task if arm is None else replace(task, arm=arm)
        pool = self._pool(self._registry.get(task.agent_id) if arm is None else arm.card)
        async with self._turn_of(task.call_id):
            recorded = None if is_new else await self._ledger.recorded(task.call_id)
            if recorded is not None:
                return recorded
            if self._arms is not None and arm is not None:
                await self._arms.expose(arm, task)
            return await self._call_until_done(pool, task, conclude)

    def card(self, task: AgentTask) -> AgentCard:
        """The card the agent is called with for a task.

        Raises:
            UnknownAgentError: There is no such agent.
        """
        arm = self._arms.arm_of(task) if self._arms is not None else None
        return self._registry.get(task.agent_id) if arm is None else arm.card

    async def aclose(self) -> None:
        """Stop every instance and wait until the ledger holds what is on its way. Ends no call: cancel those first."""
        self._is_closed = True
        await asyncio.gather(*(pool.aclose() for pool in self._pools.values()))
        await asyncio.gather(*self._writing, return_exceptions=True)

    def _check_usable(self) -> None:
        loop = asyncio.get_running_loop()
        if self._is_closed:
            raise PrismaError("this agent gateway is closed; open one gateway per run")
        if self._loop is None:
            self._loop = loop
        elif self._loop is not loop:
            raise PrismaError(
                "this agent gateway belongs to another event loop; open one gateway per run"
            )

    def _pool(self, card: AgentCard) -> InstancePool:
        pool = self._pools.get((card.id, card.version))
        if pool is None:
            pool = InstancePool(card, self._provider(card))
            self._pools[card.id, card.version] = pool
        return pool

    def _provider(self, card: AgentCard) -> AgentProvider:
        try:
            return self._providers[card.provider]
        except KeyError:
            raise InputError(
                f'agent {card.id} works through provider "{card.provider}", which is not configured; '
                f"configured: {', '.join(sorted(self._providers)) or 'none'}"
            ) from None

    @asynccontextmanager
    async def _turn_of(self, call_id: str) -> AsyncIterator[None]:
        """Hold back a second call of the same id until the first is recorded, so that it finds the result."""
        turn = self._turns.setdefault(call_id, _Turn())
        turn.callers += 1
        try:
            async with turn.lock:
                yield
        finally:
            turn.callers -= 1
            if turn.callers == 0:
                del self._turns[call_id]

    async def _call_until_done(
        self, pool: InstancePool, task: AgentTask, conclude: Conclude | None
    ) -> AgentResult:
        number = 1
        while True:
            outcome = await self._attempt(pool, task, number)
            if isinstance(outcome, AgentResult):
                along = conclude(outcome) if conclude is not None else None
                await asyncio.shield(self._write(_entry(pool, task, number, outcome), along))
                self._tell_shadow(pool.card, task)
                return outcome
            await asyncio.shield(self._write(_entry(pool, task, number, outcome)))
            if number > task.max_retries or not is_retryable(outcome.error):
                raise outcome.error
            await self._backoff.pause(number)
            number += 1

    def _tell_shadow(self, card: AgentCard, task: AgentTask) -> None:
        """Have the task kept for the version in its shadow, which does it later and elsewhere."""
        kept = self._arms.beside(task, card.version) if self._arms is not None else None
        if kept is not None:
            self._start(kept)

    async def _attempt(
        self, pool: InstancePool, task: AgentTask, number: int
    ) -> AgentResult | _Failed:
        async with pool.borrow() as instance, self._promised(pool.card, task) as bill:
            began = perf_counter()
            try:
                result = await _in_time(pool, instance, task)
            except asyncio.CancelledError as error:
                # What was consumed is owed all the same. A cancelled caller cannot wait for the ledger; `aclose` does.
                bill.cost_usd = None
                self._write(
                    _entry(pool, task, number, _Failed(error=error, duration_ms=_ms_since(began)))
                )
                raise
            except Exception as error:  # noqa: BLE001 - raised again by the caller, once it is in the ledger
                if _breaks_instance(error):
                    instance.is_broken = True
                if isinstance(error, CallTimeoutError):
                    bill.cost_usd = None
                return _Failed(error=error, duration_ms=_ms_since(began))
            usage = _priced(result.usage)
            bill.cost_usd = usage.cost_usd
            return replace(
                result,
                usage=usage,
                duration_ms=_ms_since(began),
                attempts=number,
                agent_version=pool.card.version,
            )

    @asynccontextmanager
    async def _promised(self, card: AgentCard, task: AgentTask) -> AsyncIterator[_Bill]:
        """Promise an attempt the most it can cost, and settle what it did cost."""
        bill = _Bill()
        promise = await self._purse.reserve(card, task) if self._purse is not None else None
        try:
            yield bill
        finally:
            if self._purse is not None and promise is not None:
                self._start(self._purse.settle(promise, bill.cost_usd))

    def _write(self, entry: RecordedCall, along: Along | None = None) -> asyncio.Task[None]:
        """Write to the ledger."""
        return self._start(self._ledger.record(entry, along))

    def _start(self, work: Coroutine[Any, Any, None]) -> asyncio.Task[None]:
        """Start writing in a task of its own, which outlives a cancelled caller."""
        writing = asyncio.create_task(work)
        self._writing.add(writing)
        writing.add_done_callback(self._written)
        return writing

    def _written(self, writing: asyncio.Task[None]) -> None:
        self._writing.discard(writing)
        if not writing.cancelled() and (error := writing.exception()):
            logger.error("an agent call could not be written to the ledger", exc_info=error)


async def _in_time(pool: InstancePool, instance: PooledInstance, task: AgentTask) -> AgentResult:
    """Do the task within its timeout, which covers the start of the instance too."""
    try:
        async with asyncio.timeout(task.timeout_seconds) as limit:
            work = pool.provider.call(await instance.ready(), pool.card, task)
            return await while_beating(work, silence_seconds=task.heartbeat_seconds)
    except HeartbeatLostError as error:
        raise HeartbeatLostError(f"agent {task.agent_id}, {task.task}: {error}") from error
    except TimeoutError as error:
        if not limit.expired():
            raise  # the provider's own
        raise CallTimeoutError(
            f"agent {task.agent_id} did not finish {task.task} within {task.timeout_seconds:g} s"
        ) from error


def _breaks_instance(error: Exception) -> bool:
    """Tell whether to replace the instance: it hung, or failed in a way its provider did not foresee."""
    return isinstance(error, CallTimeoutError) or not isinstance(error, PrismaError)


def _entry(
    pool: InstancePool, task: AgentTask, number: int, outcome: AgentResult | _Failed
) -> RecordedCall:
    about = RecordedCall(
        call_id=task.call_id,
        attempt=number,
        outcome="ok",
        agent_id=task.agent_id,
        agent_version=pool.card.version,
        task=task.task,
        step_id=task.step_id,
        execution_id=task.execution_id,
        step_execution_id=task.step_execution_id,
        client_id=task.client_id,
        engagement_id=task.engagement_id,
        provider=pool.provider.name,
        duration_ms=outcome.duration_ms,
        ab_test_id=task.arm.ab_test_id if task.arm else None,
        variant=task.arm.variant if task.arm else None,
        experiment_unit=task.arm.unit if task.arm else None,
    )
    if isinstance(outcome, _Failed):
        return replace(about, outcome=_kind(outcome.error), error=_text(outcome.error))
    usage = outcome.usage
    return replace(
        about,
        provider=usage.provider,
        model=usage.model,
        tokens_in=usage.tokens_in,
        tokens_out=usage.tokens_out,
        tokens_cached=usage.tokens_cached,
        cost_usd=usage.cost_usd,
        price_version=usage.price_version,
        result=outcome,
    )


def _priced(usage: Usage) -> Usage:
    """The usage with the list price of its tokens, where its provider tells no cost and some list has the model."""
    is_told = usage.cost_usd is not None
    if is_told or usage.model is None or not usage.tokens_in + usage.tokens_out:
        return usage
    found = price_use(asdict(usage), at=datetime.now(UTC))
    if found is None:
        return usage
    return replace(usage, cost_usd=round(found.usd, 6), price_version=found.version)


def _kind(error: BaseException) -> CallOutcome:
    return "timeout" if isinstance(error, (CallTimeoutError, TimeoutError)) else "error"


def _text(error: BaseException) -> str:
    return f"{type(error).__name__}: {error}".removesuffix(": ")


def _ms_since(began: float) -> int:
    return round((perf_counter() - began) * 1000)
