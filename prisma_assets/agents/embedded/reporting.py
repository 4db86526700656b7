"""Steps a12 to a14: the opinion drafted, the file for the quality review, and the seal on release."""

from datetime import date
from typing import Any

from prisma_assets.agents.embedded.guard import Again, independence_again
from prisma_assets.agents.embedded.rounds import since_last_round
from prisma_assets.agents.embedded.work import Draft, StepWork, finish
from prisma_assets.domain.audit import archive, independence, opinion, quality_review, report
from prisma_assets.domain.audit.opinion import Decision, OpinionFacts
from prisma_assets.domain.audit.outcome import Outcome, count, not_performed, performed
from prisma_assets.domain.audit.workpaper import Evidence, StepResult

MATTERS_HANDED_ON = 10
"""Candidates for key audit matters: a report carries few."""


def opinion_and_report_draft(work: StepWork) -> StepResult:
    """Draft the opinion that follows from what is on file, and the report's sections."""
    gaps, facts = _opinion_facts(work)
    decision = opinion.decide(facts)
    is_public = independence.is_public_interest(work.engagement)
    chosen = work.engagement.completion.key_audit_matters if work.engagement.completion else ()
    matters = (chosen or _key_matters(work)) if is_public else ()
    sections = opinion.required_sections(decision, has_key_audit_matters=is_public)
    basis = (*decision.reasons, *gaps)
    drafted = report.draft(
        work.engagement,
        decision,
        sections=sections,
        key_matters=matters,
        are_chosen=bool(chosen),
        basis=basis,
    )
    questions = (*decision.needs_judgement, *_left_to_the_team(work))
    outcomes = [
        _evidence_on_file(work, gaps),
        _decision_rule(work, facts, decision),
        _key_audit_matters(matters, is_public=is_public, are_chosen=bool(chosen)),
        *_redrafted(work, drafted),
    ]
    return finish(
        work,
        Draft(
            tables=(),
            outcomes=outcomes,
            evidence=_opinion_evidence(questions, gaps, drafted),
            conclusion=_opinion_conclusion(decision, gaps, questions),
            outputs={
                "opinion": decision.opinion,
                "reasons": list(decision.reasons),
                "needs_judgement": list(questions),
                "evidence_gaps": list(gaps),
                "required_sections": list(sections),
                "kams": list(matters),
                "report_draft": "\n\n".join(f"{heading}\n{words}" for heading, words in drafted),
                "report_sections": dict(drafted),
            },
        ),
    )


def engagement_quality_review(work: StepWork) -> StepResult:
    """Put together what the reviewer needs; the review is a person's, so the status stays pending."""
    steps = work.steps
    again = independence_again(work)
    reviewers = quality_review.eligibility(work.engagement)
    judgements = quality_review.significant_judgements(steps, currency=work.currency)
    gaps = quality_review.work_not_performed(steps)
    eligible = reviewers.figures["eligible"]
    who = (
        f"{' or '.join(eligible)} reviews and signs."
        if eligible
        else "No eligible reviewer is named: the firm appoints one outside the team."
    )
    questions = list(work.outputs_of("a12").get("needs_judgement", []))
    return finish(
        work,
        Draft(
            tables=(),
            outcomes=[
                again.outcome,
                reviewers,
                judgements,
                gaps,
                *since_last_round(work, "open_questions", questions),
            ],
            conclusion=f"The file is ready for the engagement quality review; nothing is concluded here. {who} {gaps.procedure.result}",
            outputs={
                **again.outputs,
                "eqr_status": "PENDING_HUMAN",
                "eligible_reviewers": eligible,
                "open_questions": questions,
                "not_performed": gaps.figures["not_performed"],
            },
        ),
    )


def release_tcwg_archive(work: StepWork) -> StepResult:
    """Check that nothing stands against release, put together what governance is told, and seal the file."""
    engagement = work.engagement
    again = independence_again(work)
    released_on = work.report_date
    obstacles = _obstacles(work, again, released_on)
    manifest = archive.seal(engagement, work.books, work.stored_steps)
    kept = archive.retention(engagement)
    due = archive.assembly_due(released_on) if released_on else None
    until = archive.retention_until(released_on, int(kept.value)) if released_on else None
    outcomes = [
        _release(obstacles),
        again.outcome,
        *since_last_round(work, "release_obstacles", obstacles),
        _communication(work),
        _sealed(manifest, due, until),
    ]
    return finish(
        work,
        Draft(
            outcomes=outcomes,
            evidence=(_manifest_evidence(manifest),),
            conclusion=_release_conclusion(manifest, obstacles, (due, until)),
            outputs={
                **again.outputs,
                "archive_manifest": manifest.content,
                "archive_manifest_sha256": manifest.sha256,
                "assembly_due": due.isoformat() if due else None,
                "retention_until": until.isoformat() if until else None,
                "retention_rule": kept.text,
                "report_date": released_on.isoformat() if released_on else None,
                "release_obstacles": obstacles,
                "tcwg_pack": "READY_FOR_REVIEW",
            },
        ),
    )


