"""What the page of costs shows: spend by what it was for, by day, and what budgets still hold."""

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Any

from prisma_assets.domain.monitoring.budget import Balance
from prisma_assets.learning.counted import Counted
from prisma_assets.learning.fleet import Fleet, Window
from prisma_assets.learning.saving import Savings, savings
from prisma_assets.learning.spend import SpendRow, spend
from prisma_assets.store.budget import BudgetStore
from prisma_assets.store.database import Database
from prisma_assets.store.invoice import InvoiceStore
from prisma_assets.store.spend import SpentBy

INVOICES = 12
"""A year of months of one provider."""


@dataclass(frozen=True, kw_only=True)
class HeldBudget:
    """A budget in the period under way."""

    balance: Balance
    period: str
    overridden_by: str | None
    override_reason: str | None


@dataclass(frozen=True, kw_only=True)
class CostView:
    """Costs over a window, and budgets now."""

    spent: Sequence[SpendRow]
    """The dearest first."""
    savings: Savings
    starts: Sequence[datetime]
    """Days of the window, oldest first."""
    costs_by_day: Mapping[datetime, Decimal]
    """Of the runs with a price; a day without any is missing."""
    budgets: Sequence[HeldBudget]
    """The widest first."""
    invoices: Sequence[Mapping[str, Any]]
    """Of providers, as they were compared with the record, the latest first."""

    @property
    def runs(self) -> int:
        """Runs of the window."""
        return sum(row.runs for row in self.spent)

    @property
    def unpriced(self) -> int:
        """Of them, those without a price: in no sum of money."""
        return sum(row.unpriced for row in self.spent)

    @property
    def cost_usd(self) -> Decimal | None:
        """Of the runs with a price; None: none has one."""
        return _total([row.cost_usd for row in self.spent])

    @property
    def failed_usd(self) -> Decimal | None:
        """Paid for runs that failed; None: no failed run has a price."""
        return _total([row.failed_usd for row in self.spent])

    def share_of(self, row: SpendRow) -> Decimal | None:
        """Of the whole cost that a row makes up."""
        whole = self.cost_usd
        return row.cost_usd / whole if whole and row.cost_usd is not None else None


async def cost_view(
    fleet: Fleet,
    counted: Counted,
    database: Database,
    *,
    by: SpentBy,
    window: Window,
    now: datetime,
) -> CostView:
    """Read all of it.

    Args:
        fleet: Where costs by day are added up.
        counted: Keeps spend and savings.
        database: Where spend is counted and budgets stand.
        by: What spend is added up by.
        window: Of days.
        now: Its last day is under way.
    """
    starts = window.starts(now)
    since, until = starts[0].date(), starts[-1].date()
    async with asyncio.TaskGroup() as together:
        spent = together.create_task(
            counted.once(
                ("spend", by, since, until),
                lambda: spend(database, by=by, since=since, until=until),
            )
        )
        saved = together.create_task(
            counted.once(
                ("savings", since, until), lambda: savings(database, since=since, until=until)
            )
        )
        days = together.create_task(fleet.by_time(window, now=now))
        budgets = together.create_task(BudgetStore(source=database).balances(at=now))
        invoices = together.create_task(InvoiceStore(source=database).latest(INVOICES))
    costs = {start: figures.cost_usd for start, figures in days.result().items()}
    return CostView(
        spent=spent.result(),
        savings=saved.result(),
        starts=starts,
        costs_by_day={start: cost for start, cost in costs.items() if cost is not None},
        budgets=[_held(row) for row in budgets.result()],
        invoices=invoices.result(),
    )


def _held(row: Mapping[str, Any]) -> HeldBudget:
    balance = Balance(
        budget_id=row["budget_id"], level=row["level"], scope=row["scope"], limit_usd=row["limit_usd"],
        spent_usd=row["spent_usd"], reserved_usd=row["reserved_usd"], is_overridden=row["overridden_by"] is not None,
    )  # fmt: skip
    return HeldBudget(
        balance=balance,
        period=row["period"],
        overridden_by=row["overridden_by"],
        override_reason=row["override_reason"],
    )


def _total(amounts: Sequence[Decimal | None]) -> Decimal | None:
    known = [amount for amount in amounts if amount is not None]
    return sum(known, Decimal()) if known else None
