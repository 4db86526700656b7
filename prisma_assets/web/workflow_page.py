"""`/dashboard/workflows`: what runs, what waits for whom, and one execution whole, with the acts people take on it."""

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from datetime import UTC, datetime, timedelta
from itertools import groupby
from operator import itemgetter
from typing import TYPE_CHECKING, Any, get_args
from urllib.parse import urlencode

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response
from starlette.routing import BaseRoute, Route

from prisma_assets.domain.errors import InputError
from prisma_assets.domain.guardrails.role import Permission
from prisma_assets.domain.workflow.execution import ENDED, ExecutionStatus
from prisma_assets.domain.workflow.graph import Look, svg
from prisma_assets.engine.compensation import ByHand
from prisma_assets.engine.redo import RedoRequest
from prisma_assets.platform.correction import Corrections
from prisma_assets.platform.workflow import NoSuchExecutionError, WorkflowEngine
from prisma_assets.store.execution_page import Cursor, execution_page
from prisma_assets.store.run_lock import AlreadyRunningError
from prisma_assets.web.csv_file import csv_file
from prisma_assets.web.form import form_fields, form_lists
from prisma_assets.web.page import Pages
from prisma_assets.web.second_factor import check_second_factor
from prisma_assets.web.session import allowed_role, require

if TYPE_CHECKING:
    from markupsafe import Markup

    from prisma_assets.domain.workflow.template import Template

PATH = "/dashboard/workflows"
PER_PAGE = 50
MOST_BRANCHES = 200
"""Branches of one step a page lists; the figures beside it count all."""
FILE_ROWS = 200
STATUSES: tuple[str, ...] = get_args(ExecutionStatus)
_DONE = frozenset({"COMPLETED", "SKIPPED"})
_HEADS = (
    "execution_id", "template", "version", "status", "client", "engagement", "period", "created_by", "created_at",
    "completed_at", "cost_usd",
)  # fmt: skip


def workflow_routes(pages: Pages, engine: WorkflowEngine) -> list[BaseRoute]:
    """The list, each execution, and what people do with it."""
    page = WorkflowPages(pages, engine)
    one = PATH + "/{execution_id}"
    return [
        Route(PATH, page.listed),
        Route(f"{PATH}.csv", page.listed_file),
        Route(one, page.shown),
        Route(f"{one}/sign-offs", page.sign_off, methods=["POST"]),
        Route(f"{one}/cancel", page.cancel, methods=["POST"]),
        Route(f"{one}/resume", page.resume, methods=["POST"]),
        Route(f"{one}/redo", page.redo, methods=["POST"]),
        Route(f"{one}/undo", page.undo, methods=["POST"]),
        Route(f"{one}/undone", page.undone, methods=["POST"]),
    ]


