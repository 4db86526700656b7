"""Which figures of which agents drift, from eight weeks of days, judged together.

The slope is robust, its significance knows that days resemble each other, and of everything called a trend at most a
tenth is expected to be none. Sudden changes belong to `change_point`.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from prisma_assets.domain.learning.autocorrelation import (
    MIN_SERIES,
    Present,
    believed,
    flat_series,
    own_error,
    pooled_autocorrelation,
    present,
    spread_of,
)
from prisma_assets.domain.learning.slope import theil_sen
from prisma_assets.domain.learning.tracked import (
    DailySeries,
    Direction,
    Tracked,
    direction_of,
)
from prisma_assets.domain.learning.weekday import Days, Numbers, without_weekdays

WINDOW_DAYS = 56
"""Eight weeks: with four, a drift of two standard deviations is found one time in ten (benchmarks/trends.py)."""
MIN_DAYS = 28
"""Days with data of those: fewer have next to no chance to be significant, and cost the other series theirs."""
FALSE_DISCOVERY_RATE = 0.10
"""Expected share of false ones among the trends told; a reader checks ten to be misled once."""
_GRAIN = 0.05
NULL_DRAWS = 5_000
"""Series simulated: a p-value of 1 in 100 is known to a seventh of itself."""
FEW_DRAWS = 5
"""Simulated series as extreme as the one seen, below which their number is chance itself."""


@dataclass(frozen=True, kw_only=True)
class Trend:
    """How one figure of one agent moved over the window."""

    agent_id: str
    metric: Tracked
    days: int
    """Days with data, at least 28."""
    level: float
    """Median of the days, in the metric's unit."""
    slope: float
    """Change per day, in the metric's unit."""
    change: float
    """Change from the first day with data to the last: slope times days between."""
    p: float
    """Chance of a statistic as extreme without a trend, in (0, 1]."""
    q: float
    """The smallest false-discovery rate at which this one is called a trend, in (0, 1]; over all series judged together."""
    direction: Direction
    """Better or worse when significant and beyond the metric's margin."""

    @property
    def relative_slope(self) -> float | None:
        """Change per day as a share of the level; None when the level is 0."""
        return self.slope / abs(self.level) if self.level else None

    @property
    def is_significant(self) -> bool:
        """True when it is a trend worth telling: by chance and by size."""
        return self.direction is not Direction.NONE


def find_trends(series: Sequence[DailySeries]) -> list[Trend]:
    """The trend of every series with at least 28 days of data, in the order given.

    Args:
        series: All agents and metrics of one window, each at most once: they are judged together.

    Returns:
        One per series with enough data. A series that is left out says nothing, not that it has no trend.

    Assumes: the autocorrelations of a metric's series, of lag 1, lie around one value; how far is learnt from them.
    Source: Theil (1950), Sen (1968, JASA 63, 1379) for the slope; Mann (1945), Kendall (1975) for the statistic;
        Benjamini & Hochberg (1995, JRSS B 57, 289) for q. The null distribution is simulated.
    Checked against: tests/unit/learning/test_trend.py; benchmarks/trends.py.
    """
    from scipy.stats import false_discovery_control

    kept = [(one, present(one.values)) for one in series]
    kept = [(one, days) for one, days in kept if len(days.days) >= MIN_DAYS]
    if not kept:
        return []
    shared = _autocorrelations(kept)
    ps = [_p_value(days, shared[one.metric]) for one, days in kept]
    qs = false_discovery_control(ps)
    return [
        _trend(one, days, p=p, q=float(q)) for (one, days), p, q in zip(kept, ps, qs, strict=True)
    ]


@dataclass(frozen=True, kw_only=True)
class _Shared:
    """What the series of a metric have in common."""

    phi: float
    """Autocorrelation in the middle of theirs."""
    spread: float
    """Standard deviation of theirs around it."""


def _autocorrelations(kept: Sequence[tuple[DailySeries, Present]]) -> Mapping[Tracked, _Shared]:
    """One per metric; from all metrics together where too few agents report one."""
    said: dict[Tracked, list[tuple[float, Present]]] = {one.metric: [] for one, _ in kept}
    for one, days in kept:
        own = days.autocorrelation
        if own is not None:
            said[one.metric].append((own, days))
    everything = pooled_autocorrelation([own for each in said.values() for own, _ in each])
    return {metric: _shared(each, everything) for metric, each in said.items()}


