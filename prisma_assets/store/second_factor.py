"""Second factors of users. Which code is good is the domain's; recovery codes are stored as hashes."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from prisma_assets.store.database import Database, Transaction


@dataclass(frozen=True, kw_only=True)
class KnownFactor:
    """What a code is checked against."""

    secret: str
    last_step: int
    recovery: tuple[str, ...]
    failed: int
    locked_until: datetime | None


@dataclass(frozen=True)
class SecondFactorStore:
    """One row per user who has a second factor."""

    source: Database | Transaction

    async def put(self, name: str, *, secret: str, recovery: Sequence[str], by: str) -> None:
        """Keep a user's second factor, in place of the one before."""
        params = {"name": name, "secret": secret, "recovery": list(recovery), "by": by}
        await self.source.execute("put_second_factor", params)

    async def to_check(self, name: str) -> KnownFactor | None:
        """A user's, held until the transaction ends: a code sent twice at once is good once."""
        rows = await self.source.fetch("second_factor_to_check", {"name": name})
        if not rows:
            return None
        row = rows[0]
        return KnownFactor(
            secret=row["secret"],
            last_step=row["last_step"],
            recovery=tuple(row["recovery_sha256"]),
            failed=row["failed_attempts"],
            locked_until=row["locked_until"],
        )

    async def keep(self, name: str, after: KnownFactor) -> None:
        """Keep how a check went."""
        params = {
            "name": name,
            "last_step": after.last_step,
            "recovery": list(after.recovery),
            "failed": after.failed,
            "locked_until": after.locked_until,
        }
        await self.source.execute("update_second_factor", params)

    async def remove(self, name: str) -> bool:
        """Let a user have none; False when there was none."""
        return await self.source.execute("delete_second_factor", {"name": name}) == 1

    async def shown(self, token_sha256: str, *, at: datetime) -> None:
        """A browser has shown one."""
        params = {"token_sha256": token_sha256, "at": at}
        await self.source.execute("update_session_second_factor", params)
