"""The learning loop in this process, for every day that needs it, and what it did as Dagster recorded it."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, timedelta
from itertools import pairwise
from typing import TYPE_CHECKING, Any

from prisma_assets.platform.local import LocalPlatform

if TYPE_CHECKING:
    from dagster import AssetCheckEvaluation, DagsterInstance

MOST_DAYS = 92
"""Days of one run: its checks look at all of them together, and a quarter of them still fits in memory."""
_ONE_DAY = timedelta(days=1)


@dataclass(frozen=True, kw_only=True)
class CheckSeen:
    """What one check of an asset found in one run."""

    asset: str
    check: str
    passed: bool
    severity: str
    """ERROR stops what is downstream, WARN does not."""
    first_day: date
    last_day: date
    failing: int | None
    """Rows that fail; None where the check is not about single rows."""
    failing_rows: str | None
    """The first of them, as a Markdown table."""


@dataclass(frozen=True, kw_only=True)
class LearningRun:
    """One Dagster run of the loop."""

    run_id: str
    first_day: date
    last_day: date
    failure: str | None


@dataclass(kw_only=True)
class Learned:
    """What the loop did."""

    runs: list[LearningRun] = field(default_factory=list)
    rows: dict[str, int] = field(default_factory=dict)
    """Rows written, by asset."""
    checks: list[CheckSeen] = field(default_factory=list)

    @property
    def failures(self) -> list[LearningRun]:
        """Runs of single days that did not come to their end."""
        return [r for r in self.runs if r.failure is not None and r.first_day == r.last_day]


def learn(platform: LocalPlatform, days: Iterable[date]) -> Learned:
    """Run the loop for these days, consecutive ones together.

    When a check stops a run of several days they are done again in halves, so that only the days it is about wait.
    """
    learned = Learned()
    left = [*_stretches(sorted(set(days)))]
    while left:
        first, last = left.pop(0)
        if _run(platform, learned, first, last) and first < last:
            middle = first + (last - first) // 2
            left[:0] = [(first, middle), (middle + _ONE_DAY, last)]
    return learned


def _run(platform: LocalPlatform, learned: Learned, first: date, last: date) -> bool:
    """One run; whether it failed."""
    from dagster._core.storage.tags import (
        ASSET_PARTITION_RANGE_END_TAG,
        ASSET_PARTITION_RANGE_START_TAG,
    )

    from jobs.learning import LOOP

    span = {
        ASSET_PARTITION_RANGE_START_TAG: first.isoformat(),
        ASSET_PARTITION_RANGE_END_TAG: last.isoformat(),
    }
    ended = platform.run(LOOP, tags=span)
    learned.runs.append(
        LearningRun(run_id=ended.run_id, first_day=first, last_day=last, failure=ended.failure)
    )
    is_last_try = ended.failure is None or first == last
    if is_last_try:
        _read(platform.instance, learned, learned.runs[-1])
    return ended.failure is not None


def _read(instance: "DagsterInstance", learned: Learned, run: LearningRun) -> None:
    seen: set[str] = set()
    for entry in instance.all_logs(run.run_id):
        event = entry.dagster_event
        if event is None:
            continue
        if event.is_step_materialization:
            name = event.step_materialization_data.materialization.asset_key.to_user_string()
            # One event per day, each with the rows of all.
            if name not in seen:
                learned.rows[name] = learned.rows.get(name, 0) + _rows(event)
            seen.add(name)
        elif event.event_type_value == "ASSET_CHECK_EVALUATION":
            learned.checks.append(_check(event.asset_check_evaluation_data, run))


def _rows(event: Any) -> int:
    found = event.step_materialization_data.materialization.metadata.get("dagster/row_count")
    return int(found.value) if found is not None else 0


def _check(found: "AssetCheckEvaluation", run: LearningRun) -> CheckSeen:
    shown: Mapping[str, Any] = found.metadata
    return CheckSeen(
        asset=found.asset_key.to_user_string(),
        check=found.check_name,
        passed=found.passed,
        severity=found.severity.value,
        first_day=run.first_day,
        last_day=run.last_day,
        failing=int(shown["failing"].value) if "failing" in shown else None,
        failing_rows=str(shown["failing rows"].value) if "failing rows" in shown else None,
    )


def _stretches(days: Sequence[date]) -> Iterator[tuple[date, date]]:
    """First and last of consecutive days, at most `MOST_DAYS` together."""
    if not days:
        return
    first = days[0]
    for day, following in pairwise([*days, days[-1] + 2 * _ONE_DAY]):
        if following - day > _ONE_DAY or following - first >= MOST_DAYS * _ONE_DAY:
            yield first, day
            first = following
