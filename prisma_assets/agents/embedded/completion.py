"""Steps a10 and a11: the statements, and everything that has to be settled before an opinion."""

from typing import Any

from prisma_assets.agents.embedded.rounds import since_last_round
from prisma_assets.agents.embedded.work import Draft, StepWork, finish, key_procedure
from prisma_assets.domain.audit import (
    closing,
    footing,
    going_concern,
    independence,
    misstatement,
)
from prisma_assets.domain.audit.misstatement import KindTotal
from prisma_assets.domain.audit.outcome import Outcome, count, not_performed, performed
from prisma_assets.domain.audit.workpaper import Evidence, Finding, StepResult

STEPS_WITH_MISSTATEMENTS = ("a03", "a08", "a09", "a10")


def fs_disclosure_review(work: StepWork) -> StepResult:
    """Add the statements up and agree them to the trial balance and to each other, if the firm did not prepare them."""
    checker = independence.checker_mode(work.engagement)
    is_barred = checker.figures.get("is_barred", False)
    foots, ties, agrees = _statement_checks(work, is_barred=is_barred)
    corrected = _corrected(work)
    findings = [f for o in (ties, foots, agrees) for f in o.findings]
    errors = misstatement.statement_differences(
        findings, work.outputs_of("a03").get("tb_difference_cents"), corrected
    )
    source = work.books.sources.get("financial_statements")
    exceptions = [f.description for f in findings[: work.parameter("exceptions_handed_on")]]
    rounds = since_last_round(work, "disclosure_exceptions", exceptions)
    outcomes = [checker, foots, ties, agrees, *rounds, *_beyond_the_folder()]
    return finish(
        work,
        Draft(
            tables=("financial_statements", "trial_balance"),
            outcomes=outcomes,
            core=[foots, ties, agrees],
            conclusion=_statement_conclusion(
                [foots, ties, agrees], errors_found=len(errors), is_barred=is_barred
            ),
            outputs={
                "disclosure_exceptions": exceptions,
                "disclosure_exception_count": len(findings),
                "fs_version_hash": source.sha256 if source else None,
                "is_barred": is_barred,
                "misstatements": misstatement.to_json(misstatement.totals(errors))
                if any(o.is_performed for o in (foots, ties, agrees))
                else None,
                "key_procedures": {"statements": key_procedure(ties)},
            },
        ),
    )


def completion(work: StepWork) -> StepResult:
    """Sum up misstatements, look past the period's end, weigh going concern, and see that representations are on file."""
    engagement = work.engagement
    facts = engagement.completion
    rows = _all_totals(work)
    summary = _summary(work, rows)
    uncorrected = misstatement.uncorrected_cents(rows) if summary.is_performed else None
    plan = work.outputs_of("a05")
    performance = plan.get("performance_materiality_cents")
    screened = going_concern.screen(work.figures, currency=work.currency)
    outlook, why = going_concern.conclude(screened, facts)
    reported_on = work.report_date
    events = closing.subsequent_events(facts, engagement.period, reported_on)
    letter = closing.representations(facts, engagement.period, reported_on)
    assessment = _assessment(work)
    unreflected = events.figures.get("unreflected", [])
    statements = work.outputs_of("a10").get("fs_version_hash")
    return finish(
        work,
        Draft(
            tables=("financial_statements", "trial_balance"),
            outcomes=[
                summary,
                *_corrections(work, rows, statements),
                screened,
                assessment,
                events,
                letter,
            ],
            conclusion=_completion_conclusion(work, uncorrected, (outlook, why), (events, letter)),
            outputs={
                "misstatements": misstatement.to_json(rows),
                "fs_version_hash": statements,
                "uncorrected_total_cents": uncorrected,
                "uncorrected_exceeds_performance_materiality": _exceeds(uncorrected, performance),
                "misstatements_are_evaluated": None not in (uncorrected, performance),
                "going_concern": outlook,
                "going_concern_reason": why,
                "going_concern_signs": screened.figures.get("raised", []),
                "subsequent_events_unreflected": unreflected,
                "subsequent_events_current": events.figures.get("review_is_current"),
                "representation_letter_date": letter.figures.get("date"),
                "tcwg_draft": _tcwg(work, uncorrected, unreflected),
                "key_procedures": {
                    "going_concern": _going_concern_key(outlook, why),
                    "subsequent_events": key_procedure(events),
                    "representations": key_procedure(letter),
                },
            },
        ),
    )


CORRECTIONS = "Corrections since the last round"


