"""Checks of values that every row from outside shares: agent, moment, id, text. What a row means does not belong here."""

import json
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

from prisma_assets.domain.errors import InputError
from prisma_assets.domain.workflow.validation import did_you_mean

SKEW = timedelta(minutes=5)
"""Clocks of machines that keep time differ by seconds; more is a mistake in the time."""


def check_text(given: Mapping[str, Any]) -> None:
    """Refuse what PostgreSQL cannot store: NUL, half characters, numbers that are not finite."""
    if all(map(_is_plain, given.values())):
        return
    try:
        text = json.dumps(given, ensure_ascii=False, default=str, allow_nan=False)
        text.encode()
    except (UnicodeEncodeError, ValueError):
        raise InputError(
            "the row holds bytes that are not UTF-8 text, or a number that is not finite; correct it"
        ) from None
    if "\\u0000" in text:
        raise InputError("the row holds a NUL character; remove it")


def _is_plain(value: Any) -> bool:
    """Most values are; the full check takes ten times longer."""
    if isinstance(value, str):
        return value.isascii() and "\0" not in value
    return isinstance(value, int | datetime)


def agent(given: Mapping[str, Any], agents: frozenset[str]) -> str:
    """The `agent_id`, which must be one of these."""
    agent_id = word(given, "agent_id")
    if agent_id is None:
        raise InputError("no `agent_id`; say which agent it is about")
    if agent_id not in agents:
        hint = did_you_mean(agent_id, agents) or "; `prisma-assets agents list` shows all"
        raise InputError(f"no agent is called '{agent_id}'{hint}")
    return agent_id


def one_of(given: Mapping[str, Any], name: str, choices: tuple[str, ...]) -> str:
    """The text under the name, which must be there and one of these."""
    value = word(given, name)
    if value not in choices:
        said = f"`{name}` is '{value}'" if value is not None else f"no `{name}`"
        raise InputError(f"{said}; it is one of {', '.join(choices)}")
    return value


def word(given: Mapping[str, Any], name: str) -> str | None:
    """The short text under the name; a whole number is taken as text."""
    value = given.get(name)
    if value is None:
        return None
    text = str(value).strip() if isinstance(value, str | int) else ""
    if not 1 <= len(text) <= 200:
        raise InputError(f"`{name}` is no text of 1 to 200 characters")
    return text


def identifier(given: Mapping[str, Any], name: str) -> str | None:
    """The UUID under the name, as PostgreSQL writes it."""
    value = word(given, name)
    try:
        return str(UUID(value)) if value is not None else None
    except ValueError:
        raise InputError(f"`{name}` is '{value}', which is no id; copy it whole") from None


def moment(given: Mapping[str, Any], name: str, *, now: datetime) -> datetime | None:
    """The time under the name, in UTC; a time without a zone is UTC.

    Raises:
        InputError: It is no time, or later than `now` by more than `SKEW`.
    """
    value = given.get(name)
    if value is None:
        return None
    try:
        at = value if isinstance(value, datetime) else datetime.fromisoformat(str(value).strip())
        at = (at if at.tzinfo else at.replace(tzinfo=UTC)).astimezone(UTC)
    except (ValueError, OverflowError):
        raise InputError(
            f"`{name}` is '{value}', which is no time; write it as 2026-03-01T14:05:00Z"
        ) from None
    if at > now + SKEW:
        raise InputError(
            f"`{name}` is {at:%Y-%m-%d %H:%M} UTC, which is in the future; correct it or the clock"
        )
    return at
