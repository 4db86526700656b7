"""One experiment for people to read: what is tried, what was seen at each look, what it rests on."""

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from prisma_assets.agents.contract import AgentCard
from prisma_assets.agents.registry import AgentRegistry
from prisma_assets.agents.version import changeable
from prisma_assets.store.database import Database
from prisma_assets.store.deployment import DeploymentStore
from prisma_assets.store.experiment import ExperimentStore, Row

MOST_POINTS = 200
"""Looks that are drawn: more than a screen can tell apart add nothing."""
_SCALED_FROM = 0.2
"""Share of the units before which a look knows so little that everything after it would be a line."""


@dataclass(frozen=True, kw_only=True)
class Changed:
    """One thing that is different in variant B."""

    key: str
    was: str | None
    """None: the card of the control is not kept."""
    becomes: str


@dataclass(frozen=True, kw_only=True)
class ExperimentView:
    """The page of one experiment."""

    test: Row
    """With the latest verdict."""
    changes: Sequence[Changed]
    verdicts: Sequence[Row]
    """Oldest first."""

    @property
    def last(self) -> Row | None:
        """The latest verdict with its numbers; None: not judged yet."""
        return self.verdicts[-1] if self.verdicts else None

    @property
    def numbers(self) -> Mapping[str, Any]:
        """Of the latest verdict; empty: not judged yet."""
        return self.last["numbers"] if self.last is not None else {}

    @property
    def ends_by(self) -> datetime | None:
        """When it ends at the latest; None: it has not begun."""
        return ends_by(self.test)

    def path(self, metric: str) -> list[tuple[int, Mapping[str, Any]]]:
        """Units read and what was known of a metric, look by look; looks that bound nothing are left out."""
        looks = list(self._looks(metric))
        if not looks:
            return []
        told = [look for look in looks if look[0] >= _SCALED_FROM * looks[-1][0]]
        return told[:: len(told) // MOST_POINTS + 1]

    def _looks(self, metric: str) -> Iterator[tuple[int, Mapping[str, Any]]]:
        for verdict in self.verdicts:
            for one in verdict["numbers"]["metrics"]:
                is_known = None not in (one["effect"], one["low"], one["high"])
                if one["name"] == metric and is_known:
                    yield verdict["units"], one


async def experiment_view(
    database: Database, registry: AgentRegistry, ab_test_id: str
) -> ExperimentView | None:
    """Everything the page of an experiment shows; None: there is none of that id."""
    store = ExperimentStore(source=database)
    test = await store.get(ab_test_id)
    if test is None:
        return None
    return ExperimentView(
        test=test,
        changes=_changes(test["variant_b_changes"], await _control(database, registry, test)),
        verdicts=await store.verdicts(ab_test_id),
    )


def ends_by(test: Mapping[str, Any]) -> datetime | None:
    """When an experiment ends at the latest; None: it has not begun, or may go on."""
    if test["started_at"] is None or test["max_duration_days"] is None:
        return None
    ends: datetime = test["started_at"] + timedelta(days=test["max_duration_days"])
    return ends


async def _control(database: Database, registry: AgentRegistry, test: Row) -> AgentCard | None:
    agent_id, version = test["agent_id"], test["control_version"]
    proposed = await DeploymentStore(source=database).version(agent_id, version)
    if proposed is not None:
        return AgentCard.model_validate_json(proposed["card"])
    card = registry.get(agent_id)
    return card if card.version == version else None


def _changes(changes: Mapping[str, Any], control: AgentCard | None) -> list[Changed]:
    before = changeable(control) if control is not None else {}
    return list(_flat(changes, before, is_known=control is not None))


def _flat(
    changes: Mapping[str, Any], before: Mapping[str, Any], *, is_known: bool
) -> Iterator[Changed]:
    for key, value in changes.items():
        if key == "parameters" and isinstance(value, Mapping):
            yield from _flat(value, before.get(key) or {}, is_known=is_known)
        else:
            was = _text(before.get(key)) if is_known else None
            yield Changed(key=key, was=was, becomes=_text(value))


def _text(value: Any) -> str:
    if value is None:
        return "not set"
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
