"""Who of the firm does and reviews what a methodology says."""

import pytest

from prisma_assets.domain.workflow.blueprint import Actor, BlueprintProcedure
from prisma_assets.domain.workflow.blueprint_role import may_come_back, reviewer_of, role_of

ROLES = {"junior": "EMPLOYEE", "lead": "MANAGER", "boss": "PARTNER", "outsider": "EQR"}


@pytest.mark.parametrize(
    ("name", "duties", "role"),
    [
        ("Engagement Partner", (), "PARTNER"),
        ("Engagement Leader", ("Signing the audit report",), "PARTNER"),
        ("Quality Review Partner", (), "EQR"),
        ("Engagement Quality Reviewer", (), "EQR"),
        ("Audit Director", ("Strategic oversight",), "MANAGER"),
        ("Engagement Manager", (), "MANAGER"),
        ("Audit Senior", ("Supervising staff",), "EMPLOYEE"),
        ("Data Analyst", (), "EMPLOYEE"),
        ("Captain", ("Signing the audit report",), "PARTNER"),
    ],
)
def test_an_actor_is_known_by_name_or_duties(name, duties, role):
    actor = Actor(id="x", name=name, responsibilities=duties)

    assert role_of(actor) == (role, True)


def test_an_actor_whose_words_say_nothing_may_sign_least():
    """The importer tells the person, who changes the template if it is wrong."""
    assert role_of(Actor(id="valuer", name="Valuation Specialist")) == ("EMPLOYEE", False)


def procedure(*actors: str, guard: str, back_to: str | None = "working") -> BlueprintProcedure:
    transitions = [
        {"from_state": "working", "to_state": "reviewing", "guards": ["all_steps_complete"]},
        {"from_state": "reviewing", "to_state": "completed", "guards": [guard]},
    ]
    if back_to is not None:
        transitions.append({"from_state": "reviewing", "to_state": back_to})
    steps = [{"id": f"s{n}", "actor": a, "description": "Work."} for n, a in enumerate(actors)]
    states = ["working", "reviewing", "completed", "dropped"]
    return BlueprintProcedure.model_validate(
        {
            "id": "p", "phase": "x", "title": "P", "steps": steps,
            "aggregate": {"initial_state": "working", "states": states, "transitions": transitions},
        }
    )  # fmt: skip


@pytest.mark.parametrize(
    ("actors", "guard", "reviewer"),
    [
        (["junior"], "reviewer_approved", "MANAGER"),
        (["junior", "lead"], "reviewer_approved", "PARTNER"),
        (["boss"], "reviewer_approved", "PARTNER"),
        (["outsider"], "reviewer_approved", "PARTNER"),
        (["junior"], "partner_approved", "PARTNER"),
        (["junior"], "manager_signed_off", "MANAGER"),
        (["junior"], "quality_reviewer_approved", "EQR"),
        (["junior"], "client_has_paid", None),
    ],
)
def test_work_is_reviewed_by_whom_the_guard_names_or_else_from_above(actors, guard, reviewer):
    assert reviewer_of(procedure(*actors, guard=guard), ROLES) == reviewer


@pytest.mark.parametrize(
    ("back_to", "comes_back"), [("working", True), ("dropped", False), (None, False)]
)
def test_work_comes_back_only_when_it_can_be_submitted_again(back_to, comes_back):
    """Dropping a procedure after its review is no revision."""
    found = procedure("junior", guard="reviewer_approved", back_to=back_to)

    assert may_come_back(found) is comes_back
