"""Since when a daily figure has another level: whether there was a shift at all, and on which days.

Slow drifts belong to `trend`, single strange values to the anomaly detector.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from prisma_assets.domain.learning.autocorrelation import Present, present
from prisma_assets.domain.learning.tracked import (
    DailySeries,
    Direction,
    Tracked,
    direction_of,
)
from prisma_assets.domain.learning.weekday import Numbers

HISTORY_DAYS = 182
"""26 weeks looked back on: half a year holds a season's worth of releases and stays a small question."""
MIN_DAYS = 56
"""Values below which nothing is concluded: eight blocks of a week can be ordered in 40,320 ways, four in 24."""
MIN_SEGMENT = 5
"""A level that lasts less than a working week is an incident."""
BLOCK = 7
"""Neighbouring days shuffled together up to a year, so that they stay as alike as they are; twice that beyond."""
PERMUTATIONS = 4_999
"""Smallest p-value 1 in 5,000."""
FALSE_DISCOVERY_RATE = 0.05
"""Nominal share of series told of that have not shifted. Shuffled blocks make p a little too small: at 0.05 one in eleven
was false, at 0.10 one in five (26 weeks, autocorrelation 0.4; benchmarks/trends.py)."""
PENALTY = 3.0
"""Times log n and the long-run variance that a further level must explain. With 2, one flat series of 60 days in eight
is cut; with 3 one in twenty-five (benchmarks/trends.py)."""
MAX_AUTOCORRELATION = 0.9
"""Above, a series wanders rather than keeps levels, and the penalty would have no bound."""
FIRST_LOOK = 499
"""Permutations after which a series that is plainly flat is left: most are, and this makes all of them four times faster."""
PLAINLY_FLAT = 0.2
"""The p-value that is: four times the largest that could still be told."""
_SEED = 20261123


@dataclass(frozen=True, kw_only=True)
class Shift:
    """The one shift of level that a series shows most of."""

    at: int
    """Index of the first value at the new level."""
    p: float
    """Chance of as large a shift in a series of one level, in (0, 1]."""


@dataclass(frozen=True, kw_only=True)
class Level:
    """Values between two changes."""

    start: int
    """Index of the first."""
    end: int
    """Index behind the last."""
    mean: float


@dataclass(frozen=True, kw_only=True)
class ChangePoint:
    """A day from which a figure of an agent has another level."""

    agent_id: str
    metric: Tracked
    day: int
    """Index of the day in the series."""
    before: float
    """Mean of the level before, in the metric's unit."""
    after: float
    size: float
    """Distance of the two in standard deviations of a day."""
    q: float
    """False-discovery rate at which the series is said to have shifted at all, in (0, 0.05]."""

    @property
    def direction(self) -> Direction:
        """What the change means; NONE when it is too small to matter."""
        return direction_of(self.metric, self.after - self.before, level=self.before)


def find_change_points(series: Sequence[DailySeries]) -> list[ChangePoint]:
    """The days on which figures changed their level by more than chance and more than their margin.

    A series is cut only when the test for one shift, over all series together, says that it shifted.

    Args:
        series: All agents and metrics of one window, each at most once. Those with fewer than 56 days of data are left out.
    """
    from scipy.stats import false_discovery_control

    kept = [(one, present(one.values)) for one in series]
    kept = [(one, days) for one, days in kept if len(days.days) >= MIN_DAYS]
    if not kept:
        return []
    shifts = [recent_shift(days.adjusted) for _, days in kept]
    qs = false_discovery_control([shift.p for shift in shifts])
    return [
        point
        for (one, days), shift, q in zip(kept, shifts, qs, strict=True)
        if q <= FALSE_DISCOVERY_RATE
        for point in _points(one, days, shift, q=float(q))
        if point.direction is not Direction.NONE
    ]


def _points(one: DailySeries, days: Present, shift: Shift, *, q: float) -> list[ChangePoint]:
    cuts = segment(days.adjusted) or [shift.at]
    levels = levels_of(days.adjusted, cuts)
    spread = _spread(days.adjusted, levels)
    first = next(n for n, value in enumerate(one.values) if value is not None)
    return [
        ChangePoint(
            agent_id=one.agent_id,
            metric=one.metric,
            day=first + int(days.days[after.start]),
            before=before.mean,
            after=after.mean,
            size=abs(after.mean - before.mean) / spread,
            q=q,
        )
        for before, after in pairwise(levels)
    ]


