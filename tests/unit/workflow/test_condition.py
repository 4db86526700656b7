"""Conditions: CEL over inputs, steps, status and output; nothing else."""

import pytest
from pydantic import TypeAdapter, ValidationError

from prisma_assets.domain.workflow.condition import Condition, ConditionError

CONDITION = TypeAdapter(Condition)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("steps.a01.amount > 3.0 && status.a01 == 'COMPLETED'", True),
        ("has(steps.a02.missing)", False),
        ("inputs.names.exists(n, n == 'x')", True),
        ("output.ok || false", False),
        (True, True),
        ("false", False),
    ],
)
def test_a_condition_holds_or_not(text, expected):
    context = {
        "inputs": {"names": ["x", "y"]},
        "steps": {"a01": {"amount": 3.5}, "a02": {}},
        "status": {"a01": "COMPLETED"},
        "output": {"ok": False},
    }

    assert CONDITION.validate_python(text).holds(context) is expected


def test_names_are_found_outside_text_and_macros():
    condition = CONDITION.validate_python(
        "steps.a03.risks.exists(r, r.level == 'steps.a99.x') && !has(inputs.y)"
    )

    assert condition.step_ids == {"a03"}
    assert condition.roots == {"steps", "inputs"}


@pytest.mark.parametrize("text", ["steps.a01.amount", "steps.a07.nothing == 1"])
def test_what_cannot_be_decided_is_an_error_not_false(text):
    """A missing value must never count as a false condition: the step would be skipped in silence."""
    with pytest.raises(ConditionError, match=r"cannot be evaluated|not true or false"):
        CONDITION.validate_python(text).holds(
            {"steps": {"a01": {"amount": 1}}, "inputs": {}, "status": {}}
        )


@pytest.mark.parametrize("text", ["a &&", 3, "steps.("])
def test_what_is_no_cel_is_refused(text):
    with pytest.raises(ValidationError):
        CONDITION.validate_python(text)
