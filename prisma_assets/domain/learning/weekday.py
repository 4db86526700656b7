"""What a day of the week usually adds to a daily figure, taken away before anything else is asked of the series."""

import numpy as np
from numpy.typing import NDArray

Numbers = NDArray[np.float64]
Days = NDArray[np.int64]

TRIMMED_FROM = 5
"""Days of one weekday from which the lowest and the highest are left out of its mean: three must remain."""


def without_weekdays(values: Numbers, days: Days) -> Numbers:
    """Series without their weekly pattern, at the same level.

    The effect of a weekday is the mean of its days but for the lowest and the highest, less the mean of all weekdays:
    one wild day moves nothing, and the variance is 7 % above that of plain means (8 weeks, normal), not 34 % as a median's.

    Args:
        values: One series per row, shape (series, n), any unit.
        days: Day number of each column, shape (n,), rising; equal modulo 7 is the same weekday.

    Returns:
        Shape and unit of `values`.
    """
    weekday = days % 7
    level: Numbers = values - weekday_effects(values, days)[:, weekday]
    return level


def weekday_effects(values: Numbers, days: Days) -> Numbers:
    """What each day modulo 7 adds to the mean of all; shape (series, 7), NaN where there is no such day.

    Source: trimmed means, Tukey & McLaughlin (1963), Sankhya A 25, 331.
    """
    weekday = days % 7
    present = np.unique(weekday)
    found = np.stack([_trimmed_mean(values[:, weekday == w]) for w in present], axis=1)
    effects = np.full((len(values), 7), np.nan)
    effects[:, present] = found - found.mean(axis=1, keepdims=True)
    return effects


def _trimmed_mean(values: Numbers) -> Numbers:
    if values.shape[1] >= TRIMMED_FROM:
        values = np.sort(values, axis=1)[:, 1:-1]
    mean: Numbers = values.mean(axis=1)
    return mean
