"""`prisma-assets alerts` as people use it: what is wrong, who looks after it, and quiet for a reason."""

import json

import psycopg
import pytest

AGENT = "audit-plan-012"


@pytest.fixture
def run(mistake, empty_office_url):
    """The command's answer; afterwards the database of the mistakes holds no alert again."""

    def command(*arguments):
        said = mistake("alerts", *arguments, "--json")
        assert said.code == 0, said.err
        return json.loads(said.out)

    yield command
    with psycopg.connect(empty_office_url) as connection:
        for table in ("agent_runs", "agent_monitoring_alerts", "alert_rules", "alert_rule_states", "alert_silences"):  # fmt: skip
            connection.execute(f"delete from {table}")
        connection.execute("delete from notifications")


@pytest.fixture
def failing_agent(empty_office_url):
    with psycopg.connect(empty_office_url) as connection:
        connection.execute(
            "insert into agent_runs (run_key, source, agent_id, started_at, outcome, recorded_at)"
            " select 'alerts' || g, 'file', %s, now() - g * interval '1 second', 'error', now() from generate_series(1, 30) g",
            (AGENT,),
        )


def test_an_alert_is_found_taken_over_and_ended(run, failing_agent):
    assert run("check")["opened"] == 1
    (row,) = run("list")["alerts"]
    assert (row["rule_id"], row["agent_id"], row["status"]) == (
        "error_rate_critical",
        AGENT,
        "open",
    )

    assert run("ack", row["alert_id"], "--as", "pat")["state"] == "acknowledged"
    assert run("show", row["alert_id"])["acknowledged_by"] == "pat"
    run("resolve", row["alert_id"], "--as", "pat", "--reason", "provider is back")
    assert run("list")["alerts"] == []
    assert run("list", "--status", "resolved")["alerts"][0]["resolution"] == "provider is back"


def test_silenced_it_is_kept_but_told_to_nobody(run, failing_agent, empty_office_url):
    number = run("silence", "--agent", AGENT, "--for", "2h", "--as", "pat", "--reason", "drill")["silence_id"]  # fmt: skip

    run("check")

    assert [row["status"] for row in run("list")["alerts"]] == ["suppressed"]
    with psycopg.connect(empty_office_url) as connection:
        assert connection.execute("select count(*) from notifications").fetchone() == (0,)
    run("unsilence", number)
    assert run("check")["unsilenced"] == 1


def test_a_rule_is_set_listed_and_ended(run):
    rule = run("add-rule", "--metric", "cost_usd", "--threshold", "50", "--condition", "pct_change", "--as", "pat")  # fmt: skip
    assert rule["id"] in [each["id"] for each in run("rules")["rules"]]

    run("end-rule", rule["id"], "--as", "pat")
    assert rule["id"] not in [each["id"] for each in run("rules")["rules"]]


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (["list", "--status", "broken"], "--status is active"),
        (["show", "nonsense"], "no alert has the id nonsense"),
        (
            ["silence", "--as", "pat", "--reason", "drill"],
            "a silence is about a rule, an agent or both",
        ),
        (
            ["silence", "--rule", "none", "--as", "pat", "--reason", "drill"],
            "no rule is called 'none'",
        ),
        (
            ["silence", "--agent", AGENT, "--for", "soon", "--as", "p", "--reason", "d"],
            "such as 30m, 8h or 5d",
        ),
        (["unsilence", "99"], "no silence 99 is in force"),
        (
            ["add-rule", "--metric", "speed", "--threshold", "1", "--as", "pat"],
            "called 'speed'",
        ),
        (["end-rule", "slow_p95", "--as", "pat"], "nobody has set a rule slow_p95"),
    ],
    ids=lambda value: "" if isinstance(value, str) else " ".join(value[:3]),
)
def test_a_mistake_is_one_sentence(mistake, arguments, sentence):
    said = mistake("alerts", *arguments)

    assert (said.code, said.out) == (2, "")
    assert sentence in said.sentence
