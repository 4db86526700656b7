"""What people do about alerts: look after one, end one, ask for quiet, set and end rules. Finding trouble does not belong here."""

import hashlib
import math
from collections.abc import Collection
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

from prisma_assets.domain.errors import InputError
from prisma_assets.domain.monitoring.alert_rule import (
    AGENT_METRICS,
    Condition,
    Kind,
    Metric,
    Rule,
    Severity,
    agent_condition,
    agent_metric,
)
from prisma_assets.store.alert import AlertStore, NewSilence
from prisma_assets.store.alert_rule import AlertRuleStore
from prisma_assets.store.database import Database

_RANGES = {Metric.ERROR_RATE: (0, 1), Metric.ACCURACY: (0, 1), Metric.SATISFACTION: (1, 5)}
"""Between what a metric lies: a threshold of 5 for an error rate was meant as 0.05."""


class UnknownAlertError(InputError):
    """There is no alert of that id; `prisma-assets alerts list` shows them."""


@dataclass(frozen=True, kw_only=True)
class NewRule:
    """A rule about agents somebody wants."""

    agent_id: str | None
    """None: each of them."""
    metric: str
    threshold: float
    condition: str
    severity: Severity = "warning"
    by: str
    reason: str = ""


def rule_of(new: NewRule, agents: Collection[str]) -> Rule:
    """The rule, checked; the same wish is the same rule.

    Raises:
        InputError: The metric, the condition or the agent is unknown, or the threshold cannot be met.
    """
    if new.agent_id is not None and new.agent_id not in agents:
        raise InputError(
            f"no agent is called '{new.agent_id}'; `prisma-assets agents list` shows all"
        )
    metric, condition = agent_metric(new.metric), agent_condition(new.condition)
    _check_threshold(metric, condition, new.threshold)
    wish = f"{new.agent_id}:{metric}:{condition}:{new.threshold!r}:{new.severity}"
    has_baseline = condition in (Condition.PCT_CHANGE, Condition.ZSCORE)
    return Rule(
        id=f"{metric}-{condition}-{hashlib.sha256(wish.encode()).hexdigest()[:8]}",
        kind=Kind.CHANGE if has_baseline else Kind.THRESHOLD,
        metric=metric,
        condition=condition,
        threshold=new.threshold,
        agent_id=new.agent_id,
        window_seconds=AGENT_METRICS[metric],
        severity=new.severity,
        reason=new.reason or f"Set by {new.by}.",
        since=datetime.now(UTC).date(),
    )


def _check_threshold(metric: Metric, condition: Condition, threshold: float) -> None:
    if not math.isfinite(threshold) or (condition is Condition.ZSCORE and threshold <= 0):
        raise InputError(f"the threshold is {threshold}; give a number, above 0 for zscore")
    is_plain = condition in (Condition.GREATER_THAN, Condition.LESS_THAN)
    low, high = _RANGES.get(metric, (-math.inf, math.inf))
    if is_plain and not low <= threshold <= high:
        raise InputError(
            f"{metric} lies between {low} and {high}; the threshold {threshold:g} does not"
        )


async def set_rule(database: Database, new: NewRule, *, agents: Collection[str]) -> Rule:
    """Set a rule; set before, it stays.

    Raises:
        InputError: It cannot be, or somebody has ended the same one before.
    """
    rule, store = rule_of(new, agents), AlertRuleStore(source=database)
    if not await store.add(rule, by=new.by):
        in_force = {row["rule_id"] for row in await store.set_rules()}
        if rule.id not in in_force:
            await store.revive(rule.id)
    return rule


async def end_rule(database: Database, rule_id: str, *, by: str) -> None:
    """Have a rule hold no more; its open alerts end with the next look.

    Raises:
        InputError: Nobody has set one of that id.
    """
    if not await AlertRuleStore(source=database).end(rule_id, by=by):
        raise InputError(
            f"nobody has set a rule {rule_id}; those that ship can be silenced: prisma-assets alerts silence --rule {rule_id}"
        )


async def silence(
    database: Database, new: NewSilence, *, agents: Collection[str], now: datetime
) -> int:
    """Keep alerts from being told for a while; gives the silence's number.

    Raises:
        InputError: It is about nothing, about something unknown, or over already.
    """
    rules = {rule.id for rule in await AlertRuleStore(source=database).rules()}
    if new.rule_id is None and new.agent_id is None:
        raise InputError(
            "a silence is about a rule, an agent or both; a firm that hears nothing is not watched"
        )
    if new.rule_id is not None and new.rule_id not in rules:
        raise InputError(
            f"no rule is called '{new.rule_id}'; `prisma-assets alerts rules` shows them"
        )
    if new.agent_id is not None and new.agent_id not in agents:
        raise InputError(
            f"no agent is called '{new.agent_id}'; `prisma-assets agents list` shows all"
        )
    if new.until <= now or not new.reason.strip() or not new.by.strip():
        raise InputError(
            "a silence lasts until a moment to come, and is somebody's for a reason; give all three"
        )
    return await AlertStore(source=database).silence(new)


async def resolve_by_hand(database: Database, alert_id: str, *, by: str, reason: str) -> None:
    """End an alert because a person says so; its rule begins anew, and tells it again if the trouble goes on.

    Raises:
        InputError: There is no such alert, or it is over.
    """
    async with database.transaction() as tx:
        await AlertRuleStore(source=tx).lock()
        row = await known_alert(AlertStore(source=tx), alert_id)
        if row["status"] == "resolved":
            raise InputError(f"alert {alert_id} is over already, since {row['resolved_at']:%Y-%m-%d %H:%M} UTC")  # fmt: skip
        fingerprint = f"{row['rule_id']}:{row['subject_id']}"
        await AlertStore(source=tx).resolve([fingerprint], by=by, resolution=reason)
        await AlertRuleStore(source=tx).forget(row["rule_id"], row["subject_id"])


async def acknowledge(database: Database, alert_id: str, *, by: str) -> None:
    """Say that somebody looks after an alert; it is told no more until it is over.

    Raises:
        InputError: There is no such alert, or it is over.
    """
    store = AlertStore(source=database)
    row = await known_alert(store, alert_id)
    if not await store.acknowledge(alert_id, by=by) and row["status"] != "acknowledged":
        raise InputError(f"alert {alert_id} is over; `prisma-assets alerts list` shows those that are not")  # fmt: skip


async def known_alert(store: AlertStore, alert_id: str) -> dict[str, Any]:
    """The alert of that id.

    Raises:
        UnknownAlertError: There is none.
    """
    try:
        row = await store.alert(str(UUID(alert_id)))
    except ValueError:
        row = None
    if row is None:
        raise UnknownAlertError(
            f"no alert has the id {alert_id}; `prisma-assets alerts list` shows them"
        )
    return row
