"""How much a day resembles the day before, learnt from all agents together, and series in which nothing else happens.

One series of eight weeks says too little about its own autocorrelation: tests that rely on it find trends in four of
ten flat series. The agents of one firm, asked the same thing, say enough together.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache

import numpy as np

from prisma_assets.domain.learning.weekday import Days, Numbers, without_weekdays

GRID = (-0.3, 0.0, 0.3, 0.6, 0.9)
"""Autocorrelations simulated; between them the curve is straight to 0.01. At 0.9 eight weeks hold the information of three
days; more is a trend by another name."""
CURVE_DRAWS = 500
"""Series per point of the curve: its median is known to 0.01."""
MIN_PAIRS = 14
"""Neighbouring days from which a series has a say: fewer give a standard error above 0.27."""
MIN_SERIES = 10
"""Series that must agree before their median is believed (standard error about 0.05); below, caution."""
SPREAD_BY_CHANCE = 1.5
"""Times the error's variance that fifty series show although they share one autocorrelation: their spread is itself known to a third."""
CAUTION = 0.3
"""Autocorrelation assumed at least where too few series speak: usual for daily figures of services."""
_STEP = 0.02
"""Grain of an estimate, so that what is simulated for one day answers for the next."""
_SEED = 20261123


@dataclass(frozen=True)
class Present:
    """What there is of one series."""

    days: Days
    """Days with data, counted from the first of them."""
    values: Numbers
    adjusted: Numbers
    """The values without their weekly pattern."""

    @property
    def autocorrelation(self) -> float | None:
        """Lag-1 autocorrelation by this series alone, -0.3 to 0.9; None with too few neighbouring days or one value.

        The one whose simulated series, of the same days and treated the same way, have the rank autocorrelation seen:
        that undoes the bias from taking trend and weekdays away.

        Assumes: stationary but for a trend.
        Source: indirect inference, Gourieroux, Monfort & Renault (1993), J. Appl. Econometrics 8, S85.
        """
        pairs = (np.diff(self.days) == 1).sum()
        if pairs < MIN_PAIRS or np.ptp(self.values) == 0:
            return None
        seen = rank_autocorrelation(self.adjusted[None, :], self.days)[0]
        return float(np.interp(seen, _curve(tuple(self.days.tolist())), GRID))


def present(values: Sequence[float | None]) -> Present:
    """The days with data."""
    pairs = [(day, value) for day, value in enumerate(values) if value is not None]
    days = np.array([day for day, _ in pairs], dtype=np.int64)
    numbers = np.array([value for _, value in pairs], dtype=np.float64)
    if not pairs:
        return Present(days, numbers, numbers)
    days -= days[0]
    return Present(days, numbers, without_weekdays(numbers[None, :], days)[0])


def pooled_autocorrelation(said: Sequence[float]) -> float:
    """Autocorrelation that series have in common, 0 to 0.9: the median, so that a tenth of them may change otherwise.

    Args:
        said: What each of them says by itself.
    """
    pooled = max(0.0, float(np.median(said))) if said else CAUTION
    if len(said) < MIN_SERIES:
        pooled = max(pooled, CAUTION)
    return round(round(pooled / _STEP) * _STEP, 2)


def spread_of(said: Sequence[tuple[float, float]]) -> float:
    """Standard deviation of the true autocorrelations of series, 0 or more; 0: they may well share one.

    Args:
        said: What each series says by itself, and the standard error of that.

    Source: method of moments for random effects, DerSimonian & Laird (1986), Controlled Clinical Trials 7, 177, with the quartiles'
        cousins (16 and 84 of 100) for the variance, so that a tenth of them may change otherwise.
    """
    if len(said) < MIN_SERIES:
        return 0.0
    low, high = np.quantile([own for own, _ in said], (0.159, 0.841))
    error = float(np.median([error for _, error in said]))
    beyond = ((high - low) / 2) ** 2 - SPREAD_BY_CHANCE * error**2
    return float(np.sqrt(max(0.0, beyond)))


def believed(own: float, *, error: float, pooled: float, spread: float) -> tuple[float, float]:
    """What is believed of one series' autocorrelation: mean and standard deviation.

    Assumes: normal, around the pooled value and around the truth.
    Source: empirical Bayes, Efron & Morris (1973), JASA 68, 117.
    """
    weight = spread**2 / (spread**2 + error**2)
    return pooled + weight * (own - pooled), error * weight**0.5


@lru_cache(maxsize=512)  # one per pattern of missing days and autocorrelation
def own_error(days: tuple[int, ...], phi: float) -> float:
    """Standard error of what one series of these days says of its own autocorrelation, by simulation."""
    at = np.array(days, dtype=np.int64)
    flat = without_weekdays(flat_series(CURVE_DRAWS, at, phi), at)
    said = np.interp(rank_autocorrelation(flat, at), _curve(days), GRID)
    low, high = np.quantile(said, (0.159, 0.841))
    return float(high - low) / 2


@lru_cache(maxsize=512)  # one per pattern of missing days: a fleet has tens of them
def _curve(days: tuple[int, ...]) -> Numbers:
    """Median rank autocorrelation of simulated series, for each autocorrelation of the grid."""
    at = np.array(days, dtype=np.int64)
    medians = []
    for phi in GRID:
        flat = without_weekdays(flat_series(CURVE_DRAWS, at, phi), at)
        medians.append(np.median(rank_autocorrelation(flat, at)))
    rising: Numbers = np.maximum.accumulate(medians)
    return rising


def rank_autocorrelation(adjusted: Numbers, days: Days) -> Numbers:
    """Lag-1 autocorrelation of the ranks, without their trend, of each row; shape (series,), within -1 to 1.

    Ranks before anything is fitted, because one wild day would decide it else; a constant series has 0.
    """
    from scipy.stats import rankdata

    at = days - days.mean()
    ranks = rankdata(adjusted, axis=1)
    ranks -= ranks.mean(axis=1, keepdims=True)
    ranks -= np.outer((ranks @ at) / (at @ at), at)
    neighbours = np.flatnonzero(np.diff(days) == 1)
    products = (ranks[:, neighbours] * ranks[:, neighbours + 1]).mean(axis=1)
    variance = (ranks**2).mean(axis=1)
    ratio: Numbers = np.divide(products, variance, out=np.zeros_like(products), where=variance > 0)
    return ratio


def flat_series(draws: int, days: Days, phi: float) -> Numbers:
    """Normal series of variance 1 without trend or season, on these days; shape (draws, n). The same for ever.

    Args:
        draws: How many.
        days: Rising day numbers, the first 0.
        phi: Correlation of neighbouring days, -1 to 1 exclusive.
    """
    from scipy.signal import lfilter

    shocks = _shocks(draws, int(days[-1]) + 1).copy()
    innovation = np.sqrt(1 - phi**2)
    shocks[:, 0] /= innovation  # begins in the stationary distribution
    series: Numbers = lfilter([innovation], [1.0, -phi], shocks, axis=1)[:, days]
    return series


@lru_cache(maxsize=8)
def _shocks(draws: int, n: int) -> Numbers:
    return np.random.default_rng(_SEED).standard_normal((draws, n))
