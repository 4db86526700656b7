"""What the firm wants to be told of: rules as data, each with its reason and its day. What a rule finds does not belong here."""

from collections.abc import Mapping
from datetime import date
from difflib import get_close_matches
from enum import StrEnum
from functools import cache
from importlib.resources import files
from typing import Literal, Self

from pydantic import Field, model_validator

from prisma_assets.domain.audit.workpaper import Frozen
from prisma_assets.domain.errors import InputError
from prisma_assets.domain.yaml_source import parse_model

HOUR, DAY = 3_600, 86_400
MIN_N = 20
"""Runs a window must hold before a rate says anything: with fewer, one error is 5 % (domain facts §6.4)."""
BASELINE_DAYS = 28
"""Days a change is measured against: four of each weekday (domain facts §6.4)."""

About = Literal["agent", "approval", "budget", "workflows", "part", "notifier"]
"""Whose figures a rule looks at. part: a sensor or a schedule; workflows: all executions together."""
Severity = Literal["info", "warning", "critical"]
"""critical: somebody is told again when nobody acknowledges it."""


class Kind(StrEnum):
    """What sort of trouble a rule speaks of."""

    THRESHOLD = "threshold"
    """A figure beyond a fixed limit."""
    CHANGE = "change"
    """A figure unlike the days before."""
    ANOMALY = "anomaly"
    """A value unlike its own past, found by the detector."""
    BUDGET = "budget"
    """A share of a limit that is spent or promised."""
    SLA = "sla"
    """Somebody has waited too long."""
    DRIFT = "drift"
    """A slow change, compared over weeks."""
    ABSENCE = "absence"
    """What came regularly comes no more."""
    SECURITY = "security"
    """Somebody does what they must not."""
    QUALITY = "quality"
    """Facts that fail a check."""


class Condition(StrEnum):
    """How a figure is compared with the rule's threshold."""

    GREATER_THAN = "greater_than"
    """The figure itself is above it."""
    LESS_THAN = "less_than"
    """The figure itself is below it."""
    PCT_CHANGE = "pct_change"
    """The change against the median day, in per cent, is beyond it: above 50, or below -10."""
    ZSCORE = "zscore"
    """The distance from the median day, in robust standard deviations, is above it in either direction."""
    UNUSUAL = "unusual"
    """The detector calls it an anomaly; there is no threshold."""


class Metric(StrEnum):
    """What is measured; the unit stands beside it."""

    ERROR_RATE = "error_rate"
    """Share of runs that failed or timed out, 0 to 1."""
    P50_MS = "p50_ms"
    P95_MS = "p95_ms"
    P99_MS = "p99_ms"
    """Quantiles of the duration, milliseconds."""
    COST_USD = "cost_usd"
    """US dollars in the window; what has no price is not in it."""
    TOKENS = "tokens"
    """Tokens in and out in the window."""
    THROUGHPUT = "throughput"
    """Runs per hour."""
    ACCURACY = "accuracy"
    """Mean of measured accuracies, 0 to 1."""
    SATISFACTION = "satisfaction"
    """Mean rating, 1 to 5."""
    DRIFT = "drift"
    """Mean rating of the last week minus that of the four before."""
    SILENCE = "silence"
    """Hours without a sign of life."""
    QUEUE_DEPTH = "queue_depth"
    """Executions that somebody wants run and no run has taken up."""
    JOB_FAILURE_RATE = "job_failure_rate"
    """Share of workflow executions that failed, 0 to 1."""
    APPROVAL_AGE = "approval_age"
    """Hours a step has waited for a sign-off."""
    BUDGET_USED = "budget_used"
    """Share of a limit that is spent or promised; may exceed 1."""
    BUDGET_HOURS_LEFT = "budget_hours_left"
    """Hours until a limit is reached at the rate of late."""
    REPEATED_CALLS = "repeated_calls"
    """Attempts at the same work."""
    DATA_QUALITY = "data_quality"
    """Rows that fail a check."""


