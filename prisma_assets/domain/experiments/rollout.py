"""A staged rollout: how much of an agent's work a new version gets, and what has to be seen before it gets more.

Watching for harm does not belong here (`rollout_watch`), nor do approvals (`release_path`).
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta


@dataclass(frozen=True, kw_only=True)
class Stage:
    """One step of the rollout."""

    percent: int
    """Share of the work that gets the new version, in 1..100."""
    hold: timedelta
    """Least time at this share."""
    units: int
    """Least units the new version served at this share."""

    @property
    def name(self) -> str:
        """As the table of deployments calls it."""
        if self.percent < 10:
            return "canary"
        return "ramp" if self.percent < FULL else "full"


FULL = 100
_ENOUGH = 30
"""Units of the new version per stage: the least from which the firm reads a rate."""
_DAY = timedelta(hours=24)
_HOUR = timedelta(hours=1)
STAGES = (
    Stage(
        percent=5, hold=_DAY, units=_ENOUGH
    ),  # a whole working day: month ends and mornings differ
    Stage(percent=10, hold=_HOUR, units=_ENOUGH),
    Stage(percent=25, hold=_HOUR, units=_ENOUGH),
    Stage(percent=50, hold=_HOUR, units=_ENOUGH),
    Stage(
        percent=100, hold=_DAY, units=_ENOUGH
    ),  # nothing is compared any more: alerts alone watch
)
"""The firm's canary (5 % for 24 hours) followed by its gradual release (10, 25, 50, 100 % with an hour each)."""
PATIENCE = 2
"""A stage that lasts this many times its hold without its units passes with a third of them: the firm doubles the time, never skips the look."""
FEWEST_UNITS = 10
"""Units without which no stage passes, however long it lasts: a rollout that goes on when traffic vanishes proves nothing."""
SILENT_HOLDS = 1
"""Holds without a single unit of either version after which the silence itself is said."""


@dataclass(frozen=True, kw_only=True)
class Position:
    """Where a rollout stands."""

    stage: int
    """Index into the stages."""
    entered_at: datetime
    treated: int
    """Units the new version served in this stage."""
    control: int
    """Units the old version served meanwhile."""
    is_paused: bool = False
    """A person wants it to stand still."""
    released_by: str | None = None
    """Person who let it go to everyone although a guardrail is not shown unharmed."""


@dataclass(frozen=True, kw_only=True)
class Watched:
    """What the guardrails say at this moment."""

    harmed: str | None = None
    """Why it must be taken back; None: no harm is shown."""
    broken: str | None = None
    """Why nothing can be concluded; None: the instruments are healthy."""
    unproven: Sequence[str] = ()
    """Guardrails not yet shown to be unharmed by their margin."""


@dataclass(frozen=True, kw_only=True)
class TakeBack:
    """A guardrail is harmed."""

    reason: str


@dataclass(frozen=True, kw_only=True)
class Wait:
    """Nothing changes."""

    reason: str
    needs_person: bool = False
    """Waiting alone will not end it."""


@dataclass(frozen=True, kw_only=True)
class Advance:
    """The next stage begins."""

    to: int
    """Index into the stages."""


@dataclass(frozen=True, kw_only=True)
class Complete:
    """The new version is the agent's version."""


Move = TakeBack | Wait | Advance | Complete


def next_move(
    position: Position, watched: Watched, *, now: datetime, stages: Sequence[Stage] = STAGES
) -> Move:
    """What a rollout does next. Harm comes first, then broken instruments, then people, then time and units.

    Args:
        position: Where it stands.
        watched: What the guardrails say; beside full traffic there is no control, so they say nothing new there.
        now: After `position.entered_at`.
        stages: Shares in rising order, the last of 100.
    """
    if watched.harmed is not None:
        return TakeBack(reason=watched.harmed)
    if watched.broken is not None:
        return Wait(reason=watched.broken, needs_person=True)
    if position.is_paused:
        return Wait(reason="paused by a person", needs_person=True)
    stage = stages[position.stage]
    missing = _missing(position, stage, now - position.entered_at)
    if missing is not None:
        return missing
    if stage.percent == FULL:
        return Complete()
    return _to_next(position, watched, stages)


def _missing(position: Position, stage: Stage, lasted: timedelta) -> Wait | None:
    if lasted < stage.hold:
        return Wait(reason=f"at {stage.percent} % for {_words(lasted)} of at least {_words(stage.hold)}")  # fmt: skip
    if not position.treated and not position.control and lasted >= SILENT_HOLDS * stage.hold:
        return Wait(reason=f"no work reached either version in {_words(lasted)}", needs_person=True)
    needed = FEWEST_UNITS if lasted >= PATIENCE * stage.hold else stage.units
    if position.treated < needed:
        return Wait(
            reason=f"{position.treated} of at least {needed} units at {stage.percent} % so far"
        )
    return None


def _to_next(position: Position, watched: Watched, stages: Sequence[Stage]) -> Move:
    to = position.stage + 1
    if stages[to].percent == FULL and watched.unproven and position.released_by is None:
        return Wait(
            reason=f"{', '.join(watched.unproven)} not shown to be unharmed; wait for more work, or release it with a reason",
            needs_person=True,
        )
    return Advance(to=to)


def _words(span: timedelta) -> str:
    hours = span.total_seconds() / 3600
    return f"{hours:.0f} h" if hours >= 1 else f"{hours * 60:.0f} min"
