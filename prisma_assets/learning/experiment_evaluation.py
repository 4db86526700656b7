"""Judging running experiments: what is new of each is read, remembered, judged, and the verdict kept with all it rests on."""

import hashlib
import json
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import cache
from importlib.metadata import version as installed
from typing import Any

from prisma_assets.agents.registry import AgentRegistry
from prisma_assets.domain.experiments.experiment import STATE_VERSION
from prisma_assets.domain.experiments.metric import Direction, Kind, Metric, Role
from prisma_assets.domain.experiments.plan import Plan, planned_metrics
from prisma_assets.domain.experiments.running import (
    Judgement,
    RunningExperiment,
    Started,
    UnitOutcome,
)
from prisma_assets.domain.experiments.verdict import Adopt, RollBack
from prisma_assets.learning.experiment_declaration import known, work_versions
from prisma_assets.store.database import Database
from prisma_assets.store.experiment import Ending, ExperimentStore, Row

AT_ONCE = 100
"""Experiments per transaction: a look holds their rows for about a second."""
LATE = timedelta(minutes=5)
"""Runs from outside are read again for so long, since a transaction becomes visible after its clock."""


@dataclass(frozen=True, kw_only=True)
class Evaluated:
    """One experiment after a look."""

    ab_test_id: str
    agent_id: str
    name: str
    judgement: Judgement
    new_units: int
    data_sha256: str


@cache
def code_version() -> str:
    """What judged: the product and the form of its states."""
    return f"{installed('prisma-assets')}+experiments.{STATE_VERSION}"


async def evaluate(
    database: Database,
    *,
    registry: AgentRegistry,
    ab_test_ids: Sequence[str] | None = None,
    as_of: datetime | None = None,
) -> list[Evaluated]:
    """Judge experiments that run, and end those that are decided.

    Args:
        database: The product's.
        registry: The firm's agents.
        ab_test_ids: None: all that run.
        as_of: Moment of the look; None: now.
    """
    now = as_of or datetime.now(UTC)
    ids = list(ab_test_ids) if ab_test_ids is not None else await ExperimentStore(source=database).running()  # fmt: skip
    found: list[Evaluated] = []
    for first in range(0, len(ids), AT_ONCE):
        async with database.transaction() as tx:
            look = _Look(store=ExperimentStore(source=tx), registry=registry, now=now)
            found += await look.at(ids[first : first + AT_ONCE])
    return found


async def evaluate_one(database: Database, ab_test_id: str, *, registry: AgentRegistry) -> Evaluated | None:  # fmt: skip
    """Judge one experiment; None: it does not run.

    Raises:
        InputError: There is none.
    """
    await known(ExperimentStore(source=database), ab_test_id)
    found = await evaluate(database, registry=registry, ab_test_ids=[ab_test_id])
    return found[0] if found else None


@dataclass(frozen=True, kw_only=True)
class _Look:
    """One look at some experiments, in one transaction."""

    store: ExperimentStore
    registry: AgentRegistry
    now: datetime

    async def at(self, ids: Sequence[str]) -> list[Evaluated]:
        rows = await self.store.hold(ids)
        if not rows:
            return []
        held = [r["ab_test_id"] for r in rows]
        await self.store.take_in_reported(held)
        after = {r["ab_test_id"]: r["last_exposure_id"] or 0 for r in rows}
        fresh: dict[str, list[Row]] = defaultdict(list)
        for unit in await self.store.ripe_units(after, as_of=self.now):
            fresh[unit["ab_test_id"]].append(unit)
        at_work = await work_versions(self.store, self.registry)
        looked = [_look(row, fresh[row["ab_test_id"]], at_work, self.now) for row in rows]
        await self._keep(looked)
        return [one.evaluated for one in looked]

    async def _keep(self, looked: Sequence["_Looked"]) -> None:
        states = [one.state() for one in looked if one.units or one.row["state"] is None]
        await self.store.remember(states, reported_until=self.now - LATE)
        await self.store.add_verdicts([one.verdict() for one in looked], as_of=self.now)
        sums = [row for one in looked if one.units for row in one.sums()]
        await self.store.add_sums(sums, as_of=self.now)
        for one in looked:
            if one.evaluated.judgement.is_over:
                await self.store.end(one.row["ab_test_id"], one.ending(self.now))


