"""The parts of the product in the order they need each other, and what the supervisor does while they run."""

import asyncio
import json
import os
import time
import urllib.error
import urllib.request
from collections.abc import Callable
from contextlib import ExitStack
from datetime import UTC, datetime

from prisma_assets.domain.errors import PrismaError
from prisma_assets.platform import run_server
from prisma_assets.platform.account import sign_in_link
from prisma_assets.settings import Settings
from prisma_assets.store.database import Database
from prisma_assets.store.migrate import migrate
from prisma_assets.store.server import ServerUrls, revive, running_server
from prisma_assets.supervisor import child, code_server, daemon
from prisma_assets.supervisor.display import Display
from prisma_assets.supervisor.interrupt import Interrupts
from prisma_assets.supervisor.lock import web_address
from prisma_assets.supervisor.nursery import Child, Nursery
from prisma_assets.supervisor.port import HOST
from prisma_assets.supervisor.sample import SampleEngagement
from prisma_assets.web import server as web
from prisma_assets.web.sign_in import Door
from resources import code_location
from resources.dagster_home import URL_VARIABLE, write_dagster_home
from resources.run_socket import code_socket, runs_socket

START_SECONDS = 180.0
"""How long a part may take to answer. Quiet machines need 5 s; a busy one has been seen to need 60 s."""

TICK_SECONDS = 0.2

_SAMPLE_STAGE = "Auditing the sample engagement"


