"""The learning loop of the specification's Python API. What feedback may say is the domain's."""

from dataclasses import asdict, dataclass
from datetime import UTC, date, datetime, timedelta
from typing import Self

from prisma_assets.agents.registry import AgentRegistry
from prisma_assets.domain.errors import InputError
from prisma_assets.domain.learning.feedback import Feedback
from prisma_assets.domain.learning.opportunity import Opportunity
from prisma_assets.domain.learning.shift import WATCHED_DAYS
from prisma_assets.learning.feedback_intake import FeedbackIntake
from prisma_assets.learning.metrics import Figures, total
from prisma_assets.learning.opportunity import Agent, analyse, look
from prisma_assets.platform.product_database import ProductDatabase
from prisma_assets.settings import Settings
from prisma_assets.store.database import Database
from prisma_assets.store.feedback import FeedbackStore


@dataclass(frozen=True, kw_only=True)
class PerformanceAnalysis:
    """How one agent did in the last four weeks."""

    agent_id: str
    since: date
    until: date
    """Both days included, UTC."""
    figures: Figures
    opportunities: tuple[Opportunity, ...]
    """What could be better, the most pressing first."""


class ImprovementEngine:
    """Learns from what people say of one firm's agents; use it in one event loop, and close it, or leave that to the end of the program."""

    def __init__(
        self, agent_registry: AgentRegistry | None = None, *, settings: Settings | None = None
    ) -> None:
        """Keep what is needed; nothing starts before the first call.

        Args:
            agent_registry: None: the firm's agents.
            settings: None: those of the environment.
        """
        self._agents = agent_registry or AgentRegistry()
        self._held = ProductDatabase(settings)

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.aclose()

    async def aclose(self) -> None:
        """Let go of the database."""
        await self._held.aclose()

    async def record_feedback(self, feedback: Feedback) -> bool:
        """Store one piece of feedback with personal data masked; False: it was stored before.

        Raises:
            InputError: What is wrong with it; nothing is stored.
        """
        said = {name: value for name, value in asdict(feedback).items() if value not in ("", ())}
        taken = await FeedbackIntake(self._agents).take(
            [(1, said)], FeedbackStore(source=await self.database())
        )
        if taken.rejected:
            raise InputError(taken.rejected[0][1])
        return taken.accepted == 1

    async def analyze_performance(self, agent: str) -> PerformanceAnalysis:
        """How an agent did in the last four weeks, and what could be better; nothing is kept.

        Raises:
            InputError: No agent has this id.
        """
        card = self._agents.get(agent)
        database, today = await self.database(), datetime.now(UTC).date()
        since = today - timedelta(days=WATCHED_DAYS - 1)
        known = Agent(version=card.version, risk=card.risk)
        return PerformanceAnalysis(
            agent_id=card.id,
            since=since,
            until=today,
            figures=await total(database, card.id, since=since, until=today),
            opportunities=await analyse(database, card.id, today, agent=known),
        )

    async def identify_improvements(self) -> tuple[Opportunity, ...]:
        """Look at all agents now, keep what is found, and give what is wrong, the most pressing first."""
        agents = {c.id: Agent(version=c.version, risk=c.risk) for c in self._agents.find()}
        looked = await look(await self.database(), datetime.now(UTC).date(), agents=agents)
        return looked.opportunities

    async def database(self) -> Database:
        """The product's database, opened."""
        return await self._held.opened()
