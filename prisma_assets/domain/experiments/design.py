"""What is fixed before an experiment starts: who is compared, how often errors may happen, how long it may last."""

from dataclasses import dataclass

from prisma_assets.domain.experiments.block import shape
from prisma_assets.domain.experiments.metric import Metric, Role

ALPHA = 0.05
"""Two-sided error of adopting or keeping, the convention of the field."""
ALPHA_ROLLBACK = 0.01
"""Error of rolling back, over all guardrails together: people stop believing in an alarm that is false more often."""


@dataclass(frozen=True, kw_only=True)
class Design:
    """An experiment before its first unit."""

    metrics: tuple[Metric, ...]
    """Exactly one is primary."""
    splits: tuple[float, ...]
    """Shares of the treatment in force one after the other, each in (0, 1)."""
    alpha: float = ALPHA
    """In (0, 1)."""
    alpha_rollback: float = ALPHA_ROLLBACK
    """In (0, 1)."""
    max_blocks: int | None = None
    """Most units of the smaller arm that are compared; None: open-ended."""

    @property
    def primary(self) -> Metric:
        """The metric that can be a reason to adopt."""
        return next(m for m in self.metrics if m.role is Role.PRIMARY)

    @property
    def guardrails(self) -> tuple[Metric, ...]:
        """The metrics that must not be harmed."""
        return tuple(m for m in self.metrics if m.role is Role.GUARDRAIL)

    @property
    def harm_evidence(self) -> float:
        """E-value of harm that rolls back: G guardrails share the error, so each must show G times as much (Bonferroni)."""
        return len(self.guardrails) / self.alpha_rollback

    @property
    def spends(self) -> bool:
        """Whether the primary is judged by alpha spending.

        That takes a maximum to spend up to, and pairs of one and one: only then is a difference symmetric where there is no effect, and z
        as good as normal from the first look. At 10:90 the same boundaries are crossed by 7 to 14 % of skewed nulls instead of 5 %.
        """
        return self.max_blocks is not None and all(shape(s) == (1, 1) for s in self.splits)