def _shared(said: Sequence[tuple[float, Present]], everything: float) -> _Shared:
    if len(said) < MIN_SERIES:
        return _Shared(phi=everything, spread=0.0)
    phi = pooled_autocorrelation([own for own, _ in said])
    return _Shared(phi=phi, spread=spread_of([(own, own_error(_pattern(s), phi)) for own, s in said]))  # fmt: skip


def _pattern(series: Present) -> tuple[int, ...]:
    return tuple(series.days.tolist())


def _p_value(series: Present, shared: _Shared) -> float:
    """Two-sided; where autocorrelations differ, the mean over what is believed of this series' own.

    Source: Gauss-Hermite quadrature of three points (Abramowitz & Stegun 1964, 25.4.46).
    """
    own = series.autocorrelation
    if own is None or not shared.spread:
        return _p_given(series, shared.phi)
    error = own_error(_pattern(series), shared.phi)
    mean, sd = believed(own, error=error, pooled=shared.phi, spread=shared.spread)
    off = sd * 3**0.5
    points = ((mean - off, 1 / 6), (mean, 2 / 3), (mean + off, 1 / 6))
    return sum(weight * _p_given(series, _grained(phi)) for phi, weight in points)


def _grained(phi: float) -> float:
    """One of few autocorrelations: what is simulated for one series answers for others."""
    return round(min(max(round(phi / _GRAIN) * _GRAIN, 0.0), 0.9), 2)


def _p_given(series: Present, phi: float) -> float:
    """By simulation (Davison & Hinkley 1997, eq. 4.11); beyond what is simulated, by the curve fitted to it."""
    seen = abs(int(_mann_kendall(series.adjusted[None, :])[0]))
    null = _null(_pattern(series), phi)
    as_extreme = len(null) - int(np.searchsorted(null, seen))
    simulated = (as_extreme + 1) / (len(null) + 1)
    if as_extreme >= FEW_DRAWS:
        return simulated
    return min(simulated, _tail(seen, null, pairs=len(series.days) * (len(series.days) - 1) // 2))


def _tail(seen: int, null: NDArray[np.int64], *, pairs: int) -> float:
    """Chance of a statistic that large if the share of rising less falling pairs is distributed as a correlation is.

    With the variance that was simulated. At 1 in 10,000 the true chance is 0.05 to 1.4 times this, for autocorrelations
    from 0.7 to 0 and 28 to 56 days (200,000 series each): it errs to the safe side.

    Source: Student's t for a correlation, Fisher (1915), Biometrika 10, 507.
    """
    from scipy.stats import t

    share = (
        min(seen, pairs - 1) / pairs
    )  # not quite all pairs, so that the chance is not quite none
    freedom = 1 / float(np.mean((null / pairs) ** 2)) - 1
    return float(2 * t.sf(share * np.sqrt(freedom / (1 - share**2)), freedom))


@lru_cache(maxsize=512)  # one per pattern of missing days and autocorrelation, 40 kB each
def _null(days: tuple[int, ...], phi: float) -> NDArray[np.int64]:
    """Sorted absolute statistics of series of these days without a trend."""
    at: Days = np.array(days, dtype=np.int64)
    flat = without_weekdays(flat_series(NULL_DRAWS, at, phi), at)
    return np.sort(np.abs(_mann_kendall(flat)))


def _mann_kendall(values: Numbers) -> NDArray[np.int64]:
    """Pairs that rise minus pairs that fall, of each row (Mann 1945)."""
    days = np.ascontiguousarray(values.T)
    total = np.zeros(len(values), dtype=np.int64)
    for lag in range(1, len(days)):
        late, early = days[lag:], days[:-lag]
        total += (late > early).sum(axis=0, dtype=np.int16)  # seven times faster than signs
        total -= (late < early).sum(axis=0, dtype=np.int16)
    return total


def _trend(one: DailySeries, series: Present, *, p: float, q: float) -> Trend:
    slope = theil_sen(series.adjusted, series.days)
    level = float(np.median(series.values))
    change = slope * int(series.days[-1])
    is_trend = q <= FALSE_DISCOVERY_RATE
    return Trend(
        agent_id=one.agent_id,
        metric=one.metric,
        days=len(series.days),
        level=level,
        slope=slope,
        change=change,
        p=p,
        q=q,
        direction=direction_of(one.metric, change, level=level) if is_trend else Direction.NONE,
    )
