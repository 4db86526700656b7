"""The jobs that lead new versions of agents to their work stage by stage, and take back those that do harm."""

import asyncio
from collections.abc import Callable
from datetime import UTC, datetime
from typing import TYPE_CHECKING

import dagster as dg
from dagster._core.definitions.unresolved_asset_job_definition import UnresolvedAssetJobDefinition

from prisma_assets.domain.experiments.rollout import Advance, Complete, TakeBack, Wait
from prisma_assets.engine.library import TemplateLibrary
from prisma_assets.engine.pinning import pinned_template
from prisma_assets.store.database import Database

if TYPE_CHECKING:
    from prisma_assets.learning.rollback import Reopened, Taken
    from prisma_assets.learning.rollout import Looked

BREACH_TAG = "prisma/breach_id"
"""Names the breach a rollback run serves; without it a run serves all that are open."""
_MOST = 50
"""Breaches of one run: one per deployment, so there are never many."""


def rollout_job(
    library: TemplateLibrary, *, now: Callable[[], datetime] = lambda: datetime.now(UTC)
) -> dg.JobDefinition:
    """Look at every rollout; what does harm is taken back in the same run."""

    @dg.op(
        description="Takes in the work both versions did, and lets each rollout wait, advance or show its harm.",
        out=dg.Out(dg.Nothing),
        required_resource_keys={"database_url"},
        tags={"dagster/compute_kind": "statistics"},
    )
    def look_at_rollouts(context: dg.OpExecutionContext) -> dg.Output[None]:
        from prisma_assets.learning.rollout import look

        async def at_all() -> "list[Looked]":
            async with Database(context.resources.database_url, max_size=2) as database:
                return await look(database, now=now())

        looked = asyncio.run(at_all())
        for one in looked:
            context.log.info(f"{one.deployment.agent_id} {one.deployment.to_version}: {_said(one)}")
        metadata = {"rollouts": dg.MetadataValue.md(_looked_table(looked))}
        return dg.Output(None, metadata=metadata)

    take_back_versions, reopen_steps = _rollback_ops("rollout", library)

    @dg.job(
        name="rollout_job",
        description="Leads new versions of agents to all their work by 5, 10, 25, 50 and 100 %, and takes back what does harm.",
        executor_def=dg.in_process_executor,
    )
    def job() -> None:
        reopen_steps(take_back_versions(look_at_rollouts()))

    return job


def rollback_job(library: TemplateLibrary) -> dg.JobDefinition:
    """Serve breaches that a sensor or a person asks about."""
    take_back_versions, reopen_steps = _rollback_ops("rollback", library)

    @dg.job(
        name="rollback_job",
        description="Takes back a version that did harm, lists every result it wrote and has those steps performed again.",
        executor_def=dg.in_process_executor,
    )
    def job() -> None:
        reopen_steps(take_back_versions())

    return job


def drill_job() -> UnresolvedAssetJobDefinition:
    """Practise the rollback on rollouts that never were."""
    return dg.define_asset_job(
        "rollback_drill_job",
        selection=dg.AssetSelection.groups("drills"),
        executor_def=dg.in_process_executor,
        tags={"dagster/max_runtime": 600},
        description="Measures how often a rollout is taken back for nothing and how soon for something; touches nobody's work.",
    )


def _rollback_ops(prefix: str, library: TemplateLibrary) -> tuple[dg.OpDefinition, dg.OpDefinition]:
    """The two steps of taking a version back; op names are unique in a code location."""

    @dg.op(
        name=f"{prefix}_take_back_versions",
        description="Puts the version before to work again, drops what the bad one left in the cache, lists all it wrote, and tells people.",
        ins={"after": dg.In(dg.Nothing)} if prefix == "rollout" else {},
        out=dg.Out(dg.Nothing),
        required_resource_keys={"database_url"},
        tags={"dagster/compute_kind": "rollback"},
    )
    def take_back_versions(context: dg.OpExecutionContext) -> dg.Output[None]:
        from prisma_assets.learning.rollback import take_back

        wanted = context.run.tags.get(BREACH_TAG)

        async def serve() -> "list[Taken]":
            async with Database(context.resources.database_url, max_size=2) as database:
                open_ = await database.fetch("unserved_breaches", {"limit": _MOST})
                ids = [b["breach_id"] for b in open_ if wanted in (None, b["breach_id"])]
                taken = [await take_back(database, breach_id) for breach_id in ids]
            return [t for t in taken if t is not None]

        taken = asyncio.run(serve())
        for t in taken:
            context.log.warning(f"{t.deployment.agent_id} {t.deployment.to_version}: {t.reason}")
        metadata = {"taken back": dg.MetadataValue.md(_taken_table(taken))}
        return dg.Output(None, metadata=metadata)

    @dg.op(
        name=f"{prefix}_reopen_steps",
        description="Opens the steps a bad version wrote, in every execution that is at rest; the others follow.",
        ins={"after": dg.In(dg.Nothing)},
        out=dg.Out(dg.Nothing),
        required_resource_keys={"database_url"},
        tags={"dagster/compute_kind": "rollback"},
    )
    def reopen_steps(context: dg.OpExecutionContext) -> dg.Output[None]:
        from prisma_assets.learning.rollback import reopen

        async def open_all() -> "list[Reopened]":
            async with Database(context.resources.database_url, max_size=4) as database:
                return await reopen(database, lambda e: pinned_template(database, e, library))

        found = asyncio.run(open_all())
        metadata = {"steps": dg.MetadataValue.md(_reopened_table(found))}
        return dg.Output(None, metadata=metadata)

    return take_back_versions, reopen_steps


def _said(one: "Looked") -> str:
    match one.move:
        case Advance(to=to):
            return f"advances to stage {to + 1}"
        case Complete():
            return "is the agent's version"
        case TakeBack(reason=reason):
            return f"is taken back: {reason}"
        case Wait(reason=reason):
            return f"waits: {reason}"


def _looked_table(looked: "list[Looked]") -> str:
    lines = [
        f"| {o.deployment.agent_id} | {o.deployment.to_version} | {o.deployment.traffic_pct} % | {o.units} | {_said(o)} |"
        for o in looked
    ]
    return "\n".join(["| agent | version | share | new units | |", "|---|---|---|---|---|", *lines])


def _taken_table(taken: "list[Taken]") -> str:
    lines = [
        f"| {t.deployment.agent_id} | {t.deployment.to_version} | {t.deployment.from_version} | {t.steps} | {t.executions} | {t.reason} |"
        for t in taken
    ]
    head = ["| agent | taken back | at work again | results | executions | why |", "|---|---|---|---|---|---|"]  # fmt: skip
    return "\n".join([*head, *lines])


def _reopened_table(found: "list[Reopened]") -> str:
    lines = [f"| {r.execution_id} | {', '.join(r.steps)} | {r.left_because or 'open again'} |" for r in found]  # fmt: skip
    return "\n".join(["| execution | steps | |", "|---|---|---|", *lines])
