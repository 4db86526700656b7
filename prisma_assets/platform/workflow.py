"""The workflow engine of the specification's Python API: starts workflows, runs, watches, signs and cancels them.

What a step does, and what a sign-off means, is the engine room's; this opens the door to it.
"""

import asyncio
import weakref
from collections.abc import AsyncGenerator, Mapping
from contextlib import ExitStack
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any, Self

from prisma_assets.agents.registry import AgentRegistry
from prisma_assets.domain.errors import InputError, PrismaError
from prisma_assets.domain.workflow.execution import RESUMABLE, ExecutionStatus
from prisma_assets.domain.workflow.sign_off import Decision
from prisma_assets.domain.workflow.template import Template
from prisma_assets.engine.cancel import Cancel, cancel, refuse_cancelled
from prisma_assets.engine.compensation import UNDO_JOB
from prisma_assets.engine.library import TemplateLibrary, product_library
from prisma_assets.engine.opening import CheckedOpening, Opening, checked, store_opening
from prisma_assets.engine.pinning import pinned_template
from prisma_assets.engine.report import report
from prisma_assets.engine.sign_off import give
from prisma_assets.platform.launch import RunLauncher
from prisma_assets.platform.watch import watch
from prisma_assets.settings import Settings
from prisma_assets.store.cancel import withdraw_cancel
from prisma_assets.store.database import Database
from prisma_assets.store.event_bus import EventBus
from prisma_assets.store.migrate import migrate
from prisma_assets.store.pinning import touch
from prisma_assets.store.run_lock import is_worked_on
from prisma_assets.store.server import ServerUrls, running_server
from prisma_assets.store.status_change import StatusChange
from prisma_assets.store.workflow import WorkflowStore
from prisma_assets.store.workflow_record import Execution, NewSignOff
from resources.run_socket import RunOrder

EXECUTION_TAG = "prisma/execution_id"
_ABOUT = ("engagement_id", "client_id", "idempotency_key")
"""What a context may say beside the template's inputs."""


class NoSuchExecutionError(InputError):
    """No execution has this id."""


class DifferentRequestError(InputError):
    """The idempotency key was used before, for something else; choose another."""


@dataclass(frozen=True, kw_only=True)
class Workflow:
    """An execution of a workflow as it stands."""

    id: str
    status: ExecutionStatus
    template_name: str
    template_version: str
    created_by: str
    created_at: datetime
    steps: tuple[Mapping[str, Any], ...]
    """In template order: `step_id`, `name`, `status`, `outputs`, `workpaper`, `error`, `duration_ms`, `cost_usd`, ..."""
    waiting_for: Mapping[str, tuple[str, ...]]
    """Step to the roles whose signature is missing."""
    duration_ms: int | None
    """Time in which a step was being worked on; None before the first result."""
    cost_usd: float | None
    """None: the price of a step is not known, which is not the same as free."""
    error: Mapping[str, Any] | None
    engagement_id: str | None
    client_id: str | None
    is_new: bool = False
    """True from `create_workflow`, unless its idempotency key was known."""


