"""The page of alerts: what is wrong in words, people's acts with their reasons, and nothing to press for those who may not."""

import asyncio

import psycopg
import pytest

from prisma_assets.agents.registry import AgentRegistry
from prisma_assets.domain.monitoring.alert import Alert, Subject
from prisma_assets.domain.monitoring.alert_rule import Condition, Kind, Metric, shipped_rules
from prisma_assets.store.alert import AlertStore
from prisma_assets.store.database import Database
from prisma_assets.web.alert_page import alert_routes
from prisma_assets.web.page import Pages
from tests.web.counted import AGENT, OTHER
from tests.web.visiting import PARTNER, READER, visiting

RULE = shipped_rules()[0].id


def browse(url, visitor=PARTNER):
    database, pages = Database(url), Pages()
    routes = alert_routes(pages, database, AgentRegistry())
    return visiting(pages, routes, visitor=visitor, at_end=database.close)


@pytest.fixture
def web(database_url):
    with browse(database_url) as client:
        yield client


def raise_alerts(url, *agents, message="9.5 % of runs failed <b>lately</b>"):
    """One alert about each of these agents; their ids."""
    alerts = [
        Alert(
            rule_id=RULE, subject=Subject.agent(agent), kind=Kind.THRESHOLD, metric=Metric.ERROR_RATE,
            condition=Condition.GREATER_THAN, value=0.095, threshold=0.05, baseline=None, n=200, window_seconds=3600,
            severity="critical", message=message, action="Look at the newest errors.", tell=(),
        )
        for agent in agents
    ]  # fmt: skip

    async def work():
        async with Database(url, max_size=1) as database:
            return await AlertStore(source=database).raise_all(alerts)

    return asyncio.run(work())


def test_calm_is_said_and_rules_are_told(web):
    page = web.get("/dashboard/alerts").text

    assert "No alert is open." in page
    assert "Nobody watches: the watchdog has not looked yet" in page
    assert all(rule.id in page for rule in shipped_rules())
    assert "not looked at yet" in page


def test_an_alert_is_explained_and_escaped_and_one_cause_is_one_group(web, database_url):
    raise_alerts(database_url, AGENT, OTHER)
    page = web.get("/dashboard/alerts").text
    file = web.get("/dashboard/alerts.csv").text.splitlines()

    assert "9.5 % of runs failed &lt;b&gt;lately" in page
    assert "Look at the newest errors." in page
    assert ": 2 at once" in page
    assert len(file) == 3


def test_an_alert_is_looked_after_and_ended_with_a_reason(web, database_url):
    (alert,) = raise_alerts(database_url, AGENT)
    taken = web.post(f"/dashboard/alerts/{alert}/acknowledge", follow_redirects=True)
    refused = web.post(f"/dashboard/alerts/{alert}/resolve", data={"reason": " "})
    ended = web.post(f"/dashboard/alerts/{alert}/resolve", data={"reason": "key was renewed"}, follow_redirects=True)  # fmt: skip
    over = web.get("/dashboard/alerts?status=resolved").text

    assert "ana, just now" in taken.text
    assert (refused.status_code, "done for a reason" in refused.text) == (422, True)
    assert "No alert is open." in ended.text
    assert "key was renewed" in over


def test_quiet_has_an_end_and_a_reason(web, database_url):
    raise_alerts(database_url, AGENT)
    said = {"agent": AGENT, "hours": "8", "reason": "month end"}
    page = web.post("/dashboard/alerts/silences", data=said, follow_redirects=True).text
    (number,) = _numbers(database_url)

    assert "month end" in page
    assert "suppressed" in page
    ended = web.post(f"/dashboard/alerts/silences/{number}/end", follow_redirects=True).text
    assert "Nothing is silenced." in ended
    assert web.post(f"/dashboard/alerts/silences/{number}/end").status_code == 422


@pytest.mark.parametrize(
    ("form", "sentence"),
    [
        ({"reason": "quiet"}, "a firm that hears nothing is not watched"),
        ({"agent": AGENT, "hours": "9000", "reason": "quiet"}, "a silence lasts"),
        ({"agent": AGENT}, "done for a reason"),
        ({f"f{n}": "x" for n in range(101)}, "holds more fields"),
    ],
)
def test_a_wrong_silence_is_a_sentence(web, form, sentence):
    answer = web.post("/dashboard/alerts/silences", data=form)

    assert (answer.status_code, sentence in answer.text) == (422, True)


def test_a_reader_sees_no_button_and_may_not_act(database_url):
    (alert,) = raise_alerts(database_url, AGENT)
    with browse(database_url, READER) as web:
        page = web.get("/dashboard/alerts").text
        places = (f"{alert}/acknowledge", f"{alert}/resolve", "silences", "silences/1/end")
        refused = [web.post(f"/dashboard/alerts/{place}").status_code for place in places]

    assert 'method="post" action="/dashboard' not in page
    assert refused == [403] * 4


def test_an_unknown_state_is_a_sentence(web):
    assert "alerts are active, open" in web.get("/dashboard/alerts?status=loud").text


def _numbers(url):
    with psycopg.connect(url) as connection:
        return [row[0] for row in connection.execute("select silence_id from alert_silences")]
