"""What an experiment concludes; a conclusion that cannot be drawn is a reason, never a number."""

from collections.abc import Iterator
from dataclasses import dataclass


@dataclass(frozen=True, kw_only=True)
class Adopt:
    """The primary metric is better and no guardrail is harmed by its margin."""

    reason: str
    word = "adopt"


@dataclass(frozen=True, kw_only=True)
class KeepControl:
    """The treatment is worse, is not worth waiting for, or did not prove itself up to the declared maximum."""

    reason: str
    word = "keep control"


@dataclass(frozen=True, kw_only=True)
class RollBack:
    """A guardrail is harmed."""

    reason: str
    word = "roll back"


@dataclass(frozen=True, kw_only=True)
class Inconclusive:
    """Nothing is decided so far."""

    reason: str
    word = "inconclusive"


@dataclass(frozen=True, kw_only=True)
class Hold:
    """An instrument is broken: nothing may be concluded before a person has looked."""

    reason: str

    @property
    def word(self) -> str:
        """How it is shown."""
        return f"hold ({self.reason})"


Verdict = Adopt | KeepControl | RollBack | Inconclusive | Hold


@dataclass(frozen=True, kw_only=True)
class Finding:
    """When each thing about one metric was established, counted in units that had arrived by then; None: not so far."""

    name: str
    better_at: int | None = None
    worse_at: int | None = None
    futile_at: int | None = None
    ended_at: int | None = None
    """The declared maximum was reached."""
    harmed_at: int | None = None
    """Guardrail: worse than the control."""
    safe_at: int | None = None
    """Guardrail: not worse by its margin."""


@dataclass(frozen=True, kw_only=True)
class Alarm:
    """Something is wrong with an instrument."""

    at: int
    """Units that had arrived."""
    reason: str


@dataclass(frozen=True, kw_only=True)
class Decision:
    """A verdict and when it fell."""

    verdict: Verdict
    at: int | None
    """Units that had arrived; None: it has not fallen."""


def decide(
    primary: Finding,
    guardrails: tuple[Finding, ...],
    alarms: tuple[Alarm, ...],
    *,
    arrived: int,
    earliest: int = 0,
) -> Decision:
    """The first thing that ends the experiment.

    Args:
        primary: The one metric that can be a reason to adopt.
        guardrails: Each must be shown safe before adopting; each can roll back alone.
        alarms: From the first on nothing is concluded.
        arrived: Units so far.
        earliest: Units before which neither arm is chosen (the minimum duration); a roll back does not wait.

    Source: intersection-union test, Berger (1982), Technometrics 24(4), 295-300: adopting takes every proof at full alpha, so no correction.
    """
    broken = [(a.at, a.at, Hold(reason=a.reason)) for a in alarms]
    harm = [(at, at, verdict) for at, verdict in _rolled_back(guardrails)]
    chosen = [(max(at, earliest), at, v) for at, v in _chosen(primary, guardrails)]
    ends: list[tuple[int, int, Verdict]] = [*broken, *harm, *chosen]
    # Of ends at the same moment the first listed counts: an alarm before harm, harm before a choice.
    at, _, verdict = min(ends, key=lambda end: end[:2], default=(arrived + 1, 0, None))
    if verdict is None or at > arrived:
        return Decision(verdict=Inconclusive(reason=_missing(primary, guardrails)), at=None)
    return Decision(verdict=verdict, at=at)


def _rolled_back(guardrails: tuple[Finding, ...]) -> Iterator[tuple[int, RollBack]]:
    """Proven harm, unless it was proven before that the harm is smaller than its margin."""
    for g in guardrails:
        if g.harmed_at is not None and not (g.safe_at is not None and g.safe_at < g.harmed_at):
            yield g.harmed_at, RollBack(reason=f"{g.name} is worse than the control")


def _chosen(
    primary: Finding, guardrails: tuple[Finding, ...]
) -> Iterator[tuple[int, Adopt | KeepControl]]:
    proofs = [p for p in (primary.better_at, *(g.safe_at for g in guardrails)) if p is not None]
    if len(proofs) == 1 + len(guardrails):
        safe = ", and no guardrail is harmed by its margin" if guardrails else ""
        yield max(proofs), Adopt(reason=f"{primary.name} is better{safe}")
    if primary.worse_at is not None:
        yield primary.worse_at, KeepControl(reason=f"{primary.name} is worse")
    if primary.futile_at is not None:
        reason = (
            f"even if {primary.name} were better by its margin, it could hardly be shown any more"
        )
        yield primary.futile_at, KeepControl(reason=reason)
    if primary.ended_at is not None:
        reason = f"the declared maximum is reached, and {_missing(primary, guardrails)}"
        yield primary.ended_at, KeepControl(reason=reason)


def _missing(primary: Finding, guardrails: tuple[Finding, ...]) -> str:
    """What is not proven."""
    if primary.better_at is None:
        return f"{primary.name} is not shown to be better"
    unsafe = [g.name for g in guardrails if g.safe_at is None]
    if not unsafe:
        return "the minimum duration is not over"
    return f"{' and '.join(unsafe)} not shown to be unharmed"
