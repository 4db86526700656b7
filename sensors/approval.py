"""Watches the sign-offs executions wait for, and asks for the run that continues them."""

import asyncio
from collections.abc import Mapping, Sequence

import dagster as dg

from prisma_assets.domain.errors import PrismaError
from prisma_assets.domain.workflow.template import Template
from prisma_assets.engine.library import TemplateLibrary
from prisma_assets.engine.sign_off import is_decided
from prisma_assets.store.database import Database
from prisma_assets.store.workflow import WorkflowStore
from prisma_assets.store.workflow_record import WaitingExecution
from resources.workflow import EXECUTION_TAG

MAX_PER_TICK = 200
"""A tick looks at this many executions, newest decision first. Measured: 2 ms each to look and at most half a second to
ask for a run, so that the fullest tick stays below Dagster's limit of 300 s."""

INTERVAL_SECONDS = 5
"""A person who has signed looks at the screen; Dagster's daemon looks no oftener than this."""


def approval_resume_sensor(
    library: TemplateLibrary, jobs: Mapping[str, dg.JobDefinition]
) -> dg.SensorDefinition:
    """The sensor for these templates."""
    templates = {t.sha256: t for t in library.jobs.values()}

    def evaluate(context: dg.SensorEvaluationContext) -> dg.SensorResult | dg.SkipReason:
        url: str = context.resources.database_url
        try:
            decided = asyncio.run(_decided(url, templates))
        except PrismaError as error:
            return dg.SkipReason(str(error))
        if not decided:
            return dg.SkipReason("no execution has a decision to act on")
        return dg.SensorResult(run_requests=[resume_request(e, library) for e in decided])

    return dg.SensorDefinition(
        name="approval_resume_sensor",
        evaluation_fn=evaluate,
        jobs=list(jobs.values()),
        minimum_interval_seconds=INTERVAL_SECONDS,
        default_status=dg.DefaultSensorStatus.RUNNING,
        required_resource_keys={"database_url"},
        description="Continues executions whose sign-off has been given, sent back or refused.",
    )


def resume_request(execution: WaitingExecution, library: TemplateLibrary) -> dg.RunRequest:
    """The run that continues an execution; one per run and decision so far, so that nothing is acted on twice."""
    return dg.RunRequest(
        run_key=f"resume:{execution.id}:{execution.runs}:{execution.decisions}",
        job_name=library.job_of(execution.template_name, execution.template_sha256),
        tags={EXECUTION_TAG: execution.id},
    )


async def _decided(url: str, templates: Mapping[str, Template]) -> Sequence[WaitingExecution]:
    async with Database(url) as database:
        store = WorkflowStore(database=database)
        found = []
        for waiting in await store.waiting(MAX_PER_TICK):
            execution = await store.execution(waiting.id)
            template = templates.get(waiting.template_sha256)
            if (
                execution is not None
                and template is not None
                and (waiting.status == "PENDING" or await is_decided(store, execution, template))
            ):
                found.append(waiting)
        return found
