"""Real controlled experiments and real agent runs, judged as running experiments."""

import json
import subprocess
import sys
from collections import Counter

import pytest

pytestmark = pytest.mark.real_data


@pytest.fixture
def analyse():
    def run(file, *options):
        command = [sys.executable, "-m", "prisma_assets.cli", "experiment", "analyse", file, *options, "--json"]  # fmt: skip
        done = subprocess.run([*map(str, command)], capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stderr
        return json.loads(done.stdout)["experiments"]

    return run


def test_a_shops_experiments_are_mostly_inconclusive(analyse, shared_data):
    """42 comparisons of 34 experiments: few lifts are real; where units vanish or the ratio is off, nothing is said."""
    found = analyse(shared_data / "experiments" / "asos_experiments.csv")

    words = Counter(e["verdict"] for e in found)
    assert len(found) == 42
    assert words["inconclusive"] > 20
    assert 2 <= words["adopt"] <= 10
    assert {e["reason"][:30] for e in found if e["verdict"] == "hold"} <= {
        "units do not reach the arms in", "the treatment's units fall fro", "the control's units fall from ",
    }  # fmt: skip


def test_a_fine_tuned_model_without_a_price_is_held(analyse, shared_data):
    (one,) = analyse(
        shared_data / "agent_runs" / "tau2_runs.csv", "--arm", "model", "--paired-by", "domain,task_id",
        "--metric", "reward", "--metric", "agent_cost_usd:cost", "--guardrail", "agent_cost_usd", "--max-n", 60,
    )  # fmt: skip

    assert one["shown"] == "hold (units have no price, so agent_cost_usd is unknown, not 0)"


def test_its_rewards_alone_decide_nothing(analyse, shared_data):
    """60 tasks, 44 against 47 solved: too few for a difference of 3 points, and that is said."""
    (one,) = analyse(
        shared_data / "agent_runs" / "tau2_runs.csv", "--arm", "model", "--paired-by", "domain,task_id",
        "--metric", "reward", "--metric", "duration_s:latency", "--max-n", 60,
    )  # fmt: skip

    assert (one["verdict"], one["power"]["is_underpowered"]) == ("keep control", True)
    assert one["metrics"][0]["effect"] == pytest.approx(3 / 60)
    assert one["metrics"][0]["low"] < 0 < one["metrics"][0]["high"]


def test_trials_of_the_same_agent_do_not_differ(analyse, shared_data):
    (one,) = analyse(
        shared_data / "agent_runs" / "taubench_airline_runs.csv", "--arm", "trial", "--paired-by", "task_id",
        "--control", 0, "--treatment", 1, "--metric", "reward", "--max-n", 50,
    )  # fmt: skip

    assert one["verdict"] == "keep control"
    assert one["metrics"][0]["low"] < 0 < one["metrics"][0]["high"]


def test_a_far_better_model_is_adopted_after_a_part_of_the_tasks(analyse, shared_data):
    """gpt-4-0613-FC solves 56 % of the calls, gpt-4-0125-preview 88 %."""
    (one,) = analyse(
        shared_data / "agent_runs" / "bfcl_runs.parquet", "--arm", "model", "--paired-by", "task_id",
        "--control", "gpt-4-0613-FC", "--treatment", "gpt-4-0125-preview", "--metric", "valid", "--max-n", 1700,
    )  # fmt: skip

    assert one["verdict"] == "adopt"
    assert one["fell_at"]["treated"] < 400
    assert one["metrics"][0]["low"] < 0.324 < one["metrics"][0]["high"]
