"""Executions page by page, newest first; a page begins where the last one ended, however many were opened meanwhile."""

import base64
import binascii
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Self
from uuid import UUID

from prisma_assets.domain.errors import InputError
from prisma_assets.store.database import Database

MOST_PER_PAGE = 200
"""A screen shows 50; a program that wants all asks for the next page."""


@dataclass(frozen=True, kw_only=True)
class Cursor:
    """The execution a page ended with."""

    created_at: datetime
    id: str

    def text(self) -> str:
        """As it is handed out; its form is nobody's business."""
        return base64.urlsafe_b64encode(
            f"{self.created_at.isoformat()} {self.id}".encode()
        ).decode()

    @classmethod
    def read(cls, text: str) -> Self:
        """Read what was handed out.

        Raises:
            InputError: It was not.
        """
        try:
            created_at, id_ = base64.urlsafe_b64decode(text.encode()).decode().split(" ")
            cursor = cls(created_at=datetime.fromisoformat(created_at), id=str(UUID(id_)))
        except (ValueError, binascii.Error):
            cursor = None
        if cursor is None or cursor.created_at.tzinfo is None:
            raise InputError(f"'{text}' is no cursor; take the one of the page before")
        return cursor


@dataclass(frozen=True, kw_only=True)
class Page:
    """Some executions and where the next page begins."""

    executions: Sequence[Mapping[str, Any]]
    """One row each, as it is stored."""
    next: Cursor | None
    """None: this is the last page."""


async def execution_page(
    database: Database,
    *,
    limit: int,
    after: Cursor | None = None,
    status: str | None = None,
    template: str | None = None,
) -> Page:
    """One page of executions.

    Args:
        database: Where they are stored.
        limit: 1 to `MOST_PER_PAGE`.
        after: Where the page before ended.
        status: Only these.
        template: Only those of this template.
    """
    params = {
        "status": status,
        "template": template,
        "created_before": after.created_at if after else None,
        "id_before": after.id if after else None,
        "limit": limit + 1,  # One more tells whether there is a next page.
    }
    rows = await database.fetch("execution_page", params)
    last = rows[limit - 1] if len(rows) > limit else None
    following = (
        Cursor(created_at=last["created_at"], id=str(last["workflow_execution_id"]))
        if last is not None
        else None
    )
    return Page(executions=rows[:limit], next=following)
