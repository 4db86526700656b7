"""A changed version of an agent: its card with other values under the keys that may change."""

from collections.abc import Mapping
from typing import Any

from prisma_assets.agents.contract import AgentCard
from prisma_assets.domain.experiments.plan import Subject
from prisma_assets.domain.experiments.release_path import ALLOWED_KEYS


def changeable(card: AgentCard) -> dict[str, Any]:
    """What the agent has under each key a version may change, as JSON values."""
    return card.model_dump(mode="json", include=set(ALLOWED_KEYS))


def with_changes(card: AgentCard, changes: Mapping[str, Any], *, version: str) -> AgentCard:
    """The agent with the changes made; parameters are changed one by one, everything else as a whole."""
    made = dict(changes)
    if "parameters" in made:
        made["parameters"] = {**card.parameters, **made["parameters"]}
    return AgentCard.model_validate({**card.model_dump(), **made, "version": version})


def unread(card: AgentCard, changes: Mapping[str, Any]) -> str | None:
    """What of the changes the agent's own provider does not read; None: it reads all of it."""
    keys = sorted(set(changes) - {"parameters"})
    if card.provider != "embedded" or not keys:
        return None
    return (
        f"the embedded procedures of {card.id} read parameters only: {' and '.join(keys)} makes a difference only where a language "
        "model, or somebody outside, runs this version"
    )


def subject_of(card: AgentCard) -> Subject:
    """What an experiment has to know of the agent."""
    from prisma_assets.agents.embedded.assignment import declared_parameters

    known = None
    if card.provider == "embedded":
        known = {name: (p.least, p.most) for name, p in declared_parameters().items()}
    return Subject(
        agent_id=card.id,
        domain=card.domain,
        risk=card.risk,
        tools=frozenset(card.tools),
        parameters=known,
    )
