"""Experiments in PostgreSQL: declarations, exposures with outcomes, what is remembered, verdicts. Judging does not belong here."""

import json
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from prisma_assets.store.database import Database, Transaction

Row = dict[str, Any]


@dataclass(frozen=True, kw_only=True)
class Ending:
    """How an experiment is over."""

    status: str
    """completed, cancelled or aborted."""
    ended_at: datetime
    decision: str | None = None
    """adopt_treatment, keep_control, inconclusive or rollback; None: a person has not decided."""
    decided_by: str | None = None
    effect: float | None = None
    low: float | None = None
    high: float | None = None
    notes: str | None = None


@dataclass(frozen=True, kw_only=True)
class ExperimentStore:
    """Where experiments live."""

    source: Database | Transaction

    async def add(self, declared: Mapping[str, Any]) -> str:
        """Store a declaration; gives its id."""
        [row] = await self.source.fetch("insert_experiment", declared)
        return str(row["ab_test_id"])

    async def lock_versions(self, agent_id: str) -> None:
        """Be the only one who numbers versions of the agent, until the transaction ends."""
        await self.source.fetch("lock_versions", {"agent_id": agent_id})

    async def versions_of(self, agent_id: str) -> tuple[int, str | None]:
        """How many versions were proposed so far, and the card at work where it is not that of the code."""
        [row] = await self.source.fetch("versions_of", {"agent_id": agent_id})
        return int(row["versions"]), row["live_card"]

    async def add_version(self, version: Mapping[str, Any]) -> None:
        """Store a version and its card."""
        await self.source.execute("insert_version", version)

    async def live_versions(self) -> dict[str, str]:
        """Version at work by agent, where it is not that of the code."""
        return {r["agent_id"]: r["version"] for r in await self.source.fetch("live_versions")}

    async def opportunity(self, opportunity_id: str) -> Row | None:
        """What somebody found could be better; None: there is no such opportunity."""
        if not is_uuid(opportunity_id):
            return None
        rows = await self.source.fetch("opportunity", {"opportunity_id": opportunity_id})
        return rows[0] if rows else None

    async def get(self, ab_test_id: str) -> Row | None:
        """One experiment with its latest verdict."""
        if not is_uuid(ab_test_id):
            return None
        found = await self._experiments(ab_test_id=ab_test_id)
        return found[0] if found else None

    async def recent(
        self, limit: int = 50, *, agent_id: str | None = None, status: str | None = None
    ) -> list[Row]:
        """The latest experiments, each with its latest verdict."""
        return await self._experiments(limit=limit, agent_id=agent_id, status=status)

    async def _experiments(
        self,
        *,
        ab_test_id: str | None = None,
        agent_id: str | None = None,
        status: str | None = None,
        limit: int = 1,
    ) -> list[Row]:
        params = {"ab_test_id": ab_test_id, "agent_id": agent_id, "status": status, "limit": limit}
        return await self.source.fetch("experiments", params)

    async def other_change(self, agent_id: str, ab_test_id: str) -> Row | None:
        """What else changes the agent now."""
        params = {"agent_id": agent_id, "ab_test_id": ab_test_id}
        rows = await self.source.fetch("other_change", params)
        return rows[0] if rows else None

    async def start(self, ab_test_id: str, *, approved_by: str | None, role: str | None) -> bool:
        """Let it run; False: it was not waiting to be started."""
        params = {"ab_test_id": ab_test_id, "approved_by": approved_by, "approved_role": role}
        return bool(await self.source.fetch("start_experiment", params))

    async def end(self, endings: Mapping[str, Ending]) -> int:
        """Write that experiments are over; how many were not already."""
        rows = [{"ab_test_id": i, **vars(e), "ended_at": e.ended_at.isoformat()} for i, e in endings.items()]  # fmt: skip
        return await self.source.execute("end_experiments", {"rows": json.dumps(rows)})

    async def running(self) -> list[str]:
        """Ids of the experiments that run."""
        return [r["ab_test_id"] for r in await self.source.fetch("running_experiment_ids")]

    async def hold(self, ab_test_ids: Collection[str]) -> list[Row]:
        """Those that run, with what is remembered of each; nobody else looks at them until the transaction ends."""
        return await self.source.fetch("hold_experiments", {"ab_test_ids": list(ab_test_ids)})

    async def take_in_reported(self, ab_test_ids: Collection[str]) -> int:
        """Record exposures of runs reported from outside; how many were new or crossed over."""
        params = {"ab_test_ids": list(ab_test_ids)}
        return await self.source.execute("insert_reported_exposures", params)

    async def ripe_units(self, after: Mapping[str, int], *, as_of: datetime) -> list[Row]:
        """New units whose time is over, in order, with their outcomes.

        Args:
            after: Last exposure that was read, by experiment.
            as_of: Moment of the look.
        """
        params = {"ab_test_ids": list(after), "after": list(after.values()), "as_of": as_of}
        return await self.source.fetch("ripe_units", params)

    async def remember(self, rows: Sequence[Row]) -> None:
        """Keep what is remembered of experiments."""
        await self.source.execute("upsert_experiment_states", {"rows": json.dumps(rows)})

    async def add_verdicts(self, rows: Sequence[Row], *, as_of: datetime) -> None:
        """Append verdicts; one on the same data by the same code is there already."""
        params = {"rows": json.dumps(rows), "as_of": as_of}
        await self.source.execute("insert_verdicts", params)

    async def add_sums(self, rows: Sequence[Row], *, as_of: datetime) -> None:
        """Append sums per arm and metric."""
        params = {"rows": json.dumps(rows), "as_of": as_of}
        await self.source.execute("insert_arm_metrics", params)

    async def verdicts(self, ab_test_id: str) -> list[Row]:
        """Every verdict, oldest first."""
        return await self.source.fetch("verdicts", {"ab_test_id": ab_test_id})

    async def past(self, agent_id: str, *, unit: str, since: datetime, limit: int) -> list[Row]:
        """Units of the agent's recent past, newest first."""
        params = {"agent_id": agent_id, "unit": unit, "since": since, "limit": limit}
        return await self.source.fetch("agent_past", params)

    async def exposures(self) -> list[Row]:
        """Units per arm of the running experiments."""
        return await self.source.fetch("exposure_counts")

    async def sums(self) -> list[Row]:
        """Latest sums per arm and metric of the running experiments."""
        return await self.source.fetch("arm_metrics")


def is_uuid(text: str) -> bool:
    """Whether the text can be an id at all."""
    try:
        UUID(text)
    except ValueError:
        return False
    return True
