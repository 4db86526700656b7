"""The same judgement where only counts, means and variances per arm are known, look by look.

What is bet on or compared with a boundary is the difference of means; that it is as good as normal is an assumption here, where single
units would need none.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import brentq

from prisma_assets.domain.experiments.betting import MULTIPLES, WEIGHTS, log_mixture
from prisma_assets.domain.experiments.design import Design
from prisma_assets.domain.experiments.metric import Direction, Metric, Role
from prisma_assets.domain.experiments.spending import LOOKS, POWER, boundaries
from prisma_assets.domain.experiments.track import Estimate
from prisma_assets.domain.experiments.verdict import Finding

Numbers = NDArray[np.float64]

FEWEST_UNITS = 100
"""Of either arm before a look counts: from here on a mean of shopping or token counts is near enough to normal."""


@dataclass(frozen=True, kw_only=True)
class Arm:
    """One arm at every look, from the start of the experiment to it."""

    count: Numbers
    mean: Numbers
    variance: Numbers
    """Of one unit; NaN where it is not known."""


@dataclass(frozen=True, kw_only=True)
class Looks:
    """One metric of one experiment over time."""

    control: Arm
    treated: Arm
    splits: Numbers
    """Share of the treatment in force up to each look since the one before."""


class SummaryTrack:
    """Judges one metric at every look."""

    def __init__(self, metric: Metric, design: Design, looks: Looks) -> None:
        self.metric = metric
        self.design = design
        self.looks = looks
        self.fault = _fault(looks)
        """Why the figures cannot be; None: they can."""
        self.weight, self.score, self.spread = _accumulated(looks)
        if metric.direction is Direction.LOWER:
            self.score = -self.score
        enough = np.minimum(looks.control.count, looks.treated.count) >= FEWEST_UNITS
        usable = enough & np.isfinite(self.spread) & (self.spread > 0)
        self.judged = np.flatnonzero(usable) if self.fault is None else np.array([], dtype=int)
        """Looks that count."""

    @property
    def margin(self) -> float:
        """In the metric's unit; a relative one refers to the control at the first look."""
        if not self.metric.is_relative:
            return self.metric.margin
        return self.metric.margin * abs(float(self.looks.control.mean[self.judged[0]]))

    def finding(self) -> Finding:
        """What was established, and at which look (counted from 1)."""
        if not len(self.judged) or not self.margin:
            return Finding(name=self.metric.name)
        if self.design.spends and self.metric.role is Role.PRIMARY:
            return self._spent()
        return self._bet()

    def _spent(self) -> Finding:
        at, times, bounds = self._schedule
        z = self.score[at] / np.sqrt(self.spread[at])
        return Finding(
            name=self.metric.name,
            better_at=_first(z >= bounds, at),
            worse_at=_first(z <= -bounds, at),
            ended_at=_first(times >= 1, at),
        )

    @cached_property
    def _schedule(self) -> tuple[NDArray[np.intp], Numbers, Numbers]:
        """Looks that can decide, their shares of the declared maximum (the last at most 1), and the boundaries there."""
        share = 2 * self.weight[self.judged] / (self.design.max_blocks or 1)
        chosen: list[int] = []
        for i, reached in enumerate(share):
            # Half a percent of the maximum lies between looks; the one just before the end is left out for the end's sake.
            is_apart = reached - (share[chosen[-1]] if chosen else 0.0) >= 1 / LOOKS
            if is_apart and not 1 - 1 / LOOKS < reached < 1:
                chosen.append(i)
            if reached >= 1:
                break
        times = np.minimum(share[chosen], 1.0)
        spent = self.design.alpha * times**POWER
        return self.judged[chosen], times, np.array(boundaries(times.tolist(), spent.tolist()))

    def _bet(self) -> Finding:
        alpha, at = self.design.alpha, self.judged
        up, down = (self.log_evidence(at, side=s) for s in (1, -1))
        if self.metric.role is Role.GUARDRAIL:
            safe = self.log_evidence(at, mean=-self.margin)
            return Finding(
                name=self.metric.name,
                harmed_at=_first(down >= math.log(self.design.harm_evidence), at),
                safe_at=_first(safe >= -math.log(alpha), at),
            )
        enough = math.log(2 / alpha)
        return Finding(
            name=self.metric.name,
            better_at=_first(up >= enough, at),
            worse_at=_first(down >= enough, at),
        )

    def log_evidence(self, at: NDArray[np.intp], *, side: int = 1, mean: float = 0.0) -> Numbers:
        """Log e-value against "the difference is at most `mean`" (side 1) or at least (side -1) at looks.

        Source: exp(stake S - stake^2 V / 2) is a supermartingale for normal S, Robbins (1970), Annals of Mathematical Statistics 41,
        1397-1409; for means of any distribution in the limit, Waudby-Smith and others (2024), Annals of Statistics 52(6).
        """
        first = self.judged[0]
        unit_variance = self.spread[first] / self.weight[first]
        stakes = np.array(MULTIPLES) * self.margin / unit_variance
        moved = side * (self.score[at] - mean * self.weight[at])
        return log_mixture(
            np.outer(moved, stakes) - np.outer(self.spread[at], stakes**2 / 2), WEIGHTS
        )

    def estimate(self, look: int) -> Estimate | None:
        """Effect and confidence sequence at the last judged look up to one counted from 1; None: there is none."""
        seen = self.judged[self.judged < look]
        if not len(seen):
            return None
        i = seen[-1:]
        centre, half = float(self.score[i[0]] / self.weight[i[0]]), self._half_width(i)
        base = abs(float(self.looks.control.mean[i[0]])) if self.metric.is_relative else 1.0
        sign = -1 if self.metric.direction is Direction.LOWER else 1
        return Estimate(
            blocks=int(min(self.looks.control.count[i[0]], self.looks.treated.count[i[0]])),
            effect=sign * centre / base,
            low=None if half is None else (sign * centre - half) / base,
            high=None if half is None else (sign * centre + half) / base,
        )

    def _half_width(self, at: NDArray[np.intp]) -> float | None:
        scale = math.sqrt(float(self.spread[at[0]])) / float(self.weight[at[0]])
        if self.design.spends and self.metric.role is Role.PRIMARY:
            deciding, _, bounds = self._schedule
            passed = np.flatnonzero(deciding <= at[0])
            return float(bounds[passed[-1]]) * scale if len(passed) else None
        centre = float(self.score[at[0]] / self.weight[at[0]])
        enough = math.log(2 / self.design.alpha)

        def excess(half: float) -> float:
            return float(self.log_evidence(at, mean=centre - half)[0]) - enough

        widest = 1e6 * scale
        return float(brentq(excess, 0.0, widest)) if excess(widest) > 0 else None

    def log_e_value(self, look: int) -> float | None:
        """Evidence that the arms differ at a look counted from 1; None: nothing was judged by then."""
        seen = self.judged[self.judged < look][-1:]
        if not len(seen) or not self.margin:
            return None
        sides = [float(self.log_evidence(seen, side=s)[0]) for s in (1, -1)]
        return float(np.logaddexp(sides[0], sides[1]) - math.log(2))


