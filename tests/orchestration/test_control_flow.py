"""For-each and rework: branches that stand alone, and steps that are done again with everything behind them."""

import asyncio
from typing import Any

import dagster as dg
import pytest

from prisma_assets.domain.errors import PermanentError

MANAGER = {"kind": "AGENT_ACTION", "roles": ["MANAGER"]}
OPEN = {"kind": "AGENT_ACTION", "roles": ["MANAGER"], "rework": ["s1"], "rework_limit": 1}


def step(step_id: str, **extra: Any) -> dict[str, Any]:
    """One step of a test template."""
    return {
        "id": step_id, "name": f"do_{step_id}", "title": f"Step {step_id}", "objective": "Tested.",
        "agent": "audit-plan-012", **extra,
    }  # fmt: skip


def each(**extra: Any) -> dict[str, Any]:
    return step(
        "s2", after=["s1"], for_each={"items": "steps.s1.places", "key": "item.code", **extra}
    )


PLACES = {"places": [{"code": "MT", "n": 1}, {"code": "RW", "n": 2}, {"code": "US", "n": 3}]}


async def double(task):
    return {"twice": task.item["n"] * 2}


def test_a_for_each_does_the_step_once_per_item_and_adds_up(firm):
    trial = firm(step("s1"), each(), step("s3", after=["s2"]), answers={"s1": PLACES, "s2": double})
    execution = trial.open()

    trial.run(execution.id)

    branches = trial.ask(lambda store: store.branches(execution.id, "s2", 1))
    assert {k: (b.status, b.outputs) for k, b in branches.items()} == {
        "MT": ("COMPLETED", {"twice": 2}),
        "RW": ("COMPLETED", {"twice": 4}),
        "US": ("COMPLETED", {"twice": 6}),
    }
    assert trial.agent.tasks[-1].steps["s2"]["branches"]["RW"] == {"twice": 4}
    assert trial.execution(execution.id).status == "COMPLETED"
    assert float(trial.execution(execution.id).cost_usd) == pytest.approx(0.05)


def test_an_empty_list_is_done_with_nothing(firm):
    trial = firm(step("s1"), each(), answers={"s1": {"places": []}})
    execution = trial.open()

    trial.run(execution.id)

    assert trial.steps(execution.id)["s2"].outputs == {"branches": {}, "count": 0}


def test_branches_keep_to_their_limit(firm):
    active, peak = set(), []

    async def counted(task):
        active.add(task.call_id)
        peak.append(len(active))
        await asyncio.sleep(0.02)
        active.discard(task.call_id)
        return {}

    places = {"places": [{"code": str(i), "n": i} for i in range(9)]}
    trial = firm(step("s1"), each(max_concurrent=2), answers={"s1": places, "s2": counted})
    execution = trial.open()

    trial.run(execution.id)

    assert max(peak) == 2


def test_a_failing_branch_leaves_its_siblings_and_only_it_is_done_again(firm):
    async def moody(task):
        if task.item["code"] == "RW" and not trial.mended:
            raise PermanentError("no rate for RW")
        return {"ok": True}

    trial = firm(step("s1"), each(), answers={"s1": PLACES, "s2": moody})
    trial.mended = False
    execution = trial.open()

    run = trial.run(execution.id)
    failed = trial.execution(execution.id)
    first = trial.ask(lambda store: store.branches(execution.id, "s2", 1))
    trial.mended = True
    calls = len(trial.agent.calls)
    trial.run(execution.id)

    assert run.status == dg.DagsterRunStatus.FAILURE
    assert failed.status == "FAILED"
    assert "1 of 3 branches failed (RW: no rate for RW)" in failed.error["message"]
    assert {k: b.status for k, b in first.items()} == {
        "MT": "COMPLETED",
        "RW": "FAILED",
        "US": "COMPLETED",
    }
    assert trial.agent.calls[calls:] == ["s2"]
    assert trial.execution(execution.id).status == "COMPLETED"


def test_each_branch_may_have_its_own_agent(firm):
    places = {
        "places": [
            {"code": "MT", "agent": "tax-corp-mt-026"},
            {"code": "RW", "agent": "tax-corp-rw-027"},
        ]
    }
    trial = firm(step("s1"), each(agent="item.agent"), answers={"s1": places})
    execution = trial.open()

    trial.run(execution.id)

    branches = trial.ask(lambda store: store.branches(execution.id, "s2", 1))
    assert {k: b.agent_id for k, b in branches.items()} == {
        "MT": "tax-corp-mt-026",
        "RW": "tax-corp-rw-027",
    }


@pytest.mark.parametrize(
    ("places", "sentence"),
    [
        ({"places": "MT"}, "must give a list"),
        ({"places": [{"code": "MT"}, {"code": "MT"}]}, "two items are named 'MT'"),
        ({"places": [{"code": ""}]}, "an item has an empty name"),
        ({"places": [{"name": "MT"}]}, "cannot be evaluated"),
    ],
)
def test_a_list_that_makes_no_sense_fails_with_a_sentence(firm, places, sentence):
    trial = firm(step("s1"), each(), answers={"s1": places})
    execution = trial.open()

    trial.run(execution.id)

    assert trial.execution(execution.id).status == "FAILED"
    assert sentence in trial.execution(execution.id).error["message"]


def test_rework_goes_back_to_the_named_step_and_everything_behind_it(firm):
    trial = firm(
        step("s0"), step("s1", after=["s0"]), step("s2", after=["s1"], when="steps.s1.again"),
        step("s3", after=["s1", "s2"], sign_off=OPEN), step("s4", after=["s3"]),
        answers={"s1": [{"again": False}, {"again": True}]},
    )  # fmt: skip
    execution = trial.open()
    trial.run(execution.id)
    trial.sign(execution.id, "s3", "max", "changes", "look at s1 again")

    trial.run(execution.id)
    reopened = trial.execution(execution.id).status, trial.statuses(execution.id)
    trial.run(execution.id)
    again = trial.steps(execution.id)
    trial.sign(execution.id, "s3", "max")
    trial.run(execution.id)

    assert reopened == (
        "PENDING",
        {"s0": "COMPLETED", "s1": "PENDING", "s2": "PENDING", "s3": "PENDING"},
    )
    assert {i: (r.status, r.iteration) for i, r in again.items()} == {
        "s0": ("COMPLETED", 1), "s1": ("COMPLETED", 2), "s2": ("COMPLETED", 2), "s3": ("WAITING_APPROVAL", 2),
    }  # fmt: skip
    assert trial.agent.calls == ["s0", "s1", "s3", "s1", "s2", "s3", "s4"]
    assert trial.execution(execution.id).status == "COMPLETED"


def test_rework_is_counted_and_ends_in_people(firm):
    trial = firm(step("s1"), step("s3", after=["s1"], sign_off=OPEN))
    execution = trial.open()
    trial.run(execution.id)
    trial.sign(execution.id, "s3", "max", "changes", "once")
    trial.run(execution.id)
    trial.run(execution.id)

    trial.sign(execution.id, "s3", "max", "changes", "twice")
    trial.run(execution.id)

    ended = trial.execution(execution.id)
    assert ended.status == "FAILED"
    assert "changes were requested more than 1 times, last by max: twice" in ended.error["message"]