def levels_of(values: Numbers, cuts: Sequence[int]) -> list[Level]:
    """The stretches between cuts, with their means."""
    ends = pairwise([0, *cuts, len(values)])
    return [Level(start=a, end=b, mean=float(values[a:b].mean())) for a, b in ends]


def _spread(values: Numbers, levels: Sequence[Level]) -> float:
    """Standard deviation of a day round its level; the smallest positive number when there is none."""
    squares = sum(((values[one.start : one.end] - one.mean) ** 2).sum() for one in levels)
    return max(float(np.sqrt(squares / (len(values) - len(levels)))), float(np.finfo(float).tiny))


def recent_shift(values: Numbers) -> Shift:
    """Whether the level shifted once, and where.

    The largest distance between a cumulative sum and the straight line to its end, against the same of the series with
    its blocks of days in random order. A first part of less than a block is left out, so that blocks are whole.

    Args:
        values: In order of time, without a weekly pattern; at least two blocks of 7.

    Assumes: blocks are exchangeable when there is no shift: days more than a week apart hardly resemble each other.
    Source: Page (1954), Biometrika 41, 100; block permutation: Kirch (2007), J. Stat. Plan. Inference 137, 1199.
    """
    block = BLOCK if len(values) < 366 else 2 * BLOCK
    blocks = len(values) // block
    left_out = len(values) - blocks * block
    kept = values[left_out:] - values[left_out:].mean()
    sums = np.abs(np.cumsum(kept))[:-1]
    at = left_out + int(sums.argmax()) + 1
    p = _p_value(kept.reshape(blocks, block), sums.max(), _orders(blocks)[:FIRST_LOOK])
    if p < PLAINLY_FLAT:
        p = _p_value(kept.reshape(blocks, block), sums.max(), _orders(blocks))
    return Shift(at=at, p=p)


def _p_value(blocks: Numbers, seen: float, orders: NDArray[np.int64]) -> float:
    """Share of the orders with as large a sum, the one seen among them."""
    shuffled = blocks[orders].reshape(len(orders), -1)
    highest = np.abs(np.cumsum(shuffled, axis=1)).max(axis=1)
    # Equal sums in another order differ in their last digit.
    return (int((highest >= seen * (1 - 1e-9)).sum()) + 1) / (len(orders) + 1)


@lru_cache(maxsize=64)  # one per length in blocks
def _orders(blocks: int) -> NDArray[np.int64]:
    """Random orders of that many blocks, always the same."""
    rows = np.tile(np.arange(blocks), (PERMUTATIONS, 1))
    return np.random.default_rng(_SEED).permuted(rows, axis=1)


def segment(values: Numbers) -> list[int]:
    """Where the level changes: indices of the first value of each level but the first.

    The cuts that least squares and a penalty per level prefer over all others. The penalty is that for independent values
    times the long-run variance: with the textbook's, nine of ten series without a shift are cut.

    Args:
        values: In order of time, without a weekly pattern.

    Assumes: constant levels and noise of one lag; a drift is cut into steps.
    Source: PELT, Killick, Fearnhead & Eckley (2012), JASA 107, 1590; penalty for dependent noise, Lavielle & Moulines
        (2000), J. Time Series Analysis 21, 33.
    Checked against: benchmarks/trends.py, sixteen series annotated by five people each.
    """
    long_run = long_run_variance(values)
    if len(values) < 2 * MIN_SEGMENT or long_run == 0:
        return []
    from ruptures import KernelCPD

    found = KernelCPD(kernel="linear", min_size=MIN_SEGMENT).fit(values[:, None])
    cuts: list[int] = found.predict(pen=PENALTY * np.log(len(values)) * long_run)
    return cuts[:-1]


def long_run_variance(values: Numbers) -> float:
    """Variance of a day times (1+phi)/(1-phi), from differences, which shifts of level hardly touch; 0 when constant.

    With noise of lag-1 autocorrelation phi, squared differences over one day have the mean 2 v (1-phi), over two days
    2 v (1-phi^2).
    """
    one, two = np.mean(np.diff(values) ** 2), np.mean((values[2:] - values[:-2]) ** 2)
    if one == 0:
        return 0.0
    phi = float(np.clip(two / one - 1, 0, MAX_AUTOCORRELATION))
    variance = one / 2 / (1 - phi)
    return float(variance * (1 + phi) / (1 - phi))
