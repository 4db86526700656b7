"""One whole stack for all tests of the web address, and ways to start others."""

import contextlib
import os
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

START_SECONDS = 90
STOP_SECONDS = 20


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
    def output(self) -> str:
        return self.home.with_suffix(".out").read_text(encoding="utf-8")

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
        return inherited | {"PRISMA_HOME": str(home)}

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
