"""`/dashboard/alerts`: what is wrong, who looks after it, and quiet for a while."""

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta

from starlette.requests import Request
from starlette.responses import RedirectResponse, Response
from starlette.routing import BaseRoute, Route

from prisma_assets.agents.registry import AgentRegistry
from prisma_assets.domain.errors import InputError
from prisma_assets.domain.guardrails.role import Permission
from prisma_assets.learning import alert_act
from prisma_assets.learning.alert_view import alert_view
from prisma_assets.store.alert import AlertStore, NewSilence
from prisma_assets.store.database import Database
from prisma_assets.web.csv_file import csv_file
from prisma_assets.web.form import form_fields, reason_in
from prisma_assets.web.page import Pages
from prisma_assets.web.session import require, visitor

_PAGE = "/dashboard/alerts"
STATUSES = ("active", "open", "acknowledged", "suppressed", "resolved", "all")
MOST_IN_FILE = 1_000
HOURS: Mapping[str, str] = {"1": "1 hour", "8": "8 hours", "24": "1 day", "120": "5 days"}
"""How long people ask for quiet from the page; the command takes any time."""
_HEADS = (
    "alert_id", "first_seen_at", "last_seen_at", "severity", "status", "rule_id", "agent_id", "subject_title", "metric",
    "actual_value", "threshold", "baseline_value", "n_observations", "occurrences", "message", "acknowledged_by", "resolved_by",
    "resolved_at", "resolution",
)  # fmt: skip


def alert_routes(pages: Pages, database: Database, registry: AgentRegistry) -> list[BaseRoute]:
    """The page, its file and its forms."""
    return [
        *_shown(pages, database, registry),
        *_acts(database),
        *_quiet(database, registry),
    ]


def _shown(pages: Pages, database: Database, registry: AgentRegistry) -> list[BaseRoute]:
    async def alerts(request: Request) -> Response:
        status = _status(request)
        view = await alert_view(database, status=_asked(status), now=datetime.now(UTC))
        return pages.render(
            request, "alerts.html", view=view, chosen=status, statuses=STATUSES, hours=HOURS, agents=sorted(registry.ids),
            may_act=visitor(request).may(Permission.OPERATE),
        )  # fmt: skip

    async def alerts_file(request: Request) -> Response:
        status = _status(request)
        rows = await AlertStore(source=database).recent(MOST_IN_FILE, status=_asked(status))
        return csv_file(f"alerts-{status}", _HEADS, [[row[h] for h in _HEADS] for row in rows])

    return [Route(_PAGE, alerts), Route(f"{_PAGE}.csv", alerts_file)]


def _acts(database: Database) -> list[BaseRoute]:
    async def acknowledge(request: Request) -> Response:
        by = require(request, Permission.OPERATE).name
        await alert_act.acknowledge(database, request.path_params["alert_id"], by=by)
        return _back()

    async def resolve(request: Request) -> Response:
        by = require(request, Permission.OPERATE).name
        reason = reason_in(await form_fields(request))
        alert_id = request.path_params["alert_id"]
        await alert_act.resolve_by_hand(database, alert_id, by=by, reason=reason)
        return _back()

    return [
        Route(f"{_PAGE}/{{alert_id}}/acknowledge", acknowledge, methods=["POST"]),
        Route(f"{_PAGE}/{{alert_id}}/resolve", resolve, methods=["POST"]),
    ]


def _quiet(database: Database, registry: AgentRegistry) -> list[BaseRoute]:
    async def silence(request: Request) -> Response:
        by = require(request, Permission.OPERATE).name
        fields, now = await form_fields(request), datetime.now(UTC)
        hours = fields.get("hours", "8")
        if hours not in HOURS:
            raise InputError(f"a silence lasts {', '.join(HOURS.values())}, not '{hours}'")
        new = NewSilence(
            rule_id=fields.get("rule"), agent_id=fields.get("agent"), until=now + timedelta(hours=int(hours)),
            reason=reason_in(fields), by=by,
        )  # fmt: skip
        await alert_act.silence(database, new, agents=registry.ids, now=now)
        return _back("#silences")

    async def unsilence(request: Request) -> Response:
        require(request, Permission.OPERATE)
        number = request.path_params["number"]
        if not await AlertStore(source=database).end_silence(number):
            raise InputError(f"no silence {number} is in force")
        return _back("#silences")

    return [
        Route(f"{_PAGE}/silences", silence, methods=["POST"]),
        Route(f"{_PAGE}/silences/{{number:int}}/end", unsilence, methods=["POST"]),
    ]


def _status(request: Request) -> str:
    status = request.query_params.get("status", "active")
    if status not in STATUSES:
        raise InputError(f"alerts are {', '.join(STATUSES)}, not '{status}'")
    return status


def _asked(status: str) -> str | None:
    return None if status == "all" else status


def _back(place: str = "") -> Response:
    return RedirectResponse(f"{_PAGE}{place}", status_code=303)
