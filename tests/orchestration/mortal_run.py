"""A run in a process that is killed: before or after the n-th statement it sends to our tables, or whenever a test likes.

Its agent pays a model service that keeps its own books on disk, by idempotency key, as the services of the outside world do.
"""

import asyncio
import os
import signal
from collections.abc import Callable, Mapping
from functools import wraps
from pathlib import Path
from typing import Any

import dagster as dg

from prisma_assets.agents.contract import AgentTask
from prisma_assets.domain.workflow.template import Template
from prisma_assets.store.database import Database, Transaction
from tests.orchestration.conftest import Firm, ScriptedAgent, work_on


class ModelService:
    """Answers a key once for money and again for nothing; remembers every request."""

    def __init__(self, books: Path) -> None:
        self.books = books

    async def ask(self, task: AgentTask) -> dict[str, Any]:
        """One request; takes a moment, so that a kill can fall into it."""
        self._note("asked", task)
        await asyncio.sleep(0.02)
        paid = self.books / "paid"
        paid.mkdir(parents=True, exist_ok=True)
        try:
            (paid / task.call_id.replace(":", "_")).touch(exist_ok=False)
        except FileExistsError:
            self._note("again", task)
        await asyncio.sleep(0.01)
        return {"places": ["MT", "RW"]} if task.step_id == "s01" else {"done": task.step_id}

    def _note(self, what: str, task: AgentTask) -> None:
        with (self.books / what).open("a") as file:
            file.write(f"{task.call_id}\n")

    def lines(self, what: str) -> list[str]:
        """Call ids of every request of that kind, in order."""
        path = self.books / what
        return path.read_text().splitlines() if path.exists() else []

    def paid(self) -> set[str]:
        """Call ids paid for."""
        return {path.name for path in (self.books / "paid").glob("*")}


def firm_of(
    instance: dg.DagsterInstance, url: str, template: Mapping[str, Any], books: Path
) -> Firm:
    """A firm whose every step asks the model service."""
    service = ModelService(books)
    parsed = Template.model_validate(template)
    agent = ScriptedAgent(answers={step.id: service.ask for step in parsed.steps})
    return Firm(instance=instance, url=url, template=parsed, agent=agent)


def run(
    databases: tuple[str, str],
    home: str,
    template: Mapping[str, Any],
    execution_id: str,
    books: str,
    mortal: bool,
) -> None:
    """One run of the execution; a mortal one dies at the first boundary at which no run has died yet."""
    work_on(*databases)
    if mortal:
        boundaries = Boundaries(Path(books) / "boundaries")
        for owner, name in (
            (Database, "fetch"),
            (Database, "execute"),
            (Database, "grouped"),
            (Transaction, "fetch"),
            (Transaction, "execute"),
        ):
            setattr(owner, name, boundaries.around(getattr(owner, name)))
    with dg.DagsterInstance.from_config(home) as instance:
        firm_of(instance, databases[0], template, Path(books)).run(execution_id)


_ABOUT = ("workflow_execution_id", "step_execution_id", "step_id", "map_key", "call_id")


class Boundaries:
    """Before and after every statement sent to our tables, told apart by what the statement is about."""

    def __init__(self, file: Path) -> None:
        self.file = file
        self.seen = set(file.read_text().splitlines()) if file.exists() else set()

    def around(self, statement: Callable[..., Any]) -> Callable[..., Any]:
        """The statement with a chance to die on either side of it."""

        @wraps(statement)
        async def mortal(
            place: object, name: str, params: Mapping[str, Any] | None = None, **kwargs: Any
        ) -> Any:
            about = " ".join(str((params or {}).get(key, "")) for key in _ABOUT)
            self._pass(f"before {name} {about}")
            answer = await statement(place, name, params, **kwargs)
            self._pass(f"after {name} {about}")
            return answer

        return mortal

    def _pass(self, boundary: str) -> None:
        if boundary in self.seen:
            return
        with self.file.open("a") as file:
            file.write(f"{boundary}\n")
            file.flush()
            os.fsync(file.fileno())
        os.kill(os.getpid(), signal.SIGKILL)
