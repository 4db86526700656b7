"""`/dashboard/costs`: what money was spent on, what budgets still hold, and letting one go on."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, get_args

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response
from starlette.routing import BaseRoute, Route

from prisma_assets.domain.errors import InputError
from prisma_assets.domain.guardrails.role import Permission
from prisma_assets.learning.cost_view import CostView, cost_view
from prisma_assets.learning.counted import Counted
from prisma_assets.learning.fleet import WINDOWS, Fleet, Window, window_of
from prisma_assets.store.budget import BudgetStore
from prisma_assets.store.database import Database
from prisma_assets.store.spend import SpentBy
from prisma_assets.web.csv_file import csv_file
from prisma_assets.web.form import form_fields, reason_in
from prisma_assets.web.page import Pages, chart
from prisma_assets.web.session import require, visitor

DIMENSIONS: Sequence[SpentBy] = get_args(SpentBy)
_WINDOWS = [w for w in WINDOWS.values() if w.granularity == "1d"]
"""Spend is counted by day."""
_FILE_HEADS = (
    "key", "runs", "unpriced", "cost_usd", "failed", "failed_usd", "tokens_in", "tokens_out", "tokens_cached",
)  # fmt: skip
_PAGE = "/dashboard/costs"


@dataclass(frozen=True, kw_only=True)
class Choice:
    """What somebody wants to see."""

    by: SpentBy
    window: Window


def cost_routes(
    pages: Pages, database: Database, fleet: Fleet, counted: Counted
) -> list[BaseRoute]:
    """The page, its file, and the form that overrides a budget."""

    async def costs(request: Request) -> Response:
        choice = _choice(request)
        view = await _read(choice)
        return pages.render(
            request, "costs.html", view=view, choice=choice, dimensions=DIMENSIONS, windows=_WINDOWS,
            days=_by_day(view), may_override=visitor(request).may(Permission.OVERRIDE),
        )  # fmt: skip

    async def costs_file(request: Request) -> Response:
        choice = _choice(request)
        view = await _read(choice)
        rows = [[getattr(row, head) for head in _FILE_HEADS] for row in view.spent]
        return csv_file(f"costs-{choice.by}-{choice.window.name}", _FILE_HEADS, rows)

    async def override(request: Request) -> Response:
        by = require(request, Permission.OVERRIDE).name
        reason = reason_in(await form_fields(request))
        budget_id, now = request.path_params["budget_id"], datetime.now(UTC)
        if not await BudgetStore(source=database).override(budget_id, by=by, reason=reason, at=now):
            raise HTTPException(404, f"No budget {budget_id} is in force; the page of costs shows those that are.")  # fmt: skip
        return RedirectResponse(f"{_PAGE}#budgets", status_code=303)

    async def _read(choice: Choice) -> CostView:
        return await cost_view(
            fleet, counted, database, by=choice.by, window=choice.window, now=datetime.now(UTC)
        )

    return [
        Route(_PAGE, costs),
        Route(f"{_PAGE}.csv", costs_file),
        Route(f"{_PAGE}/budgets/{{budget_id}}/override", override, methods=["POST"]),
    ]


def _choice(request: Request) -> Choice:
    asked = request.query_params
    by = next((d for d in DIMENSIONS if d == asked.get("by", "agent")), None)
    if by is None:
        raise InputError(
            f"costs are not told by '{asked['by']}'; choose one of {', '.join(DIMENSIONS)}"
        )
    window = window_of(asked.get("window"))
    if window not in _WINDOWS:
        raise InputError(f"costs are counted by day; choose one of {', '.join(w.name for w in _WINDOWS)}")  # fmt: skip
    return Choice(by=by, window=window)


def _by_day(view: CostView) -> dict[str, Any]:
    costs = [view.costs_by_day.get(start) for start in view.starts]
    known = any(cost is not None for cost in costs)
    series: Mapping[str, Any] = {
        "name": "cost",
        "x": view.starts if known else [],
        "y": [None if cost is None else float(cost) for cost in costs] if known else [],
    }
    return chart([series], unit="USD", kind="bar")