def _accumulated(looks: Looks) -> tuple[Numbers, Numbers, Numbers]:
    """Weight, weighted difference and its variance at each look, differences taken within each allocation.

    Source: Mantel and Haenszel's weights n_t n_c / (n_t + n_c), which do not depend on outcomes as inverse variances would.
    """
    starts = np.flatnonzero(np.diff(looks.splits, prepend=np.nan) != 0)
    segment = np.searchsorted(starts, np.arange(len(looks.splits)), side="right") - 1
    base = starts[segment] - 1
    sides = [_since(arm, base) for arm in (looks.treated, looks.control)]
    (n_t, mean_t, var_t), (n_c, mean_c, var_c) = sides
    with np.errstate(divide="ignore", invalid="ignore"):
        weight = n_t * n_c / (n_t + n_c)
        score = weight * (mean_t - mean_c)
        spread = weight**2 * (var_t / n_t + var_c / n_c)
    done = [np.concatenate([[0.0], np.cumsum(x[starts[1:] - 1])]) for x in (weight, score, spread)]
    weight, score, spread = (
        x + d[segment] for x, d in zip((weight, score, spread), done, strict=True)
    )
    return weight, score, spread


def _since(arm: Arm, base: NDArray[np.intp]) -> tuple[Numbers, Numbers, Numbers]:
    """Count, mean and variance of the units since the look before the allocation changed (-1: since the start)."""
    total, squares = arm.count * arm.mean, arm.count * (arm.variance + arm.mean**2)
    n, s, q = (
        np.where(base < 0, x, x - x[np.maximum(base, 0)]) for x in (arm.count, total, squares)
    )
    with np.errstate(divide="ignore", invalid="ignore"):
        mean = s / n
        variance = np.where(base < 0, arm.variance, np.maximum(q / n - mean**2, 0.0))
    return n, mean, variance


def _fault(looks: Looks) -> str | None:
    for name, arm in (("control", looks.control), ("treatment", looks.treated)):
        falls = np.flatnonzero(np.diff(arm.count) < 0)
        if len(falls):
            i = int(falls[0])
            return f"the {name}'s units fall from {arm.count[i]:.0f} to {arm.count[i + 1]:.0f}"
    return None


def _first(hit: NDArray[np.bool_], at: Sequence[int] | NDArray[np.intp]) -> int | None:
    """Look, counted from 1, of the first hit."""
    return int(at[int(hit.argmax())]) + 1 if hit.any() else None
