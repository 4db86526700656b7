"""What assets of the learning loop need: the product's database, opened for one piece of work and closed after it."""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import TypeVar

import dagster as dg

from prisma_assets.store.database import Database

LEARNING_DATABASE = "learning_database"
"""Key of the resource."""
FIRM = "firm"
"""Key of the resource that says whose agents are improved and what does their work (`agents.firm.Firm`)."""

_CONNECTIONS = 2
"""A use case asks one thing at a time; the second is for what it writes of its own accord, such as an alert."""

Answer = TypeVar("Answer")


@dataclass(frozen=True)
class LearningDatabase:
    """The database `DATABASE_URL` names when the run starts."""

    url: str

    def run(self, work: Callable[[Database], Awaitable[Answer]]) -> Answer:
        """Do a use case in an event loop of its own, with a database that is open as long as it lasts."""

        async def opened() -> Answer:
            async with Database(self.url, max_size=_CONNECTIONS) as database:
                return await work(database)

        return asyncio.run(opened())


def learning_database() -> dg.ResourceDefinition:
    """The resource; the address is read when a run starts."""

    @dg.resource(
        config_schema={"url": dg.StringSource},
        description="The product's database, as assets of the learning loop use it.",
    )
    def database(context: dg.InitResourceContext) -> LearningDatabase:
        return LearningDatabase(url=str(context.resource_config["url"]))

    return database.configured({"url": {"env": "DATABASE_URL"}})
