"""The seven steps of the tax workflow on the sample group, and where facts are missing."""

import json
from datetime import date

import pytest

from prisma_assets.agents.embedded.assignment import ASSIGNMENTS, TAX_ASSIGNMENTS
from prisma_assets.domain.audit.engagement import Engagement
from prisma_assets.domain.audit.score import parse_planted, score
from prisma_assets.domain.errors import InputError
from prisma_assets.engagement.sample.tax import write_tax_sample

PROMISED = {
    "t01": {"jurisdictions", "obligations", "p2_in_scope", "dac6_screen", "service_permitted"},
    "t02": {"tax_trial_balance", "adjustments_register", "dataset_hash", "is_reconciled"},
    "t03": {"cit_result", "decision"},
    "t04": {"vat_return", "recap_statement", "reconciliation_to_turnover"},
    "t05": {"tp_findings", "wht_relief", "cfc_ilr", "dac6", "p2"},
    "t06": {"current_tax", "deferred_tax", "etr_reconciliation", "utp", "review_status"},
    "t07": {"filing_receipts", "payment_refs", "archive_manifest_sha256", "next_deadlines"},
}
"""Outputs other steps and the template's conditions read (domain facts §4.3)."""


def engagement(tax=None, **facts) -> Engagement:
    return Engagement(
        id="T", client={"id": "c", "name": "Acme"}, team=({"user": "anna", "roles": ("MANAGER",)},),
        period={"start": date(2025, 1, 1), "end": date(2025, 12, 31)}, tax=tax, **facts,
    )  # fmt: skip


ONE = {"entities": [{"name": "Acme", "jurisdiction": "MT", "profit_before_tax": 100}]}


def test_every_step_gives_its_outputs_as_json(sample_results):
    for step_id, promised in PROMISED.items():
        outputs = sample_results[step_id].outputs
        assert promised <= outputs.keys(), step_id
        json.dumps(outputs, allow_nan=False)


@pytest.mark.parametrize(("step_id", "name"), list(zip(PROMISED, TAX_ASSIGNMENTS, strict=True)))
def test_without_a_tax_section_a_step_says_so_and_keeps_its_outputs(run_step, step_id, name):
    result = run_step(name, engagement())

    assert PROMISED[step_id] <= result.outputs.keys()
    assert result.workpaper.conclusion.startswith(
        "Not performed, because engagement.yaml has no section tax"
    )
    assert {p.status for p in result.workpaper.procedures} == {"not performed"}


def test_the_two_workflows_share_no_task_name():
    assert ASSIGNMENTS.keys() & TAX_ASSIGNMENTS.keys() == set()


def test_scope_of_the_sample(sample_results):
    outputs = sample_results["t01"].outputs

    assert outputs["jurisdictions"] == ["NL", "DE", "MT", "GB", "US", "CA", "RW", "KE"]
    assert [i["agent"] for i in outputs["direct_tax_items"]][-2:] == [
        "tax-corp-rw-027",
        "tax-research-033",
    ]
    assert (outputs["p2_in_scope"], outputs["service_permitted"]) == (True, True)


@pytest.mark.parametrize(
    ("category", "permitted", "conclusion"),
    [("advocacy", False, "PROHIBITED"), ("tax_compliance", True, "SAFEGUARDS_REQUIRED")],
)
def test_an_audit_client_is_served_only_if_independence_allows(
    run_step, category, permitted, conclusion
):
    independence = {
        "non_audit_services": [{"name": "s", "fee": 1, "category": category}],
        "confirmed_by": ["anna"],
    }
    facts = engagement({**ONE, "is_audit_client": True}, independence=independence)

    outputs = run_step("scope_and_obligations", facts).outputs
    assert (outputs["service_permitted"], outputs["independence_conclusion"]) == (
        permitted,
        conclusion,
    )


def test_a_scope_that_cannot_be_decided_counts_as_in_scope_and_says_so(run_step):
    outputs = run_step("scope_and_obligations", engagement(ONE)).outputs

    assert (outputs["p2_in_scope"], outputs["p2_scope"]) == (True, "not decided")


