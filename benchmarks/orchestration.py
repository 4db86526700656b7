"""What orchestration costs: the same two shapes in plain asyncio, as compiled templates and on Dagster's own executors.

    python benchmarks/orchestration.py [--runs 5] [--without-multiprocess]

Wall time from the call to finished, in a warm process, medians of interleaved runs, everything stored in PostgreSQL.
"""

import argparse
import asyncio
import os
import statistics
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import dagster as dg
from dagster._core.definitions.reconstruct import reconstructable

sys.path.insert(0, str(Path(__file__).parent / "shapes"))
import orchestration_jobs as jobs

from prisma_assets.agents.cards import firm_cards
from prisma_assets.agents.registry import AgentRegistry
from prisma_assets.engine.opening import Opening, open_execution
from prisma_assets.settings import Settings
from prisma_assets.store.database import Database
from prisma_assets.store.migrate import migrate
from prisma_assets.store.server import running_server
from prisma_assets.store.workflow import WorkflowStore
from resources.dagster_home import URL_VARIABLE, write_dagster_home

QUIET = {"loggers": {"console": {"config": {"log_level": "CRITICAL"}}}}
SHAPES = ("dag", "chain")


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


def product(name: str, instance: dg.DagsterInstance, url: str) -> None:
    """A compiled template: execution opened, run in this process, every step durable."""
    template = jobs.templates()[f"bench_{name}"]

    async def start() -> str:
        async with Database(url, max_size=2) as database:
            agents = AgentRegistry(firm_cards())
            opening = Opening(template=template, agents=agents, inputs={}, created_by="benchmark")
            execution, _ = await open_execution(WorkflowStore(database=database), opening)
            return execution.id

    tags = {"prisma/execution_id": asyncio.run(start())}
    job = reconstructable(getattr(jobs, f"product_{name}"))
    result = dg.execute_job(job, instance=instance, tags=tags, run_config=QUIET)
    if not result.success:
        raise SystemExit(f"the compiled {name} failed")


def bare(kind: str, name: str, instance: dg.DagsterInstance) -> None:
    """Bare ops on one of Dagster's own executors."""
    result = dg.execute_job(
        reconstructable(getattr(jobs, f"{kind}_{name}")), instance=instance, run_config=QUIET
    )
    if not result.success:
        raise SystemExit(f"{kind} {name} failed")


def measure(
    engines: dict[str, Callable[[str], None]], runs: int
) -> dict[tuple[str, str], list[float]]:
    """Seconds per engine and shape; engines take turns, so that a busy minute hits all of them."""
    seconds: dict[tuple[str, str], list[float]] = {}
    for run in range(runs + 1):
        for name in SHAPES:
            for engine, call in engines.items():
                began = time.perf_counter()
                call(name)
                if run:  # The first round warms up.
                    seconds.setdefault((engine, name), []).append(time.perf_counter() - began)
                print(".", end="", flush=True, file=sys.stderr)
    print(file=sys.stderr)
    return seconds


def main() -> None:
    """Measure and print the table."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--runs", type=int, default=5)
    parser.add_argument(
        "--without-multiprocess", action="store_true", help="leave out the slowest peer"
    )
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        settings = Settings(home=Path(folder), database_url=os.environ.get("DATABASE_URL"))
        with running_server(settings) as urls:
            migrate(urls.prisma)
            os.environ.update({"DATABASE_URL": urls.prisma, URL_VARIABLE: urls.dagster})
            with dg.DagsterInstance.from_config(str(write_dagster_home(settings.home))) as instance:
                engines: dict[str, Callable[[str], None]] = {
                    "plain asyncio (the limit)": plain_asyncio,
                    "compiled template, durable": lambda name: product(name, instance, urls.prisma),
                    "Dagster in-process executor": lambda name: bare("in_process", name, instance),
                }
                if not options.without_multiprocess:
                    engines["Dagster multiprocess executor"] = lambda name: bare(
                        "multiprocess", name, instance
                    )
                seconds = measure(engines, options.runs)
    limit = statistics.median(seconds["plain asyncio (the limit)", "dag"])
    print(f"medians of {options.runs} interleaved runs, seconds\n")
    print("| engine | DAG of 14 | x asyncio | chain of 14 |\n|---|---|---|---|")
    for engine in engines:
        dag, chain = (statistics.median(seconds[engine, name]) for name in SHAPES)
        print(f"| {engine} | {dag:.2f} | {dag / limit:.1f} | {chain:.3f} |")


if __name__ == "__main__":
    main()
