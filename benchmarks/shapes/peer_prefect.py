"""The two shapes on Prefect with a server of its own, over SQLite: on PostgreSQL it asks for pg_trgm, which ours lacks."""

import asyncio
import os
import socket
import subprocess
import sys
import tempfile
import time
import urllib.request
from pathlib import Path

from answering import CHAIN, WAIT_SECONDS, WIDTH, answer

with socket.socket() as probe:
    probe.bind(("127.0.0.1", 0))
    port = str(probe.getsockname()[1])
folder = tempfile.TemporaryDirectory()
os.environ |= {
    "PREFECT_HOME": folder.name,
    "PREFECT_SERVER_ANALYTICS_ENABLED": "false",
    "PREFECT_LOGGING_LEVEL": "ERROR",
    "PREFECT_API_URL": f"http://127.0.0.1:{port}/api",
}
command = [str(Path(sys.executable).with_name("prefect")), "server", "start", "--port", port]
server = subprocess.Popen(command, stdout=subprocess.DEVNULL)


def wait_for_server() -> None:
    """Until it answers."""
    for _ in range(600):
        try:
            urllib.request.urlopen(os.environ["PREFECT_API_URL"] + "/health", timeout=1)  # noqa: S310 - our own address
        except OSError:
            time.sleep(0.1)
        else:
            return
    raise SystemExit("Prefect's server did not start")


wait_for_server()
from prefect import flow, task  # noqa: E402 - reads the environment when it is imported


@task
async def step(seconds: float) -> float:
    """Wait."""
    await asyncio.sleep(seconds)
    return seconds


@flow
async def dag() -> None:
    """One, twelve at once, one."""
    await step(0)
    await asyncio.gather(*(step(WAIT_SECONDS) for _ in range(WIDTH)))
    await step(0)


@flow
async def chain() -> None:
    """One after the other."""
    for _ in range(CHAIN):
        await step(0)


try:
    answer({s.__name__: lambda s=s: asyncio.run(s()) for s in (dag, chain)})
finally:
    server.terminate()
    server.wait()
    folder.cleanup()
