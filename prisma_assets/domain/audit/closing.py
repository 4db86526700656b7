"""The last evidence before the opinion: events after the period and written representations (ISA 560, ISA 580)."""

from datetime import date

from prisma_assets.domain.audit.engagement import Completion, Period
from prisma_assets.domain.audit.outcome import Outcome, count, not_performed, performed
from prisma_assets.domain.audit.workpaper import Evidence, Finding

SUBSEQUENT_EVENTS = "Events after the period"
REPRESENTATIONS = "Written representations"
NO_FACTS = "engagement.yaml has no section completion"


def subsequent_events(facts: Completion | None, period: Period, as_of: date | None) -> Outcome:
    """Review events after the period's end: adjusting ones are booked, the others disclosed.

    Figures: `unreflected` descriptions; `review_is_current`, whether the review reaches `as_of` (None: not known).

    Source: ISA 560 paragraphs 6-9.
    """
    if facts is None:
        return not_performed(SUBSEQUENT_EVENTS, NO_FACTS)
    through = facts.subsequent_events_reviewed_through
    if through is None:
        return not_performed(
            SUBSEQUENT_EVENTS, "completion.subsequent_events_reviewed_through is not given"
        )
    if through <= period.end:
        return not_performed(
            SUBSEQUENT_EVENTS,
            f"the review ends on {through.isoformat()}, not after the period's end {period.end.isoformat()}",
        )
    rows = tuple(
        (
            e.on.isoformat(),
            e.kind.replace("_", "-"),
            "yes" if e.is_reflected else "no",
            e.description,
        )
        for e in facts.subsequent_events
    )
    open_events = [e for e in facts.subsequent_events if not e.is_reflected]
    findings = tuple(
        Finding(
            kind="subsequent_event",
            table="engagement",
            record_id=e.on.isoformat(),
            description=f"{e.description.rstrip('.')}: {'not booked' if e.kind == 'adjusting' else 'not disclosed'}.",
            procedure=SUBSEQUENT_EVENTS,
        )
        for e in open_events
    )
    is_current = None if as_of is None else through >= as_of
    result = f"{count(len(rows), 'event')}, {len(open_events)} not reflected; reviewed through {through.isoformat()}."
    if is_current is False:
        result += " The review is extended to the date of the report before release."
    columns = ("date", "kind", "reflected", "event")
    return performed(
        SUBSEQUENT_EVENTS,
        population=f"{period.end.isoformat()} to {through.isoformat()}",
        result=result,
        findings=findings,
        evidence=(Evidence(title=SUBSEQUENT_EVENTS, columns=columns, rows=rows),) if rows else (),
        figures={
            "unreflected": [e.description for e in open_events],
            "review_is_current": is_current,
        },
    )


def representations(facts: Completion | None, period: Period, as_of: date | None) -> Outcome:
    """Establish that management's letter is on file and dated for this report (ISA 580 paragraph 14)."""
    if facts is None:
        return not_performed(REPRESENTATIONS, NO_FACTS)
    dated = facts.representation_letter_date
    if dated is None:
        return not_performed(REPRESENTATIONS, "no representation letter has been received")
    if dated <= period.end:
        return not_performed(
            REPRESENTATIONS,
            f"the letter is dated {dated.isoformat()}, not after the period's end",
        )
    if as_of is not None and dated > as_of:
        return not_performed(
            REPRESENTATIONS,
            f"the letter is dated {dated.isoformat()}, after this work ({as_of.isoformat()})",
        )
    return performed(
        REPRESENTATIONS,
        population=f"letter of {dated.isoformat()}",
        result="Management gave written representations; the report is dated no earlier than the letter.",
        figures={"date": dated.isoformat()},
    )
