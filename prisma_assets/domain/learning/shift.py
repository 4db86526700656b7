"""Whether a daily share or mean has got worse, looked at every day. What the figure means to the firm does not belong here.

Each night one stream (errors of an agent, its slow runs, ...) is asked: did it get worse on some day of the last four weeks, compared with the weeks before?
Every possible day of change gives an e-value: the likelihood of what was seen since then under "worse by so much" divided by its likelihood under "as before",
averaged over what is not known about "before". Their sum is a Shiryaev-Roberts detector; while nothing changes, the mean time between alarms is at least the bound.
Shin, Ramdas and Rinaldo (2024), "E-detectors: a nonparametric framework for sequential change detection", NEJSDS 2(2), theorem 2.4.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, timedelta

import numpy as np
from numpy.typing import NDArray
from scipy.special import logsumexp
from scipy.stats import beta, chi2, t

Numbers = NDArray[np.float64]

WATCHED_DAYS = 28
"""Four whole weeks, so that weekdays weigh the same; an older change has become the past it is compared with."""
PAST_DAYS = 56
"""Eight weeks: as many as a trend needs, and few enough that the agent is still the same."""
FEWEST_PAST_DAYS = 14
"""Two weeks: fewer do not tell how much days differ."""
FEWEST = 20.0
"""Observations since the change before anybody is told; the firm's rule for alerts on rates."""
SHARES = (0.02, 0.04, 0.08, 0.16, 0.32)
"""How much of what went well may now go wrong: from the smallest change anybody acts on, doubled up to a third."""
DISTANCES = (3.0, 5.0, 8.0)
"""Standard errors by which a mean may have moved."""
FALSE_PER_MONTH = 0.1
"""False alarms of one agent in thirty days; with 51 agents five a month for the firm, which a person can look at."""
STREAMS = 10
"""Kinds of trouble looked for per agent; error types, themes and categories share one each."""
BOUND = math.log(30 * STREAMS / FALSE_PER_MONTH)
"""Logarithm of the mean time between alarms of one stream, in days: it leaves an agent its false alarms per month."""
CLEARLY = math.log(20)
"""A person told "it is over" is wrong once in twenty times."""
_NODES = 32
"""Values of the unknown share that stand for all; more change no digit that matters."""


@dataclass(frozen=True, kw_only=True)
class DayShare:
    """One day of one stream."""

    day: date
    hits: float
    """What went wrong, 0 to n. Not whole where a mean on a scale stands for it."""
    n: float
    """Observations; 0 = no data."""

    @property
    def level(self) -> float:
        """The share, 0 to 1; n must not be 0."""
        return self.hits / self.n


@dataclass(frozen=True, kw_only=True)
class DayMean:
    """One day of a positive quantity, such as cost per run."""

    day: date
    mean: float
    """> 0."""
    n: float
    """Observations; > 0."""

    @property
    def level(self) -> float:
        """The mean."""
        return self.mean


@dataclass(frozen=True, kw_only=True)
class Shift:
    """A change for the worse."""

    since: date
    """First day of what is worse: the likeliest one."""
    before: float
    """Share before, 0 to 1; of a mean: its typical value."""
    before_n: float
    """0: compared with a limit, not with the stream's past."""
    before_from: date | None
    """First day it was compared with. None: compared with a limit."""
    now: float
    now_n: float
    log_evidence: float
    """Natural logarithm of the detector; at least the bound."""
    confidence: float
    """Probability that the change is larger than the smallest one worth acting on, 0 to 1."""
    deviation: float
    """Standard error of the change, in its unit."""


