"""What an improvement promised and what it kept: measured effects shrunk towards nothing, beside what showed at work."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from statistics import fmean, pvariance
from typing import Literal

from prisma_assets.domain.experiments.metric import Direction

_Z = 1.959963984540054
"""Standard normal quantile of 0.975."""
FEWEST_UNITS = 30
"""Units on each side before what came after is compared with what was before: fewer make no mean as good as normal."""
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


@dataclass(frozen=True, kw_only=True)
class Period:
    """Units of one version in one time."""

    n: int
    mean: float
    """Of the metric; of its logarithm where arms are compared by their ratio."""
    variance: float | None
    """Between units; None below two."""


def before_after(before: Period | None, after: Period | None, *, is_log: bool) -> Effect | None:
    """Difference of what came after from what was before; None: too few units on a side.

    No arm was drawn by lot: whatever else changed meanwhile is in it, so it is told apart from what a rollout showed.

    Args:
        before: Of the version before.
        after: Of the improvement.
        is_log: Whether the means are of logarithms; the effect is a relative change then.

    Source: Welch (1947), Biometrika 34(1-2), 28-35, with Satterthwaite's degrees of freedom, at 95 %.
    """
    from scipy.stats import t

    if before is None or after is None or min(before.n, after.n) < FEWEST_UNITS:
        return None
    shares = [(p.variance or 0.0) / p.n for p in (before, after)]
    squares = sum(s**2 / (p.n - 1) for s, p in zip(shares, (before, after), strict=True))
    half = float(t.ppf(0.975, sum(shares) ** 2 / squares)) * math.sqrt(sum(shares)) if squares else 0.0  # fmt: skip
    change = after.mean - before.mean
    value, low, high = (math.expm1(c) if is_log else c for c in (change, change - half, change + half))  # fmt: skip
    return Effect(value=value, low=low, high=high)


def spread_of_effects(effects: Sequence[Effect], *, margin: float) -> float:
    """Standard deviation of the true effects behind measured ones, 0 or more.

    Args:
        effects: Found in one way for one metric, winners and losers alike.
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
