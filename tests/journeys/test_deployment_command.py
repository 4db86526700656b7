"""A change of an agent as people lead it to its work by command, and the one line from a rating to its effect."""

import json

import pytest

AGENT = "audit-control-015"
HIGH = "audit-report-021"
CHANGE = json.dumps({"prompt": "Name the control before its deviation."})
SAID = [
    f"{AGENT},user,rating,2,walkthrough,jane,I cannot tell which control it means,2026-03-02T10:00:00Z",
    f"{AGENT},manager,rating,1,walkthrough,max,Which control?,2026-03-03T10:00:00Z",
    f"{AGENT},user,rating,5,walkthrough,joe,clear,2026-03-03T11:00:00Z",
]


@pytest.fixture(scope="module")
def feedback(office, tmp_path_factory) -> dict[str, str]:
    """Ratings, stored; ids by comment."""
    file = tmp_path_factory.mktemp("said") / "feedback.csv"
    head = "agent_id,source,feedback_type,rating,task_id,submitted_by,comment,created_at"
    file.write_text("\n".join([head, *SAID]) + "\n", encoding="utf-8")
    assert office.answer("feedback", "import", file)["accepted"] == len(SAID)
    found = office.answer("feedback", "list", "--agent", AGENT)["feedback"]
    return {row["comment"]: str(row["feedback_id"]) for row in found}


@pytest.fixture(scope="module")
def opportunity(office, feedback) -> str:
    """What the nightly look finds of such ratings; a rating of three pieces of feedback alone would be too few for it."""
    import psycopg

    with psycopg.connect(office.database_url, autocommit=True) as connection:
        row = connection.execute(
            """insert into improvement_opportunities (agent_id, agent_version, improvement_type, detector, title, description, evidence,
                sample_size, priority, risk_level, fingerprint, metric, began_on, last_seen_on)
            values (%s, '1.0.0', 'prompt', 'low_rating', 'People are less satisfied', 'Ratings fell.',
                '[{"kind": "days", "values": [["2026-03-04", 2.0, 3]]}]', 3, 'high', 'low', 'f1',
                'satisfaction', '2026-03-01', '2026-03-04') returning opportunity_id""",
            (AGENT,),
        ).fetchone()
    assert row is not None
    return str(row[0])


