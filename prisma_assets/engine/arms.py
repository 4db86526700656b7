"""The experiments an execution is part of: fixed per client file or user when it is opened, decided per call for single tasks.

Beside them, the versions of high risk that are later given the inputs of its calls (`ShadowInputs`); none of them serves anybody.
"""

from collections.abc import Coroutine, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from pydantic import TypeAdapter

from prisma_assets.agents.contract import AgentCard, AgentTask, Arm
from prisma_assets.agents.registry import AgentRegistry
from prisma_assets.domain.experiments.assignment import is_treated
from prisma_assets.store.database import Database
from prisma_assets.store.pinning import agent_cards
from prisma_assets.store.serving import (
    Exposure,
    ServedAgent,
    expose,
    running_tests,
    served_agents,
)
from prisma_assets.store.shadow import ShadowStore
from prisma_assets.store.workflow_record import Execution, NewExecution

_TASK = TypeAdapter(AgentTask)


async def as_served(database: Database, new: NewExecution) -> NewExecution:
    """The execution with the versions of its agents that are at work now, or that an experiment gives its client file or user."""
    agent_ids = [a.agent_id for a in new.pins.agents]
    served = await served_agents(
        database, agent_ids, engagement_id=new.engagement_id, user=new.created_by
    )
    if not served:
        return new
    versions, experiments = dict(new.context["agent_versions"]), {}
    for agent in served:
        if agent.live_sha256 is not None:
            versions[agent.agent_id] = agent.live_sha256
        arm = _arm(agent, new)
        if arm is not None:
            experiments[agent.agent_id] = arm
            if arm.get("variant") == "B":
                versions[agent.agent_id] = agent.treatment_sha256
    return replace(
        new,
        context={
            **new.context,
            "agent_versions": versions,
            "served": {a.agent_id: versions[a.agent_id] for a in served if a.is_served_otherwise},
            "experiments": experiments,
            "shadows": {
                a.agent_id: {"deployment_id": a.shadow_deployment_id, "share": a.shadow_share}
                for a in served
                if a.shadow_deployment_id is not None
            },
        },
    )


def _arm(agent: ServedAgent, new: NewExecution) -> dict[str, Any] | None:
    """What the execution remembers of an experiment; None: it takes no part.

    Work on a client's file is assigned by the file alone, so that it never sees two versions; a file that was begun before the experiment
    goes on as it was begun.
    """
    if agent.ab_test_id is None or agent.is_under_way:
        return None
    about = {"ab_test_id": agent.ab_test_id, "split": agent.split}
    if agent.unit == "task":
        by_call = {"salt": agent.salt, "treatment": agent.treatment_sha256}
        return None if new.engagement_id is not None else {**about, **by_call}
    unit = new.engagement_id if agent.unit == "engagement" else new.created_by
    if unit is None or (agent.unit == "user" and new.engagement_id is not None):
        return None
    treated = is_treated(unit, salt=agent.salt or "", split=agent.split or 0.0)
    return {**about, "variant": "B" if treated else "A", "unit": unit}


@dataclass(frozen=True, kw_only=True)
class _PerCall:
    """An experiment on single calls of one agent."""

    ab_test_id: str
    salt: str
    split: float
    control: AgentCard
    treatment: AgentCard

    def arm(self, unit: str) -> Arm:
        """The arm of one call."""
        treated = is_treated(unit, salt=self.salt, split=self.split)
        return Arm(
            ab_test_id=self.ab_test_id, variant="B" if treated else "A", unit=unit, split=self.split,
            card=self.treatment if treated else self.control,
        )  # fmt: skip


@dataclass(frozen=True, kw_only=True)
class ShadowInputs:
    """A version in the shadow of an agent, and which inputs are kept for it."""

    deployment_id: str
    share: float

    def wants(self, task: AgentTask) -> bool:
        """Whether a call is one of its share, the same answer each time."""
        return is_treated(task.call_id, salt=self.deployment_id, split=self.share)


@dataclass(frozen=True, kw_only=True)
class ExecutionArms:
    """Implements `Arms` for one execution."""

    database: Database
    fixed: Mapping[str, Arm]
    """By agent, for the whole execution."""
    per_call: Mapping[str, _PerCall]
    """By agent."""
    shadows: Mapping[str, ShadowInputs] = field(default_factory=dict)
    """By agent."""
    _met: set[tuple[str, str, str]] = field(default_factory=set)

    def arm_of(self, task: AgentTask) -> Arm | None:
        """The arm a call belongs to."""
        by_call = self.per_call.get(task.agent_id)
        return self.fixed.get(task.agent_id) if by_call is None else by_call.arm(task.call_id)

    async def expose(self, arm: Arm, task: AgentTask) -> None:
        """Record once that the unit met its version, and mark the step's row."""
        met = (arm.ab_test_id, arm.unit, task.step_id)
        if met not in self._met:
            exposure = Exposure(
                ab_test_id=arm.ab_test_id, unit=arm.unit, variant=arm.variant, split=arm.split,
                agent_version=arm.card.version, execution_id=task.execution_id, step_id=task.step_id,
            )  # fmt: skip
            await expose(self.database, exposure)
            self._met.add(met)

    def beside(self, task: AgentTask, version: str) -> Coroutine[Any, Any, None] | None:
        """Keep the inputs of an answered call for the version in the agent's shadow, where it wants them."""
        shadow = self.shadows.get(task.agent_id)
        if shadow is None or not shadow.wants(task):
            return None
        return self._keep(shadow, task, version)

    async def _keep(self, shadow: ShadowInputs, task: AgentTask, version: str) -> None:
        kept = _TASK.dump_json(_apart(task)).decode()
        store = ShadowStore(source=self.database)
        await store.keep(shadow.deployment_id, call_id=task.call_id, version=version, task=kept)


def _apart(task: AgentTask) -> AgentTask:
    """A call's inputs without what would count or pay it as the execution's or the client's."""
    return replace(task, arm=None, execution_id=None, step_execution_id=None, client_id=None, engagement_id=None)  # fmt: skip


async def execution_arms(
    database: Database, execution: Execution, registry: AgentRegistry
) -> ExecutionArms | None:
    """The experiments and shadow runs an execution takes part in; None, without asking the database, where it takes part in none.

    Args:
        database: Where experiments are.
        execution: As it was opened.
        registry: The agents as they are pinned for it.
    """
    known: Mapping[str, Mapping[str, Any]] = execution.context.get("experiments", {})
    shadows: Mapping[str, Mapping[str, Any]] = execution.context.get("shadows", {})
    if not known and not shadows:
        return None
    by_call = {a: e for a, e in known.items() if "treatment" in e}
    running = await running_tests(database, [e["ab_test_id"] for e in by_call.values()])
    by_call = {a: e for a, e in by_call.items() if e["ab_test_id"] in running}
    contents = await agent_cards(database, {e["treatment"] for e in by_call.values()})
    cards = {card.id: card for card in map(AgentCard.model_validate_json, contents)}
    return ExecutionArms(
        database=database,
        shadows={a: ShadowInputs(**said) for a, said in shadows.items()},
        fixed={a: Arm(card=registry.get(a), **e) for a, e in known.items() if "unit" in e},
        per_call={
            a: _PerCall(
                ab_test_id=e["ab_test_id"], salt=e["salt"], split=e["split"],
                control=registry.get(a), treatment=cards[a],
            )
            for a, e in by_call.items()
        },
    )  # fmt: skip
