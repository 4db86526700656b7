"""Experiments on tasks with known answers in PostgreSQL: what both versions did on each. Judging does not belong here."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from datetime import datetime

from prisma_assets.store.database import Database, Transaction
from prisma_assets.store.experiment import Row

PAIRED = "paired"
"""Mode of an experiment that is never served live."""


@dataclass(frozen=True, kw_only=True)
class Pair:
    """What both versions did on one task."""

    ab_test_id: str
    task: str
    task_sha256: str
    """Of what was asked and of the known answer."""
    control: Mapping[str, float | None]
    """Values by metric; None: it has none."""
    treatment: Mapping[str, float | None]
    price_version: str | None


@dataclass(frozen=True, kw_only=True)
class PairedStore:
    """Where pairs live."""

    source: Database | Transaction

    async def begin(self, ab_test_id: str) -> bool:
        """Keep an experiment off live work for good; False: it is or was there, or is over."""
        return bool(await self.source.fetch("pair_experiment", {"ab_test_id": ab_test_id}))

    async def take_turn(self, ab_test_id: str) -> bool:
        """Be the only one who runs it, until the transaction ends."""
        [row] = await self.source.fetch("take_paired_turn", {"ab_test_id": ab_test_id})
        return bool(row["is_mine"])

    async def add(self, pair: Pair) -> None:
        """Store what both did."""
        await self.source.execute("insert_paired_outcome", asdict(pair))

    async def pairs(
        self, ab_test_id: str, *, after: int = 0, as_of: datetime | None = None
    ) -> list[Row]:
        """Pairs in order, from the one after a number, up to a moment."""
        params = {"ab_test_id": ab_test_id, "after": after, "as_of": as_of}
        return await self.source.fetch("paired_outcomes", params)

    async def cost(self, ab_test_id: str) -> tuple[int, float | None]:
        """Attempts of calls, and what they cost in USD; None: one has no price."""
        [row] = await self.source.fetch("paired_cost", {"ab_test_id": ab_test_id})
        return row["calls"], row["cost_usd"]
