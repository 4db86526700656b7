"""Changes of agents on their way to work: proposed with their proof, approved by people, begun, paused, released.

What a rollout does by itself does not belong here (`rollout`), nor does taking a version back (`rollback`).
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any

import psycopg

from prisma_assets.agents.contract import AgentCard
from prisma_assets.agents.registry import AgentRegistry
from prisma_assets.agents.version import subject_of
from prisma_assets.domain.errors import InputError
from prisma_assets.domain.experiments.plan import (
    Unit,
    least_risk,
    planned_metrics,
    usual_unit,
)
from prisma_assets.domain.experiments.release_path import (
    WAYS,
    Approval,
    Risk,
    refusal,
    still_needed,
)
from prisma_assets.domain.experiments.rollout import STAGES
from prisma_assets.domain.experiments.running import metric_json
from prisma_assets.domain.notification.notification import Notification
from prisma_assets.learning.experiment_declaration import known
from prisma_assets.learning.experiment_evaluation import data_behind, plan_sha256
from prisma_assets.learning.paired_run import pairs_behind
from prisma_assets.learning.shadow import check_shadow
from prisma_assets.store.database import Database, Transaction
from prisma_assets.store.deployment import (
    ROLLING,
    Deployment,
    DeploymentStore,
    Event,
    NewDeployment,
)
from prisma_assets.store.experiment import ExperimentStore, is_uuid
from prisma_assets.store.notification import NotificationStore
from prisma_assets.store.paired import PAIRED
from prisma_assets.store.shadow import ShadowStore

GUARDRAILS: Mapping[str, float] = {
    "response_time": 0.25,
    "accuracy": 0.03,
    "satisfaction": 0.2,
    "cost": 0.10,
}
"""What a rollout may not harm beside the error rate, where it is recorded, and by how much (domain facts §6.2, §6.3)."""
RECENT = timedelta(days=28)
"""What was recorded of an agent in four weeks is recorded of it."""
MOSTLY = 0.5
"""Share of an agent's recent work."""
ROLLOUT_HOURS = 1.0
"""What a unit's work shows within an hour of its first meeting: harm has to be seen sooner than an experiment ends."""


@dataclass(frozen=True, kw_only=True)
class Proposal:
    """A version somebody wants at work."""

    agent_id: str
    version: str
    by: str
    risk: Risk | None = None
    """None: the lowest such a change can have."""
    ab_test_id: str | None = None
    """The experiment that adopted it."""
    offline_evidence: Mapping[str, Any] | None = None
    """What `experiment analyse --json` said of a comparison on past tasks."""


async def propose(
    database: Database, registry: AgentRegistry, proposal: Proposal, *, now: datetime
) -> Deployment:
    """Store a deployment; one of low risk begins at once.

    Raises:
        InputError: The version, its proof or its risk is not what it has to be; nothing was stored.
    """
    store = DeploymentStore(source=database)
    proposed = await _proposed(store, proposal)
    card = AgentCard.model_validate_json(proposed["card"])
    from_version = await version_at_work(database, registry, proposal.agent_id)
    if from_version == proposal.version:
        raise InputError(
            f"{proposal.version} is the version of {proposal.agent_id} that is at work already"
        )
    risk = _risk(proposal, proposed["changes"], registry.get(proposal.agent_id))
    new = NewDeployment(
        agent_id=proposal.agent_id, from_version=from_version, to_version=proposal.version, change_set=proposed["changes"],
        change_hash=proposed["changes_sha256"], risk_level=risk, created_by=proposal.by, opportunity_id=proposed["opportunity_id"],
        offline_evidence=proposal.offline_evidence,
    )  # fmt: skip
    new = replace(new, **await _proof(database, proposal, risk))
    async with database.transaction() as tx:
        await keep_card(tx, registry.get(proposal.agent_id))
        try:
            deployment_id = await DeploymentStore(source=tx).add(new)
        except psycopg.errors.UniqueViolation as error:
            raise InputError(
                f"another deployment of {proposal.agent_id} is open; finish it or roll it back first"
            ) from error
        await DeploymentStore(source=tx).tell(deployment_id, Event(what="proposed", by=proposal.by))
        if not still_needed((), risk=risk):
            await _begin(
                tx, await known_deployment(tx, deployment_id), card, now=now, approved_by=None
            )
    return await known_deployment(database, deployment_id)


