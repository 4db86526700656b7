"""How unlike its own past a series is just now: by its course, by its level, by a new extreme.

Each measure is a distance in the series' own unit; what distance is strange is for the ranks in `anomaly` to say.
"""

import numpy as np
from numpy.typing import NDArray

Values = NDArray[np.float64]

LAGS = 12
"""Values in the fine course: an hour of five-minute buckets, half a day of hourly ones."""
COARSE_LAGS = 8
COARSE_WIDTH = 7
"""The coarse course is 8 means of 7 values: five times as long, and single spikes weigh a seventh."""
LEVEL_WIDTH = 100
"""Values on each side of a shift of level: longer than both courses, which is what they cannot see."""
NEIGHBOURS = 10
"""The past must hold a course ten times before it is familiar; with one neighbour a fault seen once is normal ever after."""
PAST = 4000
"""Courses compared with: two weeks of five-minute buckets, five months of hourly ones, in about 0.1 ms."""
LONGEST = max(2 * LEVEL_WIDTH, COARSE_LAGS * COARSE_WIDTH)
"""Values the longest measure looks back on."""


def fine_novelty(values: Values) -> float | None:
    """Distance of the last 12 values from the courses most like them."""
    return _novelty(values, lags=LAGS, stride=1)


def coarse_novelty(values: Values) -> float | None:
    """Distance of the last 8 means of 7 values from the courses most like them."""
    if len(values) < COARSE_WIDTH:
        return None
    count = len(values) - COARSE_WIDTH + 1
    means = sum(values[i : i + count] / COARSE_WIDTH for i in range(COARSE_WIDTH))
    return _novelty(np.asarray(means), lags=COARSE_LAGS, stride=COARSE_WIDTH)


def level_shift(values: Values) -> tuple[float, float]:
    """Means of the last 100 values and of the 100 before; halves of what there is while there are fewer.

    Args:
        values: At least one; a single one is its own past.
    """
    width = min(LEVEL_WIDTH, len(values) // 2)
    if width == 0:
        return float(values[-1]), float(values[-1])
    return float(values[-width:].mean()), float(values[-2 * width : -width].mean())


def _novelty(values: Values, *, lags: int, stride: int) -> float | None:
    """Mean Euclidean distance of the newest lag vector from its nearest neighbours in the past.

    Args:
        values: Oldest first, the newest last; finite.
        lags: Components of a lag vector.
        stride: Values from one component to the next.

    Returns:
        Distance in the unit of the values, >= 0; None while the past holds too few vectors. Neither centred nor
        scaled: a course of the usual shape at an unusual height is new.

    Source: k-nearest-neighbour novelty after Burnaev and Ishimtsev (2016), Conformalized density- and distance-based
    anomaly detection in time-series data, arXiv:1608.04585, with Euclidean instead of Mahalanobis distance.
    """
    reach = (lags - 1) * stride
    kept = values[-(PAST + reach + 1) :]
    past = len(kept) - reach - 1
    if past < NEIGHBOURS:
        return None
    squared = np.zeros(past)
    for start in range(0, reach + 1, stride):
        difference = kept[start : start + past] - kept[start + past]
        squared += difference * difference
    nearest = np.partition(squared, NEIGHBOURS - 1)[:NEIGHBOURS]
    return float(np.sqrt(nearest).mean())
