"""`/api/v1/alerts`, `/silences` and `/alert-rules`: what is wrong, who looks after it. What may be done is the use case's."""

from collections.abc import Awaitable, Callable
from datetime import UTC, datetime
from typing import Annotated, Any, Literal

from fastapi import APIRouter, Query
from pydantic import AwareDatetime, Field

from prisma_assets.agents.registry import AgentRegistry
from prisma_assets.domain.guardrails.role import Permission
from prisma_assets.domain.guardrails.visitor import Visitor
from prisma_assets.domain.monitoring.alert_rule import Severity
from prisma_assets.learning import alert_act
from prisma_assets.store.alert import AlertStore, NewSilence
from prisma_assets.store.alert_rule import AlertRuleStore
from prisma_assets.store.database import Database
from prisma_assets.web.api_model import Name, Taken, Text
from prisma_assets.web.paging import Items, Paged, page
from prisma_assets.web.session import allowed

GetDatabase = Callable[[], Awaitable[Database]]
Operator = Annotated[Visitor, allowed(Permission.OPERATE)]
Said = Annotated[Text, Field(min_length=1)]


class AskedAlerts(Paged):
    """Which alerts to list."""

    status: Literal["active", "open", "acknowledged", "suppressed", "resolved"] | None = None
    agent: Name | None = None


class Acknowledgement(Taken):
    """Somebody looks after it."""

    by: Name


class Resolution(Taken):
    """Somebody ends it."""

    by: Name
    reason: Said


class AskedSilence(Taken):
    """Somebody wants quiet."""

    rule_id: Name | None = None
    agent_id: Name | None = None
    until: AwareDatetime
    by: Name
    reason: Said


class AskedRule(Taken):
    """A rule about one agent or each."""

    agent_id: Name | None = None
    metric: Name
    condition: Name = "greater_than"
    threshold: float
    severity: Severity = "warning"
    by: Name
    reason: Text = ""


def alert_routes(agents: AgentRegistry, database: GetDatabase) -> APIRouter:
    """The routes."""
    router = APIRouter(tags=["alerts"])
    _alerts(router, database)
    _quiet(router, agents, database)
    _rules(router, agents, database)
    return router


def _alerts(router: APIRouter, database: GetDatabase) -> None:
    @router.get("/alerts")
    async def list_alerts(asked: Annotated[AskedAlerts, Query()]) -> Items:
        """Alerts, newest first; `active` are all that are not over."""
        store = AlertStore(source=await database())
        found = await store.recent(asked.read, status=asked.status, agent_id=asked.agent)
        return page(found, asked, key="alert_id")

    @router.get("/alerts/{alert_id}")
    async def get_alert(alert_id: str) -> dict[str, Any]:
        """One alert."""
        return await alert_act.known_alert(AlertStore(source=await database()), alert_id)

    @router.post("/alerts/{alert_id}/acknowledge")
    async def acknowledge_alert(
        alert_id: str, asked: Acknowledgement, visitor: Operator
    ) -> dict[str, Any]:
        """Look after an alert: it is not escalated, and stays open until the trouble is over."""
        await alert_act.acknowledge(await database(), alert_id, by=visitor.speaks_as(asked.by))
        return await get_alert(alert_id)

    @router.post("/alerts/{alert_id}/resolve")
    async def resolve_alert(alert_id: str, asked: Resolution, visitor: Operator) -> dict[str, Any]:
        """End an alert by hand; should the trouble go on, it is told anew."""
        await alert_act.resolve_by_hand(
            await database(), alert_id, by=visitor.speaks_as(asked.by), reason=asked.reason
        )
        return await get_alert(alert_id)


def _quiet(router: APIRouter, agents: AgentRegistry, database: GetDatabase) -> None:
    @router.get("/silences")
    async def list_silences(asked: Annotated[Paged, Query()]) -> Items:
        """Silences in force, the first to end first."""
        store = AlertStore(source=await database())
        return page(await store.silences(at=datetime.now(UTC)), asked, key="silence_id")

    @router.post("/silences", status_code=201)
    async def create_silence(asked: AskedSilence, visitor: Operator) -> dict[str, Any]:
        """Be told nothing for a while about a rule, an agent or both; alerts are kept, and told if they outlast it."""
        new = NewSilence(**{**asked.model_dump(), "by": visitor.speaks_as(asked.by)})
        number = await alert_act.silence(
            await database(), new, agents=agents.ids, now=datetime.now(UTC)
        )
        return {"silence_id": number, "until": asked.until}


def _rules(router: APIRouter, agents: AgentRegistry, database: GetDatabase) -> None:
    @router.get("/alert-rules")
    async def list_alert_rules(asked: Annotated[Paged, Query()]) -> Items:
        """Rules in force: those that ship, then those people have set."""
        rules = await AlertRuleStore(source=await database()).rules()
        return page([rule.model_dump(mode="json") for rule in rules], asked, key="id")

    @router.post("/alert-rules", status_code=201)
    async def create_alert_rule(asked: AskedRule, visitor: Operator) -> dict[str, Any]:
        """Set a rule; asked for again it is the same rule."""
        new = alert_act.NewRule(**{**asked.model_dump(), "by": visitor.speaks_as(asked.by)})
        rule = await alert_act.set_rule(await database(), new, agents=agents.ids)
        return rule.model_dump(mode="json")