async def approve(
    database: Database, deployment_id: str, approval: Approval, *, comment: str, now: datetime
) -> Deployment:
    """Store a person's consent; with the last one that is needed the rollout begins.

    Raises:
        InputError: The consent does not count, or the proof no longer holds.
    """
    async with database.transaction() as tx:
        store = DeploymentStore(source=tx)
        deployment = await locked(tx, deployment_id, ("pending_approval",), "waits for approval")
        given = await store.approvals(deployment.deployment_id)
        refused = refusal(approval, given, risk=deployment.risk_level, author=deployment.created_by)
        if refused is not None:
            raise InputError(refused)
        await check_proof(database, deployment)
        await check_shadow(tx, deployment)
        await store.approve(deployment.deployment_id, approval, comment)
        await store.tell(
            deployment.deployment_id, Event(what="approved", by=approval.user, reason=comment)
        )
        if not still_needed([*given, approval], risk=deployment.risk_level):
            proposed = await store.version(deployment.agent_id, deployment.to_version)
            if proposed is None:
                raise InputError(
                    f"version {deployment.to_version} of {deployment.agent_id} is gone"
                )
            card = AgentCard.model_validate_json(proposed["card"])
            await _begin(tx, deployment, card, now=now, approved_by=approval.user)
    return await known_deployment(database, deployment_id)


async def reject(database: Database, deployment_id: str, *, by: str, reason: str) -> Deployment:
    """End a deployment that waits for approval."""
    async with database.transaction() as tx:
        deployment = await locked(tx, deployment_id, ("pending_approval",), "waits for approval")
        store = DeploymentStore(source=tx)
        await store.write(
            "end_deployment", deployment.deployment_id, stage="rejected", reason=reason
        )
        await store.tell(deployment.deployment_id, Event(what="rejected", by=by, reason=reason))
        await ShadowStore(source=tx).drop_inputs(
            deployment.deployment_id, "the change was rejected"
        )
    return await known_deployment(database, deployment_id)


async def pause(
    database: Database, deployment_id: str, *, by: str, reason: str, go_on: bool = False
) -> Deployment:
    """Have a rollout stand still at its share, or go on."""
    async with database.transaction() as tx:
        deployment = await locked(tx, deployment_id, ROLLING, "is on its way")
        store = DeploymentStore(source=tx)
        await store.write("pause_rollout", deployment.deployment_id, by=None if go_on else by)
        what = "went on" if go_on else "paused"
        await store.tell(deployment.deployment_id, Event(what=what, by=by, reason=reason))
    return await known_deployment(database, deployment_id)


async def release(
    database: Database, deployment_id: str, approval: Approval, *, reason: str
) -> Deployment:
    """Let a rollout reach everybody although a guardrail is not shown unharmed: somebody but its author answers for it."""
    async with database.transaction() as tx:
        deployment = await locked(tx, deployment_id, ("ramp",), "has a share between 10 and 50 %")
        if approval.user == deployment.created_by:
            raise InputError(
                f"{approval.user} proposed the change; somebody else has to release it"
            )
        if still_needed([approval], risk="medium"):
            raise InputError(
                f"a {approval.role} does not release changes; a MANAGER or PARTNER does"
            )
        store = DeploymentStore(source=tx)
        await store.write("release_rollout", deployment.deployment_id, by=approval.user)
        await store.tell(
            deployment.deployment_id, Event(what="released", by=approval.user, reason=reason)
        )
    return await known_deployment(database, deployment_id)