def _opinion_facts(work: StepWork) -> tuple[tuple[str, ...], OpinionFacts]:
    missing, has_foundation = opinion.gaps(work.steps, is_group=work.engagement.client.is_group)
    facts = work.engagement.completion
    end = work.outputs_of("a11")
    stated = tuple(
        f"Limitation of scope: {s.rstrip('.')}." for s in (facts.scope_limitations if facts else ())
    )
    unreflected = tuple(
        f"The effect of an event after the period that is not reflected is not known: {event.rstrip('.')}."
        for event in end.get("subsequent_events_unreflected", [])
    )
    gaps = (*stated, *unreflected, *missing)
    return gaps, OpinionFacts(
        overall_cents=work.outputs_of("a05").get("overall_materiality_cents"),
        uncorrected_cents=end.get("uncorrected_total_cents"),
        gaps=gaps,
        has_foundation=has_foundation,
        misstatement_is_pervasive=bool(facts and facts.misstatement_is_pervasive),
        scope_is_pervasive=bool(facts and facts.scope_limitation_is_pervasive),
        going_concern=end.get("going_concern"),
        going_concern_disclosed=facts.going_concern_disclosed_adequately if facts else None,
    )


def _evidence_on_file(work: StepWork, gaps: tuple[str, ...]) -> Outcome:
    needed = [
        p for p in opinion.KEY_PROCEDURES if work.engagement.client.is_group or not p.only_groups
    ]
    return performed(
        "Evidence on file",
        population=f"{count(len(needed), 'key procedure')} and the limitations people recorded",
        result=f"{count(len(gaps), 'gap')}. {opinion.GAP_RULE}" if gaps else "No gap.",
    )


def _decision_rule(work: StepWork, facts: OpinionFacts, decision: Decision) -> Outcome:
    return performed(
        "Decision rule for the opinion (ISA 705)",
        population=f"uncorrected misstatements {work.amount(facts.uncorrected_cents)}, overall materiality {work.amount(facts.overall_cents)}, going concern {facts.going_concern or 'not determined'}",
        result=f"{decision.opinion}. {' '.join(decision.reasons)}",
    )


def _redrafted(work: StepWork, drafted: tuple[tuple[str, str], ...]) -> list[Outcome]:
    """What differs from the draft that was sent back; nothing the first time."""
    before = work.last_time.get("report_sections")
    if before is None:
        return []
    now = dict(drafted)
    changed = tuple(
        (name, before.get(name, "not in the draft"), now.get(name, "left out"))
        for name in dict.fromkeys([*before, *now])
        if before.get(name) != now.get(name)
    )
    notes = tuple((n, text) for n, text in enumerate(work.task.review_notes, start=1))
    tables = (
        Evidence(title="Sections that changed", columns=("section", "before", "now"), rows=changed),
        Evidence(title="What reviewers asked for", columns=("no.", "note"), rows=notes),
    )
    return [
        performed(
            "Redraft",
            population=count(len(now), "section"),
            result=f"{count(len(changed), 'section')} changed since the draft that was sent back. Wording that a note asks for and "
            "no fact of the file decides is the reviewer's to write.",
            evidence=tuple(t for t in tables if t.rows),
        )
    ]


def _key_audit_matters(matters: tuple[str, ...], *, is_public: bool, are_chosen: bool) -> Outcome:
    name = "Key audit matters (ISA 701)"
    if not is_public:
        return not_performed(
            name, "the client is neither listed nor of public interest, so none are required"
        )
    return performed(
        name,
        population="significant risks and matters of the audit",
        result=f"{count(len(matters), 'matter')}, as the partner chose."
        if are_chosen
        else f"{count(len(matters), 'candidate')}, for the partner to choose from (completion.key_audit_matters).",
    )


def _key_matters(work: StepWork) -> tuple[str, ...]:
    """Matters that needed most attention: significant risks, risky accounts beyond revenue, doubt about going concern."""
    matters = list(work.outputs_of("a03").get("significant_risks", []))
    matters += [
        f"{row['name']} (account {row['account']}, risk {row['level']})"
        for row in work.outputs_of("a03").get("risk_register", [])
        if row["level"] in ("high", "significant") and row["account_type"] != "revenue"
    ]
    if work.outputs_of("a11").get("going_concern") == "SIGNIFICANT_DOUBT":
        matters.insert(0, "The assessment of going concern")
    return tuple(dict.fromkeys(matters))[:MATTERS_HANDED_ON]


