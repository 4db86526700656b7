"""The streams of one agent in which trouble shows: its errors, slow runs, cost, ratings, and what people say. How a change is told from chance does not belong here."""

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date, timedelta
from enum import StrEnum
from typing import Self

import numpy as np

from prisma_assets.domain.learning.shift import (
    DayMean,
    DayShare,
    Shift,
    exceeds,
    find_rise,
    find_shift,
    is_over,
    rise_is_over,
    split,
)
from prisma_assets.domain.learning.sketch import GAMMA, Sketch

FOLLOWED = timedelta(days=13)
"""Two weeks, first and last day: what is known to be wrong is described by how it is lately."""
FEWEST_OF_SUBJECT = 3
"""Times an error type, category or theme must have come up in the watched weeks to be asked about at all; once or twice is an anecdote."""


class Metric(StrEnum):
    """What can get worse."""

    ERRORS = "error_rate"
    """Share of runs that failed or ran out of time."""
    ERROR_TYPE = "error_type"
    """Share of runs that failed in one particular way."""
    ACCURACY = "accuracy"
    """Share of what was judged that was wrong."""
    LATENCY = "slow_share"
    """Share of runs slower than 95 % of the runs before."""
    COST = "cost_per_run"
    """US dollars per priced run."""
    SATISFACTION = "satisfaction"
    """How far ratings are from 5, as a share of the scale."""
    ISSUE = "issue_category"
    """Share of feedback that points out one kind of mistake."""
    THEME = "feedback_theme"
    """Share of feedback in which people who are unhappy speak of one theme."""


@dataclass(frozen=True, kw_only=True)
class DayRuns:
    """Runs of one agent on one day."""

    day: date
    executions: int
    errors: int
    """Failed or out of time."""
    error_types: Mapping[str, int]
    accuracy_sum: float
    accuracy_n: int
    cost_usd: float
    """Of the priced runs."""
    priced: int
    latency: Sketch | None
    """Milliseconds; None: no run was timed."""


@dataclass(frozen=True, kw_only=True)
class DayFeedback:
    """What people said of one agent on one day."""

    day: date
    feedback: int
    rating_sum: int
    rating_n: int
    issues: Mapping[str, int]
    """Pieces of feedback by category of the mistake."""
    themes: Mapping[str, int]
    """Pieces of feedback of unhappy people by theme."""


@dataclass(frozen=True, kw_only=True)
class Known:
    """Trouble that is open."""

    metric: Metric
    subject: str | None
    shift: Shift | None
    """As it was found, with the past it is compared with for good. None: a trend told of it."""
    last_seen_on: date
    slow_ms: float | None = None


@dataclass(frozen=True, kw_only=True)
class Limits:
    """What the firm accepts; None: no limit."""

    error_rate: float | None = 0.05
    """The firm's alert rule calls more "high"."""
    wrong: float | None = 0.05
    """The specification's target: accuracy above 95 %."""
    dissatisfaction: float | None = 0.25
    """A mean rating of 4.0, below which the firm asks for a better prompt."""


@dataclass(frozen=True, kw_only=True)
class ShareStream:
    """A daily share of what goes wrong."""

    metric: Metric
    subject: str | None
    days: tuple[DayShare, ...]
    margin: float
    limit: float | None = None
    is_scale: bool = False
    tests: int = 1
    slow_ms: float | None = None
    """Milliseconds from which a run counts as slow; None: nothing of the kind."""

    def without(self, spans: Sequence[tuple[date, date]]) -> Self:
        """The stream without the days of these spans; a span includes its first day and not its last."""
        kept = (d for d in self.days if not any(a <= d.day < b for a, b in spans))
        return replace(self, days=tuple(kept))

    def find(self, through: date) -> Shift | None:
        """A change for the worse, else more of it than the firm accepts."""
        found = find_shift(
            self.days, through=through, margin=self.margin, is_scale=self.is_scale, tests=self.tests
        )
        if found is None and self.limit is not None:
            return exceeds(self.days, through=through, limit=self.limit, is_scale=self.is_scale)
        return found

    def is_over(self, known: Shift, through: date) -> bool:
        """Whether it is as it was before."""
        return is_over(known, self.days, through=through)

    def followed(self, known: Shift, through: date) -> Shift:
        """The known change as it is in the last two weeks; as it was where they have no data."""
        recent = [d for d in self.days if d.day >= max(known.since, through - FOLLOWED)]
        n = sum(d.n for d in recent)
        return replace(known, now=sum(d.hits for d in recent) / n, now_n=n) if n else known


@dataclass(frozen=True, kw_only=True)
class MeanStream:
    """A daily mean that should be low."""

    metric: Metric
    days: tuple[DayMean, ...]
    margin: float
    subject: str | None = None

    def without(self, spans: Sequence[tuple[date, date]]) -> Self:
        """The stream without the days of these spans; a span includes its first day and not its last."""
        kept = (d for d in self.days if not any(a <= d.day < b for a, b in spans))
        return replace(self, days=tuple(kept))

    def find(self, through: date) -> Shift | None:
        """A lasting rise."""
        return find_rise(self.days, through=through, margin=self.margin)

    def is_over(self, known: Shift, through: date) -> bool:
        """Whether it is as it was before."""
        return rise_is_over(known, self.days, through=through)

    def followed(self, known: Shift, through: date) -> Shift:
        """The known rise as it is in the last two weeks; as it was where they have no data."""
        recent = [d for d in self.days if d.day >= max(known.since, through - FOLLOWED)]
        n = sum(d.n for d in recent)
        if not n:
            return known
        logs = sum(d.n * float(np.log(d.mean)) for d in recent) / n
        return replace(known, now=float(np.exp(logs)), now_n=n)


