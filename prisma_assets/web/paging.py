"""Lists page by page: what an endpoint takes and gives, and where the next page begins."""

import base64
import binascii
from collections.abc import Mapping, Sequence
from typing import Annotated, Any

from pydantic import BaseModel, Field

from prisma_assets.domain.errors import InputError
from prisma_assets.web.api_model import Taken

MOST_LISTED = 10_000
"""Rows behind all pages of a list that is read whole; what people and rules make is far less."""


class Paged(Taken):
    """Which part of a list."""

    limit: int = Field(default=50, ge=1, le=1000)
    cursor: Annotated[str, Field(max_length=400)] | None = None
    """`next` of the page before."""

    @property
    def read(self) -> int:
        """How many rows have to be read from the list's beginning."""
        return self.limit + 1 if self.cursor is None else MOST_LISTED


class Items(BaseModel):
    """A list, or a part of it."""

    items: list[dict[str, Any]]
    next: str | None = None
    """Cursor of the next page; null on the last."""


def page(rows: Sequence[Mapping[str, Any]], asked: Paged, *, key: str) -> Items:
    """The part of a list that was asked for; what is new at its beginning moves no page.

    Args:
        rows: From the beginning, at least `asked.read` of them where there are so many.
        asked: Where the page begins and how long it is.
        key: Field that tells rows apart.

    Raises:
        InputError: What the page before ended with is not in the list any more, or it is no cursor.
    """
    begin = 0
    if asked.cursor is not None:
        last = _read(asked.cursor)
        found = (i for i, row in enumerate(rows) if str(row[key]) == last)
        begin = next(found, len(rows)) + 1
        if begin > len(rows):
            raise InputError(
                f"'{asked.cursor}' is no cursor of this list, or what the page before ended with is gone from it; begin without one"
            )
    end = begin + asked.limit
    following = _text(str(rows[end - 1][key])) if end < len(rows) else None
    return Items(items=[dict(row) for row in rows[begin:end]], next=following)


def _text(last: str) -> str:
    """As it is handed out; its form is nobody's business."""
    return base64.urlsafe_b64encode(last.encode()).decode()


def _read(text: str) -> str | None:
    try:
        return base64.urlsafe_b64decode(text.encode()).decode()
    except (ValueError, binascii.Error):
        return None
