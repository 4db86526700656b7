"""Declaring, starting and ending experiments on agents: what people do. Judging what came of them does not belong here."""

import json
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import Any

import numpy as np

from prisma_assets.agents.contract import AgentCard
from prisma_assets.agents.registry import AgentRegistry
from prisma_assets.agents.version import changeable, subject_of
from prisma_assets.domain.errors import InputError
from prisma_assets.domain.experiments.baseline import Baseline, Power, power_of, unrecorded
from prisma_assets.domain.experiments.plan import RECORDED, Plan, wrong_parts
from prisma_assets.domain.experiments.release_path import WAYS, Approval, refusal
from prisma_assets.domain.experiments.running import metric_json
from prisma_assets.learning.agent_version import Change, next_version, version_row
from prisma_assets.store.database import Database
from prisma_assets.store.experiment import Ending, ExperimentStore, Row

PAST_DAYS = 28
"""Four weeks: whole business cycles, and recent enough to be this agent."""
MOST_PAST = 5_000
"""Units read of the past: enough for a spread to within two percent."""
MIN_SAMPLES = 100
"""Units of each arm before one is chosen (domain facts §6.2)."""


@dataclass(frozen=True, kw_only=True)
class Declared:
    """A declaration that was stored."""

    id: str
    plan: Plan
    control_version: str
    treatment_version: str
    power: Power


async def declare(
    database: Database,
    plan: Plan,
    *,
    registry: AgentRegistry,
    created_by: str,
    opportunity_id: str | None = None,
    min_samples: int = MIN_SAMPLES,
) -> Declared:
    """Check a declaration and store it with the version it tries; nothing is served before somebody starts it.

    Args:
        database: The product's.
        plan: The declaration; its declared maximum is set here, from the agent's past.
        registry: The firm's agents.
        created_by: Who declares it; somebody else approves it where its risk asks for that.
        opportunity_id: What it answers.
        min_samples: Units of each arm before one is chosen, 1 or more.

    Raises:
        InputError: Everything that is wrong; nothing is stored.
    """
    if min_samples < 1:
        raise InputError(f"experiment '{plan.name}': each arm needs 1 unit at least, not {min_samples}")  # fmt: skip
    card = registry.get(plan.agent_id)
    async with database.transaction() as tx:
        store = ExperimentStore(source=tx)
        await store.lock_versions(plan.agent_id)
        count, _ = await store.versions_of(plan.agent_id)
        found = await consider(store, plan, card)
        if found.power is None:
            raise InputError(f"experiment '{plan.name}': {'; '.join(said for _, said in found.wrong)}")  # fmt: skip
        control, power = found.control, found.power
        plan = _with_maximum(plan, power)
        changed = next_version(control, plan.changes, number=count + 1)
        version = changed.version
        change = Change(
            agent_id=plan.agent_id, changes=plan.changes, reason=plan.hypothesis, by=created_by,
            opportunity_id=opportunity_id,
        )  # fmt: skip
        await store.add_version(version_row(change, control, changed))
        row = _row(plan, power, control=control.version, treatment=version)
        about = {"opportunity_id": opportunity_id, "created_by": created_by, "min_samples": min_samples}  # fmt: skip
        ab_test_id = await store.add({**row, **about})
    return Declared(
        id=ab_test_id, plan=plan, control_version=control.version, treatment_version=version, power=power,
    )  # fmt: skip


@dataclass(frozen=True, kw_only=True)
class Considered:
    """A declaration before it is stored."""

    control: AgentCard
    """The agent as it is at work."""
    wrong: list[tuple[str, str]]
    """Field of the plan, and what is wrong with it."""
    power: Power | None
    """None: something is wrong."""


async def consider(store: ExperimentStore, plan: Plan, card: AgentCard) -> Considered:
    """What is wrong with a declaration; if nothing is, what its agent's traffic can tell.

    Args:
        store: Where experiments live.
        plan: The declaration.
        card: The agent as the code has it.
    """
    _, live = await store.versions_of(plan.agent_id)
    control = AgentCard.model_validate_json(live) if live else card
    if wrong := list(wrong_parts(plan, subject_of(control), control=changeable(control))):
        return Considered(control=control, wrong=wrong, power=None)
    baseline = await past(store, plan)
    wrong = [("metrics", said) for said in unrecorded(plan, baseline)]
    # Of high risk it is run on tasks with known answers, which record what they measure.
    if wrong and plan.risk != "high":
        return Considered(control=control, wrong=wrong, power=None)
    return Considered(control=control, wrong=[], power=power_of(plan, baseline))


async def past(store: ExperimentStore, plan: Plan) -> Baseline:
    """The agent's recent past in the units of the experiment."""
    now = datetime.now(UTC)
    rows = await store.past(
        plan.agent_id, unit=plan.unit, since=now - timedelta(days=PAST_DAYS), limit=MOST_PAST
    )
    values = {
        name: np.array([np.nan if r[name] is None else float(r[name]) for r in rows])
        for name in RECORDED
    }
    first = min((r["first_at"] for r in rows), default=now)
    return Baseline(values=values, units=len(rows), days=(now - first).total_seconds() / 86_400)


