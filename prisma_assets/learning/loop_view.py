"""The learning loop as it stands: what people say, what could be better, what is tried, what is on its way, what was kept."""

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from prisma_assets.domain.experiments.rollout import STAGES
from prisma_assets.learning.ledger import Entry, ledger
from prisma_assets.store.candidate import CandidateStore
from prisma_assets.store.database import Database
from prisma_assets.store.deployment import ROLLING, Deployment, DeploymentStore
from prisma_assets.store.experiment import ExperimentStore
from prisma_assets.store.feedback import FeedbackStore
from prisma_assets.store.opportunity import OpportunityStore
from prisma_assets.store.roll_up import RollUpStore
from prisma_assets.store.shadow import ShadowStore
from prisma_assets.store.theme import ThemeStore

Row = Mapping[str, Any]
WINDOW_DAYS = 28
"""Four of each weekday: what is said of a month's work."""
LATEST = 15
"""Pieces of feedback on the page; the file has more."""
OPEN_STAGES = ("pending_approval", *ROLLING)


@dataclass(frozen=True, kw_only=True)
class LoopView:
    """The page of learning."""

    at: datetime
    counted: int | None
    """Pieces of feedback of the window; None: no day of it is counted."""
    opportunities: Sequence[Row]
    """Open, the most pressing first."""
    candidates: Sequence[Row]
    """Of open opportunities, the latest first."""
    themes: Sequence[Row]
    """Spoken of in the window, the most spoken of first."""
    running: Sequence[Row]
    """Experiments."""
    deployments: Sequence[Deployment]
    """The latest first."""
    shadows: Mapping[str, Row]
    """Shadow runs by the id of their deployment."""
    ledger: Sequence[Entry]
    feedback: Sequence[Row]
    """The latest."""

    @property
    def under_way(self) -> list[Deployment]:
        """Deployments that are not over."""
        return [d for d in self.deployments if d.stage in OPEN_STAGES]

    @property
    def kept(self) -> int:
        """Improvements whose rollout excluded harm, and that are at work."""
        return sum(e.kept == "kept" and e.stage != "rolled_back" for e in self.ledger)

    @property
    def taken_back(self) -> int:
        """Deployments that were rolled back."""
        return sum(d.stage == "rolled_back" for d in self.deployments)

    def candidate_of(self, opportunity_id: str) -> Row | None:
        """The latest one for an opportunity; None: none was looked for."""
        return next((c for c in self.candidates if c["opportunity_id"] == opportunity_id), None)


async def loop_view(database: Database, *, now: datetime) -> LoopView:
    """Everything the page of learning shows."""
    today = now.date()
    since = today - timedelta(days=WINDOW_DAYS - 1)
    async with asyncio.TaskGroup() as together:
        said = together.create_task(RollUpStore(source=database).feedback_days(since=since, until=today))  # fmt: skip
        opportunities = together.create_task(OpportunityStore(source=database).listed())
        candidates = together.create_task(CandidateStore(source=database).listed())
        themes = together.create_task(ThemeStore(source=database).themes(since=since, until=today))
        running = together.create_task(ExperimentStore(source=database).recent(status="running"))
        deployments = together.create_task(DeploymentStore(source=database).find())
        shadows = together.create_task(ShadowStore(source=database).every())
        improvements = together.create_task(ledger(database))
        feedback = together.create_task(FeedbackStore(source=database).recent(LATEST))
    days = said.result()
    return LoopView(
        at=now,
        counted=sum(day["feedback"] for day in days) if days else None,
        opportunities=opportunities.result(),
        candidates=candidates.result(),
        themes=[theme for theme in themes.result() if theme["lately"]],
        running=running.result(),
        deployments=deployments.result(),
        shadows={run["deployment_id"]: run for run in shadows.result()},
        ledger=improvements.result(),
        feedback=feedback.result(),
    )


def holds_until(deployment: Deployment) -> datetime | None:
    """When a rollout may take its next share at the earliest; None: it is not on its way."""
    stage = next((s for s in STAGES if s.percent == deployment.traffic_pct), None)
    if stage is None or deployment.stage not in ROLLING or deployment.stage_entered_at is None:
        return None
    return deployment.stage_entered_at + stage.hold


def next_share(deployment: Deployment) -> int | None:
    """Per cent of the work a rollout takes next; None: it takes no more."""
    if deployment.stage not in ROLLING:
        return None
    return next((s.percent for s in STAGES if s.percent > deployment.traffic_pct), None)
