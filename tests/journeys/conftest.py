"""The command as people use it: its own process for whole audits, in this process for mistakes."""

import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any
from urllib.parse import urlsplit

import psycopg
import pytest

from prisma_assets import cli
from prisma_assets.engagement.sample.write import SampleSummary, write_sample
from prisma_assets.settings import Settings
from prisma_assets.store.migrate import migrate
from prisma_assets.store.server import running_server

LINES = 8_000
"""Enough for every planted kind, small enough to be read in half a second."""

COMMAND = Path(sys.executable).with_name("prisma-assets")


@dataclass(frozen=True, kw_only=True)
class Said:
    """How a command ended."""

    code: int
    out: str
    err: str

    @property
    def answer(self) -> dict[str, Any]:
        """The one JSON object on standard output."""
        return json.loads(self.out)

    @property
    def sentence(self) -> str:
        """What went wrong: the last line of standard error; before it may stand warnings about the books."""
        return (self.err.strip().splitlines() or [""])[-1]


@dataclass(frozen=True, kw_only=True)
class Office:
    """One data folder whose database runs, and the command on it."""

    home: Path
    database_url: str

    def start(
        self,
        *arguments: object,
        environ: Mapping[str, str] | None = None,
        stdout: IO[str] | int = subprocess.PIPE,
    ) -> subprocess.Popen[str]:
        """The command under way, in a process of its own."""
        return subprocess.Popen(
            [COMMAND, *map(str, arguments)],
            stdout=stdout,
            stderr=subprocess.PIPE,
            text=True,
            env={**_bare_environment(), "PRISMA_HOME": str(self.home), **(environ or {})},
            cwd=self.home,
        )

    def command(self, *arguments: object, environ: Mapping[str, str] | None = None) -> Said:
        """The command, to its end."""
        return ended(self.start(*arguments, environ=environ))

    def answer(self, *arguments: object) -> dict[str, Any]:
        """What the command answers as JSON; it must have succeeded."""
        said = self.command(*arguments, "--json")
        assert said.code == 0, said.err
        return said.answer

    def both(self, *commands: Sequence[object]) -> list[Said]:
        """Commands at once, each to its end."""
        return [ended(process) for process in [self.start(*c) for c in commands]]

    def ask(self, query: str, *params: object) -> list[tuple[Any, ...]]:
        """Look into the database."""
        with psycopg.connect(self.database_url) as connection:
            return connection.execute(query, params).fetchall()


def ended(process: subprocess.Popen[str]) -> Said:
    """Wait for a command and keep what it said."""
    out, err = process.communicate(timeout=100)
    return Said(code=process.returncode, out=out, err=err)


@pytest.fixture(scope="session")
def sample() -> Iterator[SampleSummary]:
    """The sample engagement, written once; copy it before changing it."""
    with tempfile.TemporaryDirectory(prefix="prisma-sample-") as folder:
        yield write_sample(Path(folder) / "sample", lines=LINES)


@pytest.fixture
def books(sample, tmp_path) -> Path:
    """A copy of the sample's folder to be spoilt."""
    return Path(shutil.copytree(sample.folder, tmp_path / "books"))


@pytest.fixture(scope="session")
def office() -> Iterator[Office]:
    """One data folder for the session; holding its server up spares each command a start of the database."""
    with (
        tempfile.TemporaryDirectory(prefix="prisma-office-") as folder,
        running_server(Settings(home=Path(folder))) as urls,
    ):
        migrate(urls.prisma)
        yield Office(home=Path(folder), database_url=urls.prisma)


@pytest.fixture(scope="session")
def empty_office_url(server) -> str:
    """A migrated database in which no mistake may leave anything."""
    with psycopg.connect(server.prisma, autocommit=True) as connection:
        connection.execute("create database mistakes")
    url = urlsplit(server.prisma)._replace(path="/mistakes").geturl()
    migrate(url)
    return url


@pytest.fixture
def mistake(empty_office_url, tmp_path, monkeypatch, capfd) -> Iterator[Callable[..., Said]]:
    """The command in this process; afterwards nothing may be stored."""
    monkeypatch.chdir(tmp_path)
    for name in set(os.environ) - set(_bare_environment()):
        monkeypatch.delenv(name)
    monkeypatch.setenv("PRISMA_HOME", str(tmp_path / "home"))
    monkeypatch.setenv("DATABASE_URL", empty_office_url)
    handlers = {n: signal.getsignal(n) for n in (signal.SIGTERM, signal.SIGHUP)}

    def run(*arguments: object) -> Said:
        monkeypatch.setattr(sys, "argv", ["prisma-assets", *map(str, arguments)])
        with pytest.raises(SystemExit) as exit_:
            cli.main()
        out, err = capfd.readouterr()
        return Said(code=int(exit_.value.code or 0), out=out, err=err)

    yield run
    for number, handler in handlers.items():
        signal.signal(number, handler)
    with psycopg.connect(empty_office_url) as connection:
        rows = connection.execute("select status from workflow_executions").fetchall()
    assert rows == []


def _bare_environment() -> dict[str, str]:
    ours = ("PRISMA_", "DATABASE_URL", "DAGSTER_")
    return {name: value for name, value in os.environ.items() if not name.startswith(ours)}
