"""Traces over OTLP/HTTP for a minute: spans a second, time to the acknowledgement, none lost; beside it the same rows by COPY.

    python -P benchmarks/ingest_runs.py [--seconds 60] [--rate 6000]

A trace is one run of an agent, three calls of a model, two tools; a body has 510 spans, gzipped protobuf (an exporter
sends at most 512 at once). Four connections keep to the rate; a body that had to wait for one counts from its appointed time.
The receiver is the product's own route in a process of its own, the database the embedded one.
"""

import argparse
import gzip
import os
import secrets
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

import psutil
import psycopg
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.trace.v1.trace_pb2 import ResourceSpans, Span

from prisma_assets.settings import Settings
from prisma_assets.store.migrate import migrate
from prisma_assets.store.server import running_server

TRACES = 85
SPANS_OF_A_TRACE = 6
BATCH = TRACES * SPANS_OF_A_TRACE
CONNECTIONS = 4
WARM_UP = 10
"""Bodies before the clock starts: the first spans load price lists and open connections."""

RECEIVER = """
import asyncio, sys, uvicorn
from starlette.routing import Route
from prisma_assets.agents.registry import AgentRegistry
from prisma_assets.learning.span_intake import SpanIntake
from prisma_assets.store.database import Database
from prisma_assets.web.app import create_app
from prisma_assets.web.traces import PATH, create_traces
from prisma_assets.platform.account import Accounts
from prisma_assets.web.sign_in import Door, SignIn

async def nothing(scope, receive, send): ...
database = Database(sys.argv[1], max_size=2)
traces = create_traces(SpanIntake(AgentRegistry(), database))
app = create_app(dagster=nothing, checks={}, pages=[Route(PATH, traces)])
port = int(sys.argv[2])
door = SignIn(app, Accounts(database), Door(port=port), key=None)
uvicorn.run(door, host="127.0.0.1", port=port, log_level="warning")
"""

AGENTS = ("audit-plan-012", "audit-ethics-045", "tax-vat-028")
COPY_RUNS = (
    "copy agent_runs (run_key, source, agent_id, started_at, duration_ms, outcome, provider, model, tokens_in, "
    "tokens_out, cost_usd, price_version) from stdin"
)
COPY_SPANS = "copy agent_spans (trace_id, span_id, parent_span_id, kind) from stdin"


def attribute(span: Span, name: str, value: str | int) -> None:
    """Add one attribute."""
    pair = span.attributes.add()
    pair.key = name
    if isinstance(value, int):
        pair.value.int_value = value
    else:
        pair.value.string_value = value


def add_span(sent: ResourceSpans, trace: bytes, parent: bytes, operation: str) -> Span:
    """One span of a second, with the attributes an instrumented framework sends."""
    span = sent.scope_spans[0].spans.add()
    span.trace_id, span.span_id, span.parent_span_id = trace, secrets.token_bytes(8), parent
    span.name = operation
    span.end_time_unix_nano = time.time_ns()
    span.start_time_unix_nano = span.end_time_unix_nano - secrets.randbelow(2_000_000_000)
    attribute(span, "gen_ai.operation.name", operation)
    attribute(span, "gen_ai.conversation.id", trace.hex())
    return span


def body() -> bytes:
    """One export of `BATCH` spans, as an exporter sends it."""
    request = ExportTraceServiceRequest()
    sent = request.resource_spans.add()
    sent.scope_spans.add()
    for _ in range(TRACES):
        trace = secrets.token_bytes(16)
        run = add_span(sent, trace, b"", "invoke_agent")
        attribute(run, "gen_ai.agent.id", AGENTS[trace[0] % len(AGENTS)])
        for _ in range(3):
            call = add_span(sent, trace, run.span_id, "chat")
            attribute(call, "gen_ai.provider.name", "openai")
            attribute(call, "gen_ai.request.model", "gpt-4.1")
            attribute(call, "gen_ai.usage.input_tokens", 500 + secrets.randbelow(4000))
            attribute(call, "gen_ai.usage.output_tokens", secrets.randbelow(800))
            attribute(call, "gen_ai.usage.cache_read.input_tokens", secrets.randbelow(500))
        for _ in range(2):
            tool = add_span(sent, trace, run.span_id, "execute_tool")
            attribute(tool, "gen_ai.tool.name", "ledger_search")
    return gzip.compress(request.SerializeToString(), 1)


