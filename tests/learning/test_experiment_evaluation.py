"""Judging running experiments on the real database: increments, verdicts with their evidence, and broken instruments."""

import asyncio
from datetime import UTC, datetime, timedelta
from typing import Any

import psycopg
import pytest
from psycopg.rows import dict_row
from psycopg.types.json import Jsonb

from prisma_assets.agents.cards import firm_cards
from prisma_assets.agents.registry import AgentRegistry
from prisma_assets.domain.experiments.assignment import is_treated
from prisma_assets.domain.experiments.plan import planned_metrics
from prisma_assets.domain.experiments.running import metric_json
from prisma_assets.learning.experiment_evaluation import Evaluated, evaluate
from prisma_assets.store.database import Database

FIRM = AgentRegistry(firm_cards())
AGENT = "audit-doc-044"
TEST = "00000000-0000-4000-8000-0000000000b1"
NOW = datetime(2026, 6, 1, tzinfo=UTC)
START = NOW - timedelta(days=10)


class Trial:
    """One experiment on single tasks of runs reported from outside, begun ten days ago."""

    def __init__(self, url: str) -> None:
        self.url = url
        self.sent = 0

    def rows(self, query: str, *params: Any) -> list[dict[str, Any]]:
        with psycopg.connect(self.url, autocommit=True, row_factory=dict_row) as connection:
            done = connection.execute(query, params)
            return done.fetchall() if done.description else []

    def begin(self, *names: str, **columns: Any) -> None:
        metrics = planned_metrics(list(names) or ["error_rate"])
        row = {
            "ab_test_id": TEST, "agent_id": AGENT, "name": "trial", "control_version": "1.0.0", "treatment_version": "1.0.0-b.1",
            "variant_b_changes": Jsonb({"prompt": "x"}), "assignment_unit": "task", "assignment_salt": "salt", "split": 0.5,
            "metrics": [m.name for m in metrics], "primary_metric": metrics[0].name,
            "metric_plan": Jsonb([metric_json(m) for m in metrics]), "risk_level": "low", "status": "running",
            "started_at": START, "created_by": "ana", "min_duration_hours": 24, "min_samples_per_variant": 20,
            "max_duration_days": 60, "max_blocks": 600, **columns,
        }  # fmt: skip
        row["traffic_split_b"] = row.pop("split")
        names_ = ", ".join(row)
        self.rows(f"insert into ab_tests ({names_}) values ({', '.join(['%s'] * len(row))})", *row.values())  # fmt: skip

    def send(self, count: int, *, fails: dict[str, float], after: timedelta = timedelta(), **run: Any) -> None:  # fmt: skip
        """Runs one a minute; of each arm a regular share fails."""
        batch, seen = [], {"A": 0, "B": 0}
        for _ in range(count):
            self.sent += 1
            arm = "B" if is_treated(f"t{self.sent}", salt="salt", split=0.5) else "A"
            seen[arm] += 1
            failed = int(seen[arm] * fails[arm]) > int((seen[arm] - 1) * fails[arm])
            at = START + after + timedelta(minutes=self.sent)
            row = {
                "run_key": f"r{self.sent}", "source": "api", "agent_id": AGENT, "task_id": f"t{self.sent}", "started_at": at,
                "agent_version": "1.0.0-b.1" if arm == "B" else "1.0.0", "outcome": "error" if failed else "ok",
                "duration_ms": 100.0, "ab_test_id": TEST, "variant": arm, "recorded_at": at, **run,
            }  # fmt: skip
            batch.append({k: v(arm) if callable(v) else v for k, v in row.items()})
        marks = ", ".join(f"%({k})s" for k in batch[0])
        with (
            psycopg.connect(self.url, autocommit=True) as connection,
            connection.cursor() as cursor,
        ):
            cursor.executemany(f"insert into agent_runs ({', '.join(batch[0])}) values ({marks})", batch)  # fmt: skip

    def look(self, now: datetime = NOW) -> Evaluated | None:
        async def put() -> list[Evaluated]:
            async with Database(self.url, max_size=2) as database:
                # Exposures are stamped when they are read; the trial's clock is another.
                await evaluate(database, registry=FIRM, as_of=START)
                self.rows("update experiment_exposures set recorded_at = first_exposed_at")
                return await evaluate(database, registry=FIRM, as_of=now)

        found = asyncio.run(put())
        return found[0] if found else None

    @property
    def test(self) -> dict[str, Any]:
        [row] = self.rows("select * from ab_tests")
        return row

    @property
    def latest(self) -> dict[str, Any]:
        return self.rows("select * from experiment_verdicts order by verdict_id desc limit 1")[0]


