"""Judging running experiments: what is new of each is read, remembered, judged, and the verdict kept with all it rests on."""

import hashlib
import json
from collections import defaultdict
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import cache
from importlib.metadata import version as installed
from typing import Any, TypeVar

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


@dataclass(frozen=True, kw_only=True)
class Taken:
    """What is new of one experiment."""

    ab_test_id: str
    agent_id: str
    name: str
    new_units: int
    sums: Sequence[Row]
    """Per arm and metric, of all units that were read."""


async def evaluate(
    database: Database,
    *,
    registry: AgentRegistry,
    ab_test_ids: Sequence[str] | None = None,
    as_of: datetime | None = None,
) -> list[Evaluated]:
    """Read what is new of experiments that run, judge them, and end those that are decided.

    Args:
        database: The product's.
        registry: The firm's agents.
        ab_test_ids: None: all that run.
        as_of: Moment of the look; None: now.
    """

    async def both(look: _Look, ids: Sequence[str]) -> list[Evaluated]:
        held = await look.read(await look.hold(ids))
        judged = await look.judge(held)
        await look.keep(held)
        return judged

    return await _by_hundreds(database, both, registry=registry, ids=ab_test_ids, as_of=as_of)


async def take_outcomes(
    database: Database, *, registry: AgentRegistry, as_of: datetime | None = None
) -> list[Taken]:
    """Read what is new of all experiments that run; judging is another step."""

    async def take(look: _Look, ids: Sequence[str]) -> list[Taken]:
        held = await look.read(await look.hold(ids))
        await look.keep(held)
        return [one.taken() for one in held]

    return await _by_hundreds(database, take, registry=registry, as_of=as_of)


async def judge(
    database: Database, *, registry: AgentRegistry, as_of: datetime | None = None
) -> list[Evaluated]:
    """Judge all experiments that run by what was read of them, and end those that are decided."""

    async def judged(look: _Look, ids: Sequence[str]) -> list[Evaluated]:
        held = await look.hold(ids)
        judged = await look.judge(held)
        await look.keep(held)
        return judged

    return await _by_hundreds(database, judged, registry=registry, as_of=as_of)


async def take_exposures(database: Database) -> int:
    """Record exposures of runs reported from outside; how many were new, or crossed over."""
    store = ExperimentStore(source=database)
    return await store.take_in_reported(await store.running())


async def evaluate_one(database: Database, ab_test_id: str, *, registry: AgentRegistry) -> Evaluated | None:  # fmt: skip
    """Judge one experiment; None: it does not run.

    Raises:
        InputError: There is none.
    """
    await known(ExperimentStore(source=database), ab_test_id)
    found = await evaluate(database, registry=registry, ab_test_ids=[ab_test_id])
    return found[0] if found else None


Each = TypeVar("Each")


async def _by_hundreds(
    database: Database,
    work: "Callable[[_Look, Sequence[str]], Awaitable[list[Each]]]",
    *,
    registry: AgentRegistry,
    ids: Sequence[str] | None = None,
    as_of: datetime | None = None,
) -> list[Each]:
    now = as_of or datetime.now(UTC)
    all_ids = ids if ids is not None else await ExperimentStore(source=database).running()
    found: list[Each] = []
    for first in range(0, len(all_ids), AT_ONCE):
        async with database.transaction() as tx:
            look = _Look(store=ExperimentStore(source=tx), registry=registry, now=now)
            found += await work(look, all_ids[first : first + AT_ONCE])
    return found


@dataclass(frozen=True, kw_only=True)
class _Look:
    """One look at some experiments, in one transaction."""

    store: ExperimentStore
    registry: AgentRegistry
    now: datetime

    async def hold(self, ids: Sequence[str]) -> list["_Held"]:
        """Those that run, as they are remembered."""
        return [_remembered(row) for row in await self.store.hold(ids)]

    async def read(self, held: Sequence["_Held"]) -> Sequence["_Held"]:
        """Read what is new of them."""
        await self.store.take_in_reported([one.id for one in held])
        after = {one.id: one.row["last_exposure_id"] or 0 for one in held}
        fresh: dict[str, list[Row]] = defaultdict(list)
        for unit in await self.store.ripe_units(after, as_of=self.now):
            fresh[unit["ab_test_id"]].append(unit)
        for one in held:
            one.take(fresh[one.id], reported_until=self.now - LATE)
        return held

    async def keep(self, held: Sequence["_Held"]) -> None:
        """Remember what was read."""
        await self.store.remember([one.state() for one in held if one.is_changed])
        new = [one for one in held if one.new_units]
        await self.store.add_sums([row for one in new for row in one.sums()], as_of=self.now)

    async def judge(self, held: Sequence["_Held"]) -> list[Evaluated]:
        """Judge, keep the verdicts, and end what is decided."""
        at_work = await work_versions(self.store, self.registry)
        judged = [one.judge(at_work.get(one.row["agent_id"], "none"), self.now) for one in held]
        verdicts = [one.verdict(e.judgement) for one, e in zip(held, judged, strict=True)]
        await self.store.add_verdicts(verdicts, as_of=self.now)
        over = [(one, e.judgement) for one, e in zip(held, judged, strict=True) if e.judgement.is_over]  # fmt: skip
        if over:
            final = [row for one, _ in over for row in one.sums(is_final=True)]
            await self.store.add_sums(final, as_of=self.now)
            await self.store.end({one.id: _ending(one.row, e, self.now) for one, e in over})
        return judged