def test_direct_tax_of_the_sample(sample_results):
    """The Netherlands by hand.

    18,400,000 - 6,200,000 + 45,000 = 12,245,000; interest of 4,050,000 stays below 24.5 % of
    18,195,000; 200,000 x 19 % + 12,045,000 x 25.8 % = 3,145,610.
    """
    results = {r["jurisdiction"]: r for r in sample_results["t03"].outputs["cit_result"]}

    assert results["NL"]["tax_cents"] == 3_145_610_00
    assert (results["MT"]["tax_cents"], results["MT"]["decision"]) == (1_120_000_00, "REVIEW")
    # Kenya by a person: KES 5,610,000 at 146 for one euro.
    assert (results["KE"]["tax_cents"], results["KE"]["decision"]) == (38_424_66, "REVIEW")
    assert "t.ravensholt" in results["KE"]["reasons"][0]
    assert sample_results["t03"].outputs["decision"] == "REVIEW"


def test_branches_of_a_for_each_add_up_to_the_same(run_step, sample_folder, sample_results):
    """What the provision reads from branches by name, it reads from one list alike."""
    own = sample_folder.engagement
    branches = {
        item["jurisdiction"]: run_step("direct_tax_by_jurisdiction", own, item=item).outputs
        for item in sample_results["t01"].outputs["direct_tax_items"]
    }
    steps = {s: r.outputs for s, r in sample_results.items() if s in ("t04", "t05")}

    together = run_step(
        "provision_and_review", own, steps={**steps, "t03": sample_results["t03"].outputs}
    )
    apart = run_step(
        "provision_and_review", own, steps={**steps, "t03": {"branches": branches, "count": 8}}
    )
    assert apart.outputs == together.outputs


def test_a_jurisdiction_without_an_entity_is_refused(run_step):
    with pytest.raises(InputError, match="has none in FR; known: MT"):
        run_step("direct_tax_by_jurisdiction", engagement(ONE), item={"jurisdiction": "FR"})


def test_planted_vat_errors_are_found_and_nothing_else(sample_results, tax_sample):
    planted = parse_planted(tax_sample.planted_file.read_text(), file="planted")
    found = sample_results["t04"].workpaper.findings

    rows = score(planted, found)
    assert len(rows) == 5
    assert {(r.recall, r.false_alarms) for r in rows} == {(1.0, 0)}


def test_vat_of_the_sample_reconciles(sample_results):
    outputs = sample_results["t04"].outputs

    assert [r["agrees"] for r in outputs["reconciliation_to_turnover"]] == [True, True]
    # Germany by totals: 4,066,000 + 342,000 - (2,914,600 + 342,000)
    assert outputs["vat_return"][1]["net_cents"] == 1_151_400_00


def test_one_registration_at_a_time(run_step, sample_folder, sample_results):
    item = sample_results["t01"].outputs["vat_items"][1]

    outputs = run_step("indirect_tax", sample_folder.engagement, item=item).outputs
    assert [r["registration"] for r in outputs["vat_return"]] == ["DE811907980"]


def test_a_return_without_its_ledger_is_not_drawn_up(run_step, sample_folder):
    outputs = run_step("indirect_tax", sample_folder.engagement).outputs

    assert (outputs["vat_return"][0]["net_cents"], outputs["vat_return"][0]["decision"]) == (
        None,
        "REVIEW",
    )
    assert "the client provided no table vat_sales" in outputs["vat_return"][0]["reasons"][0]


def test_minimum_tax_of_the_sample(sample_results):
    """Malta: 5 % on 3,200,000; exclusion 9.6 % x 1,100,000 + 7.6 % x 900,000 = 174,000; 10 % of 3,026,000 = 302,600."""
    p2 = sample_results["t05"].outputs["p2"]
    rows = {r["jurisdiction"]: r for r in p2["jurisdictions"]}

    assert (rows["MT"]["topup_cents"], rows["MT"]["residual_cents"]) == (302_600_00, 302_600_00)
    assert p2["topup_cents"] == 302_600_00
    assert [c for c, r in rows.items() if not r["relieved_by"]] == ["MT"]


