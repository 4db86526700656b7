"""Dashboards written as files: those that ship, the firm's own, and files that are wrong."""

import pytest

from prisma_assets.agents.registry import AgentRegistry
from prisma_assets.learning.counted import Counted
from prisma_assets.learning.dashboard import SHIPPED, Dashboards
from prisma_assets.learning.fleet import Fleet
from prisma_assets.store.database import Database
from prisma_assets.web.domain_page import domain_routes
from prisma_assets.web.page import Pages
from tests.web.counted import AGENT, OTHER, count, ratings, runs
from tests.web.visiting import visiting

OWN = f"""
title: Two of them
agents: [{AGENT}, {OTHER}]
widgets:
  - {{kind: figure, title: Accuracy, metric: accuracy, window: 7d}}
  - {{kind: bar, title: Cost, metric: cost_usd, by: agent}}
  - {{kind: table, title: Both, metrics: [executions, satisfaction], window: 24h}}
"""
WRONG = "title: Wrong\nwidgets:\n  - {kind: figure, title: X, metric: speed}\n"


@pytest.fixture
def own(tmp_path):
    """A folder of the firm's own files."""
    (tmp_path / "two.yaml").write_text(OWN, encoding="utf-8")
    return tmp_path


@pytest.fixture
def web(database_url, own):
    database, pages = Database(database_url), Pages()
    fleet = Fleet(database, Counted(database))
    routes = domain_routes(pages, fleet, Dashboards(AgentRegistry(), own))
    with visiting(pages, routes, at_end=database.close) as client:
        yield client


def test_every_domain_of_the_firm_has_a_dashboard_that_opens(web):
    domains = {card.domain for card in AgentRegistry().find()}

    assert {file.stem for file in SHIPPED.glob("*.yaml")} == domains
    for name in domains:
        page = web.get(f"/dashboard/domains/{name}")
        assert page.status_code == 200
        assert "no data" in page.text


def test_widgets_show_what_was_counted_of_these_agents(web, database_url):
    runs(database_url, 4, accuracy=0.5, cost_usd=0.25)
    runs(database_url, 3, agent="tax-tp-029", cost_usd=9)  # not on the page
    ratings(database_url, 5, agent=OTHER)
    count(database_url)
    page = web.get("/dashboard/domains/two").text

    assert "Accuracy, 7 days" in page
    assert "50.0 %" in page
    assert "n = 4" in page
    assert "target above 95 %" in page
    assert f'"x": ["{AGENT}"' in page  # the other has no cost to draw
    assert "tax-tp-029" not in page
    assert "5.00" in page


def test_a_wrong_file_takes_no_other_down(web, own):
    (own / "wrong.yaml").write_text(WRONG, encoding="utf-8")
    every = web.get("/dashboard/domains")
    page = web.get("/dashboard/domains/wrong")

    assert every.status_code == 200
    assert "wrong.yaml:3:30: widgets.0.metric" in every.text
    assert web.get("/dashboard/domains/two").status_code == 200
    assert page.status_code == 422
    assert "wrong.yaml:3:30" in page.text


def test_a_file_that_was_mended_is_read_again(web, own):
    (own / "wrong.yaml").write_text(WRONG, encoding="utf-8")
    assert web.get("/dashboard/domains/wrong").status_code == 422
    (own / "wrong.yaml").write_text(WRONG.replace("speed", "p95_ms") + "\n", encoding="utf-8")

    assert web.get("/dashboard/domains/wrong").status_code == 200


def test_a_file_of_the_firm_stands_for_the_shipped_one(web, own):
    (own / "tax.yaml").write_text(OWN, encoding="utf-8")

    assert "Two of them" in web.get("/dashboard/domains/tax").text


def test_a_dashboard_nobody_wrote_is_not_found(web):
    page = web.get("/dashboard/domains/none")

    assert page.status_code == 404
    assert "There is no dashboard &#39;none&#39;; there are accounting" in page.text
