"""`/dashboard/learning/candidates/…`: a change that was found for an opportunity, what measured it, and the way its risk has to go."""

import json
from datetime import UTC, datetime
from typing import Any

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response
from starlette.routing import BaseRoute, Route

from prisma_assets.agents.registry import AgentRegistry
from prisma_assets.agents.version import subject_of
from prisma_assets.domain.errors import InputError
from prisma_assets.domain.experiments.plan import least_risk
from prisma_assets.domain.experiments.release_path import WAYS, Risk
from prisma_assets.domain.guardrails.role import Permission
from prisma_assets.learning.agent_version import Change, propose_version
from prisma_assets.learning.release import Proposal, propose
from prisma_assets.store.candidate import CandidateStore, Row
from prisma_assets.store.database import Database
from prisma_assets.store.opportunity import OPEN
from prisma_assets.web.form import form_fields, reason_in
from prisma_assets.web.page import Pages
from prisma_assets.web.session import require, visitor

_PAGE = "/dashboard/learning/candidates/{candidate_id}"


def candidate_routes(pages: Pages, database: Database, registry: AgentRegistry) -> list[BaseRoute]:
    """The page of each, and proposing one for work."""

    async def read(request: Request) -> Row:
        wanted = request.path_params["candidate_id"]
        found = [c for c in await CandidateStore(source=database).listed() if c["candidate_id"] == wanted]  # fmt: skip
        if not found:
            raise HTTPException(404, f"No candidate has the id {wanted}; the page of learning lists them.")  # fmt: skip
        return found[0]

    async def shown(
        request: Request, row: Row, *, given: dict[str, str], problem: str | None
    ) -> Response:
        who = visitor(request)
        return pages.render(
            request, "candidate.html", status=422 if problem else 200, c=row, risk=_risk(registry, row), given=given, problem=problem,
            is_open=row["opportunity_status"] in OPEN, may_operate=who.may(Permission.OPERATE),
            may_launch=who.may(Permission.APPROVE_CHANGE),
        )  # fmt: skip

    async def candidate(request: Request) -> Response:
        return await shown(request, await read(request), given={}, problem=None)

    async def put_forward(request: Request) -> Response:
        by = require(request, Permission.APPROVE_CHANGE).name
        row, given = await read(request), await form_fields(request)
        try:
            await _propose(database, registry, row, by=by, given=given)
        except InputError as error:
            return await shown(request, row, given=given, problem=str(error))
        return RedirectResponse("/dashboard/learning#deployments", status_code=303)

    return [Route(_PAGE, candidate), Route(_PAGE + "/propose", put_forward, methods=["POST"])]


async def _propose(
    database: Database, registry: AgentRegistry, row: Row, *, by: str, given: dict[str, str]
) -> None:
    risk, reason = _risk(registry, row), reason_in(given)
    if WAYS[risk].proof == "experiment":
        raise InputError("a change of medium risk is tested first; its experiment proposes it")
    evidence = _evidence(given.get("evidence")) if WAYS[risk].proof == "offline" else None
    change = Change(
        agent_id=row["agent_id"], changes=row["changes"], reason=reason, by=by, opportunity_id=row["opportunity_id"],
    )  # fmt: skip
    version = await propose_version(database, registry, change)
    proposal = Proposal(agent_id=row["agent_id"], version=version, by=by, risk=risk, offline_evidence=evidence)  # fmt: skip
    await propose(database, registry, proposal, now=datetime.now(UTC))


def _risk(registry: AgentRegistry, row: Row) -> Risk:
    """Of the change, or of the opportunity where that is higher."""
    least = least_risk(row["changes"], subject_of(registry.get(row["agent_id"])))
    return max(least, row["opportunity_risk"], key=list(WAYS).index)


def _evidence(text: str | None) -> dict[str, Any]:
    """What `experiment analyse --json` said."""
    try:
        said = json.loads(text or "")
    except ValueError:
        said = None
    if not isinstance(said, dict) or said.get("verdict") != "adopt":
        raise InputError(
            "a change of high risk needs a comparison on past tasks that says adopt: paste the answer of "
            "`prisma-assets experiment analyse FILE --paired-by TASK --json`"
        )
    return said
