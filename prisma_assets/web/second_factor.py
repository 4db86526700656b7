"""`/second-factor`: a code from somebody who is signed in, and what is signed with one alone."""

from dataclasses import dataclass
from datetime import UTC, datetime

from starlette.requests import Request
from starlette.responses import RedirectResponse, Response
from starlette.routing import BaseRoute, Route

from prisma_assets.domain.errors import InputError
from prisma_assets.domain.guardrails.second_factor import is_fresh, needs_second_factor
from prisma_assets.domain.guardrails.visitor import Visitor
from prisma_assets.platform.account import SignInRefusedError
from prisma_assets.platform.second_factor import SecondFactors
from prisma_assets.platform.workflow import WorkflowEngine
from prisma_assets.web.form import form_fields
from prisma_assets.web.page import Pages
from prisma_assets.web.session import visitor
from prisma_assets.web.sign_in import SECOND_FACTOR, Door
from prisma_assets.web.sign_in_page import local_path


@dataclass(frozen=True, kw_only=True)
class SecondFactorPages:
    """Where a code is typed."""

    pages: Pages
    factors: SecondFactors
    door: Door
    provider: str | None = None
    """The firm's identity provider, which may take a second factor in our place."""

    def routes(self) -> list[BaseRoute]:
        """The form and what it sends."""
        return [
            Route(SECOND_FACTOR, self.ask),
            Route(SECOND_FACTOR, self.take, methods=["POST"]),
        ]

    async def ask(self, request: Request) -> Response:
        """The form."""
        return self._form(request, wanted=request.query_params.get("next", ""))

    async def take(self, request: Request) -> Response:
        """A code."""
        given = await form_fields(request)
        wanted, found = given.get("next", ""), visitor(request)
        session = request.cookies.get(self.door.cookie, "")
        if found.via != "session":
            return self._form(request, wanted=wanted)
        try:
            await self.factors.show(found.name, given.get("code", ""), session=session)
        except SignInRefusedError as error:
            return self._form(request, wanted=wanted, problem=str(error))
        request.app.state.sign_in.forget(session)
        return RedirectResponse(local_path(wanted), status_code=303)

    def _form(self, request: Request, *, wanted: str, problem: str | None = None) -> Response:
        found = visitor(request)
        return self.pages.render(
            request,
            "second_factor.html",
            status=401 if problem else 200,
            wanted=local_path(wanted),
            problem=problem,
            is_person=found.via == "session",
            is_fresh=is_fresh(found.second_factor_at, now=datetime.now(UTC)),
            provider=self.provider,
        )


async def check_second_factor(
    engine: WorkflowEngine, signer: Visitor, execution_id: str, step: str
) -> None:
    """Refuse a signature that is given with a second factor alone, unless one was shown just now.

    Whoever owns the data folder is let through: they hold the database too.

    Raises:
        InputError: It was not.
    """
    found = (await engine.template_of(execution_id)).step(step)
    if found is None or found.sign_off is None or not needs_second_factor(found.sign_off.kind):
        return
    if signer.via == "development" or is_fresh(signer.second_factor_at, now=datetime.now(UTC)):
        return
    raise InputError(
        f"step '{found.id}' is signed with a second factor shown in the last ten minutes; open {SECOND_FACTOR}, type the code of your app, and sign again"
    )