@pytest.fixture
def trial(database_url) -> Trial:
    return Trial(database_url)


EQUAL = {"A": 0.1, "B": 0.1}
BETTER = {"A": 0.5, "B": 0.1}
WORSE = {"A": 0.05, "B": 0.5}


def test_clear_improvement_is_adopted_with_all_it_rests_on(trial):
    trial.begin("error_rate")
    trial.send(1200, fails=BETTER)
    found = trial.look()

    assert found is not None
    assert found.judgement.word == "adopt"
    latest, test = trial.latest, trial.test
    assert (test["status"], test["decision"]) == ("completed", "adopt_treatment")
    assert test["effect"] == pytest.approx(-0.4, abs=0.06)
    assert test["ci_low"] < test["effect"] < test["ci_high"] < 0
    assert latest["data_sha256"] == found.data_sha256
    assert latest["code_version"].endswith("+experiments.1")
    assert (latest["control_version"], latest["treatment_version"]) == ("1.0.0", "1.0.0-b.1")


def test_harm_of_a_guardrail_rolls_back_before_the_least_duration_is_over(trial):
    trial.begin("response_time", min_duration_hours=400)
    trial.send(400, fails=WORSE)
    found = trial.look()

    assert found is not None
    assert found.judgement.word == "roll back"
    assert (trial.test["status"], trial.test["decision"]) == ("aborted", "rollback")


def test_looking_often_gives_the_state_of_looking_once(trial, new_database, request):
    """Otherwise the verdict would depend on how often somebody looked."""
    trial.begin("error_rate")
    trial.send(300, fails=EQUAL)
    for hour in range(1, 6):
        trial.look(START + timedelta(hours=hour))
    often = trial.look()
    with new_database(request.getfixturevalue("_migrated")) as url:
        other = Trial(url)
        other.begin("error_rate")
        other.send(300, fails=EQUAL)
        once = other.look()

    assert often is not None
    assert once is not None
    assert often.judgement == once.judgement
    assert often.data_sha256 == once.data_sha256


def test_equal_data_give_no_second_verdict(trial):
    trial.begin("error_rate")
    trial.send(100, fails=EQUAL)
    trial.look()
    before = trial.rows("select verdict_id from experiment_verdicts")
    trial.look()

    assert trial.rows("select verdict_id from experiment_verdicts") == before


def test_verdicts_cannot_be_changed(trial):
    trial.begin("error_rate")
    trial.send(50, fails=EQUAL)
    trial.look()

    for statement in ("update experiment_verdicts set verdict = 'adopt'", "delete from experiment_verdicts"):  # fmt: skip
        with pytest.raises(psycopg.errors.RaiseException, match="are evidence"):
            trial.rows(statement)


def test_nothing_is_chosen_before_the_least_duration_is_over(trial):
    trial.begin("error_rate", min_duration_hours=14 * 24)
    trial.send(1200, fails=BETTER)
    found = trial.look()

    assert found is not None
    assert found.judgement.word == "inconclusive"
    assert "the minimum duration is not over" in found.judgement.verdict.reason


def test_unit_is_read_once_its_time_is_over(trial):
    trial.begin("error_rate", outcome_hours=2)
    trial.send(240, fails=EQUAL)
    found = trial.look(START + timedelta(hours=3))

    assert found is not None
    assert found.judgement.units == 60


def test_no_unit_is_too_early_and_at_the_end_a_hold(trial):
    trial.begin("error_rate")
    early, late = trial.look(), trial.look(START + timedelta(days=61))

    assert early is not None
    assert late is not None
    assert (early.judgement.word, late.judgement.word) == ("inconclusive", "hold")
    assert "never exposed" in early.judgement.verdict.reason
    assert trial.test["status"] == "completed"


