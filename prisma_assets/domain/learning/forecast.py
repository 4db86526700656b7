"""The next four weeks of a daily figure, each day with an interval that has kept its word on the days gone by."""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum

import numpy as np

from prisma_assets.domain.learning.slope import theil_sen
from prisma_assets.domain.learning.weekday import Days, Numbers, weekday_effects

HORIZON_DAYS = 28
"""Four weeks: what a manager staffs and a budget is looked at for."""
HISTORY_DAYS = 182
"""26 weeks: each of the four weeks ahead is judged by at least twenty weeks of forecasts that were not its own."""
MIN_DAYS = 56
"""Days with data: four weeks to forecast from and four to be wrong in."""
COVERAGE = 0.80
"""Share of days meant to lie within the interval; more would need years of errors to know its ends."""
_WINDOW = 56
"""Days a forecast rests on: eight of each weekday."""
_MIN_WINDOW = 20
"""Days with data in those, below which a day gone by is not forecast."""
_ORIGINS = 40
"""Days gone by from which is forecast, at most, evenly spread."""
_MIN_ERRORS = 9
"""Errors per week ahead: of fewer, the largest is not yet beyond nine in ten (Vovk et al. 2005)."""
_HALF_LIFE = 7.0
"""Days after which a day counts half for the level: a new level is believed within two weeks."""
_WEEKS = [slice(day, day + 7) for day in range(0, HORIZON_DAYS, 7)]
"""The days of each week ahead."""
_DAMPING = 0.9
"""Share of a day's slope that is expected the day after (Gardner & McKenzie 1985): in all nine days' worth."""


class Foreseen(StrEnum):
    """What is forecast of every agent."""

    LOAD = "load"
    """Runs per day."""
    COST = "cost"
    """US dollars per day."""
    QUALITY = "quality"
    """Mean accuracy of the day's judged runs, 0 to 1."""


@dataclass(frozen=True, kw_only=True)
class Expected:
    """One day ahead, in the figure's unit."""

    ahead: int
    """Days after the last of the history, 1 to 28."""
    value: float
    low: float
    """Four of five days are meant to lie from here to `high`."""
    high: float


def forecast(figure: Foreseen, history: Sequence[float | None]) -> list[Expected]:
    """The next 28 days, from 26 weeks at most.

    A robust level and weekly pattern, and a slope that fades. The interval is the middle four fifths of the errors that
    the same rule made on the days gone by, by weeks ahead.

    Args:
        figure: What it is; loads and costs are forecast as square roots, so that they vary as much when high as when low.
        history: A value per day, the oldest first; None is no data.

    Returns:
        Nothing with fewer than 56 days of data, or too few of them in a row to have been wrong. A weekday without data in eight weeks is left out.

    Assumes: the next weeks go wrong as the last did. A launch or a new contract is in nobody's history.
    Source: damped trend, Gardner & McKenzie (1985), Management Science 31, 1237; intervals, Vovk, Gammerman & Shafer
        (2005), ch. 2, in the form for series of Xu & Xie (2021), ICML.
    Checked against: benchmarks/trends.py, beside last week's values.
    """
    known = np.array([np.nan if v is None else v for v in history[-HISTORY_DAYS:]], dtype=float)
    if np.isfinite(known).sum() < MIN_DAYS:
        return []
    series = known if figure is Foreseen.QUALITY else np.sqrt(known)
    expected = _project(series)
    if expected is None:
        return []
    errors = _errors(series)
    if any(len(_of_week(errors, week)) < _MIN_ERRORS for week in _WEEKS):
        return []
    low, high = _interval(errors, expected)
    highest = 1.0 if figure is Foreseen.QUALITY else np.inf
    rows = zip(*(_back(figure, x, highest=highest) for x in (expected, low, high)), strict=True)
    return [
        Expected(ahead=ahead, value=float(value), low=float(min(low, value)), high=float(max(high, value)))
        for ahead, (value, low, high) in enumerate(rows, start=1)
        if np.isfinite(value)
    ]  # fmt: skip


def _back(figure: Foreseen, values: Numbers, *, highest: float) -> Numbers:
    """In the figure's own unit, and within what it can be."""
    positive = np.clip(values, 0.0, highest)
    return positive if figure is Foreseen.QUALITY else positive**2


def _project(series: Numbers) -> Numbers | None:
    """The days after the last, NaN for weekdays never seen; None with too few days."""
    window = series[-_WINDOW:]
    days: Days = np.flatnonzero(np.isfinite(window))
    if len(days) < _MIN_WINDOW:
        return None
    values = window[None, days]
    effects = weekday_effects(values, days)[0]
    level = values[0] - effects[days % 7]
    slope = theil_sen(level, days)
    age = len(window) - 1 - days
    weights = 0.5 ** (age / _HALF_LIFE)
    now = np.average(_tamed(level + slope * age), weights=weights)
    ahead = np.arange(1, HORIZON_DAYS + 1)
    fading = _DAMPING * (1 - _DAMPING**ahead) / (1 - _DAMPING)
    week = effects[(len(window) - 1 + ahead) % 7]
    projected: Numbers = now + slope * fading + week
    return projected


def _tamed(values: Numbers) -> Numbers:
    """Values no farther than three standard deviations from the median of their week: a spike goes, a new level stays.

    Source: Hampel's filter, Davies & Gather (1993), JASA 88, 782.
    """
    from scipy.ndimage import median_filter

    middle = median_filter(values, size=7, mode="mirror")
    reach = 3 * 1.4826 * np.median(np.abs(values - middle))
    return np.clip(values, middle - reach, middle + reach)


def _errors(series: Numbers) -> Numbers:
    """Actual minus forecast for days gone by; shape (origins, 28), NaN where either is missing."""
    first, last = _MIN_WINDOW, len(series) - 1
    step = max(1, (last - first) // _ORIGINS)
    rows = []
    for origin in range(last, first, -step):
        projected = _project(series[:origin])
        if projected is not None:
            actual = series[origin : origin + HORIZON_DAYS]
            rows.append(np.full(HORIZON_DAYS, np.nan))
            rows[-1][: len(actual)] = actual - projected[: len(actual)]
    return np.array(rows).reshape(-1, HORIZON_DAYS)


def _of_week(errors: Numbers, week: slice) -> Numbers:
    """The errors of one week ahead, sorted."""
    these = errors[:, week]
    return np.sort(these[np.isfinite(these)])


def _interval(errors: Numbers, expected: Numbers) -> tuple[Numbers, Numbers]:
    """Ends of the interval for each day, from the errors of its week ahead: rank (n+1)(1-a) of both tails."""
    low, high = expected.copy(), expected.copy()
    for week in _WEEKS:
        seen = _of_week(errors, week)
        rank = int(np.ceil((len(seen) + 1) * (1 + COVERAGE) / 2))
        low[week] += seen[-rank]
        high[week] += seen[rank - 1]
    return low, high
