"""What speaks for declining, what is a condition, and when a quality review is due."""

import pytest

from prisma_assets.domain.audit.acceptance import eqr_required, recommend

GOOD = {"background_rating": "LOW", "engagement_letter_ref": "EL-1"}


@pytest.mark.parametrize(
    ("acceptance", "independence", "decision"),
    [
        (GOOD, "OK", "ACCEPT"),
        (GOOD, "PROHIBITED", "DECLINE"),
        (GOOD | {"preconditions_agreed": False}, "OK", "DECLINE"),
        (GOOD | {"resources_available": False}, "OK", "DECLINE"),
        (GOOD | {"management_integrity_concerns": ["rumours"]}, "OK", "ACCEPT"),
        (GOOD | {"management_integrity_concerns": ["charges"], "background_rating": "HIGH"}, "OK", "DECLINE"),
        (None, "OK", "ACCEPT"),
    ],
)  # fmt: skip
def test_the_facts_speak_for_or_against(an_engagement, acceptance, independence, decision):
    """Integrity concerns decline only where no good background offsets them; the partner decides anyway."""
    advice = recommend(an_engagement(acceptance=acceptance), independence=independence)

    assert advice.decision == decision
    assert bool(advice.against) == (decision == "DECLINE")


@pytest.mark.parametrize(
    ("acceptance", "words"),
    [
        (GOOD | {"is_new_client": True}, "predecessor"),
        ({"background_rating": "LOW"}, "engagement letter"),
        (GOOD | {"background_rating": "HIGH"}, "second partner"),
    ],
)
def test_conditions_are_named(an_engagement, acceptance, words):
    """Accepting with an open point is accepting on a condition."""
    advice = recommend(an_engagement(acceptance=acceptance), independence="OK")

    assert any(words in c for c in advice.conditions)


def test_no_facts_means_nothing_was_performed(an_engagement):
    """Only the team can be looked at."""
    advice = recommend(an_engagement(acceptance=None), independence="OK")

    assert [o.procedure.name for o in advice.outcomes if o.is_performed] == ["Team"]


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({}, False),
        ({"client": {"id": "C", "name": "N", "is_listed": True}}, True),
        ({"client": {"id": "C", "name": "N", "is_pie": True}}, True),
        ({"acceptance": {"background_rating": "HIGH"}}, True),
        ({"acceptance": {"eqr_required": True}}, True),
        ({"client": {"id": "C", "name": "N", "is_listed": True}, "acceptance": {"eqr_required": False}}, False),
    ],
)  # fmt: skip
def test_a_quality_review_is_due_for_public_and_risky_clients(an_engagement, changes, expected):
    """People may state it; otherwise listing, public interest or a HIGH rating decide."""
    assert eqr_required(an_engagement(**changes))[0] is expected
