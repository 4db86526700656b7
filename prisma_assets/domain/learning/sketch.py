"""Quantiles that merge: a histogram with logarithmic buckets, as bytes that do not depend on the order of merging.

Source: Masson, Rim, Lee (2019), "DDSketch: a fast and fully-mergeable quantile sketch with relative-error guarantees",
PVLDB 12(12), 2195-2205, section 2.1. The packing is ours.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

RELATIVE_ERROR = 0.01
"""Largest relative error of a quantile. People compare latencies in steps of 10 %; half of it would double the bytes."""

GAMMA = (1 + RELATIVE_ERROR) / (1 - RELATIVE_ERROR)
"""Ratio of a bucket's bounds (Masson et al., equation 4)."""

SMALLEST = 1e-6
"""What is less counts as zero: in milliseconds it is a nanosecond, less than a clock resolves."""

LARGEST = 1e300
"""More is refused, so that no bucket's bound overflows; it also bounds the buckets to some 36,000."""

_LN_GAMMA = math.log(GAMMA)
_ROUNDING = 1e-9
"""A bound written as a decimal lies this close to its bucket's number."""
_FORMAT = 1
_NEXT, _ONCE, _OTHER = 0, 1, 2
"""How a bucket is packed: it follows the one before; it holds one value; neither."""
_HEADER = 4
"""Numbers before the buckets: format, values that are zero, first bucket, buckets."""

Whole = NDArray[np.int64]


@dataclass(frozen=True, kw_only=True, eq=False)
class Sketch:
    """How many values lie in each bucket; bucket i holds the values in (GAMMA^(i-1), GAMMA^i]."""

    zeros: int
    """Values below `SMALLEST`."""
    buckets: Whole
    """Numbers of the buckets that hold a value, ascending."""
    counts: Whole
    """How many each holds, at least 1."""

    @classmethod
    def of(cls, values: Iterable[float]) -> Sketch:
        """Count values.

        Raises:
            ValueError: A value is negative, above `LARGEST` or not a number.
        """
        found = np.asarray(values if isinstance(values, np.ndarray) else list(values), dtype=float)
        if not np.all((found >= 0) & (found <= LARGEST)):
            raise ValueError(f"a sketch holds values from 0 to {LARGEST:g}")
        above = found[found >= SMALLEST]
        numbers = np.ceil(np.log(above) / _LN_GAMMA).astype(np.int64)
        return _summed(found.size - above.size, numbers, np.ones_like(numbers))

    @classmethod
    def merged(cls, sketches: Iterable[Sketch]) -> Sketch:
        """The sketch of all values together; the order does not matter."""
        parts = list(sketches)
        none: Whole = np.zeros(0, dtype=np.int64)
        return _summed(
            sum(s.zeros for s in parts),
            np.concatenate([none, *(s.buckets for s in parts)]),
            np.concatenate([none, *(s.counts for s in parts)]),
        )

    @classmethod
    def from_bytes(cls, packed: bytes) -> Sketch:
        """The sketch `to_bytes` packed.

        Raises:
            ValueError: The bytes are not a packed sketch.
        """
        return cls.merged_bytes([packed])

    @classmethod
    def merged_bytes(cls, packed: Sequence[bytes]) -> Sketch:
        """Merge packed sketches without unpacking them one by one: a month of hours takes milliseconds.

        Raises:
            ValueError: Some bytes are not a packed sketch.
        """
        whole = [bytes(p) for p in packed]
        if not whole:
            return cls.of(())
        if not all(p and p[0] == _FORMAT and p[-1] < 0x80 for p in whole):
            raise ValueError("these bytes are not a sketch of this format")
        return _unpacked(whole)

    @property
    def n(self) -> int:
        """How many values were counted."""
        return self.zeros + int(self.counts.sum())

    def quantile(self, q: float) -> float | None:
        """The value that the share q of all values does not exceed; None without a value.

        Args:
            q: In [0, 1].

        Returns:
            Within `RELATIVE_ERROR` of the quantile of the values themselves, in their unit. Between two ranks both
            are interpolated linearly: Hyndman and Fan (1996), definition 7.

        Raises:
            ValueError: q lies outside.
        """
        if not 0 <= q <= 1:
            raise ValueError(f"a quantile lies between 0 and 1, not at {q}")
        n = self.n
        if n == 0:
            return None
        rank = q * (n - 1)
        low, high = self._at(math.floor(rank)), self._at(math.ceil(rank))
        return low + (high - low) * (rank - math.floor(rank))

    def count_up_to(self, value: float) -> int:
        """How many of the values do not exceed this one; exact but for values within `RELATIVE_ERROR` of it."""
        if value < SMALLEST:
            return self.zeros if value >= 0 else 0
        # Whole buckets that end at or below the value, and the one it is the very end of.
        bucket = math.floor(math.log(value) / _LN_GAMMA + _ROUNDING)
        place = int(self.buckets.searchsorted(bucket, side="right"))
        return self.zeros + (int(self._up_to[place - 1]) if place else 0)

    def to_bytes(self) -> bytes:
        """The one packing of these counts: equal sketches give equal bytes."""
        if self.buckets.size == 0:
            return _varints(np.array([_FORMAT, self.zeros, 0, 0]))
        before = int(self.buckets[0]) - 1
        gaps = self.buckets - np.concatenate([[before], self.buckets[:-1]])
        kind = np.where(gaps == 1, _NEXT, np.where(self.counts == 1, _ONCE, _OTHER))
        tokens = np.where(kind == _ONCE, gaps, self.counts) << 2 | kind
        header = np.array([_FORMAT, self.zeros, _zigzag(before), self.buckets.size])
        return _varints(np.concatenate([header, tokens, gaps[kind == _OTHER]]))

    @cached_property
    def _up_to(self) -> Whole:
        """How many values lie in each bucket and those below."""
        return self.counts.cumsum()

    def _at(self, rank: int) -> float:
        """The value of a rank, from 0: the middle of its bucket (Masson et al., lemma 2)."""
        if rank < self.zeros:
            return 0.0
        place = self._up_to.searchsorted(rank - self.zeros, side="right")
        return float(2 * math.exp(int(self.buckets[place]) * _LN_GAMMA) / (GAMMA + 1))


