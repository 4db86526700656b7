"""Figures by everything people ask them by, counted by hour and day or read from a short span of facts. What they mean does not belong here."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import date, datetime
from typing import Any, Literal, get_args

from prisma_assets.store.database import Database, Transaction
from prisma_assets.store.roll_up import Granularity, Row, span

By = Literal[
    "agent", "version", "domain", "workflow", "engagement", "arm", "provider", "model", "client"
]
DIMENSIONS: tuple[By, ...] = get_args(By)
Part = Literal["minute", "hour", "day"]


@dataclass(frozen=True, kw_only=True)
class Wanted:
    """Which work is added up."""

    start: datetime
    end: datetime
    """Work that begins before it."""
    by: By | None = None
    """None: every dimension."""
    value: str | None = None
    """None: every value."""


@dataclass(frozen=True, kw_only=True)
class MetricWindowStore:
    """Where they live. `agents` are ids of the agents the firm knows, with their domains."""

    source: Database | Transaction

    async def run_facts(
        self, wanted: Wanted, *, part: Part, agents: Mapping[str, str]
    ) -> list[Row]:
        """Runs and ratings by part of the span, with every duration in milliseconds; each fact of it is read."""
        return await self.source.fetch("dimension_figures", _facts(wanted, part, agents))

    async def step_facts(
        self, wanted: Wanted, *, part: Part, agents: Mapping[str, str]
    ) -> list[Row]:
        """Passes agents completed, and waits of executions, by part of the span; each of it is read."""
        return await self.source.fetch("step_figures", _facts(wanted, part, agents))

    async def runs(
        self, wanted: Wanted, *, granularity: Granularity, by_window: bool, most: int
    ) -> list[Row]:
        """Counted windows added up, with `sketches` to be merged; the busiest values first."""
        params = {
            **asdict(wanted), "granularity": granularity, "by_window": by_window, "most": most,
        }  # fmt: skip
        return await self.source.fetch("summed_dimension", params)

    async def steps(
        self, wanted: Wanted, *, granularity: Granularity, by_window: bool
    ) -> list[Row]:
        """Counted passes and waits added up."""
        params = {**asdict(wanted), "granularity": granularity, "by_window": by_window}
        return await self.source.fetch("summed_steps", params)

    async def replace_runs(self, day: date, *, hours: Sequence[Row], whole: Sequence[Row]) -> None:
        """Put these windows in the place of the day's."""
        await self.source.execute("delete_metric_windows", span(day))
        await self._insert("insert_metric_windows", "1h", hours)
        await self._insert("insert_metric_windows", "1d", whole)

    async def replace_steps(self, day: date, *, hours: Sequence[Row], whole: Sequence[Row]) -> None:
        """Put these windows in the place of the day's."""
        await self.source.execute("delete_step_windows", span(day))
        await self._insert("insert_step_windows", "1h", hours)
        await self._insert("insert_step_windows", "1d", whole)

    async def judged_days(self, day: date) -> list[date]:
        """Days whose steps were judged by somebody on this day."""
        return [row["day"] for row in await self.source.fetch("judged_days", span(day))]

    async def forget_hours(self, before: datetime) -> None:
        """Keep no hour that began before this moment; days stay."""
        await self.source.execute("forget_metric_hours", {"before": before})
        await self.source.execute("forget_step_hours", {"before": before})

    async def to_check(self, since: date, until: date) -> list[Row]:
        """Runs of these days by dimension, and how far they are from the agents' own roll-up."""
        return await self.source.fetch("metric_windows_to_check", span(since, until))

    async def _insert(self, query: str, granularity: Granularity, rows: Sequence[Row]) -> None:
        params = {"granularity": granularity, "rows": json.dumps(rows, default=str)}
        await self.source.execute(query, params)


def _facts(wanted: Wanted, part: Part, agents: Mapping[str, str]) -> dict[str, Any]:
    known = {"agents": list(agents), "domains": list(agents.values())}
    return {**asdict(wanted), "part": part, **known}
