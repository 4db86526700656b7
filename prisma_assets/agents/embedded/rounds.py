"""What has become of a list of open matters since the step was sent back: cleared, still open, new."""

from collections.abc import Sequence

from prisma_assets.agents.embedded.work import StepWork
from prisma_assets.domain.audit.outcome import Outcome, count, performed
from prisma_assets.domain.audit.workpaper import Evidence

NAME = "Since the last round"


def since_last_round(work: StepWork, key: str, now: Sequence[str]) -> list[Outcome]:
    """Hold open matters against those of the round before; nothing the first time.

    Args:
        work: The step's material.
        key: Output under which the step lists its open matters, as sentences.
        now: Those of this round.
    """
    if key not in work.last_time:
        return []
    before = list(work.last_time[key] or [])
    rows = (
        *((text, "cleared") for text in before if text not in now),
        *((text, "still open") for text in now if text in before),
        *((text, "new") for text in now if text not in before),
    )
    notes = tuple((n, text) for n, text in enumerate(work.task.review_notes, start=1))
    cleared = sum(state == "cleared" for _, state in rows)
    tables = (
        Evidence(title="Open matters, round by round", columns=("matter", "state"), rows=tuple(rows)),
        Evidence(title="Why it came back", columns=("no.", "reason"), rows=notes),
    )  # fmt: skip
    return [
        performed(
            NAME,
            population=count(len(before), "matter") + " open before",
            result=f"{cleared} cleared, {count(len(now), 'matter')} open.",
            evidence=tuple(t for t in tables if t.rows),
        )
    ]
