"""Watching the fleet in the specification's Python API. What is counted and what is alerted lives below."""

from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from typing import Any, Self

from prisma_assets.agents.registry import AgentRegistry
from prisma_assets.domain.monitoring.alert_rule import BASELINE_DAYS, Rule, Severity
from prisma_assets.learning.alert_act import NewRule, set_rule
from prisma_assets.learning.known import known_agents
from prisma_assets.learning.metric_window import MetricWindows, Slice, dimension_of, stretch_of
from prisma_assets.learning.metrics import Figures, total
from prisma_assets.platform.product_database import ProductDatabase
from prisma_assets.settings import Settings
from prisma_assets.store.alert import AlertStore
from prisma_assets.store.database import Database

_MOST_ALERTS = 1_000


@dataclass(frozen=True, kw_only=True)
class AgentMetrics:
    """How one agent did; None anywhere is no data, never nought."""

    agent_id: str
    since: date
    until: date
    """Both days included, UTC."""
    figures: Figures
    alerts: tuple[dict[str, Any], ...]
    """Its alerts that are not over, the newest first."""


class MonitoringDashboard:
    """Figures and alerts of one firm; use it in one event loop, and close it, or leave that to the end of the program."""

    def __init__(
        self, agent_registry: AgentRegistry | None = None, *, settings: Settings | None = None
    ) -> None:
        """Keep what is needed; nothing starts before the first call.

        Args:
            agent_registry: None: the firm's agents.
            settings: None: those of the environment.
        """
        self._agents = agent_registry or AgentRegistry()
        self._held = ProductDatabase(settings)

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.aclose()

    async def aclose(self) -> None:
        """Let go of the database."""
        await self._held.aclose()

    async def get_agent_metrics(self, agent: str, *, days: int = BASELINE_DAYS) -> AgentMetrics:
        """Quantiles, errors, tokens, cost, accuracy and satisfaction of an agent, as far as they are counted.

        Args:
            agent: Its id.
            days: How many, today included; at least 1.

        Raises:
            InputError: No agent has this id.
        """
        card, database = self._agents.get(agent), await self.database()
        until = datetime.now(UTC).date()
        since = until - timedelta(days=max(days, 1) - 1)
        store = AlertStore(source=database)
        return AgentMetrics(
            agent_id=card.id,
            since=since,
            until=until,
            figures=await total(database, card.id, since=since, until=until),
            alerts=tuple(await store.recent(_MOST_ALERTS, status="active", agent_id=card.id)),
        )

    async def get_metrics(
        self, *, by: str = "agent", window: str = "30d", value: str | None = None
    ) -> tuple[Slice, ...]:
        """Figures by agent, version, domain, workflow, engagement, arm, provider, model or client, the busiest first.

        Args:
            by: What they are added up by.
            window: 1m, 1h, 1d, 7d, 30d, 90d or 1y, up to now.
            value: One value only; None: all.

        Raises:
            InputError: Figures are not kept by that, or there is no such window.
        """
        now = datetime.now(UTC)
        dimension, stretch = dimension_of(by), stretch_of(window, now=now)
        windows = MetricWindows(database=await self.database(), agents=known_agents())
        return tuple(await windows.by_value(dimension, stretch, now=now, value=value))

    async def create_alert(
        self,
        *,
        metric: str,
        threshold: float,
        condition: str = "greater_than",
        agent_id: str | None = None,
        severity: Severity = "warning",
        by: str = "api",
    ) -> Rule:
        """Have people told when a figure of an agent, or of any agent, goes beyond a threshold; asked for again it is the same rule.

        Args:
            metric: error_rate, p50_ms, p95_ms, p99_ms, throughput, cost_usd, tokens, accuracy or satisfaction.
            threshold: In the unit of the metric; per cent for pct_change, standard deviations for zscore.
            condition: greater_than, less_than, pct_change (against the median day) or zscore.
            agent_id: None: each agent.
            severity: critical is told at once like the others, and stands first.
            by: Who wants it.

        Raises:
            InputError: One of them is unknown, or the threshold cannot be met.
        """
        new = NewRule(
            agent_id=agent_id,
            metric=metric,
            threshold=threshold,
            condition=condition,
            severity=severity,
            by=by,
        )
        return await set_rule(await self.database(), new, agents=self._agents.ids)

    async def alerts(self) -> list[dict[str, Any]]:
        """Every alert that is not over, the worst first."""
        return await AlertStore(source=await self.database()).active()

    async def database(self) -> Database:
        """The product's database, opened."""
        return await self._held.opened()
