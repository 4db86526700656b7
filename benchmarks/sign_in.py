"""What the sign-in costs a request to the Dagster UI: the same application with and without it, in turn.

    python -P benchmarks/sign_in.py [--requests 400]

Both are asked in this process, so that what is between them is the sign-in alone: the session, where the request comes from, the
reading of GraphQL, and the headers.
"""

import argparse
import asyncio
import os
import tempfile
import time
from pathlib import Path
from typing import Any

import dagster as dg
import httpx2
import numpy as np
from dagster._core.workspace.context import WorkspaceProcessContext
from dagster._core.workspace.load_target import EmptyWorkspaceTarget
from dagster_webserver.app import create_app_from_workspace_process_context
from starlette.types import ASGIApp

from prisma_assets.platform.account import Accounts, development_key
from prisma_assets.settings import Settings
from prisma_assets.store.database import Database
from prisma_assets.store.migrate import migrate
from prisma_assets.store.server import running_server
from prisma_assets.web.app import create_app
from prisma_assets.web.sign_in import Door, SignIn

LIMIT_MS = 5.0
ADDRESS = "http://127.0.0.1:3000"
QUERY = {"query": "query Version { version }"}
MUTATION = {
    "query": "mutation Telemetry($a: String!) { logTelemetry(action: $a, clientTime: \"0\", clientId: \"c\", metadata: \"{}\") { __typename } }",
    "variables": {"a": "looked"},
}  # fmt: skip
KINDS: dict[str, dict[str, Any]] = {
    "a page of the UI": {"method": "GET", "url": "/runs"},
    "a query": {"method": "POST", "url": "/graphql", "json": QUERY},
    "a mutation": {"method": "POST", "url": "/graphql", "json": MUTATION},
}


async def measure(dagster: ASGIApp, door: ASGIApp, cookie: str, n: int) -> None:
    """Ask both in turn and print the medians."""
    clients = {
        "without": httpx2.AsyncClient(transport=httpx2.ASGITransport(dagster), base_url=ADDRESS),
        "with": httpx2.AsyncClient(
            transport=httpx2.ASGITransport(door), base_url=ADDRESS, headers={"cookie": cookie}
        ),
    }
    print("| request | without, ms | with, ms | more, ms | ratio |\n|---|---|---|---|---|")
    for kind, request in KINDS.items():
        took: dict[str, list[float]] = {name: [] for name in clients}
        for i in range(n + 20):
            for name, client in clients.items():
                began = time.perf_counter()
                answer = await client.request(**request)
                if i >= 20:  # The first ones load what is loaded late.
                    took[name].append(1_000 * (time.perf_counter() - began))
                if answer.status_code != 200:
                    raise SystemExit(f"{kind}, {name}: {answer.status_code} {answer.text[:200]}")
        without, with_ = (float(np.median(took[name])) for name in ("without", "with"))
        print(f"| {kind} | {without:.2f} | {with_:.2f} | {with_ - without:.2f} | {with_ / without:.2f} |")  # fmt: skip
    print(f"limit: {LIMIT_MS:.0f} ms more; load {os.getloadavg()[0]:.1f}")


async def main() -> None:
    """Open an empty product, sign in, measure."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--requests", type=int, default=400)
    options = parser.parse_args()
    with (
        tempfile.TemporaryDirectory() as folder,
        dg.DagsterInstance.local_temp() as instance,
    ):
        home = Path(folder)
        with (
            running_server(Settings(home=home)) as urls,
            WorkspaceProcessContext(
                instance, workspace_load_target=EmptyWorkspaceTarget()
            ) as context,
        ):
            migrate(urls.prisma)
            dagster = create_app_from_workspace_process_context(context)
            async with Database(urls.prisma, max_size=2) as database:
                accounts = Accounts(database)
                token = await accounts.open_development(development_key(home), home)
                app = create_app(dagster=dagster, checks={})
                door = SignIn(app, accounts, Door(port=3000), key=None)
                cookie = f"prisma_session_3000={token}"
                await measure(dagster, door, cookie, options.requests)


if __name__ == "__main__":
    asyncio.run(main())
