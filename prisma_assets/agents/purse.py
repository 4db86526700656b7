"""What a call spends is promised before it is made. The purse that counts in PostgreSQL lives in the engine."""

from decimal import Decimal
from typing import Protocol

from prisma_assets.agents.contract import AgentCard, AgentTask
from prisma_assets.domain.errors import PermanentError


class BudgetRefusedError(PermanentError):
    """A budget does not allow the call; override it or set a higher limit, then resume."""


class Purse(Protocol):
    """Promises money to attempts of calls, and takes what they did not spend back."""

    async def reserve(self, card: AgentCard, task: AgentTask) -> str | None:
        """Promise the most an attempt can cost; None when nothing has to be promised.

        Raises:
            BudgetRefusedError: A budget is used up; names it.
        """

    async def settle(self, reservation: str, cost_usd: Decimal | None) -> None:
        """Turn the promise into what was spent: 0 for an attempt that failed for nothing, None when nobody knows."""
