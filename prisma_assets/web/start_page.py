"""`/start`: choosing a workflow, and a form made from what its template asks for."""

from collections.abc import Mapping
from secrets import token_urlsafe
from typing import TYPE_CHECKING, Any

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response
from starlette.routing import BaseRoute, Route

from prisma_assets.domain.errors import InputError
from prisma_assets.domain.guardrails.role import Permission, may_start, start_role
from prisma_assets.platform.workflow import WorkflowEngine
from prisma_assets.settings import Settings
from prisma_assets.web.form import form_fields
from prisma_assets.web.page import Pages
from prisma_assets.web.session import allowed_start, require, visitor

if TYPE_CHECKING:
    from prisma_assets.domain.workflow.template import Input, Template

PATH = "/start"
_TRUE = frozenset({"yes", "true", "on", "1"})


def start_routes(pages: Pages, engine: WorkflowEngine) -> list[BaseRoute]:
    """The choice and the form of each workflow."""

    async def choose(request: Request) -> Response:
        library = engine.library()
        database = await engine.database()
        past = {row["template_name"]: row for row in await database.fetch("template_history")}
        cards = [
            {
                "template": template,
                "past": past.get(template.name),
                "signs": _signers(template),
                "role": start_role(template.name),
                "is_allowed": _is_allowed(request, template.name),
            }
            for template in library.templates.values()
        ]
        return pages.render(request, "start.html", cards=cards, problems=library.problems)

    async def ask(request: Request) -> Response:
        return _form(pages, request, _template(engine, request), {}, None)

    async def take(request: Request) -> Response:
        found = require(request, Permission.LAUNCH)
        template = _template(engine, request)
        allowed_start(found, template.name)
        given = await form_fields(request)
        try:
            workflow = await engine.create_workflow(
                template_name=template.name, context=_context(template, given), created_by=found.name
            )  # fmt: skip
            if workflow.is_new:
                await engine.start_workflow(workflow.id)
        except InputError as error:
            return _form(pages, request, template, given, str(error))
        return RedirectResponse(f"/dashboard/workflows/{workflow.id}", status_code=303)

    return [
        Route(PATH, choose),
        Route(PATH + "/{template}", ask),
        Route(PATH + "/{template}", take, methods=["POST"]),
    ]


def _template(engine: WorkflowEngine, request: Request) -> "Template":
    name = request.path_params["template"]
    template = engine.library().templates.get(name)
    if template is None:
        raise HTTPException(404, f"No workflow is called {name}.")
    return template


def _form(
    pages: Pages, request: Request, template: "Template", given: Mapping[str, str], problem: str | None
) -> Response:  # fmt: skip
    sample = Settings.from_environ().sample_folder
    return pages.render(
        request,
        "start_form.html",
        status=422 if problem else 200,
        template=template,
        given=given,
        problem=problem,
        is_allowed=_is_allowed(request, template.name),
        role=start_role(template.name),
        signs=_signers(template),
        key=token_urlsafe(12),
        sample=str(sample) if sample.is_dir() else None,
    )


def _is_allowed(request: Request, template: str) -> bool:
    found = visitor(request)
    return found.may(Permission.LAUNCH) and may_start(found.roles, template)


def _signers(template: "Template") -> list[str]:
    roles = {r.role for s in template.steps if s.sign_off is not None for r in s.sign_off.roles}
    return sorted(roles)


def _context(template: "Template", given: Mapping[str, str]) -> dict[str, Any]:
    """What was typed, as the types the template asks for; an empty field is not given.

    Raises:
        InputError: Something typed is not of its type; the sentence names the field.
    """
    inputs = {
        name: _value(name, asked, given.get(name, ""))
        for name, asked in template.inputs.items()
        if given.get(name) or asked.type == "boolean"
    }
    about = {n: given[n] for n in ("client_id", "engagement_id") if given.get(n)}
    # A form sent twice, by an impatient hand or a lost answer, starts one workflow.
    key = {"idempotency_key": given["key"]} if given.get("key") else {}
    return {**inputs, **about, **key}


def _value(name: str, asked: "Input", text: str) -> Any:
    if asked.type == "boolean":
        return text.lower() in _TRUE
    try:
        if asked.type == "integer":
            return int(text)
        if asked.type == "number":
            return float(text)
    except ValueError:
        kind = "a whole number" if asked.type == "integer" else "a number"
        raise InputError(f"{name.replace('_', ' ')} is {kind}, not '{text}'") from None
    return text
