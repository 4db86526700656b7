"""The way back for a fact that was set aside: somebody says it is true."""

from datetime import date

from prisma_assets.domain.errors import InputError
from prisma_assets.store.database import Database
from prisma_assets.store.roll_up import QuarantineStore, RollUpStore


async def release(database: Database, fact_key: str, *, user: str, reason: str) -> date:
    """Count a fact from now on, and have its day counted again.

    Returns:
        The day, in UTC.

    Raises:
        InputError: Nothing of that key is set aside, or nobody says why it is true.
    """
    if not user.strip() or not reason.strip():
        raise InputError("a release names who releases the fact and the reason why it is true")
    async with database.transaction() as transaction:
        store = QuarantineStore(source=transaction)
        day = await store.release(fact_key, user=user, reason=reason)
        if day is None:
            raise InputError(
                f"no fact with the key '{fact_key}' is set aside; `prisma-assets quarantine list` shows those that are"
            )
        await RollUpStore(source=transaction).mark_changed_day(day)
    return day
