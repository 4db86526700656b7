"""Steps of an imported methodology: performed once, cited afterwards, and put before people where no procedure covers them."""

import json

import pytest

from prisma_assets.domain.errors import PermanentError


def stored(**results):
    """Outputs as the store hands them on."""
    return {i: json.loads(json.dumps(r.outputs, allow_nan=False)) for i, r in results.items()}


def states(result):
    return [(p.name, p.status) for p in result.workpaper.procedures]


def cells(result):
    return [c for e in result.workpaper.evidence for row in e.rows for c in row]


def test_a_covered_step_is_performed_with_what_it_rests_on(perform, clean_audit):
    """Materiality needs the risk level, so risk and fraud are assessed in the same step when no earlier one did."""
    result = perform("m1", {}, performs="strategy_materiality_plan")

    assert list(result.outputs["performed"]) == [
        "understand_entity_and_risk",
        "fraud_risk_assessment",
        "strategy_materiality_plan",
    ]
    own = result.outputs["performed"]["strategy_materiality_plan"]
    assert own == clean_audit["a05"].outputs
    assert result.workpaper.conclusion.startswith(clean_audit["a05"].workpaper.conclusion)
    assert result.workpaper.title == "Title of m1"
    assert result.workpaper.references[0] == "ISA 999 1"


def test_what_an_earlier_step_performed_is_not_performed_again(perform):
    risk = perform("r1", {}, performs="understand_entity_and_risk")
    plan = perform("m1", stored(r1=risk), performs="strategy_materiality_plan")
    again = perform("m2", stored(r1=risk, m1=plan), performs="strategy_materiality_plan")

    assert list(plan.outputs["performed"]) == ["fraud_risk_assessment", "strategy_materiality_plan"]
    assert "performed" not in again.outputs
    assert again.workpaper.conclusion.startswith("Rests on step m1, in which")
    assert plan.outputs["conclusion"] in again.workpaper.conclusion
    assert again.workpaper.findings == ()


def test_the_whole_chain_leads_to_the_same_opinion_as_the_annual_audit(perform, clean_audit):
    """One step asks for the opinion: everything it rests on is performed in it, with the same result."""
    result = perform("o1", {}, performs="opinion_and_report_draft")
    draft = result.outputs["performed"]["opinion_and_report_draft"]

    assert draft["opinion"] == clean_audit["a12"].outputs["opinion"] == "UNMODIFIED"
    assert draft["evidence_gaps"] == []
    assert "group_component_work" not in result.outputs["performed"]


def test_components_are_worked_on_where_the_client_is_a_group(perform, facts):
    client = facts().client.model_copy(update={"is_group": True})
    result = perform("c1", {}, performs="completion", engagement=facts(client=client))

    assert "group_component_work" in result.outputs["performed"]


def test_workpapers_name_this_templates_steps_not_the_annual_audits(perform):
    """`step a07` would be a step nobody finds."""
    risk = perform("risk_1", {}, performs="fraud_risk_assessment")
    substantive = perform("sub_1", stored(risk_1=risk), performs="completion")
    opinion = perform("op_1", stored(risk_1=risk, sub_1=substantive), performs="opinion_and_report_draft")  # fmt: skip

    assert "the tests follow in Analytics and journal entry tests" in risk.workpaper.conclusion
    texts = [opinion.workpaper.conclusion, *map(str, cells(opinion))]
    assert any("step sub_1 could not" in t for t in texts)
    assert not any("step a1" in t or "step a0" in t for t in texts)


def test_an_uncovered_step_pretends_nothing(perform):
    result = perform("x1", {}, leaves={"letter": "Engagement Letter"})

    assert states(result) == [("Title of x1", "not performed")]
    assert result.workpaper.conclusion.startswith(
        "Not performed, because no procedure of the firm covers it; the Audit Senior does."
    )
    assert result.outputs["evidence"] == {"letter": False}
    assert "to be added by the Audit Senior" in cells(result)
    assert result.outputs["procedures"]["performed"] == 0


def test_only_people_judge_what_only_people_may_judge(perform):
    plain = perform("m1", {}, performs="independence_check")
    judged = perform("m1", {}, performs="independence_check", judged_by_people=True)
    prepared = perform("x1", {}, judged_by_people=True)

    assert states(judged) == [*states(plain), ("Judgement of the Audit Senior", "not performed")]
    assert judged.workpaper.conclusion.endswith("The Audit Senior judges and signs.")
    assert "only people may judge it" in prepared.workpaper.conclusion


def test_evidence_is_there_missing_or_left_to_people(perform):
    """A document counts as in the file only where a procedure wrote it."""
    made = perform("m1", {}, performs="independence_check", leaves={"memo": "Memo"})
    open_ = perform("x1", {}, leaves={"letter": "Letter"})
    reader = perform(
        "r1",
        stored(m1=made, x1=open_),
        reads={"memo": "Memo", "letter": "Letter", "count": "Count"},
    )

    assert reader.outputs["missing_evidence"] == ["letter", "count"]
    assert "Not in the file yet: Letter, Count." in reader.workpaper.conclusion
    assert ("Memo", "read", "in the file") in reader.workpaper.evidence[1].rows


def test_people_see_what_is_asked_of_them(perform):
    result = perform(
        "x1", {},
        questions=[{"question": "Is it odd?", "answers": ["Yes", "No"]}],
        states=["amount"], people=["Look at each"], hours=4.5,
        review_notes=("Say where the count sheets are.",),
    )  # fmt: skip

    assert "To be decided by the Audit Senior: Is it odd?" in result.workpaper.conclusion
    for text in ("amount", "Look at each", "4.5 h", "Say where the count sheets are.", "Yes"):
        assert text in cells(result)


@pytest.mark.parametrize(
    ("brief", "expected"),
    [
        ({"hours": -1}, "step x1: parameters.hours: Input should be greater than 0; correct it"),
        ({"actors": "me"}, "step x1: parameters.actors: Extra inputs are not permitted"),
        (
            {"performs": "completions"},
            "no audit procedure is called 'completions'; did you mean 'completion'?",
        ),
    ],
)
def test_a_brief_changed_by_hand_is_checked(perform, brief, expected):
    with pytest.raises(PermanentError) as error:
        perform("x1", {}, **brief)

    assert expected in str(error.value)
