"""The job that does what time does to sign-offs. When it runs is decided by the sensor of the same name."""

import asyncio
from collections import Counter
from collections.abc import Callable
from datetime import UTC, datetime

import dagster as dg

from prisma_assets.engine.clock import SignOffClock
from prisma_assets.engine.library import TemplateLibrary
from prisma_assets.store.database import Database
from prisma_assets.store.workflow import WorkflowStore


def sign_off_clock_job(
    library: TemplateLibrary, *, now: Callable[[], datetime] = lambda: datetime.now(UTC)
) -> dg.JobDefinition:
    """The job, for executions of these templates in the database `DATABASE_URL` names."""

    @dg.op(
        description="Reminds, escalates and rejects where nobody has decided in time, each once.",
        required_resource_keys={"database_url"},
        tags={"dagster/compute_kind": "clock"},
    )
    def look_at_sign_offs(context: dg.OpExecutionContext) -> dg.Output[None]:
        async def look() -> Counter[str]:
            async with Database(context.resources.database_url, max_size=2) as database:
                store = WorkflowStore(database=database)
                clock = SignOffClock(store=store, library=library, now=now())
                done = await clock.look()
            for due, what in done:
                context.log.info(f"{due.execution_id} {due.step_id}: {what}")
            return Counter(what for _, what in done)

        return dg.Output(None, metadata=dict(asyncio.run(look())))

    @dg.job(
        name="sign_off_clock_job",
        description="Reminds people of sign-offs that wait, and does what the template says when nobody decides in time.",
        executor_def=dg.in_process_executor,
    )
    def job() -> None:
        look_at_sign_offs()

    return job