def split(days: Sequence[date], *, through: date) -> tuple[date, date]:
    """First day of the past and first watched day, for a stream with data on these days.

    A young stream is watched for a third of its life.
    """
    age = (through - min(days)).days + 1
    watched = min(WATCHED_DAYS, age // 3)
    start = through - timedelta(days=watched - 1)
    return start - timedelta(days=PAST_DAYS), start


def find_shift(
    days: Sequence[DayShare],
    *,
    through: date,
    margin: float,
    is_scale: bool = False,
    tests: int = 1,
) -> Shift | None:
    """Find since when a share is worse than it was.

    Args:
        days: At most one entry per day, in order; days after `through` are not allowed.
        through: The day of the look.
        margin: Smallest rise of the share worth acting on, in (0, 1).
        is_scale: The hits stand for a mean on a scale, which varies less than a share does.
        tests: Streams that share one stream's false alarms.

    Returns:
        None: not worse, or not enough data to say so.
    """
    known = [d for d in days if d.n > 0]
    if not known:
        return None
    start, change = split([d.day for d in known], through=through)
    past = [d for d in known if start <= d.day < change]
    recent = [d for d in known if d.day >= change]
    if len(past) < FEWEST_PAST_DAYS or not recent:
        return None
    hits, n = sum(d.hits for d in past), sum(d.n for d in past)
    before = hits / n
    if _worst(recent) - before < margin:
        return None  # No day of change makes it bad enough, whatever the evidence.
    spread = _spread(past, is_scale=is_scale)
    a, b = hits / spread + 0.5, (n - hits) / spread + 0.5  # Jeffreys' prior
    nodes = beta.ppf((np.arange(_NODES) + 0.5) / _NODES, a, b)
    found = _since(recent, nodes, spread=spread, bound=BOUND + math.log(tests))
    if found is None:
        return None
    where, log_evidence = found
    after = recent[where:]
    now_n = sum(d.n for d in after)
    now = sum(d.hits for d in after) / now_n
    variance = spread * (_variance(before) / n + _variance(now) / now_n)
    if now_n < FEWEST or now - before < margin:
        return None
    return Shift(
        since=after[0].day,
        before=before,
        before_n=n,
        before_from=past[0].day,
        now=now,
        now_n=now_n,
        log_evidence=log_evidence,
        confidence=_normal_cdf((now - before - margin) / math.sqrt(variance)),
        deviation=math.sqrt(variance),
    )


def exceeds(
    days: Sequence[DayShare], *, through: date, limit: float, is_scale: bool = False
) -> Shift | None:
    """Find that a share has been above a limit in the watched weeks, beyond what chance gives.

    Args:
        days: As for `find_shift`.
        through: The day of the look.
        limit: Largest share the firm accepts, in (0, 1).
        is_scale: As for `find_shift`.
    """
    first = through - timedelta(days=WATCHED_DAYS - 1)
    recent = [d for d in days if d.n > 0 and d.day >= first]
    n = sum(d.n for d in recent)
    if n < FEWEST:
        return None
    now = sum(d.hits for d in recent) / n
    spread = _spread(recent, is_scale=is_scale) if len(recent) >= FEWEST_PAST_DAYS else 1.0
    found = _log_ratio(np.array([now * n]), np.array([n]), np.array([limit]), spread)[0]
    # One start only, no sum over days of change; the looks of a month overlap nearly whole.
    if now <= limit or found < BOUND:
        return None
    deviation = math.sqrt(spread * _variance(now) / n)
    return Shift(
        since=recent[0].day,
        before=limit,
        before_n=0,
        before_from=None,
        now=now,
        now_n=n,
        log_evidence=float(found),
        confidence=_normal_cdf((now - limit) / deviation),
        deviation=deviation,
    )


def find_rise(days: Sequence[DayMean], *, through: date, margin: float) -> Shift | None:
    """Find since when a positive mean, such as cost per run, is higher than it was.

    Judged on logarithms of daily means, which days with few runs weigh less on; their spread is estimated from the past, hence Student's t.

    Args:
        days: At most one entry per day, in order.
        through: The day of the look.
        margin: Smallest relative rise worth acting on, > 0: 0.1 is 10 %.
    """
    if not days:
        return None
    start, change = split([d.day for d in days], through=through)
    past = [d for d in days if start <= d.day < change]
    recent = [d for d in days if d.day >= change]
    if len(past) < FEWEST_PAST_DAYS or not recent:
        return None
    weights, values = _logs(past)
    center = float(weights @ values / weights.sum())
    residuals = np.sqrt(weights) * (values - center)
    freedom = len(past) - 1
    variance = float(residuals @ residuals) / freedom * _persistence(residuals)
    if variance == 0:
        return None  # A figure that never varies is a price list, and tells nothing about chance.
    n, summed = _from_each_day(*_logs(recent))
    rises = summed / n - center
    errors = np.sqrt(variance * (1 / n + 1 / weights.sum()))
    scores = rises / errors
    ratios = [t.logpdf(scores - d, freedom) - t.logpdf(scores, freedom) for d in DISTANCES]
    each = logsumexp(ratios, axis=0) - math.log(len(DISTANCES))
    where, total = int(np.argmax(scores)), float(logsumexp(each))
    rise = math.expm1(float(rises[where]))
    if total < BOUND or n[where] < FEWEST or rise < margin:
        return None
    return Shift(
        since=recent[where].day,
        before=math.exp(center),
        before_n=float(weights.sum()),
        before_from=past[0].day,
        now=math.exp(center) * (1 + rise),
        now_n=float(n[where]),
        log_evidence=total,
        confidence=_normal_cdf(float((rises[where] - math.log1p(margin)) / errors[where])),
        deviation=float(errors[where]) * math.exp(center),
    )


def is_over(shift: Shift, days: Sequence[DayShare], *, through: date) -> bool:
    """Whether the last two weeks look as before the change rather than as when it was found.

    Likelihood ratio of the two shares, at least 20 in favour of the better one.
    """
    first = max(through - timedelta(days=13), shift.since + timedelta(days=1))
    recent = [d for d in days if d.n > 0 and d.day >= first]
    n, hits = sum(d.n for d in recent), sum(d.hits for d in recent)
    low, high = (min(max(p, 1e-6), 1 - 1e-6) for p in (shift.before, shift.now))
    ratio = hits * math.log(low / high) + (n - hits) * math.log((1 - low) / (1 - high))
    return n >= FEWEST and ratio >= CLEARLY


def rise_is_over(shift: Shift, days: Sequence[DayMean], *, through: date) -> bool:
    """The same for a mean: the last two weeks are nearer to before, by at least 20 to 1.

    The spread is that of the change's own standard error, brought to the number of recent runs.
    """
    first = max(through - timedelta(days=13), shift.since + timedelta(days=1))
    recent = [d for d in days if d.day >= first]
    if sum(d.n for d in recent) < FEWEST or shift.deviation <= 0:
        return False
    weights, values = _logs(recent)
    error = shift.deviation / shift.before * math.sqrt(shift.now_n / float(weights.sum()))
    mean = float(weights @ values / weights.sum())
    low, high = math.log(shift.before), math.log(shift.now)
    return ((mean - high) ** 2 - (mean - low) ** 2) / (2 * error**2) >= CLEARLY


def _worst(recent: Sequence[DayShare]) -> float:
    """Largest share from some day to the end."""
    hits, n = _sums_from_each([d.hits for d in recent]), _sums_from_each([d.n for d in recent])
    return float((hits / n).max())


def _since(
    recent: Sequence[DayShare], nodes: Numbers, *, spread: float, bound: float
) -> tuple[int, float] | None:
    """Index of the likeliest first bad day, and the detector; None below the bound."""
    n = _sums_from_each([d.n for d in recent])
    hits = _sums_from_each([d.hits for d in recent])
    each = _log_ratio(hits, n, nodes, spread)
    total = float(logsumexp(each))
    return (int(np.argmax(each)), total) if total >= bound else None


def _log_ratio(hits: Numbers, n: Numbers, nodes: Numbers, spread: float) -> Numbers:
    """Log e-value of "worse" against "as before" for each start, averaged over the nodes.

    Counts are divided by the spread: the quasi-likelihood of Wedderburn (1974), Biometrika 61(3), 439-447.
    """
    bad, good = hits[:, None] / spread, (n - hits)[:, None] / spread
    shares = np.array(SHARES)[:, None]
    usual, worse = (
        logsumexp(bad * np.log(p) + good * np.log1p(-p), axis=1) - math.log(p.size)
        for p in (nodes, (nodes + (1 - nodes) * shares).ravel())
    )
    ratio: Numbers = worse - usual
    return ratio


def _spread(days: Sequence[DayShare], *, is_scale: bool) -> float:
    """How many times more (or, on a scale, less) than a binomial share the days vary; days that resemble their neighbours count too."""
    n = np.array([d.n for d in days])
    hits = np.array([d.hits for d in days])
    share = (hits.sum() + 0.5) / (n.sum() + 1)
    residuals = (hits - n * share) / np.sqrt(n * share * (1 - share))
    freedom = len(days) - 1
    total = float(residuals @ residuals)
    # On a scale nothing bounds the estimate from below but its own error: the upper quartile is taken.
    estimate = total / float(chi2.ppf(0.25, freedom)) if is_scale else total / freedom
    return max(estimate * _persistence(residuals), 0.25 if is_scale else 1.0)


def _persistence(residuals: Numbers) -> float:
    """Factor by which neighbouring days' likeness widens the variance of their sum: (1 + r) / (1 - r)."""
    square = float(residuals @ residuals)
    if square == 0:
        return 1.0
    likeness = min(max(float(residuals[1:] @ residuals[:-1]) / square, 0.0), 0.6)
    return (1 + likeness) / (1 - likeness)


def _logs(days: Sequence[DayMean]) -> tuple[Numbers, Numbers]:
    return np.array([d.n for d in days]), np.log([d.mean for d in days])


def _from_each_day(weights: Numbers, values: Numbers) -> tuple[Numbers, Numbers]:
    return _sums_from_each(weights), _sums_from_each(weights * values)


def _sums_from_each(values: Sequence[float] | Numbers) -> Numbers:
    """Sums of the values from each index to the end."""
    return np.cumsum(np.asarray(values, dtype=float)[::-1])[::-1]


def _variance(share: float) -> float:
    """Of one observation; never 0, since a share of 0 was seen in finitely many."""
    kept = min(max(share, 0.005), 0.995)
    return kept * (1 - kept)


def _normal_cdf(z: float) -> float:
    return 0.5 * math.erfc(-z / math.sqrt(2))
