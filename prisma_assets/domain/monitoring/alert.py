"""An alert: a rule that found trouble with one subject and what people are told of it."""

import hashlib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import groupby
from typing import Literal

from prisma_assets.domain.monitoring.alert_rule import Condition, Kind, Metric, Rule, Severity
from prisma_assets.domain.monitoring.figure import number
from prisma_assets.domain.notification.notification import Notification, Recipient

Scope = Literal["agent", "workflow", "system"]
MOST_LINES = 20
"""Subjects named in one message; the command line lists the rest."""

_TITLES: Mapping[Metric, str] = {
    Metric.ERROR_RATE: "error rate", Metric.P50_MS: "P50", Metric.P95_MS: "P95", Metric.P99_MS: "P99",
    Metric.COST_USD: "cost", Metric.TOKENS: "tokens", Metric.THROUGHPUT: "throughput",
    Metric.ACCURACY: "accuracy", Metric.SATISFACTION: "satisfaction", Metric.DRIFT: "change of satisfaction",
    Metric.SILENCE: "silent for", Metric.QUEUE_DEPTH: "queue", Metric.JOB_FAILURE_RATE: "failed executions",
    Metric.APPROVAL_AGE: "waits for a sign-off since", Metric.BUDGET_USED: "budget used",
    Metric.BUDGET_HOURS_LEFT: "budget lasts", Metric.REPEATED_CALLS: "repeated calls",
    Metric.DATA_QUALITY: "rows that fail a check",
}  # fmt: skip
_SHARES = (Metric.ERROR_RATE, Metric.ACCURACY, Metric.JOB_FAILURE_RATE, Metric.BUDGET_USED)
_HOURS = (Metric.SILENCE, Metric.APPROVAL_AGE, Metric.BUDGET_HOURS_LEFT)
_UNITS: Mapping[Metric, str] = {
    Metric.COST_USD: " USD",
    Metric.THROUGHPUT: " runs/h",
    Metric.DATA_QUALITY: " rows",
}


@dataclass(frozen=True, kw_only=True)
class Subject:
    """What an alert is about."""

    scope: Scope
    id: str
    """The agent, `EXECUTION:STEP`, the budget, the sensor."""
    title: str
    """As people call it."""
    execution_id: str | None = None

    @classmethod
    def agent(cls, agent_id: str) -> "Subject":
        """An agent."""
        return cls(scope="agent", id=agent_id, title=agent_id)

    @property
    def agent_id(self) -> str | None:
        """The agent, when it is one."""
        return self.id if self.scope == "agent" else None


@dataclass(frozen=True, kw_only=True)
class Alert:
    """Trouble that was found."""

    rule_id: str
    subject: Subject
    kind: Kind
    metric: Metric
    condition: Condition
    value: float
    """The figure, in the unit of the metric."""
    threshold: float | None
    baseline: float | None = None
    """The figure of a usual day; None: the rule has none."""
    n: int
    """Observations it rests on."""
    window_seconds: int
    severity: Severity
    message: str
    """What is wrong, in words people can check."""
    action: str = ""
    tell: tuple[str, ...] = ()

    @property
    def fingerprint(self) -> str:
        """Equal for the same trouble: it is one alert that counts, however often it is found."""
        return f"{self.rule_id}:{self.subject.id}"


def found(rule: Rule, subject: Subject, *, value: float, n: int, words: str) -> Alert:
    """The alert of a rule about a subject; the caller adds a baseline when there is one."""
    return Alert(
        rule_id=rule.id, subject=subject, kind=rule.kind, metric=rule.metric, condition=rule.condition,
        value=value, threshold=rule.threshold, n=n, window_seconds=rule.window_seconds,
        severity=rule.severity, message=words, action=rule.action, tell=rule.tell,
    )  # fmt: skip


def shown(metric: Metric, value: float) -> str:
    """A figure as people read it: 12 %, 4.1 s, 30 h."""
    if metric in _SHARES:
        return f"{number(100 * value)} %"
    if metric.endswith("_ms"):
        return f"{number(value / 1000)} s"
    if metric in _HOURS:
        return f"{number(value)} h"
    return f"{number(value)}{_UNITS.get(metric, '')}"


def title(metric: Metric) -> str:
    """How people call the metric."""
    return _TITLES[metric]


def span(seconds: float) -> str:
    """A time as people read it: 10 min, 1 h, 7 d."""
    for unit, size in (("d", 86_400), ("h", 3_600), ("min", 60)):
        if seconds >= size and (unit != "d" or seconds >= 2 * size):
            return f"{number(seconds / size)} {unit}"
    return f"{number(seconds)} s"


def news(opened: Sequence[tuple[str, Alert]]) -> list[Notification]:
    """What people are told of alerts that opened at once: one message for all subjects of one rule.

    Args:
        opened: Alerts with their ids.
    """
    ordered = sorted(opened, key=lambda pair: (pair[1].rule_id, pair[1].fingerprint))
    groups = groupby(ordered, key=lambda pair: pair[1].rule_id)
    return [_told(list(pairs), kind="alert_opened", prefix="") for _, pairs in groups]


def escalation(overdue: Sequence[tuple[str, Alert]], *, after_seconds: float) -> Notification:
    """What people are told of alerts of one rule that nobody has acknowledged."""
    waited = f"Nobody has acknowledged this within {span(after_seconds)}. "
    return _told(list(overdue), kind="alert_escalated", prefix=waited)


def _told(pairs: Sequence[tuple[str, Alert]], *, kind: str, prefix: str) -> Notification:
    first = pairs[0][1]
    ids = sorted(alert_id for alert_id, _ in pairs)
    digest = hashlib.sha256("\n".join(ids).encode()).hexdigest()[:16]
    lines = [f"{alert.subject.title}: {alert.message}" for _, alert in pairs]
    about = lines[0] if len(pairs) == 1 else f"{title(first.metric)} of {len(pairs)} at once"
    again = "Escalated, " if kind == "alert_escalated" else ""
    return Notification(
        kind=kind,
        dedupe_key=f"{kind}:{first.rule_id}:{digest}",
        subject=f"{again}{first.severity}: {about}",
        text=f"{prefix}The rule {first.rule_id} found:\n" + _body(ids, lines, first),
        audience=tuple(Recipient(user=user) for user in _users(alert for _, alert in pairs)),
        facts={
            "rule_id": first.rule_id, "severity": first.severity, "alert_ids": ids,
            "subjects": [alert.subject.id for _, alert in pairs],
        },
    )  # fmt: skip


def _body(ids: Sequence[str], lines: Sequence[str], first: Alert) -> str:
    more = [f"  and {len(lines) - MOST_LINES} more"] if len(lines) > MOST_LINES else []
    todo = ["", f"What to do first: {first.action}"] if first.action else []
    listed = [f"  {line}" for line in lines[:MOST_LINES]]
    return "\n".join(
        [*listed, *more, *todo, "", "Acknowledge it:", f"  prisma-assets alerts ack {ids[0]} --as USER"]
    )  # fmt: skip


def _users(alerts: Iterable[Alert]) -> list[str]:
    return list(dict.fromkeys(user for alert in alerts for user in alert.tell))