class WorkflowPages:
    """The pages on one engine."""

    def __init__(self, pages: Pages, engine: WorkflowEngine) -> None:
        """Keep what they are made from."""
        self._pages = pages
        self._engine = engine

    async def listed(self, request: Request) -> Response:
        """Executions, newest first."""
        asked = request.query_params
        database = await self._engine.database()
        now = datetime.now(UTC)
        found, counts, waiting = await asyncio.gather(
            self._page(request, PER_PAGE),
            database.fetch("home_counts", {"since": now - timedelta(hours=24)}),
            database.fetch("waiting_approvals"),
        )
        ids = [str(row["workflow_execution_id"]) for row in found.executions]
        progress = await database.fetch("execution_progress", {"ids": ids})
        kept = {name: asked[name] for name in ("status", "template") if asked.get(name)}
        more = {**kept, "cursor": found.next.text()} if found.next else None
        return self._pages.render(
            request, "workflows.html", rows=found.executions, counts=counts[0], asked=asked, statuses=STATUSES,
            progress={row["execution_id"]: row for row in progress},
            waiting=_by_execution(waiting), templates=sorted(self._engine.library().templates),
            more=urlencode(more) if more else None, filters=urlencode(kept),
        )  # fmt: skip

    async def listed_file(self, request: Request) -> Response:
        """The same as a file, the latest of them."""
        found = await self._page(request, FILE_ROWS)
        rows = [
            (
                str(row["workflow_execution_id"]), row["template_name"], row["template_version"], row["status"],
                row["client_id"], row["engagement_id"], row["period"], row["created_by"], row["created_at"],
                row["completed_at"], row["cost_usd"],
            )
            for row in found.executions
        ]  # fmt: skip
        return csv_file("executions", _HEADS, rows)

    async def _page(self, request: Request, limit: int) -> Any:
        asked = request.query_params
        status = asked.get("status") or None
        if status is not None and status not in STATUSES:
            raise HTTPException(
                422, f"No status is called {status}; they are {', '.join(STATUSES)}."
            )
        return await execution_page(
            await self._engine.database(),
            limit=limit,
            after=Cursor.read(asked["cursor"]) if asked.get("cursor") else None,
            status=status,
            template=asked.get("template") or None,
        )

    async def shown(self, request: Request) -> Response:
        """One execution."""
        return await self._render(request)

    async def sign_off(self, request: Request) -> Response:
        """Take a person's decision on a step that waits."""
        visitor = require(request, Permission.SIGN_OFF)
        given = await form_fields(request)
        role = given.get("role") or None
        allowed_role(visitor, role)

        async def give() -> None:
            if given.get("decision") not in ("approve", "changes", "reject"):
                raise InputError("choose what you decide: approve, ask for changes, or reject")
            await check_second_factor(self._engine, visitor, _id(request), given.get("step", ""))
            await self._engine.sign_off(
                _id(request),
                given.get("step", ""),
                by=visitor.speaks_as(given.get("by")),
                decision=given["decision"],  # type: ignore[arg-type]  # one of the three, above
                comment=given.get("comment", ""),
                role=role,
            )

        return await self._done(request, give, given)

    async def cancel(self, request: Request) -> Response:
        """Stop the execution."""
        visitor = require(request, Permission.OPERATE)
        given = await form_fields(request)

        async def end() -> None:
            await self._engine.cancel_workflow(
                _id(request), by=visitor.name, reason=given.get("reason", "")
            )

        return await self._done(request, end, given)

    async def resume(self, request: Request) -> Response:
        """Continue the execution; it undoes a cancel, so it asks for what a cancel asks for."""
        require(request, Permission.OPERATE)

        async def go_on() -> None:
            await self._engine.allow_resuming(_id(request))
            await self._engine.start_workflow(_id(request))

        return await self._done(request, go_on, {})

    async def redo(self, request: Request) -> Response:
        """Have finished steps done again, with everything behind them, and begin with it."""
        visitor = require(request, Permission.OPERATE)
        fields = await form_lists(request)
        given = {name: values[0] for name, values in fields.items()}

        async def again() -> None:
            if "steps" not in fields:
                raise InputError("choose at least one step that is to be done again")
            by = visitor.speaks_as(given.get("by"))
            asked = RedoRequest(
                steps=tuple(fields["steps"]), requested_by=by, reason=given.get("reason", "")
            )
            await Corrections(self._engine).redo(_id(request), asked)
            await self._engine.allow_resuming(_id(request))
            await self._engine.start_workflow(_id(request))

        return await self._done(request, again, given)

    async def undo(self, request: Request) -> Response:
        """Try once more to undo what could not be undone."""
        require(request, Permission.OPERATE)

        async def once_more() -> None:
            if not await Corrections(self._engine).undo_again(_id(request)):
                raise InputError("nothing is left to undo")

        return await self._done(request, once_more, {})

    async def undone(self, request: Request) -> Response:
        """Take somebody's word that they have undone a step's work."""
        visitor = require(request, Permission.OPERATE)
        given = await form_fields(request)
        said = ByHand(
            step=given.get("step", ""),
            user=visitor.speaks_as(given.get("by")),
            reason=given.get("reason", ""),
        )
        corrections = Corrections(self._engine)
        return await self._done(
            request, lambda: corrections.undone_by_hand(_id(request), said), given
        )

    async def _done(
        self, request: Request, act: Callable[[], Awaitable[None]], given: Mapping[str, str]
    ) -> Response:
        """Do it and show the execution; a mistake is shown beside what was typed."""
        try:
            await act()
        except NoSuchExecutionError as error:
            raise HTTPException(404, str(error)) from error
        except (InputError, AlreadyRunningError) as error:
            return await self._render(request, problem=str(error), given=given)
        return RedirectResponse(f"{PATH}/{_id(request)}", status_code=303)

    async def _render(
        self,
        request: Request,
        *,
        problem: str | None = None,
        given: Mapping[str, str] | None = None,
    ) -> Response:
        try:
            report = await self._engine.get_report(_id(request))
        except NoSuchExecutionError as error:
            raise HTTPException(404, str(error)) from error
        template = await self._engine.template_of(report["execution_id"])
        steps = {step["step_id"]: step for step in report["steps"]}
        database = await self._engine.database()
        found = await database.fetch(
            "branch_lines", {"workflow_execution_id": report["execution_id"]}
        )
        return self._pages.render(
            request,
            "workflow.html",
            status=422 if problem else 200,
            report=report,
            template=template,
            MOST_BRANCHES=MOST_BRANCHES,
            branches={k: list(g) for k, g in groupby(found, key=itemgetter("step_id"))},
            to_undo=[c for c in report["compensations"] if c["status"] != "COMPLETED"],
            by_id={step.id: step for step in template.steps},
            findings=sum(_findings(step) for step in report["steps"]),
            done=sum(step["status"] in _DONE for step in report["steps"]),
            is_over=report["status"] in ENDED,
            graph=_graph(template, steps, report["execution_id"]),
            problem=problem,
            given=given or {},
            path_here=f"{PATH}/{report['execution_id']}",
        )


def _by_execution(waiting: list[dict[str, Any]]) -> dict[str, list[dict[str, Any]]]:
    found: dict[str, list[dict[str, Any]]] = {}
    for row in waiting:
        found.setdefault(row["execution_id"], []).append(row)
    return found


def _graph(
    template: "Template", steps: Mapping[str, Mapping[str, Any]], execution_id: str
) -> "Markup":
    from markupsafe import Markup

    looks = {
        step_id: Look(
            status=step["status"].replace("_", " ").lower(),
            link=f"{PATH}/{execution_id}/steps/{step_id}" if step["status"] != "PENDING" else None,
        )
        for step_id, step in steps.items()
    }
    return Markup(svg(template, looks))  # noqa: S704 - every text in it is escaped where it is drawn


def _findings(step: Mapping[str, Any]) -> int:
    return len((step["workpaper"] or {}).get("findings") or ())


def _id(request: Request) -> str:
    return str(request.path_params["execution_id"])
