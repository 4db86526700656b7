"""From the launch in Dagster's UI to the end of the run, under `prisma-assets up`.

    python -P benchmarks/launching.py [--runs 20]

The job is a DAG of 14 steps that compute a value each, 1 -> 12 -> 1: what is measured is the way to a run and back. Launches
come one after another through GraphQL, as the UI sends them; the end is the time in the run's record.
"""

import argparse
import json
import os
import signal
import socket
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

TEMPLATE = "bench_launch"
WIDTH = 12
START_SECONDS = 120
LAUNCH = """mutation($selector: JobOrPipelineSelector!) {
  launchRun(executionParams: {selector: $selector, runConfigData: "{}"}) {
    __typename ... on LaunchRunSuccess { run { runId } } ... on PythonError { message }
  }
}"""
ENDED = "query($id: ID!) { runOrError(runId: $id) { ... on Run { status startTime endTime } } }"


def template() -> str:
    """The DAG as a template; JSON is YAML."""
    about = {"objective": "Measured.", "compute": {"value": "1 + 1"}}
    names = [f"m{i:02}" for i in range(WIDTH)]
    steps = [
        {"id": "start", "name": "start", "title": "start", **about},
        *({"id": n, "name": n, "title": n, "after": ["start"], **about} for n in names),
        {"id": "join", "name": "join", "title": "join", "after": names, **about},
    ]
    head = {"name": TEMPLATE, "title": "launch", "version": "1", "description": "Benchmark."}
    return json.dumps({**head, "steps": steps})


@dataclass(frozen=True)
class Product:
    """A running product."""

    address: str
    home: Path

    @property
    def headers(self) -> dict[str, str]:
        """What the owner of its data folder sends along."""
        key = (self.home / "sign-in.key").read_text(encoding="ascii")
        return {"Content-Type": "application/json", "Authorization": f"Bearer {key}"}


@contextmanager
def running_product() -> Iterator[Product]:
    """Where it answers, and to whom."""
    with tempfile.TemporaryDirectory() as folder, socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = str(probe.getsockname()[1])
        probe.close()
        templates = Path(folder) / "templates"
        templates.mkdir()
        (templates / f"{TEMPLATE}.yaml").write_text(template(), encoding="utf-8")
        home = {"PRISMA_HOME": str(Path(folder) / "home"), "PRISMA_TEMPLATES": str(templates)}
        command = [str(Path(sys.executable).with_name("prisma-assets")), "up", "--port", port]
        process = subprocess.Popen(
            command, env={**os.environ, **home}, stdout=subprocess.DEVNULL, start_new_session=True
        )
        try:
            yield Product(f"http://127.0.0.1:{port}/graphql", Path(folder) / "home")
        finally:
            process.send_signal(signal.SIGINT)
            process.wait(60)


def ask(product: Product, query: str, variables: dict[str, Any]) -> dict[str, Any]:
    """What GraphQL answers."""
    body = json.dumps({"query": query, "variables": variables}).encode()
    # S310: the address is our own.
    request = urllib.request.Request(product.address, body, product.headers)  # noqa: S310
    with urllib.request.urlopen(request, timeout=30) as response:  # noqa: S310
        answer: dict[str, Any] = json.load(response)
    if "errors" in answer:
        raise SystemExit(f"GraphQL: {answer['errors']}")
    return next(iter(answer["data"].values()))


def launch(product: Product) -> tuple[float, float]:
    """Seconds from one launch to the start and to the end of its run."""
    selector = {
        "repositoryLocationName": "prisma_assets",
        "repositoryName": "__repository__",
        "jobName": f"{TEMPLATE}_job",
    }
    began = time.time()
    launched = ask(product, LAUNCH, {"selector": selector})
    if "run" not in launched:
        raise SystemExit(f"not launched: {launched}")
    while True:
        run = ask(product, ENDED, {"id": launched["run"]["runId"]})
        if run["status"] == "SUCCESS":
            return run["startTime"] - began, run["endTime"] - began
        if run["status"] in ("FAILURE", "CANCELED"):
            raise SystemExit(f"the run ended as {run['status']}")
        time.sleep(0.05)


def wait_until_ready(product: Product) -> None:
    """Until a first run has ended; it warms up what the others find warm."""
    deadline = time.monotonic() + START_SECONDS
    while True:
        try:
            launch(product)
        except (OSError, SystemExit):
            if time.monotonic() > deadline:
                raise
            time.sleep(0.5)
        else:
            return


def main() -> None:
    """Measure and print the table."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--runs", type=int, default=20)
    options = parser.parse_args()
    with running_product() as product:
        wait_until_ready(product)
        starts, ends = zip(*(launch(product) for _ in range(options.runs)), strict=True)
    print("| from the launch to | median, s | P95, s |\n|---|---|---|")
    for what, seconds in (("the run's start", starts), ("the run's end", ends)):
        print(
            f"| {what} | {np.median(seconds):.2f} | {np.quantile(seconds, 0.95, method='weibull'):.2f} |"
        )


if __name__ == "__main__":
    main()
