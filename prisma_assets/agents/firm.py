"""The firm's agents together with what does their work, for those who look for better versions of them."""

from collections.abc import Mapping
from dataclasses import dataclass

from prisma_assets.agents.contract import AgentProvider
from prisma_assets.agents.registry import AgentRegistry


@dataclass(frozen=True, kw_only=True)
class Firm:
    """Whose agents, and their providers by the name cards use."""

    registry: AgentRegistry
    providers: Mapping[str, AgentProvider]


def product_providers() -> dict[str, AgentProvider]:
    """What does the agents' work, by the name cards use: the same for workflows, experiments and candidates, wherever they run.

    A language model joins here; whoever asks for providers has it then.
    """
    from prisma_assets.agents.embedded.provider import EmbeddedProvider

    return {"embedded": EmbeddedProvider()}
