"""The HTTP API under /api/v1: the workflow engine for programs in any language. What a request means is the engine's."""

from collections.abc import Mapping, Sequence
from http import HTTPStatus
from typing import Annotated, Any

from fastapi import APIRouter, FastAPI, Header, Query, Request, Response
from fastapi.exceptions import RequestValidationError
from fastapi.responses import StreamingResponse
from pydantic import Field
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware
from starlette.types import ASGIApp

from prisma_assets.agents.registry import AgentRegistry, UnknownAgentError
from prisma_assets.domain.errors import InputError, PrismaError, RetryableError
from prisma_assets.domain.guardrails.role import Permission
from prisma_assets.domain.guardrails.visitor import Visitor
from prisma_assets.domain.workflow import graph
from prisma_assets.domain.workflow.template import Template
from prisma_assets.engine.cancel import CancelledError
from prisma_assets.learning.alert_act import UnknownAlertError
from prisma_assets.platform.workflow import (
    DifferentRequestError,
    NoSuchExecutionError,
    WorkflowEngine,
)
from prisma_assets.store.execution_page import Cursor, execution_page
from prisma_assets.store.run_lock import AlreadyRunningError
from prisma_assets.web.alert import alert_routes
from prisma_assets.web.api_correction import correction_routes, record_routes, standing
from prisma_assets.web.api_improvement import improvement_routes
from prisma_assets.web.api_metric import metric_routes
from prisma_assets.web.api_model import (
    ExecutionPage,
    ExecutionReport,
    ExecutionSummary,
    Listing,
    NewCancel,
    NewExecution,
    NewSignOff,
    TemplateList,
    TemplateSummary,
)
from prisma_assets.web.api_spend import spend_routes
from prisma_assets.web.conflict import NotNowError, as_conflict
from prisma_assets.web.event_stream import END_ID, stream
from prisma_assets.web.feedback import PATH as FEEDBACK_PATH
from prisma_assets.web.feedback import feedback_routes
from prisma_assets.web.feedback_body import MOST_BYTES as MOST_FEEDBACK_BYTES
from prisma_assets.web.guard import BodyLimit
from prisma_assets.web.idempotency import KEPT_BY_THEMSELVES, Idempotency, tell_of_keys
from prisma_assets.web.paging import Items, Paged, page
from prisma_assets.web.problem import MEDIA_TYPE, problem
from prisma_assets.web.second_factor import check_second_factor
from prisma_assets.web.session import allowed, allowed_role, allowed_start
from resources.run_socket import RunsUnavailableError

PREFIX = "/api/v1"
RETRY_SECONDS = "5"
"""What a client is told to wait while a part restarts; the supervisor restarts one within 4 s."""

_PROBLEM = {"description": "Refused", "content": {MEDIA_TYPE: {"schema": {"type": "object"}}}}
_RESPONSES: dict[int | str, dict[str, Any]] = {"4XX": _PROBLEM, "5XX": _PROBLEM}


Launcher = Annotated[Visitor, allowed(Permission.LAUNCH)]
Operator = Annotated[Visitor, allowed(Permission.OPERATE)]
Signer = Annotated[Visitor, allowed(Permission.SIGN_OFF)]


class Whole(Paged):
    """Which part of a list that is mostly read whole."""

    limit: int = Field(default=1000, ge=1, le=1000)


def create_api(engine: WorkflowEngine, agents: AgentRegistry) -> ASGIApp:
    """The API on this engine; mount it at `PREFIX`."""
    api = FastAPI(
        title="Prisma Assets",
        version="1",
        description="The firm's workflows, its agents, what they cost, and how they get better.",
        openapi_url="/openapi.json",
        # FastAPI's pages load their script from another site.
        docs_url=None,
        redoc_url=None,
        middleware=[
            Middleware(BodyLimit, longer={FEEDBACK_PATH: MOST_FEEDBACK_BYTES}),
            Middleware(Idempotency, database=engine.database, own=KEPT_BY_THEMSELVES),
        ],
        responses=_RESPONSES,
        servers=[{"url": PREFIX}],
        root_path_in_servers=False,
    )
    # Programs may report what people said without reading anything, so feedback asks for its own permissions.
    api.include_router(feedback_routes(agents, engine.database))
    for router in (
        _templates(engine), _agents(agents), _executions(engine), _acts(engine),
        alert_routes(agents, engine.database), improvement_routes(agents, engine.database),
        spend_routes(agents, engine.database), metric_routes(engine.database),
        correction_routes(engine), record_routes(engine, agents),
    ):  # fmt: skip
        api.include_router(router, dependencies=[allowed(Permission.VIEW)])
    tell_of_keys(api.openapi())
    api.add_exception_handler(PrismaError, _refused)
    api.add_exception_handler(RequestValidationError, _invalid)
    api.add_exception_handler(HTTPException, _plain)
    api.add_exception_handler(Exception, _unexpected)
    return api


