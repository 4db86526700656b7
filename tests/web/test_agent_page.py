"""The table of agents and the page of one: counted figures with n and interval, "no data" where nothing was measured."""

import csv
import io
import re
from datetime import timedelta

import pytest

from prisma_assets.agents.registry import AgentRegistry
from prisma_assets.learning.counted import Counted
from prisma_assets.learning.fleet import Fleet
from prisma_assets.store.database import Database
from prisma_assets.web.agent_page import agent_routes
from prisma_assets.web.page import Pages
from tests.web.counted import AGENT, OTHER, count, ratings, runs
from tests.web.visiting import visiting


@pytest.fixture
def web(database_url):
    database, pages = Database(database_url), Pages()
    routes = agent_routes(pages, database, AgentRegistry(), Fleet(database, Counted(database)))
    with visiting(pages, routes, at_end=database.close) as client:
        yield client


def table(web, **query):
    """The file beside the table, as rows by column."""
    answer = web.get("/dashboard/agents.csv", params=query)
    assert answer.headers["content-type"].startswith("text/csv")
    return list(csv.DictReader(io.StringIO(answer.text)))


def test_before_anything_is_counted_every_agent_has_no_data(web):
    page = web.get("/dashboard/agents")

    assert page.status_code == 200
    assert page.text.count('colspan="7">no data') == 51
    assert "51 of 51 agents" in page.text


def test_a_line_holds_what_was_counted_with_n_and_interval(web, database_url):
    runs(database_url, 30)
    runs(database_url, 10, outcome="error", error_type="ToolError", cost_usd=None, accuracy=None)
    ratings(database_url, 4, 5)
    count(database_url)
    line = next(row for row in table(web) if row["agent_id"] == AGENT)

    assert (line["executions"], line["error_rate"], line["unpriced"]) == ("40", "0.25", "10")
    assert float(line["p95_ms"]) == pytest.approx(1000, rel=0.01)
    assert float(line["cost_per_run"]) == pytest.approx(0.01)
    assert (line["accuracy"], line["accuracy_n"]) == ("0.9", "30")
    assert float(line["accuracy_low"]) < 0.9 < float(line["accuracy_high"])
    assert (line["satisfaction"], line["satisfaction_n"]) == ("4.5", "2")
    page = web.get("/dashboard/agents").text
    assert "10 unpriced" in page
    assert "10 of 40 runs have no price" in page


def test_a_page_shows_what_was_counted_after_the_last_look(web, database_url):
    runs(database_url, 1)
    count(database_url)
    before = next(r for r in table(web) if r["agent_id"] == AGENT)["executions"]
    runs(database_url, 2)
    count(database_url)

    assert before == "1"
    assert next(r for r in table(web) if r["agent_id"] == AGENT)["executions"] == "3"


def test_agents_without_a_figure_go_last_whichever_way_it_is_sorted(web, database_url):
    runs(database_url, 2, duration_ms=100)
    runs(database_url, 2, agent=OTHER, duration_ms=9000)
    count(database_url)

    falling = [r["agent_id"] for r in table(web, sort="p95", order="desc")]
    rising = [r["agent_id"] for r in table(web, sort="p95", order="asc")]
    assert falling[:2] == [OTHER, AGENT]
    assert rising[:2] == [AGENT, OTHER]


def test_people_find_an_agent_by_domain_and_by_name(web):
    assert {r["domain"] for r in table(web, domain="tax")} == {"tax"}
    assert [r["agent_id"] for r in table(web, q="planning spec")] == [AGENT]
    assert "No agent fits" in web.get("/dashboard/agents", params={"q": "nobody"}).text


def test_a_link_sorts_and_keeps_what_was_chosen(web):
    page = web.get("/dashboard/agents?window=7d&domain=tax&sort=runs&order=desc").text

    assert "window=7d&amp;domain=tax&amp;sort=p95&amp;order=desc" in page
    assert "window=90d&amp;domain=tax&amp;sort=runs&amp;order=desc" in page
    assert 'aria-sort="descending"' in page


def test_a_window_nobody_knows_is_a_sentence(web):
    page = web.get("/dashboard/agents?window=1y")

    assert page.status_code == 422
    assert "there is no window &#39;1y&#39;; choose one of 24h, 7d, 30d, 90d" in page.text


def test_a_day_shows_hours_and_older_runs_are_left_out(web, database_url):
    runs(database_url, 3)
    runs(database_url, 5, ago=timedelta(hours=26))
    count(database_url)

    assert next(r for r in table(web, window="24h") if r["agent_id"] == AGENT)["executions"] == "3"
    assert next(r for r in table(web, window="7d") if r["agent_id"] == AGENT)["executions"] == "8"


def test_the_page_of_an_agent_says_who_it_is_and_what_it_did(web, database_url):
    runs(database_url, 4)
    runs(database_url, 1, outcome="error", error_type="<ToolError>")
    ratings(database_url, 2, comment="wrong <VAT> rate")
    count(database_url)
    page = web.get(f"/dashboard/agents/{AGENT}")

    assert page.status_code == 200
    assert "Audit Planning Specialist" in page.text
    assert "&lt;ToolError&gt;" in page.text
    assert "wrong &lt;VAT&gt; rate" in page.text
    assert "Not judged yet: trends need 28 counted days." in page.text
    assert page.text.count("data-chart=") == 5
    assert "n = 5" in page.text


def test_an_agent_that_never_ran_has_a_page_without_charts(web):
    page = web.get(f"/dashboard/agents/{AGENT}").text

    assert page.count("Nothing was measured in this time.") == 5
    assert "data-chart=" not in page


def test_parts_without_a_run_are_gaps_and_not_zeros(web, database_url):
    runs(database_url, 2)
    count(database_url)
    page = web.get(f"/dashboard/agents/{AGENT}?window=7d").text
    spec = re.search(r'data-chart="latency">(.*?)</script>', page, re.S).group(1)
    file = web.get(f"/dashboard/agents/{AGENT}.csv?window=7d").text

    assert spec.count("null") >= 6 * 3  # six days of three quantiles
    assert len(file.splitlines()) == 2


def test_an_agent_nobody_knows_is_not_found(web):
    page = web.get("/dashboard/agents/audit-plan-013")

    assert page.status_code == 404
    assert "there is no agent &#34;audit-plan-013&#34;; closest: audit-plan-012" in page.text


def test_a_file_of_a_table_runs_nothing_in_a_spreadsheet(web):
    from prisma_assets.web.csv_file import csv_file

    text = csv_file("x", ("name", "n"), [("=1+1", None), ("-cmd", -1)]).body.decode()

    assert text.splitlines() == ["name,n", "'=1+1,", "'-cmd,-1"]
