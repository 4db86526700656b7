"""What is established by a run of new block differences, at every one of them: by spending error or by betting."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.special import ndtr

from prisma_assets.domain.experiments.betting import Bets, evidence_path
from prisma_assets.domain.experiments.spending import (
    FUTILE_BELOW,
    chance_still,
    look_counts,
)
from prisma_assets.domain.experiments.tally import Counts

Numbers = NDArray[np.float64]

FEWEST = 10
"""Blocks before anything is established: below it one bad hour is the whole comparison."""
PROMISING = 0.5
"""Power of the whole design below which futility is no news: it was too small from the start, which is said in other words."""


@dataclass(frozen=True, kw_only=True)
class Spending:
    """A primary metric with a declared maximum."""

    maximum: int
    effect: float
    """The margin, as a difference of scores."""
    bounds: Sequence[float]
    """Two-sided boundaries of z at `look_counts(maximum)`."""

    def events(self, before: Counts, differences: Numbers) -> dict[str, int]:
        """Positions among the new differences at which something was first established."""
        if not len(differences):
            return {}
        looks = np.array(look_counts(self.maximum))
        bounds = np.array(self.bounds)
        is_new = (looks > before.n) & (looks <= before.n + len(differences)) & (looks >= FEWEST)
        position = looks[is_new] - before.n - 1
        total = before.total + np.cumsum(differences)[position]
        squares = before.squares + np.cumsum(differences**2)[position]
        time = looks[is_new] / self.maximum
        # Under no effect a difference is symmetric, so its mean square is its variance; z from it never divides by a chance 0.
        with np.errstate(invalid="ignore", divide="ignore"):
            z = np.where(squares > 0, total / np.sqrt(squares), 0.0)
            drift = self.effect * np.sqrt(self.maximum * looks[is_new] / squares)
        chance = chance_still(z, time=time, drift=drift, last=bounds[-1])
        could_find = ndtr(drift - bounds[-1]) >= PROMISING
        reached = {
            "better": z >= bounds[is_new],
            "worse": z <= -bounds[is_new],
            "futile": could_find & (chance < FUTILE_BELOW) & (time < 1),
        }
        return {name: int(position[hit.argmax()]) for name, hit in reached.items() if hit.any()}

    def half_width(self, counts: Counts) -> float | None:
        """Of the repeated confidence interval, which holds at all looks together; None before the first look that can decide.

        Source: Jennison and Turnbull (2000), section 9.1.
        """
        n, passed = counts.n, np.flatnonzero(np.array(look_counts(self.maximum)) <= counts.n)
        if n < FEWEST or not len(passed) or not counts.deviation:
            return None
        bound = self.bounds[passed[-1]]
        # Those means m for which the sum of d - m, over the root of the sum of its squares, lies within the boundary: 0 is outside exactly
        # when the boundary is crossed.
        squares = counts.deviation**2 * (n - 1) / n
        return bound * math.sqrt(squares / (n - bound**2)) if n > bound**2 else None


@dataclass(frozen=True, kw_only=True)
class Betting:
    """Anything else: exact however long it goes on."""

    bets: Bets
    hypotheses: Mapping[str, tuple[bool, float, float]]
    """By event: whether the treatment is bet on (or the control), the mean difference bet against, and the evidence that establishes it."""

    def events(self, before: Counts, differences: Numbers) -> dict[str, int]:
        """Positions among the new differences at which something was first established."""
        first = max(FEWEST - before.n - 1, 0)
        found = {}
        for name, (for_treatment, mean, enough) in self.hypotheses.items():
            counts, new = (
                (before, differences) if for_treatment else (before.flipped(), -differences)
            )
            path = evidence_path(counts, new, self.bets, mean=mean)
            reached = np.flatnonzero(path[first:] >= math.log(enough))
            if len(reached):
                found[name] = first + int(reached[0])
        return found
