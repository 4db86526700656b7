"""The pages of experiments: what is tried as a diff, every look with its interval, and ending one with a reason."""

import psycopg
import pytest
from psycopg.types.json import Jsonb

from prisma_assets.agents.registry import AgentRegistry
from prisma_assets.store.database import Database
from prisma_assets.web.experiment_page import experiment_routes
from prisma_assets.web.page import Pages
from tests.learning.test_experiment_evaluation import BETTER, EQUAL, START, TEST, Trial
from tests.web.visiting import PARTNER, READER, visiting

PAGE = f"/dashboard/experiments/{TEST}"


def browse(url, visitor=PARTNER):
    database, pages = Database(url), Pages()
    routes = experiment_routes(pages, database, AgentRegistry())
    return visiting(pages, routes, visitor=visitor, at_end=database.close)


@pytest.fixture
def web(database_url):
    with browse(database_url) as client:
        yield client


@pytest.fixture
def trial(database_url):
    return Trial(database_url)


def test_without_experiments_it_is_said_how_one_begins(web):
    assert "prisma-assets experiment create" in web.get("/dashboard/experiments").text


def test_one_that_waits_shows_what_it_would_change_and_claims_nothing(web, trial):
    changes = {"prompt": "Be <i>brief</i>.", "parameters": {"sample_size": 30}}
    trial.begin(status="draft", started_at=None, variant_b_changes=Jsonb(changes))
    page = web.get(PAGE).text

    assert "Nothing was judged so far." in page
    assert "<ins>Be &lt;i&gt;brief&lt;/i&gt;.</ins>" in page
    assert "sample size" in page
    assert "<ins>30</ins>" in page
    assert "not begun" in page
    assert "data-chart" not in page


def test_a_judged_one_shows_every_look_and_what_the_verdict_rests_on(web, trial):
    trial.begin("error_rate")
    trial.send(1200, fails=BETTER)
    trial.look()
    page, file = web.get(PAGE).text, web.get(f"{PAGE}.csv").text.splitlines()

    assert "<b>Adopt.</b>" in page
    assert 'data-chart="m-1"' in page
    assert trial.latest["data_sha256"][:16] in page
    assert trial.latest["code_version"] in page
    assert "Propose version 1.0.0-b.1 for work" in page
    assert "completed" in web.get("/dashboard/experiments?status=completed").text
    assert len(file) == 3  # it looked when it began, too
    assert file[0].startswith("as_of,units,verdict,metric")


def test_what_cannot_be_deployed_is_refused_in_a_sentence(web, trial):
    """The version was never proposed through the product, so there is no card to deploy."""
    trial.begin("error_rate")
    answer = web.post(f"{PAGE}/propose")

    assert answer.status_code == 422
    assert "has no proposed version 1.0.0-b.1" in answer.text


def test_one_is_started_looked_at_and_stopped_with_a_reason(web, trial):
    trial.begin("error_rate", status="draft", started_at=None)
    started = web.post(f"{PAGE}/start", follow_redirects=True).text
    looked = web.post(f"{PAGE}/evaluate", follow_redirects=True)
    refused = web.post(f"{PAGE}/stop", data={})
    stopped = web.post(f"{PAGE}/stop", data={"reason": "month end"}, follow_redirects=True).text

    assert "Look now" in started
    assert looked.status_code == 200
    assert "done for a reason" in refused.text
    assert "ana: month end" in stopped
    assert "Look now" not in stopped


def test_a_reader_sees_no_button_and_may_not_act(database_url, trial):
    trial.begin("error_rate")
    with browse(database_url, READER) as web:
        page = web.get(PAGE).text
        refused = [
            web.post(f"{PAGE}/{act}").status_code
            for act in ("start", "evaluate", "stop", "propose")
        ]

    assert 'method="post" action="/dashboard' not in page
    assert refused == [403] * 4


@pytest.mark.parametrize("what", ["nonsense", "11111111-1111-4111-8111-111111111111"])
def test_what_is_not_there_is_a_page_with_a_sentence(web, what):
    answer = web.get(f"/dashboard/experiments/{what}")

    assert answer.status_code == 404
    assert f"No experiment has the id {what}" in answer.text


def test_looks_that_bound_nothing_are_not_drawn(web, trial, database_url):
    """The first looks know so little that everything after them would be a line."""
    trial.begin("error_rate")
    trial.send(40, fails=EQUAL)
    trial.look(START)
    with psycopg.connect(database_url) as connection:
        (found,) = connection.execute("select count(*) from experiment_verdicts").fetchone()

    assert found == 1
    page = web.get(PAGE).text
    assert "Nothing was measured in this time." in page
    assert "no data" in page