def _opinion_evidence(
    questions: tuple[str, ...], gaps: tuple[str, ...], drafted: tuple[tuple[str, str], ...]
) -> tuple[Evidence, ...]:
    tables = [
        Evidence(title="Evidence not obtained", columns=("gap",), rows=tuple((g,) for g in gaps)),
        Evidence(title="Questions for the partner", columns=("question",), rows=tuple((q,) for q in questions)),
        Evidence(title="Draft report", columns=("section", "draft wording"), rows=drafted),
    ]  # fmt: skip
    return tuple(t for t in tables if t.rows)


def _left_to_the_team(work: StepWork) -> tuple[str, ...]:
    """What the steps left to people, as questions to the partner."""
    open_work = work.outputs_of("a10").get("procedures", {}).get("not_performed", [])
    names = ", ".join(gap["name"] for gap in open_work)
    risks = "; ".join(work.outputs_of("a05").get("unanswered_risks", []))
    questions = [f"Has the team done what step a10 could not: {names}?"] if names else []
    if risks:
        questions.append(
            f"Has the team obtained evidence on these risks, which no step answers: {risks}?"
        )
    return tuple(questions)


def _opinion_conclusion(
    decision: Decision, gaps: tuple[str, ...], questions: tuple[str, ...]
) -> str:
    parts = [f"Drafted opinion: {decision.opinion}.", *decision.reasons]
    if gaps:
        parts.append(
            f"{count(len(gaps), 'gap')} in the evidence {'is' if len(gaps) == 1 else 'are'} listed below."
        )
    if questions:
        parts.append(f"A human judgement is needed: {' '.join(questions)}")
    parts.append("The opinion is the partner's; this draft binds nobody.")
    return " ".join(parts)


def _obstacles(work: StepWork, again: Again, released_on: date | None) -> list[str]:
    """What stands against releasing the report today."""
    found = []
    end = work.outputs_of("a11")
    if again.conclusion == "PROHIBITED":
        found.append("independence is barred")
    elif again.is_worse:
        found.append("independence now needs safeguards that nobody has agreed")
    stale = [n for n in work.changed_since("a03") if n != "financial_statements"]
    if stale:
        found.append(f"tables changed after they were tested: {', '.join(stale)}")
    if released_on is None:
        found.append("the moment of release is not known")
    if end.get("subsequent_events_current") is not True:
        found.append("the review of events after the period does not reach the report's date")
    if not end.get("representation_letter_date"):
        found.append("no representation letter is on file")
    if work.outputs_of("a09").get("open_components"):
        found.append("components are still open")
    if work.outputs_of("a08").get("conclusion") == "further_procedures_required":
        found.append("substantive tests call for further procedures")
    return found


def _release(obstacles: list[str]) -> Outcome:
    return performed(
        "Obstacles to release",
        population="independence, events after the period, representations, open work",
        result=f"{'; '.join(obstacles)}.".capitalize()
        if obstacles
        else "None: the report may be dated once partner and reviewer have signed.",
    )


def _communication(work: StepWork) -> Outcome:
    matters = list(work.outputs_of("a11").get("tcwg_draft", []))
    rows = tuple((n, text) for n, text in enumerate(matters, start=1))
    return performed(
        "Communication with those charged with governance (ISA 260, 265)",
        population="matters of the audit",
        result=f"{count(len(rows), 'matter')}; ready for the partner's review, nothing is sent from here.",
        evidence=(Evidence(title="Matters for governance", columns=("no.", "matter"), rows=rows),)
        if rows
        else (),
    )


def _sealed(manifest: archive.Manifest, due: date | None, until: date | None) -> Outcome:
    content: dict[str, Any] = manifest.content
    return performed(
        "Archive manifest",
        population=f"{count(len(content['steps']), 'step')}, {count(len(content['files']), 'file')}",
        result=f"SHA-256 {manifest.sha256}. Assembly due {due or 'not known'} ({archive.ASSEMBLY_DAYS.text}); kept until {until or 'not known'}.",
    )


def _manifest_evidence(manifest: archive.Manifest) -> Evidence:
    steps = [("step", step_id, sha) for step_id, sha in manifest.content["steps"].items()]
    files = [("file", f["file"], f["sha256"]) for f in manifest.content["files"]]
    return Evidence(
        title="Archive manifest", columns=("what", "name", "SHA-256"), rows=(*steps, *files)
    )


def _release_conclusion(
    manifest: archive.Manifest, obstacles: list[str], days: tuple[date | None, date | None]
) -> str:
    due, until = days
    start = (
        f"Not to be released yet: {'; '.join(obstacles)}."
        if obstacles
        else "Nothing found stands against release; partner and, where required, reviewer sign."
    )
    return f"{start} The file is sealed as {manifest.sha256[:12]}…, to be assembled by {due or 'not known'} and kept until {until or 'not known'}."
