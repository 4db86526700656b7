"""A notification: something that happened, told once to those it concerns, whatever it is about."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True, kw_only=True)
class Recipient:
    """A person to be told."""

    user: str
    email: str | None = None
    """None: not known; the mail settings may give one."""


@dataclass(frozen=True, kw_only=True)
class Notification:
    """What is told."""

    kind: str
    """What happened, e.g. `sign_off_asked`."""
    dedupe_key: str
    """Equal keys are the same news: it is stored, and told, once."""
    subject: str
    """One line."""
    text: str
    """What happened and what to do, for a person."""
    audience: tuple[Recipient, ...] = ()
    """Whom it concerns; addresses set for everything receive it besides."""
    facts: Mapping[str, Any] = field(default_factory=dict)
    """JSON, for programs."""
    execution_id: str | None = None
    step_id: str | None = None