@dataclass(frozen=True, kw_only=True)
class _Looked:
    """One experiment, judged."""

    row: Row
    units: Sequence[Row]
    running: RunningExperiment
    evaluated: Evaluated

    def state(self) -> Row:
        last = self.units[-1]["exposure_id"] if self.units else 0
        return {
            "ab_test_id": self.row["ab_test_id"],
            "state": self.running.to_state(),
            "last_exposure_id": last,
            "units": self.running.experiment.arrived,
            "data_sha256": self.running.data_sha256,
        }

    def verdict(self) -> Row:
        judged = self.evaluated.judgement
        started = self.running.started
        return {
            "ab_test_id": self.row["ab_test_id"],
            "verdict": judged.word,
            "reason": judged.verdict.reason,
            "decided_at_units": judged.decided_at,
            "units": judged.units,
            "data_sha256": self.running.data_sha256,
            "plan_sha256": plan_sha256(self.row),
            "price_version": self.running.price_version,
            "code_version": code_version(),
            "control_version": started.control_version,
            "treatment_version": started.treatment_version,
            "numbers": judged.numbers,
        }

    def sums(self) -> list[Row]:
        return [
            {
                "ab_test_id": self.row["ab_test_id"],
                "variant": arm,
                "metric": metric,
                "n": int(n),
                "sum_value": total,
                "sum_sq": squares,
                "success_count": int(ones) if metric in ("accuracy", "error_rate") else None,
                "is_final": self.evaluated.judgement.is_over,
            }
            for metric, arms in self.running.sums.items()
            for arm, (n, total, squares, ones) in arms.items()
        ]

    def ending(self, now: datetime) -> Ending:
        """Harm ends it at once; who may decide what follows depends on the risk."""
        judged = self.evaluated.judgement
        primary = next(m for m in judged.numbers["metrics"] if m["role"] == Role.PRIMARY.value)
        decision = {"adopt": "adopt_treatment", "keep control": "keep_control", "roll back": "rollback"}  # fmt: skip
        by_product = self.row["risk_level"] == "low" or not isinstance(judged.verdict, Adopt)
        says = decision.get(judged.word, "inconclusive") if by_product else None
        return Ending(
            status="aborted" if isinstance(judged.verdict, RollBack) else "completed", ended_at=now,
            decision=says, decided_by="experiment_verdict" if says else None,
            effect=primary["effect"], low=primary["low"], high=primary["high"], notes=judged.verdict.reason,
        )  # fmt: skip


def _look(row: Row, units: Sequence[Row], at_work: Mapping[str, str], now: datetime) -> _Looked:
    started = started_of(row)
    running = RunningExperiment(started)
    if row["state"] is not None:
        running = RunningExperiment.from_state(started, row["state"], data_sha256=row["data_sha256"])  # fmt: skip
    running.take([_outcome(unit, started.plan) for unit in units])
    version = at_work.get(row["agent_id"], "none: the agent is gone")
    judged = running.judge(now=now, version_at_work=version)
    return _Looked(
        row=row, units=units, running=running,
        evaluated=Evaluated(
            ab_test_id=row["ab_test_id"], agent_id=row["agent_id"], name=row["name"], judgement=judged,
            new_units=len(units), data_sha256=running.data_sha256,
        ),
    )  # fmt: skip


async def data_behind(store: ExperimentStore, row: Row, *, as_of: datetime) -> str:
    """Hash of the units that a look at that moment had read, counted anew from the facts as they are now."""
    running = RunningExperiment(started_of(row))
    ab_test_id = row["ab_test_id"]
    units = await store.ripe_units({ab_test_id: 0}, as_of=as_of)
    running.take([_outcome(unit, running.started.plan) for unit in units])
    return running.data_sha256


def _outcome(unit: Row, plan: Plan) -> UnitOutcome:
    return UnitOutcome(
        unit=unit["unit"], variant=unit["variant"], split=unit["split"], exposed_at=unit["first_exposed_at"],
        values={m.name: unit[m.name] for m in plan.metrics}, versions=frozenset(unit["versions"]),
        is_crossed=unit["is_crossed"], price_version=unit["price_version"],
    )  # fmt: skip


def started_of(row: Row) -> Started:
    """The declaration of a row of `ab_tests` that runs or ran."""
    return Started(
        plan=plan_of(row),
        started_at=row["started_at"] or row["created_at"],
        control_version=row["control_version"],
        treatment_version=row["treatment_version"] or "",
        min_samples=row["min_samples_per_variant"],
    )


def plan_of(row: Row) -> Plan:
    """The declaration of a row of `ab_tests`."""
    metrics = tuple(_metric(m) for m in row["metric_plan"]) or planned_metrics(
        row["metrics"], primary=row["primary_metric"], guardrails=row["guardrail_metrics"]
    )
    return Plan(
        name=row["name"], hypothesis=row["hypothesis"] or "", agent_id=row["agent_id"], changes=row["variant_b_changes"],
        metrics=metrics, unit=row["assignment_unit"], split=float(row["traffic_split_b"]), risk=row["risk_level"],
        min_hours=row["min_duration_hours"], max_days=row["max_duration_days"], outcome_hours=row["outcome_hours"],
        alpha=float(row["alpha"]), max_blocks=row["max_blocks"],
    )  # fmt: skip


def _metric(said: Mapping[str, Any]) -> Metric:
    return Metric(
        name=said["name"], kind=Kind(said["kind"]), direction=Direction(said["direction"]),
        margin=said["margin"], role=Role(said["role"]),
    )  # fmt: skip


def plan_sha256(row: Row) -> str:
    """Hash of what was declared: a verdict is worth nothing for another declaration."""
    keys = (
        "agent_id", "control_version", "treatment_version", "variant_b_changes", "traffic_split_b", "assignment_unit",
        "assignment_salt", "metric_plan", "min_samples_per_variant", "min_duration_hours", "max_duration_days",
        "outcome_hours", "alpha", "max_blocks",
    )  # fmt: skip
    said = json.dumps({key: row[key] for key in keys}, sort_keys=True, default=str)
    return hashlib.sha256(said.encode()).hexdigest()
