"""Evidence by betting: exact at every look, for any number of looks, without assuming a distribution.

Whoever bets against "the mean difference is at most m" with a fair stake, block by block, multiplies his capital by K only with probability
1/K while that is true (Ville's inequality). The stakes are a mixture tuned to the margin, so that little is lost when the effect is larger
or smaller. Waudby-Smith and Ramdas (2024), "Estimating means of bounded random variables by betting", JRSS B 86(1), 1-27.
"""

import math
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from scipy.optimize import brentq

from prisma_assets.domain.experiments.tally import Counts, Numbers

MULTIPLES = (0.75, 1.25, 2.5)
WEIGHTS = (0.45, 0.45, 0.1)
"""Stakes as multiples of the best one for the margin, and the capital on each: about the effect, and a surprise.
Chosen for the mean sample at the design effect (benchmarks/statistics.py)."""
LARGEST = 0.99
"""Largest share of the capital at stake in one block: never everything."""


@dataclass(frozen=True, kw_only=True)
class Bets:
    """Stakes per unit of difference, fixed before the blocks they are placed on."""

    stakes: tuple[float, ...]
    """Each in (0, LARGEST]."""
    weights: tuple[float, ...]
    """Starting capital on each; adds up to 1."""


def tuned_bets(effect: float, deviation: float) -> Bets:
    """Stakes that grow the capital fastest when the true difference is about `effect`.

    Args:
        effect: Difference of scores to be found, in (0, 1].
        deviation: Standard deviation of one block difference, > 0; a guess from before the comparison. Being wrong costs sample, never validity.

    Source: the growth-optimal stake is near effect / E[difference squared]; Waudby-Smith and Ramdas (2024), section 4 and appendix B.
    """
    best = effect / (deviation**2 + effect**2)
    return Bets(stakes=tuple(min(LARGEST, best * m) for m in MULTIPLES), weights=WEIGHTS)


def log_capital(counts: Counts, bets: Bets, *, mean: float = 0.0) -> Numbers:
    """Logarithm of the capital on each stake against "the mean difference is at most `mean`".

    Source: Waudby-Smith and Ramdas (2024), equation 22, grouped by equal differences.
    """
    stakes = _admissible(bets, mean)
    capital: Numbers = counts.counts @ np.log1p((counts.values - mean)[:, None] * stakes)
    return capital


def log_mixture(capital: Numbers, weights: tuple[float, ...]) -> Numbers:
    """Logarithm of the mixture's capital, which is the e-value. The last axis is the stake."""
    mixed: Numbers = np.logaddexp.reduce(capital + _logs(weights), axis=-1)
    return mixed


@lru_cache(maxsize=16)
def _logs(weights: tuple[float, ...]) -> Numbers:
    return np.log(weights)


def evidence_path(
    before: Counts, differences: Numbers, bets: Bets, *, mean: float = 0.0
) -> Numbers:
    """Log e-value against "the mean difference is at most `mean`" after each of the new differences.

    Args:
        before: Differences bet on already.
        differences: New ones in order, in [-1, 1].
        bets: The stakes.
        mean: Hypothesis, in (-1, 1).
    """
    steps = np.log1p(np.outer(differences - mean, _admissible(bets, mean)))
    capital = log_capital(before, bets, mean=mean) + np.cumsum(steps, axis=0)
    return log_mixture(capital, bets.weights)


def lower_bound(counts: Counts, bets: Bets, *, alpha: float) -> float:
    """Lower end of a confidence sequence: below the true mean at all looks together with probability 1 - alpha.

    The capital falls as the hypothesis rises (`_admissible` keeps it so), hence one crossing.

    Args:
        counts: Differences bet on.
        bets: The stakes.
        alpha: One-sided error, in (0, 1).

    Returns:
        In [-1, mean]; -1 where nothing is known.

    Source: Waudby-Smith and Ramdas (2024), theorem 1.
    """
    enough = -math.log(alpha)

    def excess(mean: float) -> float:
        return float(log_mixture(log_capital(counts, bets, mean=mean), bets.weights)) - enough

    if not counts.n or excess(-1.0) < 0:
        return -1.0
    return float(brentq(excess, -1.0, counts.total / counts.n, xtol=1e-9))


def interval(counts: Counts, bets: Bets, *, alpha: float) -> tuple[float, float]:
    """Both ends of the confidence sequence, each at alpha / 2; differences of scores in [-1, 1]."""
    low = lower_bound(counts, bets, alpha=alpha / 2)
    return low, -lower_bound(counts.flipped(), bets, alpha=alpha / 2)


def _admissible(bets: Bets, mean: float) -> Numbers:
    """Stakes that cannot lose everything whatever a difference in [-1, 1] brings.

    Against a hypothesis above 0 the largest loss per unit is 1 + mean. With stake s / (1 + mean) the growth of the capital has the
    derivative -s (1 + difference) / ... <= 0 in the mean, so evidence stays monotone.
    """
    return np.minimum(bets.stakes, LARGEST / (1 + max(mean, 0.0)))