class WorkflowEngine:
    """Runs workflows of one firm; use it in one event loop, and close it, or leave that to the end of the program.

    Works beside the product when it is up (the same `PRISMA_HOME` or `DATABASE_URL`), and alone: then it starts the embedded
    database and processes for runs of its own, and ends them.
    """

    def __init__(
        self,
        agent_registry: AgentRegistry,
        event_bus: EventBus,
        *,
        settings: Settings | None = None,
        starts_runs: bool = True,
    ) -> None:
        """Keep what is needed; nothing starts before the first call.

        Args:
            agent_registry: The agents that templates may name.
            event_bus: Where changes are heard; one without a database is given the engine's.
            settings: None: those of the environment.
            starts_runs: False: only the product's processes do runs, and while there are none it is an error.
        """
        self._agents = agent_registry
        self._bus = event_bus
        self._settings = settings
        self._starts_runs = starts_runs
        self._held = ExitStack()
        self._close = weakref.finalize(self, self._held.close)
        self._opening = asyncio.Lock()
        self._opened: _Opened | None = None

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.aclose()

    async def aclose(self) -> None:
        """Let go of the database; runs in processes of the engine's own are cancelled."""
        opened, self._opened = self._opened, None
        await self._bus.aclose()
        if opened is not None:
            await opened.database.close()
        await asyncio.to_thread(self._close)

    async def create_workflow(
        self,
        *,
        template_name: str,
        context: Mapping[str, Any],
        created_by: str,
    ) -> Workflow:
        """Check everything and store a new execution; `execute_workflow` begins it.

        Args:
            template_name: As `prisma-assets templates list` shows it.
            context: The template's inputs by name, and perhaps `engagement_id`, `client_id` (where no engagement folder says
                them) and `idempotency_key` (the same one gives the same execution, however often it is asked for).
            created_by: Who starts it.

        Raises:
            InputError: The template, an input or the engagement is wrong; nothing is stored.
            DifferentRequestError: The idempotency key stands for another request.
        """
        opened = await self._open()
        template = self.library().get(template_name)
        opening = Opening(
            template=template,
            agents=self._agents,
            inputs={k: v for k, v in context.items() if k not in _ABOUT or k in template.inputs},
            created_by=created_by,
            idempotency_key=context.get("idempotency_key"),
        )
        # Reading an engagement's books takes seconds.
        ready = _about(await asyncio.to_thread(checked, opening), template, context)
        execution, is_new = await store_opening(opened.store, ready)
        if not is_new and not _is_same(execution, ready):
            raise DifferentRequestError(
                f"the idempotency key '{opening.idempotency_key}' stands for another request (execution {execution.id}); "
                "choose another key"
            )
        return replace(await self._read(execution), is_new=is_new)

    async def execute_workflow(self, workflow_id: str) -> Workflow:
        """Run it as far as sign-offs allow, and give what came of it; what is done is not done again.

        Raises:
            InputError: There is none, or somebody has cancelled it.
            PrismaError: The run could not be begun.
        """
        opened = await self._open()
        execution = await self._known(workflow_id)
        if execution.status not in RESUMABLE:
            return await self._read(execution)
        await refuse_cancelled(opened.store, execution.id)
        await opened.store.ask_for_run(execution.id)
        while True:
            ended = await opened.launcher.run(self._order(execution))
            execution = await self._known(workflow_id)
            took_it_up = execution.dagster_run_id == ended.run_id and execution.status != "RUNNING"
            if ended.failure is not None and not took_it_up:
                raise PrismaError(ended.failure)
            # Steps opened again for rework are done by a further run; the sign-off's limit bounds how many.
            if execution.status != "PENDING":
                return await self._read(execution)

    async def start_workflow(self, workflow_id: str) -> str:
        """Begin it and do not wait for its end; gives the id of the Dagster run.

        Raises:
            InputError: There is none, it has ended, or somebody has cancelled it.
        """
        opened = await self._open()
        execution = await self._known(workflow_id)
        if execution.status not in RESUMABLE:
            raise InputError(
                f"execution {execution.id} is {execution.status}; nothing is left to do"
            )
        await refuse_cancelled(opened.store, execution.id)
        if await is_worked_on(opened.database, execution.id):
            raise InputError(f"execution {execution.id} is being worked on; wait until it rests")
        await opened.store.ask_for_run(execution.id)
        return await opened.launcher.start(self._order(execution))

    async def start_undoing(self, workflow_id: str) -> str:
        """Begin to undo what an execution that ended without its aim has left to undo; gives the id of the Dagster run."""
        opened = await self._open()
        tags = {EXECUTION_TAG: (await self._known(workflow_id)).id}
        return await opened.launcher.start(RunOrder(job=UNDO_JOB, tags=tags))

    async def resume_workflow(self, workflow_id: str) -> Workflow:
        """Continue what was signed, failed, cancelled or broken off; as `execute_workflow`, and a cancel is withdrawn."""
        await self.allow_resuming(workflow_id)
        return await self.execute_workflow(workflow_id)

    async def allow_resuming(self, workflow_id: str) -> None:
        """Withdraw a cancel and bring the content the execution works by to hand; `start_workflow` then continues it."""
        opened = await self._open()
        execution = await self._known(workflow_id)
        if execution.status in RESUMABLE:
            await touch(opened.database, execution.template_sha256)
            await withdraw_cancel(opened.database, execution.id)

    async def get_workflow(self, workflow_id: str) -> Workflow:
        """How it stands.

        Raises:
            NoSuchExecutionError: There is none.
        """
        return await self._read(await self._known(workflow_id))

    async def get_report(self, workflow_id: str) -> dict[str, Any]:
        """Everything there is to say about it, as the command line's `status --json` says it."""
        opened = await self._open()
        execution = await self._known(workflow_id)
        return await report(opened.store, execution, await self._template(execution))

    async def template_of(self, workflow_id: str) -> Template:
        """The template it is pinned to, whatever the file says today."""
        await self._open()
        return await self._template(await self._known(workflow_id))

    async def watch(self, workflow_id: str) -> AsyncGenerator[StatusChange, None]:
        """How it stands, then every change of status as it happens, until it has ended; see `platform.watch`."""
        opened = await self._open()
        execution = await self._known(workflow_id)
        async for change in watch(self._bus, opened.database, execution.id):
            yield change

    async def sign_off(
        self,
        workflow_id: str,
        step: str,
        *,
        by: str,
        decision: Decision = "approve",
        comment: str = "",
        role: str | None = None,
    ) -> Workflow:
        """Take a person's decision on a step that waits; `resume_workflow` continues, or the product does when it is up.

        Raises:
            InputError: The step does not wait, the person may not sign, or a needed comment is missing.
        """
        opened = await self._open()
        execution = await self._known(workflow_id)
        new = NewSignOff(
            execution_id=execution.id,
            step_id=step,
            user=by,
            decision=decision,
            comment=comment,
            role=role,
        )
        await give(opened.store, execution, await self._template(execution), new)
        return await self.get_workflow(workflow_id)

    async def cancel_workflow(self, workflow_id: str, *, by: str, reason: str) -> Workflow:
        """Stop it, whichever process works on it, and wait until it rests.

        Raises:
            InputError: It has ended otherwise, the reason is missing, or the person may not.
        """
        opened = await self._open()
        execution = await self._known(workflow_id)
        await cancel(opened.store, execution, Cancel(requested_by=by, reason=reason))
        return await self.get_workflow(workflow_id)

    def library(self) -> TemplateLibrary:
        """The templates as their files are now."""
        settings = self._settings or Settings.from_environ()
        return product_library(settings, agents=self._agents.ids)

    async def database(self) -> Database:
        """The product's database, opened."""
        return (await self._open()).database

    async def _open(self) -> "_Opened":
        async with self._opening:
            if self._opened is None:
                settings = self._settings or Settings.from_environ()
                urls = await asyncio.to_thread(_migrated, self._held, settings)
                self._bus.url = self._bus.url or urls.prisma
                self._opened = _Opened(
                    database=Database(urls.prisma),
                    launcher=RunLauncher(
                        settings=settings,
                        urls=urls,
                        held=self._held,
                        starts_own=self._starts_runs,
                    ),
                )
            return self._opened

    async def _known(self, workflow_id: str) -> Execution:
        opened = await self._open()
        execution = await opened.store.execution(workflow_id)
        if execution is None:
            raise NoSuchExecutionError(f"no execution has the id {workflow_id}")
        return execution

    async def _template(self, execution: Execution) -> Template:
        opened = await self._open()
        return await pinned_template(opened.database, execution, self.library())

    async def _read(self, execution: Execution) -> Workflow:
        found = await self.get_report(execution.id)
        return Workflow(
            id=execution.id,
            status=found["status"],
            template_name=execution.template_name,
            template_version=execution.template_version,
            created_by=execution.created_by,
            created_at=execution.created_at,
            steps=tuple(found["steps"]),
            waiting_for={step: tuple(roles) for step, roles in found["waiting_for"].items()},
            duration_ms=found["duration_ms"],
            cost_usd=found["cost_usd"],
            error=found["error"],
            engagement_id=execution.engagement_id,
            client_id=execution.client_id,
        )

    def _order(self, execution: Execution) -> RunOrder:
        job = self.library().job_of(execution.template_name, execution.template_sha256)
        return RunOrder(job=job, tags={EXECUTION_TAG: execution.id})


@dataclass(frozen=True, kw_only=True)
class _Opened:
    """What an engine holds while it is open."""

    database: Database
    launcher: RunLauncher

    @property
    def store(self) -> WorkflowStore:
        return WorkflowStore(database=self.database)


def _migrated(held: ExitStack, settings: Settings) -> ServerUrls:
    urls = held.enter_context(running_server(settings))
    migrate(urls.prisma)
    return urls


def _about(ready: CheckedOpening, template: Template, context: Mapping[str, Any]) -> CheckedOpening:
    """Whom the work is for, where no engagement folder says it."""
    new = ready.execution

    def one(name: str, known: str | None) -> str | None:
        given = None if name in template.inputs else context.get(name)
        if given is not None and known is not None and given != known:
            raise InputError(
                f"{name} is '{given}', and the engagement folder says '{known}'; correct one"
            )
        return known if given is None else str(given)

    named = replace(
        new,
        engagement_id=one("engagement_id", new.engagement_id),
        client_id=one("client_id", new.client_id),
    )
    return replace(ready, execution=named)


def _is_same(execution: Execution, ready: CheckedOpening) -> bool:
    new = ready.execution
    return (execution.template_name, execution.inputs) == (new.template_name, new.context["inputs"])
