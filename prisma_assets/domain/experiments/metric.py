"""What an experiment measures: kinds of metric, and the scale from 0 to 1 on which outcomes are compared.

Comparing the arms does not belong here (`track`).
"""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from enum import StrEnum

import numpy as np
from numpy.typing import NDArray

Values = NDArray[np.float64]


class Kind(StrEnum):
    """How a metric's values behave."""

    BINARY = "binary"
    """0 or 1: accepted, correct, failed."""
    RATING = "rating"
    """1 to 5."""
    LATENCY = "latency"
    """Seconds or milliseconds, 0 or more; compared as a ratio of geometric means."""
    COST = "cost"
    """Money, more than 0; 0 or nothing means that no price is known. Compared as latency is."""
    TOKENS = "tokens"
    """A count, 0 or more; compared as latency is."""
    MEAN = "mean"
    """Anything else of which only mean and variance are known; compared with the control's mean."""


class Direction(StrEnum):
    """Which way is better."""

    HIGHER = "higher"
    LOWER = "lower"


class Role(StrEnum):
    """What a metric decides."""

    PRIMARY = "primary"
    """Adopting takes a proven improvement of it."""
    GUARDRAIL = "guardrail"
    """Adopting takes proof that it is not harmed by its margin; proven harm rolls back."""
    SECONDARY = "secondary"
    """Reported, never decisive."""


DEFAULT_DIRECTION = {
    Kind.BINARY: Direction.HIGHER, Kind.RATING: Direction.HIGHER,
    Kind.LATENCY: Direction.LOWER, Kind.COST: Direction.LOWER, Kind.TOKENS: Direction.LOWER,
    Kind.MEAN: Direction.HIGHER,
}  # fmt: skip
DEFAULT_MARGIN = {
    Kind.BINARY: 0.03, Kind.RATING: 0.1, Kind.LATENCY: 0.10, Kind.COST: 0.10, Kind.TOKENS: 0.10,
    Kind.MEAN: 0.01,
}  # fmt: skip
"""Smallest difference worth having: 3 points of a share (9 in 10 reviewers notice no less), 0.1 of a rating, 10 % of a latency or cost;
the firm's limits for harm are the same but for errors (1 point), where an experiment would need nine times the traffic.
1 % of a mean: lifts of online shops are rarely larger (Kohavi, Tang, Xu 2020, chapter 1)."""
RATINGS = (1.0, 5.0)
WINSOR_SHARES = (0.005, 0.995)
"""Quantiles of the baseline beyond which a latency or cost counts as that quantile: one call that hung for an hour decides nothing."""
EMPIRICAL_FROM = 400
"""Values from which those quantiles are read off the baseline (two lie beyond each); with fewer a lognormal is fitted."""
_HALF_PERCENT_Z = 2.5758293035489004
"""Standard normal quantile of 0.995."""
_NARROWEST = 1e-3
"""Least width of the logarithmic scale, a tenth of a percent: a baseline that never varies would give none."""


@dataclass(frozen=True, kw_only=True)
class Metric:
    """One thing measured on every unit."""

    name: str
    kind: Kind
    direction: Direction
    margin: float
    """Smallest difference that matters, > 0: share points for binary (0.03), points for rating, a relative change otherwise (0.1)."""
    role: Role = Role.SECONDARY

    @property
    def is_relative(self) -> bool:
        """Whether arms are compared by their ratio."""
        return self.kind in (Kind.LATENCY, Kind.COST, Kind.TOKENS, Kind.MEAN)


