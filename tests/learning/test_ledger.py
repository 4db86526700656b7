"""The ledger of improvements on a real database: promised beside kept, and what is proposed for retirement."""

import asyncio
import json
from typing import Any

import psycopg
import pytest

from prisma_assets.learning.ledger import Entry, ledger
from prisma_assets.store.database import Database

AGENT = "audit-control-015"
PLAN = [{"name": "error_rate", "kind": "binary", "direction": "lower", "margin": 0.03, "role": "primary"}]  # fmt: skip


class Books:
    def __init__(self, url: str) -> None:
        self.url = url

    def experiment(self, effect: float | None, half: float = 0.01) -> str:
        """A concluded one on the error rate."""
        ends = (None, None) if effect is None else (effect - half, effect + half)
        return self._one(
            """insert into ab_tests (agent_id, name, control_version, treatment_version, variant_b_changes, assignment_salt, metrics,
                primary_metric, metric_plan, risk_level, status, effect, ci_low, ci_high, created_by)
            values (%s, 'brief', '1.0.0', '1.0.0-b.1', '{"prompt": "Be brief."}', gen_random_uuid()::text, '{error_rate}', 'error_rate',
                %s, 'medium', 'completed', %s, %s, %s, 'ana') returning ab_test_id""",
            AGENT, json.dumps(PLAN), effect, *ends,
        )  # fmt: skip

    def deployment(self, test: str, stage: str, seen: dict[str, Any] | None) -> str:
        """Of what the experiment tried."""
        return self._one(
            """insert into improvement_deployments (ab_test_id, agent_id, from_version, to_version, change_set, change_hash, risk_level,
                strategy, stage, observed_metrics, approved_by, approved_at, rollback_reason, rolled_back_at, created_by)
            values (%s, %s, '1.0.0', '1.0.0-b.1', '{}', repeat('a', 64), 'medium', 'canary', %s, %s, 'max', now(), 'odd', now(), 'ana')
            returning deployment_id""",
            test, AGENT, stage, json.dumps(seen) if seen is not None else None,
        )  # fmt: skip

    def _one(self, query: str, *params: Any) -> str:
        with psycopg.connect(self.url, autocommit=True) as connection:
            row = connection.execute(query, params).fetchone()
        assert row is not None
        return str(row[0])

    def entries(self) -> dict[str, Entry]:
        async def ask() -> list[Entry]:
            async with Database(self.url, max_size=1) as database:
                return await ledger(database)

        return {entry.deployment_id: entry for entry in asyncio.run(ask())}


@pytest.fixture
def books(database_url: str) -> Books:
    return Books(database_url)


def seen(low: float, high: float) -> dict[str, Any]:
    return {"error_rate": {"effect": (low + high) / 2, "low": low, "high": high}}


def test_nothing_is_invented(books):
    """No interval, nothing seen: no number."""
    [entry] = [*books.entries().values()] or [None]
    assert entry is None
    found = books.deployment(books.experiment(None), "canary", None)
    entry = books.entries()[found]
    assert (entry.measured, entry.promised, entry.realised, entry.kept) == (None, None, None, "no data")  # fmt: skip
    assert not entry.is_to_be_retired


def test_promises_are_shrunk_and_harm_at_work_is_proposed_for_retirement(books):
    """Fewer errors are better: an interval that reaches above 0 includes harm."""
    test = books.experiment(-0.06, half=0.04)
    good = books.deployment(test, "completed", seen(-0.05, -0.01))
    harmful = books.deployment(test, "completed", seen(-0.03, 0.02))
    taken_back = books.deployment(test, "rolled_back", seen(0.01, 0.09))
    entries = books.entries()
    assert -0.06 < entries[good].promised < 0
    assert {k: e.is_to_be_retired for k, e in entries.items()} == {
        good: False,
        harmful: True,
        taken_back: False,
    }
    assert entries[good].kept == "kept"
    assert entries[taken_back].kept == "includes harm"
