"""From an opportunity to a change that can be tried, by the command line."""

import json

import pytest

AGENT = "audit-fraud-016"


@pytest.fixture(scope="module")
def opportunity(office) -> str:
    [(found,)] = office.ask(
        """insert into improvement_opportunities (agent_id, agent_version, improvement_type, detector, title, description, evidence,
            sample_size, priority, risk_level, fingerprint, metric, began_on, last_seen_on)
        values (%s, '1.0.0', 'prompt', 'low_rating', 'Too many entries to vouch', 'Ratings fell.',
            '[{"kind": "days", "values": [["2026-03-04", 2.0, 3]]}]', 3, 'high', 'high', 'f7', 'satisfaction', '2026-03-01', '2026-03-04') returning opportunity_id::text""",
        AGENT,
    )
    return str(found)


@pytest.fixture(scope="module")
def candidate(office, opportunity) -> str:
    """As a search of half a minute leaves it."""
    [(found,)] = office.ask(
        """insert into improvement_candidates (opportunity_id, agent_id, control_version, way, is_proposed, reason, changes, measure, seed,
            tried, train_tasks, train_score, holdout_tasks, present_score, holdout_score, effect, ci_low, ci_high, missed_more, cost_usd)
        values (%s, %s, '1.0.0', 'search', true, 'better', '{"parameters": {"late_days": 45}}', 'F1', 7, 18, 20, 1, 24, 0.226, 1, 0.774,
            0.519, 0.950, 0, 0) returning candidate_id::text""",
        opportunity, AGENT,
    )  # fmt: skip
    return str(found)


def test_a_candidate_says_what_it_is_worth_and_how_it_is_tried(office, opportunity, candidate):
    """What was looked for is not looked for again; where the agent's risk is high, no experiment on work is offered."""
    found = office.answer("candidates", "propose", opportunity[:8])
    [listed] = office.answer("candidates", "list")["candidates"]
    shown = office.command("candidates", "show", candidate[:8])

    assert listed == found
    assert (found["candidate_id"], found["is_proposed"]) == (candidate, True)
    assert "hold-out: 0.226 now, 1.000 then, on 24 tasks that chose nothing" in shown.out
    assert "+0.774 [+0.519, +0.950] at 95 %" in shown.out
    assert f"its risk is high; it goes on by: prisma-assets deployment propose {AGENT}" in shown.err
    assert f"--opportunity {opportunity}" in shown.err
    assert "--evidence FILE" in shown.err
    assert json.dumps(found["changes"]["parameters"]) in shown.err
    assert "+0.774" in office.command("candidates", "list").out


def test_mistakes_are_one_sentence(office, opportunity):
    for arguments, said in (
        (("propose", "zzz"), "no opportunity has an id that begins with 'zzz'"),
        (("show", "zzz"), "no candidate has an id that begins with 'zzz'"),
    ):
        told = office.command("candidates", *arguments)
        assert (told.code, told.out) == (2, "")
        assert said in told.err
