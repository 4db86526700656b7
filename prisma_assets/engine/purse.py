"""The purse over PostgreSQL: every attempt of a call that can cost money is promised its most beforehand, out of every budget it belongs to."""

import uuid
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from time import monotonic

from prisma_assets.agents.contract import AgentCard, AgentTask
from prisma_assets.agents.purse import BudgetRefusedError
from prisma_assets.domain.monitoring.budget import WARN_AT, Balance, Granted, Level, Refused, judge
from prisma_assets.domain.notification.notification import Notification
from prisma_assets.engine.fuse import Fuse
from prisma_assets.store.budget import Budget, BudgetStore, Held, Reservation
from prisma_assets.store.database import Database, Transaction
from prisma_assets.store.notification import NotificationStore

_FREE = frozenset({"embedded"})
"""Providers whose work costs nothing but this machine's time."""
FRESH_SECONDS = 5.0
"""How long a process believes to know which budgets there are: a new one binds within a breath, and calls need not ask."""
GRACE_SECONDS = 60.0
"""After an attempt's timeout a promise nobody settled is given back: its process is dead."""
_SWEPT = 100
"""Promises given back at once; more wait for the next call."""


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
        async with self.database.transaction() as tx:
            answer = await self._promise(tx, budgets, reservation)
        if isinstance(answer, Refused):
            await self._tell_of_refusal(answer, task)
            raise BudgetRefusedError(f"{answer.reason} (budget {answer.budget_id})")
        return reservation.reservation_id

    async def settle(self, reservation: str, cost_usd: Decimal | None) -> None:
        """Turn the promise into what was spent."""
        await BudgetStore(source=self.database).settle(reservation, cost_usd)

    async def _promise(self, tx: Transaction, budgets: list[Budget], new: Reservation) -> Granted | Refused:  # fmt: skip
        store = BudgetStore(source=tx)
        held = await store.lock(budgets, at=self.now())
        answer = judge([h.balance for h in held], new.amount_usd)
        if isinstance(answer, Granted):
            await store.reserve(new, held)
            for h in held:
                if h.balance.budget_id in answer.warned:
                    await NotificationStore(source=tx).add(_warning(h))
        return answer

    async def _in_force(self) -> list[Budget]:
        if self._asked_at is None or monotonic() - self._asked_at > FRESH_SECONDS:
            store = BudgetStore(source=self.database)
            self._known = await store.in_force()
            self._asked_at = monotonic()
            for reservation_id in await store.expired(_SWEPT, at=self.now()):
                await store.settle(reservation_id, Decimal(0))
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


def _warning(held: Held) -> Notification:
    balance: Balance = held.balance
    return Notification(
        kind="budget_warning",
        dedupe_key=f"budget_warning:{balance.budget_id}:{held.starts_on}:{balance.limit_usd}",
        subject=f"{WARN_AT:.0%} of {balance.title} are used",
        text=f"{balance.committed_usd:.2f} of {balance.limit_usd:.2f} USD are spent or promised. At the limit work stops until somebody overrides it.",
        facts={"budget_id": balance.budget_id, "limit_usd": str(balance.limit_usd)},
    )
