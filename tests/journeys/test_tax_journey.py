"""The tax of a group by the command: eight jurisdictions side by side, a file that people sign, and a failing branch."""

from pathlib import Path
from typing import Any

import pytest

pytestmark = pytest.mark.timeout(300)


@pytest.fixture(scope="module")
def filed(office, tmp_path_factory) -> dict[str, Any]:
    """The sample group's tax, with every sign-off given in advance."""
    folder: Path = tmp_path_factory.mktemp("tax") / "group"
    office.answer("sample", folder, "--tax")
    sign_offs = folder / "sign_offs.yaml"
    return office.answer(
        "run", "multi_jurisdiction_tax", "--engagement", folder, "--sign-offs", sign_offs
    )


def outputs(answer: dict[str, Any], step_id: str) -> dict[str, Any]:
    return next(s for s in answer["steps"] if s["step_id"] == step_id)["outputs"]


def test_the_seven_steps_come_to_their_end(filed):
    assert filed["status"] == "COMPLETED"
    assert {s["step_id"]: s["status"] for s in filed["steps"]} == {
        f"t{i:02}": "COMPLETED" for i in range(1, 8)
    }


def test_each_jurisdiction_is_a_branch_with_its_own_agent(filed, office):
    """The list of jurisdictions is known only when the scope is."""
    wanted = {i["jurisdiction"]: i["agent"] for i in outputs(filed, "t01")["direct_tax_items"]}
    rows = office.ask(
        "select map_key, agent_id, status from workflow_step_executions "
        "where workflow_execution_id = %s and step_id = 't03' and map_key <> ''",
        filed["execution_id"],
    )

    assert len(wanted) == 8
    assert {key: agent for key, agent, _ in rows} == wanted
    assert {status for _, _, status in rows} == {"COMPLETED"}


def test_the_effective_rate_is_explained_to_the_cent(filed):
    """IAS 12 paragraph 81(c): the lines of the reconciliation add up to the expense."""
    group = outputs(filed, "t06")["etr_reconciliation"]["group"]

    assert sum(line["cents"] for line in group["lines"]) == group["expense_cents"]


def test_nothing_is_filed_by_an_agent(filed):
    """A human submits: the file stays open until receipts are there."""
    assert outputs(filed, "t07")["is_filed"] is False
    assert outputs(filed, "t07")["obstacles"]
