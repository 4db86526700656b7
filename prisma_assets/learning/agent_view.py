"""One agent whole: what it did part by part of a window, where it is heading, and what people and tests say of it."""

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from prisma_assets.agents.contract import AgentCard
from prisma_assets.domain.learning.tracked import Tracked
from prisma_assets.domain.learning.trend_text import change_sentence
from prisma_assets.learning.fleet import Fleet, Window
from prisma_assets.learning.fleet_table import Heading, heading, said
from prisma_assets.learning.measured import Between, accuracy_between, satisfaction_between
from prisma_assets.learning.metrics import Figures
from prisma_assets.store.alert import AlertStore
from prisma_assets.store.database import Database
from prisma_assets.store.deployment import Deployment, DeploymentStore
from prisma_assets.store.experiment import ExperimentStore
from prisma_assets.store.feedback import FeedbackStore
from prisma_assets.store.opportunity import OpportunityStore
from prisma_assets.store.trend import TrendStore

LATEST = 10
"""Rows of each list: a page shows what is new; the pages behind it have the rest."""

Row = Mapping[str, Any]


@dataclass(frozen=True, kw_only=True)
class Change:
    """Something that rose or fell, in words."""

    said: str
    direction: str


@dataclass(frozen=True, kw_only=True)
class AgentView:
    """What the page of one agent shows."""

    card: AgentCard
    version: str
    """At work now."""
    window: Window
    starts: Sequence[datetime]
    """Of the window's parts, oldest first."""
    whole: Figures
    parts: Mapping[datetime, Figures]
    """By beginning; a part without a fact is missing."""
    heading: Heading | None
    changes: Sequence[Change]
    """Trends, then levels that became others, the newest first."""
    forecasts: Mapping[str, Sequence[Row]]
    """By figure: day, value, low and high."""
    alerts: Sequence[Row]
    opportunities: Sequence[Row]
    experiments: Sequence[Row]
    deployments: Sequence[Deployment]
    feedback: Sequence[Row]

    @property
    def accuracy_between(self) -> Between:
        """In which its true accuracy lies."""
        return accuracy_between(self.whole)

    @property
    def satisfaction_between(self) -> Between:
        """In which its true mean rating lies."""
        return satisfaction_between(self.whole)


async def agent_view(
    fleet: Fleet, database: Database, card: AgentCard, *, window: Window, now: datetime
) -> AgentView:
    """Read all of it."""
    trend_store, experiments = TrendStore(source=database), ExperimentStore(source=database)
    agent, one = card.id, (card.id,)
    async with asyncio.TaskGroup() as together:
        whole = together.create_task(fleet.whole(window, now=now, agents=one))
        parts = together.create_task(fleet.by_time(window, now=now, agents=one))
        live = together.create_task(experiments.live_versions())
        trends = together.create_task(trend_store.latest_trends(agent))
        points = together.create_task(trend_store.latest_change_points(agent))
        forecasts = together.create_task(trend_store.latest_forecasts(agent))
        alerts = together.create_task(AlertStore(source=database).recent(LATEST, agent_id=agent))
        opportunities = together.create_task(
            OpportunityStore(source=database).listed(agent_id=agent)
        )
        tests = together.create_task(experiments.recent(LATEST, agent_id=agent))
        deployments = together.create_task(
            DeploymentStore(source=database).find(agent_id=agent, limit=LATEST)
        )
        feedback = together.create_task(
            FeedbackStore(source=database).recent(LATEST, agent_id=agent)
        )
    return AgentView(
        card=card,
        version=live.result().get(agent, card.version),
        window=window,
        starts=window.starts(now),
        whole=whole.result(),
        parts=parts.result(),
        heading=heading(trends.result()),
        changes=[*_trends(trends.result()), *map(_change, points.result())],
        forecasts=_by_figure(forecasts.result()),
        alerts=alerts.result(),
        opportunities=opportunities.result()[:LATEST],
        experiments=tests.result(),
        deployments=deployments.result(),
        feedback=feedback.result(),
    )


def _trends(rows: Sequence[Row]) -> list[Change]:
    return [Change(said=said(r), direction=r["direction"]) for r in rows if r["is_significant"]]


def _change(point: Row) -> Change:
    return Change(
        said=change_sentence(
            Tracked(point["metric"]), at=point["at"], before=point["before"], after=point["after"]
        ),
        direction=point["direction"],
    )


def _by_figure(rows: Sequence[Row]) -> dict[str, list[Row]]:
    found: dict[str, list[Row]] = {}
    for row in rows:
        found.setdefault(row["metric"], []).append(row)
    return found
