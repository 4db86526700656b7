"""`/metrics` in Prometheus' text format, with the names of OpenTelemetry's GenAI metrics where there are some."""

import time
from collections.abc import Iterable, Iterator

from prometheus_client import CONTENT_TYPE_LATEST, CollectorRegistry, generate_latest
from prometheus_client.core import (
    CounterMetricFamily,
    GaugeMetricFamily,
    HistogramMetricFamily,
    Metric,
)
from prometheus_client.registry import Collector
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Route

from prisma_assets.domain.guardrails.role import Permission
from prisma_assets.learning.exposition import AgentToday, Exposition, exposition
from prisma_assets.store.database import Database
from prisma_assets.web.session import require

PATH = "/metrics"
KEPT_SECONDS = 10.0
"""Several scrapers, or one that is impatient, cost one look."""
BOUNDS = (0.01, 0.02, 0.04, 0.08, 0.16, 0.32, 0.64, 1.28, 2.56, 5.12, 10.24, 20.48, 40.96, 81.92)
"""Seconds: the buckets the conventions ask for (OpenTelemetry semantic conventions, gen_ai.client.operation.duration)."""
_OPERATION = "invoke_agent"


def metrics_routes(database: Database) -> list[BaseRoute]:
    """The route; whoever may look may scrape."""
    kept: list[tuple[float, bytes]] = []

    async def metrics(request: Request) -> Response:
        require(request, Permission.VIEW)
        now = time.monotonic()
        if not kept or kept[0][0] < now:
            found = exposed(await exposition(database))
            kept[:] = [(now + KEPT_SECONDS, found)]
        return Response(kept[0][1], headers={"Content-Type": CONTENT_TYPE_LATEST})

    return [Route(PATH, metrics)]


def exposed(found: Exposition) -> bytes:
    """One scrape as text. Counters of agents begin anew at midnight UTC, which scrapers take for a restart."""
    registry = CollectorRegistry()
    registry.register(_Once([*_agents(found.agents), *_work(found)]))
    return generate_latest(registry)


class _Once(Collector):
    """Hands out what was read."""

    def __init__(self, metrics: Iterable[Metric]) -> None:
        self._metrics = list(metrics)

    def collect(self) -> Iterable[Metric]:
        return self._metrics


def _agents(agents: Iterable[AgentToday]) -> Iterator[Metric]:
    duration = HistogramMetricFamily(
        "gen_ai_client_operation_duration_seconds",
        "How long agents' runs took today (UTC)",
        labels=["gen_ai_operation_name", "gen_ai_agent_id"],
    )
    tokens = CounterMetricFamily(
        "gen_ai_client_token_usage",
        "Tokens of agents' runs today",
        labels=["gen_ai_operation_name", "gen_ai_agent_id", "gen_ai_token_type"],
    )
    runs = CounterMetricFamily("prisma_agent_runs", "Agents' runs today", labels=["gen_ai_agent_id"])  # fmt: skip
    errors = CounterMetricFamily(
        "prisma_agent_errors",
        "Agents' failed runs today",
        labels=["gen_ai_agent_id", "error_type"],
    )
    cost = CounterMetricFamily(
        "prisma_agent_cost_usd",
        "What agents' runs with a price cost today",
        labels=["gen_ai_agent_id"],
    )
    unpriced = CounterMetricFamily(
        "prisma_agent_unpriced_runs",
        "Runs today whose cost is not known and stands in no sum",
        labels=["gen_ai_agent_id"],
    )
    for agent in agents:
        name = agent.agent_id
        counts = [(str(bound), agent.durations.count_up_to(bound * 1_000)) for bound in BOUNDS]
        # A sketch keeps no sum; without one the histogram has none either.
        duration.add_metric(
            [_OPERATION, name], [*counts, ("+Inf", agent.durations.n)], sum_value=None
        )
        tokens.add_metric([_OPERATION, name, "input"], agent.tokens_in)
        tokens.add_metric([_OPERATION, name, "output"], agent.tokens_out)
        runs.add_metric([name], agent.executions)
        for kind, n in agent.errors.items():
            errors.add_metric([name, kind], n)
        cost.add_metric([name], agent.cost_usd)
        unpriced.add_metric([name], agent.unpriced)
    yield from (duration, tokens, runs, errors, cost, unpriced)


def _work(found: Exposition) -> Iterator[Metric]:
    executions = GaugeMetricFamily(
        "prisma_executions",
        "Executions that have not ended, and those that ended today",
        labels=["template", "status"],
    )
    for row in found.executions:
        executions.add_metric([row["template_name"], row["status"].lower()], row["n"])
    alerts = GaugeMetricFamily(
        "prisma_alerts", "Alerts that are not over", labels=["severity", "status"]
    )
    for row in found.alerts:
        alerts.add_metric([row["severity"], row["status"]], row["n"])
    budgets = GaugeMetricFamily(
        "prisma_budget_used_ratio",
        "Share of a budget that is spent or promised",
        labels=["level", "scope", "period"],
    )
    for row in found.budgets:
        used = (row["spent_usd"] + row["reserved_usd"]) / row["limit_usd"]
        budgets.add_metric([row["level"], row["scope"] or "", row["period"]], float(used))
    yield from (executions, alerts, budgets)
    if found.watchdog_age_seconds is not None:
        yield GaugeMetricFamily(
            "prisma_watchdog_age_seconds",
            "Since the watchdog looked last",
            value=found.watchdog_age_seconds,
        )
