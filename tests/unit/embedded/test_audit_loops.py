"""What the audit's loops do in their further turns and rounds: real work on changed facts, never the same thing again."""

import json
from collections.abc import Callable, Mapping
from typing import Any

import pandas as pd
import pytest

from prisma_assets.agents.embedded.assignment import ASSIGNMENTS
from prisma_assets.domain.audit.books import Books
from prisma_assets.domain.audit.engagement import Engagement
from prisma_assets.domain.audit.sampling import SamplePlan, sample_receivables
from prisma_assets.domain.audit.workpaper import StepResult
from tests.unit.embedded.conftest import _clean_audit, _run_step, trader_facts, trader_tables

CONTROL = {"control": "Match", "sample_size": 45, "deviations": 2}
"""Two deviations in 45 bound the rate at 13.4 % (Clopper-Pearson, 95 %): above the tolerable 10 %."""


@pytest.fixture
def run_again() -> Callable[..., StepResult]:
    """Runs one step once more: in a further turn, sent back, or for one item.

    `steps` replaces outputs of earlier steps of the clean audit; the rest goes to the task (`turn`, `previous`, ...).
    """

    def run(
        step_id: str,
        tables: Mapping[str, pd.DataFrame] | None = None,
        engagement: Engagement | None = None,
        *,
        steps: Mapping[str, Any] | None = None,
        **asked: Any,
    ) -> StepResult:
        outputs = {**_clean_audit()[1], **(steps or {})}
        name = list(ASSIGNMENTS)[int(step_id[1:]) - 1]
        return _run_step(
            name,
            trader_tables() if tables is None else tables,
            engagement or trader_facts(),
            {i: o for i, o in outputs.items() if i < step_id},
            **asked,
        )

    return run


def stored(result):
    """Outputs as the store hands them on."""
    return json.loads(json.dumps(result.outputs, allow_nan=False))


def procedure(result, name):
    return next(p for p in result.workpaper.procedures if p.name == name)


# ---- a03: the intake


def test_the_intake_lists_what_is_open_and_says_what_came(run_again, tables):
    """A table that was missing comes in: the next round clears it and keeps the other one open."""
    shipments, suppliers = tables.pop("shipments_made"), tables.pop("supplier_listing")
    first = run_again("a03", tables)
    assert first.outputs["open_requests"] == [
        "The table shipments_made is missing.",
        "The table supplier_listing is missing.",
    ]

    second = run_again(
        "a03", {**tables, "shipments_made": shipments}, previous=stored(first), review_notes=("Came in.",)
    )  # fmt: skip
    third = run_again(
        "a03",
        {**tables, "shipments_made": shipments, "supplier_listing": suppliers},
        previous=stored(second),
    )

    assert second.outputs["open_requests"] == ["The table supplier_listing is missing."]
    said = procedure(second, "Since the last round").result
    assert said == "1 cleared, 1 matter open."
    assert third.outputs["open_requests"] == []
    assert third.outputs["pbc_complete"]


def test_the_intake_asks_for_a_trial_balance_that_foots(run_again, tables):
    tables["trial_balance"].loc[0, "amount_ending_cents"] += 12_34

    outputs = run_again("a03", tables).outputs

    assert outputs["tb_balanced"] is False
    assert outputs["open_requests"] == ["The trial balance does not foot: it is out by EUR 12.34."]


# ---- a06: a sample is extended once


def test_a_deviation_asks_for_an_extension(run_again, facts):
    """With no further deviation 61 items in all would bound the rate at 10 %: 16 more."""
    outputs = run_again("a06", engagement=facts(control_tests=[CONTROL])).outputs

    assert outputs["is_concluded"] is False
    assert outputs["to_extend"] == [{"control": "Match", "further_items": 16}]
    assert outputs["reliance_level"] == "none"


@pytest.mark.parametrize(
    ("extension", "reliance"),
    [
        ({"sample_size": 16, "deviations": 0}, "full"),
        ({"sample_size": 16, "deviations": 1}, "none"),
        (None, "none"),
    ],
    ids=["clean", "deviates again", "not tested"],
)
def test_an_extended_sample_is_concluded_on(run_again, facts, extension, reliance):
    known = facts(control_tests=[{**CONTROL, "extension": extension}])
    first = run_again("a06", engagement=known)

    second = run_again("a06", engagement=known, turn=2, previous=stored(first))

    assert second.outputs["is_concluded"]
    assert second.outputs["reliance_level"] == reliance
    kinds = {f.kind for f in second.workpaper.findings}
    assert ("control_sample_not_extended" in kinds) is (extension is None)


