"""`/api/v1/budgets` and agents' figures: what agents may spend and how they do, for programs."""

from collections.abc import Awaitable, Callable
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Annotated, Any, Literal

from fastapi import APIRouter, Query
from pydantic import Field
from starlette.exceptions import HTTPException

from prisma_assets.agents.registry import AgentRegistry
from prisma_assets.domain.errors import InputError
from prisma_assets.domain.guardrails.role import Permission
from prisma_assets.domain.guardrails.visitor import Visitor
from prisma_assets.learning.metrics import total
from prisma_assets.store.budget import BudgetStore, NewBudget
from prisma_assets.store.database import Database
from prisma_assets.web.api_improvement import Reason
from prisma_assets.web.api_model import Name, Taken
from prisma_assets.web.paging import Items, Paged, page
from prisma_assets.web.session import allowed

GetDatabase = Callable[[], Awaitable[Database]]
Overrider = Annotated[Visitor, allowed(Permission.OVERRIDE)]
MOST_DAYS = 366


class AskedBudget(Reason):
    """A limit somebody sets."""

    level: Literal["firm", "client", "engagement", "workflow", "agent"]
    scope: Name | None = None
    """Id of the client, engagement, template or agent; null for the firm."""
    period: Literal["month", "whole"] = "month"
    limit_usd: Annotated[Decimal, Field(gt=0, lt=Decimal(10) ** 8, decimal_places=6)]


class Days(Taken):
    """Of which time."""

    since: date | None = None
    until: date | None = None


ALL = Paged(limit=1000)
"""More budgets than a firm has in force."""


def spend_routes(agents: AgentRegistry, database: GetDatabase) -> APIRouter:
    """The routes."""
    router = APIRouter()
    _budgets(router, agents, database)
    _figures(router, agents, database)
    return router


def _budgets(router: APIRouter, agents: AgentRegistry, database: GetDatabase) -> None:
    async def balances(asked: Paged | None = None) -> Items:
        store = BudgetStore(source=await database())
        return page(await store.balances(at=datetime.now(UTC)), asked or ALL, key="budget_id")

    @router.get("/budgets", tags=["costs"])
    async def list_budgets(asked: Annotated[Paged, Query()]) -> Items:
        """Budgets in force, the widest first, with what is spent and promised in the period under way."""
        return await balances(asked)

    @router.post("/budgets", tags=["costs"], status_code=201)
    async def set_budget(asked: AskedBudget, visitor: Overrider) -> Items:
        """Set a limit in the place of the one in force for the same."""
        if (asked.level == "firm") != (asked.scope is None):
            raise InputError("`scope` names what a budget is for, and only the firm's has none")
        if asked.level == "agent" and asked.scope is not None:
            agents.get(asked.scope)
        new = NewBudget(
            level=asked.level, scope=asked.scope, period=asked.period, limit_usd=asked.limit_usd,
            by=visitor.name, reason=asked.reason,
        )  # fmt: skip
        await BudgetStore(source=await database()).set(new)
        return await balances()

    @router.post("/budgets/{budget_id}/override", tags=["costs"])
    async def override_budget(budget_id: str, asked: Reason, visitor: Overrider) -> Items:
        """Let a budget go to 120 % of its limit in the period under way."""
        store = BudgetStore(source=await database())
        now = datetime.now(UTC)
        if not await store.override(budget_id, by=visitor.name, reason=asked.reason, at=now):
            raise HTTPException(404, f"no budget {budget_id} is in force")
        return await balances()

    @router.post("/budgets/{budget_id}/end", tags=["costs"])
    async def end_budget(budget_id: str, asked: Reason, visitor: Overrider) -> Items:
        """Have a budget hold no more; what it held is kept."""
        store = BudgetStore(source=await database())
        if not await store.end(budget_id, by=visitor.name, reason=asked.reason):
            raise HTTPException(404, f"no budget {budget_id} is in force")
        return await balances()


def _figures(router: APIRouter, agents: AgentRegistry, database: GetDatabase) -> None:
    @router.get("/agents/{agent_id}/metrics", tags=["agents"])
    async def get_agent_metrics(agent_id: str, asked: Annotated[Days, Query()]) -> dict[str, Any]:
        """How an agent did, by default in the last 30 days; null is no data."""
        until = asked.until or datetime.now(UTC).date()
        since = asked.since or until - timedelta(days=29)
        if not timedelta(0) <= until - since < timedelta(days=MOST_DAYS):
            raise InputError(f"`since` lies up to {MOST_DAYS - 1} days before `until`")
        card = agents.get(agent_id)
        found = await total(await database(), card.id, since=since, until=until)
        return {
            "agent_id": card.id,
            "since": since,
            "until": until,
            **vars(found),
            "error_rate": found.error_rate,
            "cost_per_run": found.cost_per_run,
        }
