"""Counting one day by every dimension beside one other and among many, and reading windows from a minute to a year.

    python -P benchmarks/metric_windows.py [--runs 500000] [--days 90] [--repeat 5]

51 agents, 3 providers, 200 engagements of 40 clients; the last day ends now. Times are medians, on the embedded server with
its usual settings.
"""

import argparse
import asyncio
import tempfile
import time
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import numpy as np
import psycopg

from prisma_assets.learning.known import known_agents
from prisma_assets.learning.metric_count import roll_up_windows
from prisma_assets.learning.metric_window import KINDS, MetricWindows, stretch_of
from prisma_assets.learning.roll_up import count_days
from prisma_assets.settings import Settings
from prisma_assets.store.database import Database
from prisma_assets.store.metric_window import By
from prisma_assets.store.migrate import migrate
from prisma_assets.store.server import running_server

GENERATE = """
insert into agent_runs (source, run_key, agent_id, agent_version, started_at, recorded_at, outcome, error_type, duration_ms,
    provider, model, tokens_in, tokens_out, cost_usd, accuracy, client_id, engagement_id)
select 'api', %(start)s || '-' || n, (%(agents)s::text[])[1 + n %% 51], '1.0.0', at, at + interval '1 second',
    case when n %% 23 = 0 then 'error' else 'ok' end, case when n %% 23 = 0 then 'RateLimitError' end,
    exp(6.5 + 1.2 * random_normal()), 'provider ' || n %% 3, 'model ' || n %% 7, 1000 + n %% 977, 200 + n %% 89,
    0.001 * (1 + n %% 13), case when n %% 5 = 0 then 0.9 end, 'client ' || n %% 40, 'engagement ' || n %% 200
from (select n, %(start)s::timestamptz + random() * interval '24 hours' as at from generate_series(1, %(n)s) as n) as made
"""
LOOKED_AT: tuple[By, ...] = ("agent", "engagement")


def main() -> None:
    """Print the figures."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--runs", type=int, default=500_000)
    parser.add_argument("--days", type=int, default=90)
    parser.add_argument("--repeat", type=int, default=5)
    asked = parser.parse_args()
    now = datetime.now(UTC)
    with (
        tempfile.TemporaryDirectory(prefix="prisma-bench-") as home,
        running_server(Settings(home=Path(home))) as urls,
    ):
        migrate(urls.prisma)
        a_day = asked.runs // asked.days
        generate(urls.prisma, now, 0, 2, a_day)  # Yesterday is whole.
        alone = asyncio.run(one_day(urls.prisma, now, asked.repeat))
        generate(urls.prisma, now, 2, asked.days, a_day)
        asyncio.run(count(urls.prisma, [now.date() - timedelta(days=k) for k in range(asked.days)]))
        among = asyncio.run(one_day(urls.prisma, now, asked.repeat))
        print(
            f"a day of {a_day:,} runs: beside one other {alone:.3f} s, among {asked.days} days {among:.3f} s"
        )
        asyncio.run(windows(urls.prisma, now, asked.repeat))


def generate(url: str, now: datetime, first: int, last: int, a_day: int) -> None:
    """Runs of the days that ended so many days ago."""
    with psycopg.connect(url, autocommit=True) as connection:
        for ago in range(first, last):
            start = now - timedelta(days=ago + 1)
            given = {"start": start, "n": a_day, "agents": sorted(known_agents())}
            connection.execute(GENERATE, given)
        connection.execute("vacuum analyze")


async def count(url: str, days: list[date]) -> None:
    """Count days as the asset does."""
    async with Database(url, max_size=2) as database:
        await count_days(database, days, roll_up_windows, agents=known_agents())


async def one_day(url: str, now: datetime, repeat: int) -> float:
    """Median seconds of counting yesterday again: it is over, whatever else there is."""
    day = now.date() - timedelta(days=1)
    taken = []
    for _ in range(repeat):
        began = time.perf_counter()
        await count(url, [day])
        taken.append(time.perf_counter() - began)
    return float(np.median(taken))


async def windows(url: str, now: datetime, repeat: int) -> None:
    """How long each window takes, by values that are few and by values that are many."""
    async with Database(url, max_size=4) as database:
        read = MetricWindows(database=database, agents=known_agents())
        for by in LOOKED_AT:
            for kind in KINDS:
                taken = []
                for _ in range(repeat):
                    began = time.perf_counter()
                    found = await read.by_value(by, stretch_of(kind, now=now), now=now)
                    taken.append(time.perf_counter() - began)
                runs = sum(one.figures.executions for one in found)
                print(
                    f"{by} {kind}: {len(found)} values, {runs:,} runs, {1000 * np.median(taken):.0f} ms"
                )


if __name__ == "__main__":
    main()