def test_a_control_without_deviation_is_not_extended(run_again, facts):
    """Ten items are too few, but nothing deviated: that is a plan to be mended, not an extension."""
    few = facts(control_tests=[{**CONTROL, "deviations": 0, "sample_size": 10}])

    assert run_again("a06", engagement=few).outputs["is_concluded"]


def test_a_significant_deficiency_is_named_to_governance(run_again, facts):
    """How severe a failure is, people say (ISA 265 paragraph 8)."""
    failed = facts(control_tests=[{**CONTROL, "deviations": 40, "deficiency": "significant"}])
    tested = stored(run_again("a06", engagement=failed))

    end = run_again("a11", engagement=failed, steps={"a06": tested})

    assert tested["deficiencies"][0]["severity"] == "significant"
    assert any(m.startswith("Significant deficiency: ") for m in end.outputs["tcwg_draft"])


def test_a_control_that_answers_a_significant_risk_is_tested(run_again, facts):
    """ISA 330 paragraph 15: reliance on it is enough, even where the plan relies on no other control."""
    answering = facts(control_tests=[{**CONTROL, "answers_significant_risk": True}])

    plan = run_again("a05", engagement=answering).outputs

    assert (plan["controls_reliance"], plan["relies_on_significant_risk_control"]) == (False, True)


# ---- a08: samples are extended


OPEN = pd.DataFrame(
    {
        "invoice_id": [f"OPEN{n:04d}" for n in range(800)],
        "customer_account_id": "C1",
        "open_amount_cents": [1_000_00 + n * 1_31 for n in range(800)],
    }
)
"""800 open invoices of some 1,200,000.00 in all: enough for a sample to be a sample."""
TOLERABLE = 60_000_00
PLAN = {
    "a05": {
        "performance_materiality_cents": TOLERABLE,
        "sampling": {"confidence_pct": 95, "expected_misstatement_pct": "0", "seed": 1},
    }
}


def drawn(splits):
    """Invoices the plan draws when every interval is cut into so many parts."""
    plan = SamplePlan(tolerable_cents=TOLERABLE, confidence_pct=95, seed=1, splits=splits)
    return sample_receivables(Books(tables={"open_accounts_receivable": OPEN}), plan).figures[
        "selected"
    ]


def audited(records, wrong):
    """What evidence showed: the book amount, or nothing for the wrong ones."""
    book = OPEN.set_index("invoice_id")["open_amount_cents"]
    return [
        {"record_id": r, "audited_amount": "0" if r in wrong else f"{int(book[r]) / 100:.2f}"} for r in records
    ]  # fmt: skip


def test_an_undecided_sample_is_doubled_and_keeps_what_it_drew(run_again, facts, tables):
    """One item of 60 is worth nothing: 95 % bound 4.74 intervals of 20,000 > 60,000; among 120, 4.74 of 10,000 decide."""
    tables["open_accounts_receivable"] = OPEN
    tables["shipments_made"] = tables["shipments_made"].iloc[:0]
    first_items, more_items = drawn(1), drawn(2)
    known = facts(sample_results=audited(more_items, {first_items[0]}))

    first = run_again("a08", tables, known, steps=PLAN)
    second = run_again("a08", tables, known, steps=PLAN, turn=2, previous=stored(first))

    assert set(first_items) < set(more_items)
    was, now = (r.outputs["samples"]["receivables"] for r in (first, second))
    assert (was["splits"], was["conclusion"]) == (1, "further procedures required")
    assert first.outputs["can_extend"]
    assert (now["splits"], now["conclusion"]) == (2, "acceptable")
    assert now["items"] > was["items"]


