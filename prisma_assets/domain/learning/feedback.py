"""What somebody says about an agent's work: read from a row, checked, and without personal data. Storing does not belong here."""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from datetime import datetime
from typing import Any

from prisma_assets.domain.errors import InputError
from prisma_assets.domain.guardrails.redaction import redact, redact_value
from prisma_assets.domain.learning.row import (
    agent,
    check_text,
    identifier,
    moment,
    one_of,
    word,
)
from prisma_assets.domain.workflow.validation import did_you_mean

SOURCES = ("user", "manager", "system", "qa")
TYPES = ("rating", "correction", "suggestion", "complaint", "praise")
CATEGORIES = (
    "factual_error",
    "incomplete",
    "format",
    "unclear",
    "hallucination",
    "missing_citation",
    "policy",
    "other",
)

LONGEST_TEXT = 10_000
"""Characters; as much as an agent is given in one input."""
LONGEST_OUTPUT = 100_000
"""Characters of JSON; the largest workpaper of the sample engagement has a tenth of it."""

_RATINGS = (
    "rating",
    "accuracy_rating",
    "helpfulness_rating",
    "clarity_rating",
    "completeness_rating",
)
_IDS = ("workflow_execution_id", "step_execution_id", "ab_test_id")
_WORDS = ("agent_version", "task_id", "submitted_by", "dedupe_key")
_OURS = ("feedback_id", "org_id", "status", "archived_at")
"""Columns of the table that the product fills itself; a file exported from it has them."""


@dataclass(frozen=True, kw_only=True)
class Feedback:
    """One piece of feedback."""

    agent_id: str
    source: str
    feedback_type: str
    dedupe_key: str = ""
    """The same key is the same feedback, however often it is delivered; empty: what is said is the key."""
    task_id: str | None = None
    """None: the step's id."""
    agent_version: str | None = None
    """None: the version that did the step, else the one at work now."""
    workflow_execution_id: str | None = None
    step_execution_id: str | None = None
    rating: int | None = None
    """1 (worst) to 5, as the four below."""
    accuracy_rating: int | None = None
    helpfulness_rating: int | None = None
    clarity_rating: int | None = None
    completeness_rating: int | None = None
    comment: str | None = None
    corrected_output: Any = None
    issue_categories: tuple[str, ...] = field(default=())
    ab_test_id: str | None = None
    variant: str | None = None
    submitted_by: str | None = None
    created_at: datetime | None = None
    """None: when it is stored."""


COLUMNS = tuple(f.name for f in fields(Feedback))


def read_feedback(row: Mapping[str, Any], *, agents: frozenset[str], now: datetime) -> Feedback:
    """Check a row and take personal data out of its texts.

    Args:
        row: Values by column, as text or as what they are; empty text is no value.
        agents: Ids of the agents there are.
        now: UTC.

    Raises:
        InputError: The first thing that is wrong with the row.
    """
    given = {name: value for name, value in row.items() if value not in (None, "", [])}
    _check_columns(given)
    check_text(given)
    read: dict[str, Any] = {name: word(given, name) for name in _WORDS}
    read |= {name: _rating(given, name) for name in _RATINGS}
    read |= {name: identifier(given, name) for name in _IDS}
    read |= {
        "agent_id": agent(given, agents),
        "source": one_of(given, "source", SOURCES),
        "feedback_type": one_of(given, "feedback_type", TYPES),
        "variant": one_of(given, "variant", ("A", "B")) if "variant" in given else None,
        "issue_categories": _categories(given),
        "created_at": moment(given, "created_at", now=now),
        "comment": _comment(given),
        "corrected_output": redact_value(_output(given)),
    }
    _check_complete(read)
    read["dedupe_key"] = read["dedupe_key"] or _fingerprint(given)
    return Feedback(**read)


def _check_columns(given: Mapping[str, Any]) -> None:
    known = frozenset((*COLUMNS, *_OURS))
    for name in given:
        if name not in known:
            hint = did_you_mean(str(name), known) or f"; there are {', '.join(COLUMNS)}"
            raise InputError(f"feedback has no column '{name}'{hint}")


def _check_complete(read: Mapping[str, Any]) -> None:
    kind = read["feedback_type"]
    if kind == "rating" and read["rating"] is None:
        raise InputError("a rating needs its `rating`, a whole number from 1 to 5")
    if kind == "correction" and read["corrected_output"] is None:
        raise InputError("a correction needs its text; give it as `corrected_output`")
    if read["task_id"] is None and read["step_execution_id"] is None:
        raise InputError("say what the feedback is about; give `task_id` or `step_execution_id`")
    if read["source"] != "system" and read["submitted_by"] is None:
        raise InputError(f"feedback of a {read['source']} needs its author; give `submitted_by`")


def _rating(given: Mapping[str, Any], name: str) -> int | None:
    value = given.get(name)
    if value is None:
        return None
    text = str(value).strip().removesuffix(".0")
    if text not in ("1", "2", "3", "4", "5"):
        raise InputError(f"`{name}` is '{value}'; a rating is a whole number from 1 to 5")
    return int(text)


def _categories(given: Mapping[str, Any]) -> tuple[str, ...]:
    """A list, or words with commas between them, also in braces as PostgreSQL writes an array."""
    value = given.get("issue_categories", [])
    words = value.strip().strip("{}[]").split(",") if isinstance(value, str) else value
    if not isinstance(words, list | tuple):
        raise InputError("`issue_categories` is no list")
    found = tuple(dict.fromkeys(str(each).strip(" \"'") for each in words if str(each).strip()))
    for name in found:
        if name not in CATEGORIES:
            hint = did_you_mean(name, frozenset(CATEGORIES)) or f"; it has {', '.join(CATEGORIES)}"
            raise InputError(f"`issue_categories` has no '{name}'{hint}")
    return found


def _comment(given: Mapping[str, Any]) -> str | None:
    value = given.get("comment")
    if value is None:
        return None
    if not isinstance(value, str) or len(value) > LONGEST_TEXT:
        raise InputError(f"`comment` is no text of at most {LONGEST_TEXT:,} characters; shorten it")
    return redact(value).strip() or None


def _output(given: Mapping[str, Any]) -> Any:
    """JSON, or plain text, which then is the output."""
    value = given.get("corrected_output")
    if isinstance(value, str):
        if not value.strip():
            return None
        try:
            value = json.loads(value)
        except ValueError:
            value = value.strip()
        check_text({"corrected_output": value})
    if len(json.dumps(value)) > LONGEST_OUTPUT:
        raise InputError(
            f"`corrected_output` is longer than {LONGEST_OUTPUT:,} characters; shorten it"
        )
    return value


def _fingerprint(given: Mapping[str, Any]) -> str:
    """Of what was said, before masking: two people's numbers must not become one piece of feedback."""
    said = {name: value for name, value in given.items() if name not in _OURS}
    text = json.dumps(said, sort_keys=True, default=str)
    return hashlib.sha256(text.encode()).hexdigest()