class Stack:
    """Everything behind one web address."""

    def __init__(
        self, settings: Settings, port: int, display: Display, interrupts: Interrupts
    ) -> None:
        self._settings = settings
        self._port = port
        self._display = display
        self._interrupts = interrupts
        self._sample = SampleEngagement(settings)

    def run(self, *, sample: bool) -> None:
        """Start the parts, do the sample if it is due, watch until interrupted, stop the parts.

        Raises:
            KeyboardInterrupt: it was asked to stop, and has.
            PrismaError: a part did not start, or keeps failing.
        """
        self._display.say(f"Prisma Assets keeps its data in {self._settings.home}")
        with ExitStack() as stack:
            with self._display.stages():
                with self._display.stage("Starting PostgreSQL"):
                    urls = stack.enter_context(running_server(self._settings))
                stack.callback(self._interrupts.hold)
                with self._display.stage("Bringing the database up to date"):
                    migrate(urls.prisma)
                due = sample and self._sample_is_due(urls)
                nursery = self._nursery(urls, stack)
                self._start_parts(nursery, urls)
                if due and not self._sample.is_written():
                    self._write_sample(nursery)
            self._display.say(f"Ready at {self._address}  (Ctrl-C stops it)")
            self._tell_of_sign_in()
            if due and self._sample.is_written():
                self._audit_sample(nursery)
            else:
                self._recall_sample()
            self._watch(nursery, until=lambda: False)

    @property
    def _address(self) -> str:
        return web_address(self._port)

    def _tell_of_sign_in(self) -> None:
        if self._settings.public_url is None:
            link = sign_in_link(self._address, self._settings.home)
            self._display.say(f"Sign in with {link}  (yours alone: it opens everything)")
        else:
            self._display.say(f"Others reach it as {self._settings.public_url}")

    def _sample_is_due(self, urls: ServerUrls) -> bool:
        """A sample is for those who have nothing yet; one that was interrupted is due again."""

        async def empty() -> bool:
            async with Database(urls.prisma, max_size=1) as database:
                [row] = await database.fetch("any_execution")
            return not row["found"]

        if self._sample.audited():
            return False
        return self._sample.is_written() or asyncio.run(empty())

    def _nursery(self, urls: ServerUrls, stack: ExitStack) -> Nursery:
        os.environ.update(
            {
                "PRISMA_HOME": str(self._settings.home),
                "DATABASE_URL": urls.prisma,
                URL_VARIABLE: urls.dagster,
                "DAGSTER_HOME": str(write_dagster_home(self._settings.home)),
            }
        )
        nursery = Nursery(self._settings.home / "logs", warm=self._settings.warm)
        stack.callback(nursery.stop, hurry=self._interrupts.hurry)
        stack.callback(self._interrupts.hold)
        return nursery

    def _start_parts(self, nursery: Nursery, urls: ServerUrls) -> None:
        socket = str(code_socket(self._settings.home))
        runs = str(runs_socket(self._settings.home))
        with self._display.stage("Loading the workflows"):
            parts = [nursery.start("code server", code_server.serve, socket)]
            parts.append(
                nursery.start("run server", run_server.serve, runs, warm=self._settings.warm)
            )
            parts.append(
                nursery.start(
                    "daemon",
                    daemon.serve,
                    socket,
                    runs,
                    start_seconds=START_SECONDS,
                    supervised_since=datetime.now(UTC),
                )
            )
            parts.append(
                nursery.start(
                    "web server",
                    web.serve,
                    host=HOST,
                    entrance=web.Entrance(
                        Door(port=self._port, public_url=self._settings.public_url),
                        self._settings.home,
                        self._settings.oidc,
                    ),
                    socket_path=socket,
                    database_url=urls.prisma,
                    start_seconds=START_SECONDS,
                )
            )
            self._wait(parts, "code server", lambda: code_location.answers(socket))
        with self._display.stage("Starting the web address"):
            self._wait(parts, "web server", lambda: _healthy(self._address))

    def _wait(self, parts: list[Child], name: str, ready: Callable[[], bool]) -> None:
        """Wait for a part; another that ends meanwhile is an error too, for a start is no time for restarts."""
        deadline = time.monotonic() + START_SECONDS
        while not ready():
            ended = next((part for part in parts if part.exit_code is not None), None)
            if ended:
                raise PrismaError(
                    f"The {ended.name} could not start; its log {ended.log} ends with:\n{ended.last_lines()}"
                )
            if time.monotonic() > deadline:
                part = next(part for part in parts if part.name == name)
                raise PrismaError(
                    f"The {name} did not answer within {START_SECONDS:.0f} s; its log {part.log} ends with:\n{part.last_lines()}"
                )
            time.sleep(TICK_SECONDS / 2)

    def _write_sample(self, nursery: Nursery) -> None:
        with self._display.stage("Writing the sample engagement"):
            writer = nursery.run(
                "sample", child.command, self._sample.write_command(), self._sample.answer
            )
            self._watch(nursery, until=lambda: writer.exit_code is not None)
        if writer.exit_code == 0:
            self._sample.put_in_place()
        else:
            self._tell_of_sample("The sample engagement could not be written", writer)

    def _tell_of_sample(self, what: str, doer: Child) -> None:
        """The product is up and useful without its sample, so what went wrong with it does not end it."""
        self._display.say(f"{what}; {doer.log} ends with:\n{doer.last_lines()}")

    def _audit_sample(self, nursery: Nursery) -> None:
        with self._display.stages(), self._display.stage(_SAMPLE_STAGE):
            auditor = nursery.run(
                "sample audit", child.command, self._sample.audit_command(), self._sample.answer
            )
            self._watch(nursery, until=lambda: auditor.exit_code is not None)
        try:
            audit = self._sample.finish()
        except (ValueError, LookupError, TypeError):
            self._tell_of_sample("The audit of the sample did not finish", auditor)
            return
        for line in audit.sentences(self._address):
            self._display.say(line)

    def _recall_sample(self) -> None:
        audit = self._sample.audited()
        if audit:
            self._display.say("From an earlier start:")
            for line in audit.sentences(self._address):
                self._display.say(line)

    def _watch(self, nursery: Nursery, *, until: Callable[[], bool]) -> None:
        while not until():
            if event := nursery.watch():
                self._display.say(event)
            if revive(self._settings):
                self._display.say("The database stopped unexpectedly and was started again.")
            time.sleep(TICK_SECONDS)


def _healthy(address: str) -> bool:
    try:
        with urllib.request.urlopen(f"{address}/healthz", timeout=10) as answer:  # noqa: S310 - our own address
            return bool(json.load(answer)["status"] == "ok")
    except (urllib.error.URLError, OSError, ValueError):
        return False
