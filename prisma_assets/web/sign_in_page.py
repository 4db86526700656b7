"""`/sign-in` and `/sign-out`."""

from dataclasses import dataclass
from pathlib import Path
from urllib.parse import parse_qs

from starlette.requests import Request
from starlette.responses import RedirectResponse, Response
from starlette.routing import BaseRoute, Route

from prisma_assets.platform.account import SESSION_FOR, Accounts, SignInRefusedError
from prisma_assets.web.oidc import Provider
from prisma_assets.web.page import Pages
from prisma_assets.web.sign_in import OIDC, OIDC_BACK, OIDC_LEAVE, SIGN_IN, Door
from prisma_assets.web.sign_in_oidc import OidcPages

FIRST_PAGE = "/dashboard"


@dataclass(frozen=True)
class SignInPages:
    """The ways in and out."""

    pages: Pages
    accounts: Accounts
    door: Door
    home: Path
    provider: Provider | None = None
    """None: people have passwords of ours alone."""

    def routes(self) -> list[BaseRoute]:
        """`/sign-in`, `/sign-out`, and the way by a provider where there is one."""
        return [
            Route(SIGN_IN, self.ask),
            Route(SIGN_IN, self.take, methods=["POST"]),
            Route("/sign-out", self.leave, methods=["POST"]),
            *self._provider_routes(),
        ]

    def _provider_routes(self) -> list[BaseRoute]:
        if self.provider is None:
            # The door lets these paths through; without a page of ours Dagster's would answer.
            return [Route(path, self.ask) for path in (OIDC, OIDC_BACK, OIDC_LEAVE)]
        pages = OidcPages(
            provider=self.provider,
            accounts=self.accounts,
            door=self.door,
            let_in=self._let_in,
            refuse=lambda request, reason: self._form(request, problem=reason),
        )
        return pages.routes()

    async def ask(self, request: Request) -> Response:
        """The form; or, by the link of a laptop, a session."""
        key = request.query_params.get("key")
        if key is None:
            return self._form(request)
        token = None
        if self.door.allows_development:
            token = await self.accounts.open_development(key, self.home)
        if token is None:
            return self._form(
                request,
                problem="This link is not good here; use the one printed by the last start.",
            )
        return self._let_in(token, request.query_params.get("next", ""))

    async def take(self, request: Request) -> Response:
        """A name and a password."""
        fields = parse_qs((await request.body()).decode("utf-8", errors="replace"))
        name, password, wanted = (fields.get(f, [""])[0] for f in ("name", "password", "next"))
        try:
            token = await self.accounts.sign_in(name.strip().lower(), password)
        except SignInRefusedError as error:
            return self._form(request, name=name, wanted=wanted, problem=str(error))
        return self._let_in(token, wanted)

    async def leave(self, request: Request) -> Response:
        """End the session of this browser."""
        if token := request.cookies.get(self.door.cookie):
            await self.accounts.end_session(token)
            request.app.state.sign_in.forget(token)
        answer = RedirectResponse(f"{SIGN_IN}?left=1", status_code=303)
        answer.delete_cookie(
            self.door.cookie, httponly=True, samesite="lax", secure=self.door.is_secure
        )
        return answer

    def _form(
        self, request: Request, *, name: str = "", wanted: str = "", problem: str | None = None
    ) -> Response:
        return self.pages.render_plain(
            "sign_in.html",
            status=401 if problem else 200,
            name=name,
            wanted=local_path(wanted or request.query_params.get("next", "")),
            problem=problem,
            allows_development=self.door.allows_development,
            provider=self.provider.settings.host if self.provider else None,
            has_left="left" in request.query_params,
        )

    def _let_in(self, token: str, wanted: str) -> Response:
        answer = RedirectResponse(local_path(wanted), status_code=303)
        answer.set_cookie(
            self.door.cookie,
            token,
            max_age=int(SESSION_FOR.total_seconds()),
            httponly=True,
            samesite="lax",
            secure=self.door.is_secure,
        )
        return answer


def local_path(wanted: str) -> str:
    """Where to go on: a path of this address, never another site's."""
    is_ours = wanted.startswith("/") and not wanted.startswith(("//", "/\\")) and "\n" not in wanted
    return wanted if is_ours and not wanted.startswith(SIGN_IN) else FIRST_PAGE
