"""What orchestration costs: the same shapes in plain asyncio, as compiled templates, on Dagster's executors, on other engines.

Then wide fan-outs, and the two shapes in a database full of past runs.

    python -P benchmarks/orchestration.py [--runs 5] [--past 500] [--peer dbos=PYTHON] [--without-multiprocess]

Wall time from the call to finished, in a warm process, medians of interleaved runs, everything stored in PostgreSQL.
"""

import argparse
import asyncio
import os
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import dagster as dg
import numpy as np
from dagster._core.definitions.reconstruct import reconstructable
from dagster._core.execution.api import create_execution_plan, execute_run

sys.path.insert(0, str(Path(__file__).parent / "shapes"))
import orchestration_jobs as jobs
from peers import PEERS, parse_peer, running_peers

from prisma_assets.engine.opening import Opening, open_execution
from prisma_assets.settings import Settings
from prisma_assets.store.database import Database
from prisma_assets.store.migrate import migrate
from prisma_assets.store.server import running_server
from prisma_assets.store.workflow import WorkflowStore
from resources.dagster_home import URL_VARIABLE, write_dagster_home

QUIET = {"loggers": {"console": {"config": {"log_level": "CRITICAL"}}}}
SHAPES = ("dag", "chain")
LIMIT = "plain asyncio (the limit)"
OURS = "compiled template, durable"

Measured = dict[tuple[str, str], list[float]]


@dataclass(frozen=True)
class Firm:
    """A server of its own with our tables and Dagster's."""

    url: str
    instance: dg.DagsterInstance
    loop: asyncio.Runner
    """Where executions are opened; like the server's it stays, and with it the connections."""
    database: Database

    def run(self, name: str) -> None:
        """One execution as the product runs it: opened, worked on in this process, every step durable."""
        os.environ["DATABASE_URL"] = self.url
        job = reconstructable(getattr(jobs, f"product_{name}"))
        plan = create_execution_plan(job, run_config=QUIET)
        run = self.instance.create_run_for_job(
            job_def=job.get_definition(),
            execution_plan=plan,
            run_config=QUIET,
            tags={"prisma/execution_id": self._open(name), "prisma/started_by": "benchmark"},
            job_code_origin=job.get_python_origin(),
        )
        if not execute_run(job, run, self.instance).success:
            raise SystemExit(f"the compiled {name} failed")

    def bare(self, kind: str, name: str) -> None:
        """Bare ops on one of Dagster's own executors."""
        job = reconstructable(getattr(jobs, f"{kind}_{name}"))
        if not dg.execute_job(job, instance=self.instance, run_config=QUIET).success:
            raise SystemExit(f"{kind} {name} failed")

    def _open(self, name: str) -> str:
        opening = Opening(
            template=jobs.templates()[f"bench_{name}"],
            agents=jobs.registry(),
            inputs={},
            created_by="benchmark",
        )
        store = WorkflowStore(database=self.database)
        execution, _ = self.loop.run(open_execution(store, opening))
        return execution.id


@contextmanager
def running_firm() -> Iterator[Firm]:
    """An empty one."""
    with tempfile.TemporaryDirectory() as folder:
        settings = Settings(home=Path(folder), database_url=None)
        with running_server(settings) as urls:
            migrate(urls.prisma)
            os.environ[URL_VARIABLE] = urls.dagster
            database = Database(urls.prisma, max_size=2)
            with (
                dg.DagsterInstance.from_config(str(write_dagster_home(settings.home))) as instance,
                asyncio.Runner() as loop,
            ):
                yield Firm(urls.prisma, instance, loop, database)
                loop.run(database.close())


def plain_asyncio(name: str) -> None:
    """The limit: the same waits with nothing recorded."""

    async def go() -> None:
        done: dict[str, asyncio.Task[None]] = {}

        async def step(task: str, after: list[str]) -> None:
            for other in after:
                await done[other]
            await asyncio.sleep(jobs.WAIT_SECONDS if task == "wait" else 0)

        for step_id, task, after in jobs.shape(name):
            done[step_id] = asyncio.create_task(step(task, after))
        await asyncio.gather(*done.values())

    asyncio.run(go())


