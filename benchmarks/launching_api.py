"""From the request to the end of the execution, through the HTTP API and the Python API, under `prisma-assets up`.

    python -P benchmarks/launching_api.py [--runs 30]

The same DAG of 14 computed steps as in `launching`. One launch every 1.5 s, the two in turn; the end is what the event bus tells.
"""

import argparse
import asyncio
import json
import os
import signal
import socket
import statistics
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

# Behind everything else: a script here is called `statistics`, as a module of Python is.
sys.path.append(str(Path(__file__).parent))
from launching import TEMPLATE, Product, template

from prisma_assets.agents.registry import AgentRegistry
from prisma_assets.platform.workflow import WorkflowEngine
from prisma_assets.settings import Settings
from prisma_assets.store.event_bus import EventBus

PAUSE_SECONDS = 1.5


def post(product: Product, path: str, body: dict[str, Any]) -> Any:
    """One request; its answer."""
    request = urllib.request.Request(  # noqa: S310 - our own address
        f"{product.address}{path}", data=json.dumps(body).encode(), headers=product.headers
    )
    with urllib.request.urlopen(request, timeout=60) as answer:  # noqa: S310
        return json.load(answer)


async def ended(engine: WorkflowEngine, execution_id: str) -> None:
    """Wait until the execution has ended, told by the event bus."""
    async for _ in engine.watch(execution_id):
        pass


async def by_http(engine: WorkflowEngine, product: Product) -> None:
    """What a program in another language does."""
    body = {"template": TEMPLATE, "created_by": "benchmark"}
    made = await asyncio.to_thread(post, product, "/api/v1/executions", body)
    await ended(engine, made["execution_id"])


async def by_python(engine: WorkflowEngine, _product: Product) -> None:
    """The specification's Python API; returns when the Dagster run has ended too."""
    workflow = await engine.create_workflow(
        template_name=TEMPLATE, context={}, created_by="benchmark"
    )
    await engine.execute_workflow(workflow.id)


WAYS: dict[str, Callable[[WorkflowEngine, Product], Awaitable[None]]] = {
    "HTTP API": by_http,
    "Python API": by_python,
}


async def measure(settings: Settings, product: Product, runs: int) -> dict[str, list[float]]:
    """Seconds per way; they take turns, so that a busy minute hits all of them."""
    seconds: dict[str, list[float]] = {way: [] for way in WAYS}
    async with WorkflowEngine(AgentRegistry(), EventBus(), settings=settings) as engine:
        for run in range(runs + 1):
            for way, launch in WAYS.items():
                await asyncio.sleep(PAUSE_SECONDS)
                began = time.perf_counter()
                await launch(engine, product)
                if run:  # The first round warms up.
                    seconds[way].append(time.perf_counter() - began)
                print(".", end="", flush=True, file=sys.stderr)
    print(file=sys.stderr)
    return seconds


def started(folder: Path, templates: Path, port: int) -> "subprocess.Popen[bytes]":
    """The product, up."""
    environ = {**os.environ, "PRISMA_HOME": str(folder), "PRISMA_TEMPLATES": str(templates)}
    environ.pop("DATABASE_URL", None)
    up = subprocess.Popen(
        [sys.executable, "-m", "prisma_assets.cli", "up", "--port", str(port), "--no-sample"],
        env=environ, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
    )  # fmt: skip
    for line in up.stdout or ():
        if b"Ready at" in line:
            return up
    raise SystemExit("the product did not start")


def main() -> None:
    """Measure and print the table."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--runs", type=int, default=30)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as parent, socket.socket() as probe:
        folder, templates = Path(parent) / "home", Path(parent) / "templates"
        templates.mkdir()
        (templates / f"{TEMPLATE}.yaml").write_text(template(), encoding="utf-8")
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
        probe.close()
        up = started(folder, templates, port)
        try:
            settings = Settings(home=folder, templates=templates)
            product = Product(f"http://127.0.0.1:{port}", folder)
            found = asyncio.run(measure(settings, product, options.runs))
        finally:
            up.send_signal(signal.SIGTERM)
            up.wait(30)
    print("| from the request to the end | median, s | P95, s |\n|---|---|---|")
    for way, took in found.items():
        p95 = statistics.quantiles(took, n=20)[-1]
        print(f"| {way} | {statistics.median(took):.2f} | {p95:.2f} |")
    print(f"load: {os.getloadavg()[0]:.1f}")


if __name__ == "__main__":
    main()
