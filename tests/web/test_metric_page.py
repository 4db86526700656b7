"""Figures by anything they are kept by: a line per value, one value part by part, and the same as a file."""

import csv
import io
from datetime import timedelta

import pytest

from prisma_assets.store.database import Database
from prisma_assets.store.metric_window import DIMENSIONS
from prisma_assets.web.metric_page import metric_page_routes
from prisma_assets.web.page import Pages
from tests.web.counted import AGENT, OTHER, count, runs
from tests.web.visiting import visiting

PAGE = "/dashboard/metrics"


@pytest.fixture
def web(database_url):
    database, pages = Database(database_url), Pages()
    with visiting(pages, metric_page_routes(pages, database), at_end=database.close) as client:
        yield client


def table(web, **query):
    answer = web.get(f"{PAGE}.csv", params=query)
    assert answer.headers["content-type"].startswith("text/csv")
    return list(csv.DictReader(io.StringIO(answer.text)))


@pytest.mark.parametrize("window", ["1m", "1d", "1y"])
def test_before_anything_is_measured_the_page_says_so(web, window):
    pages = [web.get(PAGE, params={"by": by, "window": window}) for by in DIMENSIONS]

    assert {page.status_code for page in pages} == {200}
    assert all("Nothing was measured in this time." in page.text for page in pages)


def test_a_line_per_value_with_what_each_figure_rests_on(web, database_url):
    runs(database_url, 30)
    runs(database_url, 10, agent=OTHER, outcome="error", error_type="<Tool>", cost_usd=None, accuracy=None)  # fmt: skip
    count(database_url)
    page = web.get(PAGE).text

    assert page.index('value=audit"') < page.index('value=tax"')
    assert "n = 30" in page
    assert "10 unpriced" in page
    assert "&lt;Tool&gt; 10" in page
    assert "not said" in web.get(PAGE, params={"by": "client"}).text


def test_what_is_unknown_is_an_empty_field_of_the_file(web, database_url):
    runs(database_url, 4, cost_usd=None)
    count(database_url)
    (line,) = table(web, by="agent", window="7d")

    assert (line["value"], line["executions"], line["unpriced"]) == (AGENT, "4", "4")
    assert (line["cost_usd"], line["automation_rate"], line["satisfaction"]) == ("", "", "")


def test_a_value_is_told_part_by_part(web, database_url):
    runs(database_url, 2)
    runs(database_url, 3, ago=timedelta(hours=30))
    count(database_url)
    page = web.get(PAGE, params={"by": "agent", "value": AGENT, "window": "7d"}).text
    parts = table(web, by="agent", value=AGENT, window="7d")

    assert page.count("data-chart=") == 3
    assert sum(int(part["executions"]) for part in parts) == 5
    assert len({part["start"] for part in parts}) == 2


def test_the_last_hour_needs_no_counting(web, database_url):
    runs(database_url, 2, ago=timedelta(minutes=20))

    assert [line["executions"] for line in table(web, by="agent", window="1h")] == ["2"]
    assert "read from the runs themselves" in web.get(PAGE, params={"window": "1h"}).text


@pytest.mark.parametrize(
    ("query", "sentence"),
    [({"by": "city"}, "choose one of agent, version"), ({"window": "2h"}, "choose one of 1m, 1h")],
)
def test_what_is_not_kept_is_a_sentence(web, query, sentence):
    page = web.get(PAGE, params=query)

    assert page.status_code == 422
    assert sentence in page.text
