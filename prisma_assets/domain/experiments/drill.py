"""A drill of the rollback: rollouts that never were, with no fault and with one, judged by the very watch that judges real ones."""

from collections.abc import Iterator
from dataclasses import dataclass
from statistics import median

import numpy as np

from prisma_assets.domain.experiments.design import Design
from prisma_assets.domain.experiments.health import Units
from prisma_assets.domain.experiments.metric import Direction, Kind, Metric, Role
from prisma_assets.domain.experiments.rollout import STAGES
from prisma_assets.domain.experiments.rollout_watch import RolloutWatch, rollout_design

FAULT = 0.07
"""Share of the work that a faulty version fails besides: what the firm's limit for a canary is set for (.97 becomes .90)."""
_BATCH = 100
"""Units between two looks: about what a busy agent does in a minute."""
_ERRORS = Metric(
    name="error_rate", kind=Kind.BINARY, direction=Direction.LOWER, margin=0.03, role=Role.GUARDRAIL
)
_DESIGN = rollout_design(Design(metrics=(_ERRORS,), splits=(0.5,)))


@dataclass(frozen=True, kw_only=True)
class Drill:
    """What a drill found at one share of the work."""

    percent: int
    rollouts: int
    """Of each kind."""
    false_alarms: int
    """Rollouts without a fault that would have been taken back."""
    found: int
    """Rollouts with the fault that were."""
    median_treated: float | None
    """Units the faulty version served until then, in half of those that were found; None: none was."""


def drill(
    failing: float, *, rollouts: int, units: int, seed: int, percents: tuple[int, ...] = (5, 10, 50)
) -> list[Drill]:
    """Rollouts of an agent that fails this share of its work, with and without a fault.

    Args:
        failing: Share of work the version before fails, in [0, 1 - FAULT].
        rollouts: Of each kind and share of the work, 1 or more.
        units: Units of both versions in each, looked at a hundred at a time.
        seed: The same seed gives the same drill.
        percents: Shares of the work, each one of a stage's.
    """
    known = {s.percent for s in STAGES}
    rng = np.random.default_rng(seed)
    return [_at(p, failing, rollouts, units, rng) for p in percents if p in known]


def _at(percent: int, failing: float, rollouts: int, units: int, rng: np.random.Generator) -> Drill:
    false = sum(_alarm(percent, failing, failing, units, rng) is not None for _ in range(rollouts))
    alarms = [_alarm(percent, failing, failing + FAULT, units, rng) for _ in range(rollouts)]
    found = [treated for treated in alarms if treated is not None]
    return Drill(
        percent=percent, rollouts=rollouts, false_alarms=false, found=len(found),
        median_treated=median(found) if found else None,
    )  # fmt: skip


def _alarm(
    percent: int, control: float, treated: float, units: int, rng: np.random.Generator
) -> int | None:
    """Units the new version had served when harm was shown; None: it was not."""
    watch, served = RolloutWatch(_DESIGN), 0
    for batch in _batches(percent, control, treated, units, rng):
        watch.update(batch)
        served += int(batch.treated.sum())
        if watch.watched().harmed is not None:
            return served
    return None


def _batches(
    percent: int, control: float, treated: float, units: int, rng: np.random.Generator
) -> Iterator[Units]:
    split = percent / 100
    for start in range(0, units, _BATCH):
        n = min(_BATCH, units - start)
        arms = rng.random(n) < split
        failed = (rng.random(n) < np.where(arms, treated, control)).astype(float)
        yield Units(treated=arms, splits=np.full(n, split), values={"error_rate": failed})
