"""Declaring an experiment: what is refused, with which reason, and what is said about its power beforehand."""

from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from prisma_assets.domain.errors import InputError
from prisma_assets.domain.experiments.baseline import Baseline, power_of, unrecorded
from prisma_assets.domain.experiments.metric import Role
from prisma_assets.domain.experiments.plan import (
    Plan,
    Subject,
    check_plan,
    least_risk,
    planned_metrics,
    usual_outcome_hours,
)

OPS = Subject(agent_id="ops-mail-048", domain="operations", risk="low", tools=frozenset({"mail"}))
AUDIT = Subject(agent_id="audit-risk-013", domain="audit", risk="high")


def a_plan(**changes: Any) -> Plan:
    """A declaration in which nothing is wrong."""
    sound = Plan(
        name="brief", hypothesis="Shorter letters are read.", agent_id="ops-mail-048",
        changes={"prompt": "Be brief."}, metrics=planned_metrics(["error_rate"]), unit="task",
        split=0.5, risk="low",
    )  # fmt: skip
    return replace(sound, **changes)


def refused(plan: Plan, subject: Subject = OPS, **control: Any) -> str:
    with pytest.raises(InputError) as error:
        check_plan(plan, subject, control=control)
    return str(error.value)


def test_sound_plan_passes():
    check_plan(a_plan(), OPS, control={})


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"split": 1.2}, "the split is 1.2"),
        ({"split": float("nan")}, "the split is nan"),
        ({"changes": {"autonomy": "L3"}}, "may not change 'autonomy'; allowed are knowledge"),
        ({"changes": {}}, "changes nothing"),
        ({"changes": {"prompt": ""}}, "'prompt' of variant B must be a text"),
        ({"name": " "}, "give it a name"),
        ({"hypothesis": ""}, "say the hypothesis"),
        ({"unit": "session"}, "unit of assignment is 'session'"),
        ({"risk": "tiny"}, "the risk is 'tiny'"),
        ({"min_hours": 400, "max_days": 14}, "the least must fit into the most"),
        ({"max_days": 0}, "it may last 0 days"),
        ({"outcome_hours": 0.0}, "units are read 0 hours"),
        ({"alpha": 1.5}, "alpha is 1.5"),
    ],
    ids=lambda v: "" if isinstance(v, str) else str(v),
)
def test_refused_with_the_reason(changes, said):
    assert said in refused(a_plan(**changes))


def test_everything_wrong_is_said_at_once():
    said = refused(a_plan(split=1.2, hypothesis="", changes={"autonomy": "L3"}))

    assert all(part in said for part in ("split is 1.2", "hypothesis", "autonomy"))


def test_variant_equal_to_the_control_is_no_variant():
    assert "what the agent has already" in refused(a_plan(), prompt="Be brief.")


def test_parameter_that_no_procedure_reads_is_refused():
    subject = replace(OPS, parameters={"limit": (1, 9)})

    assert "no procedure reads the parameter 'limt'" in refused(
        a_plan(changes={"parameters": {"limt": 3}}), subject
    )
    assert "a whole number from 1 to 9" in refused(
        a_plan(changes={"parameters": {"limit": 10}}), subject
    )
    check_plan(a_plan(changes={"parameters": {"limit": 9}}), subject, control={})


def test_one_client_file_never_sees_two_versions():
    plan = a_plan(unit="task", risk="medium")

    assert "one file never sees two versions" in refused(plan, AUDIT)
    check_plan(replace(plan, unit="engagement"), AUDIT, control={})


@pytest.mark.parametrize(
    ("subject", "changes", "least"),
    [
        (OPS, {"prompt": "x"}, "low"),
        (OPS, {"model": "x"}, "medium"),
        (OPS, {"tools": ["mail"]}, "medium"),
        (OPS, {"tools": ["mail", "bank"]}, "high"),
        (AUDIT, {"prompt": "x"}, "medium"),
        (replace(AUDIT, risk="critical"), {"prompt": "x"}, "high"),
    ],
    ids=["wording", "model", "fewer tools", "new tool", "risky agent", "critical agent"],
)
def test_risk_has_a_floor(subject, changes, least):
    assert least_risk(changes, subject) == least


def test_risk_below_its_floor_is_refused():
    assert "at least of medium risk, not low" in refused(a_plan(changes={"model": "x"}))


def test_high_risk_may_be_declared_for_tasks_with_known_answers():
    """Starting it live is what is refused."""
    check_plan(a_plan(unit="engagement", risk="high"), AUDIT, control={})


def test_first_metric_is_the_goal_and_errors_are_always_guarded():
    metrics = planned_metrics(["satisfaction", "cost"], guardrails={"response_time": 0.25})

    roles = {m.name: (m.role, m.margin) for m in metrics}
    assert roles == {
        "satisfaction": (Role.PRIMARY, 0.1),
        "cost": (Role.GUARDRAIL, 0.10),
        "response_time": (Role.GUARDRAIL, 0.25),
        "error_rate": (Role.GUARDRAIL, 0.03),
    }
    assert usual_outcome_hours("task", metrics) == 72


@pytest.mark.parametrize(
    ("names", "how", "said"),
    [
        (["happiness"], {}, "nobody records the metric 'happiness'"),
        (["acuracy"], {}, "did you mean 'accuracy'?"),
        ([], {}, "one primary metric"),
        (["cost"], {"guardrails": {"cost": 0.1}}, "at once"),
        (["cost"], {"margins": {"cost": -1.0}}, "the margin of cost is -1"),
        (["accuracy"], {"margins": {"accuracy": float("nan")}}, "the margin of accuracy is nan"),
    ],
)
def test_metric_is_refused_with_the_reason(names, how, said):
    with pytest.raises(InputError, match=said.replace("?", r"\?")):
        planned_metrics(names, **how)


def past(rate: float, *, units: int, days: float = 28, **more: Any) -> Baseline:
    failed = np.zeros(units)
    failed[: round(units * rate)] = 1
    return Baseline(values={"error_rate": failed, **more}, units=units, days=days)


def test_power_counts_units_and_weeks_at_the_agents_traffic():
    """.10 against .07: (1.96 + .84)^2 x 2 x .09 / .03^2 = 1,570 pairs, x 1.12 for looking on the way."""
    said = power_of(a_plan(), past(0.10, units=28_000))

    assert said.needed_blocks == pytest.approx(1758, rel=0.01)
    assert said.is_enough
    assert said.weeks == pytest.approx(1758 / 500 / 7, rel=0.02)  # 1,000 units a day, half each


def test_underpowered_plan_says_so_before_it_starts():
    said = power_of(a_plan(), past(0.10, units=280))

    assert said.is_enough is False
    assert said.statement.startswith("underpowered: ")
    assert "about 51.1 weeks" in said.statement


def test_small_split_needs_more_units_and_no_declared_maximum():
    assert power_of(a_plan(split=0.1), past(0.1, units=28_000)).weeks > 3 * 0.5


@pytest.mark.parametrize("units", [0, 9])
def test_power_of_an_agent_without_a_past_is_unknown(units):
    said = power_of(a_plan(), past(0.0, units=units))

    assert (said.is_enough, said.needed_blocks, said.weeks) == (None, None, None)


def test_metric_without_records_of_this_agent_is_told():
    plan = a_plan(metrics=planned_metrics(["accuracy", "cost"]))
    baseline = past(0.1, units=50, accuracy=np.full(50, np.nan), cost=np.zeros(50))

    said = list(unrecorded(plan, baseline))

    assert len(said) == 2
    assert "accuracy of ops-mail-048: no run" in said[0]
    assert "cost nothing or has no price" in said[1]