def _corrections(
    work: StepWork, rows: tuple[KindTotal, ...], statements: str | None
) -> list[Outcome]:
    """What the client has corrected since the step was sent back, and whether the statements show it; nothing the first time.

    Source: ISA 450 paragraphs 7-8.
    """
    if "misstatements" not in work.last_time:
        return []
    before = misstatement.from_json(work.last_time["misstatements"])
    newly = misstatement.newly_corrected(before, rows)
    same_statements = statements is not None and statements == work.last_time.get("fs_version_hash")
    finding = Finding(
        kind="correction_not_in_statements",
        table="engagement",
        record_id="completion.corrected",
        description="Corrections are recorded, but the statements are those of the round before: the draft does not show them.",
        procedure=CORRECTIONS,
    )
    table = Evidence(
        title=CORRECTIONS,
        columns=("kind", "corrected"),
        rows=tuple((kind, work.amount(cents)) for kind, cents in newly.items()),
    )
    return [
        performed(
            CORRECTIONS,
            population=f"{work.amount(misstatement.uncorrected_cents(before))} uncorrected before",
            result=f"{work.amount(sum(newly.values()))} corrected since; {work.amount(misstatement.uncorrected_cents(rows))} remain.",
            findings=(finding,) if newly and same_statements else (),
            evidence=(table,) if newly else (),
        )
    ]  # fmt: skip


def _exceeds(uncorrected: int | None, performance: int | None) -> bool:
    """Whether the partner decides on what remains: at performance materiality, and where it could not be evaluated."""
    return uncorrected is None or performance is None or uncorrected >= performance


def _statement_checks(work: StepWork, *, is_barred: bool) -> tuple[Outcome, Outcome, Outcome]:
    if is_barred:
        reason = "the firm prepared records of this client, so a person outside that work checks the statements"
        names = (
            footing.STATEMENT_FOOTING,
            footing.STATEMENTS_TO_TRIAL_BALANCE,
            footing.CROSS_CHECKS,
        )
        foots, ties, agrees = (not_performed(name, reason) for name in names)
        return foots, ties, agrees
    books = work.books
    return (
        footing.statement_footing(books),
        footing.statements_to_trial_balance(books),
        footing.statement_cross_checks(books),
    )


def _beyond_the_folder() -> list[Outcome]:
    """What the review asks for and an engagement folder does not hold."""
    return [
        not_performed(
            "Disclosure checklist",
            "the engagement folder holds no notes to the statements; the team reads them",
        ),
        not_performed(
            "Other information (ISA 720)",
            "the engagement folder holds no annual report; the team reads it",
        ),
    ]


def _statement_conclusion(checks: list[Outcome], *, errors_found: int, is_barred: bool) -> str:
    if is_barred:
        return "Not performed, because the firm prepared records of this client; a person outside that work checks the statements."
    done = [o for o in checks if o.is_performed]
    if not done:
        return "Nothing is established about the statements."
    results = " ".join(o.procedure.result for o in done)
    verdict = (
        f"{count(errors_found, 'difference')} to clear with the client before the statements can be signed."
        if errors_found
        else "The statements can go forward on these checks."
    )
    missing = [o.procedure.name.lower() for o in checks if not o.is_performed]
    gap = f" Not checked: {', '.join(missing)}." if missing else ""
    return f"{results} {verdict}{gap} Notes and other information remain to be read by the team."


def _all_totals(work: StepWork) -> tuple[KindTotal, ...]:
    rows = [
        row
        for step_id in STEPS_WITH_MISSTATEMENTS
        for row in misstatement.from_json(work.outputs_of(step_id).get("misstatements") or [])
    ]
    items = work.outputs_of("a08").get("misstatement_items", [])
    now = misstatement.corrected_since(rows, items, _corrected(work))
    return tuple(sorted(now, key=lambda t: (-t.uncorrected_cents, t.kind)))


