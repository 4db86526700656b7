"""Looks at every rollout that is on its way: new work in, the next share, a wait with its reason, or a breach for the rollback out."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from hashlib import sha256
from typing import Any

import numpy as np

from prisma_assets.domain.errors import PrismaError
from prisma_assets.domain.experiments.design import Design
from prisma_assets.domain.experiments.health import Units
from prisma_assets.domain.experiments.metric import Role
from prisma_assets.domain.experiments.rollout import (
    FULL,
    STAGES,
    Advance,
    Complete,
    Move,
    Position,
    TakeBack,
    Wait,
    Watched,
    next_move,
)
from prisma_assets.domain.experiments.rollout_watch import RolloutWatch, rollout_design
from prisma_assets.domain.notification.notification import Notification
from prisma_assets.learning.experiment_evaluation import metric_of
from prisma_assets.store.database import Database, Transaction
from prisma_assets.store.deployment import ROLLING, Deployment, DeploymentStore, Event
from prisma_assets.store.experiment import ExperimentStore
from prisma_assets.store.notification import NotificationStore

BY = "rollout"
"""Who does it, in histories."""
OVERLAP = timedelta(minutes=5)
"""Runs reported from outside are read again so far back: one transaction may commit after a later one began."""


@dataclass(frozen=True, kw_only=True)
class Looked:
    """What became of one rollout."""

    deployment: Deployment
    move: Move
    units: int
    """New units since the look before."""


async def look(database: Database, *, now: datetime) -> list[Looked]:
    """Look at every rollout on its way, each in a transaction of its own; a repeated look changes nothing."""
    open_ = await DeploymentStore(source=database).find(stages=ROLLING)
    looked = [await _look_at(database, d.deployment_id, now) for d in open_]
    return [one for one in looked if one is not None]


async def _look_at(database: Database, deployment_id: str, now: datetime) -> Looked | None:
    async with database.transaction() as tx:
        store = DeploymentStore(source=tx)
        if await store.lock(deployment_id) not in ROLLING:
            return None
        [deployment] = await store.find(deployment_id=deployment_id)
        if deployment.traffic_pct == FULL:
            watched, evidence, units = Watched(), deployment.observed_metrics, 0
        else:
            watched, evidence, units = await _watch(tx, deployment, now)
        position = await _position(tx, deployment)
        move = next_move(position, watched, now=now)
        await _do(tx, deployment, move, _Seen(position=position, evidence=evidence, now=now))
        return Looked(deployment=deployment, move=move, units=units)


@dataclass(frozen=True, kw_only=True)
class _Seen:
    position: Position
    evidence: Mapping[str, Any] | None
    now: datetime


async def _watch(
    tx: Transaction, deployment: Deployment, now: datetime
) -> tuple[Watched, Mapping[str, Any], int]:
    """Take in what has come since the look before."""
    experiments = ExperimentStore(source=tx)
    test_id = str(deployment.rollout_test_id)
    await experiments.take_in_reported([test_id])
    [held] = await experiments.hold([test_id])
    design = _design(held["metric_plan"])
    watch = RolloutWatch.from_state(design, held["state"]) if held["state"] else RolloutWatch(design)  # fmt: skip
    rows = await experiments.ripe_units({test_id: held["last_exposure_id"] or 0}, as_of=now)
    if rows:
        watch.update(_units(design, rows))
        digest = sha256((held["data_sha256"] or "").encode())
        for row in rows:
            digest.update(repr(sorted(row.items(), key=lambda item: item[0])).encode())
        state = {
            "ab_test_id": test_id, "state": watch.to_state(), "last_exposure_id": rows[-1]["exposure_id"],
            "units": watch.arrived, "data_sha256": digest.hexdigest(),
            "reported_until": (now - OVERLAP).isoformat(),
        }  # fmt: skip
        await experiments.remember([state])
    return watch.watched(), watch.evidence(), len(rows)


def _design(plan: Sequence[Mapping[str, Any]]) -> Design:
    """What is watched; whatever an experiment would make of the metrics, a rollout guards them all."""
    metrics = tuple(replace(metric_of(said), role=Role.GUARDRAIL) for said in plan)
    return rollout_design(Design(metrics=metrics, splits=(0.5,)))


def _units(design: Design, rows: Sequence[Mapping[str, Any]]) -> Units:
    def column(name: str) -> np.ndarray[Any, np.dtype[np.float64]]:
        return np.array([np.nan if row[name] is None else row[name] for row in rows], dtype=float)

    return Units(
        treated=np.array([row["variant"] == "B" for row in rows]),
        splits=column("split"),
        values={m.name: column(m.name) for m in design.metrics},
    )


async def _position(tx: Transaction, deployment: Deployment) -> Position:
    stage = next(i for i, s in enumerate(STAGES) if s.percent == deployment.traffic_pct)
    entered = deployment.stage_entered_at
    if entered is None:
        raise ValueError(f"deployment {deployment.deployment_id} is on its way without a start")
    params = {"rollout_test_id": deployment.rollout_test_id, "since": entered}
    [met] = await tx.fetch("rollout_stage_units", params)
    if STAGES[stage].percent == FULL:
        # Everybody has it, and nothing is assigned any more: time alone is left.
        met = {"treated": STAGES[stage].units, "control": 0}
    return Position(
        stage=stage, entered_at=entered, treated=met["treated"], control=met["control"],
        is_paused=deployment.paused_by is not None, released_by=deployment.released_by,
    )  # fmt: skip


async def _do(tx: Transaction, deployment: Deployment, move: Move, seen: _Seen) -> None:
    store = DeploymentStore(source=tx)
    units = {"treated": seen.position.treated, "control": seen.position.control}
    is_news = isinstance(move, Wait) and move.reason != deployment.waits_for and move.needs_person
    await store.write(
        "note_rollout", deployment.deployment_id,
        waits_for=move.reason if isinstance(move, Wait) else None,
        needs_person=isinstance(move, Wait) and move.needs_person,
        stage_units=units, observed=None if seen.evidence is None else dict(seen.evidence),
    )  # fmt: skip
    if isinstance(move, TakeBack):
        await record_breach(tx, deployment, found_by=BY, reason=move.reason, evidence=seen.evidence)
    elif isinstance(move, Advance):
        await _advance(store, deployment, move.to, seen.now)
    elif isinstance(move, Complete):
        await store.write(
            "end_deployment", deployment.deployment_id, stage="completed", reason=None
        )
        await store.tell(deployment.deployment_id, Event(what="completed", by=BY))
    elif is_news:
        await _call_a_person(tx, deployment, move.reason)


async def record_breach(
    tx: Transaction, deployment: Deployment, *, found_by: str, reason: str,
    evidence: Mapping[str, Any] | None = None,
) -> None:  # fmt: skip
    """Store evidence of harm; the rollback sensor asks, its job acts. One deployment has one breach."""
    params = {
        "deployment_id": deployment.deployment_id, "found_by": found_by, "reason": reason,
        "evidence": dict(evidence or {}),
    }  # fmt: skip
    if await tx.execute("insert_breach", params):
        event = Event(what="breach", by=found_by, reason=reason, facts=evidence)
        await DeploymentStore(source=tx).tell(deployment.deployment_id, event)


async def _advance(store: DeploymentStore, deployment: Deployment, to: int, now: datetime) -> None:
    stage = STAGES[to]
    test = {"rollout_test_id": deployment.rollout_test_id}
    await store.write(
        "advance_rollout", deployment.deployment_id, stage=stage.name, percent=stage.percent, at=now
    )
    if stage.percent < FULL:
        await store.write(
            "split_rollout_test", deployment.deployment_id, split=stage.percent / 100, **test
        )
    else:
        await store.write("end_rollout_test", deployment.deployment_id, status="completed", **test)
        await set_live(store, deployment, deployment.to_version, by=BY, reason="shown unharmed stage by stage")  # fmt: skip
    event = Event(what="advanced", by=BY, facts={"percent": stage.percent})
    await store.tell(deployment.deployment_id, event)


async def set_live(
    store: DeploymentStore, deployment: Deployment, version: str, *, by: str, reason: str
) -> None:
    """Put a version of the deployment's agent to work: the one place that does."""
    params = {
        "agent_id": deployment.agent_id, "version": version, "set_by": by, "reason": reason,
        "deployment_id": deployment.deployment_id,
    }  # fmt: skip
    if not await store.source.execute("insert_live_version", params):
        raise PrismaError(
            f"nobody kept what version {version} of {deployment.agent_id} is, so it cannot be put to work"
        )


async def _call_a_person(tx: Transaction, deployment: Deployment, reason: str) -> None:
    news = Notification(
        kind="deployment_waits",
        dedupe_key=f"deployment_waits:{deployment.deployment_id}:{deployment.traffic_pct}:{reason[:80]}",
        subject=f"{deployment.agent_id}: the rollout of {deployment.to_version} waits for a person",
        text=f"It stands at {deployment.traffic_pct} %: {reason}.",
        facts={"deployment_id": deployment.deployment_id, "stage": deployment.stage},
    )
    await NotificationStore(source=tx).add(news)
