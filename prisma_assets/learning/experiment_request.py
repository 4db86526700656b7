"""What people write to declare an experiment, and the declaration it makes: what they leave out is filled in as is usual."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from pydantic import Field

from prisma_assets.agents.registry import AgentRegistry
from prisma_assets.agents.version import subject_of
from prisma_assets.domain.audit.workpaper import Frozen
from prisma_assets.domain.errors import InputError
from prisma_assets.domain.experiments.baseline import Power
from prisma_assets.domain.experiments.design import ALPHA
from prisma_assets.domain.experiments.plan import (
    MAX_DAYS,
    MIN_HOURS,
    Plan,
    least_risk,
    planned_metrics,
    usual_outcome_hours,
    usual_unit,
)
from prisma_assets.domain.experiments.release_path import ALLOWED_KEYS, WAYS, Risk
from prisma_assets.learning.experiment_declaration import MIN_SAMPLES, Declared, consider, declare
from prisma_assets.store.database import Database
from prisma_assets.store.experiment import ExperimentStore, Row

_OPEN = frozenset({"identified", "triaged", "in_test", "validated"})


class ExperimentRequest(Frozen):
    """The keys of an experiment file; the same as the options of `experiment create`."""

    name: str = ""
    hypothesis: str = ""
    agent: str = ""
    changes: Mapping[str, Any] = Field(default_factory=dict)
    metrics: list[str] = Field(default_factory=list)
    primary: str | None = None
    guardrails: Mapping[str, float | None] = Field(default_factory=dict)
    margins: Mapping[str, float] = Field(default_factory=dict)
    split: float = 0.5
    unit: str | None = None
    risk: str | None = None
    min_hours: int = MIN_HOURS
    max_days: int = MAX_DAYS
    outcome_hours: float | None = None
    alpha: float = ALPHA
    min_samples: int = MIN_SAMPLES
    opportunity: str | None = None


async def declare_request(
    database: Database, request: ExperimentRequest, *, registry: AgentRegistry, created_by: str
) -> Declared:
    """Store what somebody wrote as a declaration.

    Raises:
        InputError: Everything that is wrong; nothing is stored.
    """
    found = await _opportunity(database, request.opportunity)
    if found is not None:
        request = _from_opportunity(request, found)
    return await declare(
        database, planned(request, registry), registry=registry, created_by=created_by,
        opportunity_id=request.opportunity, min_samples=request.min_samples,
    )  # fmt: skip


@dataclass(frozen=True, kw_only=True)
class Reviewed:
    """What somebody wrote, looked at before it is stored."""

    wrong: Mapping[str, Sequence[str]]
    """By field of the request; empty: it can be declared."""
    power: Power | None
    """What is honest to say before the start; None: something is wrong."""


async def review(
    database: Database, request: ExperimentRequest, *, registry: AgentRegistry
) -> Reviewed:
    """Everything that is wrong with a request, or whether its agent's traffic can decide it; nothing is stored."""
    try:
        found = await _opportunity(database, request.opportunity)
        request = request if found is None else _from_opportunity(request, found)
        card = registry.get(request.agent)
    except InputError as error:
        return Reviewed(wrong={"agent": [str(error)]}, power=None)
    try:
        plan = planned(request, registry)
    except InputError as error:
        return Reviewed(wrong={"metrics": [str(error)]}, power=None)
    considered = await consider(ExperimentStore(source=database), plan, card)
    wrong: dict[str, list[str]] = {}
    for part, said in considered.wrong:
        wrong.setdefault(part, []).append(said)
    return Reviewed(wrong=wrong, power=considered.power)


def planned(request: ExperimentRequest, registry: AgentRegistry) -> Plan:
    """The declaration a request makes.

    Raises:
        InputError: There is no such agent or metric.
    """
    subject = subject_of(registry.get(request.agent))
    metrics = planned_metrics(
        request.metrics, primary=request.primary, guardrails=request.guardrails, margins=request.margins,
    )  # fmt: skip
    unit: Any = request.unit or usual_unit(subject)
    hours = request.outcome_hours
    return Plan(
        name=request.name, hypothesis=request.hypothesis, agent_id=request.agent, changes=dict(request.changes),
        metrics=metrics, unit=unit, split=request.split, risk=_risk(request, subject),
        min_hours=request.min_hours, max_days=request.max_days, alpha=request.alpha,
        outcome_hours=usual_outcome_hours(unit, metrics) if hours is None else hours,
    )  # fmt: skip


def _risk(request: ExperimentRequest, subject: Any) -> Any:
    if request.risk is not None:
        return request.risk
    return least_risk(request.changes, subject) if set(request.changes) <= ALLOWED_KEYS else "low"


async def _opportunity(database: Database, opportunity_id: str | None) -> Row | None:
    if opportunity_id is None:
        return None
    found = await ExperimentStore(source=database).opportunity(opportunity_id)
    if found is None:
        raise InputError(f"no opportunity has the id {opportunity_id}")
    if found["status"] not in _OPEN:
        raise InputError(f"opportunity {opportunity_id} is {found['status']}; an experiment answers an open one")  # fmt: skip
    return found


def _from_opportunity(request: ExperimentRequest, found: Row) -> ExperimentRequest:
    """The request with what the opportunity says where the request says nothing; its risk is never lowered."""
    if request.agent not in ("", found["agent_id"]):
        raise InputError(f"the opportunity is about {found['agent_id']}, not {request.agent}")
    said: Risk = found["risk_level"]
    order = list(WAYS)
    risk = request.risk if request.risk in order else said
    return request.model_copy(
        update={
            "agent": found["agent_id"],
            "name": request.name or found["title"],
            "hypothesis": request.hypothesis or found["description"],
            "risk": max(risk, said, key=order.index) if request.risk in (None, *order) else request.risk,
        }
    )  # fmt: skip
