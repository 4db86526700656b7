"""A search over whole numbers an agent may set: what to try, what goes on, and whether the best one is better on tasks it never saw.

Doing the tasks does not belong here, nor does proposing anything.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from statistics import fmean

import numpy as np

from prisma_assets.domain.experiments.betting import interval, tuned_bets
from prisma_assets.domain.experiments.tally import Tally

Settings = Mapping[str, int]
"""Values by parameter."""

MATTERS = 0.05
"""Difference of a score the interval is tuned to: one finding in twenty."""
DEVIATION = 0.2
"""Guess of the spread of differences beside it; a wrong one widens the interval and never falsifies it."""
ALPHA = 0.05


@dataclass(frozen=True, kw_only=True)
class Span:
    """The values one parameter may have."""

    least: int
    """1 or more."""
    most: int


@dataclass(frozen=True, kw_only=True)
class Mark:
    """What one task was worth."""

    score: float
    """In [0, 1], 1 is best."""
    missed: int = 0
    """Errors the work was to find and did not."""


@dataclass(frozen=True, kw_only=True)
class Compared:
    """The chosen settings beside the present ones, on tasks that chose nothing."""

    tasks: int
    present: float
    """Mean score, in [0, 1]."""
    chosen: float
    effect: float
    """Mean difference, in [-1, 1]."""
    low: float
    """Ends of its interval, at 95 %."""
    high: float
    missed_more: int
    """Errors the chosen settings missed beyond those the present ones missed; below 0: fewer."""

    @property
    def is_better(self) -> bool:
        """Better for certain, and nothing is overlooked for it: a missed error weighs more than a sound entry looked at."""
        return self.low > 0 and self.missed_more <= 0


def drawn(spans: Mapping[str, Span], *, count: int, seed: int) -> list[Settings]:
    """Settings that fill the space evenly, the same for the same seed; each at most once.

    Args:
        spans: By parameter, at least one.
        count: To draw, 1 or more; where the space is small fewer come out.
        seed: Of the sequence.

    Source: scrambled Halton sequence, Owen (2017), arXiv:1706.02808; on the logarithm, since 10 to 20 matters as 1,000 to 2,000 does.
    """
    from scipy.stats.qmc import Halton

    names = sorted(spans)
    points = Halton(len(names), rng=np.random.default_rng(seed)).random(count)
    found = [{n: _value(spans[n], u) for n, u in zip(names, p, strict=True)} for p in points]
    return list({tuple(s.items()): s for s in found}.values())


def _value(span: Span, u: float) -> int:
    ratio = math.log(span.most / span.least)
    return min(span.most, max(span.least, round(span.least * math.exp(u * ratio))))


def survivors(marks: Sequence[Sequence[Mark]], *, keep: int) -> list[int]:
    """Which settings go on to more tasks: those that missed least, among them the best mean; of equals the earlier.

    Args:
        marks: By settings, the marks of the same tasks.
        keep: How many, 1 or more.

    Source: successive halving, Jamieson and Talwalkar (2016), AISTATS, algorithm 1.
    """
    return sorted(range(len(marks)), key=lambda i: (_missed(marks[i]), -mean_score(marks[i]), i))[
        :keep
    ]


def _missed(marks: Sequence[Mark]) -> int:
    return sum(mark.missed for mark in marks)


def mean_score(marks: Sequence[Mark]) -> float:
    """Mean score of at least one task."""
    return fmean(mark.score for mark in marks)


def compared(present: Sequence[Mark], chosen: Sequence[Mark]) -> Compared:
    """Compare two settings task by task.

    Args:
        present: Marks of the version at work, one or more, on tasks the search never used.
        chosen: Of the other one, of the same tasks in the same order.

    Assumes: the tasks are drawn alike and independently; nothing of their distribution.
    Source: `betting.interval`.
    """
    tally = Tally()
    tally.add(np.array([c.score - p.score for p, c in zip(present, chosen, strict=True)]))
    low, high = interval(tally.summary(), tuned_bets(MATTERS, DEVIATION), alpha=ALPHA)
    before, after = mean_score(present), mean_score(chosen)
    return Compared(
        tasks=len(present), present=before, chosen=after, effect=after - before, low=low, high=high,
        missed_more=_missed(chosen) - _missed(present),
    )  # fmt: skip


def selection_mark(selected: Sequence[str], errors: frozenset[str], *, neutral: frozenset[str]) -> Mark:  # fmt: skip
    """How good a selection is: as many errors and as few sound records as can be.

    Args:
        selected: Records handed on for people to look at.
        errors: Records that are wrong and that the work is to find, one or more.
        neutral: Records that are wrong in a way the work is not there to find; they count neither way.

    Returns:
        Harmonic mean of precision and recall.

    Source: F1, van Rijsbergen (1979), Information Retrieval, chapter 7.
    """
    looked_at = set(selected) - neutral
    hit = len(looked_at & errors)
    return Mark(score=2 * hit / (len(looked_at) + len(errors)), missed=len(errors) - hit)
