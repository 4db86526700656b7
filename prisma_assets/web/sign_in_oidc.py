"""`/sign-in/oidc`: to the firm's identity provider and back. Who somebody is, the provider says; what they may do follows from their groups."""

from collections.abc import Callable
from dataclasses import dataclass

from starlette.requests import Request
from starlette.responses import RedirectResponse, Response
from starlette.routing import BaseRoute, Route

from prisma_assets.domain.errors import InputError
from prisma_assets.platform.account import Accounts
from prisma_assets.web.oidc import Attempt, Provider, ProviderUnreachableError, TokenRefusedError
from prisma_assets.web.sign_in import OIDC, OIDC_BACK, OIDC_LEAVE, SIGN_IN, Door

ATTEMPT_SECONDS = 600
"""Somebody looks for a second factor, or resets a password, and still comes back in time."""


@dataclass(frozen=True, kw_only=True)
class OidcPages:
    """The way in by a provider, and out of it."""

    provider: Provider
    accounts: Accounts
    door: Door
    let_in: Callable[[str, str], Response]
    """A session's token and where to go on."""
    refuse: Callable[[Request, str], Response]
    """The sign-in page with the reason."""

    def routes(self) -> list[BaseRoute]:
        """There, back and out."""
        return [
            Route(OIDC, self.begin),
            Route(OIDC_BACK, self.come_back),
            Route(OIDC_LEAVE, self.leave),
        ]

    async def begin(self, request: Request) -> Response:
        """Send the browser to the provider."""
        attempt = Attempt(wanted=request.query_params.get("next", ""))
        back, again = self._here(request, OIDC_BACK), "again" in request.query_params
        try:
            url = await self.provider.sign_in_url(attempt, back, again=again)
        except ProviderUnreachableError as error:
            return self.refuse(request, _later(error))
        answer = RedirectResponse(url, status_code=303)
        answer.set_cookie(
            self._cookie,
            attempt.packed(),
            max_age=ATTEMPT_SECONDS,
            httponly=True,
            samesite="lax",
            secure=self.door.is_secure,
        )
        return answer

    async def come_back(self, request: Request) -> Response:
        """Let in whom the provider has signed in; one way there is good for one way back."""
        answer = await self._answer(request)
        answer.delete_cookie(
            self._cookie, httponly=True, samesite="lax", secure=self.door.is_secure
        )
        return answer

    async def leave(self, request: Request) -> Response:
        """Sign out of the provider as well."""
        here = self._here(request, SIGN_IN)
        try:
            return RedirectResponse(await self.provider.sign_out_url(here) or here, status_code=303)
        except ProviderUnreachableError as error:
            return self.refuse(request, _later(error))

    async def _answer(self, request: Request) -> Response:
        said = request.query_params
        attempt = Attempt.unpacked(request.cookies.get(self._cookie, ""))
        if attempt is None or not attempt.is_answered_by(said.get("state", "")):
            return self.refuse(request, "This answer belongs to no sign-in begun in this browser in the last ten minutes; begin again.")  # fmt: skip
        if "code" not in said:
            reason = said.get("error_description") or said.get("error") or "no reason given"
            return self.refuse(request, f"{self.provider.settings.host} did not sign you in: {reason}.")  # fmt: skip
        try:
            back = self._here(request, OIDC_BACK)
            person = await self.provider.identity(said["code"], attempt, back)
            return self.let_in(await self.accounts.sign_in_outside(person), attempt.wanted)
        except ProviderUnreachableError as error:
            return self.refuse(request, _later(error))
        except TokenRefusedError as error:
            return self.refuse(request, f"Nobody was signed in: {error}.")
        except InputError as error:
            return self.refuse(request, str(error))

    @property
    def _cookie(self) -> str:
        return f"{self.door.cookie}_oidc"

    def _here(self, request: Request, path: str) -> str:
        # Without a public address the door has let in this machine's own names alone.
        return (self.door.public_url or str(request.base_url).rstrip("/")) + path


def _later(error: ProviderUnreachableError) -> str:
    return f"The sign-in of your firm does not work now: {error}. Try again in a minute, or use a password of this product."
