"""The job that sends what lies in the outbox. When it runs is decided by the sensor of the same name."""

import asyncio

import dagster as dg

from prisma_assets.engine.outbox import Sent, send_due
from prisma_assets.notify.channels import channels
from prisma_assets.settings import Settings
from prisma_assets.store.database import Database


def notification_job() -> dg.JobDefinition:
    """The job, for the database `DATABASE_URL` names and the channels of the settings."""

    @dg.op(
        description="Hands new notifications to the channels that are set up, and tries each delivery that is due, once.",
        required_resource_keys={"database_url"},
        tags={"dagster/compute_kind": "notification"},
    )
    def send_notifications(context: dg.OpExecutionContext) -> dg.Output[None]:
        async def send() -> Sent:
            async with Database(context.resources.database_url, max_size=2) as database:
                return await send_due(database, channels(Settings.from_environ(), context.log))

        done = asyncio.run(send())
        return dg.Output(None, metadata={"sent": done.sent, "failed": done.failed})

    @dg.job(
        name="notification_job",
        description="Sends notifications to the log, by e-mail and to the webhook; what fails is tried again later.",
        executor_def=dg.in_process_executor,
    )
    def job() -> None:
        send_notifications()

    return job
