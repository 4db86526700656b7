"""The job that looks at all alert rules. When it runs is decided by the sensor of the same name."""

import asyncio
from collections.abc import Callable, Collection, Sequence
from dataclasses import asdict
from datetime import UTC, datetime

import dagster as dg

from prisma_assets.domain.monitoring.alert_figure import Part
from prisma_assets.store.database import Database
from resources.watchdog import parts


def alert_job(
    agents: Collection[str],
    *,
    watched: Collection[str],
    now: Callable[[], datetime] = lambda: datetime.now(UTC),
) -> dg.JobDefinition:
    """The job.

    Args:
        agents: Ids of the firm's agents.
        watched: Names of the sensors and schedules that ought to run.
        now: The clock.
    """

    @dg.op(
        description="Looks at every alert rule, opens and resolves alerts, and tells people what is new.",
        required_resource_keys={"database_url"},
        tags={"dagster/compute_kind": "alert"},
    )
    def look_at_alerts(context: dg.OpExecutionContext) -> dg.Output[None]:
        at = now()
        alive = parts(context.instance, names=watched, at=at)
        looked = asyncio.run(_look(context.resources.database_url, agents, at, alive))
        return dg.Output(None, metadata=looked)

    @dg.job(
        name="alert_job",
        description="Opens and resolves alerts: limits, changes, anomalies, budgets, sign-offs that wait, parts that fall silent.",
        executor_def=dg.in_process_executor,
    )
    def job() -> None:
        look_at_alerts()

    return job


async def _look(
    url: str, agents: Collection[str], at: datetime, alive: Sequence[Part]
) -> dict[str, int]:
    from prisma_assets.learning.alert import look

    async with Database(url, max_size=2) as database:
        return asdict(await look(database, agents=agents, at=at, parts=alive))
