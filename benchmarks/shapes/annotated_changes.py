"""Series whose changes five people marked, and how well a method agrees with them.

Metrics as defined by van den Burg & Williams (2020), "An evaluation of change point detection algorithms", section 4.
"""

import json
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

import numpy as np

MARGIN = 5
"""Points by which a method may miss a mark."""


@dataclass(frozen=True, kw_only=True)
class Annotated:
    """One series and the marks of each person."""

    name: str
    values: np.ndarray
    marks: Mapping[str, Sequence[int]]


def annotated_series(folder: Path) -> Iterator[Annotated]:
    """The series of a folder with `series/*.json` and `annotations.json`."""
    marks = json.loads((folder / "annotations.json").read_text(encoding="utf-8"))
    for file in sorted((folder / "series").glob("*.json")):
        found = json.loads(file.read_text(encoding="utf-8"))
        values = np.array(found["series"][0]["raw"], dtype=float)
        yield Annotated(name=found["name"], values=values, marks=marks[found["name"]])


def f_measure(annotated: Annotated, found: Collection[int]) -> float:
    """Harmonic mean of precision, against all marks, and recall, averaged over people; the start counts as a mark."""
    people = [{0, *marks} for marks in annotated.marks.values()]
    cuts = {0, *found}
    precision = _matched(set().union(*people), cuts) / len(cuts)
    recall = float(np.mean([_matched(marks, cuts) / len(marks) for marks in people]))
    return 2 * precision * recall / (precision + recall)


def _matched(marks: Collection[int], cuts: Collection[int]) -> int:
    """Marks with a cut of their own within the margin."""
    free, matched = set(cuts), 0
    for mark in sorted(marks):
        near = [cut for cut in free if abs(cut - mark) <= MARGIN]
        if near:
            free.remove(min(near, key=lambda cut: abs(cut - mark)))
            matched += 1
    return matched


def covering(annotated: Annotated, found: Collection[int]) -> float:
    """How well each person's segments are covered by the best of the method's, weighted by length, averaged over people."""
    n = len(annotated.values)
    ours = _segments(found, n)
    people = [_segments(marks, n) for marks in annotated.marks.values()]
    return float(
        np.mean(
            [
                sum(len(one) * max(_overlap(one, our) for our in ours) for one in segments) / n
                for segments in people
            ]
        )
    )


def _segments(cuts: Collection[int], n: int) -> list[range]:
    return [range(a, b) for a, b in pairwise(sorted({0, *cuts, n}))]


def _overlap(one: range, other: range) -> float:
    """Jaccard index."""
    common = max(0, min(one.stop, other.stop) - max(one.start, other.start))
    return common / (len(one) + len(other) - common)
