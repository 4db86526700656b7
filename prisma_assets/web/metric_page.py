"""`/dashboard/metrics`: how work went by anything figures are kept by, over a minute or a year, and one value part by part."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any
from urllib.parse import urlencode

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Route

from prisma_assets.domain.monitoring.flow import AUTOMATION_TARGET
from prisma_assets.domain.monitoring.measure import LATENCY_TARGET_MS
from prisma_assets.learning.known import known_agents
from prisma_assets.learning.metric_row import COLUMNS, row_of
from prisma_assets.learning.metric_window import (
    MetricWindows,
    Slice,
    Stretch,
    dimension_of,
    stretch_of,
)
from prisma_assets.store.database import Database
from prisma_assets.store.metric_window import DIMENSIONS, By
from prisma_assets.web.csv_file import csv_file
from prisma_assets.web.page import Pages, chart

_PAGE = "/dashboard/metrics"
_USUAL: tuple[By, str] = ("domain", "30d")
TITLES = {
    "1m": "1 minute", "1h": "1 hour", "1d": "24 hours", "7d": "7 days", "30d": "30 days", "90d": "90 days", "1y": "1 year",
}  # fmt: skip
Read = Callable[[Slice], Any]


@dataclass(frozen=True, kw_only=True)
class Choice:
    """What somebody wants to see."""

    by: By
    window: str
    value: str | None
    """None: every value."""

    @property
    def title(self) -> str:
        """Of the window."""
        return TITLES[self.window]

    def query(self, **other: str | None) -> str:
        """As the query of an address, with something else chosen; None: chosen no more."""
        asked = {"by": self.by, "window": self.window, "value": self.value, **other}
        return urlencode({name: value for name, value in asked.items() if value is not None})


def metric_page_routes(pages: Pages, database: Database) -> list[BaseRoute]:
    """The page and its file."""
    windows = MetricWindows(database=database, agents=known_agents())

    async def read(choice: Choice) -> tuple[Stretch, list[Slice], list[Slice]]:
        now = datetime.now(UTC)
        stretch = stretch_of(choice.window, now=now)
        found = await windows.by_value(choice.by, stretch, now=now, value=choice.value)
        if choice.value is None:
            return stretch, found, []
        return stretch, found, await windows.by_time(choice.by, choice.value, stretch, now=now)

    async def metrics(request: Request) -> Response:
        choice = _choice(request)
        stretch, found, parts = await read(choice)
        return pages.render(
            request, "metrics.html", choice=choice, stretch=stretch, slices=found, dimensions=DIMENSIONS, titles=TITLES,
            charts=_charts(parts) if parts else {},
        )  # fmt: skip

    async def metrics_file(request: Request) -> Response:
        choice = _choice(request)
        _, found, parts = await read(choice)
        rows = [list(row_of(one).values()) for one in parts or found]
        return csv_file(f"metrics-{choice.by}-{choice.window}", COLUMNS, rows)

    return [Route(_PAGE, metrics), Route(f"{_PAGE}.csv", metrics_file)]


def _choice(request: Request) -> Choice:
    asked = request.query_params
    return Choice(
        by=dimension_of(asked.get("by", _USUAL[0])),
        window=asked.get("window", _USUAL[1]),
        value=asked.get("value", "").replace("\0", "") or None,
    )


def _charts(parts: Sequence[Slice]) -> dict[str, dict[str, Any]]:
    """One value part by part; a part without a fact is a gap."""
    quantiles: Sequence[tuple[str, Read]] = (
        ("P50", lambda s: s.figures.p50_ms),
        ("P95", lambda s: s.figures.p95_ms),
        ("P99", lambda s: s.figures.p99_ms),
    )
    outcomes: Sequence[tuple[str, Read]] = (
        ("without error", lambda s: s.figures.executions - s.figures.errors - s.figures.timeouts),
        ("errors and timeouts", lambda s: s.figures.errors + s.figures.timeouts),
    )
    automated = _line(parts, "automated", lambda s: _percent(s.flow.automation_rate))
    return {
        "latency": chart([_line(parts, *q) for q in quantiles], unit="ms", target=LATENCY_TARGET_MS),
        "runs": chart([_line(parts, *o) for o in outcomes], unit="runs", kind="bar", stacked=True),
        "cost": chart([_line(parts, "cost", _cost)], unit="USD", kind="bar"),
        "automation": chart([automated], unit="%", target=AUTOMATION_TARGET * 100),
    }  # fmt: skip


def _line(parts: Sequence[Slice], name: str, read: Read) -> dict[str, Any]:
    known = [(one.start, read(one)) for one in parts]
    if all(value is None for _, value in known):
        return {"name": name, "x": [], "y": []}
    return {"name": name, "x": [at for at, _ in known], "y": [value for _, value in known]}


def _cost(one: Slice) -> float | None:
    cost = one.figures.cost_usd
    return None if cost is None else float(cost)


def _percent(share: float | None) -> float | None:
    return None if share is None else 100 * share
