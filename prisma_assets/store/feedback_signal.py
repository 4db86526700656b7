"""Acts on the work that say something about an agent, in PostgreSQL. What they say is the domain's."""

from collections.abc import Mapping
from dataclasses import dataclass

from prisma_assets.domain.learning.signal import Signal
from prisma_assets.store.database import Database, Transaction


@dataclass(frozen=True, kw_only=True)
class FeedbackSignalStore:
    """Where such acts stand, and which of them have been heard."""

    source: Database | Transaction

    async def unheard(self, limit: int) -> list[Signal]:
        """Acts nobody has listened to, oldest first."""
        rows = await self.source.fetch("unheard_signals", {"limit": limit})
        return [Signal(**row) for row in rows]

    async def hear(self, reasons: Mapping[str, str | None]) -> None:
        """Note acts by their keys, each with the reason why it is no feedback, or None."""
        params = {"signal_keys": list(reasons), "reasons": list(reasons.values())}
        await self.source.execute("insert_heard_signals", params)
