"""A changed version of an agent, numbered and kept with who proposed it and why. Putting it to work belongs to a rollout."""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from prisma_assets.agents.contract import AgentCard
from prisma_assets.agents.registry import AgentRegistry
from prisma_assets.agents.version import changeable, subject_of, with_changes
from prisma_assets.domain.errors import InputError
from prisma_assets.domain.experiments.plan import wrong_changes
from prisma_assets.store.database import Database
from prisma_assets.store.experiment import ExperimentStore


@dataclass(frozen=True, kw_only=True)
class Change:
    """What somebody wants changed about an agent."""

    agent_id: str
    changes: Mapping[str, Any]
    """By allow-listed key."""
    reason: str
    by: str
    opportunity_id: str | None = None
    """What it answers."""


async def propose_version(database: Database, registry: AgentRegistry, change: Change) -> str:
    """Keep a changed version of the agent as it is at work; gives its number.

    Raises:
        InputError: The change is none that an agent may have.
    """
    if not change.reason.strip():
        raise InputError("say what the change is for; the reason is kept with the version")
    async with database.transaction() as tx:
        store = ExperimentStore(source=tx)
        await _check_opportunity(store, change)
        await store.lock_versions(change.agent_id)
        count, live = await store.versions_of(change.agent_id)
        control = AgentCard.model_validate_json(live) if live else registry.get(change.agent_id)
        said = list(wrong_changes(change.changes, subject_of(control), changeable(control)))
        if said:
            raise InputError(f"{change.agent_id} cannot be changed so: {'; '.join(said)}")
        changed = next_version(control, change.changes, number=count + 1)
        await store.add_version(version_row(change, control, changed))
    return changed.version


async def _check_opportunity(store: ExperimentStore, change: Change) -> None:
    if change.opportunity_id is None:
        return
    found = await store.opportunity(change.opportunity_id)
    if found is None or found["agent_id"] != change.agent_id:
        raise InputError(
            f"{change.agent_id} has no opportunity {change.opportunity_id}; `prisma-assets opportunities --agent {change.agent_id}` lists them"
        )


def next_version(control: AgentCard, changes: Mapping[str, Any], *, number: int) -> AgentCard:
    """The agent with the changes made, under a version of its own."""
    version = f"{control.version.partition('-')[0]}-b.{number}"
    return with_changes(control, changes, version=version)


def version_row(change: Change, control: AgentCard, changed: AgentCard) -> dict[str, Any]:
    """A row of `agent_versions` with its card."""
    changes = json.dumps(change.changes, sort_keys=True, separators=(",", ":"))
    return {
        "agent_id": change.agent_id,
        "version": changed.version,
        "parent_version": control.version,
        "changes": dict(change.changes),
        "changes_sha256": hashlib.sha256(changes.encode()).hexdigest(),
        "card_sha256": changed.sha256,
        "card": changed.content,
        "reason": change.reason,
        "opportunity_id": change.opportunity_id,
        "created_by": change.by,
    }
