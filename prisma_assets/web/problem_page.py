"""What a person sees when a page cannot be shown: one sentence that says why and what to do."""

from collections.abc import Awaitable, Callable, Mapping
from http import HTTPStatus
from typing import Any

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response

from prisma_assets.domain.errors import InputError, PrismaError
from prisma_assets.web.page import Pages
from prisma_assets.web.session import SCOPE_KEY

Answer = Callable[[Request, Exception], Awaitable[Response]]


def problem_pages(pages: Pages) -> Mapping[Any, Answer]:
    """Handlers for the application, by kind of exception."""

    def page(request: Request, status: int, sentence: str) -> Response:
        title = HTTPStatus(status).phrase
        if request.scope.get(SCOPE_KEY) is None:
            # The frame names who is there.
            return PlainTextResponse(f"{title}: {sentence}", status_code=status)
        return pages.render(
            request, "problem.html", status=status, code=status, title=title, sentence=sentence
        )

    async def refused(request: Request, error: Exception) -> Response:
        if not isinstance(error, HTTPException):
            raise error
        response = page(request, error.status_code, error.detail)
        response.headers.update(error.headers or {})
        return response

    async def failed(request: Request, error: Exception) -> Response:
        told = _first(error)
        if told is None:
            raise error
        return page(request, 422 if isinstance(told, InputError) else 503, str(told))

    return {HTTPException: refused, PrismaError: failed, ExceptionGroup: failed}


def _first(error: BaseException) -> PrismaError | None:
    """What is meant for people, out of what failed together."""
    if isinstance(error, PrismaError):
        return error
    if isinstance(error, ExceptionGroup):
        return next((told for one in error.exceptions if (told := _first(one))), None)
    return None
