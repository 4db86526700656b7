"""Facts about agents, counted as the assets count them, for pages to show."""

import asyncio
from datetime import UTC, datetime, timedelta

import psycopg

from prisma_assets.learning.known import known_agents
from prisma_assets.learning.metric_count import roll_up_windows
from prisma_assets.learning.roll_up import roll_up_day, roll_up_feedback, roll_up_hours
from prisma_assets.store.database import Database

AGENT, OTHER = "audit-plan-012", "tax-vat-028"


def runs(url, number, *, agent=AGENT, ago=timedelta(hours=1), **given):
    """So many equal runs that began that long ago, each of 1 s, one cent and accuracy 0.9 unless said otherwise."""
    row = {"outcome": "ok", "error_type": None, "duration_ms": 1000, "cost_usd": 0.01, "accuracy": 0.9}  # fmt: skip
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute(
            """insert into agent_runs (source, run_key, agent_id, agent_version, started_at, outcome, error_type, duration_ms, cost_usd, accuracy)
            select 'api', gen_random_uuid()::text, %(agent)s, '1.0.0', %(at)s, %(outcome)s, %(error_type)s, %(duration_ms)s, %(cost_usd)s, %(accuracy)s
            from generate_series(1, %(number)s)""",
            {**row, **given, "agent": agent, "at": datetime.now(UTC) - ago, "number": number},
        )


def ratings(url, *given, agent=AGENT, comment=None):
    """Ratings given just now."""
    with psycopg.connect(url, autocommit=True) as connection:
        for rating in given:
            connection.execute(
                "insert into agent_feedback (agent_id, agent_version, task_id, source, feedback_type, rating, comment, submitted_by, dedupe_key)"
                " values (%s, '1.0.0', 't', 'user', 'rating', %s, %s, 'u', gen_random_uuid()::text)",
                (agent, rating, comment),
            )


def count(url):
    """Count today and the two days before."""

    async def work():
        async with Database(url, max_size=2) as database:
            today = datetime.now(UTC).date()
            for day in (today - timedelta(days=ago) for ago in (2, 1, 0)):
                for roll_up in (roll_up_feedback, roll_up_hours, roll_up_day, roll_up_windows):
                    await roll_up(database, day, agents=known_agents())

    asyncio.run(work())
