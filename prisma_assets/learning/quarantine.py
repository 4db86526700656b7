"""The way back for facts that were set aside: somebody says they are true."""

from collections.abc import Sequence
from datetime import date

from prisma_assets.domain.errors import InputError
from prisma_assets.store.database import Database, Transaction
from prisma_assets.store.roll_up import QuarantineStore, RollUpStore


async def release_all(
    database: Database, fact_keys: Sequence[str], *, user: str, reason: str
) -> list[date]:
    """Count facts from now on, all of them or none, and have their days counted again.

    Returns:
        The days, in UTC.

    Raises:
        InputError: Nothing of a key is set aside, or nobody says why the facts are true.
    """
    if not user.strip() or not reason.strip():
        raise InputError("a release names who releases the fact and the reason why it is true")
    async with database.transaction() as transaction:
        days = {
            await _release(transaction, key, user=user, reason=reason)
            for key in dict.fromkeys(fact_keys)
        }
    return sorted(days)


async def _release(transaction: Transaction, fact_key: str, *, user: str, reason: str) -> date:
    day = await QuarantineStore(source=transaction).release(fact_key, user=user, reason=reason)
    if day is None:
        raise InputError(
            f"no fact with the key '{fact_key}' is set aside; `prisma-assets quarantine list` shows those that are"
        )
    await RollUpStore(source=transaction).mark_changed_day(day)
    return day