Stream = ShareStream | MeanStream


def streams_of(
    runs: Iterable[DayRuns],
    feedback: Iterable[DayFeedback],
    *,
    through: date,
    limits: Limits,
    known: Sequence[Known] = (),
) -> Iterator[Stream]:
    """Every stream of one agent, general ones first.

    Args:
        runs: Days in order, none after `through`.
        feedback: Days in order, none after `through`.
        through: The day of the look.
        limits: What the firm accepts.
        known: Trouble that is open: it is asked about whatever was seen lately, and by the measure it was found with.
    """
    runs, feedback = tuple(runs), tuple(feedback)
    subjects = {m: {k.subject for k in known if k.metric is m and k.subject} for m in Metric}
    slow_ms = next((k.slow_ms for k in known if k.metric is Metric.LATENCY), None)
    yield from _of_runs(runs, limits, slow_ms)
    yield from _by_subject(
        Metric.ERROR_TYPE, [(d.day, d.executions, d.error_types) for d in runs], through, subjects
    )
    yield ShareStream(
        metric=Metric.SATISFACTION,
        subject=None,
        days=tuple(
            DayShare(day=d.day, hits=(5 * d.rating_n - d.rating_sum) / 4, n=float(d.rating_n))
            for d in feedback
        ),
        margin=0.1 / 4,  # a tenth of a point: the firm's guardrail for experiments
        limit=limits.dissatisfaction,
        is_scale=True,
    )
    said = [(d.day, d.feedback, d.issues) for d in feedback]
    yield from _by_subject(Metric.ISSUE, said, through, subjects)
    said = [(d.day, d.feedback, d.themes) for d in feedback]
    yield from _by_subject(Metric.THEME, said, through, subjects)


def mean_ms(sketch: Sketch) -> float | None:
    """Mean of what was timed, milliseconds, within 1 %; None without a run."""
    if not sketch.n:
        return None
    values = 2 * GAMMA ** sketch.buckets.astype(float) / (GAMMA + 1)
    return float(values @ sketch.counts) / sketch.n


def _of_runs(runs: tuple[DayRuns, ...], limits: Limits, slow_ms: float | None) -> Iterator[Stream]:
    # Margins: the regression an experiment may not bring (one point of errors, 10 % of cost); see domain/experiments.
    yield ShareStream(
        metric=Metric.ERRORS,
        subject=None,
        days=tuple(DayShare(day=d.day, hits=float(d.errors), n=float(d.executions)) for d in runs),
        margin=0.01,
        limit=limits.error_rate,
    )
    yield ShareStream(
        metric=Metric.ACCURACY,
        subject=None,
        days=tuple(
            DayShare(day=d.day, hits=d.accuracy_n - d.accuracy_sum, n=float(d.accuracy_n))
            for d in runs
        ),
        margin=0.01,
        limit=limits.wrong,
        is_scale=True,
    )
    slow_ms = slow_ms or _usual_limit(runs)
    yield ShareStream(
        metric=Metric.LATENCY,
        subject=None,
        days=_slow(runs, slow_ms) if slow_ms else (),
        slow_ms=slow_ms,
        margin=0.02,  # 7 % slow instead of 5 %: a lognormal latency (sd 0.7 of its log) 10 % longer
    )
    yield MeanStream(
        metric=Metric.COST,
        days=tuple(
            DayMean(day=d.day, mean=d.cost_usd / d.priced, n=float(d.priced))
            for d in runs
            if d.priced and d.cost_usd > 0
        ),
        margin=0.10,
    )


def _usual_limit(runs: tuple[DayRuns, ...]) -> float | None:
    """Milliseconds that 95 % of the runs in the past did not exceed, which the watched days are compared with."""
    timed = [(d.day, d.latency) for d in runs if d.latency is not None and d.latency.n]
    if not timed:
        return None
    start, change = split([day for day, _ in timed], through=timed[-1][0])
    return Sketch.merged(s for day, s in timed if start <= day < change).quantile(0.95)


def _slow(runs: tuple[DayRuns, ...], limit: float) -> tuple[DayShare, ...]:
    return tuple(
        DayShare(day=d.day, hits=_above(d.latency, limit), n=float(d.latency.n))
        for d in runs
        if d.latency is not None
    )


def _above(sketch: Sketch, limit: float) -> float:
    bounds = GAMMA ** (sketch.buckets.astype(float) - 1)
    return float(sketch.counts[bounds >= limit].sum())


def _by_subject(
    metric: Metric,
    counted: list[tuple[date, int, Mapping[str, int]]],
    through: date,
    known: Mapping[Metric, set[str]],
) -> Iterator[ShareStream]:
    """One stream per subject that comes up lately; together they have the false alarms of one."""
    lately: Counter[str] = Counter()
    for day, _, found in counted:
        if day > through - timedelta(days=28):
            lately.update(found)
    subjects = {s for s, n in lately.items() if n >= FEWEST_OF_SUBJECT} | known[metric]
    for subject in sorted(subjects):
        yield ShareStream(
            metric=metric,
            subject=subject,
            days=tuple(
                DayShare(day=day, hits=float(found.get(subject, 0)), n=float(n))
                for day, n, found in counted
            ),
            margin=0.01,
            tests=len(subjects),
        )
