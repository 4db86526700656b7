"""A workflow step's page: what it did, what people said of it, and the form to say it."""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response
from starlette.routing import Route
from starlette.types import ASGIApp

from prisma_assets.domain.guardrails.role import Permission
from prisma_assets.domain.learning.feedback import CATEGORIES
from prisma_assets.learning.feedback_intake import FeedbackIntake
from prisma_assets.store.database import Database
from prisma_assets.store.experiment import is_uuid
from prisma_assets.store.feedback import FeedbackStore
from prisma_assets.store.workflow import WorkflowStore
from prisma_assets.store.workflow_record import Execution, StepRow
from prisma_assets.web.form import form_lists
from prisma_assets.web.guard import BodyLimit
from prisma_assets.web.page import Pages
from prisma_assets.web.problem_page import problem_pages
from prisma_assets.web.session import require

if TYPE_CHECKING:
    from markupsafe import Markup

    from prisma_assets.domain.audit.workpaper import Workpaper

PREFIX = "/dashboard/workflows"
_KINDS = (
    ("rating", "a rating"), ("correction", "a correction"), ("suggestion", "a suggestion"), ("complaint", "a complaint"),
    ("praise", "praise"),
)  # fmt: skip
_SOURCES = (("user", "user"), ("manager", "manager"), ("qa", "quality assurance"))
_NEWS = {
    "stored": "Thank you; it is stored.",
    "known": "You had said so before; it counts once.",
}
_SAID = 50
"""Latest pieces of feedback shown; the command line and the API list all."""
_FIELDS = (
    "rating",
    "feedback_type",
    "comment",
    "corrected_output",
    "submitted_by",
    "source",
)


def step_pages(pages: Pages, intake: FeedbackIntake, database: Database) -> ASGIApp:
    """Pages below `PREFIX`; what is sent to them is no longer than a request to the API."""

    async def show(request: Request) -> Response:
        execution, step = await _found(request, database)
        news = _NEWS.get(request.query_params.get("said", ""))
        shown = _Shown(execution, step, {"source": "user", "issue_categories": []}, news=news)
        return await _render(pages, request, database, shown)

    async def say(request: Request) -> Response:
        execution, step = await _found(request, database)
        visitor = require(request, Permission.FEEDBACK)
        given = _given(await form_lists(request))
        given["submitted_by"] = visitor.speaks_as(given["submitted_by"])
        row = {
            **{name: value for name, value in given.items() if value},
            "agent_id": step.agent_id,
            "task_id": step.step_name,
            "step_execution_id": step.step_execution_id,
        }
        taken = await intake.take([(1, row)], FeedbackStore(source=database))
        if taken.rejected:
            shown = _Shown(execution, step, given, problem=taken.rejected[0][1])
            return await _render(pages, request, database, shown)
        said = "stored" if taken.accepted else "known"
        return RedirectResponse(f"{request.url.path}?said={said}#feedback", status_code=303)

    path = "/{execution_id}/steps/{step_id}"
    routes = [Route(path, show), Route(path, say, methods=["POST"])]
    return BodyLimit(Starlette(routes=routes, exception_handlers=problem_pages(pages)))


class _Shown:
    """What one rendering of the page shows."""

    def __init__(
        self, execution: Execution, step: StepRow, given: Mapping[str, Any], *, news: str | None = None, problem: str | None = None
    ) -> None:  # fmt: skip
        self.execution = execution
        self.step = step
        self.given = given
        self.news = news
        self.problem = problem


async def _found(request: Request, database: Database) -> tuple[Execution, StepRow]:
    store = WorkflowStore(database=database)
    execution_id, step_id = request.path_params["execution_id"], request.path_params["step_id"]
    execution = await store.execution(execution_id) if is_uuid(execution_id) else None
    if execution is None:
        raise HTTPException(404, f"No execution has the id {execution_id}.")
    step = (await store.steps(execution.id)).get(step_id)
    if step is None:
        raise HTTPException(404, f"Step {step_id} of execution {execution.id} has not begun.")
    return execution, step


def _given(fields: Mapping[str, list[str]]) -> dict[str, Any]:
    """What the form holds, empty where nothing was said."""
    given: dict[str, Any] = {name: fields.get(name, [""])[0] for name in _FIELDS}
    return {**given, "issue_categories": fields.get("issue_categories", [])}


async def _render(pages: Pages, request: Request, database: Database, shown: _Shown) -> Response:
    from prisma_assets.domain.audit.workpaper import Workpaper

    step, execution = shown.step, shown.execution
    workpaper = Workpaper.model_validate(step.workpaper) if step.workpaper else None
    said = await FeedbackStore(source=database).of_step(step.step_execution_id, limit=_SAID)
    runs = await WorkflowStore(database=database).runs(execution.id)
    return pages.render(
        request,
        "step.html",
        status=422 if shown.problem else 200,
        execution=execution,
        step=step,
        title=workpaper.title if workpaper else step.step_name.replace("_", " "),
        workpaper=_as_html(workpaper) if workpaper else None,
        run_link=f"/runs/{runs[-1]}" if runs else "/runs",
        said=said,
        given=shown.given,
        news=shown.news,
        problem=shown.problem,
        kinds=_KINDS,
        sources=_SOURCES,
        categories=sorted(CATEGORIES),
    )


def _as_html(workpaper: "Workpaper") -> "Markup":
    """The workpaper without its heading, which the page has; tags in the books' texts stay text."""
    from markdown_it import MarkdownIt
    from markupsafe import Markup

    from prisma_assets.domain.audit.workpaper_markdown import render_markdown

    _, _, body = render_markdown(workpaper).partition("\n\n")
    plain = MarkdownIt("commonmark", {"html": False}).enable("table")
    return Markup(plain.render(body))  # noqa: S704 - made with tags switched off