async def check_proof(database: Database, deployment: Deployment) -> None:
    """Refuse a deployment whose verdict no longer matches the data it was computed from.

    Raises:
        InputError: Says what changed.
    """
    if deployment.ab_test_id is None:
        return
    store = ExperimentStore(source=database)
    latest = (await store.verdicts(deployment.ab_test_id))[-1]
    if latest["verdict_id"] != deployment.verdict_id or latest["verdict"] != "adopt":
        raise InputError(
            f"the experiment has been judged again since: {latest['verdict']}, {latest['reason']}; propose the change on that verdict"
        )
    await _check_data(store, deployment.ab_test_id, latest)


async def _check_data(store: ExperimentStore, ab_test_id: str, verdict: Mapping[str, Any]) -> None:
    """Count the experiment anew from its units: a verdict is worth what the data it names are."""
    row = await known(store, ab_test_id)
    behind = pairs_behind(store.source, row, as_of=verdict["as_of"]) if row["mode"] == PAIRED else data_behind(store, row, as_of=verdict["as_of"])  # fmt: skip
    found = await behind
    if found != verdict["data_sha256"] or plan_sha256(row) != verdict["plan_sha256"]:
        what = "data" if found != verdict["data_sha256"] else "declaration"
        raise InputError(
            f"the {what} of experiment '{row['name']}' changed after its verdict; judge it again (`experiment evaluate`) before it is relied on"
        )


async def version_at_work(database: Database, registry: AgentRegistry, agent_id: str) -> str:
    """The version that does an agent's work now."""
    live = await ExperimentStore(source=database).live_versions()
    return live.get(agent_id, registry.get(agent_id).version)


async def keep_card(tx: Transaction, card: AgentCard) -> None:
    """Keep the card of the code, so that it can be brought back."""
    params = {"sha256s": [card.sha256], "agent_ids": [card.id], "versions": [card.version], "cards": [card.content]}  # fmt: skip
    await tx.execute("insert_agent_cards", params)


async def locked(
    tx: Transaction, deployment_id: str, stages: tuple[str, ...], wanted: str
) -> Deployment:
    """A deployment in one of these stages, nobody else's until the transaction ends.

    Raises:
        InputError: There is none, or it is in another stage.
    """
    deployment = await known_deployment(tx, deployment_id)
    stage = await DeploymentStore(source=tx).lock(deployment_id)
    if stage not in stages:
        raise InputError(
            f"deployment {deployment_id} is {stage}; only one that {wanted} can do this"
        )
    return deployment


async def known_deployment(source: Database | Transaction, deployment_id: str) -> Deployment:
    """The deployment of that id.

    Raises:
        InputError: There is none; names the latest.
    """
    store = DeploymentStore(source=source)
    found = await store.find(deployment_id=deployment_id) if is_uuid(deployment_id) else []
    if not found:
        latest = (
            ", ".join(d.deployment_id for d in await store.find(limit=3)) or "there is none yet"
        )
        raise InputError(f"no deployment has the id {deployment_id}; the latest: {latest}")
    return found[0]


async def _proposed(store: DeploymentStore, proposal: Proposal) -> dict[str, Any]:
    proposed = await store.version(proposal.agent_id, proposal.version)
    if proposed is None:
        raise InputError(
            f"{proposal.agent_id} has no proposed version {proposal.version}; an experiment makes one, or `deployment propose`"
        )
    return proposed


def _risk(proposal: Proposal, changes: Mapping[str, Any], card: AgentCard) -> Risk:
    least = least_risk(changes, subject_of(card))
    order = list(WAYS)
    if proposal.risk is not None and order.index(proposal.risk) < order.index(least):
        raise InputError(
            f"such a change of an agent of {card.risk} risk is at least of {least} risk, not {proposal.risk}"
        )
    return proposal.risk or least


