"""The pages of learning, experiments and alerts in a real browser: axe-core finds no serious fault, on the width of a phone."""

import pytest

from tests.learning.test_experiment_evaluation import BETTER, TEST, Trial
from tests.web.counted import OTHER, ratings
from tests.web.test_alert_page import raise_alerts
from tests.web.test_experiment_form import candidate
from tests.web.test_learning_page import AGENT, deployment, opportunity
from tests.web.test_pages_in_a_browser import CHROMIUM, serving


@pytest.mark.browser
@pytest.mark.skipif(CHROMIUM is None, reason="needs Debian's chromium")
def test_pages_are_drawn_and_accessible(database_url):
    from axe_playwright_python.sync_playwright import Axe
    from playwright.sync_api import sync_playwright

    ratings(database_url, 2, agent=AGENT, comment="Which control?")
    trouble = opportunity(database_url)
    version = deployment(database_url, opportunity_id=trouble).to_version
    found = candidate(database_url, trouble, {"prompt": "Name the control.", "parameters": {"late_days": 30}})  # fmt: skip
    raise_alerts(database_url, AGENT, OTHER)
    trial = Trial(database_url)
    trial.begin("error_rate")
    trial.send(300, fails=BETTER)
    trial.look()
    charts = {
        "/dashboard/learning": 0,
        f"/dashboard/learning/lineage/{version}": 0,
        f"/dashboard/learning/candidates/{found}": 0,
        f"/dashboard/experiments/new?opportunity={trouble}": 0,
        "/dashboard/experiments": 0,
        f"/dashboard/experiments/{TEST}": 1,
        "/dashboard/alerts": 0,
    }
    wrong, drawn = [], {}
    with serving(database_url) as address, sync_playwright() as playwright:
        browser = playwright.chromium.launch(
            executable_path=CHROMIUM, args=["--no-sandbox", "--disable-gpu"]
        )
        view = browser.new_page(viewport={"width": 390, "height": 844})
        view.on("pageerror", lambda error: wrong.append(str(error)))
        for path in charts:
            view.goto(address + path)
            view.wait_for_selector("html[data-drawn]", state="attached")
            drawn[path] = view.locator(".plot .main-svg").count() // 3
            wide = view.evaluate("document.documentElement.scrollWidth")
            wrong += [f"{path} is {wide} px wide"] if wide > 390 else []
            found = Axe().run(view).response["violations"]
            wrong += [f"{path}: {v['id']}" for v in found if v["impact"] in ("serious", "critical")]
        browser.close()

    assert wrong == []
    assert drawn == charts
