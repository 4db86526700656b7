"""Whatever is killed, whenever: the execution completes, nothing done is done again, no call is paid twice, no step is lost."""

import contextlib
import multiprocessing
import os
import random
import signal
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import dagster as dg
import psycopg
import pytest

from prisma_assets.settings import Settings
from prisma_assets.store.embedded import EmbeddedServer
from prisma_assets.store.embedded_postmaster import living_postmaster
from prisma_assets.store.migrate import migrate
from prisma_assets.store.server import dagster_url, running_server
from resources.dagster_home import URL_VARIABLE, write_dagster_home
from resources.dagster_storage import PooledPostgresStorage
from tests.orchestration import mortal_run
from tests.orchestration.mortal_run import ModelService, firm_of

pytestmark = [pytest.mark.slow, pytest.mark.timeout(600)]

RANDOM_KILLS = 30
DATABASE_KILLS = 8
SEED = 20261122


def step(number: int, *after: int, **extra: Any) -> dict[str, Any]:
    return {
        "id": f"s{number:02d}", "name": f"do_{number}", "title": f"Step {number}", "objective": "Tested.",
        "agent": "audit-plan-012", "after": [f"s{a:02d}" for a in after], **extra,
    }  # fmt: skip


def fourteen() -> dict[str, Any]:
    """14 steps with all that matters to a crash: parallel ones, a for-each, a repeat, a condition, a step computed."""
    steps = [
        step(1),
        step(2, 1),
        step(3, 1, for_each={"items": "steps.s01.places"}),
        step(4, 1, repeat={"until": "output.done != ''", "max": 2}),
        step(5, 1, when="size(steps.s01.places) > 5"),
        step(6, 2, 3),
        step(7, 4, 5),
        step(8, 6),
        step(9, 7),
        step(10, 8, 9),
        step(11, 10),
        step(12, 10),
        step(13, 11, 12, join="any"),
        step(14, 12, 13),
    ]
    return {
        "name": "mortal", "title": "Mortal", "version": "1", "description": "Killed in every way.", "steps": steps,
    }  # fmt: skip


CALLS = 14 - 1 + 1  # s05 is skipped, s03 has two branches