def test_a_change_goes_from_a_rating_to_work_and_back(office, feedback, opportunity):
    """Proposed, begun, paused, taken back; the line is the same from either end, as JSON and as a page."""
    begun = office.answer(
        "deployment", "propose", AGENT, "--by", "ana", "--changes", CHANGE, "--reason", "name controls",
        "--opportunity", opportunity,
    )  # fmt: skip
    assert (begun["stage"], begun["traffic_pct"], begun["risk_level"]) == ("canary", 5, "low")
    version, found = begun["to_version"], begun["deployment_id"]
    paused = office.answer("deployment", "pause", found, "--by", "max", "--reason", "month end")
    assert paused["paused_by"] == "max"
    looked = office.answer("deployment", "advance", found)
    assert looked["traffic_pct"] == 5

    back = office.answer("deployment", "rollback", found, "--by", "max", "--reason", "odd wording")
    assert (back["stage"], back["rollback_reason"]) == ("rolled_back", "odd wording")
    assert [event["what"] for event in back["history"]] == ["proposed", "began", "paused", "breach", "rolled back"]  # fmt: skip

    [line] = office.answer("lineage", version, "--agent", AGENT)["versions"]
    assert line["version"]["opportunity"] == "People are less satisfied"
    assert line["feedback_total"] == 2
    assert {f["feedback_id"] for f in line["feedback"]} == {
        feedback["I cannot tell which control it means"], feedback["Which control?"],
    }  # fmt: skip
    onward = office.answer("lineage", feedback["Which control?"])
    assert [v["version"] for v in onward["versions"]] == [version]
    assert onward["versions"][0]["deployments"][0]["rollback_reason"] == "odd wording"
    nowhere = office.command("lineage", feedback["clear"])
    assert "It is part of no opportunity so far." in nowhere.out

    listed = office.command("deployment", "list").out
    assert AGENT in listed
    assert "rolled_back" in listed
    page = office.command("lineage", version).out
    assert "People are less satisfied (identified), from 2 pieces of feedback:" in page
    assert "rolled_back at 0 %: odd wording" in page
    assert "no data" in office.command("deployment", "ledger").out


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("propose", "audit-contro-015", "--by", "ana", "--changes", "{}"), "audit-control-015"),
        (("propose", AGENT, "--by", "ana"), "give either --version or --changes"),
        (("propose", AGENT, "--by", "ana", "--changes", "{prompt"), "--changes is no JSON object"),
        (("propose", AGENT, "--by", "ana", "--changes", "[]"), "--changes is a JSON object"),
        (("propose", AGENT, "--by", "ana", "--changes", CHANGE), "say what the change is for"),
        (("propose", AGENT, "--by", "ana", "--reason", "x", "--changes", '{"name": "Bob"}'), "may not change 'name'"),
        (("propose", AGENT, "--by", "ana", "--reason", "x", "--changes", CHANGE, "--risk", "tiny"), "--risk is low, medium or high"),
        (("propose", AGENT, "--by", "ana", "--reason", "x", "--changes", CHANGE, "--opportunity", "11111111-1111-4111-8111-111111111111"),
         "has no opportunity 11111111"),
        (("propose", HIGH, "--by", "ana", "--version", "9.9.9"), "has no proposed version 9.9.9"),
        (("propose", HIGH, "--by", "ana", "--version", "9.9.9", "--evidence", "nowhere.json"), "nowhere.json cannot be read"),
        (("show", "nonsense"), "no deployment has the id nonsense; the latest: there is none yet"),
        (("approve", "nonsense", "--by", "max", "--role", "MANAGER"), "no deployment has the id nonsense"),
        (("rollback", "nonsense", "--by", "max", "--reason", "odd"), "no deployment has the id nonsense"),
    ],
)  # fmt: skip
def test_mistakes_are_one_sentence(mistake, arguments, said):
    """Exit status 2, nothing stored."""
    ended = mistake("deployment", *arguments)
    assert (ended.code, said in ended.sentence) == (2, True), ended.sentence


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("lineage", "9.9.9"), "nobody proposed a version 9.9.9"),
        (("lineage", "11111111-1111-4111-8111-111111111111"), "no feedback has the id 11111111"),
        (("budget", "set", "moon", "--limit", "5", "--by", "a", "--reason", "b"), "'moon' is nothing a budget can be for"),
        (("budget", "set", "client", "--limit", "5", "--by", "a", "--reason", "b"), "'client' is nothing a budget can be for"),
        (("budget", "set", "firm", "--limit", "-5", "--by", "a", "--reason", "b"), "not '-5'"),
        (("budget", "set", "firm", "--limit", "much", "--by", "a", "--reason", "b"), "not 'much'"),
        (("budget", "set", "firm", "--limit", "5", "--by", "a", "--reason", " "), "give --by and --reason"),
        (("budget", "set", "firm", "--limit", "5", "--by", "a", "--reason", "b", "--period", "day"), "--period is month or whole"),
        (("budget", "set", "agent:audit-pan-012", "--limit", "5", "--by", "a", "--reason", "b"), "audit-plan-012"),
        (("budget", "override", "nonsense", "--by", "a", "--reason", "b"), "no budget nonsense is in force"),
        (("budget", "end", "nonsense", "--by", "a", "--reason", "b"), "no budget nonsense is in force"),
    ],
)  # fmt: skip
def test_mistakes_about_lineage_and_budgets(mistake, arguments, said):
    """Exit status 2, nothing stored."""
    ended = mistake(*arguments)
    assert (ended.code, said in ended.sentence) == (2, True), ended.sentence


def test_a_budget_by_command(office):
    """Set, seen, overridden, ended."""
    set_ = ("--by", "pat", "--reason", "audit season")
    budget_id = office.answer("budget", "set", "client:acme", "--limit", "250", *set_)["budget_id"]
    assert (
        office.answer("budget", "set", "client:acme", "--limit", "300", *set_)["budget_id"]
        == budget_id
    )
    [row] = office.answer("budget", "list")["budgets"]
    assert (row["level"], row["scope"], float(row["limit_usd"])) == ("client", "acme", 300.0)
    [row] = office.answer("budget", "override", budget_id, *set_)["budgets"]
    assert row["overridden_by"] == "pat"
    assert office.answer("budget", "end", budget_id, *set_)["budgets"] == []
