"""The pages of agents, costs and dashboards in a real browser: charts are drawn, and axe-core finds no serious fault."""

import shutil
import threading
import time
from contextlib import contextmanager

import psycopg
import pytest
import uvicorn
from starlette.responses import PlainTextResponse

from prisma_assets.agents.registry import AgentRegistry
from prisma_assets.platform.workflow import WorkflowEngine
from prisma_assets.store.database import Database
from prisma_assets.store.event_bus import EventBus
from prisma_assets.web.app import create_app
from prisma_assets.web.dashboard import dashboard_routes
from prisma_assets.web.live import Changes
from prisma_assets.web.page import Pages
from prisma_assets.web.problem_page import problem_pages
from tests.web.counted import AGENT, count, ratings, runs
from tests.web.visiting import PARTNER, as_visitor

CHROMIUM = shutil.which("chromium")
PAGES = {
    "/dashboard/agents?domain=audit": 0,
    f"/dashboard/agents/{AGENT}": 5,
    "/dashboard/metrics": 0,
    f"/dashboard/metrics?by=agent&value={AGENT}&window=7d": 3,
    "/dashboard/costs": 1,
    "/dashboard/domains/audit": 4,
}
"""Charts of each."""


@contextmanager
def serving(url):
    """The pages on a port of their own; gives the address."""
    database = Database(url)
    bus, agents = EventBus(url), AgentRegistry()
    changes = Changes(bus, database)
    engine = WorkflowEngine(agents, bus, starts_runs=False)

    async def close():
        await changes.aclose()
        await engine.aclose()
        await database.close()

    app = create_app(
        dagster=PlainTextResponse("", 404),
        checks={},
        pages=dashboard_routes(Pages(), database, registry=agents, changes=changes, engine=engine),
        problems=problem_pages(Pages()),
        at_end=close,
    )
    config = uvicorn.Config(
        as_visitor(app, PARTNER), port=0, log_level="error", timeout_graceful_shutdown=1
    )
    server = uvicorn.Server(config)
    thread = threading.Thread(target=server.run)
    thread.start()
    while not server.started:
        time.sleep(0.01)
    try:
        yield f"http://127.0.0.1:{server.servers[0].sockets[0].getsockname()[1]}"
    finally:
        server.should_exit = True
        thread.join()


@pytest.mark.browser
@pytest.mark.timeout(300)  # a browser on a busy machine
@pytest.mark.skipif(CHROMIUM is None, reason="needs Debian's chromium")
def test_pages_are_drawn_and_accessible(database_url):
    from axe_playwright_python.sync_playwright import Axe
    from playwright.sync_api import sync_playwright

    runs(database_url, 9)
    runs(database_url, 1, outcome="error", error_type="ToolError", cost_usd=None)
    ratings(database_url, 4, 5, comment="good")
    count(database_url)
    with psycopg.connect(database_url, autocommit=True) as connection:
        connection.execute("insert into budgets (level, period, limit_usd) values ('firm', 'month', 100)")  # fmt: skip
    wrong, drawn = [], {}
    with serving(database_url) as address, sync_playwright() as playwright:
        browser = playwright.chromium.launch(
            executable_path=CHROMIUM, args=["--no-sandbox", "--disable-gpu"]
        )
        view = browser.new_page(viewport={"width": 390, "height": 844})
        view.on("pageerror", lambda error: wrong.append(str(error)))
        for path in PAGES:
            view.goto(address + path)
            view.wait_for_selector("html[data-drawn]", state="attached")
            drawn[path] = view.locator(".plot .main-svg").count() // 3
            wide = view.evaluate("document.documentElement.scrollWidth")
            wrong += [f"{path} is {wide} px wide"] if wide > 390 else []
            found = Axe().run(view).response["violations"]
            wrong += [f"{path}: {v['id']}" for v in found if v["impact"] in ("serious", "critical")]
        browser.close()

    assert wrong == []
    assert drawn == PAGES
