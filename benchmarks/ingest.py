"""Feedback over HTTP for a minute: pieces a second, time to the acknowledgement, none lost; beside it the same rows by COPY.

    python -P benchmarks/ingest.py [--seconds 60] [--rate 2500] [--batch 200]

A body is a JSON array of `--batch` pieces: ratings and complaints with a comment of about 150 characters, some with personal
data to mask. Four connections keep to the rate; a body that had to wait for one counts from its appointed time. The
receiver is the product's own API in a process of its own, the database the embedded one.
"""

import argparse
import json
import os
import random
import resource
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from http.client import HTTPConnection
from pathlib import Path
from uuid import uuid4

import psycopg

from prisma_assets.settings import Settings
from prisma_assets.store.migrate import migrate
from prisma_assets.store.server import running_server

CONNECTIONS = 4
WARM_UP = 10
"""Bodies before the clock starts: the first ones open connections and load what is loaded late."""
PATH = "/api/v1/feedback"

RECEIVER = """
import os, sys, uvicorn
from starlette.routing import Mount
from prisma_assets.agents.registry import AgentRegistry
from prisma_assets.platform.workflow import WorkflowEngine
from prisma_assets.store.event_bus import EventBus
from prisma_assets.web.api import PREFIX, create_api
from prisma_assets.web.app import create_app
from prisma_assets.platform.account import Accounts
from prisma_assets.store.database import Database
from prisma_assets.web.sign_in import Door, SignIn

async def nothing(scope, receive, send): ...
agents = AgentRegistry()
engine = WorkflowEngine(agents, EventBus(), starts_runs=False)
pages = [Mount(PREFIX, create_api(engine, agents))]
app = create_app(dagster=nothing, checks={}, pages=pages, at_end=engine.aclose)
port = int(sys.argv[1])
door = SignIn(app, Accounts(Database(os.environ["DATABASE_URL"])), Door(port=port), key="benchmark")
uvicorn.run(door, host="127.0.0.1", port=port, log_level="warning")
"""

AGENTS = ("audit-plan-012", "audit-ethics-045", "tax-vat-028")
SENTENCES = (
    "The schedule does not tie to the trial balance at year end.",
    "Rates of the year before were used for two of the subsidiaries.",
    "Clear and complete, the partner had no questions.",
    "Please ring +356 2123 4567 or write to j.doe@example.com about the lease.",
    "The conclusion is right, but nobody can see from the file how it was reached.",
    "Two invoices over the threshold are missing from the sample.",
)
COLUMNS = "agent_id, agent_version, task_id, source, feedback_type, rating, comment, submitted_by, dedupe_key"
COPY = f"copy agent_feedback ({COLUMNS}) from stdin"


def piece(draw: random.Random) -> dict[str, object]:
    """One piece as a system of the firm would send it."""
    rating = draw.randint(1, 5)
    return {
        "agent_id": draw.choice(AGENTS),
        "source": "user",
        "feedback_type": "complaint" if rating == 1 else "rating",
        "rating": rating,
        "task_id": "plan",
        "submitted_by": f"user{draw.randrange(300)}",
        "comment": " ".join(draw.sample(SENTENCES, 2)),
        "dedupe_key": str(uuid4()),
    }


class Sender:
    """Sends bodies at their appointed times over a few connections, and keeps how long each took."""

    def __init__(self, port: int, *, pause: float) -> None:
        self._port, self._pause = port, pause
        self._local = threading.local()
        self._began = 0.0
        self.took: list[float] = []

    def run(self, bodies: list[bytes]) -> float:
        """Send all; seconds until the last was acknowledged."""
        self._began = time.monotonic()
        with ThreadPoolExecutor(CONNECTIONS) as pool:
            list(pool.map(self._send, range(len(bodies)), bodies))
        return time.monotonic() - self._began

    def _send(self, number: int, content: bytes) -> None:
        due = self._began + number * self._pause
        time.sleep(max(0.0, due - time.monotonic()))
        if not hasattr(self._local, "connection"):
            self._local.connection = HTTPConnection("127.0.0.1", self._port, timeout=60)
        headers = {"content-type": "application/json", "authorization": "Bearer benchmark"}
        self._local.connection.request("POST", PATH, content, headers)
        answer = self._local.connection.getresponse()
        said = answer.read()
        if answer.status != 200:
            raise RuntimeError(f"{answer.status}: {said!r}")
        self.took.append(time.monotonic() - due)


