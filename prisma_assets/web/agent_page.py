"""`/dashboard/agents`: every agent in a line, and one agent whole."""

from datetime import UTC, datetime

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Route

from prisma_assets.agents.registry import AgentRegistry, UnknownAgentError
from prisma_assets.learning.agent_view import AgentView, agent_view
from prisma_assets.learning.fleet import Fleet, Window, window_of
from prisma_assets.learning.fleet_table import fleet_table
from prisma_assets.learning.known import known_agents
from prisma_assets.learning.metric_window import MetricWindows, Stretch, stretch_of
from prisma_assets.store.database import Database
from prisma_assets.web.agent_chart import agent_charts, series_rows
from prisma_assets.web.agent_table import (
    COLUMNS,
    FILE_HEADS,
    choice_of,
    file_row,
    spark,
    windows,
)
from prisma_assets.web.csv_file import csv_file
from prisma_assets.web.metric_page import metric_page_routes
from prisma_assets.web.page import Pages


def agent_routes(
    pages: Pages, database: Database, registry: AgentRegistry, fleet: Fleet
) -> list[BaseRoute]:
    """The table of agents, the page of each, both as files, and figures by anything else than agents."""
    slices = MetricWindows(database=database, agents=known_agents())

    async def agents(request: Request) -> Response:
        choice, now = choice_of(request), datetime.now(UTC)
        table = await fleet_table(fleet, database, registry, window=choice.window, now=now)
        flow = await slices.flow("agent", _stretch(choice.window, now))
        return pages.render(
            request, "agents.html", choice=choice, table=table, flow=flow, lines=choice.chosen(table.lines), columns=COLUMNS,
            windows=windows(), spark=spark, domains=sorted({line.card.domain for line in table.lines}),
        )  # fmt: skip

    async def agents_file(request: Request) -> Response:
        choice = choice_of(request)
        table = await fleet_table(
            fleet, database, registry, window=choice.window, now=datetime.now(UTC)
        )
        rows = map(file_row, choice.chosen(table.lines))
        return csv_file(f"agents-{choice.window.name}", FILE_HEADS, rows)

    async def read(request: Request) -> AgentView:
        try:
            card = registry.get(request.path_params["agent_id"])
        except UnknownAgentError as error:
            raise HTTPException(404, f"{error}.") from error
        window = window_of(request.query_params.get("window"))
        return await agent_view(fleet, database, card, window=window, now=datetime.now(UTC))

    async def agent(request: Request) -> Response:
        view, now = await read(request), datetime.now(UTC)
        stretch = _stretch(view.window, now)
        work = await slices.by_value("agent", stretch, now=now, value=view.card.id)
        return pages.render(
            request, "agent.html", view=view, charts=agent_charts(view), windows=windows(),
            work=work[0] if work else None,
        )  # fmt: skip

    async def agent_file(request: Request) -> Response:
        view = await read(request)
        heads, rows = series_rows(view)
        return csv_file(f"{view.card.id}-{view.window.name}", heads, rows)

    return [
        Route("/dashboard/agents", agents),
        Route("/dashboard/agents.csv", agents_file),
        Route("/dashboard/agents/{agent_id}.csv", agent_file),
        Route("/dashboard/agents/{agent_id}", agent),
        *metric_page_routes(pages, database),
    ]


def _stretch(window: Window, now: datetime) -> Stretch:
    """The same window for figures of steps."""
    return stretch_of("1d" if window.name == "24h" else window.name, now=now)
