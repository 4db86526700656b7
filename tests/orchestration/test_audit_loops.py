"""The loops of the shipped audit on a real instance, with the embedded agents on a trader's small books."""

from collections.abc import Callable
from typing import Any

import pandas as pd
import pytest

from prisma_assets.agents.cards import firm_cards
from prisma_assets.engine.library import SHIPPED, read_template
from tests.orchestration.small_engagement import SmallEngagement, write_folder
from tests.unit.embedded.conftest import trader_facts, trader_tables

pytestmark = pytest.mark.timeout(300)


@pytest.fixture
def audit(instance, firm_url, tmp_path) -> Callable[..., SmallEngagement]:
    """An audit of the trader's books, some tables changed and some sections of its facts."""

    def start(tables: dict[str, pd.DataFrame] | None = None, **facts: Any) -> SmallEngagement:
        known = trader_facts(**facts).model_dump(mode="json", exclude_none=True)
        folder = write_folder(tmp_path / "books", known, tables or trader_tables())
        agents = frozenset(c.id for c in firm_cards())
        template = read_template(SHIPPED / "annual_audit.yaml", agents=agents)
        return SmallEngagement(instance=instance, url=firm_url, template=template, folder=folder)

    return start


def pay_twice(engagement: SmallEngagement) -> None:
    """Three payments made twice, each of 5,000,000.00: more than the small books can bear."""
    tables = trader_tables()
    payments = tables["payments_made"]
    twice = payments.iloc[:3].assign(
        payment_amount_cents=5_000_000_00, payment_id=["PX1", "PX2", "PX3"]
    )
    first = twice.assign(payment_id=["PY1", "PY2", "PY3"])
    engagement.change_table("payments_made", pd.concat([payments, first, twice]))


def test_the_intake_goes_round_until_the_list_is_complete(audit):
    """The client delivers late; what came is seen by the next round, and steps behind work on it."""
    tables = trader_tables()
    shipments = tables.pop("shipments_made")
    trial = audit(tables)
    trial.go_to("a03")
    assert trial.outputs("a03")["open_requests"] == ["The table shipments_made is missing."]

    trial.change_table("shipments_made", shipments)
    trial.send_back("a03")

    assert trial.steps["a03"].iteration == 2
    assert trial.outputs("a03")["open_requests"] == []
    trial.go_to("a10")
    assert trial.outputs("a08")["key_procedures"]["revenue"]["is_performed"]
    assert trial.steps["a02"].iteration == 1


def test_a_control_that_deviates_is_extended_once_and_then_for_good_by_a_person(audit):
    """Two turns by itself; the team tests the further items, and the step takes the results in."""
    deviating = {"control": "Match", "sample_size": 45, "deviations": 2}
    strategy = {"controls_reliance": True}
    trial = audit(strategy=strategy, control_tests=[deviating])
    trial.go_to("a06")
    assert trial.outputs("a06")["repeat"] == {"turns": 2, "met": True}
    assert trial.outputs("a06")["reliance_level"] == "none"

    trial.change_facts(
        lambda facts: facts["control_tests"][0].update(
            extension={"sample_size": 20, "deviations": 0}
        )
    )
    trial.send_back("a06")

    assert trial.outputs("a06")["reliance_level"] == "full"
    assert trial.steps["a06"].iteration == 2


def test_substantive_tests_look_further_before_they_ask(audit):
    """No confirmation came back: a second turn finds the shipments, and no partner is needed."""
    trial = audit(sample_results=[])

    trial.go_to("a08")

    assert trial.outputs("a08")["repeat"] == {"turns": 2, "met": True}
    assert trial.outputs("a08")["conclusion"] == "acceptable"
    trial.sign("a08", "MANAGER")
    trial.run()
    assert trial.steps["a08"].status == "COMPLETED"


def test_what_stays_open_in_substantive_tests_is_the_partners(audit):
    tables = trader_tables()
    del tables["shipments_made"]
    trial = audit(tables, sample_results=[])

    trial.go_to("a08")

    assert trial.outputs("a08")["conclusion"] == "further_procedures_required"
    assert trial.waiting == {"a08": ("MANAGER",)}
    trial.sign("a08", "MANAGER")
    assert trial.waiting == {"a08": ("PARTNER",)}


def test_components_are_branches_and_are_instructed_again(audit):
    components = [
        {"name": "North", "revenue": "400000", "instruction_acknowledged": True, "conclusion": "clean"},
        {"name": "South", "revenue": "200000"},
    ]  # fmt: skip
    trial = audit(
        client={"id": "C-1", "name": "Trader Ltd", "is_group": True}, components=components
    )
    trial.go_to("a09")
    assert trial.waiting["a09"] == ("MANAGER",)
    assert set(trial.outputs("a09")["branches"]) == {"North", "South"}

    trial.send_back("a09")

    branches = trial.outputs("a09")["branches"]
    numbers = {name: found["instruction_number"] for name, found in branches.items()}
    assert numbers == {"North": 1, "South": 2}


def test_the_client_corrects_or_the_partner_accepts(audit):
    """Material errors come to the partner; corrected, and the statements redrafted, they do not any more."""
    trial = audit()
    pay_twice(trial)
    trial.go_to("a11")
    assert trial.waiting == {"a11": ("PARTNER",)}
    found = trial.outputs("a11")["uncorrected_total_cents"]

    trial.change_facts(lambda facts: facts["completion"].update(corrected=["duplicate_payment"]))
    (trial.folder / "financial_statements.csv").write_text(
        (trial.folder / "financial_statements.csv")
        .read_text()
        .replace("Trade receivables", "Receivables")
    )
    trial.send_back("a11")

    iterations = {i: r.iteration for i, r in trial.steps.items()}
    assert (iterations["a08"], iterations["a10"], iterations["a11"]) == (1, 2, 2)
    assert found > 0
    assert trial.outputs("a11")["uncorrected_total_cents"] == 0
    assert trial.steps["a11"].status == "COMPLETED", "nothing is left for the partner to accept"
    kinds = {f["kind"] for f in trial.steps["a11"].workpaper["findings"]}
    assert "correction_not_in_statements" not in kinds


def test_a_redraft_is_a_draft_again(audit):
    trial = audit()
    trial.go_to("a12")

    trial.send_back("a12")

    assert trial.steps["a12"].iteration == 2
    assert any(p["name"] == "Redraft" for p in trial.steps["a12"].workpaper["procedures"])
    assert trial.steps["a11"].iteration == 1


def test_a_firm_that_lost_its_independence_releases_nothing(audit):
    """A member of the team bought shares while the audit ran; the check before release sees it."""
    trial = audit()
    trial.go_to("a12")
    trial.change_facts(
        lambda facts: facts["independence"].update(
            financial_interests=[{"user": "pat", "amount": "10"}]
        )
    )

    trial.send_back("a12")
    trial.go_to("a14")

    assert trial.execution.status == "FAILED"
    assert "not independent" in trial.execution.error["message"]
