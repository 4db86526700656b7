"""`/metrics`: what a scraper reads, and that it reads it as the format says."""

from datetime import UTC, datetime
from decimal import Decimal

import psycopg
import pytest
from prometheus_client.parser import text_string_to_metric_families

from prisma_assets.domain.learning.sketch import Sketch
from prisma_assets.learning.exposition import AgentToday, Exposition
from prisma_assets.store.database import Database
from prisma_assets.web.page import Pages
from prisma_assets.web.prometheus import BOUNDS, exposed, metrics_routes
from tests.web.visiting import REPORTER, visiting

AGENT = "audit-plan-012"


def families(text):
    return {
        sample.name + str(sorted(sample.labels.items())): sample.value
        for family in text_string_to_metric_families(text)
        for sample in family.samples
    }


def scrape(**given):
    empty = {"agents": [], "executions": [], "alerts": [], "budgets": [], "watchdog_age_seconds": None}  # fmt: skip
    return families(exposed(Exposition(**{**empty, **given})).decode())


def test_durations_are_a_histogram_with_the_buckets_of_the_conventions():
    milliseconds = [5.0, 15.0, 700.0, 90_000.0]
    agent = AgentToday(
        agent_id=AGENT, executions=4, errors={"RateLimit": 1}, durations=Sketch.of(milliseconds),
        tokens_in=100, tokens_out=20, cost_usd=0.5, unpriced=2,
    )  # fmt: skip
    found = scrape(agents=[agent])
    labels = f"('gen_ai_agent_id', '{AGENT}'), ('gen_ai_operation_name', 'invoke_agent'), ('le', '{{}}')]"
    counts = [
        found[f"gen_ai_client_operation_duration_seconds_bucket[{labels.format(bound)}"]
        for bound in (*BOUNDS, "+Inf")
    ]

    assert counts == [1, 2, 2, 2, 2, 2, 2, 3, 3, 3, 3, 3, 3, 3, 4]
    assert found[f"prisma_agent_errors_total[('error_type', 'RateLimit'), ('gen_ai_agent_id', '{AGENT}')]"] == 1  # fmt: skip
    assert found[f"prisma_agent_unpriced_runs_total[('gen_ai_agent_id', '{AGENT}')]"] == 2


def test_what_is_not_known_is_not_exposed():
    assert scrape() == {}
    assert "prisma_watchdog_age_seconds[]" in scrape(watchdog_age_seconds=3.0)


def test_budgets_are_shares_of_their_limit():
    row = {"level": "firm", "scope": None, "period": "month", "limit_usd": Decimal(200), "spent_usd": Decimal(90), "reserved_usd": Decimal(10)}  # fmt: skip

    ((_, used),) = scrape(budgets=[row]).items()
    assert used == pytest.approx(0.5)


def test_a_scraper_reads_todays_work(database_url):
    with psycopg.connect(database_url, autocommit=True) as connection:
        connection.execute(
            """insert into workflow_executions (template_name, template_version, template_sha256, dagster_job, created_by, status)
            values ('annual_audit', '2.0', repeat('a', 64), 'annual_audit_job', 'ana', 'RUNNING')"""
        )
        connection.execute(
            "insert into agent_performance_metrics (agent_id, agent_version, domain, granularity, window_start, window_end, executions, successes, errors, timeouts, latency_sketch)"
            " values (%s, '1.0.0', 'audit', '1h', %s, now() + interval '1 hour', 3, 2, 1, 0, %s)",
            (AGENT, datetime.now(UTC).replace(minute=0, second=0, microsecond=0), Sketch.of([10.0, 20.0]).to_bytes()),
        )  # fmt: skip
    database = Database(database_url, max_size=2)
    routes = metrics_routes(database)
    with visiting(Pages(), routes, visitor=REPORTER, at_end=database.close) as client:
        answer = client.get("/metrics")

    assert answer.headers["content-type"].startswith("text/plain")
    found = families(answer.text)
    assert found["prisma_executions[('status', 'running'), ('template', 'annual_audit')]"] == 1
    assert found[f"prisma_agent_runs_total[('gen_ai_agent_id', '{AGENT}')]"] == 3