def _summed(zeros: int, buckets: Whole, counts: Whole) -> Sketch:
    """One count per bucket, where a bucket may stand several times. Exact below 2^53 values."""
    lowest = int(buckets.min()) if buckets.size else 0
    total = np.bincount(buckets - lowest, weights=counts).astype(np.int64)
    numbers = np.flatnonzero(total)
    return Sketch(zeros=zeros, buckets=numbers + lowest, counts=total[numbers])


def _zigzag(number: int) -> int:
    """A signed number as an unsigned one, small where its size is small."""
    return number << 1 if number >= 0 else (-number << 1) - 1


def _varints(numbers: Whole) -> bytes:
    """Numbers in groups of seven bits, the lowest first; the eighth bit says that another group follows."""
    bits = np.frexp(numbers.astype(float))[1]
    lengths = np.maximum(1, -(-bits // 7))
    place = np.arange(int(lengths.max()))
    groups = (numbers[:, None] >> (7 * place)) & 0x7F
    more = place < lengths[:, None] - 1
    return bytes((groups | (more << 7))[place < lengths[:, None]].astype(np.uint8))


def _unpacked(packed: Sequence[bytes]) -> Sketch:
    """All sketches at once, merged."""
    data = np.frombuffer(b"".join(packed), dtype=np.uint8)
    ends = np.flatnonzero(data < 0x80)
    numbers = data[ends].astype(np.int64)
    _add_lower(numbers, data, ends)
    offsets = np.cumsum([0, *(len(p) for p in packed)])
    first = np.searchsorted(ends, offsets)  # in `numbers`, of each sketch and of what would follow
    sizes = np.diff(first)
    if np.any(sizes < _HEADER) or np.any(numbers[first[:-1] + 3] > sizes - _HEADER):
        raise ValueError("these bytes are a sketch that was cut off")
    return _merged(numbers, first[:-1], sizes)


def _add_lower(numbers: Whole, data: NDArray[np.uint8], ends: NDArray[np.intp]) -> None:
    """Add the lower groups to the numbers of more than one; they are few."""
    lower = np.flatnonzero(data >= 0x80)
    owner = np.searchsorted(ends, lower)
    start = np.where(owner > 0, ends[owner - 1] + 1, 0)
    large, first = np.unique(owner, return_index=True)
    numbers[large] <<= 7 * (ends[large] - start[first])
    np.add.at(numbers, owner, (data[lower] & 0x7F).astype(np.int64) << (7 * (lower - start)))


def _merged(numbers: Whole, first: Whole, sizes: Whole) -> Sketch:
    filled = numbers[first + 3]
    inside = np.arange(numbers.size) - np.repeat(first, sizes)
    is_token = (inside >= _HEADER) & (inside < np.repeat(_HEADER + filled, sizes))
    tokens = numbers[is_token]
    kind, value = tokens & 3, tokens >> 2
    gaps, counts = np.ones_like(value), value.copy()
    gaps[kind == _ONCE], counts[kind == _ONCE] = value[kind == _ONCE], 1
    rest = numbers[(inside >= _HEADER) & ~is_token]
    if rest.size != np.count_nonzero(kind == _OTHER):
        raise ValueError("these bytes are a sketch that was cut off")
    gaps[kind == _OTHER] = rest
    zigzag = numbers[first + 2]
    before = (zigzag >> 1) ^ -(zigzag & 1)
    running = np.cumsum(gaps)
    start = np.cumsum(filled) - filled
    taken = np.where(start > 0, running[start - 1], 0) if running.size else np.zeros_like(start)
    buckets = running + np.repeat(before - taken, filled)
    return _summed(int(numbers[first + 1].sum()), buckets, counts)
