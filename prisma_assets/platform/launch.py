"""Has runs done by processes that are ready: the product's where it is up, else those of a run server of our own."""

import asyncio
import contextlib
import json
import os
import subprocess
import sys
import tempfile
import time
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path

from prisma_assets.domain.errors import PrismaError
from prisma_assets.platform.local import EndedRun
from prisma_assets.settings import Settings
from prisma_assets.store.server import ServerUrls
from resources.dagster_home import URL_VARIABLE, write_dagster_home
from resources.run_socket import (
    MOST_BYTES,
    RunOrder,
    RunsUnavailableError,
    is_there,
    runs_socket,
    taken,
)

START_SECONDS = 60.0
"""A run server of our own imports for 4 s on a quiet machine; a busy one has been seen to need 20 s."""

STOP_SECONDS = 6.0
"""How long our own run server gets to cancel what it does (run_server.STOP_SECONDS) before it is killed."""

_LOOK_SECONDS = 0.05


@dataclass(kw_only=True)
class RunLauncher:
    """Orders runs for one data folder; `held` closes what it started."""

    settings: Settings
    urls: ServerUrls
    held: ExitStack
    starts_own: bool = True
    """Whether to start a run server when the product has none; its own web server must not."""
    _own: str | None = None
    """Socket of our own run server, once there is one."""
    _starting: asyncio.Lock = field(default_factory=asyncio.Lock)

    async def start(self, order: RunOrder) -> str:
        """Have a run done and do not wait for its end; gives its id.

        Raises:
            RunsUnavailableError: Nobody could take it.
        """
        reader, writer = await self._ordered(order)
        try:
            return taken(await reader.readline())
        finally:
            await _closed(writer)

    async def run(self, order: RunOrder) -> EndedRun:
        """Have a run done and wait for its end; who stops waiting does not stop the run.

        Raises:
            RunsUnavailableError: Nobody could take it.
        """
        reader, writer = await self._ordered(order)
        try:
            run_id = taken(await reader.readline())
            line = await reader.readline()
        finally:
            await _closed(writer)
        if not line.endswith(b"\n"):
            return EndedRun(run_id=run_id, failure="the process of the run died")
        return EndedRun(run_id=run_id, failure=json.loads(line)["failure"])

    async def _ordered(self, order: RunOrder) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        if self._own is None:
            with contextlib.suppress(OSError):
                return await _sent(str(runs_socket(self.settings.home)), order)
        if not self.starts_own:
            raise RunsUnavailableError("the process that starts runs is restarting; try again")
        async with self._starting:
            if self._own is None:
                self._own = await self._start_own()
        try:
            return await _sent(self._own, order)
        except OSError as error:
            raise RunsUnavailableError(
                f"the process that starts runs has ended; its log is {self._log}"
            ) from error

    @property
    def _log(self) -> Path:
        return self.settings.home / "logs" / "own_run_server.log"

    async def _start_own(self) -> str:
        # A folder of its own: the product may come up later and listen at its place.
        folder = self.held.enter_context(tempfile.TemporaryDirectory(prefix="prisma-runs-"))
        path = str(Path(folder) / "runs.sock")
        server = self._server(path)
        deadline = time.monotonic() + START_SECONDS
        while not is_there(path):
            if server.poll() is not None or time.monotonic() > deadline:
                raise PrismaError(f"runs cannot be started; {self._log} says why")
            await asyncio.sleep(_LOOK_SECONDS)
        return path

    def _server(self, path: str) -> "subprocess.Popen[bytes]":
        self._log.parent.mkdir(parents=True, exist_ok=True)
        with self._log.open("ab") as log:
            # It ends when its standard input does, however we end.
            server = subprocess.Popen(  # noqa: S603 - our own Python
                [sys.executable, "-m", "prisma_assets.platform.run_server", path],
                stdin=subprocess.PIPE,
                stdout=log,
                stderr=log,
                env={**os.environ, **self._environment()},
            )
        self.held.callback(_stop, server)
        return server

    def _environment(self) -> dict[str, str]:
        folder = write_dagster_home(self.settings.home)
        templates = self.settings.templates
        return {
            "PRISMA_HOME": str(self.settings.home),
            "DATABASE_URL": self.urls.prisma,
            URL_VARIABLE: self.urls.dagster,
            "DAGSTER_HOME": str(folder),
            "PRISMA_TEMPLATES": str(templates) if templates is not None else "",
        }


async def _sent(path: str, order: RunOrder) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
    reader, writer = await asyncio.open_unix_connection(path, limit=MOST_BYTES)
    writer.write(order.line())
    await writer.drain()
    return reader, writer


async def _closed(writer: asyncio.StreamWriter) -> None:
    writer.close()
    with contextlib.suppress(OSError):
        await writer.wait_closed()


def _stop(server: "subprocess.Popen[bytes]") -> None:
    if server.stdin is not None:
        server.stdin.close()
    try:
        server.wait(STOP_SECONDS)
    except subprocess.TimeoutExpired:
        server.kill()
        server.wait()
