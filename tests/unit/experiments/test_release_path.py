"""Who has to approve a change of an agent, by its risk."""

import pytest

from prisma_assets.domain.experiments.release_path import Approval, refusal, still_needed

MAX = Approval(user="max", role="MANAGER")
PAT = Approval(user="pat", role="PARTNER")
QUINN = Approval(user="quinn", role="PARTNER")


@pytest.mark.parametrize(
    ("risk", "given", "missing"),
    [
        ("low", [], set()),
        ("medium", [], {"MANAGER"}),
        ("medium", [MAX], set()),
        ("medium", [PAT], set()),
        ("high", [], {"PARTNER", "MANAGER"}),
        ("high", [MAX], {"PARTNER"}),
        ("high", [PAT], {"MANAGER"}),
        ("high", [MAX, PAT], set()),
        ("high", [PAT, QUINN], set()),
    ],
)
def test_each_role_takes_another_person(risk, given, missing):
    """A partner counts as a manager, but nobody counts twice."""
    assert still_needed(given, risk=risk) == missing


@pytest.mark.parametrize(
    ("approval", "given", "said"),
    [
        (Approval(user="ann", role="PARTNER"), [], "ann proposed the change; somebody else has to approve it"),
        (MAX, [MAX], "max has approved it already; the next approval is another person's"),
        (Approval(user="root", role="SYSTEM_ADMIN"), [], "a SYSTEM_ADMIN does not approve changes of agents"),
        (Approval(user="bot", role="SERVICE_ACCOUNT"), [], "a SERVICE_ACCOUNT does not approve changes of agents"),
        (Approval(user="x", role="WIZARD"), [], "a WIZARD does not approve changes of agents"),
        (Approval(user="eve", role="EMPLOYEE"), [], "the approval of MANAGER and PARTNER is missing, which a EMPLOYEE cannot give"),
        (Approval(user="mia", role="MANAGER"), [MAX], "the approval of PARTNER is missing, which a MANAGER cannot give"),
    ],
)  # fmt: skip
def test_refuses_and_says_why(approval, given, said):
    """Four eyes: the author, the same person twice and too low a role do not count."""
    assert refusal(approval, given, risk="high", author="ann") == said


def test_accepts_the_second_role():
    """A manager and a partner, in either order."""
    assert refusal(PAT, [MAX], risk="high", author="ann") is None
    assert refusal(MAX, [PAT], risk="high", author="ann") is None
