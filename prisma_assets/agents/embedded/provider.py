"""The provider that does the audit's and the tax workflow's steps with the procedures of `domain`. Importing it imports no pandas."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import partial
from importlib import import_module
from pathlib import Path
from threading import Lock
from typing import TYPE_CHECKING, Any

import anyio.to_thread

from prisma_assets.agents.contract import AgentCard, AgentResult, AgentTask, Usage
from prisma_assets.agents.embedded.assignment import assignments
from prisma_assets.agents.heartbeat import beat
from prisma_assets.domain.errors import InputError, PermanentError

if TYPE_CHECKING:
    from prisma_assets.agents.embedded.folder_cache import FolderCache
    from prisma_assets.agents.embedded.work import StepWork
    from prisma_assets.domain.audit.workpaper import StepResult
    from prisma_assets.engagement.folder import EngagementFolder

_PACKAGE = "prisma_assets.agents.embedded"


@dataclass(frozen=True, kw_only=True)
class EmbeddedInstance:
    """An agent at work. It holds nothing between calls: the books belong to the provider, which all agents share."""

    agent_id: str


class EmbeddedProvider:
    """Does a task with the step function of that name, in a thread. The same books give the same workpaper."""

    name = "embedded"

    def __init__(self) -> None:
        """Start without books; the first step reads them."""
        self._lock = Lock()
        self._cache: FolderCache | None = None

    async def start(self, card: AgentCard) -> EmbeddedInstance:
        """Put the agent to work; there is nothing to load."""
        return EmbeddedInstance(agent_id=card.id)

    async def call(
        self,
        instance: EmbeddedInstance,  # noqa: ARG002 - part of the provider's protocol
        card: AgentCard,
        task: AgentTask,
    ) -> AgentResult:
        """Do the task.

        A call that is cancelled leaves its thread to finish by itself; what it computes is thrown away.

        Raises:
            PermanentError: The task is unknown, names no books, or the books changed since the run began.
            InputError: The books cannot be read.
        """
        versioned = _by_version(card, task)
        result = await anyio.to_thread.run_sync(self._work, versioned, abandon_on_cancel=True)
        return AgentResult(
            outputs=result.outputs,
            workpaper=result.workpaper,
            usage=Usage(provider=self.name),
            agent_version=card.version,
        )

    async def stop(self, instance: EmbeddedInstance) -> None:
        """Nothing to release."""

    def _work(self, task: AgentTask) -> "StepResult":
        from prisma_assets.agents.embedded.work import StepWork

        step = _step_function(task.task)
        folder = self._folder(task)
        work = StepWork(
            engagement=folder.engagement, books=folder.books, task=task, warnings=folder.warnings
        )
        return step(work)

    def _folder(self, task: AgentTask) -> "EngagementFolder":
        """The books as they stood when the run began."""
        if task.engagement_folder is None:
            raise PermanentError(
                f"step {task.step_id} ({task.task}) works on an engagement's books; start the run with an engagement folder"
            )
        path = Path(task.engagement_folder).resolve()
        try:
            folder = self._folders().get(path)
        except InputError:
            _refuse_unreadable(task, path)
            raise
        _refuse_other_books(task, path, folder.books.sha256)
        return folder

    def _folders(self) -> "FolderCache":
        from prisma_assets.agents.embedded.folder_cache import FolderCache
        from prisma_assets.engagement.folder import read_engagement

        with self._lock:
            if self._cache is None:
                self._cache = FolderCache(partial(read_engagement, progress=beat))
            return self._cache


def _by_version(card: AgentCard, task: AgentTask) -> AgentTask:
    """The task with what the agent's version sets and the procedure reads."""
    read = assignments()[task.task].parameters if task.task in assignments() else {}
    said = {name: value for name, value in card.parameters.items() if name in read}
    return replace(task, parameters={**task.parameters, **said}) if said else task


def _step_function(task: str) -> "Callable[[StepWork], StepResult]":
    known = assignments()
    assignment = known.get(task)
    if assignment is None:
        raise PermanentError(f'no embedded procedure is called "{task}"; known: {", ".join(known)}')
    module, _, function = assignment.function.partition(":")
    step: Callable[[Any], Any] = getattr(import_module(f"{_PACKAGE}.{module}"), function)
    return step


def _refuse_unreadable(task: AgentTask, folder: Path) -> None:
    """Say that the books changed, when that is why they no longer read."""
    from prisma_assets.engagement.facts import books_sha256

    if task.books_sha256 is not None:
        _refuse_other_books(task, folder, books_sha256(folder))


def _refuse_other_books(task: AgentTask, folder: Path, found: str) -> None:
    if task.books_sha256 is not None and found != task.books_sha256:
        raise PermanentError(
            f"the books in {folder} changed since the run began (hash {found[:12]}, the run began on "
            f"{task.books_sha256[:12]}); put the original files back and resume, or start a new run on the changed books"
        )
