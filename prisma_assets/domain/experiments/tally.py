"""Counts of block differences: all that an experiment remembers of a metric, whatever its length."""

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

Numbers = NDArray[np.float64]

LATTICE = 5040
"""Cells per unit of score; every n-th for n up to 10, so that differences of 0-1 outcomes and ratings are counted exactly."""
SCORE_STEP = 1 / 120
"""Step to which continuous scores are rounded first (1 % of a latency that varies threefold), which bounds the number of cells."""


@dataclass
class Tally:
    """How often each difference was seen."""

    cells: dict[int, int] = field(default_factory=dict)
    """Count by difference in units of 1 / LATTICE."""
    _summed: "Counts | None" = field(default=None, repr=False, compare=False)
    """The counts, until another difference comes."""

    def add(self, differences: Numbers) -> None:
        """Count block differences in [-1, 1]."""
        self._summed = None
        cells, counts = np.unique(to_cells(differences), return_counts=True)
        for cell, count in zip(cells.tolist(), counts.tolist(), strict=True):
            self.cells[cell] = self.cells.get(cell, 0) + count

    @property
    def n(self) -> int:
        """Differences counted."""
        return sum(self.cells.values())

    def summary(self) -> "Counts":
        """The counts as they stand."""
        if self._summed is None:
            ordered = sorted(self.cells.items())
            self._summed = Counts(
                np.array([cell / LATTICE for cell, _ in ordered]),
                np.array([count for _, count in ordered], dtype=np.float64),
            )
        return self._summed

    def to_state(self) -> dict[str, int]:
        """As JSON values."""
        return {str(cell): count for cell, count in self.cells.items()}

    @classmethod
    def from_state(cls, state: Mapping[str, int]) -> "Tally":
        """What `to_state` wrote."""
        return cls({int(cell): count for cell, count in state.items()})


@dataclass(frozen=True)
class Counts:
    """Distinct differences, ascending, and how often each was seen."""

    values: Numbers
    counts: Numbers

    @cached_property
    def n(self) -> int:
        """Blocks counted."""
        return int(self.counts.sum())

    @cached_property
    def total(self) -> float:
        """Sum of the differences."""
        return float(self.counts @ self.values)

    @cached_property
    def squares(self) -> float:
        """Sum of their squares."""
        return float(self.counts @ self.values**2)

    @property
    def mean(self) -> float | None:
        """None: nothing counted."""
        return self.total / self.n if self.n else None

    @property
    def deviation(self) -> float | None:
        """Standard deviation of one difference; None below two."""
        if self.n < 2:
            return None
        spread = max(self.squares - self.total**2 / self.n, 0.0)
        return math.sqrt(spread / (self.n - 1))

    def flipped(self) -> "Counts":
        """The same with the arms exchanged."""
        return Counts(-self.values[::-1], self.counts[::-1])


def to_cells(differences: Numbers) -> NDArray[np.int64]:
    """The cell of each difference."""
    return np.rint(differences * LATTICE).astype(np.int64)


def on_lattice(differences: Numbers) -> Numbers:
    """Differences as they are counted."""
    return to_cells(differences) / LATTICE
