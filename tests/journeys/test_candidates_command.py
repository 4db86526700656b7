"""From an opportunity to a change that can be tried, by the command line."""

import json

import pytest

AGENT = "audit-fraud-016"


@pytest.fixture(scope="module")
def opportunity(office) -> str:
    [(found,)] = office.ask(
        """insert into improvement_opportunities (agent_id, agent_version, improvement_type, detector, title, description, evidence,
            sample_size, priority, risk_level, fingerprint, metric, began_on, last_seen_on)
        values (%s, '1.0.0', 'prompt', 'low_rating', 'Too many entries to vouch', 'Ratings fell.', '[]', 3, 'high', 'high', 'f7',
            'satisfaction', '2026-03-01', '2026-03-04') returning opportunity_id::text""",
        AGENT,
    )
    return str(found)


@pytest.mark.slow
def test_a_search_finds_criteria_that_hold_on_fresh_books(office, opportunity):
    """Half the sound entries people vouch come of flags that are too wide; the change says how it is tried."""
    found = office.answer("candidates", "propose", opportunity[:8])
    [listed] = office.answer("candidates", "list")["candidates"]
    shown = office.command("candidates", "show", found["candidate_id"][:8])

    assert listed == found
    assert (found["agent_id"], found["is_proposed"], found["missed_more"]) == (AGENT, True, 0)
    assert found["ci_low"] > 0
    assert (found["train_tasks"], found["holdout_tasks"]) == (16, 20)
    assert set(found["changes"]["parameters"]) == {"late_days", "listed_minimum", "listed_share_pct", "round_minimum"}  # fmt: skip
    assert "on 20 tasks that chose nothing" in shown.out
    assert f"--opportunity {opportunity}" in shown.err
    assert json.dumps(found["changes"]["parameters"]) in shown.err


def test_mistakes_are_one_sentence(office, opportunity):
    for arguments, said in (
        (("propose", "zzz"), "no opportunity has an id that begins with 'zzz'"),
        (("show", "zzz"), "no candidate has an id that begins with 'zzz'"),
    ):
        told = office.command("candidates", *arguments)
        assert (told.code, told.out) == (2, "")
        assert said in told.err
