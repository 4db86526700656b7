"""`/api/v1/metrics`: figures by every dimension over any window, for programs."""

from datetime import UTC, date, datetime
from typing import Annotated, Any

from fastapi import APIRouter, Query
from pydantic import Field

from prisma_assets.domain.errors import InputError
from prisma_assets.learning.known import known_agents
from prisma_assets.learning.metric_row import row_of
from prisma_assets.learning.metric_window import (
    Kind,
    MetricWindows,
    Stretch,
    days_between,
    stretch_of,
)
from prisma_assets.store.metric_window import By
from prisma_assets.web.api_model import Name, Taken
from prisma_assets.web.api_spend import GetDatabase


class AskedMetrics(Taken):
    """Which figures."""

    by: By = "agent"
    window: Kind = "30d"
    since: date | None = None
    """With `until`, days in the place of the window."""
    until: date | None = None
    value: Annotated[Name, Field(pattern=r"^[^\x00]+$")] | None = None
    """One value, with its parts."""

    def stretch(self, now: datetime) -> Stretch:
        """Of which time."""
        if (self.since is None) != (self.until is None):
            raise InputError("give both `since` and `until`, or `window`")
        if self.since is not None and self.until is not None:
            return days_between(self.since, self.until)
        return stretch_of(self.window, now=now)


def metric_routes(database: GetDatabase) -> APIRouter:
    """The route."""
    router = APIRouter()

    @router.get("/metrics", tags=["agents"])
    async def get_metrics(asked: Annotated[AskedMetrics, Query()]) -> dict[str, Any]:
        """How work went by agent, version, domain, workflow, engagement, arm, provider, model or client; null is no data."""
        now = datetime.now(UTC)
        stretch = asked.stretch(now)
        windows = MetricWindows(database=await database(), agents=known_agents())
        found = await windows.by_value(asked.by, stretch, now=now, value=asked.value)
        parts = []
        if asked.value is not None:
            parts = await windows.by_time(asked.by, asked.value, stretch, now=now)
        return {
            "by": asked.by,
            "start": stretch.start,
            "end": stretch.end,
            "parts_are": stretch.granularity or "1m",
            "items": [row_of(one) for one in found],
            "parts": [row_of(one) for one in parts],
        }

    return router
