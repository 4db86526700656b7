"""A declared maximum: error probability spent as the blocks come in, and the boundaries that follow.

Valid for any number of looks fixed by the count of blocks, never by what they show. Lan and DeMets (1983), "Discrete sequential boundaries
for clinical trials", Biometrika 70, 659-663; Jennison and Turnbull (2000), "Group Sequential Methods", chapters 7 and 19.
"""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import brentq
from scipy.special import ndtr, ndtri

Numbers = NDArray[np.float64]

POWER = 3.0
"""Error spent up to a share t of the maximum is alpha t^3: of the powers 2 to 3 the one with the smaller maximum (1.05 to 1.1 times a fixed sample)."""
LOOKS = 200
"""Most looks that can decide: between two of them lies half a percent of the maximum, and more change the boundaries no further."""
FUTILE_BELOW = 0.10
"""Chance of still adopting, if the effect is the margin, below which going on is a waste; stopping there costs 1.6 points of power."""
_NODES = 160
"""Of Gauss and Legendre per look: 30 to the standard deviation of a step, far beyond what the fourth digit of a boundary needs."""
_WIDEST = 12.0
"""No boundary lies beyond: its error probability is 1e-33."""


@lru_cache(maxsize=1024)
def look_counts(maximum: int) -> tuple[int, ...]:
    """Numbers of blocks at which a decision can fall, the last one `maximum` (>= 1)."""
    looks = min(maximum, LOOKS)
    return tuple(math.ceil(k * maximum / looks) for k in range(1, looks + 1))


@lru_cache(maxsize=256)
def power_boundaries(maximum: int, alpha: float) -> tuple[float, ...]:
    """Two-sided boundaries of z at `look_counts(maximum)`.

    Source: power family of Kim and DeMets (1987), Biometrika 74, 149-154.
    """
    times = [n / maximum for n in look_counts(maximum)]
    return boundaries(times, [alpha * t**POWER for t in times])


def boundaries(times: Sequence[float], spent: Sequence[float]) -> tuple[float, ...]:
    """Two-sided boundaries of z that spend a given error at given looks.

    Args:
        times: Shares of the information, ascending, in (0, 1].
        spent: Error probability used up at each, ascending, in (0, 1).

    Source: recursive integration of Armitage, McPherson and Rowe (1969), JRSS A 132, 235-244.
    Checked against: the five-look O'Brien-Fleming bounds 4.877 3.357 2.680 2.290 2.031.
    """
    if not times:
        return ()
    found = [float(-ndtri(spent[0] / 2))]
    inside = _Inside.first(times[0], found[0], drift=0.0)
    for k in range(1, len(times)):
        step, root = math.sqrt(times[k] - times[k - 1]), math.sqrt(times[k])
        wanted = spent[k] - spent[k - 1]
        z = _solve(lambda c, i=inside, s=step, r=root: sum(i.leaving(c * r, s)), wanted)  # type: ignore[misc]
        inside = inside.after(z * root, step)
        found.append(z)
    return tuple(found)


def chance_to_cross(times: Sequence[float], bounds: Sequence[float], drift: float) -> float:
    """Probability that z ever crosses its upper boundary.

    Args:
        times: Shares of the information.
        bounds: Two-sided boundaries of z.
        drift: Mean of z at the full information.
    """
    root = math.sqrt(times[0])
    total = float(ndtr(drift * root - bounds[0]))
    inside = _Inside.first(times[0], bounds[0], drift=drift)
    for k in range(1, len(times)):
        elapsed = times[k] - times[k - 1]
        edge = bounds[k] * math.sqrt(times[k])
        total += inside.leaving(edge, math.sqrt(elapsed), shift=drift * elapsed)[1]
        inside = inside.after(edge, math.sqrt(elapsed), shift=drift * elapsed)
    return total


def chance_still(z: Numbers, *, time: Numbers, drift: Numbers, last: float) -> Numbers:
    """Conditional power: the chance that z ends beyond the last boundary.

    Args:
        z: Now.
        time: Share of the information, in (0, 1).
        drift: Mean of z at the end if the effect is the margin.
        last: Upper boundary at the end.

    Source: Jennison and Turnbull (2000), equation 10.2.
    """
    # At the end, or where nothing has varied yet, there is no chance to speak of: NaN.
    with np.errstate(divide="ignore", invalid="ignore"):
        ahead = drift * (1 - time) + z * np.sqrt(time) - last
        chance: Numbers = ndtr(ahead / np.sqrt(1 - time))
    return chance


@dataclass(frozen=True)
class _Inside:
    """Density of the score (z times the root of the information) of experiments that have not stopped."""

    at: Numbers
    mass: Numbers
    """Probability near each point: density times quadrature weight."""

    @classmethod
    def first(cls, time: float, bound: float, *, drift: float) -> "_Inside":
        root = math.sqrt(time)
        at, weights = _grid(bound * root)
        return cls(at, weights * _normal((at - drift * time) / root) / root)

    def leaving(self, edge: float, step: float, *, shift: float = 0.0) -> tuple[float, float]:
        """Probability of being below -edge and above edge after the next step."""
        below = self.mass @ ndtr((-edge - self.at - shift) / step)
        above = self.mass @ ndtr((self.at + shift - edge) / step)
        return float(below), float(above)

    def after(self, edge: float, step: float, *, shift: float = 0.0) -> "_Inside":
        at, weights = _grid(edge)
        spread = _normal((at[:, None] - self.at[None, :] - shift) / step) / step
        return _Inside(at, weights * (spread @ self.mass))


def _solve(leaving: Callable[[float], float], wanted: float) -> float:
    if leaving(_WIDEST) >= wanted:
        return _WIDEST
    return float(brentq(lambda c: leaving(c) - wanted, 0.0, _WIDEST, xtol=1e-10))


@lru_cache(maxsize=1)
def _legendre() -> tuple[Numbers, Numbers]:
    at, weights = np.polynomial.legendre.leggauss(_NODES)
    return at, weights


def _grid(edge: float) -> tuple[Numbers, Numbers]:
    at, weights = _legendre()
    return at * edge, weights * edge


def _normal(z: Numbers) -> Numbers:
    density: Numbers = np.exp(-0.5 * z * z) / math.sqrt(2 * math.pi)
    return density
