"""What could be better about an agent: what is wrong, since when, how large, what it costs, what to change. Finding it belongs to `opportunity_search`."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date
from typing import Any

from prisma_assets.domain.learning.shift import Shift
from prisma_assets.domain.learning.stream import Metric

DETECTORS: Mapping[Metric, str] = {
    Metric.ERRORS: "high_error",
    Metric.ERROR_TYPE: "new_error_type",
    Metric.ACCURACY: "drift",
    Metric.LATENCY: "slow_p95",
    Metric.COST: "cost_spike",
    Metric.SATISFACTION: "low_rating",
    Metric.ISSUE: "repeated_correction",
    Metric.THEME: "complaint_theme",
}
CHANGES: Mapping[Metric, str] = {
    Metric.ERRORS: "tool",
    Metric.ERROR_TYPE: "tool",
    Metric.ACCURACY: "prompt",
    Metric.LATENCY: "workflow",
    Metric.COST: "model",
    Metric.SATISFACTION: "prompt",
    Metric.ISSUE: "knowledge",
    Metric.THEME: "knowledge",
}
"""Where such trouble is most often mended: runs fail in tools, take long by limits and order, cost by the model; people miss knowledge."""
ISSUE_CHANGES: Mapping[str, str] = {
    "format": "prompt",
    "unclear": "prompt",
    "incomplete": "prompt",
    "policy": "guardrail",
}
"""A mistake in how something is said is not mended by knowing more; one against a rule is kept out by a guardrail."""

PRIORITIES = ("critical", "high", "medium", "low")
HIGH_IMPACT = 0.10
MEDIUM_IMPACT = 0.04
CRITICAL_IMPACT = 0.20
"""Shares of the agent's work: one piece in ten is noticed by everybody, one in 25 by those who review; one in five makes people stop using it."""
MONTH_DAYS = 30.0
"""Values are told per month."""


@dataclass(frozen=True, kw_only=True)
class Opportunity:
    """One trouble of one agent."""

    agent_id: str
    agent_version: str
    """Latest version at work when it was looked at; 'unknown' where nobody said."""
    metric: Metric
    subject: str | None
    """Error type, issue category or theme id."""
    basis: str
    """'shift': worse than its own past; 'limit': more than the firm accepts; 'trend': a significant slope."""
    title: str
    description: str
    improvement_type: str
    """What to change: prompt, tool, knowledge, workflow, model or guardrail."""
    risk_level: str
    """Of that change: low, medium, high."""
    priority: str
    began_on: date
    last_seen_on: date
    """Last day with data that speaks of it."""
    size: float
    """Change for the worse, in the metric's unit; of a trend of the latency, relative to its level."""
    impact: float
    """Share of the agent's work (of its cost, of what people say) that is concerned, 0 to 1."""
    confidence: float
    """Probability that the change is larger than the smallest one worth acting on, 0 to 1."""
    sample_size: int
    usd_per_month: float | None
    hours_per_month: float | None
    evidence: tuple[dict[str, Any], ...] = field(default=())
    """Rows: what was compared, over which days, with which numbers."""

    @property
    def detector(self) -> str:
        """What found it."""
        return DETECTORS[self.metric]

    @property
    def fingerprint(self) -> str:
        """The same trouble of an agent has the same one, whenever it is found."""
        return fingerprint(self.metric, self.subject)

    @property
    def rank(self) -> tuple[int, float, float]:
        """Sorts the most pressing first."""
        return (
            PRIORITIES.index(self.priority),
            -(self.usd_per_month or 0.0),
            -self.impact * self.confidence,
        )


def fingerprint(metric: Metric, subject: str | None) -> str:
    """Identity of a trouble within its agent."""
    return f"{metric}:{subject}" if subject else str(metric)


def change_for(metric: Metric, subject: str | None) -> str:
    """Where to mend such trouble."""
    if metric is Metric.ERROR_TYPE and subject and "timeout" in subject.lower():
        return "workflow"  # time limits and order of steps
    return ISSUE_CHANGES.get(subject or "", CHANGES[metric])


def risk_of(change: str, *, agent_risk: str) -> str:
    """Risk of a change, which decides how it is released.

    Args:
        change: What is changed.
        agent_risk: Of the agent's card: low, medium, high or critical.

    Source: the firm's release rules (domain facts 6.3): guardrails, and anything for agents rated critical, are high; timeouts, caches and limits of
    agents rated low or medium are low; prompts, knowledge, models and tool parameters are medium.
    """
    if change == "guardrail" or agent_risk == "critical":
        return "high"
    if change == "workflow" and agent_risk in ("low", "medium"):
        return "low"
    return "medium"


def priority_of(impact: float, *, agent_risk: str) -> str:
    """How pressing it is: by the share of work concerned, and by what the agent may break."""
    if impact >= CRITICAL_IMPACT and agent_risk in ("high", "critical"):
        return "critical"
    if impact >= HIGH_IMPACT:
        return "high"
    return "medium" if impact >= MEDIUM_IMPACT else "low"


def comparison(
    metric: Metric, shift: Shift, *, basis: str, slow_ms: float | None
) -> dict[str, Any]:
    """The row of evidence that says what was compared with what; `read_comparison` gives the shift back."""
    return {
        "kind": "comparison",
        "metric": str(metric),
        "basis": basis,
        "since": shift.since.isoformat(),
        "before": shift.before,
        "before_n": shift.before_n,
        "before_from": shift.before_from.isoformat() if shift.before_from else None,
        "now": shift.now,
        "now_n": shift.now_n,
        "log_evidence": shift.log_evidence,
        "deviation": shift.deviation,
        "confidence": shift.confidence,
        "slow_ms": slow_ms,
    }


def read_comparison(row: Mapping[str, Any]) -> Shift:
    """The shift that `comparison` wrote."""
    start = row["before_from"]
    return Shift(
        since=date.fromisoformat(row["since"]),
        before=row["before"],
        before_n=row["before_n"],
        before_from=date.fromisoformat(start) if start else None,
        now=row["now"],
        now_n=row["now_n"],
        log_evidence=row["log_evidence"],
        confidence=row["confidence"],
        deviation=row["deviation"],
    )
