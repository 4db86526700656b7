"""What a detector keeps of a series: its last values, and how surprising it has been so far. Bounded, and written as text.

Deciding what is an anomaly does not belong here.
"""

import math
from base64 import b64decode, b64encode
from typing import Any

import numpy as np
from numpy.typing import NDArray


class Memory:
    """The last numbers of a stream, oldest first, as one contiguous array.

    Twice the capacity is held and moved to the front when full, so that a look costs nothing and an append O(1) on average.
    """

    def __init__(self, capacity: int, *, dtype: str = "<f8") -> None:
        self.capacity = capacity
        self._cells: NDArray[Any] = np.empty(2 * capacity, dtype=dtype)
        self._end = 0

    def __len__(self) -> int:
        return min(self._end, self.capacity)

    @property
    def values(self) -> NDArray[Any]:
        """What is remembered, oldest first; a view, not to be written to."""
        return self._cells[self._end - len(self) : self._end]

    def append(self, value: float) -> None:
        """Remember one more number and forget the oldest beyond the capacity."""
        if self._end == len(self._cells):
            self._cells[: self.capacity] = self._cells[self.capacity :]
            self._end = self.capacity
        self._cells[self._end] = value
        self._end += 1

    def to_text(self) -> str:
        """The remembered numbers, exactly, as base64 of their little-endian bytes."""
        return b64encode(self.values.tobytes()).decode("ascii")

    @classmethod
    def from_text(cls, text: str, *, capacity: int, dtype: str = "<f8") -> "Memory":
        """The memory that `to_text` wrote."""
        memory = cls(capacity, dtype=dtype)
        kept = np.frombuffer(b64decode(text), dtype=dtype)[-capacity:]
        memory._cells[: len(kept)] = kept
        memory._end = len(kept)
        return memory


class RankMemory:
    """How a stream of surprises ranks each new one among its own past."""

    DTYPE = "<f4"
    """Ranks need no more than seven digits; half the state to store."""

    def __init__(self, memory: Memory) -> None:
        self.memory = memory

    @classmethod
    def of(cls, capacity: int) -> "RankMemory":
        """A memory without a past."""
        return cls(Memory(capacity, dtype=cls.DTYPE))

    @classmethod
    def from_text(cls, text: str, *, capacity: int) -> "RankMemory":
        """The memory whose `memory.to_text` this is."""
        return cls(Memory.from_text(text, capacity=capacity, dtype=cls.DTYPE))

    def p_value(self, surprise: float) -> float:
        """Share of the past that was at least as surprising, this one counted; then remember it.

        Args:
            surprise: Any finite number, higher is stranger; only its rank matters.

        Returns:
            Conformal p-value in (0, 1], 1 / (n + 1) for a new record. Exact for exchangeable surprises, without any
            assumption about their distribution; ties count against surprise.

        Source: Vovk, Gammerman and Shafer, Algorithmic Learning in a Random World (2005), eq. 2.20, with theta = 1.
        """
        rounded = np.float32(surprise)
        past = self.memory.values
        at_least = int(np.count_nonzero(past >= rounded))
        p_value = (1 + at_least) / (len(past) + 1)
        self.memory.append(float(rounded))
        return p_value

    def size(self) -> float:
        """The newest surprise in multiples of the median of those before it; 0 when it is 0 or the first."""
        past, newest = self.memory.values[:-1], float(self.memory.values[-1])
        if not len(past) or newest == 0:
            return 0.0
        usual = float(np.median(past))
        return newest / usual if usual else math.inf
