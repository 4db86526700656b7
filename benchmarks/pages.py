"""How long pages take at 51 agents, 90 days and 5 million runs: first byte, drawn in a browser, and with 50 readers at once.

    python -P benchmarks/pages.py [--runs 5000000] [--requests 40] [--without-browser]

The whole product runs as `prisma-assets up` starts it, behind its sign-in, on its embedded database. Runs are generated in the
database and counted as the product counts them. A reader keeps a page open, which holds a stream of events, and opens another
page every five seconds on average; what counts are their own waits over a minute, and "at once" all ask for one page at the same moment. Alone, nobody keeps
a page open, and each page is rendered anew. Limits: first byte P95 100 ms, drawn 1 s, 50 readers at once not half as much again.
"""

import argparse
import asyncio
import contextlib
import http.client
import os
import random
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, date, datetime, timedelta
from functools import partial
from pathlib import Path

import numpy as np
import psycopg

from prisma_assets.learning.known import known_agents
from prisma_assets.learning.roll_up import count_days, roll_up_day, roll_up_feedback, roll_up_hours
from prisma_assets.platform.account import sign_in_link
from prisma_assets.settings import Settings
from prisma_assets.store.database import Database
from prisma_assets.store.migrate import migrate
from prisma_assets.store.server import running_server
from prisma_assets.web.shared_page import LATE_SECONDS

DAYS, READERS, PAUSE_SECONDS, READ_SECONDS = 90, 50, 5.0, 60.0
LIMIT_MS, LIMIT_DRAWN_MS, START_SECONDS = 100, 1_000, 90
PAGES = (
    "/dashboard", "/dashboard/agents?window=24h", "/dashboard/agents?window=90d", "/dashboard/agents/audit-plan-012?window=90d",
    "/dashboard/workflows", "/dashboard/learning", "/dashboard/costs?window=90d", "/dashboard/alerts", "/dashboard/domains/tax", "/start",
)  # fmt: skip
Times = dict[str, list[float]]
"""Milliseconds by page."""
GENERATE = """
insert into agent_runs (source, run_key, agent_id, agent_version, started_at, recorded_at, outcome, error_type,
    duration_ms, provider, model, client_id, tokens_in, tokens_out, cost_usd, accuracy)
select 'api', %(day)s || '-' || n, (%(agents)s::text[])[1 + n %% 51], '1.0.0', at, at + interval '1 second',
    case when n %% 23 = 0 then 'error' else 'ok' end, case when n %% 23 = 0 then 'RateLimitError' end,
    exp(6.5 + 0.6 * random_normal()), 'p' || n %% 3, 'm' || n %% 5, 'c' || n %% 40, 1000 + n %% 977, 200 + n %% 89,
    case when n %% 10 > 0 then 0.001 * (1 + n %% 13) end, case when n %% 5 = 0 then 0.9 end
from (select n, %(day)s::timestamptz + random() * %(length)s as at from generate_series(1, %(n)s) as n) as made
"""
RATE = """
insert into agent_feedback (agent_id, agent_version, task_id, source, feedback_type, rating, submitted_by, dedupe_key, created_at)
select (%(agents)s::text[])[1 + n %% 51], '1.0.0', 't', 'user', 'rating', 3 + n %% 3, 'u', 'rated-' || n, now() - random() * interval '90 days'
from generate_series(1, 20000) as n
"""
DRAWN = """
new MutationObserver(() => { if (document.documentElement.dataset.drawn) window.drawnAt ??= performance.now(); })
    .observe(document, { attributes: true, subtree: true, attributeFilter: ["data-drawn"] });
"""


