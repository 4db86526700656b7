"""One whole stack for all tests of the web address, and ways to start others."""

import contextlib
import os
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from starlette.routing import Mount
from starlette.testclient import TestClient

from prisma_assets.agents.registry import AgentRegistry
from prisma_assets.domain.guardrails.visitor import Visitor
from prisma_assets.platform.workflow import WorkflowEngine
from prisma_assets.settings import Settings
from prisma_assets.store.event_bus import EventBus
from prisma_assets.web.api import PREFIX, create_api
from prisma_assets.web.app import create_app
from prisma_assets.web.session import SCOPE_KEY
from tests.web.visiting import OWNER

START_SECONDS = 90
STOP_SECONDS = 20


def templates_of(home: Path) -> Path:
    return home.with_name("templates")


def numbers(name: str, *, value: int = 1) -> str:
    """A template whose three steps take no time and need no engagement; the last waits for a sign-off when asked to."""
    return f"""
name: {name}
title: Numbers
version: '{value}'
description: Computes.
inputs:
  amount: {{type: integer, description: A number., default: {value}}}
  is_signed: {{type: boolean, description: Whether a person looks., default: false}}
steps:
  - {{id: n1, name: begin, title: Begin, objective: Begin., compute: {{value: inputs.amount}}}}
  - {{id: n2, name: double_it, title: Double, objective: Double., after: [n1], compute: {{value: steps.n1.value * 2}}}}
  - id: n3
    name: finish
    title: Finish
    objective: Finish.
    after: [n2]
    compute: {{value: steps.n2.value + {value}}}
    sign_off: {{kind: REVIEW, when: inputs.is_signed, roles: [{{role: MANAGER}}]}}
"""


@dataclass
class StackUnderTest:
    """A `prisma-assets up` in its own process."""

    home: Path
    port: int
    process: subprocess.Popen[bytes]

    @property
    def address(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    @property
    def key(self) -> str:
        """What signs the owner of the data folder in, as a token and in a link."""
        return (self.home / "sign-in.key").read_text(encoding="ascii")

    @property
    def headers(self) -> dict[str, str]:
        """What a program of the owner sends along."""
        return {"Authorization": f"Bearer {self.key}"}

    @property
    def link(self) -> str:
        """What signs the owner's browser in."""
        return f"{self.address}/sign-in?key={self.key}"

    @property
    def templates(self) -> Path:
        """Folder of the firm's own templates."""
        return templates_of(self.home)

    @property
    def output(self) -> str:
        return self.home.with_suffix(".out").read_text(encoding="utf-8")

    def processes(self) -> dict[int, str]:
        """Living processes of this stack by the name `ps` shows."""
        return Stacks().processes_of(self.home)

    def wait_until_ready(self) -> None:
        deadline = time.monotonic() + START_SECONDS
        while "Ready at" not in self.output:
            assert self.process.poll() is None, self.output
            assert time.monotonic() < deadline, self.output
            time.sleep(0.1)

    def stop(self) -> None:
        self.process.send_signal(signal.SIGTERM)
        self.process.wait(STOP_SECONDS)


class Stacks:
    """Starts stacks and commands as a person would, and looks at what they leave."""

    def start(self, home: Path, *options: str, port: int | None = None) -> StackUnderTest:
        chosen = port or self.free_port()
        arguments = ["up", "--port", str(chosen), "--no-sample", *options]
        templates_of(home).mkdir(exist_ok=True)
        (templates_of(home) / "numbers.yaml").write_text(numbers("numbers"), encoding="utf-8")
        with home.with_suffix(".out").open("wb") as output:
            process = subprocess.Popen(
                [sys.executable, "-m", "prisma_assets.cli", *arguments],
                env=self.environment(home), stdout=output, stderr=subprocess.STDOUT, start_new_session=True,
            )  # fmt: skip
        return StackUnderTest(home, chosen, process)

    def command(self, home: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [sys.executable, "-m", "prisma_assets.cli", *arguments],
            env=self.environment(home), capture_output=True, text=True, timeout=60, check=False,
        )  # fmt: skip

    def environment(self, home: Path) -> dict[str, str]:
        ours = ("PRISMA_", "DAGSTER_", "DATABASE_URL")
        inherited = {k: v for k, v in os.environ.items() if not k.startswith(ours)}
        own = templates_of(home)
        templates = {"PRISMA_TEMPLATES": str(own)} if own.is_dir() else {}
        return inherited | {"PRISMA_HOME": str(home), **templates}

    def free_port(self) -> int:
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            return int(probe.getsockname()[1])

    def processes_of(self, home: Path) -> dict[int, str]:
        """Living processes that name the data folder on their command line or in their environment, with their names."""
        found = {}
        for folder in Path("/proc").glob("[0-9]*"):
            with contextlib.suppress(OSError):
                text = (folder / "cmdline").read_bytes() + (folder / "environ").read_bytes()
                if os.fsencode(home) in text:  # A zombie has neither.
                    found[int(folder.name)] = (folder / "comm").read_text().strip()
        return found

    def left_after(self, home: Path, seconds: float, *, database: bool = True) -> dict[int, str]:
        """What is left of those processes, with or without the database's, after waiting for them to end."""
        deadline = time.monotonic() + seconds
        while True:
            found = self.processes_of(home).items()
            left = {pid: name for pid, name in found if database or name != "postgres"}
            if not left or time.monotonic() > deadline:
                return left
            time.sleep(0.1)


@pytest.fixture(scope="session")
def stacks() -> Stacks:
    return Stacks()


@pytest.fixture(scope="session", name="numbers")
def numbers_fixture() -> Callable[..., str]:
    return numbers


@pytest.fixture
def home() -> Iterator[Path]:
    """A data folder that does not exist yet."""
    with _new_home() as folder:
        yield folder


@pytest.fixture(scope="session")
def stack(stacks: Stacks) -> Iterator[StackUnderTest]:
    """One stack for every test that only looks."""
    with _new_home() as folder:
        started = stacks.start(folder)
        try:
            started.wait_until_ready()
            yield started
        finally:
            started.stop()


@contextlib.contextmanager
def _new_home() -> Iterator[Path]:
    # Not pytest's own temporary folder: it is closed to the account the database runs as when root tests.
    with tempfile.TemporaryDirectory(prefix="prisma-web-") as parent:
        yield Path(parent) / "home"


@pytest.fixture
def asking(database_url, tmp_path):
    """The API without a stack round it, for whoever asks."""
    settings = Settings(home=tmp_path, database_url=database_url)
    engine = WorkflowEngine(AgentRegistry(), EventBus(), settings=settings, starts_runs=False)
    who = [OWNER]

    async def dagster(*_: Any) -> None:
        raise AssertionError

    app = create_app(
        dagster=dagster,
        checks={},
        pages=[Mount(PREFIX, create_api(engine, AgentRegistry()))],
        at_end=engine.aclose,
    )

    async def signed_in(scope: Any, receive: Any, send: Any) -> None:
        await app({**scope, SCOPE_KEY: who[0]}, receive, send)

    address = f"http://127.0.0.1{PREFIX}/"
    with TestClient(signed_in, base_url=address, raise_server_exceptions=False) as client:

        def asking(visitor: Visitor) -> TestClient:
            who[0] = visitor
            return client

        yield asking
