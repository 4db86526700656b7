"""`/dashboard/experiments/new`: declaring an experiment, alone or for an opportunity; what its traffic can tell is said beforehand."""

import json
from collections.abc import Mapping
from typing import Any

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response
from starlette.routing import BaseRoute, Route

from prisma_assets.agents.contract import AgentCard
from prisma_assets.agents.registry import AgentRegistry
from prisma_assets.agents.version import changeable, subject_of
from prisma_assets.domain.errors import InputError
from prisma_assets.domain.experiments.plan import (
    LARGEST_SPLIT,
    LEAST_SPLIT,
    MAX_DAYS,
    MIN_HOURS,
    RECORDED,
)
from prisma_assets.domain.experiments.release_path import WAYS
from prisma_assets.domain.guardrails.role import Permission
from prisma_assets.learning.experiment_request import (
    ExperimentRequest,
    Reviewed,
    declare_request,
    review,
)
from prisma_assets.learning.ledger import GOALS
from prisma_assets.store.candidate import CandidateStore
from prisma_assets.store.database import Database
from prisma_assets.store.experiment import ExperimentStore, is_uuid
from prisma_assets.store.opportunity import OpportunityStore
from prisma_assets.web.form import form_fields
from prisma_assets.web.page import Pages
from prisma_assets.web.session import require

_PAGE = "/dashboard/experiments/new"
_LISTS = ("tools", "knowledge")
UNITS = ("task", "user", "engagement")
_NOTHING = Reviewed(wrong={}, power=None)


def form_routes(pages: Pages, database: Database, registry: AgentRegistry) -> list[BaseRoute]:
    """The form, and what becomes of it."""

    async def show(request: Request, given: Mapping[str, str], found: Reviewed) -> Response:
        card = await _card(database, registry, given.get("agent"))
        subject = None if card is None else subject_of(card)
        return pages.render(
            request, "experiment_form.html", status=422 if found.wrong else 200, given=given, wrong=found.wrong, power=found.power,
            agents=sorted(registry.ids), card=card, now=changeable(card) if card else {}, metrics=RECORDED, units=UNITS,
            parameters=subject.parameters if subject else None, risks=tuple(WAYS), form=_PAGE,
        )  # fmt: skip

    async def ask(request: Request) -> Response:
        require(request, Permission.OPERATE)
        return await show(request, await _begun(database, request.query_params), _NOTHING)

    async def take(request: Request) -> Response:
        by = require(request, Permission.OPERATE).name
        given = await form_fields(request)
        asked, unread = request_in(given)
        found = Reviewed(wrong=unread, power=None) if asked is None else await review(database, asked, registry=registry)  # fmt: skip
        if asked is None or found.wrong or given.get("do") != "declare":
            return await show(request, given, found)
        made = await declare_request(database, asked, registry=registry, created_by=by)
        return RedirectResponse(f"/dashboard/experiments/{made.id}", status_code=303)

    return [Route(_PAGE, ask), Route(_PAGE, take, methods=["POST"])]


async def _card(database: Database, registry: AgentRegistry, agent_id: str | None) -> AgentCard | None:  # fmt: skip
    """The agent as it is at work; None: no agent of ours is chosen yet."""
    if agent_id not in registry.ids:
        return None
    _, live = await ExperimentStore(source=database).versions_of(agent_id)
    return AgentCard.model_validate_json(live) if live else registry.get(agent_id)


# ---- what stands in the form before anybody has typed


async def _begun(database: Database, asked: Mapping[str, str]) -> dict[str, str]:
    given = {
        "primary": "error_rate",
        "split": "50",
        "min_hours": str(MIN_HOURS),
        "max_days": str(MAX_DAYS),
    }
    if "agent" in asked:
        given["agent"] = asked["agent"]
    if "opportunity" in asked:
        given |= await _from_opportunity(database, asked["opportunity"])
    return given