def measure(
    engines: Mapping[str, Callable[[str], None]], *, runs: int, shapes: tuple[str, ...] = SHAPES
) -> Measured:
    """Seconds per engine and shape; engines take turns, so that a busy minute hits all of them."""
    seconds: Measured = {}
    for run in range(runs + 1):
        for name in shapes:
            for engine, call in engines.items():
                began = time.perf_counter()
                call(name)
                if run:  # The first round warms up.
                    seconds.setdefault((engine, name), []).append(time.perf_counter() - began)
                print(".", end="", flush=True, file=sys.stderr)
    print(file=sys.stderr)
    return seconds


def compare(options: argparse.Namespace) -> None:
    """Every engine on the two shapes."""
    with running_firm() as firm, running_peers(dict(options.peer), firm.url) as peers:
        engines: dict[str, Callable[[str], None]] = {
            LIMIT: plain_asyncio,
            OURS: firm.run,
            **peers,
            "Dagster in-process executor": lambda name: firm.bare("in_process", name),
        }
        if not options.without_multiprocess:
            engines["Dagster multiprocess executor"] = lambda name: firm.bare("multiprocess", name)
        seconds = measure(engines, runs=options.runs)
    limit = np.median(seconds[LIMIT, "dag"])
    print(f"\nmedians of {options.runs} interleaved runs, seconds; 95 of 100 in brackets\n")
    print("| engine | DAG of 14 | x asyncio | chain of 14 |\n|---|---|---|---|")
    for engine in engines:
        dag, chain = (_figure(seconds[engine, name]) for name in SHAPES)
        ratio = np.median(seconds[engine, "dag"]) / limit
        print(f"| {engine} | {dag} | {ratio:.1f} | {chain} |")
    for name in PEERS.keys() - dict(options.peer).keys():
        print(f"| {PEERS[name]} | not installed | | |")


def fan_out(options: argparse.Namespace) -> None:
    """One for-each over many waits of 0.2 s, all at once."""
    shapes = tuple(f"fan_{width}" for width in jobs.FAN_OUTS)
    with running_firm() as firm:
        seconds = measure({OURS: firm.run}, runs=options.runs, shapes=shapes)
    print("\n| branches | s | ms per branch beyond the wait |\n|---|---|---|")
    for width, name in zip(jobs.FAN_OUTS, shapes, strict=True):
        took = np.median(seconds[OURS, name])
        print(f"| {width:,} | {took:.2f} | {(took - jobs.WAIT_SECONDS) / width * 1000:.1f} |")


def past_runs(options: argparse.Namespace) -> None:
    """The two shapes in an empty database and in one with many past runs, taking turns."""
    with running_firm() as old, running_firm() as new:
        for _ in range(options.past):
            old.run("chain")
        engines = {"empty": new.run, f"{options.past} past runs": old.run}
        seconds = measure(engines, runs=3 * options.runs)
    print("\n| database | DAG of 14 | chain of 14 |\n|---|---|---|")
    for engine in engines:
        print(f"| {engine} | " + " | ".join(_figure(seconds[engine, n]) for n in SHAPES) + " |")


def _figure(seconds: list[float]) -> str:
    # Every value of a small sample lies below its 95th percentile, so the largest stands for it.
    high = max(seconds) if len(seconds) < 20 else np.quantile(seconds, 0.95, method="weibull")
    return f"{np.median(seconds):.3f} ({high:.2f})"


def main() -> None:
    """Measure and print the tables."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--runs", type=int, default=5)
    parser.add_argument(
        "--past", type=int, default=0, help="past runs of the last table; 500 take minutes"
    )
    parser.add_argument(
        "--peer",
        type=parse_peer,
        action="append",
        default=[],
        help="NAME=PYTHON of an environment that has it",
    )
    parser.add_argument("--without-multiprocess", action="store_true", help="leave out the slowest peer")  # fmt: skip
    options = parser.parse_args()
    compare(options)
    fan_out(options)
    if options.past:
        past_runs(options)


if __name__ == "__main__":
    main()
