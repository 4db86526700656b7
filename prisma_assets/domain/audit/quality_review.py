"""The file a quality reviewer is given, and who may review (ISQM 2). The review itself is a person's."""

from collections.abc import Mapping
from typing import Any

from prisma_assets.domain.audit.amount import in_currency
from prisma_assets.domain.audit.engagement import Engagement
from prisma_assets.domain.audit.outcome import Outcome, count, performed
from prisma_assets.domain.audit.workpaper import Evidence, Finding

ELIGIBILITY = "Eligibility of the reviewer"
JUDGEMENTS = "Significant judgements"
GAPS = "Work not performed"

QUESTIONS: tuple[tuple[str, str, str], ...] = (
    ("a01", "independence_conclusion", "Is the conclusion on independence supported?"),
    ("a02", "acceptance", "Were acceptance and its conditions handled?"),
    ("a03", "fs_risk_level", "Does the risk level fit what is known of the client?"),
    ("a05", "overall_materiality_cents", "Is materiality set on a suitable benchmark?"),
    ("a06", "reliance_level", "Is the reliance on controls supported by tests?"),
    ("a08", "conclusion", "Does the evidence support the conclusion on substantive tests?"),
    (
        "a11",
        "uncorrected_total_cents",
        "Are uncorrected misstatements evaluated properly?",
    ),
    ("a11", "going_concern", "Is the conclusion on going concern supported?"),
    ("a12", "opinion", "Does the opinion follow from the file?"),
)
"""What the reviewer answers (ISQM 2 paragraph 25): step, output, question."""


def eligibility(engagement: Engagement) -> Outcome:
    """Find the reviewers: role EQR and no other role on the engagement (ISQM 2 paragraphs 18-19).

    Figures: `eligible` users.
    """
    named = [m for m in engagement.team if "EQR" in m.roles]
    eligible = [m.user for m in named if set(m.roles) == {"EQR"} and m.user != engagement.preparer]
    findings = [
        _finding(m.user, f"{m.user} also works on the engagement and may not review it.")
        for m in named
        if m.user not in eligible
    ]
    if not named:
        findings.append(_finding("EQR", "Nobody outside the team is named as reviewer."))
    return performed(
        ELIGIBILITY,
        population=count(len(named), "reviewer") + " named",
        result=f"Eligible: {', '.join(eligible) or 'nobody'}. A cooling-off of two years after a term as engagement partner is confirmed by the reviewer (ISQM 2 paragraph 19).",
        findings=tuple(findings),
        figures={"eligible": eligible},
    )


def significant_judgements(steps: Mapping[str, Mapping[str, Any]], *, currency: str) -> Outcome:
    """List what the reviewer has to form a view on, with what the file says."""
    rows = tuple(
        (step_id, question, _answer(steps, step_id, output, currency))
        for step_id, output, question in QUESTIONS
    )
    return performed(
        JUDGEMENTS,
        population=count(len(rows), "question") + " of ISQM 2 paragraph 25",
        result="Put before the reviewer with what the file says.",
        evidence=(Evidence(title=JUDGEMENTS, columns=("step", "question", "on file"), rows=rows),),
    )


def work_not_performed(steps: Mapping[str, Mapping[str, Any]]) -> Outcome:
    """List every procedure that was not performed, with its reason. Figures: `not_performed` count."""
    rows = tuple(
        (step_id, gap["name"], gap["reason"])
        for step_id, outputs in steps.items()
        for gap in outputs.get("procedures", {}).get("not_performed", [])
    )
    return performed(
        GAPS,
        population=count(len(steps), "step"),
        result=f"{count(len(rows), 'procedure')} not performed.",
        evidence=(Evidence(title=GAPS, columns=("step", "procedure", "because"), rows=rows),)
        if rows
        else (),
        figures={"not_performed": len(rows)},
    )


def _answer(
    steps: Mapping[str, Mapping[str, Any]], step_id: str, output: str, currency: str
) -> str:
    if step_id not in steps:
        return "step skipped"
    value = steps[step_id].get(output)
    if value is None:
        return "not determined"
    return in_currency(value, currency) if output.endswith("_cents") else str(value)


def _finding(record_id: str, description: str) -> Finding:
    return Finding(
        kind="reviewer_not_eligible",
        table="engagement",
        record_id=record_id,
        description=description,
        procedure=ELIGIBILITY,
    )
