"""Watches the time of sign-offs that wait, and asks for the job that reminds, escalates or rejects."""

import asyncio
from collections.abc import Callable
from datetime import UTC, datetime

import dagster as dg

from prisma_assets.domain.errors import PrismaError
from prisma_assets.engine.clock import BATCH
from prisma_assets.store.database import Database
from prisma_assets.store.sign_off import SignOffStore
from sensors.run_key import run_key

INTERVAL_SECONDS = 60
"""Reminders and deadlines are counted in hours and days."""


def sign_off_clock_sensor(
    job: dg.JobDefinition, *, now: Callable[[], datetime] = lambda: datetime.now(UTC)
) -> dg.SensorDefinition:
    """The sensor for that job."""

    def evaluate(context: dg.SensorEvaluationContext) -> dg.SensorResult | dg.SkipReason:
        try:
            due = asyncio.run(_due(context.resources.database_url, now()))
        except PrismaError as error:
            return dg.SkipReason(str(error))
        if not due:
            return dg.SkipReason("no sign-off is due for a reminder, and none is overdue")
        return dg.SensorResult(run_requests=[dg.RunRequest(run_key=run_key("clock", due, now()))])

    return dg.SensorDefinition(
        name="sign_off_clock_sensor",
        evaluation_fn=evaluate,
        job=job,
        minimum_interval_seconds=INTERVAL_SECONDS,
        default_status=dg.DefaultSensorStatus.RUNNING,
        required_resource_keys={"database_url"},
        description="Has people reminded of sign-offs that wait, and those escalated or rejected that nobody gives in time.",
    )


async def _due(url: str, now: datetime) -> list[str]:
    async with Database(url, max_size=1) as database:
        due = await SignOffStore(source=database).due(now, BATCH)
        return [f"{d.execution_id}:{d.step_id}:{d.iteration}:{d.number}:{d.due_at}" for d in due]
