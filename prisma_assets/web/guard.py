"""From where a request may come, and how long its body may be."""

import ipaddress
from collections.abc import Mapping
from urllib.parse import urlsplit

from starlette.datastructures import Headers
from starlette.exceptions import HTTPException
from starlette.types import ASGIApp, Message, Receive, Scope, Send

MOST_BYTES = 262_144
"""Longest body: a request is a few names and numbers; books are named by their folder, not sent."""

SAFE = frozenset({"GET", "HEAD", "OPTIONS"})
"""Methods that change nothing (RFC 9110 §9.2.1)."""


class BodyLimit:
    """Refuses bodies that are too long."""

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
        path = scope["path"].removeprefix(scope.get("root_path", ""))
        most_bytes = self._longer.get(path, self._most_bytes)
        await self._app(scope, limited(receive, most_bytes), send)


def limited(receive: Receive, most_bytes: int) -> Receive:
    """Count what is received, whatever the request says of its length; more is refused with 413."""
    seen = 0

    async def counted() -> Message:
        nonlocal seen
        message = await receive()
        seen += len(message.get("body", b""))
        if seen > most_bytes:
            raise HTTPException(413, f"a body holds at most {most_bytes:,} bytes")
        return message

    return counted


def refusal(method: str, headers: Headers, *, host: str | None) -> str | None:
    """Why a request may not come in from where it comes; None: it may.

    Fetch metadata says which site asked, and where a browser sends none the origin does: the defence against forged requests that
    needs no token in forms (OWASP, Cross-Site Request Forgery Prevention Cheat Sheet, 2025).

    Args:
        method: HTTP method; a websocket counts as one that changes something.
        headers: Of the request.
        host: Name the address has besides this machine's own; None: no other.
    """
    asked = headers.get("host", "")
    if asked != host and not _is_loopback(asked):
        # A foreign name that leads here is another site's way round the browser's rules (DNS rebinding).
        return f"this address answers to its own name only, not as '{asked}'; PRISMA_PUBLIC_URL says how others reach it"
    if method in SAFE:
        return None
    site = headers.get("sec-fetch-site")
    if site is not None and site not in ("same-origin", "none"):
        return f"a page of another site may not change anything here (Sec-Fetch-Site: {site})"
    origin = headers.get("origin")
    if origin is not None and urlsplit(origin).netloc != asked:
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
