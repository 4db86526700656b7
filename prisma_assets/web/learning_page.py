"""`/dashboard/learning`: the loop from what people say to what was kept, the line behind each change, and people's decisions."""

from collections.abc import Awaitable, Callable
from datetime import UTC, datetime
from typing import Any

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response
from starlette.routing import BaseRoute, Route

from prisma_assets.domain.errors import InputError
from prisma_assets.domain.guardrails.role import Permission
from prisma_assets.domain.guardrails.visitor import Visitor
from prisma_assets.learning import release, rollback, rollout
from prisma_assets.learning.experiment_view import ends_by
from prisma_assets.learning.lineage import VersionLine, feedback_line, version_lines
from prisma_assets.learning.loop_view import WINDOW_DAYS, holds_until, loop_view, next_share
from prisma_assets.store.database import Database
from prisma_assets.store.experiment import is_uuid
from prisma_assets.store.opportunity import OpportunityStore
from prisma_assets.web.approving import approval_of
from prisma_assets.web.csv_file import csv_file
from prisma_assets.web.form import form_fields, reason_in
from prisma_assets.web.learning_file import FILES
from prisma_assets.web.page import Pages
from prisma_assets.web.session import require, visitor

_PAGE = "/dashboard/learning"
Act = Callable[[Database, str, Visitor, dict[str, str]], Awaitable[Any]]
"""What somebody does about a deployment: its id, who, and what the form says."""


def learning_routes(pages: Pages, database: Database) -> list[BaseRoute]:
    """The page, its files, the lines behind changes, and what people decide."""
    return [*_shown(pages, database), *_acts(database)]


def _shown(pages: Pages, database: Database) -> list[BaseRoute]:
    async def learning(request: Request) -> Response:
        who = visitor(request)
        return pages.render(
            request, "learning.html", view=await loop_view(database, now=datetime.now(UTC)), days=WINDOW_DAYS,
            holds_until=holds_until, next_share=next_share, ends_by=ends_by, may_operate=who.may(Permission.OPERATE),
            may_approve=who.may(Permission.APPROVE_CHANGE),
        )  # fmt: skip

    async def table_file(request: Request) -> Response:
        name = request.path_params["name"]
        if name not in FILES:
            raise HTTPException(404, f"There is no file {name}.csv; there are {', '.join(FILES)}.")
        heads, rows = await FILES[name](database)
        return csv_file(name, heads, rows)

    async def lineage(request: Request) -> Response:
        what = request.path_params["what"]
        line, versions = None, list[VersionLine]()
        try:
            if is_uuid(what):
                line = await feedback_line(database, what)
            else:
                versions = await version_lines(database, what, agent_id=request.query_params.get("agent"))  # fmt: skip
        except InputError as error:
            raise HTTPException(404, str(error)) from error
        return pages.render(request, "lineage.html", what=what, line=line, versions=versions)

    return [
        Route(_PAGE, learning),
        Route(f"{_PAGE}/lineage/{{what}}", lineage),
        Route(f"{_PAGE}/{{name}}.csv", table_file),
    ]


def _acts(database: Database) -> list[BaseRoute]:
    async def dismiss(request: Request) -> Response:
        by = require(request, Permission.OPERATE).name
        reason, found = reason_in(await form_fields(request)), request.path_params["opportunity_id"]
        store = OpportunityStore(source=database)
        if not is_uuid(found) or not await store.dismiss(found, by=by, reason=reason):
            raise InputError(f"opportunity {found} is not open; only one that is identified or triaged can be dismissed")  # fmt: skip
        return RedirectResponse(f"{_PAGE}#opportunities", status_code=303)

    return [
        Route(f"{_PAGE}/opportunities/{{opportunity_id}}/dismiss", dismiss, methods=["POST"]),
        *(
            Route(f"{_PAGE}/deployments/{{deployment_id}}/{name}", _act(database, permission, act), methods=["POST"])
            for name, (permission, act) in _DECISIONS.items()
        ),
    ]  # fmt: skip


def _act(
    database: Database, permission: Permission, act: Act
) -> Callable[[Request], Awaitable[Response]]:
    async def decided(request: Request) -> Response:
        who = require(request, permission)
        fields = await form_fields(request)
        await act(database, request.path_params["deployment_id"], who, fields)
        return RedirectResponse(f"{_PAGE}#deployments", status_code=303)

    return decided


async def _approve(database: Database, found: str, who: Visitor, said: dict[str, str]) -> None:
    comment, now = said.get("comment", ""), datetime.now(UTC)
    await release.approve(database, found, approval_of(who), comment=comment, now=now)


async def _reject(database: Database, found: str, who: Visitor, said: dict[str, str]) -> None:
    await release.reject(database, found, by=who.name, reason=reason_in(said))


async def _pause(database: Database, found: str, who: Visitor, said: dict[str, str]) -> None:
    await release.pause(database, found, by=who.name, reason=reason_in(said))


async def _go_on(database: Database, found: str, who: Visitor, said: dict[str, str]) -> None:
    await release.pause(database, found, by=who.name, reason=reason_in(said), go_on=True)


async def _advance(database: Database, found: str, _who: Visitor, _said: dict[str, str]) -> None:
    await release.known_deployment(database, found)
    await rollout.look(database, now=datetime.now(UTC))


async def _release(database: Database, found: str, who: Visitor, said: dict[str, str]) -> None:
    await release.release(database, found, approval_of(who), reason=reason_in(said))
    await rollout.look(database, now=datetime.now(UTC))


async def _roll_back(database: Database, found: str, who: Visitor, said: dict[str, str]) -> None:
    await rollback.ask_for_rollback(database, found, by=who.name, reason=reason_in(said))


_DECISIONS: dict[str, tuple[Permission, Act]] = {
    "approve": (Permission.APPROVE_CHANGE, _approve),
    "reject": (Permission.APPROVE_CHANGE, _reject),
    "pause": (Permission.OPERATE, _pause),
    "go-on": (Permission.OPERATE, _go_on),
    "advance": (Permission.OPERATE, _advance),
    "release": (Permission.APPROVE_CHANGE, _release),
    "rollback": (Permission.OPERATE, _roll_back),
}
"""By the last part of the address: who may, and what happens."""
