"""What is wrong now, what the firm wants to be told of and whether anybody watches, for people to read."""

import asyncio
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import groupby
from typing import Any

from prisma_assets.domain.monitoring.alert_rule import Rule
from prisma_assets.learning.watchdog import silent_because
from prisma_assets.store.alert import AlertStore
from prisma_assets.store.alert_rule import AlertRuleStore, Known
from prisma_assets.store.database import Database

Row = dict[str, Any]
SHOWN = 200
"""Alerts on a page; more are told by nobody looking through them, and stand in the file."""
_WORST_FIRST = ("critical", "warning", "info")


@dataclass(frozen=True, kw_only=True)
class RuleLine:
    """One rule, and how many subjects stand how by it."""

    rule: Rule
    states: Mapping[str, int]
    """By state; empty: not looked at yet."""


@dataclass(frozen=True, kw_only=True)
class AlertView:
    """The page of alerts."""

    alerts: Sequence[Row]
    """Of the state asked for, the newest first."""
    active: Sequence[Row]
    """That are not over."""
    pending: Sequence[Known]
    """In trouble, but not for long enough to tell anybody."""
    rules: Sequence[RuleLine]
    silences: Sequence[Row]
    silent: str | None
    """Why nobody watches; None: somebody does."""
    at: datetime

    @property
    def groups(self) -> list[tuple[str, list[Row]]]:
        """Alerts by rule, the worst first, since one cause often shows in many agents."""

        def rank(row: Row) -> tuple[int, str]:
            return _WORST_FIRST.index(row["severity"]), row["rule_id"]

        ordered = sorted(self.alerts, key=rank)
        return [(rule, list(rows)) for (_, rule), rows in groupby(ordered, key=rank)]

    def count(self, status: str) -> int:
        """Active alerts in that state."""
        return sum(row["status"] == status for row in self.active)


async def alert_view(database: Database, *, status: str | None, now: datetime) -> AlertView:
    """Everything the page of alerts shows.

    Args:
        database: Where it is kept.
        status: As `AlertStore.recent` takes it; None: all.
        now: Silences in force at this moment.
    """
    alerts, rules = AlertStore(source=database), AlertRuleStore(source=database)
    shown, active, in_force, known, silences, silent = await asyncio.gather(
        alerts.recent(SHOWN, status=status),
        alerts.recent(SHOWN, status="active"),
        rules.rules(),
        rules.known(),
        alerts.silences(at=now),
        silent_because(database),
    )
    return AlertView(
        alerts=shown,
        active=active,
        pending=[k for k in known if k.state.status == "PENDING"],
        rules=_lines(in_force, known),
        silences=silences,
        silent=silent,
        at=now,
    )


def _lines(rules: Sequence[Rule], known: Sequence[Known]) -> list[RuleLine]:
    states: dict[str, Counter[str]] = {}
    for one in known:
        states.setdefault(one.rule_id, Counter())[one.state.status.lower()] += 1
    return [RuleLine(rule=rule, states=dict(sorted(states.get(rule.id, {}).items()))) for rule in rules]  # fmt: skip