def test_an_extension_nobody_has_examined_is_listed_and_the_first_result_stands(
    run_again, facts, tables
):
    tables["open_accounts_receivable"] = OPEN
    first_items = drawn(1)
    known = facts(sample_results=audited(first_items, {first_items[0]}))

    first = run_again("a08", tables, known, steps=PLAN)
    second = run_again("a08", tables, known, steps=PLAN, turn=2, previous=stored(first))

    assert second.outputs["samples"]["receivables"]["splits"] == 1
    assert set(second.outputs["to_examine"]["receivables"]) == set(drawn(2)) - set(first_items)
    assert second.outputs["can_extend"] is False


def test_missing_answers_are_looked_for_elsewhere_before_people_are_asked(run_again, facts):
    """Nobody answered a confirmation: the shipments support all 20 open invoices (ISA 505 paragraph 12)."""
    bare = facts(sample_results=[])
    first = run_again("a08", engagement=bare)
    assert first.outputs["conclusion"] == "further_procedures_required"
    assert first.outputs["can_extend"]

    second = run_again("a08", engagement=bare, turn=2, previous=stored(first))

    assert second.outputs["conclusion"] == "acceptable"
    assert second.outputs["key_procedures"]["receivables"]["is_performed"]
    vouched = procedure(second, "Alternative procedures for receivables without an answer")
    assert "0 items still to be examined" in vouched.result


def test_what_no_other_evidence_supports_is_left_to_people(run_again, facts, tables):
    """Without shipments nothing in the books supports the invoices: the loop ends and says what is missing."""
    del tables["shipments_made"]
    bare = facts(sample_results=[])
    first = run_again("a08", tables, bare)

    second = run_again("a08", tables, bare, turn=2, previous=stored(first))

    assert second.outputs["conclusion"] == "further_procedures_required"
    assert second.outputs["can_extend"] is False


def test_a_later_payment_is_evidence(run_again, facts, tables):
    """An invoice paid in January was owed in December (ISA 505 A18)."""
    shipments = tables["shipments_made"]
    tables["shipments_made"] = shipments[shipments["invoice_id"] != "INV045"]
    received = tables["payments_received"]
    late = received.iloc[[0]].assign(
        payment_id="RX", invoice_id="INV045", payment_date=received["payment_date"].max().replace(year=2026),
        payment_amount_cents=tables["open_accounts_receivable"].set_index("invoice_id").loc["INV045", "open_amount_cents"],
    )  # fmt: skip
    tables["payments_received"] = late
    bare = facts(sample_results=[])
    first = run_again("a08", tables, bare)

    second = run_again("a08", tables, bare, turn=2, previous=stored(first))

    evidence = next(e for e in second.workpaper.evidence if e.title.startswith("Alternative"))
    assert ("INV045", "paid in full after the period") in evidence.rows


# ---- a09: components


COMPONENTS = [
    {"name": "North", "revenue": "400000", "instruction_acknowledged": True, "conclusion": "clean"},
    {"name": "South", "revenue": "200000"},
]


def test_each_component_is_instructed_and_again_until_it_answers(run_again, facts):
    group = facts(components=COMPONENTS)
    first = run_again("a09", engagement=group, item={"name": "South"})
    again = run_again("a09", engagement=group, item={"name": "South"}, previous=stored(first))
    north = run_again(
        "a09", engagement=group, item={"name": "North"}, previous={"instruction_number": 1}
    )

    numbers = [r.outputs["instruction_number"] for r in (first, again, north)]
    assert numbers == [1, 2, 1]
    assert first.outputs["open_components"] == ["South"]
    assert north.outputs["open_components"] == []
    assert first.outputs["component_performance_cents"].keys() == {"South"}


def test_the_branches_add_up_for_the_steps_behind(run_again, facts):
    """One open component keeps the group's opinion open; its name reaches the opinion and the release."""
    group = facts(
        client={"id": "C-1", "name": "Trader Ltd", "is_group": True}, components=COMPONENTS
    )
    branches = {
        name: stored(run_again("a09", engagement=group, item={"name": name}))
        for name in ("North", "South")
    }
    done = {"a09": {"branches": branches, "count": 2}}

    opinion = run_again("a12", engagement=group, steps=done)
    release = run_again("a14", engagement=group, steps=done)

    assert opinion.outputs["opinion"] == "QUALIFIED"
    assert any("open: South" in gap for gap in opinion.outputs["evidence_gaps"])
    assert "components are still open" in release.outputs["release_obstacles"]


