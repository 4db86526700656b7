"""`/api/v1/feedback`: what people and programs say about the agents' work. What it may say is the intake's."""

from collections.abc import Awaitable, Callable
from typing import Annotated

import anyio.to_thread
from fastapi import APIRouter, Query, Request, Response
from pydantic import BaseModel, Field
from starlette.exceptions import HTTPException

from prisma_assets.agents.registry import AgentRegistry
from prisma_assets.domain.errors import InputError
from prisma_assets.domain.guardrails.role import Permission
from prisma_assets.domain.guardrails.visitor import Visitor
from prisma_assets.domain.learning.feedback import COLUMNS
from prisma_assets.learning.feedback_intake import CheckedRows, FeedbackIntake
from prisma_assets.store.database import Database
from prisma_assets.store.execution_page import Cursor
from prisma_assets.store.feedback import FeedbackStore
from prisma_assets.web.feedback_body import (
    FORM,
    JSON,
    MOST_ROWS,
    TooManyRowsError,
    read_posted,
)
from prisma_assets.web.paging import Items, Paged
from prisma_assets.web.session import allowed, require, visitor

PATH = "/feedback"
Reader = Annotated[Visitor, allowed(Permission.VIEW)]


class RejectedRow(BaseModel):
    """A row that was not stored."""

    row: int
    """Its place in the request, from 1."""
    reason: str


class FeedbackTaken(BaseModel):
    """What became of the rows of one request."""

    accepted: int
    duplicates: int
    """Stored before, or twice among the rows."""
    rejected: list[RejectedRow]


class AskedFeedback(Paged):
    """Which feedback to list."""

    agent: str | None = None
    limit: int = Field(default=20, ge=1, le=1000)


class FeedbackList(Items):
    """Feedback, newest first, as it is stored: personal data masked."""


_ONE = {
    "type": "object",
    "required": ["agent_id", "source", "feedback_type"],
    "properties": {name: {} for name in COLUMNS},
}
_MANY = {"type": "array", "items": _ONE, "maxItems": MOST_ROWS}
_WRAPPED = {"type": "object", "required": ["feedback"], "properties": {"feedback": _MANY}}
_BODY = {
    "requestBody": {
        "required": True,
        "content": {
            JSON: {"schema": {"anyOf": [_ONE, _MANY, _WRAPPED]}},
            FORM: {"schema": _ONE},
        },
    }
}


def feedback_routes(
    agents: AgentRegistry, database: Callable[[], Awaitable[Database]]
) -> APIRouter:
    """Takes and lists feedback about these agents."""
    router = APIRouter(prefix=PATH, tags=["feedback"])
    intake = FeedbackIntake(agents)

    @router.post(
        "",
        openapi_extra=_BODY,
        response_description="Every row is stored, now or before",
        responses={
            207: {
                "model": FeedbackTaken,
                "description": "Rows were rejected; the others are stored",
            }
        },
    )
    async def record_feedback(request: Request, response: Response) -> FeedbackTaken:
        """Store one piece of feedback or many, each once however often it is sent; the columns are those of agent_feedback."""
        _may_say(request)
        checked, is_single = await _read(request, intake)
        taken = await intake.store(checked, FeedbackStore(source=await database()))
        if is_single and taken.rejected:
            raise InputError(taken.rejected[0][1])
        response.status_code = 207 if taken.rejected else 200
        return FeedbackTaken.model_validate(taken.answer())

    @router.get("")
    async def list_feedback(
        asked: Annotated[AskedFeedback, Query()], _visitor: Reader
    ) -> FeedbackList:
        """The latest feedback, about one agent or all."""
        agent_id = agents.get(asked.agent).id if asked.agent is not None else None
        store = FeedbackStore(source=await database())
        after = Cursor.read(asked.cursor) if asked.cursor is not None else None
        found = await store.recent(asked.limit + 1, agent_id=agent_id, after=after)
        last = found[asked.limit - 1] if len(found) > asked.limit else None
        following = (
            Cursor(created_at=last["created_at"], id=last["feedback_id"]).text() if last else None
        )
        return FeedbackList(items=found[: asked.limit], next=following)

    return router


def _may_say(request: Request) -> None:
    """People say what they think; programs report what people said elsewhere."""
    if not visitor(request).may(Permission.INGEST):
        require(request, Permission.FEEDBACK)


async def _read(request: Request, intake: FeedbackIntake) -> tuple[CheckedRows, bool]:
    media_type = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    encoding = request.headers.get("content-encoding", "identity").strip().lower()
    if media_type not in (JSON, FORM) or encoding != "identity":
        raise HTTPException(415, f"send {JSON}, or {FORM} as a page does, not compressed")
    body = await request.body()

    def check() -> tuple[CheckedRows, bool]:
        posted = read_posted(body, media_type)
        return intake.check(posted.rows), posted.is_single

    try:
        # Checking takes 0.1 ms a row, in which the pages would stand still.
        return await anyio.to_thread.run_sync(check)
    except TooManyRowsError as error:
        raise HTTPException(413, str(error)) from None
