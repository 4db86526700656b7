"""Each part of the running product killed while audits run: they complete by themselves, and nothing is paid twice."""

import contextlib
import os
import random
import signal
import time
from pathlib import Path
from typing import Any

import httpx2
import psycopg
import pytest

from prisma_assets.engagement.sample.write import write_sample
from prisma_assets.settings import Settings
from prisma_assets.store.embedded_postmaster import living_postmaster
from prisma_assets.store.server import running_server
from tests.web.test_runs import LAUNCH, graphql, until

pytestmark = [pytest.mark.slow, pytest.mark.timeout(900)]

PARTS = ("daemon", "web server", "code server", "prisma run", "database")
ROUNDS = 2
SEED = 20261122


def killed(stack: Any, stacks: Any, part: str) -> bool:
    """Whether there was such a process to kill."""
    if part == "database":
        found = living_postmaster(stack.home.resolve() / "postgres")
        pids = [found.pid] if found is not None else []
    else:
        # The kernel keeps 15 characters of a process's name.
        pids = [p for p, n in stacks.processes_of(stack.home).items() if n == part[:15]]
    for pid in pids[-1:]:
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)
    return bool(pids)


def launched(stack: Any, books: Path, sign_offs: Path) -> str:
    """An audit asked for in the UI; asked again while the web server is on its way back."""
    config = {
        "ops": {
            "open_execution": {
                "config": {"inputs": {"engagement": str(books)}, "sign_offs": str(sign_offs)}
            }
        }
    }
    found: dict[str, Any] = {}

    def ask() -> bool:
        with contextlib.suppress(httpx2.HTTPError):
            answer = graphql(stack, LAUNCH, job="annual_audit_job", config=config)
            found.update((answer or {}).get("launchRun", {}).get("run", {}))
        return bool(found)

    until(ask, seconds=90)
    return str(found["runId"])


def rows(url: str, query: str) -> list[tuple[Any, ...]]:
    with psycopg.connect(url, connect_timeout=5) as connection:
        return connection.execute(query).fetchall()


def test_audits_complete_whichever_part_is_killed(stacks, home, tmp_path, record_property):
    sample = write_sample(tmp_path / "books", lines=8_000)
    stack = stacks.start(home)
    kills = audits = 0
    moments = random.Random(SEED)  # noqa: S311 - moments, not secrets
    try:
        stack.wait_until_ready()
        for part in PARTS * ROUNDS:
            launched(stack, sample.folder, sample.folder / "sign_offs.yaml")
            audits += 1
            time.sleep(moments.uniform(0.5, 3.0))
            kills += killed(stack, stacks, part)
        with running_server(Settings(home=stack.home)) as urls:
            url = urls.prisma
        statuses: list[str] = []

        def at_rest() -> bool:
            with contextlib.suppress(psycopg.OperationalError):
                statuses[:] = [r[0] for r in rows(url, "select status from workflow_executions")]
            return bool(statuses) and set(statuses) == {"COMPLETED"}

        with contextlib.suppress(AssertionError):
            until(at_rest, seconds=150)
        # Whatever the sensor gave up, a person continues.
        left = "select workflow_execution_id from workflow_executions where status <> 'COMPLETED'"
        for (execution_id,) in rows(url, left):
            stacks.command(stack.home, "resume", str(execution_id))
        until(at_rest, seconds=60)
        record_property("opened", f"{len(statuses)} of {audits}")
        twice = rows(
            url,
            "select call_id from agent_cost_tracking where outcome = 'ok' group by call_id having count(*) > 1",
        )
        assert twice == []
        steps = rows(
            url,
            "select workflow_execution_id, count(distinct step_id) from workflow_step_executions "
            "where status in ('COMPLETED', 'SKIPPED') group by 1",
        )
        assert {count for _, count in steps} == {14}
    finally:
        stack.stop()
    record_property("kills", kills)
    assert kills >= len(PARTS) * ROUNDS - 2, "a run may be over before it can be killed"
