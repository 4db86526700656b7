"""`/api/v1/opportunities`, `/experiments`, `/deployments` and lineage: the learning loop for programs. What may be done is the use cases'."""

from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict
from datetime import UTC, datetime
from typing import Annotated, Any

from fastapi import APIRouter, Query
from pydantic import Field
from starlette.exceptions import HTTPException

from prisma_assets.agents.registry import AgentRegistry
from prisma_assets.domain.errors import InputError
from prisma_assets.domain.guardrails.role import Permission
from prisma_assets.domain.guardrails.visitor import Visitor
from prisma_assets.learning import release
from prisma_assets.learning.experiment_declaration import known, stop
from prisma_assets.learning.experiment_evaluation import evaluate_one
from prisma_assets.learning.lineage import feedback_line, version_lines
from prisma_assets.learning.rollback import ask_for_rollback
from prisma_assets.learning.shadow import shadow_of
from prisma_assets.store.database import Database
from prisma_assets.store.deployment import DeploymentStore
from prisma_assets.store.experiment import ExperimentStore, is_uuid
from prisma_assets.store.opportunity import OpportunityStore
from prisma_assets.web.api_model import Name, Taken, Text
from prisma_assets.web.approving import approval_of
from prisma_assets.web.paging import Items, Paged, page
from prisma_assets.web.session import allowed

GetDatabase = Callable[[], Awaitable[Database]]
Operator = Annotated[Visitor, allowed(Permission.OPERATE)]
Approver = Annotated[Visitor, allowed(Permission.APPROVE_CHANGE)]
Said = Annotated[Text, Field(min_length=1)]


class OfAgent(Paged):
    """Which ones to list."""

    agent: Name | None = None


class Reason(Taken):
    """Why somebody does it."""

    reason: Said


class Pause(Reason):
    """Hold a rollout where it stands, or let it go on."""

    go_on: bool = False


class Consent(Taken):
    """A person's approval."""

    comment: Text = ""


def improvement_routes(agents: AgentRegistry, database: GetDatabase) -> APIRouter:
    """The routes."""
    router = APIRouter()
    _opportunities(router, agents, database)
    _experiments(router, agents, database)
    _deployments(router, agents, database)
    _rollouts(router, database)
    _lineage(router, agents, database)
    return router


def _agent(agents: AgentRegistry, agent_id: str | None) -> str | None:
    return agents.get(agent_id).id if agent_id is not None else None


def _uuid(text: str, what: str) -> str:
    if not is_uuid(text):
        raise HTTPException(404, f"no {what} has the id {text}")
    return text


def _opportunities(router: APIRouter, agents: AgentRegistry, database: GetDatabase) -> None:
    @router.get("/opportunities", tags=["learning"])
    async def list_opportunities(asked: Annotated[OfAgent, Query()]) -> Items:
        """What could be better and is open, the most pressing first, each with its evidence."""
        store = OpportunityStore(source=await database())
        found = await store.listed(agent_id=_agent(agents, asked.agent))
        return page(found, asked, key="opportunity_id")

    @router.get("/opportunities/{opportunity_id}", tags=["learning"])
    async def get_opportunity(opportunity_id: str) -> dict[str, Any]:
        """One opportunity, whatever became of it."""
        return await _opportunity(await database(), opportunity_id)

    @router.post("/opportunities/{opportunity_id}/dismiss", tags=["learning"])
    async def dismiss_opportunity(
        opportunity_id: str, asked: Reason, visitor: Operator
    ) -> dict[str, Any]:
        """Leave it as it is, for a reason; the same trouble is not told again while it lasts."""
        source = await database()
        found = await _opportunity(source, opportunity_id)
        store = OpportunityStore(source=source)
        if not await store.dismiss(opportunity_id, by=visitor.name, reason=asked.reason):
            raise HTTPException(409, f"opportunity {opportunity_id} is {found['status']}")
        return await _opportunity(source, opportunity_id)


async def _opportunity(database: Database, opportunity_id: str) -> dict[str, Any]:
    store = OpportunityStore(source=database)
    found = await store.listed(opportunity_id=_uuid(opportunity_id, "opportunity"), statuses=None)
    if not found:
        raise HTTPException(404, f"no opportunity has the id {opportunity_id}")
    return found[0]


def _experiments(router: APIRouter, agents: AgentRegistry, database: GetDatabase) -> None:
    @router.get("/experiments", tags=["experiments"])
    async def list_experiments(asked: Annotated[OfAgent, Query()]) -> Items:
        """Experiments, the latest first, each with its latest verdict."""
        store = ExperimentStore(source=await database())
        found = await store.recent(asked.read, agent_id=_agent(agents, asked.agent))
        return page(found, asked, key="ab_test_id")

    @router.get("/experiments/{experiment_id}", tags=["experiments"])
    async def get_experiment(experiment_id: str) -> dict[str, Any]:
        """One experiment with every verdict so far."""
        return await _experiment(await database(), experiment_id)

    @router.post("/experiments/{experiment_id}/evaluate", tags=["experiments"])
    async def evaluate_experiment(experiment_id: str, _visitor: Operator) -> dict[str, Any]:
        """Read what is new and judge it now."""
        source = await database()
        await _experiment(source, experiment_id)
        await evaluate_one(source, experiment_id, registry=agents)
        return await _experiment(source, experiment_id)

    @router.post("/experiments/{experiment_id}/stop", tags=["experiments"])
    async def stop_experiment(
        experiment_id: str, asked: Reason, visitor: Operator
    ) -> dict[str, Any]:
        """End it for good; the control goes on."""
        source = await database()
        await _experiment(source, experiment_id)
        try:
            await stop(source, experiment_id, by=visitor.name, reason=asked.reason)
        except InputError as error:
            raise HTTPException(409, str(error)) from error
        return await _experiment(source, experiment_id)


