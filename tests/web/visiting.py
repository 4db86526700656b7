"""Our pages without the sign-in in front of them, for whoever the test says is there."""

from collections.abc import Awaitable, Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

from starlette.routing import BaseRoute
from starlette.testclient import TestClient
from starlette.types import ASGIApp, Receive, Scope, Send

from prisma_assets.domain.guardrails.role import Role
from prisma_assets.domain.guardrails.visitor import Visitor
from prisma_assets.platform.account import development_visitor
from prisma_assets.web.app import create_app
from prisma_assets.web.page import Pages, static_routes
from prisma_assets.web.problem_page import problem_pages

PARTNER = Visitor(name="ana", roles=(Role.PARTNER,), via="session")
OWNER = development_visitor()
REPORTER = Visitor(name="exporter", roles=(Role.SERVICE_ACCOUNT,), via="token")
READER = Visitor(name="ron", roles=(Role.READONLY,), via="session")


def as_visitor(app: ASGIApp, visitor: Visitor) -> ASGIApp:
    """Let every request come from one person."""

    async def signed_in(scope: Scope, receive: Receive, send: Send) -> None:
        await app({**scope, "prisma.visitor": visitor}, receive, send)

    return signed_in


@contextmanager
def visiting(
    pages: Pages,
    routes: Sequence[BaseRoute],
    *,
    visitor: Visitor = PARTNER,
    at_end: Callable[[], Awaitable[None]] | None = None,
) -> Iterator[TestClient]:
    """A browser without scripts on these pages; `at_end` closes what they opened."""

    async def dagster(*_: Any) -> None:
        raise AssertionError

    app = create_app(
        dagster=dagster,
        checks={},
        pages=[*static_routes(), *routes],
        problems=problem_pages(pages),
        at_end=at_end,
    )
    with TestClient(as_visitor(app, visitor), base_url="http://127.0.0.1") as client:
        yield client
