"""One run of an agent as it was reported: read from values by name, checked. What it cost and where it is stored do not belong here."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, fields
from datetime import datetime
from decimal import Decimal, InvalidOperation
from functools import lru_cache
from math import isnan
from typing import Any

from prisma_assets.domain.errors import InputError
from prisma_assets.domain.guardrails.redaction import redact
from prisma_assets.domain.learning.row import (
    agent,
    check_text,
    identifier,
    moment,
    one_of,
    word,
)
from prisma_assets.domain.workflow.validation import did_you_mean

OUTCOMES = ("ok", "error", "timeout")
LONGEST_ERROR = 100
"""Characters of an error's type; what is longer is a message, of which the beginning tells the type."""

_MOST_TOKENS = 10**12
"""No run reads a trillion tokens: such a number is a mistake in its unit or column."""
_MOST_USD = Decimal(10**7)
"""Nor does one cost ten millions."""


@dataclass(frozen=True, kw_only=True, slots=True)
class AgentRun:
    """One run. None: not reported, which is never 0."""

    run_key: str
    """The same key is the same run, however often it is delivered."""
    agent_id: str
    started_at: datetime
    """UTC."""
    outcome: str
    agent_version: str | None = None
    task_id: str | None = None
    duration_ms: float | None = None
    error_type: str | None = None
    provider: str | None = None
    model: str | None = None
    tokens_in: int | None = None
    """All tokens read, those from a cache among them."""
    tokens_out: int | None = None
    """All tokens written, those of reasoning among them."""
    tokens_cached: int | None = None
    tokens_reasoning: int | None = None
    cost_usd: Decimal | None = None
    """None: unpriced."""
    price_version: str | None = None
    """The price list a cost was computed with; None: the cost was reported."""
    accuracy: float | None = None
    """0 (wrong) to 1 (right)."""
    client_id: str | None = None
    engagement_id: str | None = None
    workflow_execution_id: str | None = None
    step_execution_id: str | None = None
    ab_test_id: str | None = None
    variant: str | None = None
    cache_hit: bool | None = None


def read_run(values: Mapping[str, Any], *, agents: frozenset[str], now: datetime) -> AgentRun:
    """Check the values of one run.

    Args:
        values: By the names of `AgentRun`, as text or as what they are; empty text and NaN are no value.
        agents: Ids of the agents there are.
        now: UTC.

    Raises:
        InputError: The first thing that is wrong.
    """
    given = {name: value for name, value in values.items() if not _is_nothing(value)}
    for name in given.keys() - _FIELDS:
        hint = did_you_mean(name, _FIELDS) or f"; there are {', '.join(sorted(_FIELDS))}"
        raise InputError(f"a run has no '{name}'{hint}")
    check_text(given)
    started_at = moment(given, "started_at", now=now)
    if started_at is None:
        raise InputError("no `started_at`; say when the run began")
    run_key = word(given, "run_key")
    if run_key is None:
        raise InputError("no `run_key`; give what tells this run from every other")
    read: dict[str, Any] = {
        "run_key": run_key,
        "agent_id": agent(given, agents),
        "started_at": started_at,
        "outcome": one_of(given, "outcome", OUTCOMES),
    }
    for name in given.keys() & _READERS.keys():
        read[name] = _READERS[name](given, name)
    return _consistent(AgentRun(**read))


def read_use(values: Mapping[str, Any]) -> dict[str, Any]:
    """Check what one call of a model used, by the names of `AgentRun` and `tokens_stored`.

    Raises:
        InputError: The first thing that is wrong.
    """
    given = {name: value for name, value in values.items() if not _is_nothing(value)}
    check_text(given)
    return {name: _USE_READERS[name](given, name) for name in given}


def _consistent(run: AgentRun) -> AgentRun:
    for part, whole in (("tokens_cached", "tokens_in"), ("tokens_reasoning", "tokens_out")):
        inner, outer = getattr(run, part), getattr(run, whole)
        if inner is not None and outer is not None and inner > outer:
            raise InputError(
                f"`{part}` is {inner:,}, more than the {outer:,} of `{whole}`, which it is a part of; correct one"
            )
    return run


def _is_nothing(value: Any) -> bool:
    return value is None or value == "" or (isinstance(value, float | Decimal) and isnan(value))


def _number(given: Mapping[str, Any], name: str) -> Decimal:
    value = given[name]
    try:
        number = Decimal(str(value).strip())
    except InvalidOperation:
        raise InputError(f"`{name}` is '{value}', which is no number; correct it") from None
    if not number.is_finite():
        raise InputError(f"`{name}` is {value}, which is not finite; leave it out if it is unknown")
    if number < 0:
        raise InputError(f"`{name}` is {value}; it cannot be negative")
    return number


def _tokens(given: Mapping[str, Any], name: str) -> int:
    value = given[name]
    if type(value) is int and 0 <= value <= _MOST_TOKENS:
        return value  # As nearly always; the rest takes five times longer.
    number = _number(given, name)
    if number != number.to_integral_value() or number > _MOST_TOKENS:
        raise InputError(f"`{name}` is {given[name]}; tokens are whole numbers up to a trillion")
    return int(number)


def _cost(given: Mapping[str, Any], name: str) -> Decimal:
    number = _number(given, name)
    if number > _MOST_USD:
        raise InputError(f"`{name}` is {given[name]}; a run costs at most ten million dollars")
    return round(number, 6)


def _accuracy(given: Mapping[str, Any], name: str) -> float:
    number = _number(given, name)
    if number > 1:
        raise InputError(f"`{name}` is {given[name]}; it lies between 0 and 1")
    return float(number)


def _duration(given: Mapping[str, Any], name: str) -> float:
    return float(_number(given, name))


def _error_type(given: Mapping[str, Any], name: str) -> str:
    return _masked(" ".join(str(given[name]).split())[:LONGEST_ERROR])


def _task(given: Mapping[str, Any], name: str) -> str:
    return _masked(word(given, name) or "")


@lru_cache(maxsize=4096)
def _masked(text: str) -> str:
    """Tasks and errors repeat; masking takes longer than the rest of a run together."""
    return redact(text)


def _variant(given: Mapping[str, Any], name: str) -> str:
    return one_of(given, name, ("A", "B"))


def _truth(given: Mapping[str, Any], name: str) -> bool:
    text = str(given[name]).strip().lower()
    if text not in ("true", "false", "1", "0"):
        raise InputError(f"`{name}` is '{given[name]}'; it is true or false")
    return text in ("true", "1")


_Reader = Callable[[Mapping[str, Any], str], Any]
_READERS: dict[str, _Reader] = {
    **dict.fromkeys(
        ("agent_version", "provider", "model", "price_version", "client_id", "engagement_id"), word
    ),
    **dict.fromkeys(("workflow_execution_id", "step_execution_id", "ab_test_id"), identifier),
    **dict.fromkeys(("tokens_in", "tokens_out", "tokens_cached", "tokens_reasoning"), _tokens),
    "task_id": _task,
    "error_type": _error_type,
    "duration_ms": _duration,
    "cost_usd": _cost,
    "accuracy": _accuracy,
    "variant": _variant,
    "cache_hit": _truth,
}
_FIELDS = frozenset(f.name for f in fields(AgentRun))
_USE_READERS: dict[str, _Reader] = {
    **dict.fromkeys(("provider", "model"), word),
    **dict.fromkeys(
        ("tokens_in", "tokens_out", "tokens_cached", "tokens_stored", "tokens_reasoning"), _tokens
    ),
    "cost_usd": _cost,
}
