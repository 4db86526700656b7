"""Steps a06 and a07: controls, and analytics with journal entry tests."""

from prisma_assets.agents.embedded.work import Draft, StepWork, finish, key_procedure
from prisma_assets.agents.heartbeat import beat
from prisma_assets.domain.audit import (
    analytics,
    benford,
    controls,
    journal_entry,
)
from prisma_assets.domain.audit.engagement import ControlTest
from prisma_assets.domain.audit.outcome import Outcome, count, not_performed
from prisma_assets.domain.audit.workpaper import StepResult


def controls_testing(work: StepWork) -> StepResult:
    """Evaluate the tests of key controls and say how far they can be relied on; the second turn extends what deviated."""
    tests = work.engagement.control_tests
    asked = (work.task.previous or {}).get("to_extend", []) if work.task.turn > 1 else []
    names = {row["control"] for row in asked}
    tested = controls.evaluate(
        tuple(controls.with_extension(t) if t.control in names else t for t in tests),
        confidence_pct=work.engagement.strategy.confidence_pct,
    )
    outcomes = [tested, *_service_organisation(work)]
    if asked:
        outcomes.insert(1, controls.extensions(tests, asked))
    to_extend = [] if work.task.turn > 1 else tested.figures.get("to_extend", [])
    reliance = tested.figures.get("reliance_level", "none")
    failed = [f.record_id for f in tested.findings]
    words = {
        "full": "Every key control tested worked; the audit may rely on them as planned.",
        "partial": f"Controls can be relied on except {', '.join(failed)}.",
        "none": "No reliance on controls; assurance comes from substantive tests alone.",
    }
    text = words[reliance]
    if to_extend:
        text += f" The samples of {', '.join(row['control'] for row in to_extend)} are extended once before this is final."
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
                "to_extend": to_extend,
                "is_concluded": not to_extend,
                "deficiencies": _deficiencies(tests, tested),
            },
        ),
    )


def _deficiencies(tests: tuple[ControlTest, ...], tested: Outcome) -> list[dict[str, str]]:
    severity = {t.control: t.deficiency for t in tests}
    return [
        {
            "control": f.record_id,
            "description": f.description,
            "severity": severity[f.record_id],
        }
        for f in tested.findings
    ]


def analytics_and_je_testing(work: StepWork) -> StepResult:
    """Test every journal entry, the first digits and the ratios."""
    books, engagement = work.books, work.engagement
    stated = work.outputs_of("a04").get("je_criteria")
    criteria = journal_entry.JournalCriteria.model_validate(stated) if stated else None
    entries = journal_entry.journal_entry_tests(books, engagement.period, criteria)
    beat()
    digits = benford.first_two_digits(books)
    beat()
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
                "je_selection": selected[: work.parameter("selection_handed_on")],
                "je_selected": len(selected),
                "unexplained_ratios": unexplained,
                "ratios": ratios.figures.get("ratios", {}),
                "dataset_hash": books.sha256,
                "key_procedures": {"journal_entries": key_procedure(entries)},
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
