"""How work went by agent, version, domain, workflow, engagement, arm, provider, model or client, over a minute or a year.

Hours and days are counted once and added up; the last minutes are read from the facts themselves.
"""

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from typing import Literal

from prisma_assets.domain.errors import InputError
from prisma_assets.domain.monitoring.flow import Between, Flow, at_once
from prisma_assets.learning.measured import accuracy_between, satisfaction_between
from prisma_assets.learning.metric_sum import STEP_SUMS, runs_added, sketched, steps_added
from prisma_assets.learning.metrics import Figures, figures_of
from prisma_assets.learning.roll_up import Agents
from prisma_assets.store.database import Database
from prisma_assets.store.metric_window import DIMENSIONS, By, MetricWindowStore, Part, Wanted
from prisma_assets.store.roll_up import Granularity, Row, span

Kind = Literal["1m", "1h", "1d", "7d", "30d", "90d", "1y"]
MOST_VALUES = 200
"""Values of one answer, the busiest: more than a page shows and than a table is read."""
_MOST_PARTS = 400
"""Windows of one value: a year of days."""
_IDLE = Flow.together(())


@dataclass(frozen=True, kw_only=True)
class Stretch:
    """A stretch of time and what it is added up from."""

    start: datetime
    end: datetime
    granularity: Granularity | None
    """Of the counted windows; None: the facts themselves, at most an hour of them."""

    def seconds(self, now: datetime) -> float:
        """How much of it is over."""
        return max((min(self.end, now) - self.start).total_seconds(), 0.0)


@dataclass(frozen=True, kw_only=True)
class Slice:
    """What the work of one value, or of one part of the time, adds up to."""

    value: str | None
    """None: the facts do not say."""
    start: datetime | None
    """Of the part; None: the whole stretch."""
    seconds: float
    """Length of what is over of it."""
    figures: Figures
    flow: Flow
    busy_ms: float
    """Milliseconds all runs took together."""

    @property
    def per_hour(self) -> float | None:
        """Runs an hour."""
        return self.figures.executions * 3600 / self.seconds if self.seconds else None

    @property
    def concurrency(self) -> float | None:
        """Runs under way at once, on average; None: none was timed."""
        return at_once(self.busy_ms, seconds=self.seconds) if self.figures.timed else None

    @property
    def queue(self) -> float | None:
        """Executions waiting to begin, on average; None: none began."""
        return at_once(self.flow.waited_ms, seconds=self.seconds) if self.flow.waited_n else None

    @property
    def accuracy_between(self) -> Between:
        """In which the true accuracy lies, at 95 %."""
        return accuracy_between(self.figures)

    @property
    def satisfaction_between(self) -> Between:
        """In which the true mean rating lies, at 95 %."""
        return satisfaction_between(self.figures)


_LENGTHS: Mapping[str, timedelta] = {
    "1m": timedelta(minutes=1),
    "1h": timedelta(hours=1),
    "1d": timedelta(hours=24),
    "7d": timedelta(days=7),
    "30d": timedelta(days=30),
    "90d": timedelta(days=90),
    "1y": timedelta(days=365),
}
KINDS = tuple(_LENGTHS)


def stretch_of(kind: str, *, now: datetime) -> Stretch:
    """The stretch that ends now: the last minute or hour to the second, 24 hours by the hour, longer ones by the day.

    Raises:
        InputError: There is no window of that name.
    """
    length = _LENGTHS.get(kind)
    if length is None:
        raise InputError(f"there is no window '{kind}'; choose one of {', '.join(KINDS)}")
    at = now.astimezone(UTC)
    if length <= timedelta(hours=1):
        return Stretch(start=at - length, end=at, granularity=None)
    hour = at.replace(minute=0, second=0, microsecond=0)
    if length <= timedelta(days=1):
        end = hour + timedelta(hours=1)
        return Stretch(start=end - length, end=end, granularity="1h")
    end = hour.replace(hour=0) + timedelta(days=1)
    return Stretch(start=end - length, end=end, granularity="1d")


def days_between(since: date, until: date) -> Stretch:
    """UTC days, both included.

    Raises:
        InputError: They are the wrong way round, or more than a year and a month.
    """
    if not timedelta(0) <= until - since < timedelta(days=_MOST_PARTS) or until == date.max:
        raise InputError(
            f"{since} to {until} is no window: the first day comes first, at most {_MOST_PARTS - 1} days before the last"
        )
    return Stretch(**span(since, until), granularity="1d")


def dimension_of(name: str) -> By:
    """The dimension of that name.

    Raises:
        InputError: There is none.
    """
    for by in DIMENSIONS:
        if by == name:
            return by
    raise InputError(f"figures are not kept by '{name}'; choose one of {', '.join(DIMENSIONS)}")


