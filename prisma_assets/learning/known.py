"""The agents the firm knows; facts about others are set aside."""

from prisma_assets.agents.cards import firm_cards
from prisma_assets.learning.roll_up import Agents


def known_agents() -> Agents:
    """Ids and domains of the firm's agents."""
    return {card.id: card.domain for card in firm_cards()}
