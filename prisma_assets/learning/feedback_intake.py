"""Takes in what people say about the agents' work: checked, masked, stored once. Where rows come from does not belong here."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import islice

from prisma_assets.agents.registry import AgentRegistry
from prisma_assets.domain.errors import InputError
from prisma_assets.domain.learning.feedback import Feedback, read_feedback
from prisma_assets.learning.taken import Row, Taken
from prisma_assets.store.feedback import FeedbackStore

_BATCH = 1_000
"""Rows per statement: about a megabyte, beyond which a statement gains nothing."""


@dataclass(frozen=True, kw_only=True)
class CheckedRows:
    """Rows as far as they can be judged without the database."""

    good: list[tuple[int, Feedback]]
    """With their numbers."""
    rejected: list[tuple[int, str]]
    """Numbers, each with the reason."""


class FeedbackIntake:
    """The one door for feedback, whichever way it comes."""

    def __init__(self, agents: AgentRegistry) -> None:
        """Take feedback about these agents."""
        self._versions = {card.id: card.version for card in agents.find()}
        self._ids = frozenset(self._versions)

    def check(self, rows: Iterable[Row]) -> CheckedRows:
        """Read rows and mask personal data; takes processor time, about 0.1 ms a row."""
        checked, now = CheckedRows(good=[], rejected=[]), datetime.now(UTC)
        for number, values in rows:
            if isinstance(values, str):
                checked.rejected.append((number, values))
                continue
            try:
                checked.good.append((number, read_feedback(values, agents=self._ids, now=now)))
            except InputError as error:
                checked.rejected.append((number, str(error)))
        return checked

    async def store(self, checked: CheckedRows, store: FeedbackStore) -> Taken:
        """Store the good rows in one statement; what they refer to is checked there."""
        taken = Taken(rejected=list(checked.rejected))
        stored = await store.add([f for _, f in checked.good], live_versions=self._versions)
        for (number, _), result in zip(checked.good, stored, strict=True):
            if result.problem is not None:
                taken.rejected.append((number, result.problem))
            elif result.is_new:
                taken.accepted += 1
            else:
                taken.duplicates += 1
        return taken

    async def take(self, rows: Iterable[Row], store: FeedbackStore) -> Taken:
        """Check and store rows of any number, a batch at a time."""
        total, remaining = Taken(), iter(rows)
        while batch := list(islice(remaining, _BATCH)):
            taken = await self.store(self.check(batch), store)
            total.accepted += taken.accepted
            total.duplicates += taken.duplicates
            total.rejected += taken.rejected
        return total
