"""Sign-offs: who may sign, in which order, and what decisions add up to."""

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from prisma_assets.domain.workflow.sign_off import (
    Approved,
    ChangesRequested,
    GivenDecision,
    Refused,
    Rejected,
    Waiting,
    add_up,
    is_agent,
    role_to_sign,
)


def decision(user, *roles, kind="approve", role=None):
    return GivenDecision(
        user=user, roles=frozenset(roles), decision=kind, comment="because", role=role
    )


PAT, PIA, MAX = decision("pat", "PARTNER"), decision("pia", "PARTNER"), decision("max", "MANAGER")


@pytest.mark.parametrize(
    ("required", "decisions", "in_turn", "expected"),
    [
        (["PARTNER"], [], False, Waiting(roles=("PARTNER",))),
        (["PARTNER"], [PAT], False, Approved(by=(("PARTNER", "pat"),))),
        (["PARTNER", "PARTNER"], [PAT, PAT], False, Waiting(roles=("PARTNER",))),
        (
            ["PARTNER", "PARTNER"],
            [PAT, PIA],
            False,
            Approved(by=(("PARTNER", "pat"), ("PARTNER", "pia"))),
        ),
        (["MANAGER", "PARTNER"], [PAT], True, Waiting(roles=("MANAGER",))),
        (
            ["MANAGER", "PARTNER"],
            [PAT, MAX, PAT],
            True,
            Approved(by=(("MANAGER", "max"), ("PARTNER", "pat"))),
        ),
        (["MANAGER"], [PAT], False, Waiting(roles=("MANAGER",))),
        (
            ["PARTNER"],
            [decision("pat", "PARTNER", kind="reject")],
            False,
            Rejected(user="pat", comment="because"),
        ),
        (
            ["PARTNER"],
            [decision("max", "MANAGER", kind="reject")],
            False,
            Waiting(roles=("PARTNER",)),
        ),
        (
            ["PARTNER"],
            [decision("pat", "PARTNER", kind="changes")],
            False,
            ChangesRequested(user="pat", comment="because"),
        ),
    ],
    ids=[
        "none",
        "one",
        "same-person-twice",
        "two-people",
        "out-of-turn",
        "in-turn",
        "wrong-role",
        "reject",
        "reject-by-stranger",
        "changes",
    ],
)
def test_decisions_add_up(required, decisions, in_turn, expected):
    assert add_up(required, decisions, in_turn=in_turn) == expected


def stand_in(user, *roles, kind="approve"):
    return replace(decision(user, *roles, kind=kind), may_stand_in=True)


@pytest.mark.parametrize(
    ("required", "decisions", "expected"),
    [
        (["MANAGER"], [stand_in("pat", "PARTNER")], Approved(by=(("MANAGER", "pat"),))),
        (["MANAGER", "PARTNER"], [stand_in("pat", "PARTNER")], Waiting(roles=("MANAGER",))),
        (
            ["MANAGER", "PARTNER"],
            [stand_in("pat", "PARTNER"), stand_in("pia", "PARTNER")],
            Approved(by=(("PARTNER", "pat"), ("MANAGER", "pia"))),
        ),
        (["MANAGER", "MANAGER"], [stand_in("pat", "PARTNER")] * 2, Waiting(roles=("MANAGER",))),
        (["MANAGER"], [stand_in("prep", "PARTNER")], Waiting(roles=("MANAGER",))),
        (["EQR"], [stand_in("pat", "PARTNER")], Waiting(roles=("EQR",))),
        (["EQR", "MANAGER"], [stand_in("pat", "PARTNER")], Waiting(roles=("EQR",))),
        (
            ["MANAGER"],
            [stand_in("pat", "PARTNER", kind="reject")],
            Rejected(user="pat", comment="because"),
        ),
    ],
    ids=[
        "in place",
        "own role first",
        "two people",
        "one person once",
        "preparer",
        "never the reviewer",
        "beside the reviewer",
        "reject",
    ],
)
def test_after_an_escalation_others_stand_in_and_the_rules_hold(required, decisions, expected):
    assert add_up(required, decisions, in_turn=False, preparer="prep") == expected


def test_the_clock_rejects_what_was_not_decided_before():
    clock = GivenDecision(
        user="the clock", roles=frozenset(), decision="reject", comment="late", is_clock=True
    )

    assert add_up(["PARTNER"], [clock, PAT], in_turn=False) == Rejected(
        user="the clock", comment="late"
    )
    assert add_up(["PARTNER"], [PAT, clock], in_turn=False) == Approved(by=(("PARTNER", "pat"),))


def test_the_preparer_never_approves():
    """Four-eyes: who prepared the file may not sign it, whatever role they hold."""
    assert add_up(["PARTNER"], [PAT], in_turn=False, preparer="pat") == Waiting(roles=("PARTNER",))


@pytest.mark.parametrize(
    ("given_decision", "reason"),
    [
        (decision("agent"), "not on the engagement's team"),
        (decision("max", "MANAGER"), "now needs PARTNER"),
        (decision("pat", "PARTNER", role="EQR"), "does not hold the role EQR"),
        (decision("prep", "PARTNER"), "prepared this file"),
        (decision("audit-plan-012", "PARTNER"), "agents and service accounts never sign"),
        (decision("robot", "PARTNER", "SERVICE_ACCOUNT"), "agents and service accounts never sign"),
    ],
)
def test_a_refusal_says_why(given_decision, reason):
    refused = role_to_sign(["PARTNER"], given_decision, in_turn=False, preparer="prep", signed=[])

    assert isinstance(refused, Refused)
    assert reason in refused.reason


@pytest.mark.parametrize("in_turn", [False, True])
def test_nothing_is_left_to_sign_once_everybody_has(in_turn):
    """Between the last signature and the run that goes on, a person may still look, or try."""
    late = GivenDecision(user="ann", roles=frozenset({"PARTNER"}), decision="approve")
    refused = role_to_sign([], late, in_turn=in_turn, preparer="prep", signed=["pat"])
    assert isinstance(refused, Refused)
    assert "is given" in refused.reason


@pytest.mark.parametrize(
    ("user", "expected"),
    [("audit-plan-012", True), ("tax-corp-eu-022", True), ("p.marlowsby", False), ("anna-lee-12", False), ("anna-012", False)],
)  # fmt: skip
def test_an_agents_id_is_told_by_its_form(user, expected):
    assert is_agent(user) == expected


ROLES = st.sampled_from(["PARTNER", "MANAGER", "EQR"])


@given(
    st.lists(ROLES, min_size=1, max_size=4),
    st.lists(st.builds(decision, st.sampled_from("abcde"), ROLES), max_size=8),
    st.booleans(),
)
def test_an_approval_has_one_person_per_signature(required, decisions, in_turn):
    """However decisions arrive, an approval never counts a person twice or a role nobody holds."""
    state = add_up(required, decisions, in_turn=in_turn)

    if isinstance(state, Approved):
        users = [u for _, u in state.by]
        assert len(set(users)) == len(users) == len(required)
        assert sorted(r for r, _ in state.by) == sorted(required)
