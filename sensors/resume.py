"""Watches executions that may go on, and asks for the run that continues them.

Decided on, sent back, left by a process that died, or asked for by one that died before it could begin.
"""

import asyncio
import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime

import dagster as dg

from prisma_assets.domain.errors import PrismaError
from prisma_assets.domain.workflow.template import Template
from prisma_assets.engine.library import TemplateLibrary
from prisma_assets.engine.recovery import StuckExecution, stuck_executions
from prisma_assets.engine.sign_off import is_decided
from prisma_assets.store.database import Database
from prisma_assets.store.run_lock import is_worked_on
from prisma_assets.store.workflow import WorkflowStore
from prisma_assets.store.workflow_record import ResumableExecution
from resources.workflow import EXECUTION_TAG

MAX_PER_TICK = 200
"""A tick looks at this many executions, newest decision first. Measured: 2 ms each to look and at most half a second to
ask for a run, so that the fullest tick stays below Dagster's limit of 300 s."""

INTERVAL_SECONDS = 5
"""A person who has signed looks at the screen; Dagster's daemon looks no oftener than this."""

FREE_SECONDS = 5.0
"""An execution under way whose lock stays free for so long has lost its process: a living one takes its lock back within two
seconds of a restart of the database."""

ASKED_SECONDS = 60.0
"""Who asks for a run takes it up within 3 s on a quiet machine; a busy one has been seen to need 60 s to start one."""

AGAIN_SECONDS = 120.0
"""A run that was asked for and has not taken the execution up by then has failed before it could, or died: it is asked for
again, each time after twice as long."""

MOST_AGAIN = 5
"""After so many runs that could not even begin, more of them would only fill the list of runs."""

_ASKED_AS = "prisma/asked_as"


@dataclass(frozen=True, kw_only=True)
class _Seen:
    """What a tick saw."""

    due: Sequence[ResumableExecution] = ()
    free: Mapping[str, float] = field(default_factory=dict)
    """Since when nobody holds the lock of an execution under way, in seconds since 1970."""
    stuck: Sequence[StuckExecution] = ()
    unknown: Sequence[str] = ()
    """Executions that work by a content this code location has not loaded."""


@dataclass(frozen=True, kw_only=True)
class _Before:
    """What earlier ticks left for this one."""

    free: Mapping[str, float] = field(default_factory=dict)
    told: frozenset[str] = frozenset()
    """Stuck executions that have been told of."""


def resume_sensor(
    library: TemplateLibrary,
    jobs: Mapping[str, dg.JobDefinition],
    *,
    now: Callable[[], datetime] = lambda: datetime.now(UTC),
) -> dg.SensorDefinition:
    """The sensor for these templates."""
    templates = {t.sha256: t for t in library.jobs.values()}

    def evaluate(context: dg.SensorEvaluationContext) -> dg.SensorResult | dg.SkipReason:
        before = _read(context.cursor)
        try:
            seen = asyncio.run(_look(context.resources.database_url, templates, before, now()))
        except PrismaError as error:
            return dg.SkipReason(str(error))
        _tell(context, seen, before)
        cursor = _written(seen)
        asked = [resume_request(e, library) for e in seen.due]
        due = [r for r in (_again(context.instance, r, now()) for r in asked) if r is not None]
        if not due:
            why = "nothing waits for a run: no decision to act on, and no process has died"
            return dg.SensorResult(skip_reason=why, cursor=cursor)
        return dg.SensorResult(run_requests=due, cursor=cursor)

    return dg.SensorDefinition(
        name="approval_resume_sensor",
        evaluation_fn=evaluate,
        jobs=list(jobs.values()),
        minimum_interval_seconds=INTERVAL_SECONDS,
        default_status=dg.DefaultSensorStatus.RUNNING,
        required_resource_keys={"database_url"},
        description="Continues executions whose sign-off has been given, sent back or refused, and those whose process died.",
    )


def resume_request(execution: ResumableExecution, library: TemplateLibrary) -> dg.RunRequest:
    """The run that continues an execution; one per run and decision so far, so that nothing is acted on twice."""
    key = f"resume:{execution.id}:{execution.runs}:{execution.decisions}"
    return dg.RunRequest(
        run_key=key,
        job_name=library.job_of(execution.template_name, execution.template_sha256),
        tags={EXECUTION_TAG: execution.id, _ASKED_AS: key},
    )


def _again(
    instance: dg.DagsterInstance, request: dg.RunRequest, now: datetime
) -> dg.RunRequest | None:
    """The request, under a further key where the runs asked for so far have not taken the execution up; None: not yet."""
    asked = instance.get_run_records(dg.RunsFilter(tags={_ASKED_AS: request.tags[_ASKED_AS]}))
    if not asked:
        return request
    latest = max(r.create_timestamp for r in asked)
    patience = AGAIN_SECONDS * 2.0 ** (len(asked) - 1)
    if len(asked) > MOST_AGAIN or (now - latest).total_seconds() < patience:
        return None
    return request._replace(run_key=f"{request.run_key}:{len(asked)}")


async def _look(
    url: str, templates: Mapping[str, Template], before: _Before, now: datetime
) -> _Seen:
    async with Database(url) as database:
        store = WorkflowStore(database=database)
        found = await store.resumable(MAX_PER_TICK, asked_seconds=ASKED_SECONDS)
        free = {
            e.id: before.free.get(e.id, now.timestamp())
            for e in found
            if e.status == "RUNNING" and not await is_worked_on(database, e.id)
        }
        known = [e for e in found if e.template_sha256 in templates]
        dead = {i for i, since in free.items() if now.timestamp() - since >= FREE_SECONDS}
        due = [
            e
            for e in known
            if e.id in dead
            or (e.status != "RUNNING" and await _may_go_on(store, e, templates[e.template_sha256]))
        ]
        stuck = await stuck_executions(store, lambda s: templates.get(s.template_sha256))
    unknown = [e.id for e in found if e.template_sha256 not in templates]
    return _Seen(due=due, free=free, stuck=stuck, unknown=unknown)


async def _may_go_on(store: WorkflowStore, found: ResumableExecution, template: Template) -> bool:
    if found.status == "PENDING" or found.run_asked_at is not None:
        return not await is_worked_on(store.database, found.id)
    execution = await store.execution(found.id)
    return execution is not None and await is_decided(store, execution, template)


def _tell(context: dg.SensorEvaluationContext, seen: _Seen, before: _Before) -> None:
    for stuck in seen.stuck:
        if stuck.id not in before.told:
            context.log.warning(stuck.sentence)
    if seen.unknown:
        context.log.warning(
            "not loaded here, so not continued by themselves: %s; `prisma-assets resume` continues them",
            ", ".join(seen.unknown),
        )


def _read(cursor: str | None) -> _Before:
    if not cursor:
        return _Before()
    kept = json.loads(cursor)
    return _Before(free=kept["free"], told=frozenset(kept["told"]))


def _written(seen: _Seen) -> str:
    return json.dumps({"free": dict(seen.free), "told": sorted(s.id for s in seen.stuck)})
