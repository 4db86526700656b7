"""Figures by any dimension over any window, for programs."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from starlette.routing import Mount
from starlette.testclient import TestClient

from prisma_assets.agents.registry import AgentRegistry
from prisma_assets.platform.workflow import WorkflowEngine
from prisma_assets.settings import Settings
from prisma_assets.store.event_bus import EventBus
from prisma_assets.web.api import PREFIX, create_api
from prisma_assets.web.app import create_app
from tests.web.counted import AGENT, OTHER, count, runs
from tests.web.visiting import READER, as_visitor


@pytest.fixture
def api(database_url, tmp_path):
    settings = Settings(home=tmp_path, database_url=database_url)
    engine = WorkflowEngine(AgentRegistry(), EventBus(), settings=settings, starts_runs=False)

    async def dagster(*_: Any) -> None:
        raise AssertionError

    pages = [Mount(PREFIX, create_api(engine, AgentRegistry()))]
    app = create_app(dagster=dagster, checks={}, pages=pages, at_end=engine.aclose)
    with TestClient(as_visitor(app, READER), base_url=f"http://127.0.0.1{PREFIX}/") as client:
        yield client


def test_a_program_asks_by_any_dimension_and_for_the_parts_of_one_value(api, database_url):
    runs(database_url, 3, cost_usd=None)
    runs(database_url, 1, agent=OTHER, outcome="error", error_type="ToolError")
    count(database_url)
    by_domain = api.get("metrics", params={"by": "domain", "window": "7d"}).json()
    one = api.get("metrics", params={"by": "agent", "value": AGENT}).json()

    assert [(i["value"], i["executions"], i["unpriced"]) for i in by_domain["items"]] == [
        ("audit", 3, 3),
        ("tax", 1, 0),
    ]
    assert by_domain["items"][1]["error_types"] == {"ToolError": 1}
    assert by_domain["items"][0]["cost_usd"] is None
    assert (by_domain["parts"], one["parts_are"]) == ([], "1d")
    assert sum(part["executions"] for part in one["parts"]) == one["items"][0]["executions"] == 3


def test_the_last_minutes_need_no_counting(api, database_url):
    runs(database_url, 2, ago=timedelta(seconds=20))

    (item,) = api.get("metrics", params={"window": "1m"}).json()["items"]
    assert (item["value"], item["executions"], item["accuracy_n"]) == (AGENT, 2, 2)
    assert item["per_hour"] == pytest.approx(120)


def test_without_a_fact_nothing_is_listed(api):
    assert api.get("metrics", params={"by": "model", "window": "1y"}).json()["items"] == []


def test_days_are_given_in_the_place_of_a_window(api, database_url):
    runs(database_url, 1)
    count(database_url)
    today = (datetime.now(UTC) - timedelta(hours=1)).date()

    found = api.get("metrics", params={"since": str(today), "until": str(today)}).json()
    assert [item["executions"] for item in found["items"]] == [1]


@pytest.mark.parametrize(
    ("asked", "sentence"),
    [
        ({"by": "city"}, "agent"),
        ({"window": "2h"}, "1m"),
        ({"since": "2026-03-01"}, "both `since` and `until`"),
        ({"since": "2026-03-02", "until": "2026-03-01"}, "is no window"),
        ({"since": "9999-12-31", "until": "9999-12-31"}, "is no window"),
        ({"value": "a\x00"}, "value"),
    ],
)
def test_what_cannot_be_answered_is_refused_with_a_sentence(api, asked, sentence):
    answer = api.get("metrics", params=asked)

    assert answer.status_code == 422
    assert sentence in answer.text
