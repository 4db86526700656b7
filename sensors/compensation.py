"""Watches executions that failed or were cancelled with work to be undone, and asks for the job that undoes it."""

import asyncio

import dagster as dg

from prisma_assets.domain.errors import PrismaError
from prisma_assets.store.compensation import CompensationStore, ToCompensate
from prisma_assets.store.database import Database
from prisma_assets.store.run_lock import is_worked_on
from resources.workflow import EXECUTION_TAG

MAX_PER_TICK = 50
"""Each is a run; those of one bad day fit into a few ticks."""

INTERVAL_SECONDS = 15
"""What is to be undone has stood for longer; and a person who resumes at once is faster."""


def compensation_sensor(job: dg.JobDefinition) -> dg.SensorDefinition:
    """The sensor for that job."""

    def evaluate(context: dg.SensorEvaluationContext) -> dg.SensorResult | dg.SkipReason:
        try:
            found = asyncio.run(_due(context.resources.database_url))
        except PrismaError as error:
            return dg.SkipReason(str(error))
        if not found:
            return dg.SkipReason("no execution has failed or was cancelled with work to be undone")
        return dg.SensorResult(run_requests=[_request(e) for e in found])

    return dg.SensorDefinition(
        name="compensation_sensor",
        evaluation_fn=evaluate,
        job=job,
        minimum_interval_seconds=INTERVAL_SECONDS,
        default_status=dg.DefaultSensorStatus.RUNNING,
        required_resource_keys={"database_url"},
        description="Has the work of executions undone that failed, were cancelled or declined, where the template says how.",
    )


def _request(execution: ToCompensate) -> dg.RunRequest:
    # Each run that takes it up counts, so one that died is followed by another.
    return dg.RunRequest(
        run_key=f"compensate:{execution.id}:{execution.runs}", tags={EXECUTION_TAG: execution.id}
    )


async def _due(url: str) -> list[ToCompensate]:
    async with Database(url, max_size=2) as database:
        found = await CompensationStore(database=database).to_compensate(MAX_PER_TICK)
        return [e for e in found if not await is_worked_on(database, e.id)]
