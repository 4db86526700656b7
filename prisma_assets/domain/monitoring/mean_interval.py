"""How sure a mean is of which only the mean and the number of values are kept."""

import math

_Z = 1.959963984540054
"""Standard normal quantile of 0.975: intervals of 95 %, as everywhere in the product."""


def mean_interval(
    mean: float | None, n: int, *, least: float, most: float
) -> tuple[float, float] | None:
    """Bound the true mean of values that lie between two bounds, at 95 %.

    Args:
        mean: Of the values, in [least, most]; None: there are none.
        n: How many values, 0 or more.
        least: Smallest value that can occur.
        most: Largest, above `least`.

    Returns:
        Low and high within the bounds; None without a value.

    Assumes: independent values. Of all values with this mean those at the two bounds vary most (Bhatia and Davis (2000), American
    Mathematical Monthly 107(4), 353-357), so the interval of a share is at least as wide as it has to be.
    Source: Wilson (1927), JASA 22(158), 209-212.
    """
    if mean is None or n <= 0:
        return None
    width = most - least
    share = min(max((mean - least) / width, 0.0), 1.0)
    shrink = 1 + _Z**2 / n
    centre = (share + _Z**2 / (2 * n)) / shrink
    half = _Z / shrink * math.sqrt(share * (1 - share) / n + _Z**2 / (4 * n**2))
    return least + width * max(centre - half, 0.0), least + width * min(centre + half, 1.0)
