"""Blocks: one unit of the smaller arm and those of the larger one that arrived around it.

Comparing within blocks cancels whatever drifts while the experiment runs; no block reaches across a change of allocation, where a pooled
comparison of a drifting metric is wrong 99 times in 100.
"""

from collections.abc import Iterable
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

Numbers = NDArray[np.float64]

WINDOW = 50
"""Blocks' worth of units of one arm that wait for the other; older ones are dropped, since a partner from another day is none.
A fair coin leaves that many over so seldom that half a percent of the units is lost."""
Block = tuple[list[float], list[float]]
"""Values of the treated and of the control units of one block."""


@dataclass(frozen=True, kw_only=True)
class Sides:
    """Scores in [0, 1] of both sides of blocks, one per block; the smaller side is one unit."""

    treated: Numbers
    """Sum over the treated units."""
    control: Numbers
    treated_size: Numbers
    control_size: Numbers

    def differences(self) -> Numbers:
        """Mean of the treated less mean of the control, in [-1, 1]: above 0 is better."""
        difference: Numbers = self.treated / self.treated_size - self.control / self.control_size
        return difference


@lru_cache(maxsize=1024)
def shape(split: float) -> tuple[int, int]:
    """Treated and control units per block at an allocation.

    Args:
        split: Share of the treatment, in (0, 1).
    """
    smaller = min(split, 1 - split)
    others = max(1, round((1 - smaller) / smaller))
    return (1, others) if split <= 0.5 else (others, 1)


@dataclass(kw_only=True)
class BlockFormer:
    """Matches units as they come; what waits is all it remembers."""

    split: float | None = None
    """Share of the treatment in force; None: nothing has arrived."""
    treated: list[float] = field(default_factory=list)
    control: list[float] = field(default_factory=list)
    """Values that wait, the newest last."""

    def add(self, value: float, *, is_treated: bool, split: float) -> Block | None:
        """One more unit; the block it completes, if it does.

        Depends on when units arrive and on their arms, never on their values, which is what makes the comparison exact.
        """
        if split != self.split:
            self.split = split
            self.treated.clear()
            self.control.clear()
        (self.treated if is_treated else self.control).append(value)
        t, c = shape(split)
        if len(self.treated) >= t and len(self.control) >= c:
            return _newest(self.treated, t), _newest(self.control, c)
        for waiting, per_block in ((self.treated, t), (self.control, c)):
            if len(waiting) > WINDOW * per_block:
                del waiting[0]
        return None

    def to_state(self) -> list[Any]:
        """As JSON values."""
        return [self.split, self.treated, self.control]

    @classmethod
    def from_state(cls, state: Iterable[Any]) -> "BlockFormer":
        """What `to_state` wrote."""
        split, treated, control = state
        return cls(split=split, treated=list(treated), control=list(control))


def _newest(waiting: list[float], count: int) -> list[float]:
    """Take the newest out, so that partners are close in time."""
    taken = waiting[-count:]
    del waiting[-count:]
    return taken
