"""How far two results of the same work say the same, and how far a result says what is known to be right."""

from collections import Counter
from collections.abc import Mapping, Sequence
from math import isclose
from statistics import fmean
from typing import Any

PROSE_WORDS = 8
"""Texts with more words are prose, of which two versions never write the same: the words they share count. Shorter ones are names and codes."""
_CENTS = 1e-9
"""Relative difference of numbers that sums in another order can have."""


def agreement(one: Mapping[str, Any], other: Mapping[str, Any]) -> float:
    """Likeness of two results, in [0, 1]; each output counts the same, whatever its size."""
    return _alike(one, other)


def correctness(outputs: Mapping[str, Any], expected: Mapping[str, Any]) -> float:
    """Likeness of a result to what is known to be right, in [0, 1].

    Args:
        outputs: Of the work; what the answer does not speak of is not looked at.
        expected: The known answer, one output or more.
    """
    return fmean(_alike(outputs.get(name), value) for name, value in expected.items())


def _alike(one: Any, other: Any) -> float:
    if isinstance(one, Mapping) and isinstance(other, Mapping):
        names = one.keys() | other.keys()
        return fmean(_both(one, other, name) for name in sorted(names)) if names else 1.0
    if isinstance(one, list | tuple) and isinstance(other, list | tuple):
        return _lists(one, other)
    if isinstance(one, str) and isinstance(other, str):
        return _texts(one, other)
    if _is_number(one) and _is_number(other):
        return float(isclose(one, other, rel_tol=_CENTS))
    return float(one == other)


def _both(one: Mapping[str, Any], other: Mapping[str, Any], name: str) -> float:
    return _alike(one[name], other[name]) if name in one and name in other else 0.0


def _lists(one: Sequence[Any], other: Sequence[Any]) -> float:
    longer = max(len(one), len(other))
    if not longer:
        return 1.0
    if any(isinstance(item, Mapping | list | tuple) for item in (*one, *other)):
        return sum(map(_alike, one, other)) / longer
    return _shared(Counter(map(str, one)), Counter(map(str, other)))


def _texts(one: str, other: str) -> float:
    words, others = one.split(), other.split()
    if min(len(words), len(others)) <= PROSE_WORDS:
        return float(one == other)
    return _shared(Counter(words), Counter(others))


def _shared(one: Counter[str], other: Counter[str]) -> float:
    """Twice what both have, over all they have.

    Source: Dice (1945), "Measures of the amount of ecologic association between species", Ecology 26(3), 297-302.
    """
    return 2 * (one & other).total() / (one.total() + other.total())


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)