@dataclass
class Mortal:
    """One execution, the processes that work on it, and the books of the service they pay."""

    home: str
    url: str
    books: Path
    instance: dg.DagsterInstance
    execution_id: str = ""
    kills: int = 0
    _done: dict[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.books.mkdir(parents=True)
        self.firm = firm_of(self.instance, self.url, fourteen(), self.books)
        self.execution_id = self.firm.open().id

    def start(self, *, mortal: bool = False) -> multiprocessing.process.BaseProcess:
        databases = (self.url, os.environ[URL_VARIABLE])
        process = CONTEXT.Process(
            target=mortal_run.run,
            args=(databases, self.home, fourteen(), self.execution_id, str(self.books), mortal),
        )
        process.start()
        return process

    def run(self, *, mortal: bool = False) -> int | None:
        """One run to its end, whichever; gives the exit code."""
        process = self.start(mortal=mortal)
        process.join(60)
        return process.exitcode

    def check_so_far(self) -> None:
        """What was done before the last kill is as it was."""
        rows = self._completed()
        for step_id, row in self._done.items():
            assert rows.get(step_id) == row, f"{step_id} was done again"
        self._done = rows

    def _completed(self) -> dict[str, Any]:
        with psycopg.connect(self.url) as connection:
            rows = connection.execute(
                "select step_id, map_key, attempt, started_at, completed_at, output_hash from workflow_step_executions "
                "where workflow_execution_id = %s and status = 'COMPLETED'",
                (self.execution_id,),
            ).fetchall()
        return {f"{r[0]}/{r[1]}": r[2:] for r in rows}

    def check_the_end(self) -> None:
        """Completed, each step once, each call paid once and never asked again once it was recorded."""
        self.check_so_far()
        execution = self.firm.execution(self.execution_id)
        assert execution.status == "COMPLETED", execution.error
        statuses = self.firm.statuses(self.execution_id)
        assert statuses.pop("s05") == "SKIPPED"
        assert set(statuses.values()) == {"COMPLETED"}
        assert len(statuses) == 13
        service = ModelService(self.books)
        assert len(service.paid()) == CALLS
        with psycopg.connect(self.url) as connection:
            recorded = connection.execute(
                "select count(*), count(distinct call_id) from agent_cost_tracking "
                "where workflow_execution_id = %s and outcome = 'ok'",
                (self.execution_id,),
            ).fetchone()
        assert recorded == (CALLS, CALLS)
        # A request is made again only when its process died before the answer was recorded: one per kill and open call.
        assert len(service.lines("asked")) <= CALLS + self.kills * 6


CONTEXT = multiprocessing.get_context("forkserver")
CONTEXT.set_forkserver_preload(["tests.orchestration.mortal_run"])


@pytest.fixture(scope="module")
def dagster_home(
    firm_url: str, instance: dg.DagsterInstance, tmp_path_factory: pytest.TempPathFactory
) -> str:
    """The same Dagster instance, for other processes."""
    assert os.environ["DATABASE_URL"] == firm_url
    return str(write_dagster_home(tmp_path_factory.mktemp("mortal")))


@pytest.fixture
def mortal(dagster_home, firm_url, instance, tmp_path) -> Mortal:
    return Mortal(home=dagster_home, url=firm_url, books=tmp_path / "books", instance=instance)


def test_an_execution_killed_at_every_boundary_of_its_fourteen_steps(mortal, record_property):
    """Before and after every statement about every step: each run dies at the first at which none has died yet."""
    while mortal.run(mortal=True) == -signal.SIGKILL:
        mortal.kills += 1
        mortal.check_so_far()
        assert mortal.kills < 1_000
    mortal.check_the_end()
    record_property("kills", mortal.kills)
    assert mortal.kills >= 14 * 5, (
        "too few boundaries: are statements still sent where they are counted?"
    )


def test_runs_killed_at_random_moments(dagster_home, firm_url, instance, tmp_path):
    """Between statements, in Dagster's own writes, while an agent works."""
    moments = random.Random(SEED)  # noqa: S311 - moments, not secrets
    kills = number = 0
    while kills < RANDOM_KILLS:
        number += 1
        trial = Mortal(
            home=dagster_home, url=firm_url, books=tmp_path / str(number), instance=instance
        )
        for _ in range(3):
            process = trial.start()
            process.join(moments.uniform(0.15, 1.2))
            if process.is_alive():
                process.kill()
                trial.kills += 1
            process.join()
            trial.check_so_far()
        if trial.firm.execution(trial.execution_id).status != "COMPLETED":
            assert trial.run() == 0
        trial.check_the_end()
        kills += trial.kills
        assert number < RANDOM_KILLS * 2


@pytest.fixture
def own_server() -> Iterator[tuple[Path, str]]:
    """A database server that may be killed, with our tables and Dagster's."""
    with (
        tempfile.TemporaryDirectory(prefix="prisma-mortal-") as folder,
        running_server(Settings(home=Path(folder))) as urls,
    ):
        migrate(urls.prisma)
        PooledPostgresStorage(dagster_url(urls.prisma)).event_log_storage.dispose()
        yield Path(folder), urls.prisma


def test_the_database_killed_in_the_middle_of_runs(own_server, tmp_path, monkeypatch):
    """The server comes back; what a run reported as done before is still there, and the execution completes."""
    home, url = own_server
    monkeypatch.setenv("DATABASE_URL", url)
    monkeypatch.setenv(URL_VARIABLE, dagster_url(url))
    dagster_home = str(write_dagster_home(tmp_path / "home"))
    moments = random.Random(SEED)  # noqa: S311 - moments, not secrets
    kills = 0
    while kills < DATABASE_KILLS:
        with dg.DagsterInstance.from_config(dagster_home) as instance:
            trial = Mortal(
                home=dagster_home, url=url, books=tmp_path / f"db{kills}", instance=instance
            )
            process = trial.start()
            process.join(moments.uniform(0.3, 0.9))
            postmaster = living_postmaster(home.resolve() / "postgres")
            assert postmaster is not None
            os.kill(postmaster.pid, signal.SIGKILL)
            kills += 1
            trial.kills += 1
            time.sleep(0.3)
            with EmbeddedServer(home).in_use():  # whoever uses it next starts it again
                _answers(url)
            process.join(20)
            if process.is_alive():
                process.kill()
                process.join()
            trial.check_so_far()
            if trial.firm.execution(trial.execution_id).status != "COMPLETED":
                assert trial.run() == 0
            trial.check_the_end()


def _answers(url: str) -> None:
    for _ in range(100):
        with contextlib.suppress(psycopg.OperationalError), psycopg.connect(url):
            return
        time.sleep(0.1)
    pytest.fail("the database did not come back")
