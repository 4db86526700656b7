"""Watches rollouts and breaches, and asks for the jobs that look at the ones and serve the others."""

import asyncio
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import dagster as dg
from dagster._core.definitions.unresolved_asset_job_definition import UnresolvedAssetJobDefinition

from jobs.deployment import BREACH_TAG
from prisma_assets.domain.errors import PrismaError
from prisma_assets.store.database import Database
from prisma_assets.store.deployment import ROLLING, DeploymentStore

INTERVAL_SECONDS = 60
"""Stages last hours; harm that has shown itself is taken back a minute later at most."""
MOST_ATTEMPTS = 5
"""A rollback that fails so often is left to people, who are told: a sensor that asks for ever hides the trouble."""
MAX_PER_TICK = 20
"""One deployment per agent is open, and each has one breach."""


def rollout_sensor(
    job: dg.JobDefinition, *, now: Callable[[], datetime] = lambda: datetime.now(UTC)
) -> dg.SensorDefinition:
    """Asks for a look while a rollout is on its way, or steps wait to be opened."""

    def evaluate(context: dg.SensorEvaluationContext) -> dg.SensorResult | dg.SkipReason:
        try:
            due = asyncio.run(_due(context.resources.database_url))
        except PrismaError as error:
            return dg.SkipReason(str(error))
        if not due:
            return dg.SkipReason("no new version of an agent is on its way to its work")
        key = f"rollout:{now():%Y-%m-%dT%H:%M}"  # one look a minute, whoever else asks
        return dg.SensorResult(run_requests=[dg.RunRequest(run_key=key)])

    return dg.SensorDefinition(
        name="rollout_sensor",
        evaluation_fn=evaluate,
        job=job,
        minimum_interval_seconds=INTERVAL_SECONDS,
        default_status=dg.DefaultSensorStatus.RUNNING,
        required_resource_keys={"database_url"},
        description="Has every rollout of a new version looked at each minute: its next share, a wait, or its end.",
    )


def guardrail_rollback_sensor(job: dg.JobDefinition) -> dg.SensorDefinition:
    """Asks for one rollback per breach and attempt."""

    def evaluate(context: dg.SensorEvaluationContext) -> dg.SensorResult | dg.SkipReason:
        try:
            breaches = asyncio.run(_unserved(context.resources.database_url))
        except PrismaError as error:
            return dg.SkipReason(str(error))
        hopeful = [b for b in breaches if b["attempts"] < MOST_ATTEMPTS]
        if not hopeful:
            left = ", ".join(f"{b['agent_id']} ({b['last_error']})" for b in breaches)
            return dg.SkipReason(f"a person has to take back: {left}" if left else "no unserved breach")  # fmt: skip
        return dg.SensorResult(run_requests=[_request(b) for b in hopeful])

    return dg.SensorDefinition(
        name="guardrail_rollback_sensor",
        evaluation_fn=evaluate,
        job=job,
        minimum_interval_seconds=INTERVAL_SECONDS,
        default_status=dg.DefaultSensorStatus.RUNNING,
        required_resource_keys={"database_url"},
        description="Asks for one rollback per breach of a guardrail, again when one failed, and after five attempts for a person.",
    )


def weekly_drill(job: UnresolvedAssetJobDefinition) -> dg.ScheduleDefinition:
    """Practises the rollback."""
    return dg.ScheduleDefinition(
        name="weekly_drill",
        job=job,
        cron_schedule="0 3 * * 0",  # Sundays, when nobody waits
        execution_timezone="UTC",
        default_status=dg.DefaultScheduleStatus.RUNNING,
        description="Practises the rollback on rollouts that never were, and publishes its false alarms and its delay.",
    )


def _request(breach: dict[str, Any]) -> dg.RunRequest:
    return dg.RunRequest(
        run_key=f"rollback:{breach['breach_id']}:{breach['attempts'] + 1}",
        tags={BREACH_TAG: breach["breach_id"]},
    )


async def _due(url: str) -> bool:
    async with Database(url, max_size=1) as database:
        if await DeploymentStore(source=database).find(stages=ROLLING, limit=1):
            return True
        return bool(await database.fetch("executions_to_reperform", {"limit": 1}))


async def _unserved(url: str) -> list[dict[str, Any]]:
    async with Database(url, max_size=1) as database:
        return await database.fetch("unserved_breaches", {"limit": MAX_PER_TICK})
