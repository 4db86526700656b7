"""One rendering of a page for everybody who may see the same of it: fifty readers of a page cost the work of one.

A rendering is kept only while somebody watches for changes, and dropped as soon as one is told: nobody is shown what an
open page would already have replaced. One that is merely old is shown while the next is on its way. The visitor's name is put in for each reader; a page that asks for more than a
visitor's rights is rendered for each of them.
"""

import asyncio
import re
import time
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field, replace
from typing import NoReturn, cast

from markupsafe import escape
from starlette.requests import Request
from starlette.responses import HTMLResponse, Response
from starlette.routing import BaseRoute, Route

from prisma_assets.domain.guardrails.visitor import Visitor
from prisma_assets.web.live import Changes
from prisma_assets.web.session import SCOPE_KEY, visitor

Endpoint = Callable[[Request], Awaitable[Response]]

FRESH_SECONDS = 5.0
"""How long a rendering nobody replaced is shown: what it says of ages ("2 min ago") is told of by no change."""
LATE_SECONDS = 15.0
"""How long one that is no longer fresh is still shown while the next is on its way: a reader need not wait for an age."""
MOST_KEPT = 500
"""Pages of about 50 kB; beyond that, they are forgotten and rendered again."""

_NAME = "\ue000name of the visitor\ue000"
"""Stands for the name until somebody reads; of a private area of Unicode, so that no text of a page holds it."""
_TOPICS = re.compile(rb'data-live="([a-z,]*)"')
_HEADERS = {"Cache-Control": "no-store"}


class _PersonalError(TypeError):
    """A page depends on who reads it."""


class _Anybody:
    """The name of whoever reads: it can be written, and nothing else can be done with it."""

    def __str__(self) -> str:
        return _NAME

    def __eq__(self, _other: object) -> NoReturn:
        raise _PersonalError

    def __hash__(self) -> NoReturn:
        raise _PersonalError


_ANYBODY = cast("str", _Anybody())


@dataclass(eq=False)
class _Rendering:
    """A page on its way, or there."""

    body: asyncio.Task[bytes | None]
    """None: it cannot be shared."""
    begun_at: float = field(default_factory=time.monotonic)
    before: "_Rendering | None" = None
    """The one it replaces, shown until it is there; nothing in it has changed but ages."""

    @property
    def topics(self) -> frozenset[str] | None:
        """What it shows; None while nobody knows."""
        if not self.body.done() or self.body.cancelled() or self.body.exception() is not None:
            return None
        found = _TOPICS.findall(self.body.result() or b"")
        return frozenset(topic for names in found for topic in names.decode().split(","))


class SharedPages:
    """Keeps renderings, and drops them when what they show has changed."""

    def __init__(self, changes: Changes) -> None:
        """Hear of changes from `changes`."""
        self._changes = changes
        self._kept: dict[tuple[object, ...], _Rendering] = {}
        self._personal: set[Endpoint] = set()
        """What gave something else than a page anybody may see."""
        changes.hear(self.forget)

    def share(self, routes: Sequence[BaseRoute]) -> list[BaseRoute]:
        """The same routes: pages are shared, and after every other request nothing is kept that it may have changed."""
        return [self._shared(route) if isinstance(route, Route) else route for route in routes]

    def forget(self, topic: str | None = None) -> None:
        """Drop what shows this topic, or everything."""
        for key, kept in list(self._kept.items()):
            topics = kept.topics
            if topic is None or topics is None or topic in topics:
                del self._kept[key]

    def _shared(self, route: Route) -> Route:
        methods = list(route.methods or ())
        endpoint = cast("Endpoint", route.endpoint)
        chosen = self._reading(endpoint) if "GET" in methods else self._writing(endpoint)
        return Route(route.path, chosen, methods=methods, name=route.name)

    def _writing(self, endpoint: Endpoint) -> Endpoint:
        async def write(request: Request) -> Response:
            try:
                return await endpoint(request)
            finally:
                self.forget()

        return write

    def _reading(self, endpoint: Endpoint) -> Endpoint:
        async def read(request: Request) -> Response:
            reader = visitor(request)
            if endpoint in self._personal:
                return await endpoint(request)
            kept = self._rendering(
                endpoint, request, replace(reader, name=_ANYBODY, second_factor_at=None)
            )
            shown = kept if kept.body.done() or kept.before is None else kept.before
            # Shielded: whoever goes away takes nobody along.
            body = await asyncio.shield(shown.body)
            if body is None:
                return await endpoint(request)
            named = body.replace(_NAME.encode(), str(escape(reader.name)).encode())
            return HTMLResponse(named, headers=_HEADERS)

        return read

    def _rendering(self, endpoint: Endpoint, request: Request, anybody: Visitor) -> _Rendering:
        rights = (anybody.roles, anybody.via, anybody.scopes)
        key = (request.url.path, request.url.query, *rights)
        kept = self._kept.get(key)
        if kept is not None and self._is_fresh(kept):
            return kept
        if len(self._kept) >= MOST_KEPT:
            self._kept.clear()
        asked = Request({**request.scope, SCOPE_KEY: anybody}, request.receive)
        self._kept[key] = new = _Rendering(asyncio.create_task(self._body(endpoint, asked)))
        if kept is not None and self._is_late(kept):
            kept.before, new.before = None, kept
        return new

    def _is_fresh(self, kept: _Rendering) -> bool:
        return not kept.body.done() or self._is_younger(kept, FRESH_SECONDS)

    def _is_late(self, kept: _Rendering) -> bool:
        return kept.topics is not None and self._is_younger(kept, LATE_SECONDS)

    def _is_younger(self, kept: _Rendering, seconds: float) -> bool:
        return self._changes.is_looking and time.monotonic() - kept.begun_at < seconds

    async def _body(self, endpoint: Endpoint, request: Request) -> bytes | None:
        """The page as anybody of these rights sees it; None when it is no page, or one for somebody."""
        try:
            answer = await endpoint(request)
        except _PersonalError:
            self._personal.add(endpoint)
            return None
        except Exception:  # noqa: BLE001 - whoever asked meets it again, under their own name
            return None
        if not isinstance(answer, HTMLResponse):
            self._personal.add(endpoint)
            return None
        return bytes(answer.body) if answer.status_code == 200 else None
