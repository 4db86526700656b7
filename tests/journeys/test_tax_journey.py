"""The tax of a group by the command: eight jurisdictions side by side, a file that people sign, and a failing branch."""

from pathlib import Path
from typing import Any

import pytest
from ruamel.yaml import YAML

from tests.journeys.conftest import Said

pytestmark = pytest.mark.timeout(300)


@pytest.fixture(scope="module")
def group(office, tmp_path_factory) -> Path:
    """The folder of the sample group."""
    folder: Path = tmp_path_factory.mktemp("tax") / "group"
    office.answer("sample", folder, "--tax")
    return folder


@pytest.fixture(scope="module")
def computed(office, group) -> dict[str, Any]:
    """The sample group's tax, with every sign-off given in advance: four receipts are missing still."""
    sign_offs = group / "sign_offs.yaml"
    return office.answer(
        "run", "multi_jurisdiction_tax", "--engagement", group, "--sign-offs", sign_offs
    )


@pytest.fixture(scope="module")
def too_early(office, computed) -> Said:
    """An approval of the filing while receipts are missing."""
    return office.command("approve", computed["execution_id"], "t07", "--as", "m.tindlewick")


@pytest.fixture(scope="module")
def filed(office, group, computed, too_early) -> dict[str, Any]:
    """The same once every authority has acknowledged its return."""
    execution = computed["execution_id"]
    receive_receipts(group / "engagement.yaml")
    for user, decision in (
        ("m.tindlewick", "changes"),
        ("m.tindlewick", "approve"),
        ("p.marlowsby", "approve"),
    ):
        office.answer(
            "approve",
            execution,
            "t07",
            "--as",
            user,
            "--decision",
            decision,
            "--comment",
            "Receipts are in.",
        )
        answer = office.answer("resume", execution)
    return answer


def receive_receipts(path: Path) -> None:
    """Every return stated gets its receipt, and the one nobody had stated is stated."""
    yaml = YAML()
    facts = yaml.load(path)
    for filing in facts["tax"]["filings"]:
        filing.setdefault("receipt", f"R-{filing['jurisdiction']}")
    facts["tax"]["filings"].append(
        {
            "entity": "Quillmere UK Ltd", "jurisdiction": "GB", "tax": "corporate_income_tax", "form": "CT600",
            "period_end": "2025-12-31", "due": "2026-12-31", "receipt": "R-GB",
        }
    )  # fmt: skip
    with path.open("w") as stream:
        yaml.dump(facts, stream)


def outputs(answer: dict[str, Any], step_id: str) -> dict[str, Any]:
    return next(s for s in answer["steps"] if s["step_id"] == step_id)["outputs"]


def test_the_seven_steps_come_to_their_end(filed):
    assert filed["status"] == "COMPLETED"
    assert {s["step_id"]: s["status"] for s in filed["steps"]} == {
        f"t{i:02}": "COMPLETED" for i in range(1, 8)
    }


def test_each_jurisdiction_is_a_branch_with_its_own_agent(computed, office):
    """The list of jurisdictions is known only when the scope is."""
    wanted = {i["jurisdiction"]: i["agent"] for i in outputs(computed, "t01")["direct_tax_items"]}
    rows = office.ask(
        "select map_key, agent_id, status from workflow_step_executions "
        "where workflow_execution_id = %s and step_id = 't03' and map_key <> ''",
        computed["execution_id"],
    )

    assert len(wanted) == 8
    assert {key: agent for key, agent, _ in rows} == wanted
    assert {status for _, _, status in rows} == {"COMPLETED"}


def test_the_effective_rate_is_explained_to_the_cent(filed):
    """IAS 12 paragraph 81(c): the lines of the reconciliation add up to the expense."""
    group = outputs(filed, "t06")["etr_reconciliation"]["group"]

    assert sum(line["cents"] for line in group["lines"]) == group["expense_cents"]


def test_nothing_is_filed_by_an_agent(computed):
    """A human submits: the file stays open until receipts are there, whatever was signed in advance."""
    assert computed["status"] == "WAITING_APPROVAL"
    assert set(computed["waiting_for"]) == {"t07"}
    assert outputs(computed, "t07")["is_filed"] is False
    assert len(outputs(computed, "t07")["missing_receipts"]) == 4


def test_an_unfiled_return_cannot_be_approved(too_early):
    assert too_early.code == 2
    assert "cannot be approved while `output.is_filed` does not hold" in too_early.sentence
