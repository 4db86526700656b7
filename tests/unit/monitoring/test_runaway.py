"""How long a budget lasts at the rate of late, and what no template can ask for."""

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from prisma_assets.domain.monitoring.runaway import (
    MOST_EQUAL,
    MOST_HOURS,
    hours_left,
    most_attempts,
    runaway,
)
from prisma_assets.domain.workflow.template import Template

MONEY = st.decimals(0, 100_000, places=6)


def template(**step: object) -> Template:
    first = {
        "id": "s1", "name": "do", "title": "Do", "objective": "Tested.", "agent": "audit-plan-012", **step,
    }  # fmt: skip
    return Template.model_validate({"name": "trial", "version": "1.0.0", "title": "Trial", "description": "Tested.", "steps": [first]})  # fmt: skip


@pytest.mark.parametrize(
    ("left", "spent", "calls", "hours"),
    [
        ("6", "2", 10, 3.0),
        ("0", "2", 10, 0.0),
        ("-1", "2", 10, 0.0),
        ("6", "2", 4, MOST_HOURS),
        ("6", "0", 10, MOST_HOURS),
        ("600000", "2", 10, MOST_HOURS),
    ],
    ids=["three hours", "nothing left", "overridden", "four calls are no rate", "nothing spent", "a month at most"],
)  # fmt: skip
def test_a_budget_lasts_as_long_as_the_last_hour_says(left, spent, calls, hours):
    """What is left, by what an hour takes."""
    assert hours_left(Decimal(left), spent_usd=Decimal(spent), calls=calls, hours=1) == hours


@given(left=MONEY, spent=MONEY, more=MONEY, calls=st.integers(5, 1000))
def test_spending_faster_never_makes_it_last_longer(left, spent, more, calls):
    """Monotone, and never outside what can be told."""
    slow = hours_left(left, spent_usd=spent, calls=calls, hours=1)
    fast = hours_left(left, spent_usd=spent + more, calls=calls, hours=1)
    assert 0 <= fast <= slow <= MOST_HOURS


@pytest.mark.parametrize(
    ("step", "most"),
    [
        ({}, 1),
        ({"retries": 10}, 11),
        ({"retries": 2, "repeat": {"until": "output.done", "max": 5}}, 15),
        ({"for_each": {"items": "inputs.items"}, "retries": 1}, 2000),
        ({"sign_off": {"kind": "X", "roles": ["MANAGER"], "rework_limit": 2}}, 3),
    ],
    ids=["once", "retries", "turns", "branches", "reworks"],
)
def test_a_template_can_make_so_many_attempts(step, most):
    """Retries, turns, branches and reworks multiply."""
    assert most_attempts(template(**step), branches=1000) == most


def test_the_most_a_template_asks_for_three_times_over_is_no_loop_and_more_is():
    """Ten retries, in three runs."""
    assert runaway(equal=MOST_EQUAL - 1, attempts=10, most=11) is None
    assert runaway(equal=MOST_EQUAL, attempts=10, most=11) == "it was asked for the same work 33 times within a day"  # fmt: skip
    assert runaway(equal=1, attempts=11, most=11) == "the execution made 11 calls in one run, and its template can make 11"  # fmt: skip
