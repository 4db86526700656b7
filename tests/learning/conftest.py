"""Facts about agents in a real database, and the use cases that count them."""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from itertools import count
from typing import Any

import psycopg
import pytest

from prisma_assets.learning.roll_up import roll_up_day, roll_up_feedback, roll_up_hours
from prisma_assets.store.database import Database

DAY = date(2026, 3, 4)
AGENT = "acc-ledger-001"
OTHER = "tax-vat-002"
AGENTS = {AGENT: "accounting", OTHER: "tax"}
_NUMBERS = count(1)


def at(hour: float = 9, *, day: date = DAY) -> datetime:
    return datetime(day.year, day.month, day.day, tzinfo=UTC) + timedelta(hours=hour)


@dataclass
class Facts:
    """One database: facts go in, figures come out."""

    url: str

    def run(self, agent_id: str = AGENT, **given: Any) -> None:
        """One run, reported a second after it began unless said otherwise."""
        row = {
            "source": "otlp",
            "run_key": f"run-{next(_NUMBERS)}",
            "agent_id": agent_id,
            "started_at": at(),
            "outcome": "ok",
            **given,
        }
        self._insert("agent_runs", {"recorded_at": row["started_at"] + timedelta(seconds=1), **row})

    def feedback(self, agent_id: str = AGENT, **given: Any) -> None:
        """One rating of 4, unless said otherwise."""
        row = {
            "agent_id": agent_id,
            "agent_version": "1.0.0",
            "task_id": "t",
            "source": "user",
            "feedback_type": "rating",
            "rating": 4,
            "submitted_by": "u",
            "dedupe_key": f"said-{next(_NUMBERS)}",
            "created_at": at(),
            **given,
        }
        self._insert("agent_feedback", row)

    def query(self, text: str, params: Any = None) -> list[Any]:
        with psycopg.connect(self.url, autocommit=True) as connection:
            cursor = connection.execute(text, params)
            return cursor.fetchall() if cursor.description else []

    def do(self, work: Callable[..., Awaitable[Any]], *args: Any, **named: Any) -> Any:
        """Do a use case on a database of its own."""

        async def opened() -> Any:
            async with Database(self.url, max_size=2) as database:
                return await work(database, *args, **named)

        return asyncio.run(opened())

    def count(self, *days: date) -> None:
        """Count days as the assets do."""
        for day in days or (DAY,):
            for roll_up in (roll_up_feedback, roll_up_hours, roll_up_day):
                self.do(roll_up, day, agents=AGENTS)

    def _insert(self, table: str, row: dict[str, Any]) -> None:
        columns, places = ", ".join(row), ", ".join(f"%({name})s" for name in row)
        self.query(f"insert into {table} ({columns}) values ({places})", row)


@pytest.fixture
def facts(database_url: str) -> Facts:
    return Facts(url=database_url)
