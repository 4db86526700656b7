"""What a workflow run needs: one session per run that opens the store, the gateway and the execution in the run's loop."""

import asyncio
from collections.abc import Callable, Coroutine, Mapping, Sequence
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any

import dagster as dg
from dagster._core.storage.tags import SENSOR_NAME_TAG

from prisma_assets.agents.contract import AgentProvider
from prisma_assets.agents.gateway import AgentGateway
from prisma_assets.agents.registry import AgentRegistry
from prisma_assets.domain.errors import InputError, PermanentError, PrismaError
from prisma_assets.domain.workflow.execution import RESUMABLE
from prisma_assets.domain.workflow.template import Template
from prisma_assets.engine.arms import execution_arms
from prisma_assets.engine.call_ledger import PostgresCallLedger
from prisma_assets.engine.cancel import obey, refuse_cancelled
from prisma_assets.engine.compensation import Compensator, open_undone
from prisma_assets.engine.fuse import Fuse
from prisma_assets.engine.library import TemplateLibrary
from prisma_assets.engine.opening import Opening, open_execution
from prisma_assets.engine.pinning import changed_agents, pinned_registry, pinned_template
from prisma_assets.engine.purse import PostgresPurse
from prisma_assets.engine.recovery import give_up
from prisma_assets.engine.run import ExecutionRun
from prisma_assets.engine.shield import to_the_end
from prisma_assets.store.compensation import CompensationRow, CompensationStore
from prisma_assets.store.database import Database
from prisma_assets.store.run_lock import AlreadyRunningError, RunLock
from prisma_assets.store.workflow import WorkflowStore
from prisma_assets.store.workflow_record import Execution

EXECUTION_TAG = "prisma/execution_id"
USER_TAG = "prisma/user"
"""Who launched a run in the UI; the sign-in writes it, whatever the request said."""

_OPEN: dict[str, "RunSession"] = {}
"""Sessions by Dagster run id. The executor closes a run's session when its event loop ends; a resource's own teardown
comes later, on another thread, where the loop's connections can no longer be closed."""

_STOPS: dict[str, Callable[[], None]] = {}
"""What stops a run, by Dagster run id."""


class RunSession:
    """One Dagster run's hold on one execution; opened by its first op, closed with the run's event loop."""

    expected_errors = (PrismaError,)

    def __init__(
        self, *, url: str, registry: AgentRegistry, providers: Mapping[str, AgentProvider]
    ) -> None:
        self._url = url
        self._registry = registry
        self._providers = providers
        self._run: ExecutionRun | None = None
        self._opening = asyncio.Lock()
        self._held = AsyncExitStack()
        self.lost_runs: list[str] = []
        """Earlier runs of an execution that was left in the middle: their process has died, for its lock is free."""
        self.changed_agents: tuple[str, ...] = ()
        """Agents that are not today what they were when the execution was opened; it works with them as they were."""

    async def open(
        self, template: Template, run: dg.DagsterRun, config: Mapping[str, Any]
    ) -> Execution:
        """Open a new execution from the launchpad's configuration, or take up the one the run is tagged with."""
        store = self._open_store(run)
        execution_id = run.tags.get(EXECUTION_TAG)
        if execution_id is None:
            sign_offs = config["sign_offs"]
            opening = Opening(
                template=template,
                agents=self._registry,
                inputs={k: v for k, v in config["inputs"].items() if v is not None},
                created_by=run.tags.get(USER_TAG, "dagster-ui"),
                sign_offs=Path(sign_offs) if sign_offs else None,
                idempotency_key=f"dagster:{run.root_run_id or run.run_id}",
                is_asked_for=True,
            )
            execution, _ = await open_execution(store, opening)
            execution_id = execution.id
        return await self._take_up(store, template, execution_id, run)

    async def of(self, template: Template, run: dg.DagsterRun) -> ExecutionRun:
        """The execution's run; taken up from the run's tag when Dagster re-executes only some steps."""
        async with self._opening:
            if self._run is None:
                execution_id = run.tags.get(EXECUTION_TAG)
                if execution_id is None:
                    raise InputError(
                        "this run has no execution; launch the whole job, not a part of it"
                    )
                await self._take_up(self._open_store(run), template, execution_id, run)
            if self._run is None:
                raise PrismaError("the execution could not be taken up")
            return self._run

    async def undo(
        self, library: TemplateLibrary, run: dg.DagsterRun
    ) -> tuple[Execution, Sequence[CompensationRow]]:
        """Undo the work of the execution the run is tagged with; what was resumed meanwhile is left as it is.

        Raises:
            InputError: The run has no execution.
            NotUndoneError: A step could not be undone.
        """
        execution_id = run.tags.get(EXECUTION_TAG)
        if execution_id is None:
            raise InputError(f"this job needs the tag {EXECUTION_TAG}; it is asked for by itself")
        store = self._open_store(run)
        lock = self._lock(execution_id)
        await lock.acquire()
        execution = await _known(store, execution_id)
        template = await pinned_template(store.database, execution, library)
        self.lost_runs = await store.runs(execution.id)
        undoing = Compensator(
            template=template,
            execution=execution,
            store=store,
            gateway=await self._gateway(store, execution, template),
        )
        self._hold(_keep(lock, _STOPS[run.run_id]))
        if SENSOR_NAME_TAG in run.tags:
            await undoing.give_up()
        rows = CompensationStore(database=store.database)
        await rows.begin_run(execution.id, run.run_id)
        try:
            return execution, await undoing.undo()
        finally:
            await to_the_end(rows.end_run(execution.id, run.run_id))

    def tags(self, execution: Execution) -> dict[str, str]:
        """Tags that let people find the run in the UI."""
        tags = {EXECUTION_TAG: execution.id, "prisma/started_by": execution.created_by}
        if execution.engagement_id:
            tags["prisma/engagement"] = execution.engagement_id
        if execution.client_id:
            tags["prisma/client"] = execution.client_id
        return tags

    async def aclose(self) -> None:
        """Close what was opened, in the loop it was opened in."""
        held, self._held, self._run = self._held, AsyncExitStack(), None
        await held.aclose()  # all of it, though one part should fail

    def _open_store(self, run: dg.DagsterRun) -> WorkflowStore:
        _OPEN[run.run_id] = self
        database = Database(self._url)
        self._held.push_async_callback(database.close)
        return WorkflowStore(database=database)

    async def _take_up(
        self, store: WorkflowStore, template: Template, execution_id: str, run: dg.DagsterRun
    ) -> Execution:
        lock = self._lock(execution_id)
        # Side by side: each opens a connection, which is most of what opening a session takes.
        for opened in await asyncio.gather(
            lock.acquire(), _known(store, execution_id), return_exceptions=True
        ):
            if isinstance(opened, BaseException):
                raise opened
        # Only now does nobody else change it.
        execution = await _known(store, execution_id)
        if execution.status not in RESUMABLE:
            raise PermanentError(
                f"execution {execution.id} is {execution.status}; nothing is left to do, start a new one"
            )
        await refuse_cancelled(store, execution.id)
        _check_content(template, execution)
        if execution.status == "RUNNING":
            self.lost_runs = await store.runs(execution.id)
            if SENSOR_NAME_TAG in run.tags:  # A person who resumes it knows what they want.
                await give_up(store, execution)
        await open_undone(store, execution, template)
        gateway = await self._gateway(store, execution, template)
        taken = ExecutionRun(template=template, execution=execution, store=store, gateway=gateway)
        await taken.load()
        self._held.push_async_callback(taken.aclose)
        await store.take_up(execution.id, run_id=run.run_id)
        self._hold(obey(store, execution.id, _STOPS[run.run_id]))
        self._hold(_keep(lock, _STOPS[run.run_id]))
        self._run = taken
        return execution

    def _lock(self, execution_id: str) -> RunLock:
        lock = RunLock(self._url, execution_id)
        self._held.push_async_callback(lock.release)
        return lock

    async def _gateway(
        self, store: WorkflowStore, execution: Execution, template: Template
    ) -> AgentGateway:
        self.changed_agents = changed_agents(execution, self._registry)
        registry = await pinned_registry(store.database, execution, self._registry)
        gateway = AgentGateway(
            registry,
            self._providers,
            PostgresCallLedger(store.database),
            purse=PostgresPurse(
                store.database,
                workflow=execution.template_name,
                fuse=Fuse(store.database, execution.id, template),
            ),
            arms=await execution_arms(store.database, execution, registry),
        )
        self._held.push_async_callback(gateway.aclose)
        return gateway

    def _hold(self, watch: Coroutine[Any, Any, None]) -> None:
        """Have this done beside the steps, for as long as the session lasts."""
        watching = asyncio.create_task(watch)

        async def end() -> None:
            watching.cancel()
            await asyncio.gather(watching, return_exceptions=True)

        self._held.push_async_callback(end)


