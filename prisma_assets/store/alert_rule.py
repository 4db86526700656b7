"""Alert rules in PostgreSQL: those people set, what each knows of each subject, and the facts they look at."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from prisma_assets.domain.monitoring.alert_rule import Rule, shipped_rules
from prisma_assets.domain.monitoring.alert_state import State, Status
from prisma_assets.store.database import Database, Transaction

_WATCHDOG = "watchdog"


@dataclass(frozen=True, kw_only=True)
class Known:
    """What a rule knows of a subject."""

    rule_id: str
    subject_id: str
    state: State
    value: float | None
    n: int


@dataclass(frozen=True, kw_only=True)
class Watch:
    """The watchdog's last look."""

    looked_at: datetime
    found: str
    """What is wrong; empty: nothing."""


@dataclass(frozen=True, kw_only=True)
class AlertRuleStore:
    """Where rules and what they know live."""

    source: Database | Transaction

    async def rules(self) -> tuple[Rule, ...]:
        """Every rule in force: those that ship, then those people have set."""
        rows = await self.set_rules()
        return (*shipped_rules(), *(Rule.model_validate(row["rule"]) for row in rows))

    async def set_rules(self) -> list[dict[str, Any]]:
        """The rules people have set, each with who and when."""
        return await self.source.fetch("alert_rules_in_force")

    async def add(self, rule: Rule, *, by: str) -> bool:
        """Set a rule; False when one of its id was set before."""
        params = {"rule_id": rule.id, "rule": rule.model_dump(mode="json"), "by": by}
        return await self.source.execute("insert_alert_rule", params) == 1

    async def end(self, rule_id: str, *, by: str) -> bool:
        """Have a rule hold no more; False when nobody has set one of that id."""
        return await self.source.execute("end_alert_rule", {"rule_id": rule_id, "by": by}) == 1

    async def revive(self, rule_id: str) -> None:
        """Have a rule that was ended hold again."""
        await self.source.execute("revive_alert_rule", {"rule_id": rule_id})

    async def lock(self) -> None:
        """Let nobody else change what rules know until this transaction ends."""
        await self.source.fetch("lock_alert_rules")

    async def known(self) -> list[Known]:
        """What every rule knows of every subject."""
        return [_known(row) for row in await self.source.fetch("alert_rule_states")]

    async def keep(self, known: Sequence[Known]) -> None:
        """Store what rules know now."""
        rows = [
            {"rule_id": k.rule_id, "subject_id": k.subject_id, "value": k.value, "n": k.n, **vars(k.state)}
            for k in known
        ]  # fmt: skip
        if rows:
            params = {"rows": json.dumps(rows, default=datetime.isoformat)}
            await self.source.execute("upsert_alert_rule_states", params)

    async def forget(self, rule_id: str, subject_id: str) -> None:
        """Let a rule begin anew with a subject."""
        params = {"rule_id": rule_id, "subject_id": subject_id}
        await self.source.execute("delete_alert_rule_state", params)

    async def watched(self, *, at: datetime, found: str) -> None:
        """Note that the watchdog has looked."""
        params = {"name": _WATCHDOG, "at": at, "found": found}
        await self.source.execute("upsert_alert_watch", params)

    async def watch(self) -> Watch | None:
        """The watchdog's last look; None before the first."""
        rows = await self.source.fetch("alert_watch", {"name": _WATCHDOG})
        return Watch(**rows[0]) if rows else None


@dataclass(frozen=True, kw_only=True)
class AlertFactStore:
    """What rules look at."""

    source: Database | Transaction

    async def agents(self, seconds: int, *, at: datetime) -> dict[str, Mapping[str, Any]]:
        """How each agent with runs did in the time up to a moment."""
        params = {"seconds": seconds, "at": at}
        rows = await self.source.fetch("agent_window_figures", params)
        return {row["agent_id"]: row for row in rows}

    async def ratings(self, seconds: int, *, at: datetime) -> dict[str, Mapping[str, Any]]:
        """What people said of each agent in that time, and in the four times as long before."""
        params = {"seconds": seconds, "at": at}
        rows = await self.source.fetch("agent_window_ratings", params)
        return {row["agent_id"]: row for row in rows}

    async def approvals(self) -> list[dict[str, Any]]:
        """Steps that wait for a sign-off."""
        return await self.source.fetch("waiting_approvals")

    async def workflows(self, seconds: int, *, at: datetime) -> Mapping[str, Any]:
        """How executions ended in the time up to a moment, and how many nobody has taken up."""
        params = {"seconds": seconds, "at": at}
        return (await self.source.fetch("workflow_window_figures", params))[0]

    async def undelivered_since(self) -> datetime | None:
        """Since when the oldest notification waits; None: all have arrived."""
        since: datetime | None = (await self.source.fetch("oldest_undelivered"))[0]["since"]
        return since

    async def heard_until(self) -> dict[tuple[str, str], datetime]:
        """The newest hour each detector has seen, by agent and metric."""
        rows = await self.source.fetch("anomaly_series_at")
        return {(row["agent_id"], row["metric"]): row["last_bucket"] for row in rows}

    async def newest_unheard(self, *, oldest: datetime, until: datetime) -> datetime | None:
        """The newest hour between these that no detector has seen; None: there is none."""
        params = {"oldest": oldest, "until": until}
        hour: datetime | None = (await self.source.fetch("newest_unheard_hour", params))[0]["hour"]
        return hour

    async def detectors(self, agent_ids: Sequence[str]) -> dict[tuple[str, str], dict[str, Any]]:
        """What the detectors of these agents remember, by agent and metric."""
        rows = await self.source.fetch("anomaly_series", {"agent_ids": list(agent_ids)})
        return {(row["agent_id"], row["metric"]): row["state"] for row in rows}

    async def keep_detector(
        self, series: tuple[str, str], *, last_bucket: datetime, state: dict[str, Any]
    ) -> None:
        """Store what a detector remembers now; one that has seen more meanwhile stays."""
        agent_id, metric = series
        params = {
            "agent_id": agent_id, "metric": metric, "last_bucket": last_bucket, "state": state,
        }  # fmt: skip
        await self.source.execute("upsert_anomaly_series", params)


def _known(row: Mapping[str, Any]) -> Known:
    return Known(
        rule_id=row["rule_id"], subject_id=row["subject_id"], value=row["value"], n=row["n"] or 0,
        state=State(
            status=Status(row["status"]), since=row["since"], bad_since=row["bad_since"],
            clean_since=row["clean_since"], is_open=row["is_open"],
        ),
    )  # fmt: skip
