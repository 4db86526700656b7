"""The learning loop of the specification's Python API. What feedback may say is the domain's."""

from dataclasses import asdict
from typing import Self

from prisma_assets.agents.registry import AgentRegistry
from prisma_assets.domain.errors import InputError
from prisma_assets.domain.learning.feedback import Feedback
from prisma_assets.learning.feedback_intake import FeedbackIntake
from prisma_assets.platform.product_database import ProductDatabase
from prisma_assets.settings import Settings
from prisma_assets.store.database import Database
from prisma_assets.store.feedback import FeedbackStore


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

    async def database(self) -> Database:
        """The product's database, opened."""
        return await self._held.opened()