async def _proof(database: Database, proposal: Proposal, risk: Risk) -> dict[str, Any]:
    """What the deployment rests on, by the way its risk has to go."""
    if WAYS[risk].proof == "offline" and proposal.ab_test_id is None:
        said = (proposal.offline_evidence or {}).get("verdict")
        if said != "adopt":
            raise InputError(
                f"a change of high risk needs a comparison on past tasks that says adopt, not {said or 'none'}; "
                "`experiment run` makes one, and `experiment analyse FILE --paired-by TASK --json` of work done elsewhere"
            )
        return {}
    if proposal.ab_test_id is None:
        if WAYS[risk].proof == "experiment":
            raise InputError("a change of medium risk needs an experiment that adopted it; name it")
        return {}
    test = await ExperimentStore(source=database).get(proposal.ab_test_id)
    if test is None or test["agent_id"] != proposal.agent_id:
        raise InputError(f"no experiment on {proposal.agent_id} has the id {proposal.ab_test_id}")
    if test["treatment_version"] != proposal.version or test["verdict"] != "adopt":
        raise InputError(
            f"experiment '{test['name']}' tried version {test['treatment_version']} and says "
            f"{test['verdict'] or 'nothing yet'}; only what it adopts can be deployed on its word"
        )
    wanted = {"experiment": "live", "offline": PAIRED}.get(WAYS[risk].proof, test["mode"])
    if test["mode"] != wanted:
        where = "on tasks with known answers" if wanted == PAIRED else "on live work"
        raise InputError(
            f"experiment '{test['name']}' was not run {where}, as a change of {risk} risk asks for"
        )
    store = ExperimentStore(source=database)
    latest = (await store.verdicts(proposal.ab_test_id))[-1]
    await _check_data(store, proposal.ab_test_id, latest)
    return {"ab_test_id": proposal.ab_test_id, "verdict_id": latest["verdict_id"]}


async def _begin(
    tx: Transaction, deployment: Deployment, card: AgentCard, *, now: datetime, approved_by: str | None
) -> None:  # fmt: skip
    """Assign the first share of the work."""
    store = DeploymentStore(source=tx)
    since = {"agent_id": deployment.agent_id, "since": now - RECENT}
    [recorded] = await tx.fetch("recorded_of_agent", since)
    guardrails = {name: margin for name, margin in GUARDRAILS.items() if recorded[name]}
    metrics = planned_metrics(["error_rate"], guardrails=guardrails)
    plan = [metric_json(metric) for metric in metrics]
    rows = await tx.fetch("insert_rollout_test", {
        "agent_id": deployment.agent_id, "name": f"Rollout of {deployment.to_version}", "opportunity_id": deployment.opportunity_id,
        "from_version": deployment.from_version, "to_version": deployment.to_version, "changes": dict(deployment.change_set),
        "split": STAGES[0].percent / 100, "unit": _unit(card, recorded), "metrics": [m.name for m in metrics],
        "metric_plan": json.dumps(plan), "risk_level": deployment.risk_level, "outcome_hours": ROLLOUT_HOURS,
        "created_by": deployment.created_by,
    })  # fmt: skip
    await store.write(
        "begin_rollout", deployment.deployment_id, percent=STAGES[0].percent, auto=approved_by is None,
        approved_by=approved_by, at=now, rollout_test_id=rows[0]["ab_test_id"],
    )  # fmt: skip
    facts = {"percent": STAGES[0].percent}
    await store.tell(deployment.deployment_id, Event(what="began", by="rollout", facts=facts))
    await NotificationStore(source=tx).add(_begun(deployment))


def _unit(card: AgentCard, recorded: Mapping[str, Any]) -> Unit:
    """Files where the agent's work is mostly on files: one file never sees two versions at once."""
    if recorded["share_on_files"] is None:
        return usual_unit(subject_of(card))
    return "engagement" if recorded["share_on_files"] >= MOSTLY else "task"


def _begun(deployment: Deployment) -> Notification:
    changes = json.dumps(dict(deployment.change_set), sort_keys=True)
    return Notification(
        kind="deployment_began",
        dedupe_key=f"deployment_began:{deployment.deployment_id}",
        subject=f"{deployment.agent_id}: version {deployment.to_version} begins with {STAGES[0].percent} % of the work",
        text=f"It takes the place of {deployment.from_version} stage by stage and is taken back by itself when a guardrail is harmed.\n\nChanges: {changes}",
        facts={"deployment_id": deployment.deployment_id, "agent_id": deployment.agent_id},
    )
