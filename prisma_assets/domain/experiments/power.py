"""How many units a comparison needs, said before it starts and in weeks of the agent's own traffic."""

import math
from dataclasses import dataclass

from scipy.special import ndtri

POWER = 0.80
"""The convention of the field (Cohen 1988): one real improvement in five is missed."""
SPENDING_MAXIMUM = 1.12
"""Declared maximum as a multiple of a fixed sample for 80 % power with power spending and futility (benchmarks/statistics.py)."""
OPEN_MAXIMUM = 1.6
"""The same for betting without a declared maximum: by then 80 % of experiments with the design effect have been decided."""
SECONDS_PER_WEEK = 604_800


@dataclass(frozen=True, kw_only=True)
class Enough:
    """The traffic can decide within the time there is."""

    blocks: int
    """Units of the smaller arm needed."""
    weeks: float | None
    """None: the traffic is not known."""


@dataclass(frozen=True, kw_only=True)
class Underpowered:
    """A difference of the margin would more probably be missed than the design promises."""

    blocks: int
    """Units of the smaller arm needed."""
    available: int
    weeks: float | None
    """At the traffic so far; None: it is not known."""


def fixed_blocks(effect: float, deviation: float, *, alpha: float, power: float = POWER) -> int:
    """Blocks a fixed-horizon test needs.

    Args:
        effect: True difference of scores, > 0.
        deviation: Standard deviation of one block difference, > 0.
        alpha: Two-sided error, in (0, 1).
        power: Chance to find the effect, in (0, 1).

    Source: (z_{1-alpha/2} + z_power)^2 deviation^2 / effect^2; Cohen (1988), section 2.4.
    Checked against: 1,353 per arm for .90 against .93.
    """
    z = float(ndtri(1 - alpha / 2) + ndtri(power))
    return math.ceil((z * deviation / effect) ** 2)


def power_statement(
    needed: int, *, available: int, blocks_per_second: float | None
) -> Enough | Underpowered:
    """Whether what there is suffices, and how long it takes.

    Args:
        needed: Blocks for 80 % power.
        available: Blocks there are or will be.
        blocks_per_second: Traffic; None where no times are known.
    """
    weeks = needed / blocks_per_second / SECONDS_PER_WEEK if blocks_per_second else None
    if available >= needed:
        return Enough(blocks=needed, weeks=weeks)
    return Underpowered(blocks=needed, available=available, weeks=weeks)