def main() -> None:
    """Print the figures."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--runs", type=int, default=5_000_000)
    parser.add_argument("--requests", type=int, default=40, help="of each page")
    parser.add_argument("--without-browser", action="store_true")
    asked = parser.parse_args()
    with (
        tempfile.TemporaryDirectory(prefix="prisma-bench-") as folder,
        running_server(Settings(home=Path(folder))) as urls,
    ):
        prepare(urls.prisma, asked.runs)
        with started(Path(folder)) as site:
            pages = [page for page in PAGES if site.is_ours(page)]
            print(f"not there: {', '.join(set(PAGES) - set(pages)) or 'none'}", flush=True)
            alone = first_bytes(site, pages, asked.requests)
            report(alone, *with_readers(site, pages))
            if not asked.without_browser:
                report_drawn(draw(site, pages))


def prepare(url: str, runs: int) -> None:
    """Runs and ratings of 90 days, counted."""
    migrate(url)
    now, agents = datetime.now(UTC), sorted(known_agents())
    days = [now.date() - timedelta(days=ago) for ago in reversed(range(DAYS))]
    began = time.perf_counter()
    with psycopg.connect(url, autocommit=True) as connection:
        for day in days:
            at = datetime(day.year, day.month, day.day, tzinfo=UTC)
            length = min(timedelta(hours=24), now - at)
            params = {"day": at, "length": length, "n": runs // DAYS, "agents": agents}
            connection.execute(GENERATE, params)
        connection.execute(RATE, {"agents": agents})
        connection.execute("vacuum analyze")
    print(f"{runs:,} runs of {DAYS} days generated in {time.perf_counter() - began:.0f} s")
    began = time.perf_counter()
    asyncio.run(counted(url, days))
    print(f"counted in {time.perf_counter() - began:.0f} s")


async def counted(url: str, days: list[date]) -> None:
    """Count days as the product does."""
    async with Database(url, max_size=2) as database:
        for roll_up in (roll_up_feedback, roll_up_hours, roll_up_day):
            await count_days(database, days, roll_up, agents=known_agents())


class Site:
    """The web address, signed in."""

    def __init__(self, port: int, home: Path) -> None:
        self.port = port
        self.link = sign_in_link(f"http://127.0.0.1:{port}", home)
        connection = self.connect()
        connection.request("GET", self.link.split(str(port), 1)[1])
        answer = connection.getresponse()
        cookies = answer.headers.get_all("Set-Cookie") or []
        self.headers = {"Cookie": "; ".join(cookie.split(";")[0] for cookie in cookies)}
        connection.close()

    def connect(self) -> http.client.HTTPConnection:
        """A connection that is not open yet."""
        return http.client.HTTPConnection("127.0.0.1", self.port, timeout=30)

    def is_ours(self, page: str) -> bool:
        """Whether it is a page of the product; the Dagster UI answers every other path."""
        connection = self.connect()
        connection.request("GET", page, headers=self.headers)
        answer = connection.getresponse()
        text = answer.read()
        connection.close()
        return answer.status == 200 and b"/static/page.js" in text

    def first_byte(self, connection: http.client.HTTPConnection, page: str) -> float:
        """Milliseconds from the request to the first byte of the answer."""
        began = time.perf_counter()
        connection.request("GET", page, headers=self.headers)
        answer = connection.getresponse()
        taken = (time.perf_counter() - began) * 1e3
        answer.read()
        if answer.status != 200:
            raise RuntimeError(f"{page} answered {answer.status}")
        return taken


@contextlib.contextmanager
def started(home: Path) -> Iterator[Site]:
    """The product, as a person starts it."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = int(probe.getsockname()[1])
    environment = {**os.environ, "PRISMA_HOME": str(home)}
    said = home / "said.txt"
    with said.open("wb") as output:
        process = subprocess.Popen(
            [sys.executable, "-m", "prisma_assets.cli", "up", "--no-sample", "--port", str(port)],
            env=environment, stdout=output, stderr=subprocess.STDOUT, start_new_session=True,
        )  # fmt: skip
    try:
        deadline = time.monotonic() + START_SECONDS
        while "Ready at" not in said.read_text(encoding="utf-8"):
            if process.poll() is not None or time.monotonic() > deadline:
                raise RuntimeError(said.read_text(encoding="utf-8"))
            time.sleep(0.2)
        yield Site(port, home)
    finally:
        process.terminate()
        process.wait(30)