async def _from_opportunity(database: Database, opportunity_id: str) -> dict[str, str]:
    """What an opportunity says, and the change that was found for it."""
    store = OpportunityStore(source=database)
    rows = await store.listed(statuses=None, opportunity_id=opportunity_id) if is_uuid(opportunity_id) else []  # fmt: skip
    if not rows:
        raise HTTPException(404, f"No opportunity has the id {opportunity_id}; the page of learning lists the open ones.")  # fmt: skip
    [found] = rows
    given = {
        "opportunity": opportunity_id,
        "agent": found["agent_id"],
        "name": found["title"],
        "hypothesis": found["description"],
        "primary": GOALS.get(found["metric"], "error_rate"),
    }
    proposed = [c for c in await CandidateStore(source=database).listed(opportunity_id=opportunity_id) if c["is_proposed"]]  # fmt: skip
    return given | (_written(proposed[0]["changes"]) if proposed else {})


def _written(changes: Mapping[str, Any]) -> dict[str, str]:
    """Changes as people type them."""
    written = {key: str(value) for key, value in changes.items() if key in ("prompt", "model")}
    written |= {key: "\n".join(changes[key]) for key in _LISTS if key in changes}
    if "parameters" in changes:
        lines = (f"{name} = {json.dumps(value)}" for name, value in changes["parameters"].items())
        written["parameters"] = "\n".join(lines)
    return written


# ---- what somebody typed


def request_in(given: Mapping[str, str]) -> tuple[ExperimentRequest | None, dict[str, list[str]]]:
    """The request a form makes; None: some of it cannot be read, with what and why by field."""
    wrong: dict[str, list[str]] = {}

    def number(name: str, usual: float | None) -> float | None:
        try:
            return float(given[name]) if name in given else usual
        except ValueError:
            wrong.setdefault(name, []).append(f"write a number, not '{given[name]}'")
            return usual

    def whole(name: str, usual: int) -> int:
        value = number(name, usual)
        if value is not None and float(value).is_integer():
            return int(value)
        wrong.setdefault(name, []).append(f"write a whole number, not {given[name]}")
        return usual

    split, hours, days = number("split", 50.0), whole("min_hours", MIN_HOURS), whole("max_days", MAX_DAYS)  # fmt: skip
    if split is None or not LEAST_SPLIT <= split / 100 <= LARGEST_SPLIT:
        wrong.setdefault("split", [f"write {100 * LEAST_SPLIT:g} to {100 * LARGEST_SPLIT:g} per cent, not {given.get('split')}"])  # fmt: skip
    primary = given.get("primary", "error_rate")
    guards = {m: number(f"margin_{m}", None) for m in RECORDED if f"guard_{m}" in given and m != primary}  # fmt: skip
    margin = number("margin", None)
    try:
        changes = _changes(given)
    except InputError as error:
        wrong["changes"], changes = [str(error)], {}
    if wrong:
        return None, wrong
    return ExperimentRequest(
        name=given.get("name", ""), hypothesis=given.get("hypothesis", ""), agent=given.get("agent", ""), changes=changes,
        metrics=[primary, *guards], primary=primary, guardrails=guards, margins={} if margin is None else {primary: margin},
        split=(split or 0.0) / 100, unit=given.get("unit"), risk=given.get("risk"), min_hours=hours, max_days=days,
        opportunity=given.get("opportunity"),
    ), {}  # fmt: skip


def _changes(given: Mapping[str, str]) -> dict[str, Any]:
    changes: dict[str, Any] = {key: given[key] for key in ("prompt", "model") if key in given}
    changes |= {key: _lines(given[key]) for key in _LISTS if key in given}
    if "parameters" in given:
        changes["parameters"] = dict(_parameter(line) for line in _lines(given["parameters"]))
    return changes


def _lines(text: str) -> list[str]:
    return [line.strip() for line in text.splitlines() if line.strip()]


def _parameter(line: str) -> tuple[str, Any]:
    """One line of parameters; what is no JSON value is a text."""
    name, sign, value = (part.strip() for part in line.partition("="))
    if not (name and sign and value):
        raise InputError(f"write each parameter as name = value, not '{line}'")
    try:
        return name, json.loads(value)
    except ValueError:
        return name, value
