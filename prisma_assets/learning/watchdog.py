"""Whether anybody watches: the sensor of alerts leaves a sign of life at each look, and names what is silent."""

from collections.abc import Callable
from datetime import UTC, datetime

from prisma_assets.domain.errors import PrismaError
from prisma_assets.store.alert_rule import AlertRuleStore
from prisma_assets.store.database import Database

WATCH_SECONDS = 300
"""Five looks of the watchdog: one or two are late when the machine is busy."""


async def check_watchdog(
    database: Database, *, now: Callable[[], datetime] = lambda: datetime.now(UTC)
) -> None:
    """Return when the watchdog looked lately and found every part alive.

    Raises:
        PrismaError: When it looked last, and what was silent.
    """
    watch = await AlertRuleStore(source=database).watch()
    if watch is None:
        raise PrismaError("the watchdog has not looked yet")
    looked = f"the watchdog last looked at {watch.looked_at.astimezone(UTC):%Y-%m-%d %H:%M:%S} UTC"
    if (now() - watch.looked_at).total_seconds() > WATCH_SECONDS:
        raise PrismaError(looked)
    if watch.found:
        raise PrismaError(f"{looked}; silent: {watch.found}")


async def silent_because(database: Database) -> str | None:
    """Why nobody watches; None: somebody does."""
    try:
        await check_watchdog(database)
    except PrismaError as error:
        return str(error)
    return None
