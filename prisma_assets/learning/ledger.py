"""The ledger of improvements: what each promised, shrunk towards nothing, and what work with it showed that it kept."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from prisma_assets.domain.experiments.lift import (
    Effect,
    Kept,
    Period,
    before_after,
    kept,
    shrunk,
    spread_of_effects,
)
from prisma_assets.domain.experiments.metric import Metric, Role
from prisma_assets.domain.experiments.plan import RECORDED
from prisma_assets.domain.learning.opportunity import read_comparison
from prisma_assets.domain.learning.stream import Metric as Trouble
from prisma_assets.learning.experiment_evaluation import metric_of
from prisma_assets.store.database import Database

Row = Mapping[str, Any]
Source = Literal["experiment", "candidate", "opportunity"]
Basis = Literal["beside the version before", "before and after, not randomised"]
GOALS: Mapping[str, str] = {
    Trouble.ERRORS: "error_rate",
    Trouble.ERROR_TYPE: "error_rate",
    Trouble.ACCURACY: "accuracy",
    Trouble.LATENCY: "response_time",
    Trouble.COST: "cost",
    Trouble.SATISFACTION: "satisfaction",
    Trouble.ISSUE: "satisfaction",
    Trouble.THEME: "satisfaction",
}
"""What is recorded of work that tells whether such trouble is mended."""
_POINTS: Mapping[str, float] = {
    Trouble.ERRORS: -1.0,
    Trouble.ERROR_TYPE: -1.0,
    Trouble.ACCURACY: 1.0,
    Trouble.SATISFACTION: 4.0,
}
"""What undoing one unit of the trouble is in the metric's unit: ratings span four points. Shares of slow runs, categories and themes have no such rate."""


@dataclass(frozen=True, kw_only=True)
class Entry:
    """One improvement."""

    deployment_id: str
    agent_id: str
    version: str
    stage: str
    experiment: str | None
    """That proved it; None: it was deployed without one."""
    metric: str
    promised_by: Source | None
    """What measured the promise; None: nothing did."""
    measured: Effect | None
    """As it was found; None: there is no interval."""
    promised: float | None
    """Shrunk: what could be expected of it."""
    realised: Effect | None
    """At work."""
    basis: Basis | None
    """What work was compared with; None: nothing was."""
    kept: Kept

    @property
    def is_to_be_retired(self) -> bool:
        """Proposed for retirement: at work, and harm is not excluded."""
        return self.kept == "includes harm" and self.stage in ("full", "completed")


@dataclass(frozen=True, kw_only=True)
class _Promise:
    """What a deployment was to bring."""

    row: Row
    source: Source | None
    metric: Metric
    measured: Effect | None


async def ledger(database: Database) -> list[Entry]:
    """Every improvement that was at work, the latest first."""
    promises = [_promise(row) for row in await database.fetch("deployed_improvements")]
    effects = await database.fetch("found_effects")
    unseen = [p for p in promises if _beside(p) is None]
    later = await _since(database, unseen) if unseen else {}
    return [_entry(p, effects, later.get(p.row["deployment_id"])) for p in promises]


def _promise(row: Row) -> _Promise:
    """By the strongest evidence there is: an experiment, work with known answers, the trouble it was to undo."""
    if row["ab_test_id"] is not None:
        metric = metric_of(next(m for m in row["metric_plan"] if m["name"] == row["primary_metric"]))  # fmt: skip
        return _Promise(row=row, source="experiment", metric=metric, measured=_effect(row["effect"], row["ci_low"], row["ci_high"]))  # fmt: skip
    searched = _effect(row["candidate_effect"], row["candidate_low"], row["candidate_high"])
    if searched is not None:
        return _Promise(row=row, source="candidate", metric=_usual("accuracy"), measured=searched)
    goal = _usual(GOALS.get(row["trouble"], "error_rate"))
    undone = _undone(row["trouble"], row["evidence"] or ())
    return _Promise(row=row, source="opportunity" if undone else None, metric=goal, measured=undone)


def _usual(name: str) -> Metric:
    kind, direction, margin = RECORDED[name]
    return Metric(name=name, kind=kind, direction=direction, margin=margin, role=Role.PRIMARY)


def _undone(trouble: str | None, evidence: Sequence[Row]) -> Effect | None:
    """The most a change can bring: that what got worse is as before."""
    rows = [e for e in evidence if e.get("kind") == "comparison" and e.get("metric") == trouble]
    if not rows:
        return None
    shift = read_comparison(rows[0])
    if trouble == Trouble.COST:
        points = -1 / shift.now if shift.now else None
    else:
        points = _POINTS.get(trouble or "")
    if points is None:
        return None
    value, half = points * (shift.now - shift.before), abs(points) * 1.96 * shift.deviation
    return Effect(value=value, low=value - half, high=value + half)


def _beside(promise: _Promise) -> Effect | None:
    """What the rollout showed beside the version before."""
    seen = (promise.row["observed_metrics"] or {}).get(promise.metric.name, {})
    return _effect(seen.get("effect"), seen.get("low"), seen.get("high"))


async def _since(database: Database, promises: Sequence[_Promise]) -> dict[str, Effect | None]:
    """What work showed after the version before, by deployment."""
    asked = [
        {
            "deployment_id": p.row["deployment_id"],
            "agent_id": p.row["agent_id"],
            "from_version": p.row["from_version"],
            "to_version": p.row["to_version"],
            "metric": p.metric.name,
            "began_at": p.row["began_at"].isoformat(),
        }
        for p in promises
    ]
    found = await database.fetch("work_before_and_after", {"asked": json.dumps(asked)})
    sides = {
        (row["deployment_id"], row["is_after"]): Period(n=row["n"], mean=row["mean"], variance=row["variance"])
        for row in found
    }  # fmt: skip
    return {
        p.row["deployment_id"]: before_after(
            sides.get((p.row["deployment_id"], False)), sides.get((p.row["deployment_id"], True)),
            is_log=p.metric.is_relative,
        )
        for p in promises
    }  # fmt: skip


def _entry(promise: _Promise, effects: Sequence[Row], later: Effect | None) -> Entry:
    row, metric, measured, beside = promise.row, promise.metric, promise.measured, _beside(promise)
    alike = [_effect(e["effect"], e["ci_low"], e["ci_high"]) for e in effects if (e["source"], e["metric"]) == (promise.source, metric.name)]  # fmt: skip
    spread = spread_of_effects([e for e in alike if e is not None], margin=metric.margin)
    realised, basis = beside or later, _basis(beside, later)
    return Entry(
        deployment_id=row["deployment_id"], agent_id=row["agent_id"], version=row["to_version"], stage=row["stage"],
        experiment=row["name"], metric=metric.name, promised_by=promise.source, measured=measured,
        promised=None if measured is None else shrunk(measured, spread=spread),
        realised=realised, basis=basis, kept=kept(realised, metric.direction),
    )  # fmt: skip


def _basis(beside: Effect | None, later: Effect | None) -> Basis | None:
    if beside is not None:
        return "beside the version before"
    return None if later is None else "before and after, not randomised"


def _effect(value: float | None, low: float | None, high: float | None) -> Effect | None:
    if value is None or low is None or high is None:
        return None
    return Effect(value=value, low=low, high=high)
