"""The decision rule for the opinion, ground by ground."""

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from prisma_assets.domain.audit.opinion import (
    KEY_PROCEDURES,
    SEVERITY,
    OpinionFacts,
    decide,
    gaps,
    required_sections,
)

CLEAN = OpinionFacts(
    overall_cents=1_000,
    uncorrected_cents=0,
    gaps=(),
    has_foundation=True,
    misstatement_is_pervasive=False,
    scope_is_pervasive=False,
    going_concern="STABLE",
    going_concern_disclosed=None,
)


@pytest.mark.parametrize(
    ("changes", "opinion"),
    [
        ({}, "UNMODIFIED"),
        ({"uncorrected_cents": 999}, "UNMODIFIED"),
        ({"uncorrected_cents": 1_000}, "QUALIFIED"),
        ({"uncorrected_cents": 1_000, "misstatement_is_pervasive": True}, "ADVERSE"),
        ({"uncorrected_cents": 999, "misstatement_is_pervasive": True}, "UNMODIFIED"),  # pervasive but immaterial
        ({"uncorrected_cents": 10**9}, "QUALIFIED"),  # a ratio never makes it pervasive
        ({"gaps": ("no letter",)}, "QUALIFIED"),
        ({"gaps": ("no books",), "scope_is_pervasive": True}, "DISCLAIMER"),
        ({"gaps": ("nothing",), "has_foundation": False}, "DISCLAIMER"),
        ({"going_concern": "SIGNIFICANT_DOUBT"}, "UNMODIFIED"),
        ({"going_concern": "MATERIAL_UNCERTAINTY", "going_concern_disclosed": True}, "UNMODIFIED"),
        ({"going_concern": "MATERIAL_UNCERTAINTY", "going_concern_disclosed": False}, "QUALIFIED"),
        ({"going_concern": "MATERIAL_UNCERTAINTY"}, "QUALIFIED"),
        ({"going_concern": "MATERIAL_UNCERTAINTY", "going_concern_disclosed": False, "misstatement_is_pervasive": True}, "ADVERSE"),
        ({"uncorrected_cents": 1_000, "misstatement_is_pervasive": True, "gaps": ("g",), "scope_is_pervasive": True}, "DISCLAIMER"),
    ],
)  # fmt: skip
def test_the_gravest_ground_decides(changes, opinion):
    """ISA 705 paragraphs 7 to 10 and ISA 570 paragraphs 22 and 23."""
    decision = decide(replace(CLEAN, **changes))

    assert decision.opinion == opinion
    assert decision.reasons


@given(
    overall=st.none() | st.integers(1, 10**9),
    found=st.none() | st.integers(0, 10**12),
    scope=st.booleans(),
    founded=st.booleans(),
    concern=st.sampled_from([None, "STABLE", "SIGNIFICANT_DOUBT", "MATERIAL_UNCERTAINTY"]),
)
def test_a_gap_in_the_evidence_is_never_a_clean_opinion(overall, found, scope, founded, concern):
    """Whatever else the file says."""
    facts = replace(
        CLEAN, overall_cents=overall, uncorrected_cents=found, gaps=("gap",),
        scope_is_pervasive=scope, has_foundation=founded, going_concern=concern,
    )  # fmt: skip

    assert decide(facts).opinion != "UNMODIFIED"


@given(found=st.integers(0, 10**6), more=st.integers(0, 10**6))
def test_more_misstatement_never_gives_a_better_opinion(found, more):
    """The rule is monotone in what is found."""
    before = decide(replace(CLEAN, uncorrected_cents=found)).opinion
    after = decide(replace(CLEAN, uncorrected_cents=found + more)).opinion

    assert SEVERITY.index(after) >= SEVERITY.index(before)


def test_people_are_asked_what_only_people_may_answer():
    """Pervasiveness and a material uncertainty are questions, not computations."""
    facts = replace(CLEAN, uncorrected_cents=1_000, gaps=("g",), going_concern="SIGNIFICANT_DOUBT")

    assert len(decide(facts).needs_judgement) == 3


def test_an_uncertainty_has_its_own_section_and_no_emphasis():
    """Disclosed adequately: a separate section, the opinion unmodified."""
    facts = replace(CLEAN, going_concern="MATERIAL_UNCERTAINTY", going_concern_disclosed=True)

    sections = required_sections(decide(facts), has_key_audit_matters=False)

    assert "Material uncertainty related to going concern" in sections
    assert sections[1] == "Opinion"


@pytest.mark.parametrize(
    ("changes", "heading", "has_matters"),
    [
        ({}, "Opinion", True),
        ({"uncorrected_cents": 1_000}, "Qualified opinion", True),
        ({"gaps": ("g",), "scope_is_pervasive": True}, "Disclaimer of opinion", False),
    ],
)
def test_a_disclaimer_carries_no_key_audit_matters(changes, heading, has_matters):
    """ISA 705 paragraph 29."""
    sections = required_sections(decide(replace(CLEAN, **changes)), has_key_audit_matters=True)

    assert sections[1] == heading
    assert ("Key audit matters" in sections) is has_matters


def test_every_key_procedure_missing_is_a_gap():
    """A file without results has every gap and no foundation; components are a gap for groups only."""
    missing, has_foundation = gaps({}, is_group=False)
    of_group, _ = gaps({}, is_group=True)

    assert not has_foundation
    assert len(of_group) == len(KEY_PROCEDURES) == len(missing) + 1


def test_a_gap_says_why():
    """The reason travels from the step to the report."""
    state = {"is_performed": False, "reason": "the client provided no table payments_made"}
    missing, has_foundation = gaps({"a08": {"key_procedures": {"payments": state}}}, is_group=False)

    assert any("payments_made" in text for text in missing)
    assert not has_foundation


@pytest.mark.parametrize("key", [("a05", "materiality"), ("a10", "statements")])
def test_materiality_or_the_statements_are_a_foundation(key):
    """One of them is enough to speak of the statements at all; duplicates in a list of payments are not."""
    step, name = key
    steps = {step: {"key_procedures": {name: {"is_performed": True, "reason": ""}}}}

    assert gaps(steps, is_group=False)[1]