@dataclass(frozen=True, kw_only=True)
class MetricWindows:
    """Reads figures of any stretch by any dimension."""

    database: Database
    agents: Agents
    """Of the firm, with their domains."""

    async def by_value(
        self, by: By, stretch: Stretch, *, now: datetime, value: str | None = None
    ) -> list[Slice]:
        """Figures of each value over the whole stretch, the busiest first; what has no fact has no entry."""
        return await self._slices(by, stretch, now=now, value=value, by_window=False)

    async def by_time(self, by: By, value: str, stretch: Stretch, *, now: datetime) -> list[Slice]:
        """Figures of one value in each minute, hour or day of the stretch, oldest first; a part without a fact has no entry."""
        found = await self._slices(by, stretch, now=now, value=value, by_window=True)
        return sorted(found, key=lambda s: s.start or stretch.start)

    async def flow(self, by: By, stretch: Stretch, *, value: str | None = None) -> Flow:
        """Steps of all values together, or of one, as far as they are counted; runs are not looked at."""
        wanted = Wanted(by=by, start=stretch.start, end=stretch.end, value=value)
        rows = await MetricWindowStore(source=self.database).steps(
            wanted, granularity=stretch.granularity or "1h", by_window=False
        )
        return Flow.together(_flow(row) for row in rows)

    async def _slices(
        self, by: By, stretch: Stretch, *, now: datetime, value: str | None, by_window: bool
    ) -> list[Slice]:
        wanted = Wanted(by=by, start=stretch.start, end=stretch.end, value=value)
        if stretch.granularity is None:
            runs, steps = await self._now(wanted, by_window=by_window)
        else:
            runs, steps = await self._counted(wanted, stretch.granularity, by_window=by_window)
        # Merging a year of sketches takes as long as a page may: others are served meanwhile.
        return await asyncio.to_thread(_joined, runs, steps, stretch, now)

    async def _now(self, wanted: Wanted, *, by_window: bool) -> tuple[list[Row], list[Row]]:
        store = MetricWindowStore(source=self.database)
        part: Part = "minute" if by_window else "hour"  # The fewer parts, the fewer sketches.
        async with asyncio.TaskGroup() as together:
            facts = together.create_task(store.run_facts(wanted, part=part, agents=self.agents))
            passes = together.create_task(store.step_facts(wanted, part=part, agents=self.agents))
        runs, steps = [sketched(row) for row in facts.result()], passes.result()
        if by_window:
            return runs, steps
        whole = {"window_start": None}
        return [r | whole for r in runs_added(runs)], [s | whole for s in steps_added(steps)]

    async def _counted(
        self, wanted: Wanted, granularity: Granularity, *, by_window: bool
    ) -> tuple[list[Row], list[Row]]:
        store = MetricWindowStore(source=self.database)
        most = _MOST_PARTS if by_window else MOST_VALUES
        async with asyncio.TaskGroup() as together:
            runs = together.create_task(
                store.runs(wanted, granularity=granularity, by_window=by_window, most=most)
            )
            steps = together.create_task(
                store.steps(wanted, granularity=granularity, by_window=by_window)
            )
        return runs.result(), steps.result()


def _joined(
    runs: Sequence[Row], steps: Sequence[Row], stretch: Stretch, now: datetime
) -> list[Slice]:
    """Runs and steps of the same value and part together, the busiest first."""
    flows = {_key(row): _flow(row) for row in steps}
    found = {_key(row): row for row in runs}
    slices = [
        _slice(key, found.get(key), flows.get(key, _IDLE), stretch, now)
        for key in {**found, **flows}
    ]
    slices.sort(key=lambda s: (-s.figures.executions, -s.flow.steps, s.value or ""))
    return slices


def _flow(row: Row) -> Flow:
    return Flow(**{name: row[name] for name in STEP_SUMS})


def _slice(
    key: tuple[str | None, datetime | None],
    row: Row | None,
    flow: Flow,
    stretch: Stretch,
    now: datetime,
) -> Slice:
    value, start = key
    return Slice(
        value=value,
        start=start,
        seconds=stretch.seconds(now) if start is None else _part(start, stretch).seconds(now),
        figures=figures_of([] if row is None else [row]),
        flow=flow,
        busy_ms=0.0 if row is None else row["busy_ms"],
    )


def _part(start: datetime, stretch: Stretch) -> Stretch:
    """The part of a stretch that begins then."""
    minute, hour = timedelta(minutes=1), timedelta(hours=1)
    length = {None: minute, "1h": hour, "1d": 24 * hour}[stretch.granularity]
    begin, end = max(start, stretch.start), min(start + length, stretch.end)
    return Stretch(start=begin, end=end, granularity=stretch.granularity)


def _key(row: Row) -> tuple[str | None, datetime | None]:
    start = row["window_start"]
    return row["value"], None if start is None else start.astimezone(UTC)
