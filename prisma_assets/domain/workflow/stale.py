"""Sign-offs that count no more, because what was shown is not what is there: who had signed, and what changed since."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from prisma_assets.domain.workflow.shown import StepChange


@dataclass(frozen=True, kw_only=True)
class StaleSignOff:
    """One person's approval that counts no more."""

    step_id: str
    user: str
    role: str | None
    """Role signed in; None when given in advance without naming one."""
    signed_at: datetime
    changes: Sequence[StepChange]
    """Of the step itself and of steps upstream, in template order; at least one."""

    @property
    def sentence(self) -> str:
        """Who had signed, when, and what changed since."""
        who = f"{self.user} as {self.role}" if self.role is not None else self.user
        steps: dict[str, list[str]] = {}
        for change in self.changes:
            steps.setdefault(change.news, []).append(change.step_id)
        told = "; ".join(f"{', '.join(ids)} {news}" for news, ids in steps.items())
        return (
            f"{self.step_id}: {who} signed on {self.signed_at:%Y-%m-%d %H:%M} UTC, "
            f"which counts no more: {told}"
        )