def _with_maximum(plan: Plan, power: Power) -> Plan:
    """An even split is judged by spending its error up to a maximum, which has to be declared beforehand."""
    spends = replace(plan, max_blocks=1).design.spends
    return replace(plan, max_blocks=power.needed_blocks) if spends else plan


def _row(plan: Plan, power: Power, *, control: str, treatment: str) -> dict[str, Any]:
    return {
        "agent_id": plan.agent_id,
        "name": plan.name,
        "hypothesis": plan.hypothesis,
        "control_version": control,
        "treatment_version": treatment,
        "changes": dict(plan.changes),
        "split": plan.split,
        "unit": plan.unit,
        "metrics": [m.name for m in plan.metrics],
        "primary": plan.design.primary.name,
        "guardrails": {m.name: m.margin for m in plan.design.guardrails},
        "metric_plan": json.dumps([metric_json(m) for m in plan.metrics]),
        "margin": plan.design.primary.margin,
        "min_hours": plan.min_hours,
        "max_days": plan.max_days,
        "outcome_hours": plan.outcome_hours,
        "alpha": plan.alpha,
        "max_blocks": plan.max_blocks,
        "power_statement": power.statement,
        "risk": plan.risk,
    }


async def start(
    database: Database, ab_test_id: str, *, registry: AgentRegistry, approval: Approval
) -> Row:
    """Serve both arms from now on.

    Args:
        database: The product's.
        ab_test_id: The experiment.
        registry: The firm's agents.
        approval: Who starts it; where its risk asks for an approval, theirs.

    Raises:
        InputError: It does not exist, has begun, its agent changes otherwise, or the person may not start it.
    """
    async with database.transaction() as tx:
        store = ExperimentStore(source=tx)
        found = await known(store, ab_test_id)
        await store.lock_versions(found["agent_id"])
        _check_waits(found)
        await _check_alone(store, found)
        await _check_control(store, found, registry)
        needs_approval = bool(WAYS[found["risk_level"]].approvals)
        if needs_approval:
            said = refusal(approval, [], risk=found["risk_level"], author=found["created_by"])
            if said:
                raise InputError(f"experiment '{found['name']}' cannot start: {said}")
        await store.start(
            ab_test_id, approved_by=approval.user if needs_approval else None, role=approval.role if needs_approval else None,
        )  # fmt: skip
        return await known(store, ab_test_id)


def _check_waits(found: Row) -> None:
    if found["risk_level"] == "high" or found["mode"] == "paired":
        why = "a change of high risk" if found["risk_level"] == "high" else "one that was run on tasks with known answers"  # fmt: skip
        raise InputError(
            f"experiment '{found['name']}' cannot start: {why} is never tried on client files; `experiment run {found['ab_test_id']}` "
            "compares both versions on tasks with known answers"
        )
    if found["status"] not in ("draft", "approved"):
        raise InputError(f"experiment '{found['name']}' is {found['status']}; only one that has not begun can start")  # fmt: skip
    if found["treatment_version"] is None:
        raise InputError(f"experiment '{found['name']}' has no version to serve; declare it anew")


async def _check_alone(store: ExperimentStore, found: Row) -> None:
    other = await store.other_change(found["agent_id"], found["ab_test_id"])
    if other is not None:
        raise InputError(
            f"experiment '{found['name']}' cannot start: the {other['kind']} '{other['about']}' ({other['id']}) is changing "
            f"{found['agent_id']} now; two changes at once could not be told apart"
        )


async def _check_control(store: ExperimentStore, found: Row, registry: AgentRegistry) -> None:
    at_work = (await work_versions(store, registry)).get(found["agent_id"])
    if at_work != found["control_version"]:
        raise InputError(
            f"experiment '{found['name']}' was declared against version {found['control_version']}, and {at_work} is at work now; "
            "declare it anew"
        )


async def work_versions(store: ExperimentStore, registry: AgentRegistry) -> Mapping[str, str]:
    """Version at work of every agent."""
    code = {agent_id: registry.get(agent_id).version for agent_id in registry.ids}
    return {**code, **await store.live_versions()}


async def stop(database: Database, ab_test_id: str, *, by: str, reason: str) -> Row:
    """End an experiment for good; its control goes on.

    Raises:
        InputError: It does not exist, has ended, or the reason is missing.
    """
    if not reason.strip():
        raise InputError("say why the experiment is stopped; the reason is kept with it")
    async with database.transaction() as tx:
        store = ExperimentStore(source=tx)
        found = await known(store, ab_test_id)
        is_begun = found["started_at"] is not None
        ending = Ending(
            status="aborted" if is_begun else "cancelled", ended_at=datetime.now(UTC),
            decision="keep_control" if is_begun else None, decided_by=by, notes=reason,
        )  # fmt: skip
        if not await store.end({ab_test_id: ending}):
            raise InputError(f"experiment '{found['name']}' is {found['status']} already")
        return await known(store, ab_test_id)


async def known(store: ExperimentStore, ab_test_id: str) -> Row:
    """The experiment of that id.

    Raises:
        InputError: There is none; names the latest.
    """
    found = await store.get(ab_test_id)
    if found is None:
        recent = [r["ab_test_id"] for r in await store.recent(3)]
        hint = f"the latest are {', '.join(recent)}" if recent else "there is none yet"
        raise InputError(f"no experiment has the id {ab_test_id}; {hint}")
    return found
