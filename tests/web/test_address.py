"""The web address as people and programs find it."""

import shutil
from pathlib import Path

import httpx2
import pytest

CHROMIUM = shutil.which("chromium")
QUIET = [
    "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage", "--disable-background-networking",
    "--disable-component-update", "--disable-sync", "--disable-default-apps", "--no-first-run",
]  # fmt: skip


def graphql(stack, query: str):
    answer = httpx2.post(
        f"{stack.address}/graphql", json={"query": query}, headers=stack.headers, timeout=30
    )
    return answer.json()["data"]


def test_healthz_names_every_part(stack):
    """Whoever watches the product learns which part is ill."""
    health = httpx2.get(f"{stack.address}/healthz", timeout=30).json()

    assert health == {
        "status": "ok",
        "parts": {"database": "ok", "dagster": "ok", "code_location": "ok"},
    }


def test_the_dagster_ui_answers_every_other_path(stack):
    """The UI people work in stands at the root of the one address."""
    assert "/_next/static/" in httpx2.get(stack.address, headers=stack.headers).text
    assert "/_next/static/" in httpx2.get(f"{stack.address}/locations", headers=stack.headers).text


def test_workflows_are_jobs_of_the_code_location(stack):
    """A template that ships can be launched from the UI."""
    found = graphql(
        stack,
        "{repositoriesOrError{... on RepositoryConnection{nodes{location{name} jobs{name}}}}}",
    )
    [repository] = found["repositoriesOrError"]["nodes"]

    assert repository["location"]["name"] == "prisma_assets"
    assert any("annual_audit" in job["name"] for job in repository["jobs"])


def test_everything_was_imported_before_the_first_fork(stack):
    """Python hides what goes wrong in the warm process; every run would then import for 4 s again."""
    log = (stack.home / "logs" / "runs.log").read_text(encoding="utf-8")

    assert "Traceback" not in log


@pytest.mark.browser
@pytest.mark.skipif(CHROMIUM is None, reason="needs Debian's chromium")
def test_a_browser_shows_the_workflows(stack, tmp_path: Path):
    """What a person sees on the first visit, on a laptop's screen."""
    from playwright.sync_api import sync_playwright

    problems: list[str] = []
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=QUIET)
        page = browser.new_page(viewport={"width": 1440, "height": 900})
        page.on("pageerror", lambda error: problems.append(str(error)))
        page.goto(f"{stack.link}&next=/jobs")
        page.get_by_text("annual_audit").first.wait_for(timeout=30_000)
        page.screenshot(path=tmp_path / "jobs.png")
        browser.close()

    assert problems == []
