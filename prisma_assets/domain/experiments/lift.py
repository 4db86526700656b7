"""What an improvement promised and what it kept: effects of experiments shrunk towards nothing, beside what their rollouts showed."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from statistics import fmean, pvariance
from typing import Literal

from prisma_assets.domain.experiments.metric import Direction

_Z = 1.959963984540054
"""Standard normal quantile of 0.975."""
FEWEST = 5
"""Experiments from which the spread of true effects is read; with fewer the practical margin stands in for it."""


@dataclass(frozen=True, kw_only=True)
class Effect:
    """A measured difference with its 95 % interval, in the metric's unit or as a relative change."""

    value: float
    low: float
    high: float

    @property
    def deviation(self) -> float:
        """Standard error; of a confidence sequence a larger one than needed, which only shrinks more."""
        return (self.high - self.low) / (2 * _Z)


def spread_of_effects(effects: Sequence[Effect], *, margin: float) -> float:
    """Standard deviation of the true effects behind measured ones, 0 or more.

    Args:
        effects: Of concluded experiments on one metric, winners and losers alike.
        margin: Smallest difference that matters; the answer where too few are known.

    Source: method of moments, Efron and Morris (1975), JASA 70(350), 311-319, section 2: the variance of what was measured less the mean
    variance of measuring.
    """
    if len(effects) < FEWEST:
        return margin
    noise = fmean(e.deviation**2 for e in effects)
    return math.sqrt(max(pvariance([e.value for e in effects]) - noise, 0.0))


def shrunk(effect: Effect, *, spread: float) -> float:
    """What an effect that was chosen for being large can be expected to be.

    Args:
        effect: As measured.
        spread: Standard deviation of true effects, 0 or more.

    Returns:
        Between 0 and the measured value.

    Source: posterior mean under a normal prior round 0; Gelman and Carlin (2014), Perspectives on Psychological Science 9(6), 641-651, on
    the exaggeration of effects that pass a threshold.
    """
    variance = effect.deviation**2
    if not spread and not variance:
        return effect.value
    return effect.value * spread**2 / (spread**2 + variance)


Kept = Literal["kept", "includes harm", "no data"]


def kept(realised: Effect | None, direction: Direction) -> Kept:
    """Whether what a rollout showed still leaves room for harm; if so, the improvement is proposed for retirement."""
    if realised is None:
        return "no data"
    worst = realised.low if direction is Direction.HIGHER else -realised.high
    return "kept" if worst >= 0 else "includes harm"
