"""The product's database for the parts of the Python API that need no runs: opened by its first use, migrated, and let go."""

import asyncio
import weakref
from contextlib import ExitStack

from prisma_assets.settings import Settings
from prisma_assets.store.database import Database
from prisma_assets.store.migrate import migrate
from prisma_assets.store.server import running_server


class ProductDatabase:
    """One database of one event loop; close it, or leave that to the end of the program."""

    def __init__(self, settings: Settings | None = None) -> None:
        """Nothing starts before the first use; without settings those of the environment count."""
        self._settings = settings
        self._held = ExitStack()
        self._close = weakref.finalize(self, self._held.close)
        self._opening = asyncio.Lock()
        self._opened: Database | None = None

    async def opened(self) -> Database:
        """The database, with this version's tables."""
        async with self._opening:
            if self._opened is None:
                self._opened = Database(await asyncio.to_thread(self._start))
            return self._opened

    async def aclose(self) -> None:
        """Let go of the database."""
        opened, self._opened = self._opened, None
        if opened is not None:
            await opened.close()
        await asyncio.to_thread(self._close)

    def _start(self) -> str:
        settings = self._settings or Settings.from_environ()
        url = self._held.enter_context(running_server(settings)).prisma
        migrate(url)
        return url
