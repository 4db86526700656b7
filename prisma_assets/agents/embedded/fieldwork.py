"""Steps a06, a07 and a09: controls, analytics with journal entry tests, and components of a group."""

from prisma_assets.agents.embedded.work import Draft, StepWork, finish, key_procedure
from prisma_assets.domain.audit import (
    analytics,
    benford,
    controls,
    group,
    journal_entry,
    misstatement,
)
from prisma_assets.domain.audit.outcome import Outcome, count, not_performed
from prisma_assets.domain.audit.workpaper import StepResult


def controls_testing(work: StepWork) -> StepResult:
    """Evaluate the tests of key controls and say how far they can be relied on."""
    engagement = work.engagement
    tested = controls.evaluate(
        engagement.control_tests, confidence_pct=engagement.strategy.confidence_pct
    )
    outcomes = [tested, *_service_organisation(work)]
    reliance = tested.figures.get("reliance_level", "none")
    failed = [f.record_id for f in tested.findings]
    words = {
        "full": "Every key control tested worked; the audit may rely on them as planned.",
        "partial": f"Controls can be relied on except {', '.join(failed)}.",
        "none": "No reliance on controls; assurance comes from substantive tests alone.",
    }
    text = words[reliance]
    if failed:
        text += " How severe the deficiencies are is for people to judge; significant ones go to those charged with governance in writing (ISA 265 paragraph 9)."
    return finish(
        work,
        Draft(
            tables=(),
            outcomes=outcomes,
            conclusion=text,
            outputs={
                "reliance_level": reliance,
                "control_conclusions": tested.figures.get("conclusions", []),
                "deficiencies": [
                    {"control": f.record_id, "description": f.description} for f in tested.findings
                ],
            },
        ),
    )


def analytics_and_je_testing(work: StepWork) -> StepResult:
    """Test every journal entry, the first digits and the ratios."""
    books, engagement = work.books, work.engagement
    stated = work.outputs_of("a04").get("je_criteria")
    criteria = journal_entry.JournalCriteria.model_validate(stated) if stated else None
    entries = journal_entry.journal_entry_tests(books, engagement.period, criteria)
    digits = benford.first_two_digits(books)
    ratios = analytics.ratio_analytics(
        work.figures,
        performance_cents=work.outputs_of("a05").get("performance_materiality_cents"),
        currency=work.currency,
    )
    selected = list(dict.fromkeys(f.record_id for f in entries.findings))
    unexplained = ratios.figures.get("unexplained", [])
    parts = []
    if entries.is_performed:
        parts.append(
            f"{count(len(selected), 'journal entry', 'journal entries')} selected to be vouched."
        )
    if digits.is_performed:
        parts.append(digits.procedure.result)
    if ratios.is_performed:
        parts.append(
            f"Management is to explain: {', '.join(unexplained)}."
            if unexplained
            else "No ratio moved by more than performance materiality."
        )
    parts.append(
        "Entries and relations named here are indications, not misstatements, until people have looked at them."
    )
    return finish(
        work,
        Draft(
            outcomes=[entries, digits, ratios],
            conclusion=" ".join(parts),
            outputs={
                "je_selection": selected[:SELECTION_HANDED_ON],
                "je_selected": len(selected),
                "unexplained_ratios": unexplained,
                "ratios": ratios.figures.get("ratios", {}),
                "dataset_hash": books.sha256,
                "key_procedures": {"journal_entries": key_procedure(entries)},
            },
        ),
    )


SELECTION_HANDED_ON = 500
"""Journal entries handed on by number; the workpaper holds all of them."""


def group_component_work(work: StepWork) -> StepResult:
    """Set component materiality and take up what the components' auditors reported."""
    components = work.engagement.components
    performance = work.outputs_of("a05").get("performance_materiality_cents")
    revenue = work.figures.get("revenue")
    allotted = group.allocate(components, performance_cents=performance, currency=work.currency)
    covered = group.coverage(components, group_revenue_cents=revenue.cents if revenue else None)
    reported = group.reports(components, currency=work.currency)
    corrected = work.engagement.completion.corrected if work.engagement.completion else ()
    errors = misstatement.factual(reported.findings, corrected)
    still_open = reported.figures.get("open_components", [])
    text = "Every component's auditor acknowledged the instruction and reported a conclusion."
    if still_open:
        text = f"The group's opinion cannot rest yet on {', '.join(still_open)}: instructions are issued again and conclusions awaited."
    if not components:
        text = (
            "The work on components is outstanding."
            if work.engagement.client.is_group
            else "The client is not a group."
        )
    return finish(
        work,
        Draft(
            tables=("financial_statements", "trial_balance"),
            outcomes=[allotted, covered, reported],
            conclusion=text,
            outputs={
                "component_performance_cents": allotted.figures.get(
                    "component_performance_cents", {}
                ),
                "component_conclusions": [
                    {"component": c.name, "conclusion": c.conclusion} for c in components
                ],
                "open_components": still_open,
                "misstatements": misstatement.to_json(misstatement.totals(errors))
                if reported.is_performed
                else None,
                "key_procedures": {
                    "components": key_procedure(
                        reported, problem=f"open: {', '.join(still_open)}" if still_open else ""
                    )
                },
            },
        ),
    )


def _service_organisation(work: StepWork) -> list[Outcome]:
    if not work.engagement.client.uses_service_organisation:
        return []
    return [
        not_performed(
            "Report of the service organisation's auditor (ISA 402)",
            "the engagement folder has no place for such a report; the team obtains and reads it",
        )
    ]
