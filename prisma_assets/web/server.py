"""Serves the web application in one process: Dagster's process context lives in it, and more workers would each load their own."""

from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from prisma_assets.settings import OidcSettings
from prisma_assets.web.app import HealthCheck, create_app
from prisma_assets.web.sign_in import Door
from resources.code_location import wait_for_code_server
from resources.dagster_home import LOCATION_NAME

if TYPE_CHECKING:
    from dagster import DagsterInstance
    from dagster._core.workspace.context import WorkspaceProcessContext
    from starlette.routing import BaseRoute
    from starlette.types import ASGIApp

    from prisma_assets.platform.account import Accounts
    from prisma_assets.store.database import Database
    from prisma_assets.web.page import Pages

STATEMENT_TIMEOUT_MS = 15_000
"""Dagster's own limits for its web server (dagster_webserver/cli.py)."""
POOL_RECYCLE_SECONDS = 3_600
POOL_OVERFLOW = 20

WEB_CONNECTIONS = 8
"""A page asks for several figures at once; the embedded server takes 200 connections."""

CLOSE_SECONDS = 2
"""Open pages hold a websocket that never ends by itself; when stopping they get this long."""


@dataclass(frozen=True)
class Entrance:
    """Where people come in, and the data folder whose key opens it on a laptop."""

    door: Door
    home: Path
    oidc: OidcSettings | None = None
    """The firm's identity provider."""


def serve(
    *,
    host: str,
    entrance: Entrance,
    socket_path: str,
    database_url: str,
    start_seconds: float,
) -> None:
    """Answer on the address until told to stop."""
    import dagster as dg
    import uvicorn
    from dagster._core.workspace.context import WorkspaceProcessContext
    from dagster._core.workspace.load_target import GrpcServerTarget
    from dagster_webserver.version import __version__

    wait_for_code_server(socket_path, seconds=start_seconds)
    target = GrpcServerTarget(
        host="localhost", port=None, socket=socket_path, location_name=LOCATION_NAME
    )
    with dg.DagsterInstance.get() as instance:
        instance.optimize_for_webserver(STATEMENT_TIMEOUT_MS, POOL_RECYCLE_SECONDS, POOL_OVERFLOW)
        with WorkspaceProcessContext(
            instance, version=__version__, workspace_load_target=target
        ) as context:
            uvicorn.run(
                _build(instance, context, database_url, entrance),
                host=host,
                port=entrance.door.port,
                log_level="warning",
                timeout_graceful_shutdown=CLOSE_SECONDS,
            )


def _build(
    instance: "DagsterInstance",
    context: "WorkspaceProcessContext",
    database_url: str,
    entrance: Entrance,
) -> "ASGIApp":
    from dagster_webserver.app import create_app_from_workspace_process_context
    from starlette.routing import Mount, Route

    from prisma_assets.agents.registry import AgentRegistry
    from prisma_assets.learning.span_intake import SpanIntake
    from prisma_assets.learning.watchdog import check_watchdog
    from prisma_assets.platform.account import Accounts, development_key
    from prisma_assets.platform.workflow import WorkflowEngine
    from prisma_assets.store.database import Database
    from prisma_assets.store.event_bus import EventBus
    from prisma_assets.web.api import PREFIX, create_api
    from prisma_assets.web.dashboard import dashboard_routes
    from prisma_assets.web.live import Changes
    from prisma_assets.web.page import Pages
    from prisma_assets.web.problem_page import problem_pages
    from prisma_assets.web.prometheus import metrics_routes
    from prisma_assets.web.sign_in import SignIn
    from prisma_assets.web.traces import PATH, create_traces

    agents = AgentRegistry()
    bus = EventBus(database_url)
    engine = WorkflowEngine(agents, bus, starts_runs=False)
    database = Database(database_url, max_size=WEB_CONNECTIONS)
    changes = Changes(bus, database)
    pages, accounts = Pages(), Accounts(database)

    async def close() -> None:
        await changes.aclose()
        await engine.aclose()
        await database.close()

    app = create_app(
        dagster=create_app_from_workspace_process_context(context),
        checks=_checks(instance, context, database),
        ready={"watchdog": partial(check_watchdog, database)},
        pages=[
            Mount(PREFIX, create_api(engine, agents)),
            Route(PATH, create_traces(SpanIntake(agents, database))),
            *_ways_in(pages, accounts, entrance),
            *dashboard_routes(pages, database, registry=agents, changes=changes, engine=engine),
            *metrics_routes(database),
        ],
        problems=problem_pages(pages),
        at_end=close,
    )
    signed_in = SignIn(app, accounts, entrance.door, key=development_key(entrance.home))
    app.state.sign_in = signed_in
    return signed_in


def _ways_in(pages: "Pages", accounts: "Accounts", entrance: Entrance) -> "list[BaseRoute]":
    """Pages that take a password, a provider's word or a code."""
    from prisma_assets.platform.second_factor import SecondFactors
    from prisma_assets.web.oidc import Provider
    from prisma_assets.web.second_factor import SecondFactorPages
    from prisma_assets.web.sign_in_page import SignInPages

    provider = Provider(entrance.oidc) if entrance.oidc else None
    second_factor = SecondFactorPages(
        pages=pages,
        factors=SecondFactors(accounts.database),
        door=entrance.door,
        provider=entrance.oidc.host if entrance.oidc else None,
    )
    sign_in = SignInPages(pages, accounts, entrance.door, entrance.home, provider)
    return [*sign_in.routes(), *second_factor.routes()]


def _checks(
    instance: "DagsterInstance", context: "WorkspaceProcessContext", database: "Database"
) -> dict[str, HealthCheck]:
    """What health asks."""
    return {
        "database": partial(_database_answers, database),
        "dagster": partial(_dagster_answers, instance),
        "code_location": partial(_code_location_answers, context),
    }


async def _database_answers(database: "Database") -> None:
    """A query is answered."""
    await database.fetch("any_execution")


async def _dagster_answers(instance: "DagsterInstance") -> None:
    """What every page of the UI needs: the run storage."""
    import anyio.to_thread

    await anyio.to_thread.run_sync(lambda: instance.get_run_ids(limit=1))


async def _code_location_answers(context: "WorkspaceProcessContext") -> None:
    """The definitions are loaded, and the process that starts runs is there."""
    import anyio.to_thread
    from dagster._core.remote_representation.code_location import GrpcServerCodeLocation

    def ask() -> None:
        entry = context.create_request_context().get_location_entry(LOCATION_NAME)
        if entry is None or not isinstance(entry.code_location, GrpcServerCodeLocation):
            raise RuntimeError(
                entry.load_error.message if entry and entry.load_error else "not loaded"
            )
        entry.code_location.client.ping("")

    await anyio.to_thread.run_sync(ask)