def first_bytes(site: Site, pages: list[str], requests: int) -> Times:
    """Times of each page, in turn over one connection."""
    connection = site.connect()  # the server closes one that rests for 5 s; here none does
    for page in pages:
        site.first_byte(connection, page)  # adds up what was counted since the last look
    taken: Times = {page: [] for page in pages}
    for _ in range(requests):
        for page in pages:
            taken[page].append(site.first_byte(connection, page))
    return taken


def with_readers(site: Site, pages: list[str]) -> tuple[Times, Times]:
    """What 50 readers wait who have pages open and open others for a minute, and when all ask for one page at once."""
    streams = [site.connect() for _ in range(READERS)]
    for stream in streams:
        stream.request("GET", "/dashboard/events?topics=learning,alerts", headers=site.headers)
        stream.getresponse()
    with ThreadPoolExecutor(READERS) as readers:
        over = time.monotonic() + READ_SECONDS
        waits = readers.map(lambda seed: read(site, pages, over, seed), range(READERS))
        apart: Times = {page: [] for page in pages}
        for page, wait in (each for one in waits for each in one):
            apart[page].append(wait)
        at_once: Times = {}
        for page in pages:
            time.sleep(LATE_SECONDS)  # nothing kept is shown any more
            at_once[page] = list(readers.map(partial(visit, site), [page] * READERS))
    for stream in streams:
        stream.close()
    return apart, at_once


def read(site: Site, pages: list[str], over: float, seed: int) -> list[tuple[str, float]]:
    """Open a page now and then, until it is over."""
    chance, waits = random.Random(seed), []
    while (pause := chance.expovariate(1 / PAUSE_SECONDS)) < over - time.monotonic():
        time.sleep(pause)
        page = chance.choice(pages)
        waits.append((page, visit(site, page)))
    return waits


def visit(site: Site, page: str) -> float:
    """Open one page, over a connection of its own."""
    with contextlib.closing(site.connect()) as connection:
        return site.first_byte(connection, page)


def draw(site: Site, pages: list[str]) -> Times:
    """Milliseconds until a page with its charts is drawn, in Chromium; the first load of a browser fetches the library."""
    from playwright.sync_api import sync_playwright

    taken: Times = {page: [] for page in pages}
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(
            executable_path="/usr/bin/chromium", args=["--no-sandbox", "--disable-gpu"]
        )
        view = browser.new_context(
            viewport={"width": 1440, "height": 900}, bypass_csp=True
        ).new_page()
        view.add_init_script(DRAWN)
        view.goto(site.link)
        for _ in range(6):
            for page in pages:
                view.goto(f"http://127.0.0.1:{site.port}{page}", wait_until="domcontentloaded")
                view.wait_for_function("window.drawnAt")
                taken[page].append(view.evaluate("window.drawnAt"))
        browser.close()
    return taken


def report(alone: Times, apart: Times, at_once: Times) -> None:
    """A row for each page, and one for all."""
    print(f"\n| page | alone: median, ms | P95 | x limit ({LIMIT_MS}) | {READERS} readers: P95 | ratio | {READERS} at once: P95 | ratio |\n|---|---|---|---|---|---|---|---|")  # fmt: skip
    for page in (*alone, "all"):
        one, many, crowd = (np.concatenate(list(t.values())) if page == "all" else np.array(t[page]) for t in (alone, apart, at_once))  # fmt: skip
        p95, read95, crowd95 = (float(np.percentile(times, 95)) for times in (one, many, crowd))
        print(f"| {page} | {np.median(one):.0f} | {p95:.0f} | {p95 / LIMIT_MS:.2f} | {read95:.0f} | {read95 / p95:.2f} | {crowd95:.0f} | {crowd95 / p95:.2f} |", flush=True)  # fmt: skip


def report_drawn(drawn: Times) -> None:
    """A row for each page, without the first load."""
    print(
        f"\n| page | drawn, median ms | slowest | x limit ({LIMIT_DRAWN_MS}) |\n|---|---|---|---|"
    )
    for page, (_, *taken) in drawn.items():
        seen = float(np.median(taken))
        print(f"| `{page}` | {seen:.0f} | {max(taken):.0f} | {seen / LIMIT_DRAWN_MS:.2f} |")


if __name__ == "__main__":
    main()