@contextmanager
def receiver(url: str, port: int) -> Iterator[None]:
    """The receiver in a process of its own, once it answers."""
    environ = {**os.environ, "DATABASE_URL": url}
    process = subprocess.Popen([sys.executable, "-c", RECEIVER, str(port)], env=environ)
    try:
        for _ in range(300):
            try:
                HTTPConnection("127.0.0.1", port, timeout=1).request("GET", "/healthz")
                break
            except OSError:
                time.sleep(0.1)
        yield
    finally:
        process.terminate()
        process.wait()


def copy(url: str, pieces: list[dict[str, object]]) -> float:
    """Seconds that as many rows take by COPY into the same table with its indexes, in one transaction."""
    names = ("task_id", "source", "feedback_type", "rating", "comment", "submitted_by")
    lines = [
        "\t".join(
            [str(p["agent_id"]), "1.0.0", *(str(p[n]) for n in names), f"copy {p['dedupe_key']}"]
        )
        for p in pieces
    ]
    content = "\n".join(lines) + "\n"
    began = time.monotonic()
    with (
        psycopg.connect(url) as connection,
        connection.cursor() as cursor,
        cursor.copy(COPY) as writer,
    ):
        writer.write(content)
    return time.monotonic() - began


def stored(url: str) -> tuple[int, int]:
    """Rows, and rows that hold what should have been masked."""
    with psycopg.connect(url) as connection:
        row = connection.execute(
            "select count(*), count(*) filter (where comment ~ '@example|2123') from agent_feedback"
        ).fetchone()
    return (row[0], row[1]) if row else (0, 0)


def measure(options: argparse.Namespace) -> None:
    """Print what came of it."""
    draw = random.Random(5)
    bodies = WARM_UP + round(options.seconds * options.rate / options.batch)
    pieces = [[piece(draw) for _ in range(options.batch)] for _ in range(bodies)]
    sent = [json.dumps(each).encode() for each in pieces]
    pause = options.batch / options.rate
    with (
        tempfile.TemporaryDirectory(prefix="prisma-ingest-") as home,
        running_server(Settings(home=Path(home))) as urls,
    ):
        migrate(urls.prisma)
        with receiver(urls.prisma, options.port):
            Sender(options.port, pause=pause).run(sent[:WARM_UP])
            sender = Sender(options.port, pause=pause)
            took = sender.run(sent[WARM_UP:])
        rows, unmasked = stored(urls.prisma)
        copied = copy(urls.prisma, [p for each in pieces[WARM_UP:] for p in each])
    times, count = sorted(sender.took), len(sender.took) * options.batch
    print(f"{count:,} pieces in {took:.1f} s: {count / took:,.0f}/s, {options.batch} a body")
    for share in (0.5, 0.95, 0.99):
        print(f"  P{share:.0%} acknowledged {times[int(share * (len(times) - 1))] * 1000:.0f} ms")
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    print(f"  receiver's processor time {used.ru_utime + used.ru_stime:.1f} s, its start included")
    print(f"  stored {rows:,} of {bodies * options.batch:,}; {unmasked} with personal data")
    print(f"COPY of as many rows: {copied:.1f} s, {count / copied:,.0f}/s")
    if (rows, unmasked) != (bodies * options.batch, 0):
        raise SystemExit("rows are missing, or not masked")


def main() -> None:
    """Read the options and measure."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=int, default=60)
    parser.add_argument("--rate", type=float, default=2500, help="pieces a second")
    parser.add_argument("--batch", type=int, default=200, help="pieces a body")
    parser.add_argument("--port", type=int, default=20_000 + os.getpid() % 20_000)
    measure(parser.parse_args())


if __name__ == "__main__":
    main()
