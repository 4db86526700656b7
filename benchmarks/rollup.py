"""Counting one new day among a year of runs, beside the same day alone; ninety days again; quantiles beside exact ones.

    python -P benchmarks/rollup.py [--runs 1000000] [--days 365] [--repeat 5]

51 agents. Runs are generated in the database; the day that is counted holds the same rows in both databases, and both
have been counted before, as they are every hour. Times are medians, on the embedded server with its usual settings.
"""

import argparse
import asyncio
import tempfile
import time
from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import numpy as np
import psycopg

from prisma_assets.domain.learning.sketch import Sketch
from prisma_assets.learning.known import known_agents
from prisma_assets.learning.roll_up import count_days, roll_up_day, roll_up_feedback, roll_up_hours
from prisma_assets.settings import Settings
from prisma_assets.store.database import Database
from prisma_assets.store.migrate import migrate
from prisma_assets.store.server import running_server

LAST = date(2026, 6, 30)
HOURS_OF_A_MONTH = 720
BACKFILL = 90
GENERATE = """
insert into agent_runs (source, run_key, agent_id, agent_version, started_at, recorded_at, outcome, error_type,
    duration_ms, model, tokens_in, tokens_out, cost_usd, accuracy)
select 'api', %(day)s || '-' || n, (%(agents)s::text[])[1 + n %% 51], '1.0.0', at, at + interval '1 second',
    case when n %% 23 = 0 then 'error' else 'ok' end, case when n %% 23 = 0 then 'RateLimitError' end,
    exp(6.5 + 1.2 * random_normal()), 'm', 1000 + n %% 977, 200 + n %% 89, 0.001 * (1 + n %% 13),
    case when n %% 5 = 0 then 0.9 end
from (select n, %(day)s::timestamptz + random() * interval '86399 s' as at from generate_series(1, %(n)s) as n) as made
"""


def main() -> None:
    """Print the figures."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--runs", type=int, default=1_000_000, help="10000000 is the goal's figure")
    parser.add_argument("--days", type=int, default=365)
    parser.add_argument("--repeat", type=int, default=5)
    asked = parser.parse_args()
    a_day = asked.runs // asked.days
    with (
        tempfile.TemporaryDirectory(prefix="prisma-bench-") as home,
        running_server(Settings(home=Path(home))) as urls,
    ):
        alone, among = prepared(urls.prisma, "alone"), prepared(urls.prisma, "among")
        generate(alone, [LAST], a_day)
        count(alone, [LAST])
        a_year(among, asked.days, a_day)
        beside(alone, among, asked.repeat)
    sketches()


def prepared(url: str, name: str) -> str:
    """A migrated database of that name."""
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute(f"create database {name}")
    made = url.rsplit("/", 1)[0] + f"/{name}"
    migrate(made)
    return made


def a_year(url: str, days: int, a_day: int) -> None:
    """Generate and count many days, and the last of them again."""
    every = [LAST - timedelta(days=n) for n in reversed(range(days))]
    began = time.perf_counter()
    generate(url, every, a_day)
    print(f"{a_day * days:,} runs of {days} days generated in {time.perf_counter() - began:.0f} s")
    for name, some in (("for the first time", every), ("again", every[-BACKFILL:])):
        began = time.perf_counter()
        count(url, some)
        took = time.perf_counter() - began
        print(f"{len(some)} days counted {name}: {took:.1f} s, {took / len(some):.3f} s each")


def beside(alone: str, among: str, repeat: int) -> None:
    """One day in both databases, in turn: what else the machine does falls on both."""
    taken: dict[str, list[float]] = {alone: [], among: []}
    for _ in range(repeat):
        for url, times in taken.items():
            began = time.perf_counter()
            count(url, [LAST])
            times.append(time.perf_counter() - began)
    first, second = (float(np.median(times)) for times in taken.values())
    print(f"one day alone {first:.3f} s, among all {second:.3f} s, ratio {second / first:.2f}")


def generate(url: str, days: list[date], a_day: int) -> None:
    """Runs of these days, the same for a day whenever it is generated."""
    with psycopg.connect(url, autocommit=True) as connection:
        for day in days:
            connection.execute("select setseed(0.5)")
            at = datetime(day.year, day.month, day.day, tzinfo=UTC)
            connection.execute(GENERATE, {"day": at, "n": a_day, "agents": sorted(known_agents())})
        connection.execute("vacuum analyze")


def count(url: str, days: list[date]) -> None:
    """Count days as the three assets do."""

    async def counted() -> None:
        async with Database(url, max_size=2) as database:
            for roll_up in (roll_up_feedback, roll_up_hours, roll_up_day):
                await count_days(database, days, roll_up, agents=known_agents())

    asyncio.run(counted())


def timed(work: Callable[[], object], repeat: int) -> float:
    """Median seconds, after one time that is not counted."""
    work()
    taken = []
    for _ in range(repeat):
        began = time.perf_counter()
        work()
        taken.append(time.perf_counter() - began)
    return float(np.median(taken))


def sketches() -> None:
    """Errors, bytes and the time to merge a month of hours."""
    print(
        "\n| durations | P50 | P95 | P99 | P99.9 | bytes an hour, most | 720 hours merged |\n|---|---|---|---|---|---|---|"
    )
    for name, draw in shapes().items():
        for per_hour in (500, 5000):
            hours = draw(np.random.default_rng(1), (HOURS_OF_A_MONTH, per_hour))
            packed = [Sketch.of(hour).to_bytes() for hour in hours]
            month = Sketch.merged_bytes(packed)
            took = timed(lambda packed=packed: Sketch.merged_bytes(packed), 9)
            off = [
                f"{100 * abs((month.quantile(q) or 0) / np.quantile(hours, q) - 1):.2f} %"
                for q in (0.5, 0.95, 0.99, 0.999)
            ]
            row = [
                f"{name}, {per_hour} an hour",
                *off,
                str(max(map(len, packed))),
                f"{took * 1e3:.1f} ms",
            ]
            print(f"| {' | '.join(row)} |")


def shapes() -> dict[str, Callable[[np.random.Generator, tuple[int, int]], np.ndarray]]:
    """Durations in milliseconds, as agents' are or worse."""
    return {
        "lognormal, sd 1": lambda rng, n: rng.lognormal(6, 1, n),
        "lognormal, sd 2": lambda rng, n: rng.lognormal(6, 2, n),
        "Pareto 1.2": lambda rng, n: 100 * (1 + rng.pareto(1.2, n)),
        "bimodal": lambda rng, n: np.where(
            rng.random(n) < 0.5, rng.normal(100, 10, n).clip(1), rng.lognormal(8, 0.5, n)
        ),
    }


if __name__ == "__main__":
    main()
