"""`/dashboard/domains/{name}`: dashboards that are written as files."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Any

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Route

from prisma_assets.domain.monitoring.measure import MEASURES, Measured, Unit
from prisma_assets.learning.dashboard import Dashboards, Filled, ReadDashboard, fill
from prisma_assets.learning.fleet import WINDOWS, Fleet
from prisma_assets.learning.measured import Reading, reading
from prisma_assets.learning.metrics import figures_of
from prisma_assets.web.page import Pages, chart, duration, money, number, share

_WRITTEN: Mapping[Unit, Callable[[float | None], str]] = {
    Unit.COUNT: number,
    Unit.MILLISECONDS: duration,
    Unit.DOLLARS: money,
    Unit.SHARE: share,
    Unit.RATING: lambda value: number(value, 2),
}


@dataclass(frozen=True, kw_only=True)
class Shown:
    """A value as people read it."""

    title: str
    text: str
    n: int | None
    low: str | None = None
    high: str | None = None
    target: str | None = None


@dataclass(frozen=True, kw_only=True)
class ShownTable:
    """A row for each agent."""

    title: str
    columns: Sequence[str]
    rows: Sequence[tuple[Any, Sequence[Shown]]]
    """The agent's card and its values."""


@dataclass(frozen=True, kw_only=True)
class ShownChart:
    """What a chart draws."""

    title: str
    spec: Mapping[str, Any]


def domain_routes(pages: Pages, fleet: Fleet, dashboards: Dashboards) -> list[BaseRoute]:
    """The list of dashboards, and each of them."""

    async def every(request: Request) -> Response:
        return pages.render(
            request, "domains.html", good=dashboards.good(), problems=dashboards.problems()
        )

    async def one(request: Request) -> Response:
        name = request.path_params["name"]
        read = dashboards.get(name)
        if read is None:
            known = ", ".join(good.name for good in dashboards.good())
            raise HTTPException(404, f"There is no dashboard '{name}'; there are {known}.")
        widgets = await fill(fleet, read, now=datetime.now(UTC))
        return pages.render(
            request, "domain.html", read=read, good=dashboards.good(), windows=WINDOWS,
            figures=[_figure(w) for w in widgets if w.widget.kind == "figure"],
            charts=[_chart(w, read) for w in widgets if w.widget.kind in ("line", "bar")],
            tables=[_table(w, read) for w in widgets if w.widget.kind == "table"],
        )  # fmt: skip

    return [
        Route("/dashboard/domains", every),
        Route("/dashboard/domains/{name}", one),
    ]


def _figure(filled: Filled) -> Shown:
    widget = filled.widget
    (metric,) = widget.measured
    shown = _shown(metric, reading(metric, filled.whole))
    return replace(shown, title=f"{widget.title}, {WINDOWS[widget.window].title}")


def _table(filled: Filled, read: ReadDashboard) -> ShownTable:
    measured = filled.widget.measured
    nothing = figures_of(())
    return ShownTable(
        title=filled.widget.title,
        columns=[MEASURES[m].title for m in measured],
        rows=[
            (card, [_shown(m, reading(m, filled.by_agent.get(card.id, nothing))) for m in measured])
            for card in read.agents
        ],
    )


def _chart(filled: Filled, read: ReadDashboard) -> ShownChart:
    widget = filled.widget
    (metric,) = widget.measured
    measure = MEASURES[metric]
    is_by_agent = widget.by == "agent"
    series = _by_agent(filled, metric, read) if is_by_agent else _over_time(filled, metric)
    has_interval = widget.kind == "line" and "low" in series
    spec = chart(
        [series],
        unit=measure.unit.value,
        kind="dots" if has_interval else widget.kind,
        target=measure.target,
    )
    return ShownChart(title=widget.title, spec=spec)


def _over_time(filled: Filled, metric: Measured) -> dict[str, Any]:
    nothing = figures_of(())
    readings = [reading(metric, filled.by_time.get(start, nothing)) for start in filled.starts]
    return _series(metric, list(filled.starts), readings)


def _by_agent(filled: Filled, metric: Measured, read: ReadDashboard) -> dict[str, Any]:
    known = [card for card in read.agents if card.id in filled.by_agent]
    readings = [reading(metric, filled.by_agent[card.id]) for card in known]
    return _series(metric, [card.id for card in known], readings)


def _series(metric: Measured, x: Sequence[Any], readings: Sequence[Reading]) -> dict[str, Any]:
    """What is drawn; empty when nothing was measured."""
    values = [None if r.value is None else round(r.value, 6) for r in readings]
    if not any(value is not None for value in values):
        return {"name": MEASURES[metric].title, "x": [], "y": []}
    series: dict[str, Any] = {"name": MEASURES[metric].title, "x": x, "y": values}
    if any(r.between for r in readings):
        series["low"] = [r.between[0] if r.between else None for r in readings]
        series["high"] = [r.between[1] if r.between else None for r in readings]
    return series


def _shown(metric: Measured, found: Reading) -> Shown:
    measure = MEASURES[metric]
    written = _WRITTEN[measure.unit]
    return Shown(
        title=measure.title,
        text=written(found.value),
        n=found.n if found.value is not None else None,
        low=written(found.between[0]) if found.between else None,
        high=written(found.between[1]) if found.between else None,
        target=measure.target_text,
    )
