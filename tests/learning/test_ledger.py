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

    def opportunity(self, metric: str, *, before: float, now: float, deviation: float) -> str:
        """Trouble that got worse, as the nightly search writes it."""
        compared = {
            "kind": "comparison", "metric": metric, "basis": "shift", "since": "2026-03-01", "before": before, "before_n": 400.0,
            "before_from": "2026-01-01", "now": now, "now_n": 300.0, "log_evidence": 9.0, "deviation": deviation, "confidence": 0.99,
            "slow_ms": None,
        }  # fmt: skip
        return self._one(
            """insert into improvement_opportunities (agent_id, agent_version, improvement_type, detector, title, description, evidence,
                sample_size, priority, risk_level, fingerprint, metric)
            values (%s, '1.0.0', 'prompt', 'high_error', 'worse', 'worse', %s, 300, 'high', 'low', %s, %s) returning opportunity_id""",
            AGENT, json.dumps([compared]), metric, metric,
        )  # fmt: skip

    def candidate(
        self, opportunity: str, *, effect: float, half: float, changes: dict[str, Any]
    ) -> None:
        """Settings a search found for it."""
        self._one(
            """insert into improvement_candidates (opportunity_id, agent_id, control_version, way, is_proposed, reason, changes, measure, seed,
                tried, train_tasks, train_score, holdout_tasks, present_score, holdout_score, effect, ci_low, ci_high, missed_more, cost_usd)
            values (%s, %s, '1.0.0', 'search', true, 'better', %s, 'share', 1, 18, 20, 0.9, 24, 0.7, 0.9, %s, %s, %s, 0, 0)
            returning candidate_id""",
            opportunity, AGENT, json.dumps(changes), effect, effect - half, effect + half,
        )  # fmt: skip

    def low_risk(self, opportunity: str | None, *, changes: dict[str, Any] | None = None, stage: str = "completed") -> str:  # fmt: skip
        """Deployed without an experiment, ten days ago."""
        return self._one(
            """insert into improvement_deployments (opportunity_id, agent_id, from_version, to_version, change_set, change_hash, risk_level,
                strategy, stage, auto_deployed, started_at, rollback_reason, rolled_back_at, created_by)
            values (%s, %s, '1.0.0', '1.0.0-b.1', %s, repeat('a', 64), 'low', 'canary', %s, true, now() - interval '10 days', 'odd', now(), 'ana')
            returning deployment_id""",
            opportunity, AGENT, json.dumps(changes or {}), stage,
        )  # fmt: skip

    def work(self, version: str, days_ago: int, *, fail: int, of: int, each: int = 1) -> None:
        """Runs reported by a team, the first ones failed; `each` runs belong to one client file."""
        with psycopg.connect(self.url, autocommit=True) as connection:
            connection.execute(
                """insert into agent_runs (agent_id, agent_version, run_key, task_id, engagement_id, started_at, duration_ms, outcome, source)
                select %(a)s, %(v)s, %(v)s || '-' || n, 't' || n, case when %(each)s > 1 then 'E-' || n / %(each)s end,
                    now() - %(d)s * interval '1 day' - n * interval '1 second', 100, case when n < %(fail)s then 'error' else 'ok' end, 'api'
                from generate_series(0, %(of)s - 1) n""",
                {"a": AGENT, "v": version, "d": days_ago, "fail": fail, "of": of, "each": each},
            )

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


def test_what_no_experiment_proved_is_in_the_ledger_and_promises_nothing_nobody_measured(books):
    found = books.low_risk(None)
    entry = books.entries()[found]

    assert (entry.experiment, entry.promised_by, entry.promised) == (None, None, None)
    assert (entry.metric, entry.realised, entry.basis, entry.kept) == ("error_rate", None, None, "no data")  # fmt: skip
    assert not entry.is_to_be_retired


@pytest.mark.parametrize(
    ("trouble", "before", "now", "metric", "undone"),
    [
        ("error_rate", 0.02, 0.10, "error_rate", -0.08),
        ("accuracy", 0.05, 0.15, "accuracy", 0.10),
        ("satisfaction", 0.20, 0.30, "satisfaction", 0.40),  # a tenth of a scale of four points
        ("cost_per_run", 0.10, 0.40, "cost", -0.75),
    ],
)  # fmt: skip
def test_an_opportunity_promises_at_most_that_its_trouble_is_undone(books, trouble, before, now, metric, undone):  # fmt: skip
    found = books.low_risk(books.opportunity(trouble, before=before, now=now, deviation=0.01))
    entry = books.entries()[found]

    assert (entry.promised_by, entry.metric) == ("opportunity", metric)
    assert entry.measured is not None
    assert entry.promised is not None
    assert entry.measured.value == pytest.approx(undone)
    assert 0 < abs(entry.promised) < abs(undone)


def test_a_share_of_slow_runs_is_no_promise_of_time(books):
    found = books.low_risk(books.opportunity("slow_share", before=0.05, now=0.3, deviation=0.01))
    entry = books.entries()[found]

    assert (entry.metric, entry.promised_by, entry.promised) == ("response_time", None, None)


def test_a_candidate_promises_what_its_search_measured_and_only_for_its_own_change(books):
    opportunity = books.opportunity("satisfaction", before=0.2, now=0.3, deviation=0.02)
    changes = {"parameters": {"limit": 7}}
    books.candidate(opportunity, effect=0.2, half=0.1, changes=changes)
    its_own = books.low_risk(opportunity, changes=changes, stage="rolled_back")
    other = books.low_risk(opportunity, changes={"parameters": {"limit": 8}})
    entries = books.entries()

    assert (entries[its_own].promised_by, entries[its_own].metric) == ("candidate", "accuracy")
    assert 0 < entries[its_own].promised < 0.2
    assert entries[other].promised_by == "opportunity"


def test_without_a_baseline_beside_it_work_before_and_after_is_compared_and_says_so(books):
    """From 20 % of 200 runs to 2 %: fewer errors are kept. Runs of the version before that came later, or long before, count on no side."""
    found = books.low_risk(None)
    books.work("1.0.0", 20, fail=40, of=200)
    books.work("1.0.0-b.1", 5, fail=4, of=200)
    entry = books.entries()[found]

    assert entry.basis == "before and after, not randomised"
    assert entry.realised is not None
    assert entry.realised.value == pytest.approx(-0.18)
    assert entry.realised.high < 0
    assert entry.kept == "kept"


def test_harm_before_and_after_is_proposed_for_retirement(books):
    found = books.low_risk(None)
    books.work("1.0.0", 20, fail=4, of=200)
    books.work("1.0.0-b.1", 5, fail=40, of=200)
    entry = books.entries()[found]

    assert entry.is_to_be_retired
    assert entry.realised is not None
    assert entry.realised.low > 0


def test_client_files_are_counted_not_their_runs(books):
    """Two hundred runs of four files are four units: no data."""
    found = books.low_risk(None)
    books.work("1.0.0", 20, fail=40, of=200, each=50)
    books.work("1.0.0-b.1", 5, fail=4, of=200, each=50)

    assert books.entries()[found].realised is None


def test_the_rollouts_own_baseline_comes_before_that_of_another_time(books):
    found = books.deployment(books.experiment(-0.06), "completed", seen(-0.03, -0.01))
    books.work("1.0.0", 5, fail=4, of=200)
    entry = books.entries()[found]

    assert (entry.basis, entry.realised.value) == ("beside the version before", -0.02)
