"""Looks at all alert rules every minute, and asks for the job when something is new. It is also the watchdog of all others."""

import asyncio
from collections.abc import Callable, Collection, Sequence
from datetime import UTC, datetime

import dagster as dg

from prisma_assets.domain.errors import PrismaError
from prisma_assets.domain.monitoring.alert_figure import Part
from prisma_assets.store.alert_rule import AlertRuleStore
from prisma_assets.store.database import Database
from resources.watchdog import parts, silent
from sensors.run_key import run_key

INTERVAL_SECONDS = 60
"""Rules speak of minutes and hours."""


def alert_sensor(
    job: dg.JobDefinition,
    agents: Collection[str],
    *,
    watched: Collection[str],
    now: Callable[[], datetime] = lambda: datetime.now(UTC),
) -> dg.SensorDefinition:
    """The sensor for that job; agents and watched as the job has them."""

    def evaluate(context: dg.SensorEvaluationContext) -> dg.SensorResult | dg.SkipReason:
        at = now()
        try:
            alive = parts(context.instance, names=watched, at=at)
            found = asyncio.run(_due(context.resources.database_url, agents, at, alive))
        except PrismaError as error:
            return dg.SkipReason(str(error))
        if not found:
            return dg.SkipReason("nothing is new")
        return dg.SensorResult(run_requests=[dg.RunRequest(run_key=run_key("alerts", found, at))])

    return dg.SensorDefinition(
        name="alert_sensor",
        evaluation_fn=evaluate,
        job=job,
        minimum_interval_seconds=INTERVAL_SECONDS,
        default_status=dg.DefaultSensorStatus.RUNNING,
        required_resource_keys={"database_url"},
        description="Watches figures, sign-offs, budgets and the other sensors, and has alerts opened and resolved.",
    )


async def _due(url: str, agents: Collection[str], at: datetime, alive: Sequence[Part]) -> list[str]:
    from prisma_assets.learning.alert import due

    async with Database(url, max_size=1) as database:
        found = await due(database, agents=agents, at=at, parts=alive)
        # A sign of life, not business state: the web address tells by it whether anybody watches.
        await AlertRuleStore(source=database).watched(at=at, found=", ".join(silent(alive)))
    return found
