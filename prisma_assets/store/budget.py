"""Budgets in PostgreSQL: limits, what is spent of them, and what is promised to calls under way. What they allow does not belong here."""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from typing import Any

from prisma_assets.domain.monitoring.budget import Balance, Level, Period
from prisma_assets.store.database import Database, Transaction


@dataclass(frozen=True, kw_only=True)
class Budget:
    """A limit in force."""

    budget_id: str
    level: Level
    scope: str | None
    period: Period
    limit_usd: Decimal


@dataclass(frozen=True, kw_only=True)
class NewBudget:
    """A limit somebody sets."""

    level: Level
    scope: str | None
    period: Period
    limit_usd: Decimal
    by: str
    reason: str


@dataclass(frozen=True, kw_only=True)
class Reservation:
    """What is promised to one attempt of a call."""

    reservation_id: str
    call_id: str
    amount_usd: Decimal
    expires_at: datetime


@dataclass(frozen=True, kw_only=True)
class Held:
    """A budget's period, locked."""

    balance: Balance
    starts_on: date


@dataclass(frozen=True, kw_only=True)
class Promise:
    """A reservation with the periods it is promised out of."""

    reservation: Reservation
    held: Sequence[Held]


@dataclass(frozen=True, kw_only=True)
class BudgetStore:
    """Where budgets live."""

    source: Database | Transaction

    async def in_force(self) -> list[Budget]:
        """Every budget that holds now."""
        return [Budget(**row) for row in await self.source.fetch("budgets_in_force")]

    async def lock(self, budgets: Sequence[Budget], *, at: datetime) -> list[Held]:
        """The balances of budgets, nobody else's until the transaction ends."""
        known = {b.budget_id: b for b in budgets}
        params = {"budget_ids": sorted(known), "at": at}
        rows = await self.source.fetch("lock_budget_periods", params)
        return [_held(known[row["budget_id"]], row) for row in rows]

    async def reserve_where_ample(
        self,
        wanted: Sequence[tuple[Reservation, Sequence[Budget]]],
        *,
        share: Decimal,
        at: datetime,
    ) -> bool:
        """Promise amounts when every budget stays below a share of its limit with all of them; else nothing."""
        rows = [_row(new, [b.budget_id for b in budgets]) for new, budgets in wanted]
        params = {"rows": json.dumps(rows, default=str), "share": share, "at": at}
        return await self.source.execute("promise_where_ample", params) > 0

    async def reserve(self, promises: Sequence[Promise]) -> None:
        """Promise amounts out of locked periods."""
        rows = [
            _row(p.reservation, [h.balance.budget_id for h in p.held])
            | {"starts_on": [h.starts_on for h in p.held]}
            for p in promises
        ]
        await self.source.execute("insert_budget_reservations", {"rows": json.dumps(rows, default=str)})  # fmt: skip

    async def settle(self, costs_usd: Sequence[tuple[str, Decimal | None]]) -> None:
        """Turn promises into what was spent; again has no effect. None: unknown, so all that was promised."""
        ids, costs = zip(*costs_usd, strict=True)
        params = {"reservation_ids": list(ids), "costs_usd": list(costs)}
        await self.source.execute("settle_budget_reservations", params)

    async def expired(self, limit: int, *, at: datetime) -> list[str]:
        """Ids of promises whose callers are long gone."""
        rows = await self.source.fetch("expired_budget_reservations", {"limit": limit, "at": at})
        return [row["reservation_id"] for row in rows]

    async def set(self, new: NewBudget) -> str:
        """Set a limit, in the place of the one in force for the same; gives the budget's id."""
        params = {
            "level": new.level, "scope": new.scope, "period": new.period, "limit_usd": new.limit_usd,
            "by": new.by, "reason": new.reason,
        }  # fmt: skip
        return str((await self.source.fetch("upsert_budget", params))[0]["budget_id"])

    async def end(self, budget_id: str, *, by: str, reason: str) -> bool:
        """Have a budget hold no more; False when none of that id is in force."""
        params = {"budget_id": budget_id, "by": by, "reason": reason}
        return await self.source.execute("end_budget", params) == 1

    async def override(self, budget_id: str, *, by: str, reason: str, at: datetime) -> bool:
        """Let a budget go beyond its limit in the period under way; False when none of that id is in force."""
        params = {"budget_id": budget_id, "by": by, "reason": reason, "at": at}
        return await self.source.execute("override_budget", params) == 1

    async def velocities(self, seconds: int, *, at: datetime) -> dict[str, dict[str, Any]]:
        """What was taken from each budget in the time up to a moment, by its id: `spent_usd`, `calls`."""
        rows = await self.source.fetch("budget_velocities", {"seconds": seconds, "at": at})
        return {row["budget_id"]: row for row in rows}

    async def balances(self, *, at: datetime) -> list[dict[str, Any]]:
        """Every budget in force with the period under way, the widest first."""
        return await self.source.fetch("budget_balances", {"at": at})


def _row(new: Reservation, budget_ids: list[str]) -> dict[str, Any]:
    return {
        "reservation_id": new.reservation_id, "call_id": new.call_id, "amount_usd": new.amount_usd,
        "expires_at": new.expires_at, "budget_ids": budget_ids,
    }  # fmt: skip


def _held(budget: Budget, row: dict[str, Any]) -> Held:
    balance = Balance(
        budget_id=budget.budget_id, level=budget.level, scope=budget.scope, limit_usd=budget.limit_usd,
        spent_usd=row["spent_usd"], reserved_usd=row["reserved_usd"], is_overridden=row["is_overridden"],
    )  # fmt: skip
    return Held(balance=balance, starts_on=row["starts_on"])