def _templates(engine: WorkflowEngine) -> APIRouter:
    router = APIRouter(prefix="/templates", tags=["templates"])

    @router.get("")
    def list_templates(asked: Annotated[Whole, Query()]) -> TemplateList:
        """The workflow templates at hand."""
        library = engine.library()
        found = page(
            [_summary(t).model_dump() for t in library.templates.values()], asked, key="name"
        )
        return TemplateList(**found.model_dump(), problems=list(library.problems))

    @router.get("/{name}")
    def get_template(name: str) -> dict[str, Any]:
        """One template as its file says it, with what it uses put in."""
        template = _template(engine, name)
        return {
            **template.model_dump(mode="json", exclude_defaults=True),
            "sha256": template.sha256,
        }

    @router.get("/{name}/graph.svg", response_class=Response)
    def get_template_graph(name: str) -> Response:
        """The template's steps as a picture."""
        return Response(graph.svg(_template(engine, name)), media_type="image/svg+xml")

    return router


def _agents(agents: AgentRegistry) -> APIRouter:
    router = APIRouter(prefix="/agents", tags=["agents"])

    @router.get("")
    def list_agents(asked: Annotated[Whole, Query()]) -> Items:
        """The firm's agents, by their cards."""
        return page([card.model_dump(mode="json") for card in agents.find()], asked, key="id")

    @router.get("/{agent_id}")
    def get_agent(agent_id: str) -> dict[str, Any]:
        """One agent's card."""
        return agents.get(agent_id).model_dump(mode="json")

    return router


def _executions(engine: WorkflowEngine) -> APIRouter:
    router = APIRouter(prefix="/executions", tags=["executions"])

    @router.get("")
    async def list_executions(asked: Annotated[Listing, Query()]) -> ExecutionPage:
        """Executions, newest first."""
        page = await execution_page(
            await engine.database(),
            limit=asked.limit,
            after=Cursor.read(asked.cursor) if asked.cursor is not None else None,
            status=asked.status,
            template=asked.template,
        )
        return ExecutionPage(
            items=[_row(row) for row in page.executions],
            next=page.next.text() if page.next is not None else None,
        )

    @router.post("", status_code=201)
    async def create_execution(
        asked: NewExecution,
        response: Response,
        visitor: Launcher,
        idempotency_key: Annotated[str | None, Header(min_length=1, max_length=200)] = None,
    ) -> ExecutionReport:
        """Start a workflow; with the same `Idempotency-Key` it is one workflow, however often it is asked for (then 200)."""
        allowed_start(visitor, asked.template)
        workflow = await engine.create_workflow(
            template_name=asked.template,
            context=_context(asked, idempotency_key),
            created_by=visitor.speaks_as(asked.created_by),
        )
        if workflow.is_new and asked.launch:
            await engine.start_workflow(workflow.id)
        response.headers["location"] = f"{PREFIX}/executions/{workflow.id}"
        response.status_code = 201 if workflow.is_new else 200
        return await standing(engine, workflow.id)

    @router.get("/{execution_id}")
    async def get_execution(execution_id: str) -> ExecutionReport:
        """One execution: its steps, what it waits for, what it took and cost."""
        return await standing(engine, execution_id)

    @router.get("/{execution_id}/events", response_class=StreamingResponse)
    async def get_execution_events(
        execution_id: str, last_event_id: Annotated[str | None, Header()] = None
    ) -> Response:
        """How the execution stands, then every change as a server-sent event, until it has ended."""
        await engine.get_workflow(execution_id)
        if last_event_id == END_ID:
            return Response(status_code=204)
        return StreamingResponse(
            stream(engine.watch(execution_id)),
            media_type="text/event-stream",
            headers={"cache-control": "no-store", "x-accel-buffering": "no"},
        )

    return router


