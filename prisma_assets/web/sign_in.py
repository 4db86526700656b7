"""Stands in front of everything, the Dagster UI included: who is there, from where, and how pages may be used."""

import time
from collections.abc import Awaitable, Callable, MutableMapping
from dataclasses import dataclass
from typing import Final
from urllib.parse import quote, urlsplit

from starlette.datastructures import MutableHeaders
from starlette.requests import HTTPConnection
from starlette.responses import RedirectResponse, Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from prisma_assets.domain.guardrails.role import Permission, Role
from prisma_assets.domain.guardrails.visitor import Visitor
from prisma_assets.platform.account import Accounts
from prisma_assets.web.dagster_guard import DagsterGuard
from prisma_assets.web.guard import MOST_BYTES, limited, refusal
from prisma_assets.web.problem import problem
from prisma_assets.web.session import SCOPE_KEY

SIGN_IN = "/sign-in"
OIDC, OIDC_BACK, OIDC_LEAVE = f"{SIGN_IN}/oidc", f"{SIGN_IN}/oidc/callback", f"{SIGN_IN}/oidc/leave"
SECOND_FACTOR = "/second-factor"
KNOWN_SECONDS = 5.0
"""A session is read once in this time, not for each of a page's files; switching a user off takes as long to be felt."""
MOST_KNOWN = 10_000
_OPEN = frozenset(
    {
        "/healthz", "/readyz", SIGN_IN, OIDC, OIDC_BACK, OIDC_LEAVE,
        "/favicon.svg", "/favicon.ico", "/robots.txt",
    }
)  # fmt: skip
_OPEN_BELOW = ("/static/",)
_OWN_CHECKS = ("/api/", "/v1/", "/metrics", "/sign-out")
"""Each asks for the permission and the length that go with what is sent."""
_OURS = ("/dashboard", "/start", SECOND_FACTOR, *_OWN_CHECKS, *_OPEN_BELOW)
_LOCAL = frozenset({"/v1/traces", "/metrics"})
"""On a laptop programs report and watch by setting an address alone; what they can do is append facts and read counts."""
_PROGRAMS = ("/api/", "/v1/", "/metrics", "/graphql", "/report_")
"""What programs ask: they are told with a status, not sent to a form."""

HEADERS: Final = {
    "x-content-type-options": "nosniff",
    "referrer-policy": "same-origin",
    "x-frame-options": "DENY",
    "cross-origin-opener-policy": "same-origin",
    "permissions-policy": "camera=(), geolocation=(), microphone=()",
}
POLICY: Final = (
    "default-src 'self'; script-src 'self'; style-src 'self' 'unsafe-inline'; img-src 'self' data: blob:; "
    "connect-src 'self'; object-src 'none'; base-uri 'self'; form-action 'self'; frame-ancestors 'none'"
)
"""Of our own pages; charts set styles on elements. The Dagster UI brings a policy of its own in its page."""

_LOCAL_PROGRAM: Final = Visitor("local program", (Role.SERVICE_ACCOUNT,), "token")
Known = MutableMapping[str, tuple[float, Visitor | None]]


@dataclass(frozen=True, kw_only=True)
class Door:
    """Where the address answers, and to whom."""

    port: int
    public_url: str | None = None
    """How people reach it from other machines; None: only this machine's own names count."""

    @property
    def is_secure(self) -> bool:
        """Whether browsers come over TLS."""
        return self.public_url is not None and urlsplit(self.public_url).scheme == "https"

    @property
    def cookie(self) -> str:
        """Name of the session's cookie: browsers keep those of one host together, whatever the port."""
        return "__Host-prisma_session" if self.is_secure else f"prisma_session_{self.port}"

    @property
    def allows_development(self) -> bool:
        """Whether the key of the data folder opens it: only where nobody else can reach it."""
        return self.public_url is None

    @property
    def host(self) -> str | None:
        """Name and port it answers to besides this machine's own."""
        return urlsplit(self.public_url).netloc if self.public_url else None


