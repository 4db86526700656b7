"""What the records of an execution's steps mean together."""

import pytest

from prisma_assets.domain.workflow.execution import (
    StepRecord,
    condition_context,
    execution_status,
    join_state,
    required_roles,
)
from prisma_assets.domain.workflow.template import Template

TEMPLATE = Template.model_validate(
    {
        "name": "pair",
        "title": "Pair",
        "version": "1",
        "description": "Two steps.",
        "steps": [
            {"id": "s1", "name": "one", "title": "One", "objective": "o", "agent": "x"},
            {
                "id": "s2", "name": "two", "title": "Two", "objective": "o", "agent": "x", "after": ["s1"],
                "sign_off": {
                    "kind": "K", "when": "output.risky",
                    "roles": ["MANAGER", {"role": "PARTNER", "when": "steps.s1.big"}],
                },
            },
        ],
    }
)  # fmt: skip


def records(**statuses):
    return {i: StepRecord(step_id=i, status=s, outputs={"big": True}) for i, s in statuses.items()}


@pytest.mark.parametrize(
    ("statuses", "expected"),
    [
        ({}, "RUNNING"),
        ({"s1": "COMPLETED"}, "RUNNING"),
        ({"s1": "COMPLETED", "s2": "SKIPPED"}, "COMPLETED"),
        ({"s1": "COMPLETED", "s2": "WAITING_APPROVAL"}, "WAITING_APPROVAL"),
        ({"s1": "TIMED_OUT"}, "FAILED"),
        ({"s1": "FAILED", "s2": "CANCELLED"}, "FAILED"),
        ({"s1": "COMPLETED", "s2": "CANCELLED"}, "CANCELLED"),
    ],
)
def test_the_execution_follows_from_its_steps(statuses, expected):
    assert execution_status(TEMPLATE, records(**statuses)) == expected


@pytest.mark.parametrize(
    ("risky", "big", "expected"),
    [(False, True, ()), (True, False, ("MANAGER",)), (True, True, ("MANAGER", "PARTNER"))],
)
def test_roles_are_asked_when_their_conditions_hold(risky, big, expected):
    done = {"s1": StepRecord(step_id="s1", status="COMPLETED", outputs={"big": big})}

    assert (
        required_roles(TEMPLATE.steps[1], condition_context({}, done, {"risky": risky})) == expected
    )


def test_conditions_see_only_what_is_done():
    context = condition_context({"x": 1}, records(s1="SKIPPED", s2="RUNNING"))

    assert context["status"] == {"s1": "SKIPPED"}
    assert "s2" not in context["steps"]


def joined(join: str) -> Template:
    steps = [{"id": i, "name": i, "title": i, "objective": "o", "agent": "x"} for i in ("s1", "s2")]
    last = {"id": "s3", "name": "s3", "title": "s3", "objective": "o", "agent": "x", "after": ["s1", "s2"], "join": join}  # fmt: skip
    return Template.model_validate(
        {"name": "j", "title": "J", "version": "1", "description": "d", "steps": [*steps, last]}
    )


@pytest.mark.parametrize(
    ("join", "statuses", "expected"),
    [
        ("all", {"s1": "COMPLETED"}, "waiting"),
        ("all", {"s1": "COMPLETED", "s2": "SKIPPED"}, "ready"),
        ("all", {"s1": "COMPLETED", "s2": "FAILED"}, "waiting"),
        ("any", {"s1": "COMPLETED"}, "ready"),
        ("any", {"s1": "SKIPPED"}, "waiting"),
        ("any", {"s1": "FAILED", "s2": "RUNNING"}, "waiting"),
        ("any", {"s1": "FAILED", "s2": "COMPLETED"}, "ready"),
        ("any", {"s1": "SKIPPED", "s2": "SKIPPED"}, "skipped"),
        ("any", {"s1": "TIMED_OUT", "s2": "SKIPPED"}, "unmet"),
        ("done", {"s1": "FAILED", "s2": "WAITING_APPROVAL"}, "waiting"),
        ("done", {"s1": "FAILED", "s2": "SKIPPED"}, "ready"),
    ],
)
def test_joins_say_when_a_step_may_begin(join, statuses, expected):
    assert join_state(joined(join).steps[2], records(**statuses)) == expected


@pytest.mark.parametrize(
    ("join", "expected"), [("all", "FAILED"), ("any", "COMPLETED"), ("done", "COMPLETED")]
)
def test_a_failure_that_nothing_needs_does_not_fail_the_execution(join, expected):
    ended = records(s1="FAILED", s2="COMPLETED", s3="COMPLETED")

    assert execution_status(joined(join), ended) == expected


def test_an_expected_failure_is_seen_by_conditions():
    context = condition_context({}, records(s1="FAILED", s2="RUNNING"))

    assert (context["status"], context["steps"]) == ({"s1": "FAILED"}, {})
