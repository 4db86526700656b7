"""Random graphs with conditions, loops, joins and failures, on a real instance: every execution ends, and ends right."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import psycopg
import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from prisma_assets.domain.errors import PermanentError
from prisma_assets.domain.workflow.execution import RESTED, StepRecord, is_tolerated, join_state

pytestmark = [
    pytest.mark.slow,
    pytest.mark.timeout(600),
    # cel-python raises Python's limit when it first parses.
    pytest.mark.filterwarnings("ignore:The recursion limit will not be reset"),
]

LOOPS = ("none", "none", "none", "each", "repeat", "computed")


@dataclass(frozen=True)
class Plan:
    """A graph, and which of its steps fail the first time they are done."""

    steps: tuple[dict[str, Any], ...]
    failing: frozenset[str]


@st.composite
def plans(draw: st.DrawFn) -> Plan:
    steps: list[dict[str, Any]] = []
    for number in range(draw(st.integers(2, 8))):
        known = [s["id"] for s in steps]
        after = draw(st.lists(st.sampled_from(known), unique=True, max_size=3)) if known else []
        steps.append(_step(draw, number, after))
    agents = [s["id"] for s in steps if "agent" in s]
    failing = draw(st.sets(st.sampled_from(agents), max_size=3)) if agents else set()
    return Plan(steps=tuple(steps), failing=frozenset(failing))


def _step(draw: st.DrawFn, number: int, after: list[str]) -> dict[str, Any]:
    step: dict[str, Any] = {
        "id": f"s{number}", "name": f"do_{number}", "title": f"Step {number}", "objective": "Tested.", "after": after,
        "join": draw(st.sampled_from(("all", "all", "any", "done"))) if after else "all",
    }  # fmt: skip
    loop = draw(st.sampled_from(LOOPS))
    step |= {"compute": {"n": "1 + 1"}} if loop == "computed" else {"agent": "audit-plan-012"}
    if loop == "each":
        step["for_each"] = {"items": "[1, 2, 3]"}
    if loop == "repeat":
        step["repeat"] = {"until": "output.n >= 2", "max": 3}
    if draw(st.booleans()) and after:
        # Under `any` the others may not have ended yet, and a condition that reads them fails as it should.
        seen = f" && status.{after[0]} != 'SKIPPED'" if step["join"] != "any" else ""
        step["when"] = f"inputs.open{seen}"
    return step


@settings(
    max_examples=40,
    deadline=None,
    suppress_health_check=list(HealthCheck),
    derandomize=True,
    phases=(Phase.generate,),  # an example takes a second: shrinking would take minutes
)
@given(plan=plans(), is_open=st.booleans())
def test_random_graphs_end_right_whatever_fails(firm, plan: Plan, is_open: bool) -> None:
    mended = False

    async def work(task):
        if task.step_id in plan.failing and not mended:
            raise PermanentError("the first time it fails")
        return {"n": task.turn}

    trial = firm(
        *plan.steps,
        inputs={"open": {"type": "boolean", "default": is_open}},
        answers={s["id"]: work for s in plan.steps},
    )
    execution = trial.open()

    trial.run(execution.id)
    first = trial.execution(execution.id).status
    assert first in ("COMPLETED", "FAILED")
    if first == "FAILED":
        mended = True
        trial.run(execution.id)

    assert trial.execution(execution.id).status == "COMPLETED"
    records = trial.steps(execution.id)
    for step in trial.template.steps:
        status = records[step.id].status
        assert status in RESTED
        assert status in ("COMPLETED", "SKIPPED") or is_tolerated(trial.template, step.id)
    for problem in _problems(trial, execution.id):
        pytest.fail(problem)


def _problems(trial: Any, execution_id: str) -> Iterator[str]:
    with psycopg.connect(trial.url) as connection:
        rows = connection.execute(
            "select step_id, map_key, iteration, status, started_at, completed_at from workflow_step_executions "
            "where workflow_execution_id = %s",
            (execution_id,),
        ).fetchall()
        twice = connection.execute(
            "select call_id from agent_cost_tracking where workflow_execution_id = %s and outcome = 'ok' "
            "group by call_id having count(*) > 1",
            (execution_id,),
        ).fetchall()
    if twice:
        yield f"paid twice: {twice}"
    keys = [row[:3] for row in rows]
    if len(set(keys)) != len(keys):
        yield "a step has two records in one iteration"
    ends = {r[0]: r for r in rows if r[1] == ""}
    for step in trial.template.steps:
        begun = ends[step.id][4]
        # What had ended when the step began is what its join was decided on.
        before = {
            a: StepRecord(step_id=a, status=ends[a][3])
            for a in step.after
            if ends[a][5] is not None and ends[a][5] <= begun
        }
        if ends[step.id][3] == "COMPLETED" and join_state(step, before) != "ready":
            yield f"{step.id} ({step.join}) began before its join held: {before}"
