"""Reads the rows out of what is posted as feedback: JSON or a form. What a row may say does not belong here."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from urllib.parse import parse_qs

from prisma_assets.domain.errors import InputError
from prisma_assets.learning.taken import Row

JSON = "application/json"
FORM = "application/x-www-form-urlencoded"
MOST_ROWS = 5_000
"""Of one request; checking as many takes about a second of one processor."""
MOST_BYTES = 8_388_608
"""Of one request: `MOST_ROWS` rows of 1.6 KB; a row of the longest comment has ten."""

_LISTS = ("issue_categories",)
"""Columns of which a form may hold more than one."""


class TooManyRowsError(InputError):
    """The request holds too many rows; send several."""


@dataclass(frozen=True, kw_only=True)
class Posted:
    """The rows of one request."""

    rows: Sequence[Row]
    """Numbered from 1."""
    is_single: bool
    """One piece, not a list: what is wrong with it is wrong with the request."""


def read_posted(body: bytes, media_type: str) -> Posted:
    """Rows of a body.

    Raises:
        InputError: It cannot be read as what it is said to be.
        TooManyRowsError: More than `MOST_ROWS`.
    """
    content = _form(body) if media_type == FORM else _json(body)
    if isinstance(content, dict) and set(content) == {"feedback"}:
        content = content["feedback"]
    if isinstance(content, dict):
        return Posted(rows=[(1, content)], is_single=True)
    if not isinstance(content, list):
        raise InputError(
            'the body is no feedback; send an object, an array of objects, or {"feedback": [...]}'
        )
    if len(content) > MOST_ROWS:
        raise TooManyRowsError(
            f"the body holds {len(content):,} rows; one request takes at most {MOST_ROWS:,}, send several"
        )
    return Posted(rows=[_row(n, each) for n, each in enumerate(content, start=1)], is_single=False)


def _row(number: int, value: Any) -> Row:
    return number, value if isinstance(value, dict) else "no JSON object; send one per row"


def _json(body: bytes) -> Any:
    try:
        return json.loads(body)
    except (ValueError, RecursionError) as error:
        raise InputError(f"the body is no JSON ({error}); correct it") from None


def _form(body: bytes) -> Mapping[str, Any]:
    try:
        # What is not UTF-8 comes through marked, and the check of the row refuses it.
        fields = parse_qs(body.decode("ascii"), errors="surrogateescape", max_num_fields=100)
    except ValueError:
        raise InputError("the body is no form; send it as a page does") from None
    for name, values in fields.items():
        if len(values) > 1 and name not in _LISTS:
            raise InputError(f"the form holds `{name}` {len(values)} times; send it once")
    return {name: v if name in _LISTS else v[0] for name, v in fields.items()}
