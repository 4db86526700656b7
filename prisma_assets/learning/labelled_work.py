"""Work with known answers, by which settings of an agent are measured: sample engagements and the errors planted in them.

What to try on them belongs to `candidate`.
"""

from collections.abc import Callable, Iterable, Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from types import TracebackType
from typing import TYPE_CHECKING, Self

from prisma_assets.agents.contract import AgentCard, AgentTask
from prisma_assets.agents.embedded.provider import EmbeddedProvider
from prisma_assets.domain.experiments.search import Mark, Settings, selection_mark

if TYPE_CHECKING:
    from prisma_assets.domain.audit.score import PlantedError

LINES = 5_000
"""Ledger lines of a task: the smallest sample, since the number of tasks is what tells settings apart."""
MEASURE = "F1 of the journal entries selected, against those planted in sample engagements"

CHAIN: Mapping[str, tuple[str, str]] = {
    "a04": ("audit-fraud-016", "fraud_risk_assessment"),
    "a07": ("audit-analytics-017", "analytics_and_je_testing"),
}
"""Steps of the annual audit that together select journal entries: who does what. The first sets the criteria the second applies."""
_SOUGHT = frozenset({"round_sum_manual_entry"})
"""What the tests of journal entries are there to find; entries out of balance are found by another step."""


def measured_tasks(agent_id: str) -> tuple[str, ...]:
    """The procedures of an agent that have work with known answers."""
    return tuple(task for agent, task in CHAIN.values() if agent == agent_id)


@dataclass(frozen=True)
class _Books:
    folder: Path
    mark: Callable[[Mapping[str, object]], Mark]


class LabelledWork(AbstractContextManager["LabelledWork"]):
    """Sample engagements in a folder that is gone afterwards. Tasks are numbered; the same number and seed are the same books."""

    def __init__(self, cards: Mapping[str, AgentCard], *, seed: int) -> None:
        """Keep whose work it is; books are written when a task is first done.

        Args:
            cards: The agents of the chain as they are at work, by id.
            seed: Of the books.
        """
        self._cards = cards
        self._seed = seed
        self._books: dict[int, _Books] = {}
        self._scratch = TemporaryDirectory(prefix="prisma-labelled-")

    def __enter__(self) -> Self:
        """Make the folder."""
        self._root = Path(self._scratch.name)
        # Its own: the one that serves the audit keeps the books of clients at hand.
        self._provider = EmbeddedProvider()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:  # fmt: skip
        """Delete the folder."""
        self._scratch.cleanup()

    async def mark(self, agent_id: str, settings: Settings, *, number: int) -> Mark:
        """Have one task done with other settings of one agent.

        Args:
            agent_id: Whose.
            settings: Values of its parameters; empty: as it is at work.
            number: Of the task, 0 or more.
        """
        books = self._books.get(number) or self._written(number)
        steps: dict[str, Mapping[str, object]] = {}
        for step_id, (agent, task) in CHAIN.items():
            card = self._cards[agent]
            if agent == agent_id:
                card = card.model_copy(update={"parameters": {**card.parameters, **settings}})
            asked = AgentTask(
                call_id=f"labelled-{number}-{step_id}", agent_id=agent, task=task, step_id=step_id,
                engagement_folder=str(books.folder), steps=dict(steps),
            )  # fmt: skip
            done = await self._provider.call(await self._provider.start(card), card, asked)
            steps[step_id] = done.outputs
        return books.mark(steps["a07"])

    def _written(self, number: int) -> _Books:
        from prisma_assets.domain.audit.score import parse_planted
        from prisma_assets.engagement.sample.write import write_sample

        # Books of different searches differ: a hold-out that was seen before is none.
        made = write_sample(self._root / f"task{number}", seed=self._seed * 1_000 + number, lines=LINES)  # fmt: skip
        text = made.planted_file.read_text(encoding="utf-8")
        mark = selection_of(parse_planted(text, file=made.planted_file.name))
        assert mark is not None  # noqa: S101 - the sample plants such errors
        found = _Books(made.folder, mark)
        self._books[number] = found
        return found


def selection_of(
    planted: Iterable["PlantedError"],
) -> Callable[[Mapping[str, object]], Mark] | None:
    """What the entries selected from books are worth, given the errors in them; None: there is none to select."""
    known = list(planted)
    errors = frozenset(p.record_id for p in known if p.kind in _SOUGHT)
    others = frozenset(p.record_id for p in known) - errors

    def mark(outputs: Mapping[str, object]) -> Mark:
        selected = outputs["je_selection"]
        assert isinstance(selected, list)  # noqa: S101 - the procedure's own output
        return selection_mark(selected, errors, neutral=others)

    return mark if errors else None
