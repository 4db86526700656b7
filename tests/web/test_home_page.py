"""The first page: what waits for somebody, and nothing invented."""

import asyncio
import json
from datetime import UTC, datetime

import psycopg
import pytest
from psycopg.types.json import Jsonb
from starlette.requests import Request

from prisma_assets.learning.desk import desk
from prisma_assets.store.database import Database
from prisma_assets.store.event_bus import EventBus
from prisma_assets.web.home_page import home_routes
from prisma_assets.web.live import Changes, live_routes
from prisma_assets.web.page import Pages
from tests.web.visiting import visiting

AGENT = "audit-plan-012"


@pytest.fixture
def web(database_url):
    database, pages = Database(database_url), Pages()
    with visiting(pages, home_routes(pages, database), at_end=database.close) as client:
        yield client


def execution(connection, status, *, error=None):
    row = connection.execute(
        """insert into workflow_executions (template_name, template_version, template_sha256, dagster_job, engagement_id, created_by, status, error)
        values ('annual_audit', '2.0', repeat('a', 64), 'annual_audit_job', 'acme <2025>', 'ana', %s, %s) returning workflow_execution_id""",
        (status, Jsonb(error) if error else None),
    ).fetchone()
    return str(row[0])


def test_an_empty_firm_has_an_empty_desk(web):
    page = web.get("/dashboard")

    assert page.status_code == 200
    assert "Nothing waits for a person" in page.text
    assert "Latest work" not in page.text
    assert "no data" in page.text  # nothing was spent: no call, no sum
    assert "Nobody watches the fleet: the watchdog has not looked yet" in page.text


def test_what_waits_is_on_the_desk_and_escaped(web, database_url):
    with psycopg.connect(database_url, autocommit=True) as connection:
        waiting = execution(connection, "WAITING_APPROVAL")
        connection.execute(
            "insert into workflow_step_executions (workflow_execution_id, step_id, step_name, status)"
            " values (%s, 'a02', 'accept', 'WAITING_APPROVAL')",
            (waiting,),
        )
        connection.execute(
            "insert into sign_off_requests (workflow_execution_id, step_id, iteration, number, shown, shown_sha256, asked_at)"
            " values (%s, 'a02', 1, 1, '{}', repeat('b', 64), now() - interval '2 hours')",
            (waiting,),
        )
        failed = execution(connection, "FAILED", error={"step_id": "a06", "message": "no ledger"})
        budget = connection.execute(
            "insert into budgets (level, period, limit_usd) values ('firm', 'month', 100) returning budget_id"
        ).fetchone()
        connection.execute(
            "insert into budget_periods (budget_id, starts_on, spent_usd) values (%s, date_trunc('month', now() at time zone 'utc'), 85)",
            budget,
        )
    page = web.get("/dashboard").text

    assert f"/dashboard/workflows/{waiting}/steps/a02" in page
    assert "2 h ago" in page
    assert "acme &lt;2025&gt;" in page
    assert f"/dashboard/workflows/{failed}" in page
    assert "a06: no ledger" in page
    assert "85 %" in page


def test_work_that_needs_nobody_is_still_found(web, database_url):
    """Whoever has just started something looks here for it."""
    with psycopg.connect(database_url, autocommit=True) as connection:
        done = [execution(connection, "COMPLETED") for _ in range(7)]
    page = web.get("/dashboard").text

    assert "Nothing waits for a person" in page
    assert "Latest work" in page
    assert f"/dashboard/workflows/{done[-1]}" in page
    assert f"/dashboard/workflows/{done[0]}" not in page


def test_a_desk_says_what_its_budgets_are_at(database_url):
    async def read():
        async with Database(database_url) as database:
            return await desk(database, now=datetime(2020, 1, 1, tzinfo=UTC))

    found = asyncio.run(read())
    assert found.budgets == []
    assert found.counts["spent_usd"] is None


def test_a_database_that_is_down_is_one_sentence():
    database, pages = Database("postgresql://x:y@127.0.0.1:1/none"), Pages()
    with visiting(pages, home_routes(pages, database), at_end=database.close) as client:
        page = client.get("/dashboard")

    assert page.status_code == 503
    assert "cannot be used now" in page.text
    assert "Traceback" not in page.text


def test_open_pages_hear_of_changes_and_of_nothing_else(database_url):
    """A page of the learning loop hears of feedback, not of alerts."""

    async def heard():
        async with Database(database_url) as database:
            changes = Changes(EventBus(database_url), database)
            scope = {"type": "http", "query_string": b"topics=learning,nonsense", "headers": []}
            answer = await live_routes(changes)[0].endpoint(Request(scope))
            lines = answer.body_iterator
            first = await anext(lines)
            coming = asyncio.ensure_future(anext(lines))
            number = 0
            while not coming.done():  # what is stored before the first look is not heard
                number += 1
                with psycopg.connect(database_url, autocommit=True) as connection:
                    connection.execute(
                        "insert into agent_feedback (agent_id, agent_version, task_id, source, feedback_type, rating, submitted_by, dedupe_key)"
                        " values (%s, '1.0.0', 't', 'user', 'rating', 4, 'max', %s)",
                        (AGENT, str(number)),
                    )
                await asyncio.sleep(0.3)
            said = await coming
            await lines.aclose()
            await changes.aclose()
            return first, said

    first, said = asyncio.run(heard())
    assert first.startswith("retry:")
    event, data = said.strip().split("\n")
    assert event == "event: change"
    assert json.loads(data.removeprefix("data: ")) == ["learning"]


def test_open_pages_hear_of_executions(database_url):
    async def heard():
        bus = EventBus(database_url)
        async with Database(database_url) as database, bus:
            changes = Changes(bus, database)
            with changes.read(["workflows"]) as reader:
                coming = asyncio.ensure_future(reader.changed())
                while not coming.done():  # what is stored before somebody listens is not heard
                    with psycopg.connect(database_url, autocommit=True) as connection:
                        execution(connection, "PENDING")
                    await asyncio.sleep(0.3)
                said = await coming
            await changes.aclose()
            return said

    assert asyncio.run(heard()) == ["workflows"]
