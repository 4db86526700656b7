"""Knows the firm's agents: by id, by what they can do, by filter. Calling them belongs to the gateway."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cached_property

from prisma_assets.agents.cards import firm_cards
from prisma_assets.agents.contract import AgentCard
from prisma_assets.agents.ranking import FieldedIndex, closest, terms
from prisma_assets.domain.errors import InputError

FIELD_WEIGHTS = {
    "name": 3.0,  # chosen by the firm to say what the agent is for
    "does": 2.0,  # says it in full
    "standards": 2.0,  # exact: whoever types a standard means it
    "id": 1.0,  # mostly repeats the name, abbreviated
    "domain": 1.0,  # shared by up to twelve agents
    "tools": 1.0,  # technical names; many are shared
}
"""What a hit in each field of a card is worth."""


class UnknownAgentError(InputError):
    """There is no agent of that id; `prisma-assets agents list` shows all."""


@dataclass(frozen=True)
class Candidate:
    """An agent that can do what was asked, and why it was proposed."""

    card: AgentCard
    score: float
    """Greater is better; comparable within one question only."""
    matched: Mapping[str, tuple[str, ...]]
    """Words of the question found, by field of the card."""

    @property
    def why(self) -> str:
        """The reason in words, e.g. `name: lease; standards: ifrs 16`."""
        return "; ".join(f"{field}: {', '.join(words)}" for field, words in self.matched.items())


class AgentRegistry:
    """The agents by id, in the order given."""

    def __init__(self, cards: Iterable[AgentCard] | None = None) -> None:
        """Keep the agents.

        Args:
            cards: None: those of the firm's roster.
        """
        self._cards = {card.id: card for card in (firm_cards() if cards is None else cards)}

    @property
    def ids(self) -> frozenset[str]:
        """Ids of all agents."""
        return frozenset(self._cards)

    def with_cards(self, cards: Iterable[AgentCard]) -> "AgentRegistry":
        """The same agents, but those of these cards as the cards say."""
        return AgentRegistry({**self._cards, **{card.id: card for card in cards}}.values())

    def get(self, agent_id: str) -> AgentCard:
        """Give the card of one agent.

        Raises:
            UnknownAgentError: There is none; names the most similar ids.
        """
        try:
            return self._cards[agent_id]
        except KeyError:
            near = closest(agent_id, list(self._cards))
            hint = f"; closest: {', '.join(near)}" if near else ""
            raise UnknownAgentError(
                f'there is no agent "{agent_id}"{hint}; `prisma-assets agents list` shows all'
            ) from None

    def who_can(self, question: str, *, limit: int = 5) -> list[Candidate]:
        """Answer "who can do this?" with the best agents, best first; empty when no word of it is known."""
        return [
            Candidate(card=self._cards[ranked.key], score=ranked.score, matched=ranked.matched)
            for ranked in self._index.rank(question)[:limit]
        ]

    def find(
        self,
        *,
        domain: str | None = None,
        risk: str | None = None,
        autonomy: str | None = None,
        tool: str | None = None,
        standard: str | None = None,
    ) -> list[AgentCard]:
        """Find the agents for which every given filter holds, in roster order.

        Args:
            domain: Exactly, e.g. `audit`.
            risk: Exactly, e.g. `high`.
            autonomy: Exactly, e.g. `L2`.
            tool: Exactly, e.g. `rag.search`.
            standard: Without regard to case or revision mark: `isa 315` finds `ISA 315R`.

        Raises:
            InputError: No agent at all has that value; names the known or most similar ones.
        """
        found = list(self._cards.values())
        wanted = {
            "domain": domain,
            "risk": risk,
            "autonomy": autonomy,
            "tool": tool,
            "standard": standard,
        }
        for kind, value in wanted.items():
            if value is not None:
                self._check_known(kind, value)
                found = [card for card in found if _has(card, kind, value)]
        return found

    def _check_known(self, kind: str, value: str) -> None:
        cards = self._cards.values()
        if any(_has(card, kind, value) for card in cards):
            return
        known = sorted({v for card in cards for v in _values(card, kind)})
        offered = known if len(known) <= 10 else closest(value, known)
        hint = f"; choose from: {', '.join(offered)}" if offered else ""
        raise InputError(f'no agent has {kind} "{value}"{hint}')

    @cached_property
    def _index(self) -> FieldedIndex:
        texts = {
            card.id: {
                "name": card.name,
                "does": card.does,
                "standards": " . ".join(card.standards),
                "id": card.id,
                "domain": card.domain,
                "tools": " . ".join(card.tools),
            }
            for card in self._cards.values()
        }
        return FieldedIndex(texts, weights=FIELD_WEIGHTS)


def _values(card: AgentCard, kind: str) -> tuple[str, ...]:
    match kind:
        case "tool":
            return card.tools
        case "standard":
            return card.standards
        case _:
            return (getattr(card, kind),)


def _has(card: AgentCard, kind: str, value: str) -> bool:
    if kind == "standard":
        asked = set(terms(value))
        return bool(asked) and any(asked <= set(terms(standard)) for standard in card.standards)
    return value in _values(card, kind)
