"""What commands that need the database share: a running server, migrated, and the workflow store on it."""

import asyncio
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from functools import lru_cache
from typing import TypeVar

from prisma_assets.agents.cards import firm_cards
from prisma_assets.agents.registry import AgentRegistry
from prisma_assets.domain.errors import InputError
from prisma_assets.engine.library import TemplateLibrary, product_library
from prisma_assets.settings import Settings
from prisma_assets.store.database import Database, DatabaseUnavailableError, NotMigratedError
from prisma_assets.store.migrate import migrate
from prisma_assets.store.pinning import RunningVersion, running_versions
from prisma_assets.store.server import ServerUrls, is_running, running_server
from prisma_assets.store.workflow import WorkflowStore
from prisma_assets.store.workflow_record import Execution

Answer = TypeVar("Answer")


@contextmanager
def migrated_server(settings: Settings) -> Iterator[ServerUrls]:
    """The server, started if need be, with this version's tables."""
    with running_server(settings) as urls:
        migrate(urls.prisma)
        yield urls


def ask(urls: ServerUrls, question: Callable[[WorkflowStore], Awaitable[Answer]]) -> Answer:
    """Put one question to the workflow store, on connections of its own."""

    async def _ask() -> Answer:
        async with Database(urls.prisma, max_size=2) as database:
            return await question(WorkflowStore(database=database))

    return asyncio.run(_ask())


async def known(store: WorkflowStore, execution_id: str) -> Execution:
    """The execution of that id.

    Raises:
        InputError: There is none.
    """
    execution = await store.execution(execution_id)
    if execution is None:
        recent = [e.id for e in await store.recent(3)]
        hint = f"the latest are {', '.join(recent)}" if recent else "there is none yet"
        raise InputError(f"no execution has the id {execution_id}; {hint}")
    return execution


@lru_cache(maxsize=1)
def firm() -> AgentRegistry:
    """The firm's agents."""
    return AgentRegistry(firm_cards())


def library(settings: Settings) -> TemplateLibrary:
    """The templates that ship and those of `PRISMA_TEMPLATES`."""
    return product_library(settings, agents=firm().ids)


def versions_in_use(settings: Settings) -> list[RunningVersion] | None:
    """Contents of templates that executions which are not over work by; None when no database runs that could say."""
    if not is_running(settings):
        return None
    try:
        with running_server(settings) as urls:
            return ask(urls, lambda store: running_versions(store.database))
    except (DatabaseUnavailableError, NotMigratedError):
        return None
