"""`Idempotency-Key`: a request sent again is done once and answered the same (IETF draft-ietf-httpapi-idempotency-key-header)."""

import hashlib
import re
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from starlette.datastructures import Headers
from starlette.exceptions import HTTPException
from starlette.responses import Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from prisma_assets.domain.guardrails.visitor import Visitor
from prisma_assets.store.api_answer import Answer, AnswerStore, KnownRequest
from prisma_assets.store.database import Database
from prisma_assets.web.problem import problem
from prisma_assets.web.session import SCOPE_KEY

HEADER = "idempotency-key"
PATTERN = r"^[\x20-\x7e]{1,200}$"
_KEPT = frozenset({"content-type", "location"})
PARAMETER: dict[str, Any] = {
    "name": "Idempotency-Key",
    "in": "header",
    "required": False,
    "schema": {"type": "string", "pattern": PATTERN},
    "description": "Sent again within a day with the same request, the act is done once and answered the same; with another request it is refused (422).",
}
"""How the OpenAPI document tells of it."""

KEPT_BY_THEMSELVES = frozenset({"/executions"})
"""An execution holds its key itself, for as long as it is there, whichever door it came in by."""


def tell_of_keys(document: Mapping[str, Any]) -> None:
    """Have an OpenAPI document say that requests which do something take a key."""
    for path, operations in document["paths"].items():
        if "post" in operations and path not in KEPT_BY_THEMSELVES:
            operations["post"].setdefault("parameters", []).append(PARAMETER)


class Idempotency:
    """Answers a POST that came before under its key with what was answered then; refusals are not kept, for they changed nothing."""

    def __init__(
        self, app: ASGIApp, *, database: Callable[[], Awaitable[Database]], own: frozenset[str]
    ) -> None:
        """Stand before `app`.

        Args:
            app: The API.
            database: Where answers are kept.
            own: Paths that keep keys themselves.
        """
        self._app = app
        self._database = database
        self._own = own

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer or pass on one request."""
        key = _key(scope, self._own)
        if key is None:
            await self._app(scope, receive, send)
            return
        if re.fullmatch(PATTERN, key) is None:
            sentence = "an Idempotency-Key has 1 to 200 printable ASCII characters"
            await problem(422, "Invalid request", sentence)(scope, receive, send)
            return
        try:
            body = await _body(receive)
        except HTTPException as error:
            refused = problem(error.status_code, "Refused", str(error.detail))
            await refused(scope, receive, send)
            return
        store = AnswerStore(database=await self._database(), caller=_caller(scope), key=key)
        sha256 = _sha256(scope, body)
        known = await store.claim(sha256)
        if known is not None:
            await _again(known, sha256)(scope, receive, send)
            return
        await self._first(scope, body, send, store)

    async def _first(self, scope: Scope, body: bytes, send: Send, store: AnswerStore) -> None:
        heard = _Heard()
        try:
            await self._app(scope, _said(body), heard.hear)
        finally:
            if heard.is_done:
                await store.keep(heard.answer())
            else:
                await store.release()
        for message in heard.messages:
            await send(message)


@dataclass
class _Heard:
    """What the API answers, held back until it is kept."""

    messages: list[Message] = field(default_factory=list)

    async def hear(self, message: Message) -> None:
        self.messages.append(message)

    @property
    def is_done(self) -> bool:
        return bool(self.messages) and 200 <= self.messages[0]["status"] < 300

    def answer(self) -> Answer:
        headers = Headers(raw=self.messages[0]["headers"])
        return Answer(
            status=self.messages[0]["status"],
            headers={name: value for name, value in headers.items() if name in _KEPT},
            body=b"".join(m.get("body", b"") for m in self.messages[1:]),
        )


def _key(scope: Scope, own: frozenset[str]) -> str | None:
    if scope["type"] != "http" or scope["method"] != "POST":
        return None
    path = scope["path"].removeprefix(scope.get("root_path", ""))
    return None if path in own else Headers(scope=scope).get(HEADER)


def _caller(scope: Scope) -> str:
    """Whose key it is; who has not signed in is refused by the API itself."""
    found = scope.get(SCOPE_KEY)
    return f"{found.via}:{found.name}" if isinstance(found, Visitor) else "nobody"


def _sha256(scope: Scope, body: bytes) -> str:
    media_type = Headers(scope=scope).get("content-type", "").encode()
    parts = (scope["path"].encode(), scope.get("query_string", b""), media_type, body)
    return hashlib.sha256(b"\0".join(parts)).hexdigest()


async def _body(receive: Receive) -> bytes:
    parts: list[bytes] = []
    while True:
        message = await receive()
        parts.append(message.get("body", b""))
        if not message.get("more_body", False):
            return b"".join(parts)


def _said(body: bytes) -> Receive:
    """The body once more, then the end of the client."""
    left: list[Message] = [{"type": "http.request", "body": body, "more_body": False}]

    async def receive() -> Message:
        return left.pop() if left else {"type": "http.disconnect"}

    return receive


def _again(known: KnownRequest, sha256: str) -> Response:
    if known.request_sha256 != sha256:
        sentence = "the idempotency key stands for another request; choose another key"
        return problem(422, "Key used before", sentence)
    if known.answer is None:
        sentence = (
            f"the request with this idempotency key was begun at {known.asked_at:%Y-%m-%d %H:%M:%S} UTC and is not answered; "
            "send it again in a moment, and if that does not help, look whether it was done and choose another key"
        )
        return problem(409, "Conflict", sentence, headers={"retry-after": "1"})
    headers = {**known.answer.headers, "idempotency-replayed": "true"}
    return Response(known.answer.body, status_code=known.answer.status, headers=headers)
