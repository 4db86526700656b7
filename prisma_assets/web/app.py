"""The one web application: health, our own pages, and behind them all the Dagster UI. What a page shows does not belong here."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from typing import Any

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import BaseRoute, Mount, Route
from starlette.types import ASGIApp

CHECK_SECONDS = 5.0
"""A part that needs longer to say that it is well is not well: the UI gives a query 15 s."""

HealthCheck = Callable[[], Awaitable[None]]
"""Returns when the part answers; raises, with a sentence, when it does not."""


def create_app(
    *,
    dagster: ASGIApp,
    checks: Mapping[str, HealthCheck],
    ready: Mapping[str, HealthCheck] | None = None,
    pages: Sequence[BaseRoute] = (),
    problems: Mapping[Any, Callable[[Request, Exception], Awaitable[Response]]] | None = None,
    at_end: Callable[[], Awaitable[None]] | None = None,
) -> Starlette:
    """Put health and pages in front of the Dagster UI, which answers every other path.

    Args:
        dagster: The UI.
        checks: What health asks, by the name of the part.
        ready: What readiness asks besides: who watches, and whether everything that ought to run does.
        pages: Our own.
        problems: What answers when one of them cannot, by exception.
        at_end: Closes what they opened, when the server stops.
    """

    async def healthz(_request: Request) -> JSONResponse:
        """200 when every part answers, else 503 with the reason per part."""
        return await _answer(checks)

    async def readyz(_request: Request) -> JSONResponse:
        """200 when every part answers and somebody watches, else 503 with the reason per part."""
        return await _answer({**checks, **(ready or {})})

    @asynccontextmanager
    async def lifespan(_app: Starlette) -> AsyncIterator[None]:
        yield
        if at_end is not None:
            await at_end()

    own = [Route("/healthz", healthz), Route("/readyz", readyz)]
    routes = [*own, *pages, Mount("/", dagster)]
    return Starlette(routes=routes, lifespan=lifespan, exception_handlers=problems)


async def _answer(checks: Mapping[str, HealthCheck]) -> JSONResponse:
    results = await asyncio.gather(*(_problem(check) for check in checks.values()))
    parts = dict(zip(checks, results, strict=True))
    healthy = not any(parts.values())
    body = {
        "status": "ok" if healthy else "unavailable",
        "parts": {name: problem or "ok" for name, problem in parts.items()},
    }
    return JSONResponse(body, status_code=200 if healthy else 503)


async def _problem(check: HealthCheck) -> str | None:
    try:
        async with asyncio.timeout(CHECK_SECONDS):
            await check()
    except TimeoutError:
        return f"no answer within {CHECK_SECONDS:.0f} s"
    except Exception as error:  # noqa: BLE001 - the answer of a health check is the error itself
        lines = str(error).strip().splitlines()
        return lines[0] if lines else type(error).__name__
    return None
