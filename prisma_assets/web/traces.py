"""`POST /v1/traces`: where an agent of any framework sends its traces. How they are encoded and what they mean does not belong here."""

from collections.abc import Sequence

import anyio
import anyio.to_thread
from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route
from starlette.types import ASGIApp

from prisma_assets.domain.errors import InputError, PrismaError, RetryableError
from prisma_assets.domain.guardrails.role import Permission
from prisma_assets.learning.span_intake import PreparedSpans, SpanIntake
from prisma_assets.web import otlp
from prisma_assets.web.guard import BodyLimit
from prisma_assets.web.session import visitor

PATH = "/v1/traces"
RETRY_SECONDS = "5"
"""What an exporter is told to wait while the database restarts."""

_MEDIA_TYPES = {
    otlp.PROTOBUF: otlp.PROTOBUF,
    "application/protobuf": otlp.PROTOBUF,
    otlp.JSON: otlp.JSON,
}
_ENCODINGS = ("", "identity", "gzip")
_KINDS: Sequence[tuple[type[PrismaError], int, int]] = (
    (otlp.TooLongError, 413, otlp.EXHAUSTED),
    (InputError, 400, otlp.INVALID),
    (RetryableError, 503, otlp.UNAVAILABLE),
    (PrismaError, 500, otlp.INTERNAL),
)
"""HTTP status and google.rpc code; the first that fits counts."""


def create_traces(intake: SpanIntake) -> ASGIApp:
    """The receiver on this intake; route `PATH` to it."""
    # In turn each is done sooner than at once: threads share one processor, and the last would wait for all.
    turn = anyio.CapacityLimiter(1)

    async def receive(request: Request) -> Response:
        """200 once everything is stored; refused spans are counted in the answer, with the reasons."""
        media_type = _MEDIA_TYPES.get(_plain(request.headers.get("content-type", "")))
        encoding = _plain(request.headers.get("content-encoding", ""))
        if not visitor(request).may(Permission.INGEST):
            said = "this token may not report runs; make one with the scope ingest"
            return _refused(403, media_type or otlp.JSON, otlp.DENIED, said)
        if media_type is None or encoding not in _ENCODINGS:
            said = f"send {otlp.PROTOBUF} or {otlp.JSON}, plain or as gzip"
            return _refused(415, otlp.JSON, otlp.INVALID, said)
        try:
            body = await request.body()
            # Decoding takes milliseconds per hundred spans, in which the pages would stand still.
            prepared = await anyio.to_thread.run_sync(
                _prepare, intake, body, media_type, encoding, limiter=turn
            )
            await intake.store(prepared)
        except HTTPException as error:
            return _refused(error.status_code, media_type, otlp.EXHAUSTED, error.detail)
        except PrismaError as error:
            status, code = next((s, c) for kind, s, c in _KINDS if isinstance(error, kind))
            return _refused(status, media_type, code, str(error))
        return Response(otlp.success(media_type, prepared.refused), media_type=media_type)

    return Starlette(
        routes=[Route(PATH, receive, methods=["POST"])],
        middleware=[Middleware(BodyLimit, most_bytes=otlp.MOST_BYTES)],
    )


def _prepare(intake: SpanIntake, body: bytes, media_type: str, encoding: str) -> PreparedSpans:
    content = otlp.unpacked(body) if encoding == "gzip" else body
    return intake.prepare(otlp.decode(content, media_type))


def _plain(header: str) -> str:
    return header.partition(";")[0].strip().lower()


def _refused(status: int, media_type: str, code: int, said: str) -> Response:
    headers = {"retry-after": RETRY_SECONDS} if status == 503 else {}
    content = otlp.refusal(media_type, code, said)
    return Response(content, status_code=status, media_type=media_type, headers=headers)
