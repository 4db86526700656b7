"""The job that listens to acts on the work. When it runs is decided by the sensor of the same name."""

import asyncio

import dagster as dg

from prisma_assets.agents.registry import AgentRegistry
from prisma_assets.learning.feedback_intake import FeedbackIntake
from prisma_assets.learning.feedback_signal import Heard, hear_signals
from prisma_assets.store.database import Database


def feedback_signal_job(registry: AgentRegistry) -> dg.JobDefinition:
    """The job, for the work of these agents in the database `DATABASE_URL` names."""

    @dg.op(
        description="Turns rejections, changes asked for and work done again into feedback about the agent of the step, each once.",
        required_resource_keys={"database_url"},
        tags={"dagster/compute_kind": "feedback"},
    )
    def hear_feedback_signals(context: dg.OpExecutionContext) -> dg.Output[None]:
        async def hear() -> Heard:
            async with Database(context.resources.database_url, max_size=2) as database:
                return await hear_signals(database, FeedbackIntake(registry))

        heard = asyncio.run(hear())
        return dg.Output(None, metadata={"feedback": heard.feedback, "no feedback": heard.silent})

    @dg.job(
        name="feedback_signal_job",
        description="Makes feedback of what people do to an agent's work: they reject it, send it back, have it done again.",
        executor_def=dg.in_process_executor,
    )
    def job() -> None:
        hear_feedback_signals()

    return job
