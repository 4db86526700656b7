"""Splitting an amount exactly: parts of whole cents that add up to the total.

What is split does not belong here.
"""

import numpy as np
import numpy.typing as npt

Cents = npt.NDArray[np.int64]
Weights = npt.NDArray[np.float64]
Index = npt.NDArray[np.int64]


def apportion(total: int, weights: Weights) -> Cents:
    """Split cents in proportion to weights.

    Args:
        total: Any sign.
        weights: At least one; all >= 0, not all 0.

    Returns:
        Parts that add up to `total`; the largest takes what rounding leaves.
    """
    parts: Cents = np.trunc(total * (weights / weights.sum())).astype(np.int64)
    parts[np.argmax(weights)] += total - int(parts.sum())
    return parts


def log_normal(rng: np.random.Generator, count: int, *, sigma: float) -> Weights:
    """Weights whose logarithms scatter normally, the tails cut at 2.6 deviations.

    Uncut, the largest of a few hundred would outweigh all others together.
    """
    deviations = np.clip(rng.standard_normal(count), -2.6, 2.6)
    weights: Weights = np.exp(sigma * deviations)
    return weights


def sums_by(index: Index, values: Cents, count: int) -> Cents:
    """Exact totals of `values` per index 0..count-1."""
    totals = np.zeros(count, dtype=np.int64)
    np.add.at(totals, index, values)
    return totals
