"""What the audit's loops do in their further turns and rounds: real work on changed facts, never the same thing again."""

import pytest

from tests.unit.embedded.again import procedure, run_again, stored

CONTROL = {"control": "Match", "sample_size": 45, "deviations": 2}
"""Two deviations in 45 bound the rate at 13.4 % (Clopper-Pearson, 95 %): above the tolerable 10 %."""


# ---- a03: the intake


def test_the_intake_lists_what_is_open_and_says_what_came(tables):
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


def test_the_intake_asks_for_a_trial_balance_that_foots(tables):
    tables["trial_balance"].loc[0, "amount_ending_cents"] += 12_34

    outputs = run_again("a03", tables).outputs

    assert outputs["tb_balanced"] is False
    assert outputs["open_requests"] == ["The trial balance does not foot: it is out by EUR 12.34."]


# ---- a06: a sample is extended once


def test_a_deviation_asks_for_an_extension(facts):
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
def test_an_extended_sample_is_concluded_on(facts, extension, reliance):
    known = facts(control_tests=[{**CONTROL, "extension": extension}])
    first = run_again("a06", engagement=known)

    second = run_again("a06", engagement=known, turn=2, previous=stored(first))

    assert second.outputs["is_concluded"]
    assert second.outputs["reliance_level"] == reliance
    kinds = {f.kind for f in second.workpaper.findings}
    assert ("control_sample_not_extended" in kinds) is (extension is None)


def test_a_control_without_deviation_is_not_extended(facts):
    """Ten items are too few, but nothing deviated: that is a plan to be mended, not an extension."""
    few = facts(control_tests=[{**CONTROL, "deviations": 0, "sample_size": 10}])

    assert run_again("a06", engagement=few).outputs["is_concluded"]


def test_a_significant_deficiency_is_named_to_governance(facts):
    """How severe a failure is, people say (ISA 265 paragraph 8)."""
    failed = facts(control_tests=[{**CONTROL, "deviations": 40, "deficiency": "significant"}])
    tested = stored(run_again("a06", engagement=failed))

    end = run_again("a11", engagement=failed, steps={"a06": tested})

    assert tested["deficiencies"][0]["severity"] == "significant"
    assert any(m.startswith("Significant deficiency: ") for m in end.outputs["tcwg_draft"])


def test_a_control_that_answers_a_significant_risk_is_tested(facts):
    """ISA 330 paragraph 15: reliance on it is enough, even where the plan relies on no other control."""
    answering = facts(control_tests=[{**CONTROL, "answers_significant_risk": True}])

    plan = run_again("a05", engagement=answering).outputs

    assert (plan["controls_reliance"], plan["relies_on_significant_risk_control"]) == (False, True)


# ---- a09: components


COMPONENTS = [
    {"name": "North", "revenue": "400000", "instruction_acknowledged": True, "conclusion": "clean"},
    {"name": "South", "revenue": "200000"},
]


def test_each_component_is_instructed_and_again_until_it_answers(facts):
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


def test_the_branches_add_up_for_the_steps_behind(facts):
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


def test_statements_come_back_with_what_was_cleared(tables):
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
def test_a_correction_is_held_against_the_statements(clean_audit, is_redrafted):
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


def test_a_redraft_says_what_changed_and_why_it_was_asked_for(facts):
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
def test_independence_is_checked_again(facts, step_id):
    """A member of the team bought shares after the engagement was accepted."""
    bought = {
        "confirmed_by": ["pat", "max", "eva"],
        "financial_interests": [{"user": "pat", "amount": "10"}],
    }

    outputs = run_again(step_id, engagement=facts(independence=bought)).outputs

    assert outputs["independence_conclusion"] == "PROHIBITED"
    assert outputs["independence_is_worse"]


def test_new_safeguards_stand_against_release_until_a_partner_agrees(facts):
    unconfirmed = facts(independence={"confirmed_by": ["pat", "max"]})

    obstacles = run_again("a14", engagement=unconfirmed).outputs["release_obstacles"]

    assert "independence now needs safeguards that nobody has agreed" in obstacles


def test_a_table_that_changed_after_it_was_tested_stands_against_release(clean_audit):
    """The statements may be redrafted; the ledger under them may not be exchanged behind the tests."""
    intake = stored(clean_audit["a03"])
    intake["files"] = {**intake["files"], "gl_detail": "0" * 64, "financial_statements": "0" * 64}

    obstacles = run_again("a14", steps={"a03": intake}).outputs["release_obstacles"]

    assert obstacles == ["tables changed after they were tested: gl_detail"]
