"""How work flows through a stretch of time: how much of it at once, and how much of it without a person's correction."""

from collections.abc import Iterable
from dataclasses import dataclass, fields
from typing import Self

from prisma_assets.domain.monitoring.mean_interval import mean_interval

AUTOMATION_TARGET = 0.9
"""Share of steps without a person's correction or rework that the specification sets as a target."""

Between = tuple[float, float] | None
"""A 95 % interval; None without a value."""


@dataclass(frozen=True, kw_only=True)
class Flow:
    """Steps of workflows that agents completed in a stretch of time, and what was waited for."""

    steps: int
    """Completed passes; each pass of a step that is done again is one."""
    automated: int
    """Of them, those nobody corrected, sent back or had done again, as far as is known today."""
    corrected: int
    """Those a person gave a corrected output for."""
    reworked: int
    """Those that were sent back at sign-off or done again on request."""
    escalated: int
    """Those whose sign-off nobody gave in time."""
    waited_ms: float
    """Milliseconds between being asked for and beginning, of all executions that began."""
    waited_n: int
    """Executions that began."""

    @classmethod
    def together(cls, parts: Iterable[Self]) -> Self:
        """Parts of the time, or of the work, as one."""
        found = list(parts)
        return cls(**{f.name: sum(getattr(one, f.name) for one in found) for f in fields(cls)})

    @property
    def automation_rate(self) -> float | None:
        """Share in [0, 1] of the steps that went without a person's correction or rework; None: no step."""
        return self._share(self.automated)

    @property
    def automation_between(self) -> Between:
        """In which the true share lies, at 95 %."""
        return mean_interval(self.automation_rate, self.steps, least=0, most=1)

    @property
    def correction_rate(self) -> float | None:
        """Share of the steps."""
        return self._share(self.corrected)

    @property
    def rework_rate(self) -> float | None:
        """Share of the steps."""
        return self._share(self.reworked)

    @property
    def escalation_rate(self) -> float | None:
        """Share of the steps."""
        return self._share(self.escalated)

    @property
    def mean_wait_ms(self) -> float | None:
        """Milliseconds an execution waited to begin; None: none began."""
        return self.waited_ms / self.waited_n if self.waited_n else None

    def _share(self, number: int) -> float | None:
        return number / self.steps if self.steps else None


def at_once(total_ms: float, *, seconds: float) -> float | None:
    """How many were under way at once, on average.

    Args:
        total_ms: Milliseconds all of them took together, 0 or more.
        seconds: Of the stretch of time they began in.

    Returns:
        The mean number in the system; None for no time.

    Assumes: few of them reach over the ends of the stretch, which holds where each is much shorter than it.
    Source: Little (1961), "A proof for the queuing formula L = lambda W", Operations Research 9(3), 383-387.
    """
    return total_ms / 1000 / seconds if seconds > 0 else None
