"""Every agent of the firm in one line: what it did, how well, where it is heading and what is wrong with it."""

import asyncio
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal

from prisma_assets.agents.contract import AgentCard
from prisma_assets.agents.registry import AgentRegistry
from prisma_assets.domain.learning.tracked import Direction, Tracked
from prisma_assets.domain.learning.trend_text import trend_sentence
from prisma_assets.learning.fleet import Fleet, Window
from prisma_assets.learning.measured import Between, accuracy_between, satisfaction_between
from prisma_assets.learning.metrics import Figures, figures_of
from prisma_assets.store.alert import AlertStore
from prisma_assets.store.database import Database
from prisma_assets.store.experiment import ExperimentStore
from prisma_assets.store.trend import TrendStore

Heading = Literal["worse", "better", "mixed", "steady"]


@dataclass(frozen=True, kw_only=True)
class AgentLine:
    """One agent over the window."""

    card: AgentCard
    version: str
    """At work now."""
    figures: Figures
    runs: Sequence[int | None]
    """In each part of the window, oldest first; None: no fact."""
    heading: Heading | None
    """What the last look at trends says; None: none has judged it."""
    trends: Sequence[str]
    """Each trend in a sentence."""
    alerts: int
    """Alerts that are not over."""

    @property
    def accuracy_between(self) -> Between:
        """In which the true accuracy lies."""
        return accuracy_between(self.figures)

    @property
    def satisfaction_between(self) -> Between:
        """In which the true mean rating lies."""
        return satisfaction_between(self.figures)


@dataclass(frozen=True, kw_only=True)
class FleetTable:
    """All agents, and all of them together."""

    window: Window
    whole: Figures
    lines: Sequence[AgentLine]
    """In the order of the roster."""


async def fleet_table(
    fleet: Fleet, database: Database, registry: AgentRegistry, *, window: Window, now: datetime
) -> FleetTable:
    """Read the lines of every agent the firm knows."""
    async with asyncio.TaskGroup() as together:
        whole = together.create_task(fleet.whole(window, now=now))
        figures = together.create_task(fleet.by_agent(window, now=now))
        runs = together.create_task(fleet.runs(window, now=now))
        trends = together.create_task(TrendStore(source=database).latest_trends())
        alerts = together.create_task(AlertStore(source=database).active())
        live = together.create_task(ExperimentStore(source=database).live_versions())
    told = _by_agent(trends.result())
    wrong = Counter(row["agent_id"] for row in alerts.result())
    lines = [
        AgentLine(
            card=card,
            version=live.result().get(card.id, card.version),
            figures=figures.result().get(card.id) or figures_of(()),
            runs=runs.result().get(card.id, ()),
            heading=heading(told.get(card.id)),
            trends=[said(row) for row in told.get(card.id, ()) if row["is_significant"]],
            alerts=wrong[card.id],
        )
        for card in registry.find()
    ]
    return FleetTable(window=window, whole=whole.result(), lines=lines)


def heading(trends: Sequence[Mapping[str, Any]] | None) -> Heading | None:
    """One word for what trends of an agent mean."""
    if not trends:
        return None
    found = {row["direction"] for row in trends} - {Direction.NONE.value}
    if found == {Direction.WORSE.value}:
        return "worse"
    if found == {Direction.BETTER.value}:
        return "better"
    return "mixed" if found else "steady"


def said(trend: Mapping[str, Any]) -> str:
    """A stored trend in a sentence without a full stop."""
    return trend_sentence(
        Tracked(trend["metric"]),
        level=trend["level"],
        change=trend["change"],
        days=trend["days"],
    )


def _by_agent(rows: Sequence[Mapping[str, Any]]) -> dict[str, list[Mapping[str, Any]]]:
    found: dict[str, list[Mapping[str, Any]]] = {}
    for row in rows:
        found.setdefault(row["agent_id"], []).append(row)
    return found
