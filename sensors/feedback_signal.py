"""Watches for acts on the work that say something about an agent, and asks for the job that makes feedback of them."""

import asyncio
from collections.abc import Callable
from datetime import UTC, datetime

import dagster as dg

from prisma_assets.domain.errors import PrismaError
from prisma_assets.learning.feedback_signal import BATCH
from prisma_assets.store.database import Database
from prisma_assets.store.feedback_signal import FeedbackSignalStore
from sensors.run_key import run_key

INTERVAL_SECONDS = 120
"""Feedback is counted every hour."""


def feedback_signal_sensor(
    job: dg.JobDefinition, *, now: Callable[[], datetime] = lambda: datetime.now(UTC)
) -> dg.SensorDefinition:
    """The sensor for that job."""

    def evaluate(context: dg.SensorEvaluationContext) -> dg.SensorResult | dg.SkipReason:
        try:
            keys = asyncio.run(_unheard(context.resources.database_url))
        except PrismaError as error:
            return dg.SkipReason(str(error))
        if not keys:
            return dg.SkipReason("nobody has rejected work, sent it back or had it done again")
        key = run_key("feedback_signal", keys, now())
        return dg.SensorResult(run_requests=[dg.RunRequest(run_key=key)])

    return dg.SensorDefinition(
        name="feedback_signal_sensor",
        evaluation_fn=evaluate,
        job=job,
        minimum_interval_seconds=INTERVAL_SECONDS,
        default_status=dg.DefaultSensorStatus.RUNNING,
        required_resource_keys={"database_url"},
        description="Has feedback made of work that people reject, send back or have done again.",
    )


async def _unheard(url: str) -> list[str]:
    async with Database(url, max_size=1) as database:
        found = await FeedbackSignalStore(source=database).unheard(BATCH)
        return [signal.signal_key for signal in found]