def _acts(engine: WorkflowEngine) -> APIRouter:
    router = APIRouter(prefix="/executions/{execution_id}", tags=["executions"])

    @router.post("/cancel")
    async def cancel_execution(
        execution_id: str, asked: NewCancel, visitor: Operator
    ) -> ExecutionReport:
        """Stop an execution, whichever process works on it; answers once it rests."""
        with as_conflict():
            await engine.cancel_workflow(
                execution_id, by=visitor.speaks_as(asked.by), reason=asked.reason
            )
        return await standing(engine, execution_id)

    @router.post("/sign-offs", status_code=201)
    async def sign_off(execution_id: str, asked: NewSignOff, visitor: Signer) -> ExecutionReport:
        """Decide on a step that waits; the product then continues the execution within seconds."""
        allowed_role(visitor, asked.role)
        with as_conflict():
            await check_second_factor(engine, visitor, execution_id, asked.step)
            await engine.sign_off(
                execution_id,
                asked.step,
                by=visitor.speaks_as(asked.by),
                decision=asked.decision,
                comment=asked.comment,
                role=asked.role,
            )
        return await standing(engine, execution_id)

    @router.post("/resume", status_code=202)
    async def resume_execution(execution_id: str, _visitor: Operator) -> ExecutionReport:
        """Continue an execution: stored only, signed, failed or cancelled."""
        with as_conflict():
            await engine.allow_resuming(execution_id)
            await engine.start_workflow(execution_id)
        return await standing(engine, execution_id)

    return router


def _template(engine: WorkflowEngine, name: str) -> Template:
    template = engine.library().templates.get(name)
    if template is None:
        raise HTTPException(404, f"no template is called '{name}'")
    return template


def _summary(template: Template) -> TemplateSummary:
    return TemplateSummary(
        name=template.name,
        title=template.title,
        version=template.version,
        sha256=template.sha256,
        description=template.description.strip(),
        steps=len(template.steps),
    )


def _context(asked: NewExecution, idempotency_key: str | None) -> dict[str, Any]:
    about = {
        "engagement_id": asked.engagement_id,
        "client_id": asked.client_id,
        "idempotency_key": idempotency_key,
    }
    return {**asked.inputs, **{name: value for name, value in about.items() if value is not None}}


def _row(row: Mapping[str, Any]) -> ExecutionSummary:
    return ExecutionSummary(
        execution_id=str(row["workflow_execution_id"]),
        template=row["template_name"],
        **{name: row[name] for name in ExecutionSummary.model_fields if name in row},
    )


_KINDS: Sequence[tuple[type[PrismaError], int, str]] = (
    (NoSuchExecutionError, 404, "Not found"),
    (UnknownAgentError, 404, "Not found"),
    (UnknownAlertError, 404, "Not found"),
    (NotNowError, 409, "Conflict"),
    (CancelledError, 409, "Conflict"),
    (AlreadyRunningError, 409, "Conflict"),
    (DifferentRequestError, 422, "Key used before"),
    (InputError, 422, "Invalid request"),
    (RetryableError, 503, "Unavailable"),
    (RunsUnavailableError, 503, "Unavailable"),
    (PrismaError, 500, "Failed"),
)
"""The first that fits counts."""


async def _refused(_request: Request, error: Exception) -> Response:
    status, title = next((s, t) for kind, s, t in _KINDS if isinstance(error, kind))
    headers = {"retry-after": RETRY_SECONDS} if status == 503 else {}
    return problem(status, title, str(error), headers=headers)


async def _invalid(_request: Request, error: Exception) -> Response:
    mistakes = error.errors() if isinstance(error, RequestValidationError) else []
    errors = [
        {
            "pointer": "/" + "/".join(map(str, m["loc"][1:])),
            "in": str(m["loc"][0]),
            "detail": m["msg"],
        }
        for m in mistakes
    ]
    first = errors[0]["detail"] if errors else "see errors"
    return problem(422, "Invalid request", f"the request is wrong: {first}", errors=errors)


async def _plain(_request: Request, error: Exception) -> Response:
    status, detail, headers = 500, "", None
    if isinstance(error, HTTPException):
        status, detail, headers = error.status_code, str(error.detail), error.headers
    return problem(status, HTTPStatus(status).phrase, detail, headers=headers)


async def _unexpected(_request: Request, _error: Exception) -> Response:
    return problem(
        500, "Failed", "an error of the product itself; the web server's log has its trace"
    )
