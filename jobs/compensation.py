"""The job that undoes the work of an execution that failed or was cancelled. When it runs is decided by the sensor of the same name."""

from collections.abc import AsyncIterator, Sequence
from typing import Any

import dagster as dg

from jobs.compiler import SESSION, fail_lost, told
from jobs.executor import step_tasks
from prisma_assets.engine.library import TemplateLibrary
from prisma_assets.store.compensation import CompensationRow
from resources.workflow import RunSession

JOB = "compensation_job"


def compensation_job(library: TemplateLibrary) -> dg.JobDefinition:
    """The job, for executions of these templates and of those kept with executions."""

    @dg.op(
        description="Undoes what was done, the latest first, each once; it stops at what cannot be undone, which people settle.",
        out={"undone": dg.Out(dg.Nothing)},
        required_resource_keys={SESSION},
        tags={"dagster/compute_kind": "prisma"},
    )
    async def undo_steps(context: dg.OpExecutionContext) -> AsyncIterator[dg.Output[None]]:
        session: RunSession = getattr(context.resources, SESSION)
        try:
            with told(session):
                execution, rows = await session.undo(library, context.run)
        finally:
            fail_lost(context.instance, [r for r in session.lost_runs if r != context.run_id])
        context.instance.add_run_tags(context.run_id, session.tags(execution))
        for row in rows:
            context.log.info(f"{row.step_id}, pass {row.iteration}: {_what(row)}")
        metadata: dict[str, Any] = {
            "execution": execution.id,
            "status": execution.status,
            "undone": dg.MetadataValue.md(_table(rows)),
        }
        yield dg.Output(None, "undone", metadata=metadata)

    @dg.job(
        name=JOB,
        description="Undoes the work of an execution that failed, was cancelled or declined, as its template says.",
        executor_def=step_tasks,
    )
    def job() -> None:
        undo_steps()

    return job


def _table(rows: Sequence[CompensationRow]) -> str:
    lines = [f"| {r.step_id} | {r.iteration} | {r.agent_id} | {_what(r)} |" for r in rows]
    return "\n".join(["| step | pass | agent | |", "|---|---|---|---|", *lines])


def _what(row: CompensationRow) -> str:
    if row.settled_by is not None:
        return f"undone by hand by {row.settled_by}: {row.reason}"
    return "undone" if row.status == "COMPLETED" else row.status.lower()
