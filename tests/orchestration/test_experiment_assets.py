"""Experiments as assets: on a real Dagster instance and database, from reported runs to a verdict and a page."""

import json
from datetime import UTC, datetime, timedelta

import dagster as dg
import psycopg
import pytest
from psycopg.rows import dict_row

from prisma_assets.assets.experiment import experiment_assets
from prisma_assets.domain.experiments.assignment import is_treated
from prisma_assets.domain.experiments.plan import planned_metrics
from prisma_assets.domain.experiments.running import metric_json
from resources.learning import LEARNING_DATABASE, LearningDatabase

AGENT = "audit-doc-044"
TEST = "00000000-0000-4000-8000-0000000000c1"
START = datetime.now(UTC) - timedelta(days=9)


@pytest.fixture
def database(firm_url):
    with psycopg.connect(firm_url, autocommit=True, row_factory=dict_row) as connection:
        connection.execute("truncate ab_tests, agent_runs, experiment_exposures, experiment_states, ab_test_metrics, experiment_verdicts cascade")  # fmt: skip
        yield connection


def begin(database, *, units: int, fails: dict[str, int]) -> None:
    """An experiment of nine days whose units failed once in so many."""
    metrics = json.dumps([metric_json(m) for m in planned_metrics(["error_rate"])])
    database.execute(
        """insert into ab_tests (ab_test_id, agent_id, name, hypothesis, control_version, treatment_version, variant_b_changes,
            assignment_unit, assignment_salt, metrics, primary_metric, metric_plan, risk_level, status, started_at, created_by,
            min_samples_per_variant, max_blocks)
        values (%s, %s, 'brief', 'Shorter notes.', '1.0.0', '1.0.0-b.1', '{"prompt": "x"}', 'task', 'salt', '{error_rate}', 'error_rate',
            %s, 'low', 'running', %s, 'ana', 50, 400)""",
        (TEST, AGENT, metrics, START),
    )
    seen = {"A": 0, "B": 0}
    for number in range(units):
        arm = "B" if is_treated(f"t{number}", salt="salt", split=0.5) else "A"
        seen[arm] += 1
        outcome = "error" if seen[arm] % fails[arm] == 0 else "ok"
        at = START + timedelta(minutes=10 * number)
        database.execute(
            """insert into agent_runs (run_key, source, agent_id, agent_version, task_id, started_at, outcome, duration_ms, ab_test_id,
                variant, recorded_at) values (%s, 'api', %s, %s, %s, %s, %s, 5, %s, %s, %s)""",
            (f"r{number}", AGENT, "1.0.0-b.1" if arm == "B" else "1.0.0", f"t{number}", at, outcome, TEST, arm, at),
        )  # fmt: skip


def materialised(instance, url: str, *names: str):
    chosen = [a for a in experiment_assets() if not names or a.key.to_user_string() in names]
    resources = {LEARNING_DATABASE: LearningDatabase(url=url)}
    return dg.materialize(chosen, instance=instance, resources=resources, raise_on_error=False)


def test_reported_runs_become_a_verdict_and_a_page(instance, firm_url, database):
    begin(database, units=900, fails={"A": 2, "B": 20})
    # Exposures are stamped when they are read, and the last of them has to be an hour old.
    assert materialised(instance, firm_url, "experiment_exposures").success
    database.execute("update experiment_exposures set recorded_at = first_exposed_at")
    done = materialised(instance, firm_url)

    assert done.success
    assert all(check.passed for check in done.get_asset_check_evaluations())
    [verdict] = database.execute("select * from experiment_verdicts").fetchall()
    assert (verdict["verdict"], verdict["units"]) == ("adopt", 900)
    [test] = database.execute("select status, decision from ab_tests").fetchall()
    assert test == {"status": "completed", "decision": "adopt_treatment"}
    [kept] = database.execute("select count(*) as n from ab_test_metrics where metric = 'error_rate' and is_final").fetchall()  # fmt: skip
    assert kept["n"] == 2
    (shown,) = done.asset_materializations_for_node("experiment_report")
    page = shown.metadata["reports"].value
    assert "# Experiment: brief" in page
    assert "## Verdict: adopt" in page
    assert "data:image/png;base64," in page


def test_broken_sums_stop_before_a_verdict(instance, firm_url, database):
    begin(database, units=40, fails={"A": 2, "B": 2})
    materialised(instance, firm_url, "experiment_exposures")
    database.execute("update experiment_exposures set recorded_at = first_exposed_at")
    materialised(instance, firm_url, "experiment_metrics")
    database.execute(
        "update experiment_states set state = jsonb_set(state, '{sums,error_rate,A}', '[3, 9, 1, 0]')"
    )
    done = materialised(instance, firm_url)

    assert not done.success
    assert database.execute("select 1 from experiment_verdicts").fetchall() == []


def test_no_experiment_is_no_failure(instance, firm_url, database):
    done = materialised(instance, firm_url)

    assert done.success
    (shown,) = done.asset_materializations_for_node("experiment_report")
    assert shown.metadata["reports"].value == "no experiment runs"
