"""Alerts in PostgreSQL: opened once per trouble, told in the transaction that opens them, and people's acts on them.

What rules know between looks is `alert_rule`.
"""

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Any

from prisma_assets.domain.monitoring.alert import Alert, Subject, escalation, news
from prisma_assets.domain.monitoring.alert_rule import Condition, Kind, Metric, Rule
from prisma_assets.store.database import Database, Transaction
from prisma_assets.store.notification import NotificationStore


@dataclass(frozen=True, kw_only=True)
class NewSilence:
    """Somebody does not want to be told for a while."""

    rule_id: str | None
    agent_id: str | None
    until: datetime
    reason: str
    by: str


@dataclass(frozen=True, kw_only=True)
class AlertStore:
    """Where alerts live."""

    source: Database | Transaction

    async def raise_(self, alert: Alert) -> bool:
        """Open an alert and have it told, or count up the open one of the same fingerprint; True when it is new."""
        return bool(await self.raise_all([alert]))

    async def raise_all(self, alerts: Sequence[Alert], *, at: datetime | None = None) -> list[str]:
        """Raise alerts together; one rule's are told in one message. None: now. Gives the ids of the new ones."""
        if not alerts:
            return []
        if isinstance(self.source, Database):
            async with self.source.transaction() as tx:
                return await AlertStore(source=tx).raise_all(alerts, at=at)
        params = {"rows": json.dumps([_row(alert) for alert in alerts]), "at": at}
        rows = await self.source.fetch("raise_alerts", params)
        known = {alert.fingerprint: alert for alert in alerts}
        new = [row for row in rows if row["is_new"]]
        told = [(r["alert_id"], known[r["fingerprint"]]) for r in new if r["status"] == "open"]
        for message in news(told):
            await NotificationStore(source=self.source).add(message)
        return [row["alert_id"] for row in new]

    async def active(self) -> list[dict[str, Any]]:
        """Every alert that is not over, the worst first."""
        return await self.source.fetch("open_alerts")

    async def recent(
        self, limit: int, *, status: str | None = None, agent_id: str | None = None
    ) -> list[dict[str, Any]]:
        """The latest alerts; `active` as a status are all that are not over."""
        params = {"limit": limit, "status": status, "agent_id": agent_id, "alert_id": None}
        return await self.source.fetch("list_alerts", params)

    async def alert(self, alert_id: str) -> dict[str, Any] | None:
        """One alert; None when there is none of that id."""
        params = {"limit": 1, "status": None, "agent_id": None, "alert_id": alert_id}
        rows = await self.source.fetch("list_alerts", params)
        return rows[0] if rows else None

    async def refresh(self, alerts: Sequence[Alert], *, at: datetime) -> None:
        """Let open alerts say what the figures are now."""
        rows = [
            {"fingerprint": a.fingerprint, "value": a.value, "n": a.n, "message": a.message}
            for a in alerts
        ]
        if rows:
            await self.source.execute("refresh_alerts", {"rows": json.dumps(rows), "at": at})

    async def acknowledge(self, alert_id: str, *, by: str) -> bool:
        """Somebody looks after it; False when it is not open."""
        params = {"alert_id": alert_id, "by": by}
        return await self.source.execute("acknowledge_alert", params) == 1

    async def resolve(
        self, fingerprints: Sequence[str], *, by: str, resolution: str, at: datetime | None = None
    ) -> list[dict[str, Any]]:
        """Trouble that is over; gives id, rule and subject of the alerts that were open."""
        params = {
            "fingerprints": list(fingerprints), "by": by, "resolution": resolution, "at": at,
        }  # fmt: skip
        return await self.source.fetch("resolve_alerts", params)

    async def silence(self, new: NewSilence) -> int:
        """Keep alerts from being told for a while, open ones too; gives the silence's number."""
        if isinstance(self.source, Database):
            async with self.source.transaction() as tx:
                return await AlertStore(source=tx).silence(new)
        number = (await self.source.fetch("insert_alert_silence", asdict(new)))[0]["silence_id"]
        await self.source.execute("suppress_alerts", {"silence_id": number})
        return int(number)

    async def end_silence(self, number: int) -> bool:
        """Have a silence end now; False when none of that number is in force."""
        return await self.source.execute("end_alert_silence", {"silence_id": number}) == 1

    async def silences(self, *, at: datetime) -> list[dict[str, Any]]:
        """Silences in force, the first to end first."""
        return await self.source.fetch("alert_silences", {"at": at})

    async def end_silences_over(self, *, at: datetime) -> int:
        """Tell alerts whose silence is over while their trouble is not; inside a transaction. Gives how many."""
        ids = {r["alert_id"] for r in await self.source.fetch("unsilence_alerts", {"at": at})}
        if not ids:
            return 0
        told = [(r["alert_id"], alert_of(r)) for r in await self.active() if r["alert_id"] in ids]
        for message in news(told):
            await NotificationStore(source=self.source).add(message)
        return len(ids)

    async def escalate(self, rule: Rule, rows: Sequence[dict[str, Any]], *, at: datetime) -> None:
        """Tell alerts of one rule again, since nobody has acknowledged them; inside a transaction.

        Args:
            rule: One that escalates.
            rows: As `active` gives them.
            at: When it is found that nobody has.
        """
        params = {"alert_ids": [row["alert_id"] for row in rows], "at": at}
        await self.source.execute("escalate_alerts", params)
        overdue = [(row["alert_id"], alert_of({**row, "tell": rule.escalate_to})) for row in rows]
        told = escalation(overdue, after_seconds=rule.escalate_seconds or 0)
        await NotificationStore(source=self.source).add(told)


def alert_of(row: dict[str, Any]) -> Alert:
    """The alert a row holds."""
    return Alert(
        rule_id=row["rule_id"],
        subject=Subject(
            scope=row["scope"],
            id=row["subject_id"],
            title=row["subject_title"],
            execution_id=row["execution_id"],
        ),
        kind=Kind(row["alert_type"]),
        metric=Metric(row["metric"]),
        condition=Condition(row["condition"]),
        value=row["actual_value"],
        threshold=row["threshold"],
        baseline=row["baseline_value"],
        n=row["n_observations"],
        window_seconds=row["window_seconds"],
        severity=row["severity"],
        message=row["message"],
        action=row["suggested_action"] or "",
        tell=tuple(row["tell"]),
    )


def _row(alert: Alert) -> dict[str, Any]:
    subject = alert.subject
    return {
        **{k: v for k, v in asdict(alert).items() if k != "subject"},
        "fingerprint": alert.fingerprint,
        "scope": subject.scope,
        "agent_id": subject.agent_id,
        "execution_id": subject.execution_id,
        "subject_id": subject.id,
        "subject_title": subject.title,
    }
