"""The watcher is watched: nobody takes a stack for watched whose sensors have stopped."""

import asyncio
from datetime import UTC, datetime, timedelta

import pytest

from prisma_assets.domain.errors import PrismaError
from prisma_assets.learning.watchdog import check_watchdog
from prisma_assets.store.alert_rule import AlertRuleStore
from prisma_assets.store.database import Database

NOW = datetime(2026, 11, 18, 10, 30, tzinfo=UTC)


def check(url, *looks, after=timedelta(seconds=60)):
    """What the check says some time after NOW, once the watchdog has left these signs."""

    async def checked():
        async with Database(url, max_size=2) as database:
            for at, found in looks:
                await AlertRuleStore(source=database).watched(at=at, found=found)
            await check_watchdog(database, now=lambda: NOW + after)

    asyncio.run(checked())


def test_a_look_of_late_is_enough(database_url):
    check(database_url, (NOW, ""))


@pytest.mark.parametrize(
    ("looks", "after", "sentence"),
    [
        ([], 60, "has not looked yet"),
        ([(NOW, "")], 301, "last looked at 2026-11-18 10:30:00 UTC"),
        ([(NOW, "resume_sensor")], 60, "silent: resume_sensor"),
        ([(NOW, "resume_sensor"), (NOW - timedelta(hours=1), "")], 60, "silent: resume_sensor"),
    ],
    ids=["never", "long ago", "silent part", "a late writer changes nothing"],
)
def test_nobody_watches_or_something_is_silent(database_url, looks, after, sentence):
    with pytest.raises(PrismaError, match=sentence):
        check(database_url, *looks, after=timedelta(seconds=after))