@dataclass(kw_only=True)
class _Held:
    """One experiment under a look."""

    row: Row
    running: RunningExperiment
    last_exposure_id: int
    reported_until: datetime
    new_units: int = 0
    is_changed: bool = False
    """Whether what is remembered has to be written again."""

    @property
    def id(self) -> str:
        return str(self.row["ab_test_id"])

    def take(self, units: Sequence[Row], *, reported_until: datetime) -> None:
        self.is_changed = bool(units) or self.row["state"] is None
        if units:
            self.running.take([outcome_of(u, self.running.started.plan) for u in units])
            self.last_exposure_id = units[-1]["exposure_id"]
        self.new_units, self.reported_until = len(units), reported_until

    def judge(self, version_at_work: str, now: datetime) -> Evaluated:
        was_told = self.running.is_told
        judged = self.running.judge(now=now, version_at_work=version_at_work)
        self.is_changed |= self.row["state"] is None or not was_told
        return Evaluated(
            ab_test_id=self.id, agent_id=self.row["agent_id"], name=self.row["name"], judgement=judged,
            new_units=self.new_units, data_sha256=self.running.data_sha256,
        )  # fmt: skip

    def taken(self) -> Taken:
        return Taken(
            ab_test_id=self.id, agent_id=self.row["agent_id"], name=self.row["name"],
            new_units=self.new_units, sums=self.sums(),
        )  # fmt: skip

    def state(self) -> Row:
        return {
            "ab_test_id": self.id,
            "state": self.running.to_state(),
            "last_exposure_id": self.last_exposure_id,
            "units": self.running.experiment.arrived,
            "data_sha256": self.running.data_sha256,
            "reported_until": self.reported_until.isoformat(),
        }

    def verdict(self, judged: Judgement) -> Row:
        started = self.running.started
        return {
            "ab_test_id": self.id,
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

    def sums(self, *, is_final: bool = False) -> list[Row]:
        return [
            {
                "ab_test_id": self.id,
                "variant": arm,
                "metric": metric,
                "n": int(n),
                "sum_value": total,
                "sum_sq": squares,
                "success_count": int(ones) if metric in ("accuracy", "error_rate") else None,
                "is_final": is_final,
            }
            for metric, arms in self.running.sums.items()
            for arm, (n, total, squares, ones) in arms.items()
        ]


def _ending(row: Row, judged: Judgement, now: datetime) -> Ending:
    """Harm ends it at once; who may decide what follows depends on the risk."""
    primary = next(m for m in judged.numbers["metrics"] if m["role"] == Role.PRIMARY.value)
    decision = {"adopt": "adopt_treatment", "keep control": "keep_control", "roll back": "rollback"}
    by_product = row["risk_level"] == "low" or not isinstance(judged.verdict, Adopt)
    says = decision.get(judged.word, "inconclusive") if by_product else None
    return Ending(
        status="aborted" if isinstance(judged.verdict, RollBack) else "completed", ended_at=now,
        decision=says, decided_by="experiment_verdict" if says else None,
        effect=primary["effect"], low=primary["low"], high=primary["high"], notes=judged.verdict.reason,
    )  # fmt: skip


def _remembered(row: Row) -> _Held:
    started = started_of(row)
    running = RunningExperiment(started)
    if row["state"] is not None:
        running = RunningExperiment.from_state(started, row["state"], data_sha256=row["data_sha256"])  # fmt: skip
    return _Held(
        row=row, running=running, last_exposure_id=row["last_exposure_id"] or 0,
        reported_until=row["reported_until"] or started.started_at,
    )  # fmt: skip


async def data_behind(store: ExperimentStore, row: Row, *, as_of: datetime) -> str:
    """Hash of the units that a look at that moment had read, counted anew from the facts as they are now."""
    running = RunningExperiment(started_of(row))
    ab_test_id = row["ab_test_id"]
    units = await store.ripe_units({ab_test_id: 0}, as_of=as_of)
    running.take([outcome_of(unit, running.started.plan) for unit in units])
    return running.data_sha256


def outcome_of(unit: Row, plan: Plan) -> UnitOutcome:
    """A row of `ripe_units`."""
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
    metrics = tuple(metric_of(m) for m in row["metric_plan"]) or planned_metrics(
        row["metrics"], primary=row["primary_metric"], guardrails=row["guardrail_metrics"]
    )
    return Plan(
        name=row["name"], hypothesis=row["hypothesis"] or "", agent_id=row["agent_id"], changes=row["variant_b_changes"],
        metrics=metrics, unit=row["assignment_unit"], split=float(row["traffic_split_b"]), risk=row["risk_level"],
        min_hours=row["min_duration_hours"], max_days=row["max_duration_days"], outcome_hours=row["outcome_hours"],
        alpha=float(row["alpha"]), max_blocks=row["max_blocks"],
    )  # fmt: skip


def metric_of(said: Mapping[str, Any]) -> Metric:
    """What `metric_json` wrote."""
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
