"""The page of costs: unpriced is not free, budgets say where they stand, and only those who may let one go on."""

import asyncio
from datetime import UTC, datetime
from decimal import Decimal

import psycopg
import pytest

from prisma_assets.domain.monitoring.budget import Balance
from prisma_assets.learning.counted import Counted
from prisma_assets.learning.fleet import Fleet
from prisma_assets.store.budget import BudgetStore
from prisma_assets.store.database import Database
from prisma_assets.web.cost_page import cost_routes
from prisma_assets.web.page import Pages
from tests.web.counted import AGENT, OTHER, count, runs
from tests.web.visiting import PARTNER, READER, visiting


def browse(url, visitor=PARTNER):
    database, pages = Database(url), Pages()
    counted = Counted(database)
    routes = cost_routes(pages, database, Fleet(database, counted), counted)
    return visiting(pages, routes, visitor=visitor, at_end=database.close)


@pytest.fixture
def web(database_url):
    with browse(database_url) as client:
        yield client


def budget(url, *, spent, limit=100):
    """A budget of the firm with so much spent this month; its id."""
    with psycopg.connect(url, autocommit=True) as connection:
        (budget_id,) = connection.execute(
            "insert into budgets (level, period, limit_usd) values ('firm', 'month', %s) returning budget_id",
            (limit,),
        ).fetchone()
        connection.execute(
            "insert into budget_periods (budget_id, starts_on, spent_usd) values (%s, date_trunc('month', now() at time zone 'utc'), %s)",
            (budget_id, spent),
        )
    return budget_id


def test_without_a_run_nothing_is_claimed(web):
    page = web.get("/dashboard/costs").text

    assert "No run was counted in this time." in page
    assert "No budget is set" in page
    assert "no data" in page
    assert "data-chart" not in page


def test_unpriced_runs_are_counted_and_in_no_sum(web, database_url):
    runs(database_url, 3, cost_usd=0.5)
    runs(database_url, 2, agent=OTHER, cost_usd=None)
    count(database_url)
    page = web.get("/dashboard/costs?by=agent").text
    file = web.get("/dashboard/costs.csv?by=agent").text.splitlines()

    assert "$1.50" in page
    assert "2 of 5 runs have no price: they are unpriced, not free" in page
    assert file[0].startswith("key,runs,unpriced,cost_usd")
    assert sorted(line.split(",")[:4] for line in file[1:]) == [
        [AGENT, "3", "0", "1.500000"],
        [OTHER, "2", "2", ""],
    ]


def test_what_nobody_said_is_said_so(web, database_url):
    runs(database_url, 1)
    count(database_url)

    assert "not said" in web.get("/dashboard/costs?by=client").text


@pytest.mark.parametrize("query", ["by=weather", "window=24h", "window=2d"])
def test_what_costs_are_not_told_by_is_a_sentence(web, query):
    page = web.get(f"/dashboard/costs?{query}")

    assert page.status_code == 422
    assert "choose one of" in page.text


@pytest.mark.parametrize(
    ("spent", "standing"),
    [(79, "ok"), (80, "warning"), (99, "warning"), (100, "paused"), (120, "stopped")],
)
def test_a_budget_says_where_it_stands(spent, standing):
    balance = Balance(
        budget_id="b", level="firm", scope=None, limit_usd=Decimal(100), spent_usd=Decimal(spent), reserved_usd=Decimal(0)
    )  # fmt: skip

    assert balance.standing == standing


def test_who_may_lets_a_budget_go_on_with_a_reason(web, database_url):
    budget_id = budget(database_url, spent=105)
    assert "Let it go to 120 %" in web.get("/dashboard/costs").text
    answer = web.post(
        f"/dashboard/costs/budgets/{budget_id}/override", data={"reason": "year end <rush>"}
    )

    assert answer.url.path == "/dashboard/costs"
    assert "by ana: year end &lt;rush&gt;" in answer.text
    assert "Let it go to 120 %" not in answer.text


def test_nobody_lets_a_budget_go_on_without_a_reason_or_a_budget(web, database_url):
    budget_id = budget(database_url, spent=105)

    silent = web.post(f"/dashboard/costs/budgets/{budget_id}/override", data={"reason": " "})
    assert silent.status_code == 422
    unknown = web.post("/dashboard/costs/budgets/none/override", data={"reason": "why"})
    assert unknown.status_code == 404


def test_a_reader_is_neither_shown_the_form_nor_heard(database_url):
    budget_id = budget(database_url, spent=105)
    with browse(database_url, READER) as web:
        page = web.get("/dashboard/costs").text
        refused = web.post(
            f"/dashboard/costs/budgets/{budget_id}/override", data={"reason": "please"}
        )

    assert "Let it go to 120 %" not in page
    assert refused.status_code == 403
    assert _overridden(database_url) == [None]


def test_invoices_that_were_compared_are_listed(web, database_url):
    with psycopg.connect(database_url, autocommit=True) as connection:
        connection.execute(
            "insert into invoice_matches (provider, file_name, file_sha256, first_day, last_day, invoiced_usd, recorded_usd, is_agreed, price_version, rates)"
            " values ('openai', 'may.csv', repeat('a', 64), '2026-05-01', '2026-05-31', 101, 99, false, 'v', '{}')"
        )
    page = web.get("/dashboard/costs").text

    assert "may.csv" in page
    assert "differs" in page
    assert "$101.00" in page


def _overridden(url):
    async def read():
        async with Database(url) as database:
            balances = await BudgetStore(source=database).balances(at=datetime.now(UTC))
            return [row["overridden_by"] for row in balances]

    return asyncio.run(read())