def _summary(work: StepWork, rows: tuple[KindTotal, ...]) -> Outcome:
    """The summary of misstatements against materiality (ISA 450 paragraphs 5 and 11)."""
    name = "Summary of misstatements"
    plan = work.outputs_of("a05")
    reached = [
        s for s in STEPS_WITH_MISSTATEMENTS if work.outputs_of(s).get("misstatements") is not None
    ]
    if not reached:
        return not_performed(name, "no earlier step could look for misstatements")
    total = misstatement.uncorrected_cents(rows)
    shown = tuple(
        (t.kind, t.nature, t.items, work.amount(t.total_cents), work.amount(t.corrected_cents), work.amount(t.uncorrected_cents))
        for t in rows
    )  # fmt: skip
    sums = ("all", "", sum(t.items for t in rows), work.amount(sum(t.total_cents for t in rows)),
            work.amount(sum(t.corrected_cents for t in rows)), work.amount(total))  # fmt: skip
    limits = tuple(
        (words, work.amount(plan.get(key)))
        for words, key in (("Overall materiality", "overall_materiality_cents"), ("Performance materiality", "performance_materiality_cents"), ("Clearly trivial", "trivial_materiality_cents"), )
    )  # fmt: skip
    columns = ("kind", "nature", "items", "total", "corrected", "uncorrected")
    return performed(
        name,
        population=f"misstatements of steps {', '.join(reached)}; factual and projected, without set-off",
        result=_weighed(work, rows, total),
        evidence=(
            Evidence(title=name, columns=columns, rows=(*shown, sums)),
            Evidence(title="Measured against", columns=("amount", "figure"), rows=limits),
        ),
    )


def _weighed(work: StepWork, rows: tuple[KindTotal, ...], total: int) -> str:
    plan = work.outputs_of("a05")
    overall, performance = (
        plan.get("overall_materiality_cents"),
        plan.get("performance_materiality_cents"),
    )
    if overall is None or performance is None:
        return f"Uncorrected: {work.amount(total)}; not evaluated, because materiality was not determined."
    if misstatement.is_clearly_trivial(rows, plan.get("trivial_materiality_cents")):
        return f"Uncorrected: {work.amount(total)}, clearly trivial even taken together."
    if total >= overall:
        return f"Uncorrected: {work.amount(total)}, at or above overall materiality: material."
    if total >= performance:
        return f"Uncorrected: {work.amount(total)}, below overall but not below performance materiality: undetected misstatement could make it material."
    return f"Uncorrected: {work.amount(total)}, below performance materiality."


def _assessment(work: StepWork) -> Outcome:
    """Management's own assessment of going concern (ISA 570 paragraphs 10-12)."""
    name = "Management's assessment of going concern"
    facts = work.engagement.completion
    if facts is None:
        return not_performed(name, closing.NO_FACTS)
    if facts.going_concern_assessment == "none received":
        return not_performed(name, "no assessment was received from management")
    return performed(
        name,
        population="completion.going_concern_assessment",
        result=f"Management's assessment: {facts.going_concern_assessment}.",
    )


def _going_concern_key(outlook: str | None, why: str) -> dict[str, Any]:
    """On file once a conclusion could be drawn; an answer that the books cannot give is a gap."""
    return {"is_performed": outlook is not None, "reason": "" if outlook else why}


def _completion_conclusion(
    work: StepWork,
    uncorrected: int | None,
    outlook: tuple[str | None, str],
    last: tuple[Outcome, Outcome],
) -> str:
    state, why = outlook
    words = {
        None: "Going concern is not determined",
        "STABLE": "No significant doubt about going concern",
        "SIGNIFICANT_DOUBT": "There is significant doubt about going concern",
        "MATERIAL_UNCERTAINTY": "There is a material uncertainty about going concern",
    }[state]
    parts = [
        "Misstatements are not summed up, because no earlier step could look for them."
        if uncorrected is None
        else f"Uncorrected misstatements come to {work.amount(uncorrected)}.",
        f"{words}: {why}.",
    ]
    parts += [
        f"{o.procedure.name}: {o.procedure.result}"
        if o.is_performed
        else f"{o.procedure.name}: not performed, because {o.procedure.reason}."
        for o in last
    ]
    return " ".join(parts)


def _tcwg(work: StepWork, uncorrected: int | None, unreflected: list[str]) -> list[str]:
    """Matters to communicate to those charged with governance (ISA 260 paragraphs 14-17, ISA 450 paragraph 12)."""
    matters = []
    if uncorrected:
        matters.append(
            f"Uncorrected misstatements of {work.amount(uncorrected)}; correction is requested."
        )
    matters += [
        ("Significant deficiency: " if d["severity"] == "significant" else "") + d["description"]
        for d in work.outputs_of("a06").get("deficiencies", [])
    ]
    matters += [f"Event after the period not reflected: {event}" for event in unreflected]
    return matters


def _corrected(work: StepWork) -> tuple[str, ...]:
    facts = work.engagement.completion
    return facts.corrected if facts else ()
