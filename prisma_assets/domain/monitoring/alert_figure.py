"""Where a figure lies by a rule, and in what words. How it was measured does not belong here."""

from collections.abc import Sequence
from dataclasses import dataclass
from statistics import fmean, median

from prisma_assets.domain.monitoring.alert import shown, span, title
from prisma_assets.domain.monitoring.alert_rule import Condition, Metric, Rule
from prisma_assets.domain.monitoring.alert_state import Level
from prisma_assets.domain.monitoring.figure import number

LEAST_DAYS = 7
"""Days before anything is usual: a week has one of each weekday."""
_TO_SD, _MEAN_TO_SD = 0.6745, 0.7979
"""Median and mean absolute deviation of a normal distribution with sd 1. Source: B. Iglewicz and D. Hoaglin (1993),
How to Detect and Handle Outliers, ASQC, §3.2."""


@dataclass(frozen=True, kw_only=True)
class Figure:
    """What was measured of one subject."""

    value: float | None
    """In the unit of the metric; None: no data."""
    n: int
    """Observations it rests on."""
    usual: Sequence[float] = ()
    """The same figure of each day before that has one."""
    is_unusual: bool = False
    """What the detector said of it."""
    note: str = ""
    """What else people should know, such as what it leaves out, or why it is unusual."""


NOTHING = Figure(value=None, n=0)


@dataclass(frozen=True, kw_only=True)
class Part:
    """A part of the product that ought to give signs of life."""

    name: str
    silent_hours: float
    """Beyond the time it may rest."""
    note: str = ""
    """What it said last."""


def level(rule: Rule, figure: Figure) -> Level:
    """Where the figure lies; unknown when it rests on too little."""
    if figure.value is None or figure.n < rule.min_n:
        return Level.UNKNOWN
    if rule.threshold is None:
        return Level.BAD if figure.is_unusual else Level.CLEAN
    measured = _measured(rule, figure.value, figure.usual)
    if measured is None:
        return Level.UNKNOWN
    sign = 1.0 if rule.is_upward else -1.0
    clear = rule.threshold if rule.clear is None else rule.clear
    if sign * measured > sign * rule.threshold:
        return Level.BAD
    return Level.CLEAN if sign * measured <= sign * clear else Level.BETWEEN


def baseline(rule: Rule, figure: Figure) -> float | None:
    """The figure of the median day; None when the rule asks for none, or there are too few days."""
    if not rule.has_baseline or len(figure.usual) < LEAST_DAYS:
        return None
    return median(figure.usual)


def words(rule: Rule, figure: Figure) -> str:
    """What is wrong: "error rate 12 % in 1 h (n = 200), limit 10 %"; the figure must have a value."""
    value = 0.0 if figure.value is None else figure.value
    note = f"; {figure.note}" if figure.note else ""
    if rule.condition is Condition.UNUSUAL:
        return figure.note
    said = f"{title(rule.metric)} {shown(rule.metric, value)}"
    if rule.min_n and rule.metric is not Metric.SILENCE:
        said += f" in {span(rule.window_seconds)} (n = {figure.n:,})"
    return f"{said}, {_limit(rule, figure)}{note}"


def _limit(rule: Rule, figure: Figure) -> str:
    threshold = rule.threshold or 0.0
    usual = baseline(rule, figure)
    if usual is None:
        return f"limit {shown(rule.metric, threshold)}"
    typical = f"usual {shown(rule.metric, usual)}"
    if rule.condition is Condition.ZSCORE:
        return f"{typical}, limit {number(threshold)} standard deviations from it"
    return f"{typical}, limit {threshold:+g} % of it"


def _measured(rule: Rule, value: float, usual: Sequence[float]) -> float | None:
    """What is compared with the threshold; None when it cannot be said."""
    if not rule.has_baseline:
        return value
    if len(usual) < LEAST_DAYS:
        return None
    if rule.condition is Condition.ZSCORE:
        return _robust_distance(value, usual)
    middle = median(usual)
    return 100 * (value / middle - 1) if middle > 0 else None


def _robust_distance(value: float, usual: Sequence[float]) -> float | None:
    """Distance from the median in robust standard deviations; None when the days before did not vary.

    Source: Iglewicz and Hoaglin (1993), the modified z-score; by the mean deviation where half the days are equal.
    """
    middle = median(usual)
    deviations = [abs(day - middle) for day in usual]
    deviation = median(deviations) / _TO_SD or fmean(deviations) / _MEAN_TO_SD
    return abs(value - middle) / deviation if deviation else None