@pytest.mark.parametrize(("income", "decision"), [(4_999_990, "REVIEW"), (5_000_000, "REFUSED")])
def test_half_a_million_of_top_up_is_refused(run_step, income, decision):
    """Untaxed at 5 % in Malta: 10 % of 5,000,000 is 500,000, which the Group Tax Director clears."""
    tax = {
        "revenue_history": [{"fiscal_year": y, "revenue": 800_000_000} for y in (2023, 2024)],
        "entities": [{
            "name": "Acme", "jurisdiction": "MT", "revenue": 50_000_000, "profit_before_tax": income,
            "minimum_tax": {"qualifying_income": income, "covered_taxes": income // 20},
        }],
    }  # fmt: skip

    outputs = run_step("cross_border_and_minimum_tax", engagement(tax)).outputs
    assert (outputs["p2"]["decision"], outputs["decision"]) == (decision, decision)


@pytest.mark.parametrize(("count", "decision"), [(2, "REVIEW"), (3, "REFUSED")])
def test_more_than_two_reportable_arrangements_are_refused(run_step, count, decision):
    arrangements = [
        {
            "id": f"A{n}",
            "description": "x",
            "jurisdictions": ["DE", "NL"],
            "hallmarks": ["E3"],
            "first_step_on": "2025-05-01",
        }
        for n in range(count)
    ]

    outputs = run_step(
        "cross_border_and_minimum_tax", engagement({**ONE, "arrangements": arrangements})
    ).outputs
    assert outputs["dac6"]["score"] == count
    assert outputs["dac6"]["decision"] == decision


def test_an_inclusion_without_its_base_is_refused(run_step):
    tax = {
        "entities": [{"name": "Acme", "jurisdiction": "US", "currency": "USD", "per_eur": 1, "profit_before_tax": 1}],
        "controlled_companies": [{
            "name": "C", "jurisdiction": "KY", "holder": "Acme", "ownership_pct": 100, "total_income": 1,
            "passive_income": 0, "tax_paid": 0,
        }],
    }  # fmt: skip

    assert (
        run_step("cross_border_and_minimum_tax", engagement(tax)).outputs["decision"] == "REFUSED"
    )


def test_the_groups_reconciliation_adds_up(sample_results):
    outputs = sample_results["t06"].outputs
    for found in (
        outputs["etr_reconciliation"]["group"],
        *outputs["etr_reconciliation"]["entities"],
    ):
        assert sum(line["cents"] for line in found["lines"]) == found["expense_cents"], found[
            "name"
        ]

    assert outputs["etr_reconciliation"]["not_included"] == []
    assert (outputs["review_status"], outputs["technical_review_required"]) == (
        "PENDING_HUMAN",
        True,
    )
    assert outputs["approvals_required"] == ["MANAGER", "TECHNICAL_REVIEWER", "PARTNER"]


def test_minimum_tax_and_inclusions_are_part_of_the_expense(sample_results):
    """At the Dutch parent: 302,600 of top-up, Malta's refund of 6/7 x 1,120,000 = 960,000, and 700,000 x 25.8 % = 180,600 on the company in the Caymans."""
    entities = {
        e["name"]: e for e in sample_results["t06"].outputs["etr_reconciliation"]["entities"]
    }
    lines = {line["label"]: line["cents"] for line in entities["Quillmere Holding B.V."]["lines"]}

    assert lines["Minimum tax"] == 302_600_00
    assert lines["Refunds with distributions"] == -960_000_00
    assert lines["Income of controlled foreign companies"] == 180_600_00


def test_a_refused_computation_blocks_the_filing(run_step):
    steps = {"t03": {"cit_result": [{"decision": "REFUSED", "next_steps": [], "entities": []}]}}

    review = run_step("provision_and_review", engagement(ONE), steps=steps).outputs
    filing = run_step("filing_payment_archive", engagement(ONE), steps={"t06": review}).outputs
    assert review["review_status"] == "BLOCKED"
    assert "a computation is refused and not cleared" in filing["obstacles"]


def test_filing_waits_for_every_receipt(sample_results):
    outputs = sample_results["t07"].outputs

    assert not outputs["is_filed"]
    assert len(outputs["filing_receipts"]) == 5
    assert [d["due"] for d in outputs["next_deadlines"]] == sorted(
        d["due"] for d in outputs["next_deadlines"]
    )
    assert outputs["payment_refs"][0]["reference"] == "BK-20260330-118"
    assert set(outputs["archive_manifest"]["steps"]) == {f"t0{n}" for n in range(1, 7)}


def test_the_sample_is_the_same_every_time_and_overwrites_nothing(tmp_path):
    first, second = write_tax_sample(tmp_path / "a"), write_tax_sample(tmp_path / "b")

    for path in first.folder.iterdir():
        assert path.read_bytes() == (second.folder / path.name).read_bytes()
    write_tax_sample(first.folder)
    (second.folder / "note.txt").write_text("mine")
    with pytest.raises(InputError, match="holds other files"):
        write_tax_sample(second.folder)