AGENT_METRICS: Mapping[Metric, int] = {
    Metric.ERROR_RATE: HOUR,
    Metric.P50_MS: HOUR,
    Metric.P95_MS: HOUR,
    Metric.P99_MS: HOUR,
    Metric.THROUGHPUT: HOUR,
    Metric.COST_USD: DAY,
    Metric.TOKENS: DAY,
    Metric.ACCURACY: DAY,
    Metric.SATISFACTION: 7 * DAY,
}
"""What a rule about agents may measure, with its usual window in seconds: as short as 20 observations allow as a rule."""


class Rule(Frozen):
    """One thing the firm wants to be told of."""

    id: str = Field(pattern=r"^[a-z][a-z0-9_-]{1,62}$")
    kind: Kind
    about: About = "agent"
    metric: Metric
    condition: Condition
    threshold: float | None = None
    """In the unit of the metric; per cent for pct_change, standard deviations for zscore; None for unusual."""
    clear: float | None = None
    """Level at which the trouble counts as over, on the calm side of the threshold; None: the threshold."""
    agent_id: str | None = None
    """The one agent it is about; None: each of them."""
    window_seconds: int = Field(default=HOUR, gt=0)
    """Time the figure is computed over."""
    for_seconds: int = Field(default=0, ge=0)
    """How long it must last before anybody is told."""
    min_n: int = Field(default=MIN_N, ge=0)
    """Observations below which the figure is no data."""
    severity: Severity = "warning"
    escalate_seconds: int | None = Field(default=None, gt=0)
    """Time after which an alert nobody acknowledged is told again; None: never."""
    tell: tuple[str, ...] = ()
    """Users who are told, besides the addresses that receive everything."""
    escalate_to: tuple[str, ...] = ()
    """Users who are told when nobody acknowledged it in time."""
    action: str = ""
    """What to do first."""
    reason: str = Field(min_length=1)
    """Why the firm wants it, and where the threshold comes from."""
    since: date

    @model_validator(mode="after")
    def _is_whole(self) -> Self:
        if (self.threshold is None) != (self.condition is Condition.UNUSUAL):
            raise ValueError("a threshold goes with every condition but unusual")
        if self.threshold is None or self.clear is None:
            return self
        if (self.clear > self.threshold) if self.is_upward else (self.clear < self.threshold):
            raise ValueError("clear lies on the calm side of the threshold")
        return self

    @property
    def is_upward(self) -> bool:
        """True when more is worse."""
        if self.condition is Condition.PCT_CHANGE:
            return (self.threshold or 0.0) >= 0
        return self.condition is not Condition.LESS_THAN

    @property
    def has_baseline(self) -> bool:
        """True when it needs the days before."""
        return self.condition in (Condition.PCT_CHANGE, Condition.ZSCORE)


class _RuleFile(Frozen):
    rules: tuple[Rule, ...]


@cache
def shipped_rules() -> tuple[Rule, ...]:
    """The rules of the package, as the firm's monitoring facts state them."""
    text = files(__package__).joinpath("data", "alert_rules.yaml").read_text(encoding="utf-8")
    return parse_model(text, _RuleFile, file="alert_rules.yaml").rules


def agent_metric(name: str) -> Metric:
    """The metric of agents of that name.

    Raises:
        InputError: There is none.
    """
    known = {str(metric): metric for metric in AGENT_METRICS}
    if name in known:
        return known[name]
    near = get_close_matches(name, known, n=1)
    hint = f"; did you mean {near[0]}?" if near else ""
    raise InputError(f"no metric of agents is called '{name}'; there are {', '.join(known)}{hint}")


def agent_condition(name: str) -> Condition:
    """The condition of that name a person can set.

    Raises:
        InputError: There is none.
    """
    known = [str(c) for c in Condition if c is not Condition.UNUSUAL]
    if name in known:
        return Condition(name)
    raise InputError(f"no condition is called '{name}'; there are {', '.join(known)}")
