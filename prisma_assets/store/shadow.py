"""Versions in the shadow of the version at work in PostgreSQL: what is kept for them, and what they gave. Judging does not belong here."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from datetime import datetime
from decimal import Decimal
from typing import Any

from prisma_assets.store.database import Database, Transaction

Row = dict[str, Any]


@dataclass(frozen=True, kw_only=True)
class NewShadow:
    """A shadow run as it is declared."""

    deployment_id: str
    agent_id: str
    from_version: str
    to_version: str
    share: float
    """Of calls whose inputs are kept, in (0, 1]."""
    most_calls: int
    until: datetime
    margins: Mapping[str, float]
    by: str


@dataclass(frozen=True, kw_only=True)
class Outcome:
    """What came of one call's inputs."""

    shadow_call_id: int
    left_because: str | None = None
    """Why they could not be compared; everything else is None then."""
    agreement: float | None = None
    error: str | None = None
    is_new_error: bool | None = None
    live_ms: int | None = None
    shadow_ms: int | None = None
    live_usd: Decimal | None = None
    """None: no price is known."""
    shadow_usd: Decimal | None = None


@dataclass(frozen=True, kw_only=True)
class ShadowStore:
    """Where shadow runs live."""

    source: Database | Transaction

    async def add(self, new: NewShadow) -> None:
        """Keep inputs from now on."""
        await self.source.execute("insert_shadow_run", {**asdict(new), "margins": dict(new.margins)})  # fmt: skip

    async def extend(
        self, deployment_id: str, *, share: float, most_calls: int, until: datetime
    ) -> bool:
        """Another end for one that goes on; False: it is over."""
        params = {"deployment_id": deployment_id, "share": share, "most_calls": most_calls, "until": until}  # fmt: skip
        return bool(await self.source.fetch("extend_shadow_run", params))

    async def get(self, deployment_id: str) -> Row | None:
        """One with its counts; None: there is none."""
        params = {"deployment_id": deployment_id, "open": False}
        rows = await self.source.fetch("shadow_runs", params)
        return rows[0] if rows else None

    async def going_on(self) -> list[Row]:
        """Those that are not decided, and whose deployment still waits."""
        return await self.source.fetch("shadow_runs", {"deployment_id": None, "open": True})

    async def every(self) -> list[Row]:
        """All there are, the latest first."""
        return await self.source.fetch("shadow_runs", {"deployment_id": None, "open": False})

    async def lock(self, deployment_id: str) -> None:
        """Be the only one who judges it, until the transaction ends."""
        await self.source.fetch("lock_shadow_run", {"deployment_id": deployment_id})

    async def keep(self, deployment_id: str, *, call_id: str, version: str, task: str) -> None:
        """Keep the inputs of an answered call, as JSON, where the run wants them."""
        params = {"deployment_id": deployment_id, "call_id": call_id, "version": version, "task": task}  # fmt: skip
        await self.source.execute("keep_shadow_input", params)

    async def take_turn(self, deployment_id: str) -> bool:
        """Be the only one who looks at it, until the transaction ends; False: somebody else is."""
        [row] = await self.source.fetch("take_shadow_turn", {"deployment_id": deployment_id})
        return bool(row["is_mine"])

    async def waiting(self, deployment_id: str, *, after: int, limit: int) -> list[Row]:
        """The next inputs to be compared, each with what the version at work answered."""
        params = {"deployment_id": deployment_id, "after": after, "limit": limit}
        return await self.source.fetch("waiting_shadow_calls", params)

    async def compared(self, outcome: Outcome) -> None:
        """Store what came of inputs, and drop them."""
        await self.source.execute("compare_shadow_call", asdict(outcome))

    async def postpone(self, shadow_call_id: int) -> None:
        """Try it again another time."""
        await self.source.execute("postpone_shadow_call", {"shadow_call_id": shadow_call_id})

    async def drop_inputs(self, deployment_id: str, reason: str) -> None:
        """Forget what was kept and is not needed any more."""
        params = {"deployment_id": deployment_id, "reason": reason}
        await self.source.execute("drop_shadow_inputs", params)

    async def comparisons(self, deployment_id: str) -> list[Row]:
        """All that was compared, in order."""
        return await self.source.fetch("shadow_comparisons", {"deployment_id": deployment_id})

    async def known_errors(self, agent_id: str, version: str) -> set[str]:
        """Kinds of error a version had of late."""
        params = {"agent_id": agent_id, "version": version}
        return {row["kind"] for row in await self.source.fetch("known_errors", params)}

    async def judge(self, deployment_id: str, verdict: Mapping[str, Any]) -> None:
        """Keep the verdict as it stands."""
        await self.source.execute("judge_shadow_run", {"deployment_id": deployment_id, **verdict})
