"""Watches the outbox, and asks for the job that sends what is due."""

import asyncio
from collections.abc import Callable
from datetime import UTC, datetime

import dagster as dg

from prisma_assets.domain.errors import PrismaError
from prisma_assets.store.database import Database
from prisma_assets.store.notification import NotificationStore
from sensors.run_key import run_key

INTERVAL_SECONDS = 10
"""People read a message within minutes; a run for each of ten that come together would be ten runs."""
MAX_PER_TICK = 200
"""As many as one run of the job sends."""


def notification_sensor(
    job: dg.JobDefinition, *, now: Callable[[], datetime] = lambda: datetime.now(UTC)
) -> dg.SensorDefinition:
    """The sensor for that job."""

    def evaluate(context: dg.SensorEvaluationContext) -> dg.SensorResult | dg.SkipReason:
        try:
            due = asyncio.run(_due(context.resources.database_url))
        except PrismaError as error:
            return dg.SkipReason(str(error))
        if not due:
            return dg.SkipReason("nothing is to be sent")
        return dg.SensorResult(run_requests=[dg.RunRequest(run_key=run_key("notify", due, now()))])

    return dg.SensorDefinition(
        name="notification_sensor",
        evaluation_fn=evaluate,
        job=job,
        minimum_interval_seconds=INTERVAL_SECONDS,
        default_status=dg.DefaultSensorStatus.RUNNING,
        required_resource_keys={"database_url"},
        description="Sends what people are to be told: sign-offs asked for, gone stale, overdue.",
    )


async def _due(url: str) -> list[str]:
    async with Database(url, max_size=1) as database:
        return await NotificationStore(source=database).due(MAX_PER_TICK)
