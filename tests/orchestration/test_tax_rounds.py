"""The rounds of the shipped tax workflow on a real instance, with the embedded agents on the sample group."""

from collections.abc import Callable
from typing import Any

import pytest

from prisma_assets.agents.cards import firm_cards
from prisma_assets.domain.errors import InputError
from prisma_assets.engagement.sample.tax import write_tax_sample
from prisma_assets.engine.library import SHIPPED, read_template
from tests.orchestration.small_engagement import SmallEngagement

pytestmark = pytest.mark.timeout(300)


@pytest.fixture
def taxes(instance, firm_url, tmp_path) -> Callable[[Callable[[Any], None]], SmallEngagement]:
    """The tax of the sample group, its facts changed."""

    def start(change: Callable[[Any], None]) -> SmallEngagement:
        folder = write_tax_sample(tmp_path / "group").folder
        agents = frozenset(c.id for c in firm_cards())
        template = read_template(SHIPPED / "multi_jurisdiction_tax.yaml", agents=agents)
        trial = SmallEngagement(instance=instance, url=firm_url, template=template, folder=folder)
        trial.change_facts(change)
        return trial

    return start


def entity(facts: Any, name: str) -> Any:
    return next(e for e in facts["tax"]["entities"] if e["name"] == name)


def receive(facts: Any) -> None:
    """Every authority has acknowledged its return; one that was not stated before is stated now."""
    for filing in facts["tax"]["filings"]:
        filing["receipt"] = "R-1"
    facts["tax"]["filings"].append(
        {
            "entity": "Quillmere UK Ltd", "jurisdiction": "GB", "tax": "corporate_income_tax", "form": "CT600",
            "period_end": "2025-12-31", "due": "2026-12-31", "receipt": "R-2",
        }
    )  # fmt: skip


def test_the_file_is_closed_when_the_figures_tie_and_every_receipt_is_there(taxes):
    """From a profit that does not tie out and a refund of value added tax to the last receipt."""

    def spoil(facts: Any) -> None:
        entity(facts, "Quillmere Inc.")["statements_profit"] = 8_800_000
        facts["tax"]["vat_registrations"][1]["totals"]["input_vat"] = 9_000_000

    trial = taxes(spoil)
    trial.go_to("t02")
    assert trial.outputs("t02")["is_reconciled"] is False
    trial.change_facts(
        lambda facts: entity(facts, "Quillmere Inc.").update(statements_profit=8_900_000)
    )
    trial.send_back("t02")
    assert trial.outputs("t02")["is_reconciled"]

    trial.go_to("t04")
    branches = trial.outputs("t04")["branches"]
    assert {j: len(found) for j, found in branches.items()} == {"MT": 1, "DE": 1}
    assert trial.waiting["t04"] == ("MANAGER",), "a refund is looked at by a manager"

    trial.go_to("t06")
    signers = []
    while "t06" in trial.waiting:
        (role,) = trial.waiting["t06"]
        signers.append(role)
        trial.sign("t06", role)
        if not trial.waiting["t06"]:
            break
    assert signers == ["MANAGER", "TECHNICAL_REVIEWER", "PARTNER"]

    trial.go_to("t07")
    with pytest.raises(InputError, match=r"cannot be approved while `output\.is_filed`"):
        trial.sign("t07", "MANAGER")
    trial.change_facts(receive)
    trial.send_back("t07")
    assert trial.outputs("t07")["is_filed"]
    trial.go_to("nothing")
    assert trial.execution.status == "COMPLETED"
    assert trial.steps["t06"].iteration == 1


def test_a_refused_computation_is_cleared_with_its_cause_before_anybody_can_approve(taxes):
    """A Maltese fiscal unit with a loss: neither filing nor a signature until two people clear it."""
    trial = taxes(
        lambda facts: entity(facts, "Quillmere Trading Ltd").update(
            profit_before_tax=-500, trial_balance_profit=-500, statements_profit=-500, elections=["fiscal_unit"]
        )
    )  # fmt: skip
    trial.go_to("t06")
    assert trial.outputs("t06")["review_status"] == "BLOCKED"
    with pytest.raises(InputError, match="cannot be approved"):
        trial.sign("t06", "MANAGER")
    clearance = {"subject": "MT", "root_cause": "Claimed by mistake.", "remediation": "Withdrawn."}

    trial.change_facts(lambda facts: facts["tax"].update(clearances=[clearance]))
    trial.send_back("t06")

    assert trial.outputs("t06")["review_status"] == "PENDING_HUMAN"
    assert trial.steps["t03"].iteration == 2
    trial.go_to("t07")
    assert "t07" in trial.waiting
