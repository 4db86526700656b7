"""Rounds of the tax workflow: tie-out until it agrees, refusals until they are cleared, computations by people, receipts."""

import json
from datetime import date

import pytest

from prisma_assets.domain.audit.engagement import Engagement

ACME = {
    "name": "Acme", "jurisdiction": "MT", "profit_before_tax": 100, "trial_balance_profit": 100, "statements_profit": 100,
}  # fmt: skip
NAIROBI = {
    "name": "Nairobi", "jurisdiction": "KE", "currency": "KES", "per_eur": 146, "parent": "Acme", "profit_before_tax": 1000,
}  # fmt: skip


def engagement(*entities, **tax) -> Engagement:
    return Engagement(
        id="T", client={"id": "c", "name": "Client"}, team=({"user": "anna", "roles": ("MANAGER",)},),
        period={"start": date(2025, 1, 1), "end": date(2025, 12, 31)}, tax={"entities": entities or (ACME,), **tax},
    )  # fmt: skip


def stored(result):
    return json.loads(json.dumps(result.outputs, allow_nan=False))


def said(result, name):
    return next(p.result for p in result.workpaper.procedures if p.name == name)


# ---- t02


def test_the_tie_out_goes_round_until_it_agrees(run_step):
    step = "data_collection_and_reconciliation"
    first = run_step(step, engagement({**ACME, "statements_profit": 90}))
    assert not first.outputs["is_reconciled"]

    second = run_step(step, engagement(), previous=stored(first))

    assert second.outputs["is_reconciled"]
    assert said(second, "Since the last round") == "1 cleared, 0 matters open."


# ---- t03: a jurisdiction that no agent computes


def test_what_no_agent_computes_a_person_must(run_step):
    """Kenya is researched by an agent and computed by a person; until then nobody can approve the provision."""
    direct = run_step("direct_tax_by_jurisdiction", engagement(ACME, NAIROBI))

    review = run_step(
        "provision_and_review", engagement(ACME, NAIROBI), steps={"t03": stored(direct)}
    )

    assert review.outputs["review_status"] == "INCOMPLETE"
    assert review.outputs["not_computed"] == ["Nairobi"]


@pytest.mark.parametrize(("chargeable", "tax"), [(1200, 360), (0, 0)])
def test_a_persons_computation_is_part_of_the_provision(run_step, chargeable, tax):
    """The reconciliation still adds up to the cent: 1,000 of profit, 200 permanent, 30 % on 1,200."""
    stated = {"chargeable": chargeable, "tax": tax, "computed_by": "anna", "reference": "WP 1"}
    group = engagement(ACME, {**NAIROBI, "computed_by_person": stated})
    direct = run_step("direct_tax_by_jurisdiction", group, item={"jurisdiction": "KE"})

    review = run_step("provision_and_review", group, steps={"t03": stored(direct)})

    (row,) = direct.outputs["cit_result"][0]["entities"]
    assert (row["tax_cents"], row["decision"]) == (tax * 100, "REVIEW")
    found = {e["name"]: e for e in review.outputs["etr_reconciliation"]["entities"]}["Nairobi"]
    assert found["expense_cents"] == tax * 100 == sum(line["cents"] for line in found["lines"])


def test_a_persons_computation_never_replaces_the_firms_own(run_step):
    stated = {"chargeable": 1, "tax": 0, "computed_by": "anna", "reference": "WP 1"}

    direct = run_step(
        "direct_tax_by_jurisdiction", engagement({**ACME, "computed_by_person": stated})
    )

    assert direct.outputs["cit_result"][0]["tax_cents"] == 35_00


# ---- t03 to t06: refused, and cleared

LOSS = {**ACME, "profit_before_tax": -100, "elections": ["fiscal_unit"]}
"""A Maltese fiscal unit with a loss is refused (firm practice)."""
CLEARED = {"subject": "MT", "root_cause": "Claimed by mistake.", "remediation": "Claim withdrawn."}


def reviewed(run_step, own):
    direct = run_step("direct_tax_by_jurisdiction", own)
    assert direct.outputs["decision"] == "REFUSED"
    return run_step("provision_and_review", own, steps={"t03": stored(direct)})


def test_a_refusal_blocks_until_its_cause_and_remedy_are_stated(run_step):
    blocked = reviewed(run_step, engagement(LOSS))
    cleared = reviewed(run_step, engagement(LOSS, clearances=[CLEARED]))

    assert (blocked.outputs["review_status"], blocked.outputs["uncleared"]) == ("BLOCKED", ["MT"])
    assert "refusal_not_cleared" in {f.kind for f in blocked.workpaper.findings}
    assert cleared.outputs["review_status"] == "PENDING_HUMAN"
    assert cleared.outputs["refused"][0]["root_cause"] == "Claimed by mistake."
    assert {"MANAGER", "PARTNER"} <= set(cleared.outputs["approvals_required"])


def test_a_clearance_of_something_else_clears_nothing(run_step):
    other = reviewed(run_step, engagement(LOSS, clearances=[{**CLEARED, "subject": "DE"}]))

    assert other.outputs["review_status"] == "BLOCKED"


# ---- t04


def test_registrations_are_listed_by_jurisdiction(run_step):
    rows = [("MT1", "MT"), ("DE1", "DE"), ("MT2", "MT")]
    listed = [
        {"number": n, "jurisdiction": c, "entity": "Acme", "start": "2025-01-01", "end": "2025-03-31"} for n, c in rows
    ]  # fmt: skip

    outputs = run_step("scope_and_obligations", engagement(vat_registrations=listed)).outputs

    found = {j["jurisdiction"]: [r["registration"] for r in j["registrations"]] for j in outputs["vat_jurisdictions"]}  # fmt: skip
    assert found == {"MT": ["MT1", "MT2"], "DE": ["DE1"]}


# ---- t07


def filing(receipt):
    return {
        "entity": "Acme", "jurisdiction": "MT", "tax": "corporate_income_tax", "form": "Return", "receipt": receipt,
        "period_end": "2025-12-31", "due": "2026-09-30",
    }  # fmt: skip


def test_the_file_stays_open_until_every_receipt_is_there(run_step):
    step = "filing_payment_archive"
    first = run_step(step, engagement(filings=[filing("")]))
    second = run_step(step, engagement(filings=[filing("MTCA-1")]), previous=stored(first))

    assert (first.outputs["is_filed"], first.outputs["overdue"]) == (False, 1)
    assert first.outputs["missing_receipts"] == ["Return of Acme, due on 2026-09-30"]
    assert second.outputs["is_filed"]
    assert said(second, "Since the last round") == "1 cleared, 0 matters open."
