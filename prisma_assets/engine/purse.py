"""The purse over PostgreSQL: every attempt of a call that can cost money is promised its most beforehand, out of every budget it belongs to."""

import uuid
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from time import monotonic

from prisma_assets.agents.contract import AgentCard, AgentTask
from prisma_assets.agents.purse import BudgetRefusedError
from prisma_assets.domain.monitoring.budget import WARN_AT, Balance, Granted, Level, Refused, judge
from prisma_assets.domain.notification.notification import Notification
from prisma_assets.engine.fuse import Fuse
from prisma_assets.engine.together import Together
from prisma_assets.store.budget import Budget, BudgetStore, Held, Promise, Reservation
from prisma_assets.store.database import Database
from prisma_assets.store.notification import NotificationStore

_FREE = frozenset({"embedded"})
"""Providers whose work costs nothing but this machine's time."""
FRESH_SECONDS = 5.0
"""How long a process believes to know which budgets there are: a new one binds within a breath, and calls need not ask."""
GRACE_SECONDS = 60.0
"""After an attempt's timeout a promise nobody settled is given back: its process is dead."""
_SETTLE_SECONDS = 0.02
"""Settlements gather as long: nobody waits for one, and each round keeps the budgets' rows from those that want a promise."""
_SWEPT = 100
"""Promises given back at once; more wait for the next call."""


@dataclass(frozen=True)
class _Asked:
    """A promise somebody wants."""

    budgets: Sequence[Budget]
    reservation: Reservation


@dataclass
class PostgresPurse:
    """Implements `Purse`; one per run."""

    database: Database
    workflow: str | None = None
    """Template of the execution the calls belong to."""
    now: Callable[[], datetime] = lambda: datetime.now(UTC)
    fuse: Fuse | None = None
    """Stops an execution that goes round in circles; None: the calls belong to none."""
    _known: list[Budget] = field(default_factory=list)
    _asked_at: float | None = None

    def __post_init__(self) -> None:
        """Calls of many branches at once promise and settle together: each alone would wait for the others' commits."""
        self._promises = Together(self._promise)
        self._settlements = Together(self._settle, gather_seconds=_SETTLE_SECONDS)

    async def reserve(self, card: AgentCard, task: AgentTask) -> str | None:
        """Promise the most an attempt can cost out of every budget it belongs to, or out of none."""
        if card.provider in _FREE:
            return None
        if self.fuse is not None:
            await self.fuse.check(task)
        budgets = [b for b in await self._in_force() if self._is_of(b, task)]
        if not budgets:
            return None
        reservation = Reservation(
            reservation_id=str(uuid.uuid4()), call_id=task.call_id, amount_usd=card.max_call_usd,
            expires_at=self.now() + timedelta(seconds=task.timeout_seconds + GRACE_SECONDS),
        )  # fmt: skip
        # Cancelled while it is under way, the promise may stand with nobody to settle it; it expires like that of a dead process.
        answer = await self._promises.ask(_Asked(budgets, reservation))
        if isinstance(answer, Refused):
            await self._tell_of_refusal(answer, task)
            raise BudgetRefusedError(f"{answer.reason} (budget {answer.budget_id})")
        return reservation.reservation_id

    async def settle(self, reservation: str, cost_usd: Decimal | None) -> None:
        """Turn the promise into what was spent."""
        await self._settlements.ask((reservation, cost_usd))

    async def _settle(self, costs_usd: Sequence[tuple[str, Decimal | None]]) -> Sequence[None]:
        await BudgetStore(source=self.database).settle(costs_usd)
        return [None] * len(costs_usd)

    async def _promise(self, asked: Sequence[_Asked]) -> Sequence[Granted | Refused]:
        # As a rule there is plenty, and nobody to be told: one round trip instead of four.
        wanted = [(a.reservation, a.budgets) for a in asked]
        store = BudgetStore(source=self.database)
        if await store.reserve_where_ample(wanted, share=WARN_AT, at=self.now()):
            return [Granted()] * len(asked)
        await self._settlements.rest()  # What is given back may be what is wanted.
        return await self._judge(asked)

    async def _judge(self, asked: Sequence[_Asked]) -> Sequence[Granted | Refused]:
        wanted = {budget.budget_id: budget for a in asked for budget in a.budgets}
        async with self.database.transaction() as tx:
            store = BudgetStore(source=tx)
            locked = await store.lock(list(wanted.values()), at=self.now())
            answers, promises, warned = _judged(asked, locked)
            if promises:
                await store.reserve(promises)
            for held in warned:
                await NotificationStore(source=tx).add(_warning(held))
        return answers

    async def _in_force(self) -> list[Budget]:
        if self._asked_at is None or monotonic() - self._asked_at > FRESH_SECONDS:
            store = BudgetStore(source=self.database)
            self._known = await store.in_force()
            self._asked_at = monotonic()
            if expired := await store.expired(_SWEPT, at=self.now()):
                await store.settle([(reservation_id, Decimal(0)) for reservation_id in expired])
        return self._known

    def _is_of(self, budget: Budget, task: AgentTask) -> bool:
        scopes: dict[Level, str | None] = {
            "client": task.client_id,
            "engagement": task.engagement_id,
            "workflow": self.workflow,
            "agent": task.agent_id,
        }
        return budget.level == "firm" or budget.scope == scopes[budget.level]

    async def _tell_of_refusal(self, refused: Refused, task: AgentTask) -> None:
        day = self.now().date().isoformat()
        news = Notification(
            kind="budget_refused",
            dedupe_key=f"budget_refused:{refused.budget_id}:{day}",
            subject="A budget is used up",
            text=f"{refused.reason}\n\nStep {task.step_id} waits; resume its execution afterwards.",
            facts={"budget_id": refused.budget_id, "agent_id": task.agent_id},
            execution_id=task.execution_id,
            step_id=task.step_id,
        )
        await NotificationStore(source=self.database).add(news)


def _judged(
    asked: Sequence[_Asked], locked: Sequence[Held]
) -> tuple[list[Granted | Refused], list[Promise], list[Held]]:
    """One answer after the other, each knowing what those before it were promised; with who is to be warned."""
    standing = {held.balance.budget_id: held for held in locked}
    answers: list[Granted | Refused] = []
    promises: list[Promise] = []
    warned: list[Held] = []
    for each in asked:
        # One that has just ended is not there any more.
        held = [standing[b.budget_id] for b in each.budgets if b.budget_id in standing]
        amount = each.reservation.amount_usd
        answer = judge([h.balance for h in held], amount)
        answers.append(answer)
        if isinstance(answer, Granted):
            promises.append(Promise(reservation=each.reservation, held=held))
            warned += [h for h in held if h.balance.budget_id in answer.warned]
            standing |= {h.balance.budget_id: _less(h, amount) for h in held}
    return answers, promises, warned


def _less(held: Held, amount_usd: Decimal) -> Held:
    balance = held.balance
    return replace(held, balance=replace(balance, reserved_usd=balance.reserved_usd + amount_usd))


def _warning(held: Held) -> Notification:
    balance: Balance = held.balance
    return Notification(
        kind="budget_warning",
        dedupe_key=f"budget_warning:{balance.budget_id}:{held.starts_on}:{balance.limit_usd}",
        subject=f"{WARN_AT:.0%} of {balance.title} are used",
        text=f"{balance.committed_usd:.2f} of {balance.limit_usd:.2f} USD are spent or promised. At the limit work stops until somebody overrides it.",
        facts={"budget_id": balance.budget_id, "limit_usd": str(balance.limit_usd)},
    )
