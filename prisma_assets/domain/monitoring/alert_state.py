"""What a rule knows of one subject from look to look, and when that is news. What the figure is does not belong here."""

from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from enum import StrEnum

from prisma_assets.domain.monitoring.alert_rule import Rule


class Status(StrEnum):
    """How a subject stands by one rule."""

    OK = "OK"
    """Measured, and calm."""
    PENDING = "PENDING"
    """In trouble, but not for long enough to tell anybody."""
    FIRING = "FIRING"
    """In trouble, or calm again for less than two windows; an alert is open."""
    NO_DATA = "NO_DATA"
    """Too little was measured to say. An alert that was open stays open: silence is no recovery."""
    RESOLVED = "RESOLVED"
    """Calm again after trouble."""


class Level(StrEnum):
    """Where one figure lies by one rule."""

    BAD = "BAD"
    """Beyond the threshold."""
    BETWEEN = "BETWEEN"
    """Back from the threshold, not yet at the clear level."""
    CLEAN = "CLEAN"
    UNKNOWN = "UNKNOWN"
    """There is no figure, or too few observations."""


class Event(StrEnum):
    """What is news about a subject."""

    OPENED = "OPENED"
    RESOLVED = "RESOLVED"


@dataclass(frozen=True, kw_only=True)
class State:
    """What is remembered of one subject."""

    status: Status
    since: datetime
    """When the status began."""
    bad_since: datetime | None = None
    """Since when it is in trouble without a break; None while an alert is open, or it is not."""
    clean_since: datetime | None = None
    """While an alert is open: since when the figure is clean without a break."""
    is_open: bool = False
    """Whether an alert of it is open, whatever the figure says just now."""

    @property
    def is_at_rest(self) -> bool:
        """True when nothing is under way that a later look must know of."""
        return not self.is_open and self.bad_since is None


def step(
    state: State | None, level: Level, *, rule: Rule, at: datetime
) -> tuple[State, Event | None]:
    """The state after one look, and what is news.

    The same look again changes nothing.

    Args:
        state: Before; None when it is the first look.
        level: Where the figure lies now.
        rule: Says how long trouble lasts before it is told, and how long a window is.
        at: When the look was taken; rises from look to look.
    """
    before = state or State(status=Status.OK, since=at)
    if level is Level.UNKNOWN:
        return _moved(before, Status.NO_DATA, at, is_open=before.is_open), None
    if before.is_open:
        return _open_step(before, level, rule, at)
    if level is not Level.BAD:
        calm = Status.RESOLVED if before.status is Status.RESOLVED else Status.OK
        return _moved(before, calm, at), None
    bad_since = before.bad_since or at
    if at - bad_since >= timedelta(seconds=rule.for_seconds):
        return _moved(before, Status.FIRING, at, is_open=True), Event.OPENED
    return replace(_moved(before, Status.PENDING, at), bad_since=bad_since), None


def _open_step(before: State, level: Level, rule: Rule, at: datetime) -> tuple[State, Event | None]:
    """A look at a subject that has an open alert.

    It is over after two clean windows that do not overlap: the one that ended when the figure became clean, and the one
    that ends now (domain facts §6.4).
    """
    firing = _moved(before, Status.FIRING, at, is_open=True)
    if level is not Level.CLEAN:
        return firing, None
    clean_since = before.clean_since or at
    if at - clean_since >= timedelta(seconds=rule.window_seconds):
        return _moved(before, Status.RESOLVED, at), Event.RESOLVED
    return replace(firing, clean_since=clean_since), None


def _moved(before: State, status: Status, at: datetime, *, is_open: bool = False) -> State:
    since = before.since if before.status is status else at
    return State(status=status, since=since, is_open=is_open)
