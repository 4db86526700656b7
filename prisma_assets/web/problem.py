"""Errors as programs read them: problem details (RFC 9457) for everything the HTTP API refuses."""

from collections.abc import Mapping, Sequence
from typing import Any

from starlette.responses import JSONResponse

MEDIA_TYPE = "application/problem+json"


def problem(
    status: int,
    title: str,
    detail: str,
    *,
    errors: Sequence[Mapping[str, Any]] = (),
    headers: Mapping[str, str] | None = None,
) -> JSONResponse:
    """One refusal.

    Args:
        status: HTTP status.
        title: The kind of problem; the same for every one of its kind.
        detail: What is wrong here and what to do, for people.
        errors: Mistakes in the request, each with `pointer` (RFC 6901) and `detail`.
        headers: Further headers.
    """
    body: dict[str, Any] = {
        "type": f"urn:prisma-assets:problem:{title.lower().replace(' ', '-')}",
        "title": title,
        "status": status,
        "detail": detail,
    }
    if errors:
        body["errors"] = list(errors)
    return JSONResponse(
        body, status_code=status, media_type=MEDIA_TYPE, headers=dict(headers or {})
    )
