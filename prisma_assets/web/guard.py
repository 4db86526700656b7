"""What stands in front of the HTTP API until there is a sign-in: who may ask from where, and how much."""

import ipaddress
from collections.abc import Mapping
from urllib.parse import urlsplit

from starlette.datastructures import Headers
from starlette.exceptions import HTTPException
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from prisma_assets.web.problem import problem

MOST_BYTES = 262_144
"""Longest body: a request is a few names and numbers; books are named by their folder, not sent."""

SAFE = frozenset({"GET", "HEAD", "OPTIONS"})
"""Methods that change nothing (RFC 9110 §9.2.1)."""


class Guard:
    """Refuses requests under a foreign name, changes asked for by other sites, and bodies that are too long."""

    def __init__(
        self,
        app: ASGIApp,
        *,
        most_bytes: int = MOST_BYTES,
        longer: Mapping[str, int] | None = None,
    ) -> None:
        """Stand before `app`, with a longest body for all paths and others for some."""
        self._app = app
        self._most_bytes = most_bytes
        self._longer = longer or {}

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer or pass on one request."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        headers = Headers(scope=scope)
        refusal = _refusal(scope["method"], headers)
        if refusal is not None:
            await problem(403, "Refused", refusal)(scope, receive, send)
            return
        path = scope["path"].removeprefix(scope.get("root_path", ""))
        most_bytes = self._longer.get(path, self._most_bytes)
        await self._app(scope, _limited(receive, most_bytes), send)


def _limited(receive: Receive, most_bytes: int) -> Receive:
    """Count what is received, whatever the request says of its length."""
    seen = 0

    async def counted() -> Message:
        nonlocal seen
        message = await receive()
        seen += len(message.get("body", b""))
        if seen > most_bytes:
            raise HTTPException(413, f"a body holds at most {most_bytes:,} bytes")
        return message

    return counted


def _refusal(method: str, headers: Headers) -> str | None:
    host = headers.get("host", "")
    if not _is_loopback(host):
        # A foreign name that leads here is another site's way round the browser's rules (DNS rebinding).
        return f"the API answers on this machine's own address only, not as '{host}'"
    if method in SAFE:
        return None
    site = headers.get("sec-fetch-site")
    if site is not None and site not in ("same-origin", "none"):
        return f"a page of another site may not change anything here (Sec-Fetch-Site: {site})"
    origin = headers.get("origin")
    if origin is not None and urlsplit(origin).netloc != host:
        return f"a page of another site may not change anything here (Origin: {origin})"
    return None


def _is_loopback(host: str) -> bool:
    try:
        name = urlsplit(f"//{host}").hostname or ""
    except ValueError:
        return False
    if name == "localhost":
        return True
    try:
        return ipaddress.ip_address(name).is_loopback
    except ValueError:
        return False