@dataclass(frozen=True, kw_only=True)
class Scale:
    """The affine map of a metric's values (or their logarithms) to [0, 1], where more is better. Frozen before outcomes are compared."""

    low: float
    high: float
    """low < high, in the metric's unit or its logarithm; values beyond count as the limit."""
    is_log: bool
    is_higher_better: bool

    def scores(self, values: Values) -> Values:
        """Scores in [0, 1], higher is better; NaN stays NaN."""
        with np.errstate(divide="ignore"):
            raw = np.log(values) if self.is_log else values
        shares = (np.clip(raw, self.low, self.high) - self.low) / (self.high - self.low)
        return shares if self.is_higher_better else 1 - shares

    def effect(self, benefit: float) -> float:
        """A difference of mean scores (treatment less control, in [-1, 1]) in the metric's terms.

        Returns:
            The difference in the metric's unit, or the relative change of the geometric mean (0.1 is 10 % more).
        """
        signed = benefit if self.is_higher_better else -benefit
        change = signed * (self.high - self.low)
        return math.expm1(change) if self.is_log else change

    def benefit(self, metric: Metric) -> float:
        """The metric's margin as a difference of scores, > 0."""
        change = math.log1p(metric.margin) if self.is_log else metric.margin
        return min(change / (self.high - self.low), 1.0)


def freeze_scale(metric: Metric, baseline: Sequence[float]) -> Scale:
    """The scale of a metric.

    Args:
        metric: Whose.
        baseline: Values of the control from before the comparison; used only where arms are compared by ratio.

    Source: winsorised logarithms, limits frozen beforehand so that they cannot depend on what is compared.
    """
    is_higher = metric.direction is Direction.HIGHER
    if not metric.is_relative:
        low, high = (0.0, 1.0) if metric.kind is Kind.BINARY else RATINGS
        return Scale(low=low, high=high, is_log=False, is_higher_better=is_higher)
    low, high = _winsor_limits(np.log([v for v in baseline if v > 0] or [1.0]))
    return Scale(low=low, high=high, is_log=True, is_higher_better=is_higher)


def _winsor_limits(logs: Values) -> tuple[float, float]:
    if len(logs) >= EMPIRICAL_FROM:
        low, high = (float(q) for q in np.quantile(logs, WINSOR_SHARES))
    else:
        centre, spread = float(np.mean(logs)), _HALF_PERCENT_Z * float(np.std(logs))
        low, high = centre - spread, centre + spread
    missing = max(_NARROWEST - (high - low), 0.0) / 2
    return low - missing, high + missing


_POSSIBLE: dict[Kind, tuple[Callable[[Values], NDArray[np.bool_]], str]] = {
    Kind.BINARY: (lambda v: (v >= 0) & (v <= 1), "is no outcome of a binary metric; write 0 or 1"),
    Kind.RATING: (lambda v: (v >= RATINGS[0]) & (v <= RATINGS[1]), "is no rating; write 1 to 5"),
    Kind.LATENCY: (lambda v: v >= 0, "is no latency; it cannot be negative"),
    Kind.COST: (lambda v: v >= 0, "is no cost; it cannot be negative"),
    Kind.TOKENS: (lambda v: v >= 0, "is no count of tokens; it cannot be negative"),
}


def first_impossible(metric: Metric, values: Values) -> tuple[int, str] | None:
    """Position of the first value the metric cannot have, and why; NaN is a missing outcome and possible."""
    is_possible, reason = _POSSIBLE[metric.kind]
    wrong = ~np.isnan(values) & (np.isinf(values) | ~is_possible(values))
    return (int(wrong.argmax()), reason) if wrong.any() else None


def unit_value(kind: Kind, values: Values) -> float:
    """One value for a unit with several observations: the unit was assigned, so the unit is what counts.

    The mean of what arms are compared by: values, or logarithms. NaN where no observation has a value, or where one of a cost has none.

    Source: Deng, Knoblich, Lu (2018), "Applying the delta method in metric analytics", section 2: analyse at the unit of assignment.
    """
    known = values[~np.isnan(values)]
    if not len(known) or (kind is Kind.COST and (len(known) < len(values) or known.min() <= 0)):
        return math.nan
    if kind in (Kind.LATENCY, Kind.TOKENS, Kind.COST) and len(known) > 1:
        with np.errstate(divide="ignore"):
            return float(np.exp(np.mean(np.log(known))))
    return float(np.mean(known))