async def _keep(lock: RunLock, stop: Callable[[], None]) -> None:
    """Keep the hold on the execution; without it the run stops, for another has taken the execution up."""
    try:
        await lock.keep()
    except AlreadyRunningError:
        stop()


def stop_by(run_id: str, stop: Callable[[], None]) -> None:
    """Have the run stopped this way when somebody cancels its execution."""
    _STOPS[run_id] = stop


async def close_session(run_id: str) -> None:
    """Close what the run opened; call it in the run's event loop."""
    session = _OPEN.pop(run_id, None)
    if session is not None:
        await session.aclose()
    _STOPS.pop(run_id, None)


def run_session(
    registry: AgentRegistry, providers: Mapping[str, AgentProvider]
) -> dg.ResourceDefinition:
    """The resource that gives each run its session; the database is the one `DATABASE_URL` names when the run starts."""

    @dg.resource(
        config_schema={"url": dg.StringSource},
        description="The run's hold on its execution: database, agent gateway, advance sign-offs.",
    )
    def session(context: dg.InitResourceContext) -> RunSession:
        return RunSession(
            url=context.resource_config["url"], registry=registry, providers=providers
        )

    return session.configured({"url": {"env": "DATABASE_URL"}})


def database_url() -> dg.ResourceDefinition:
    """Address of the product's database, read when it is needed."""

    @dg.resource(
        config_schema={"url": dg.StringSource}, description="Address of the product's database."
    )
    def url(context: dg.InitResourceContext) -> str:
        return str(context.resource_config["url"])

    return url.configured({"url": {"env": "DATABASE_URL"}})


def _check_content(template: Template, execution: Execution) -> None:
    """Refuse to work by another content than the execution was opened with."""
    if execution.template_sha256 != template.sha256:
        raise PermanentError(
            f"execution {execution.id} works by version {execution.template_version} of '{execution.template_name}' "
            f"({execution.template_sha256[:8]}), and this job is of {template.sha256[:8]}; "
            f"`prisma-assets resume {execution.id}` continues it by its own"
        )


async def _known(store: WorkflowStore, execution_id: str) -> Execution:
    execution = await store.execution(execution_id)
    if execution is None:
        raise InputError(f"no execution has the id {execution_id}")
    return execution
