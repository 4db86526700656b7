"""`/dashboard/experiments`: new versions beside the old, what was seen at each look, and ending one."""

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response
from starlette.routing import BaseRoute, Route

from prisma_assets.agents.registry import AgentRegistry
from prisma_assets.domain.errors import InputError
from prisma_assets.domain.guardrails.role import Permission
from prisma_assets.learning import experiment_declaration, experiment_evaluation
from prisma_assets.learning.experiment_report import interval
from prisma_assets.learning.experiment_view import ExperimentView, ends_by, experiment_view
from prisma_assets.learning.release import Proposal, propose
from prisma_assets.store.database import Database
from prisma_assets.store.experiment import ExperimentStore
from prisma_assets.web.approving import approval_of
from prisma_assets.web.candidate_page import candidate_routes
from prisma_assets.web.csv_file import csv_file
from prisma_assets.web.experiment_form import form_routes
from prisma_assets.web.form import form_fields, reason_in
from prisma_assets.web.page import Pages, chart
from prisma_assets.web.session import require, visitor

_PAGE = "/dashboard/experiments"
STATUSES = ("all", "running", "draft", "completed", "cancelled", "aborted")
SHOWN, MOST_IN_FILE = 100, 1_000
_LEAST_FOR_BAND = 3
_HEADS = (
    "ab_test_id", "name", "agent_id", "status", "risk_level", "control_version", "treatment_version", "primary_metric",
    "started_at", "ended_at", "units", "verdict", "reason", "effect", "ci_low", "ci_high", "decision", "created_by",
)  # fmt: skip
_LOOK_HEADS = ("as_of", "units", "verdict", "metric", "role", "n_a", "n_b", "mean_a", "mean_b", "effect", "low", "high")  # fmt: skip


def experiment_routes(pages: Pages, database: Database, registry: AgentRegistry) -> list[BaseRoute]:
    """The list, the form, the changes to be tried, the page of each, their files, and what people do with one."""
    return [
        *_lists(pages, database),
        *form_routes(pages, database, registry),
        *candidate_routes(pages, database, registry),
        *_one(pages, database, registry),
        *_acts(database, registry),
    ]


def _lists(pages: Pages, database: Database) -> list[BaseRoute]:
    store = ExperimentStore(source=database)

    async def experiments(request: Request) -> Response:
        chosen = _status(request)
        rows = await store.recent(SHOWN, status=None if chosen == "all" else chosen)
        return pages.render(
            request, "experiments.html", rows=rows, chosen=chosen, statuses=STATUSES, ends_by=ends_by,
            may_operate=visitor(request).may(Permission.OPERATE),
        )  # fmt: skip

    async def experiments_file(request: Request) -> Response:
        chosen = _status(request)
        rows = await store.recent(MOST_IN_FILE, status=None if chosen == "all" else chosen)
        return csv_file(f"experiments-{chosen}", _HEADS, [[row[h] for h in _HEADS] for row in rows])

    return [Route(_PAGE, experiments), Route(f"{_PAGE}.csv", experiments_file)]


def _one(pages: Pages, database: Database, registry: AgentRegistry) -> list[BaseRoute]:
    async def read(request: Request) -> ExperimentView:
        ab_test_id = request.path_params["ab_test_id"]
        view = await experiment_view(database, registry, ab_test_id)
        if view is None:
            raise HTTPException(404, f"No experiment has the id {ab_test_id}; the list of experiments shows those there are.")  # fmt: skip
        return view

    async def experiment(request: Request) -> Response:
        view = await read(request)
        return pages.render(
            request, "experiment.html", view=view, paths=metric_charts(view), interval=interval,
            may_operate=visitor(request).may(Permission.OPERATE), may_launch=visitor(request).may(Permission.APPROVE_CHANGE),
        )  # fmt: skip

    async def looks_file(request: Request) -> Response:
        view = await read(request)
        rows = [
            [v["as_of"], v["units"], v["verdict"], m["name"], m["role"], m["n"]["A"], m["n"]["B"], m["mean"]["A"],
             m["mean"]["B"], m["effect"], m["low"], m["high"]]
            for v in view.verdicts
            for m in v["numbers"]["metrics"]
        ]  # fmt: skip
        return csv_file(f"experiment-{view.test['ab_test_id']}", _LOOK_HEADS, rows)

    return [
        Route(f"{_PAGE}/{{ab_test_id}}.csv", looks_file),
        Route(f"{_PAGE}/{{ab_test_id}}", experiment),
    ]


def _acts(database: Database, registry: AgentRegistry) -> list[BaseRoute]:
    async def start(request: Request) -> Response:
        approval = approval_of(require(request, Permission.OPERATE))
        test = request.path_params["ab_test_id"]
        await experiment_declaration.start(database, test, registry=registry, approval=approval)
        return _back(test)

    async def evaluate(request: Request) -> Response:
        require(request, Permission.OPERATE)
        test = request.path_params["ab_test_id"]
        await experiment_evaluation.evaluate_one(database, test, registry=registry)
        return _back(test)

    async def stop(request: Request) -> Response:
        by = require(request, Permission.OPERATE).name
        test, reason = request.path_params["ab_test_id"], reason_in(await form_fields(request))
        await experiment_declaration.stop(database, test, by=by, reason=reason)
        return _back(test)

    async def deploy(request: Request) -> Response:
        by = require(request, Permission.APPROVE_CHANGE).name
        test = request.path_params["ab_test_id"]
        row = await experiment_declaration.known(ExperimentStore(source=database), test)
        proposal = Proposal(agent_id=row["agent_id"], version=row["treatment_version"], by=by, ab_test_id=test)  # fmt: skip
        await propose(database, registry, proposal, now=datetime.now(UTC))
        return RedirectResponse("/dashboard/learning#deployments", status_code=303)

    acts = {"start": start, "evaluate": evaluate, "stop": stop, "propose": deploy}
    return [
        Route(f"{_PAGE}/{{ab_test_id}}/{name}", act, methods=["POST"]) for name, act in acts.items()
    ]


def metric_charts(view: ExperimentView) -> dict[str, dict[str, Any]]:
    """The confidence sequence of each metric over the units read, with its margin."""
    return {m["name"]: _chart(view, m) for m in view.numbers.get("metrics", ())}


def _chart(view: ExperimentView, metric: Mapping[str, Any]) -> dict[str, Any]:
    looks = view.path(metric["name"])
    series = {
        "name": f"effect of B on {metric['name']}",
        "x": [units for units, _ in looks],
        "y": [seen["effect"] for _, seen in looks],
        "low": [seen["low"] for _, seen in looks],
        "high": [seen["high"] for _, seen in looks],
    }
    # A goal is to move the good way by its margin, a guardrail not to move the other way by its own.
    is_up = (metric["direction"] == "higher") == (metric["role"] == "primary")
    target = metric["margin"] if is_up else -metric["margin"]
    # A band over one or two looks is no area; a dot with its interval is seen.
    kind = "line" if len(looks) >= _LEAST_FOR_BAND else "dots"
    return chart([series], unit="effect", kind=kind, target=target)


def _status(request: Request) -> str:
    status = request.query_params.get("status", "all")
    if status not in STATUSES:
        raise InputError(f"experiments are {', '.join(STATUSES)}, not '{status}'")
    return status


def _back(ab_test_id: str) -> Response:
    return RedirectResponse(f"{_PAGE}/{ab_test_id}", status_code=303)
