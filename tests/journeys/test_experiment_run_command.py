"""`prisma-assets experiment create|start|list|show|evaluate|report|stop` as people use it, and the Python API that does the same."""

import json

import pytest

AGENT = "audit-analytics-017"
SOUND = """
name: fewer entries
hypothesis: A shorter list of journal entries is read to its end.
agent: audit-analytics-017
changes:
  parameters: {selection_handed_on: 200}
metrics: [satisfaction, response_time]
risk: medium
"""


@pytest.fixture
def run(mistake):
    def command(*arguments):
        said = mistake("experiment", *arguments, "--json")
        return said.code, json.loads(said.out) if said.code == 0 else said.err

    return command


def test_experiment_from_a_file_is_declared_started_judged_told_and_stopped(run, tmp_path):
    file = tmp_path / "experiment.yaml"
    file.write_text(SOUND, encoding="utf-8")

    code, made = run("create", file, "--as", "ana", "--guardrail", "error_rate:0.02")
    assert (code, made["status"], made["assignment_unit"]) == (0, "draft", "engagement")
    assert {m["name"]: (m["role"], m["margin"]) for m in made["metric_plan"]} == {
        "satisfaction": ("primary", 0.1),
        "response_time": ("secondary", 0.1),
        "error_rate": ("guardrail", 0.02),
    }
    code, said = run("start", made["id"], "--as", "ana", "--role", "MANAGER")
    assert (code, "somebody else has to approve it" in said) == (2, True)
    code, started = run("start", made["id"], "--as", "max", "--role", "MANAGER")
    assert (code, started["status"], started["approved_by"]) == (0, "running", "max")

    _, judged = run("evaluate", made["id"])
    assert [(e["id"], e["verdict"]) for e in judged["experiments"]] == [
        (made["id"], "inconclusive")
    ]
    _, told = run("report", made["id"], "--out", tmp_path / "told")
    assert "## Verdict: inconclusive" in told["markdown"]
    assert (tmp_path / "told" / "report.md").read_text(encoding="utf-8") == told["markdown"]
    code, said = run("report", made["id"], "--png", tmp_path / "told.png")
    assert (code, "has compared nothing so far" in said) == (2, True)
    assert not (tmp_path / "told.png").exists()
    _, stopped = run("stop", made["id"], "--as", "max", "--reason", "trial over")
    assert (stopped["status"], stopped["decision_notes"]) == ("aborted", "trial over")
    _, listed = run("list", "--agent", AGENT, "--status", "aborted")
    assert [e["id"] for e in listed["experiments"]] == [made["id"]]
    assert run("show", made["id"])[1] == stopped


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (["--metric", "happiness"], "nobody records the metric 'happiness'"),
        (["--metric", "error_rate", "--split", "1.2"], "the split is 1.2"),
        (["--metric", "error_rate", "--change", "autonomy=L3"], "may not change 'autonomy'"),
        (["--metric", "error_rate", "--change", "prompt"], "write KEY=VALUE"),
        (["--metric", "error_rate:much"], "the margin 'much' is no number"),
        (["--metric", "error_rate", "--opportunity", "none"], "no opportunity has the id none"),
    ],
    ids=["metric", "split", "key", "no value", "margin", "opportunity"],
)
def test_wrong_declaration_is_one_sentence_and_exit_2(run, options, said):
    code, error = run("create", "--agent", AGENT, "--name", "n", "--hypothesis", "h", *options)

    assert code == 2
    assert said in error


def test_misspelt_key_of_a_file_is_named_with_its_line(run, tmp_path):
    file = tmp_path / "experiment.yaml"
    file.write_text(SOUND.replace("metrics:", "metrix:"), encoding="utf-8")

    code, error = run("create", file)

    assert code == 2
    assert "experiment.yaml:7" in error
    assert "metrics" in error
