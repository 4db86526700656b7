"""What else people do by the command line, for programs: corrections to executions, notifications, facts set aside."""

from collections.abc import Awaitable, Callable
from typing import Annotated, Any

import anyio.to_thread
from fastapi import APIRouter, Query
from pydantic import Field

from prisma_assets.agents.registry import AgentRegistry
from prisma_assets.domain.errors import InputError
from prisma_assets.domain.guardrails.role import Permission
from prisma_assets.domain.guardrails.visitor import Visitor
from prisma_assets.engine.compensation import ByHand
from prisma_assets.engine.redo import RedoRequest
from prisma_assets.learning.quarantine import release_all
from prisma_assets.platform.correction import Corrections
from prisma_assets.platform.workflow import WorkflowEngine
from prisma_assets.store.database import Database
from prisma_assets.store.notification import NotificationStore
from prisma_assets.store.roll_up import QuarantineStore
from prisma_assets.web.api_model import ExecutionReport, Name, Taken, Text
from prisma_assets.web.conflict import NotNowError, as_conflict
from prisma_assets.web.paging import Items, Paged, page
from prisma_assets.web.session import allowed

GetDatabase = Callable[[], Awaitable[Database]]
Operator = Annotated[Visitor, allowed(Permission.OPERATE)]
Said = Annotated[Text, Field(min_length=1)]


class AskedRedo(Taken):
    """Finished work that is to be done again."""

    steps: Annotated[list[Name], Field(min_length=1, max_length=1000)]
    """Ids or names; everything behind them is done again, too."""
    by: Name
    reason: Said
    launch: bool = True
    """False: it is done by the next `resume`."""


class AskedUndone(Taken):
    """Somebody undid a step's work by hand."""

    step: Name
    by: Name
    reason: Said


class AskedFacts(Paged):
    """Which facts set aside to list."""

    released: bool = False
    """Released ones, too."""


class AskedRelease(Taken):
    """Facts that are true after all."""

    fact_keys: Annotated[list[Name], Field(min_length=1, max_length=1000)]
    reason: Said


class AskedCheck(Taken):
    """A template as it would stand in a file."""

    yaml: Annotated[str, Field(max_length=200_000)]


async def standing(engine: WorkflowEngine, execution_id: str) -> ExecutionReport:
    """How an execution stands."""
    return ExecutionReport.model_validate(await engine.get_report(execution_id))


def correction_routes(engine: WorkflowEngine) -> APIRouter:
    """What is corrected in an execution; each answers with how it stands then."""
    router = APIRouter(prefix="/executions/{execution_id}", tags=["executions"])
    corrections = Corrections(engine)

    @router.post("/redo", status_code=202)
    async def redo_steps(execution_id: str, asked: AskedRedo, visitor: Operator) -> ExecutionReport:
        """Have finished steps done again, with everything behind them, for a reason that stays on record."""
        by = visitor.speaks_as(asked.by)
        request = RedoRequest(steps=tuple(asked.steps), requested_by=by, reason=asked.reason)
        with as_conflict():
            await corrections.redo(execution_id, request)
            if asked.launch:
                await engine.allow_resuming(execution_id)
                await engine.start_workflow(execution_id)
        return await standing(engine, execution_id)

    @router.post("/undo", status_code=202)
    async def undo_again(execution_id: str, _visitor: Operator) -> ExecutionReport:
        """Try once more to undo the work that could not be undone."""
        if not await corrections.undo_again(execution_id):
            raise NotNowError(f"execution {execution_id} has nothing left to undo")
        return await standing(engine, execution_id)

    @router.post("/undone")
    async def settle_undone(
        execution_id: str, asked: AskedUndone, visitor: Operator
    ) -> ExecutionReport:
        """Say that a step's work was undone by hand, where the product could not."""
        said = ByHand(step=asked.step, user=visitor.speaks_as(asked.by), reason=asked.reason)
        with as_conflict():
            await corrections.undone_by_hand(execution_id, said)
        return await standing(engine, execution_id)

    return router


def record_routes(engine: WorkflowEngine, agents: AgentRegistry) -> APIRouter:
    """What is kept about the firm's work as a whole."""
    router = APIRouter()
    _asked_of_people(router, engine.database)
    _quarantine(router, engine.database)

    @router.post("/templates/check", tags=["templates"])
    async def check_template(asked: AskedCheck) -> dict[str, Any]:
        """Whether a template could be used: every mistake with line, column and the mend; nothing is stored."""
        try:
            found = await anyio.to_thread.run_sync(
                lambda: engine.library().parse(asked.yaml, file="template", agents=agents.ids)
            )
        except InputError as error:
            return {"is_valid": False, "name": None, "problems": str(error).splitlines()}
        return {"is_valid": True, "name": found.name, "problems": []}

    return router


def _asked_of_people(router: APIRouter, database: GetDatabase) -> None:
    @router.get("/sign-offs", tags=["executions"])
    async def list_sign_offs(asked: Annotated[Paged, Query()]) -> Items:
        """Steps that wait for a signature, the longest first; the execution says who may give it."""
        rows = await (await database()).fetch("waiting_approvals")
        waiting = [{**row, "key": f"{row['execution_id']} {row['step_id']}"} for row in rows]
        waiting.sort(key=lambda row: (row["asked_at"], row["key"]))
        return page(waiting, asked, key="key")

    @router.get("/notifications", tags=["executions"])
    async def list_notifications(asked: Annotated[Paged, Query()]) -> Items:
        """What people were told, the latest first, and whether it reached them."""
        found = await NotificationStore(source=await database()).recent(asked.read)
        return page(found, asked, key="notification_id")


def _quarantine(router: APIRouter, database: GetDatabase) -> None:
    @router.get("/quarantine", tags=["learning"])
    async def list_quarantine(asked: Annotated[AskedFacts, Query()]) -> Items:
        """Facts left out of the figures, for they cannot be true or are about an agent the firm does not know."""
        store = QuarantineStore(source=await database())
        found = await store.facts(limit=asked.read, released=asked.released)
        return page(found, asked, key="fact_key")

    @router.post("/quarantine/release", tags=["learning"])
    async def release_facts(asked: AskedRelease, visitor: Operator) -> dict[str, Any]:
        """Count facts from now on, all of them or none; the days are counted again by the next look."""
        days = await release_all(
            await database(), asked.fact_keys, user=visitor.name, reason=asked.reason
        )
        return {"released": len(set(asked.fact_keys)), "days": days}