class Sender:
    """Sends bodies at their appointed times over a few connections, and keeps how long each took."""

    def __init__(self, port: int, rate: float) -> None:
        self._port, self._pause = port, BATCH / rate
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
        headers = {"content-type": "application/x-protobuf", "content-encoding": "gzip"}
        self._local.connection.request("POST", "/v1/traces", content, headers)
        answer = self._local.connection.getresponse()
        said = answer.read()
        if answer.status != 200 or said:
            raise RuntimeError(f"{answer.status}: {said!r}")
        self.took.append(time.monotonic() - due)


def wait_for(port: int) -> None:
    """Until the receiver answers."""
    for _ in range(300):
        try:
            HTTPConnection("127.0.0.1", port, timeout=1).request("GET", "/healthz")
        except OSError:
            time.sleep(0.1)
        else:
            return
    raise RuntimeError("the receiver did not start")


def counts(url: str) -> tuple[int, ...]:
    """Runs, spans, and runs that have what their calls used."""
    with psycopg.connect(url) as connection:
        row = connection.execute(
            "select (select count(*) from agent_runs), (select count(*) from agent_spans), "
            "(select count(*) from agent_runs where tokens_in is not null and cost_usd is not null)"
        ).fetchone()
    return tuple(row or ())


def copy(url: str, bodies: int) -> float:
    """Seconds that as many rows take by COPY into the same tables with their indexes, in one transaction."""
    runs = (
        f"{secrets.token_hex(16)}\totlp\taudit-plan-012\t2026-03-02T12:00:00Z\t1000\tok\topenai\tgpt-4.1"
        "\t3000\t900\t0.012345\tlist\n"
        for _ in range(bodies * TRACES)
    )
    spans = (
        f"\\\\x{secrets.token_hex(16)}\t\\\\x{secrets.token_hex(8)}\t\\\\x{secrets.token_hex(8)}\tlink\n"
        for _ in range(bodies * BATCH)
    )
    content = ["".join(runs), "".join(spans)]
    began = time.monotonic()
    with psycopg.connect(url) as connection, connection.cursor() as cursor:
        for statement, text in zip((COPY_RUNS, COPY_SPANS), content, strict=True):
            with cursor.copy(statement) as writer:
                writer.write(text)
    return time.monotonic() - began


@contextmanager
def receiver(url: str, port: int) -> Iterator[psutil.Process]:
    """The receiver in a process of its own."""
    process = subprocess.Popen([sys.executable, "-c", RECEIVER, url, str(port)])
    try:
        wait_for(port)
        yield psutil.Process(process.pid)
    finally:
        process.terminate()
        process.wait()


def measure(seconds: int, rate: float, port: int) -> None:
    """Print what came of it."""
    bodies = [body() for _ in range(WARM_UP + round(seconds * rate / BATCH))]
    size = sum(map(len, bodies)) / len(bodies)
    with (
        tempfile.TemporaryDirectory(prefix="prisma-ingest-") as home,
        running_server(Settings(home=Path(home))) as urls,
    ):
        migrate(urls.prisma)
        with receiver(urls.prisma, port) as process:
            Sender(port, rate).run(bodies[:WARM_UP])
            sender, before = Sender(port, rate), process.cpu_times()
            took = sender.run(bodies[WARM_UP:])
            after = process.cpu_times()
        runs, spans, complete = counts(urls.prisma)
        copied = copy(urls.prisma, len(sender.took))
    times = sorted(sender.took)
    sent = len(times) * BATCH
    print(
        f"{sent:,} spans in {took:.1f} s: {sent / took:,.0f} spans/s; bodies of {size:,.0f} bytes"
    )
    for share in (0.5, 0.95, 0.99):
        print(
            f"  P{share * 100:.0f} acknowledged {times[int(share * (len(times) - 1))] * 1000:.0f} ms"
        )
    expected = len(bodies) * TRACES
    print(f"  stored {spans:,} of {len(bodies) * BATCH:,} spans, {runs:,} of {expected:,} runs")
    print(f"  {complete:,} runs with the tokens and the price of their calls")
    busy = after.user + after.system - before.user - before.system
    print(f"  processor time of the receiver {busy:.1f} s; load {os.getloadavg()[0]:.1f}")
    print(f"COPY of as many rows: {copied:.1f} s, {sent / copied:,.0f} spans/s")
    if (spans, runs, complete) != (len(bodies) * BATCH, expected, expected):
        raise SystemExit("rows are missing")


def main() -> None:
    """Read the options and measure."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=int, default=60)
    parser.add_argument("--rate", type=float, default=6000, help="spans a second")
    parser.add_argument("--port", type=int, default=20_000 + os.getpid() % 20_000)
    options = parser.parse_args()
    measure(options.seconds, options.rate, options.port)


if __name__ == "__main__":
    main()