def test_longest_duration_ends_without_a_winner(trial):
    trial.begin("error_rate")
    trial.send(200, fails=EQUAL)
    found = trial.look(START + timedelta(days=61))

    assert found is not None
    assert found.judgement.word == "inconclusive"
    assert "the longest duration is over" in found.judgement.verdict.reason
    assert (trial.test["status"], trial.test["decision"]) == ("completed", "inconclusive")


def test_all_equal_outcomes_decide_nothing(trial):
    trial.begin("error_rate", max_blocks=None)
    trial.send(400, fails={"A": 0.0, "B": 0.0})
    found = trial.look()

    assert found is not None
    assert found.judgement.word == "inconclusive"


def held(found: Evaluated | None) -> str:
    assert found is not None
    assert found.judgement.word == "hold"
    return found.judgement.verdict.reason


def test_broken_sample_ratio_holds(trial):
    trial.begin("error_rate")
    trial.send(600, fails=EQUAL)
    trial.rows("delete from agent_runs where variant = 'B' and mod(agent_run_id, 2) = 0")

    assert "promised ratio" in held(trial.look())


def test_unit_that_met_both_versions_holds(trial):
    trial.begin("error_rate")
    trial.send(50, fails=EQUAL)
    trial.rows(
        """insert into agent_runs (run_key, source, agent_id, task_id, started_at, outcome, ab_test_id, variant, recorded_at)
        select 'again', source, agent_id, task_id, started_at, outcome, ab_test_id,
            case variant when 'A' then 'B' else 'A' end, recorded_at from agent_runs where run_key = 'r7'"""
    )

    assert held(trial.look()) == "t7 met both versions"


def test_unit_served_by_another_version_than_its_arms_holds(trial):
    trial.begin("error_rate")
    trial.send(50, fails=EQUAL, agent_version="0.9.0")

    assert "was served 0.9.0 instead of" in held(trial.look())


def test_agent_changed_meanwhile_holds(trial):
    trial.begin("error_rate")
    trial.send(50, fails=EQUAL)
    trial.rows("insert into agent_cards values (repeat('a', 64), %s, '2.0.0', '{}')", AGENT)
    trial.rows("insert into live_agent_versions (agent_id, version, card_sha256, set_by, reason) values (%s, '2.0.0', repeat('a', 64), 'max', 'fix')", AGENT)  # fmt: skip

    assert "2.0.0 is at work, the control is 1.0.0" in held(trial.look())


def test_unpriced_cost_holds_and_is_never_zero(trial):
    trial.begin("error_rate", "cost")
    trial.send(60, fails=EQUAL, cost_usd=lambda arm: None if arm == "B" else 0.02)

    assert "have no price, so cost is unknown, not 0" in held(trial.look())


def test_change_of_prices_holds(trial):
    trial.begin("error_rate", "cost")
    trial.send(40, fails=EQUAL, cost_usd=0.02, price_version="p1")
    trial.send(40, fails=EQUAL, cost_usd=0.02, price_version="p2")

    assert "price table changed from p1 to p2" in held(trial.look())


def test_ratings_of_people_are_outcomes(trial):
    trial.begin("satisfaction", outcome_hours=72, max_blocks=None)
    trial.send(200, fails=EQUAL)
    trial.rows(
        """insert into agent_feedback (agent_id, agent_version, task_id, source, feedback_type, rating, submitted_by, dedupe_key,
            ab_test_id, variant, created_at)
        select agent_id, agent_version, task_id, 'user', 'rating', 4, 'ana', run_key, ab_test_id, variant,
            started_at + interval '1 day' from agent_runs"""
    )
    found = trial.look()

    assert found is not None
    [rated] = [m for m in found.judgement.numbers["metrics"] if m["name"] == "satisfaction"]
    assert (sum(rated["n"].values()), rated["mean"]) == (200, {"A": 4.0, "B": 4.0})


def test_sums_per_arm_are_kept_at_every_look(trial):
    trial.begin("error_rate")
    trial.send(100, fails={"A": 0.5, "B": 0.1})
    trial.look()

    kept = trial.rows("select * from ab_test_metrics where metric = 'error_rate' order by variant")
    units = trial.rows("select variant, count(*) as n, count(*) filter (where outcome = 'error') as failed from agent_runs group by 1 order by 1")  # fmt: skip
    assert [(k["variant"], k["n"], k["sum_value"]) for k in kept] == [
        (u["variant"], u["n"], u["failed"]) for u in units
    ]
