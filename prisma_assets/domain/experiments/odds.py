"""Bets on a share that got worse: within a block, which of its units failed, given how many did.

A bet on the difference cannot stake more than everything on "all controls fail and the treated does not", which at one treated to nine
controls never happens; knowing the number of failures, more can be staked, and harm is found with a third less of the treated.
"""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from prisma_assets.domain.experiments.block import Sides

Numbers = NDArray[np.float64]

MULTIPLES = (1.0, 2.0, 4.0)
WEIGHTS = (0.3, 0.35, 0.35)
"""Alternatives as multiples of the margin, and the capital on each: harm worth an alarm is mostly larger than the smallest that matters.
Chosen for the canary in benchmarks/statistics.py."""
LARGEST_SHARE = 0.95
"""Largest share of failures bet on; a treatment that fails always is found just as fast."""


def odds_ratios(failing: float, margin: float) -> tuple[float, ...]:
    """Odds of failing under treatment over those under control, for each alternative bet on.

    Args:
        failing: Share of the control that fails, in (0, 1), known from before the comparison.
        margin: Rise of that share that is harm, in (0, 1].
    """
    shares = (min(LARGEST_SHARE, failing + m * margin) for m in MULTIPLES)
    return tuple(max(1.0, s / (1 - s) * (1 - failing) / failing) for s in shares)


def log_factors(sides: Sides, ratios: Sequence[float]) -> Numbers:
    """Logarithm of what a block multiplies the capital on each alternative by.

    With k of n units failed, the single unit of the smaller arm is one of them with probability k / n if both arms fail equally often, less if
    the treated fail less: so the mean factor is 1 or less, whatever k. As odds o it is o n / (k o + n - k) if the single unit failed,
    n / (k o + n - k) if not, written here as a stake on the single unit less the block's mean.

    Returns:
        One row per block, one column per alternative.

    Source: conditional likelihood of matched sets, Breslow and Day (1980), "Statistical methods in cancer research" I, equation 7.2; as a
    test martingale Ville (1939).
    """
    is_treated = sides.treated_size == 1
    treated, control = sides.treated_size - sides.treated, sides.control_size - sides.control
    failed = np.where(is_treated, treated, control)[:, None]
    total = (treated + control)[:, None]
    size = (sides.treated_size + sides.control_size)[:, None]
    # Where the control is the single one, harm means that it fails less.
    odds = np.asarray(ratios)[None, :] ** np.where(is_treated, 1.0, -1.0)[:, None]
    stake = (odds - 1) * size / (total * odds + size - total)
    factors: Numbers = np.log1p(stake * (failed - total / size))
    return factors