async def _experiment(database: Database, experiment_id: str) -> dict[str, Any]:
    store = ExperimentStore(source=database)
    try:
        found = await known(store, _uuid(experiment_id, "experiment"))
    except InputError as error:
        raise HTTPException(404, str(error)) from error
    return {**found, "verdicts": await store.verdicts(experiment_id)}


def _deployments(router: APIRouter, agents: AgentRegistry, database: GetDatabase) -> None:
    @router.get("/deployments", tags=["deployments"])
    async def list_deployments(asked: Annotated[OfAgent, Query()]) -> Items:
        """Deployments, the latest first."""
        store = DeploymentStore(source=await database())
        found = await store.find(agent_id=_agent(agents, asked.agent), limit=asked.read)
        return page([asdict(one) for one in found], asked, key="deployment_id")

    @router.get("/deployments/{deployment_id}", tags=["deployments"])
    async def get_deployment(deployment_id: str) -> dict[str, Any]:
        """One deployment with its shadow run and its history."""
        return await _deployment(await database(), deployment_id)

    @router.post("/deployments/{deployment_id}/approve", tags=["deployments"])
    async def approve_deployment(
        deployment_id: str, asked: Consent, visitor: Approver
    ) -> dict[str, Any]:
        """Consent to a change; with the last consent it needs the rollout begins."""
        source = await database()
        await _deployment(source, deployment_id)
        with _conflict():
            await release.approve(
                source,
                deployment_id,
                approval_of(visitor),
                comment=asked.comment,
                now=datetime.now(UTC),
            )
        return await _deployment(source, deployment_id)

    @router.post("/deployments/{deployment_id}/reject", tags=["deployments"])
    async def reject_deployment(
        deployment_id: str, asked: Reason, visitor: Approver
    ) -> dict[str, Any]:
        """End a deployment that waits for approval."""
        source = await database()
        await _deployment(source, deployment_id)
        with _conflict():
            await release.reject(source, deployment_id, by=visitor.name, reason=asked.reason)
        return await _deployment(source, deployment_id)


def _rollouts(router: APIRouter, database: GetDatabase) -> None:
    @router.post("/deployments/{deployment_id}/pause", tags=["deployments"])
    async def pause_deployment(
        deployment_id: str, asked: Pause, visitor: Operator
    ) -> dict[str, Any]:
        """Hold a rollout at its share, or let it go on; guardrails are watched all the same."""
        source = await database()
        await _deployment(source, deployment_id)
        with _conflict():
            await release.pause(
                source, deployment_id, by=visitor.name, reason=asked.reason, go_on=asked.go_on
            )
        return await _deployment(source, deployment_id)

    @router.post("/deployments/{deployment_id}/rollback", tags=["deployments"], status_code=202)
    async def rollback_deployment(
        deployment_id: str, asked: Reason, visitor: Operator
    ) -> dict[str, Any]:
        """Ask for the last good version; the product restores it at its next look, within a minute."""
        source = await database()
        await _deployment(source, deployment_id)
        with _conflict():
            await ask_for_rollback(source, deployment_id, by=visitor.name, reason=asked.reason)
        return await _deployment(source, deployment_id)


@contextmanager
def _conflict() -> Iterator[None]:
    """What is wrong with an act on a deployment that is there is how it stands, or who acts."""
    try:
        yield
    except InputError as error:
        raise HTTPException(409, str(error)) from error


async def _deployment(database: Database, deployment_id: str) -> dict[str, Any]:
    store = DeploymentStore(source=database)
    found = await store.find(deployment_id=_uuid(deployment_id, "deployment"))
    if not found:
        raise HTTPException(404, f"no deployment has the id {deployment_id}")
    shadow = await shadow_of(database, deployment_id)
    return {**asdict(found[0]), "shadow": shadow, "history": await store.history(deployment_id)}


def _lineage(router: APIRouter, agents: AgentRegistry, database: GetDatabase) -> None:
    @router.get("/agents/{agent_id}/versions/{version}/lineage", tags=["learning"])
    async def get_version_lineage(agent_id: str, version: str) -> dict[str, Any]:
        """What people said that a version answers, the tests that justified it and what came of it."""
        try:
            (line,) = await version_lines(
                await database(), version, agent_id=agents.get(agent_id).id
            )
        except InputError as error:
            raise HTTPException(404, str(error)) from error
        return asdict(line)

    @router.get("/feedback/{feedback_id}/lineage", tags=["learning"])
    async def get_feedback_lineage(feedback_id: str) -> dict[str, Any]:
        """Where a piece of feedback went: opportunities, and the versions that answer them."""
        try:
            return asdict(await feedback_line(await database(), _uuid(feedback_id, "feedback")))
        except InputError as error:
            raise HTTPException(404, str(error)) from error