class SignIn:
    """Lets requests through with their visitor in the scope, or answers them itself."""

    def __init__(self, app: ASGIApp, accounts: Accounts, door: Door, *, key: str | None) -> None:
        """Stand before `app`.

        Args:
            app: Everything else.
            accounts: Who may come in.
            door: Where it answers.
            key: The development key, good as a token where the door allows development.
        """
        self._app = app
        self._guarded = DagsterGuard(app)
        self._accounts = accounts
        self._door = door
        self._key = key if door.allows_development else None
        self._known: Known = {}

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer or pass on one request."""
        if scope["type"] not in ("http", "websocket"):
            await self._app(scope, receive, send)
            return
        connection = HTTPConnection(scope)
        path = scope["path"]
        out = _with_headers(send, path, is_secure=self._door.is_secure)
        unwelcome = refusal(scope.get("method", "POST"), connection.headers, host=self._door.host)
        if unwelcome is not None:
            await _answer(scope, receive, out, problem(403, "Refused", unwelcome))
            return
        found = await self._visitor(connection)
        if found is None and path in _LOCAL and self._door.allows_development:
            found = _LOCAL_PROGRAM
        inside: Scope = {**scope, SCOPE_KEY: found}
        if path in _OPEN or path.startswith(_OPEN_BELOW):
            await self._app(inside, limited(receive, MOST_BYTES), out)
        elif found is None:
            await _answer(scope, receive, out, _sign_in_first(scope, path))
        elif path.startswith(_OWN_CHECKS):
            await self._app(inside, receive, out)
        elif not found.may(Permission.VIEW):
            await _answer(scope, receive, out, problem(403, "Refused", _no_view(found)))
        elif path.startswith(_OURS):
            await self._app(inside, limited(receive, MOST_BYTES), out)
        else:
            await self._guarded(inside, receive, out)

    async def _visitor(self, connection: HTTPConnection) -> Visitor | None:
        scheme, _, secret = connection.headers.get("authorization", "").partition(" ")
        if scheme.lower() == "bearer" and secret:
            return await self._remembered("t" + secret.strip(), self._bearer)
        cookie = connection.cookies.get(self._door.cookie)
        return await self._remembered("s" + cookie, self._accounts.session) if cookie else None

    async def _bearer(self, secret: str) -> Visitor | None:
        import hmac

        from prisma_assets.platform.account import development_visitor

        if self._key is not None and hmac.compare_digest(secret.encode(), self._key.encode()):
            return development_visitor()
        return await self._accounts.token(secret)

    async def _remembered(
        self, what: str, ask: Callable[[str], Awaitable[Visitor | None]]
    ) -> Visitor | None:
        now = time.monotonic()
        until, found = self._known.get(what, (0.0, None))
        if now < until:
            return found
        found = await ask(what[1:])
        if found is None:
            self._known.pop(what, None)
            return None
        if len(self._known) >= MOST_KNOWN:
            self._known.clear()
        self._known[what] = (now + KNOWN_SECONDS, found)
        return found

    def forget(self, cookie: str) -> None:
        """A browser has signed out."""
        self._known.pop("s" + cookie, None)


def _sign_in_first(scope: Scope, path: str) -> Response:
    if scope["type"] == "websocket" or path.startswith(_PROGRAMS):
        return problem(
            401, "Sign in first",
            "send a token: `Authorization: Bearer …`; `prisma-assets token create` makes one",
            headers={"www-authenticate": "Bearer"},
        )  # fmt: skip
    if scope["method"] not in ("GET", "HEAD"):
        return problem(401, "Sign in first", f"sign in at {SIGN_IN}, then try again")
    query = scope["query_string"].decode("latin-1")
    wanted = path + (f"?{query}" if query else "")
    return RedirectResponse(f"{SIGN_IN}?next={quote(wanted)}", status_code=303)


def _no_view(found: Visitor) -> str:
    return f"{found.name} ({', '.join(found.roles)}) may not look at the firm's work"


async def _answer(scope: Scope, receive: Receive, send: Send, response: Response) -> None:
    if scope["type"] == "websocket":
        # Closed before it is accepted, a websocket is refused with 403.
        await send({"type": "websocket.close", "code": 1008})
        return
    await response(scope, receive, send)


def _with_headers(send: Send, path: str, *, is_secure: bool) -> Send:
    is_ours = path.startswith(_OURS) or path in _OPEN

    async def sending(message: Message) -> None:
        if message["type"] == "http.response.start":
            headers = MutableHeaders(scope=message)
            for name, value in HEADERS.items():
                headers.setdefault(name, value)
            if is_ours:
                headers.setdefault("content-security-policy", POLICY)
            if is_secure:
                headers.setdefault("strict-transport-security", "max-age=31536000")
        await send(message)

    return sending
