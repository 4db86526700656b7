"""Runs of real agents, in the columns their publishers chose, through the mappings in docs/examples."""

from datetime import UTC, datetime
from pathlib import Path

import pytest

from prisma_assets.command.row_file import read_rows
from prisma_assets.domain.learning.agent_run import AgentRun, read_run
from prisma_assets.domain.learning.run_mapping import check_columns, read_mapping
from prisma_assets.learning.run_intake import priced

pytestmark = pytest.mark.real_data

MAPPINGS = Path(__file__).parents[2] / "docs/examples/mappings"
NOW = datetime(2026, 11, 1, tzinfo=UTC)


@pytest.fixture
def read(shared_data):
    """The runs of a file by a mapping; every row must be one."""

    def runs(file: str, mapping: str) -> list[AgentRun]:
        path = MAPPINGS / f"{mapping}.yaml"
        how = read_mapping(path.read_text(encoding="utf-8"), file=path.name)
        rows = read_rows(shared_data / "agent_runs" / file, lambda names: check_columns(how, names))
        agents = frozenset({"audit-plan-012"})
        return [
            priced(read_run(how.values(row.values), agents=agents, now=NOW))
            for row in rows
            if row.values is not None and how.is_run(row.values)
        ]

    return runs


def test_function_calls_of_41_models(read):
    runs = read("bfcl_runs.parquet", "function_calls")

    assert len({run.run_key for run in runs}) == len(runs) == 69_700
    assert len({run.agent_version for run in runs}) == 41
    assert sum(run.outcome == "ok" for run in runs) == 48_454
    assert sum(run.duration_ms is not None for run in runs) == 52_698
    assert all(run.error_type is None for run in runs if run.outcome == "ok")
    assert all((run.tokens_in is None) == (run.duration_ms is None) for run in runs)


def test_fine_tuned_model_whose_cost_is_0_is_unpriced(read):
    """The publisher's price list did not know it; it did not work for nothing."""
    runs = read("tau2_runs.csv", "tau2")

    tuned = [run for run in runs if run.agent_version == "gpt-4.1-SFT"]
    plain = [run for run in runs if run.agent_version == "gpt-4.1"]
    assert (len(tuned), len(plain)) == (60, 60)
    assert {run.cost_usd for run in tuned} == {None}
    assert float(sum(run.cost_usd or 0 for run in plain)) / 60 == pytest.approx(0.044531, abs=1e-6)
    assert all(run.price_version is None for run in plain)


def test_airline_trials_are_runs_of_their_own(read):
    runs = read("taubench_airline_runs.csv", "taubench")

    assert len({run.run_key for run in runs}) == len(runs) == 150
    assert len({run.task_id for run in runs}) == 50
    assert {run.cost_usd for run in runs} == {None}


def test_failures_keep_who_failed_and_nothing_anybody_wrote(read):
    runs = read("failure_attribution.jsonl.gz", "failure_attribution")

    assert len({run.run_key for run in runs}) == len(runs) == 126
    assert {(run.outcome, run.accuracy) for run in runs} == {("error", 0.0)}
    assert "Excel_Expert:0" in {run.error_type for run in runs}


def test_messages_of_users_and_tools_are_no_runs(read):
    runs = read("tau2_steps.csv", "tau2_steps")

    assert len({run.run_key for run in runs}) == len(runs) == 1581
    assert len({run.task_id for run in runs}) == 120


@pytest.mark.parametrize(
    ("file", "mapping"),
    [("tau2_runs.csv", "tau2"), ("taubench_airline_runs.csv", "taubench")],
)
def test_masking_leaves_the_ids_of_tasks_alone(read, file, mapping):
    assert not any("REDACTED" in (run.task_id or "") for run in read(file, mapping))