# ---- a10 and a11: back to the client, corrected or accepted


def test_statements_come_back_with_what_was_cleared(run_again, tables):
    lines = tables["financial_statements"]
    lines.loc[lines["line_id"] == "wages", "amount_cents"] += 5_000_00
    first = run_again("a10", tables)
    lines.loc[lines["line_id"] == "wages", "amount_cents"] -= 5_000_00

    second = run_again("a10", tables, previous=stored(first))

    assert first.outputs["disclosure_exceptions"]
    assert second.outputs["disclosure_exceptions"] == []
    assert "0 matters open" in procedure(second, "Since the last round").result


def misstated(corrected=()):
    """Outputs of a08 in which a payment made twice is corrected or not."""
    row = {"kind": "duplicate_payment", "nature": "factual", "items": 1, "total_cents": 900_00}
    return {"a08": {"misstatements": [{**row, "corrected_cents": 900_00 if corrected else 0}]}}


@pytest.mark.parametrize("is_redrafted", [True, False])
def test_a_correction_is_held_against_the_statements(run_again, clean_audit, is_redrafted):
    """A word in engagement.yaml corrects nothing: the draft statements have to be others than before."""
    first = run_again("a11", steps=misstated())
    statements = dict(stored(clean_audit["a10"]))
    if is_redrafted:
        statements["fs_version_hash"] = "f" * 64

    second = run_again(
        "a11", steps={**misstated(corrected=True), "a10": statements}, previous=stored(first)
    )

    assert second.outputs["uncorrected_total_cents"] == 0
    said = procedure(second, "Corrections since the last round").result
    assert said == "EUR 900.00 corrected since; EUR 0.00 remain."
    kinds = {f.kind for f in second.workpaper.findings}
    assert ("correction_not_in_statements" in kinds) is not is_redrafted


# ---- a12: redraft


def test_a_redraft_says_what_changed_and_why_it_was_asked_for(run_again, facts):
    listed = {"client": {"id": "C-1", "name": "Trader Ltd", "is_listed": True}}
    first = run_again("a12", engagement=facts(**listed))
    chosen = facts().completion.model_dump() | {"key_audit_matters": ["Cut-off of sales"]}

    second = run_again(
        "a12", engagement=facts(**listed, completion=chosen), previous=stored(first),
        review_notes=("Choose the matter.",),
    )  # fmt: skip

    assert list(second.outputs["kams"]) == ["Cut-off of sales"]
    assert second.outputs["report_sections"]["Key audit matters"] == "Cut-off of sales."
    assert "1 section changed" in procedure(second, "Redraft").result
    asked = next(e for e in second.workpaper.evidence if e.title == "What reviewers asked for")
    assert asked.rows == ((1, "Choose the matter."),)


# ---- independence, checked again


@pytest.mark.parametrize("step_id", ["a02", "a13", "a14"])
def test_independence_is_checked_again(run_again, facts, step_id):
    """A member of the team bought shares after the engagement was accepted."""
    bought = {
        "confirmed_by": ["pat", "max", "eva"],
        "financial_interests": [{"user": "pat", "amount": "10"}],
    }

    outputs = run_again(step_id, engagement=facts(independence=bought)).outputs

    assert outputs["independence_conclusion"] == "PROHIBITED"
    assert outputs["independence_is_worse"]


def test_new_safeguards_stand_against_release_until_a_partner_agrees(run_again, facts):
    unconfirmed = facts(independence={"confirmed_by": ["pat", "max"]})

    obstacles = run_again("a14", engagement=unconfirmed).outputs["release_obstacles"]

    assert "independence now needs safeguards that nobody has agreed" in obstacles


def test_a_table_that_changed_after_it_was_tested_stands_against_release(run_again, clean_audit):
    """The statements may be redrafted; the ledger under them may not be exchanged behind the tests."""
    intake = stored(clean_audit["a03"])
    intake["files"] = {**intake["files"], "gl_detail": "0" * 64, "financial_statements": "0" * 64}

    obstacles = run_again("a14", steps={"a03": intake}).outputs["release_obstacles"]

    assert obstacles == ["tables changed after they were tested: gl_detail"]
