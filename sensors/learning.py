"""When facts are counted and learned from: every hour, every night, and when a fact about a day that is over comes late."""

import asyncio
from collections.abc import Callable, Iterator
from datetime import UTC, date, datetime, timedelta

import dagster as dg
from dagster._core.definitions.unresolved_asset_job_definition import UnresolvedAssetJobDefinition

from prisma_assets.assets.partition import FIRST_DAY
from prisma_assets.domain.errors import PrismaError
from prisma_assets.store.database import Database
from sensors.run_key import run_key

INTERVAL_SECONDS = 300
"""A late fact changes figures of a day that is over; nobody waits for it at their screen."""
MAX_PER_TICK = 14
"""Days asked for at once; the next look asks for the others. Each is a run of a few seconds."""

_AT_FIVE_PAST = "5 * * * *"
"""Batches of an hour's last traces arrive within its next minutes."""
_AT_NIGHT = "30 1 * * *"
"""Half past one (UTC): before anybody works, after the day is over everywhere the firm has an office west to London."""

_Now = Callable[[], datetime]


def _clock() -> datetime:
    return datetime.now(UTC)


def hourly_roll_up(
    job: UnresolvedAssetJobDefinition, *, now: _Now = _clock
) -> dg.ScheduleDefinition:
    """Counts today, and just after midnight yesterday as well."""

    def due(_context: dg.ScheduleEvaluationContext) -> Iterator[dg.RunRequest]:
        today = now().date()
        days = [today] if now().hour else [today - timedelta(days=1), today]
        for day in days:
            yield _request(f"roll_up:{now():%Y-%m-%dT%H}", day)

    return dg.ScheduleDefinition(
        name="hourly_roll_up",
        job=job,
        cron_schedule=_AT_FIVE_PAST,
        execution_timezone="UTC",
        execution_fn=due,
        default_status=dg.DefaultScheduleStatus.RUNNING,
        description="Counts today's facts every hour; the first time of a day also those of the day that is over.",
    )


def nightly_learning(
    job: UnresolvedAssetJobDefinition, *, now: _Now = _clock
) -> dg.ScheduleDefinition:
    """Learns from the day that is over."""

    def due(_context: dg.ScheduleEvaluationContext) -> Iterator[dg.RunRequest]:
        yield _request("learn", now().date() - timedelta(days=1))

    return dg.ScheduleDefinition(
        name="nightly_learning",
        job=job,
        cron_schedule=_AT_NIGHT,
        execution_timezone="UTC",
        execution_fn=due,
        default_status=dg.DefaultScheduleStatus.RUNNING,
        description="Counts the day that is over and draws what can be learned from it and those before.",
    )


def late_fact_sensor(
    job: UnresolvedAssetJobDefinition, *, now: _Now = _clock
) -> dg.SensorDefinition:
    """Has days that are over counted again when facts about them come late."""

    def evaluate(context: dg.SensorEvaluationContext) -> dg.SensorResult | dg.SkipReason:
        yesterday = now().date() - timedelta(days=1)
        try:
            days = asyncio.run(_changed(context.resources.database_url, yesterday))
        except PrismaError as error:
            return dg.SkipReason(str(error))
        if not days:
            return dg.SkipReason("no day that is over has facts nobody counted")
        return dg.SensorResult(
            run_requests=[
                _request(run_key("late", [day.isoformat()], now()), day)
                for day in days[-MAX_PER_TICK:]
            ]
        )

    return dg.SensorDefinition(
        name="late_fact_sensor",
        evaluation_fn=evaluate,
        job=job,
        minimum_interval_seconds=INTERVAL_SECONDS,
        default_status=dg.DefaultSensorStatus.RUNNING,
        required_resource_keys={"database_url"},
        description="Has a day that is over counted again when a fact about it came late.",
    )


def _request(key: str, day: date) -> dg.RunRequest:
    return dg.RunRequest(run_key=f"{key}:{day}", partition_key=day.isoformat())


async def _changed(url: str, through: date) -> list[date]:
    from prisma_assets.learning.roll_up import days_to_count

    async with Database(url, max_size=1) as database:
        return await days_to_count(database, since=FIRST_DAY, through=through)
