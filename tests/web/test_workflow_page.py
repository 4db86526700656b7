"""Work started, watched, signed and stopped in a browser, and what readers may not do."""

import json
import re
import shutil
import subprocess
import sys
import time

import httpx2
import pytest

from prisma_assets.engagement.sample.write import write_sample
from tests.web.test_address import QUIET

CHROMIUM = shutil.which("chromium")
NOBODY = "00000000-0000-4000-8000-000000000000"
FORM = {"Content-Type": "application/x-www-form-urlencoded"}


@pytest.fixture
def owner(stack):
    with httpx2.Client(base_url=stack.address, headers=stack.headers, timeout=60) as client:
        yield client


@pytest.fixture(scope="module")
def reader(stack, stacks):
    """Somebody who may look."""
    made = stacks.command(stack.home, "token", "create", "reader", "--role", "READONLY", "--json")
    headers = {"Authorization": f"Bearer {json.loads(made.stdout)['token']}"}
    with httpx2.Client(base_url=stack.address, headers=headers, timeout=60) as client:
        yield client


def started(owner, **fields) -> str:
    answer = owner.post("/start/numbers", data={"amount": "20", "is_signed": "yes", **fields})
    assert answer.status_code == 303, answer.text
    return answer.headers["location"]


def until(owner, path: str, words: str) -> str:
    deadline = time.monotonic() + 60
    while words not in (page := owner.get(path).text):
        assert time.monotonic() < deadline, page
        time.sleep(0.2)
    return page


def test_a_form_starts_a_workflow_that_waits_and_says_who_may_not_sign(owner):
    path = started(owner, client_id="acme", engagement_id="acme-2026")
    page = until(owner, path, "n3 · Finish waits for MANAGER")

    assert "Numbers: acme-2026" in page
    assert 'class="step waiting-approval"' in page
    listed = owner.get("/dashboard/workflows?status=WAITING_APPROVAL&template=numbers").text
    assert path in listed
    assert "n3 waits since" in listed
    assert path in owner.get("/dashboard").text

    wrong = owner.post(f"{path}/sign-offs", data={"step": "n3", "by": "max", "role": "MANAGER"})
    assert wrong.status_code == 422
    assert "choose what you decide" in wrong.text
    no_reason = {"step": "n3", "by": "max", "role": "MANAGER", "decision": "reject"}
    refused = owner.post(f"{path}/sign-offs", data=no_reason)
    assert refused.status_code == 422
    assert 'value="max"' in refused.text  # what was typed stays
    signed = {"step": "n3", "by": "max", "role": "MANAGER", "decision": "approve"}
    stranger = owner.post(f"{path}/sign-offs", data=signed)
    assert stranger.status_code == 422
    assert "those sign who have an account, and &#39;max&#39; has none" in stranger.text


def test_a_form_sent_twice_starts_one_workflow(owner):
    assert started(owner, key="twice") == started(owner, key="twice")


def test_what_was_typed_wrong_is_told_beside_it(owner):
    answer = owner.post("/start/numbers", data={"amount": "many"})

    assert answer.status_code == 422
    assert "amount is a whole number, not &#39;many&#39;" in answer.text
    assert 'value="many"' in answer.text


def test_work_is_stopped_with_a_reason_and_continued(owner):
    path = started(owner)
    until(owner, path, "n3 · Finish waits for MANAGER")
    assert "reason" in owner.post(f"{path}/cancel", data={"reason": ""}).text
    assert owner.post(f"{path}/cancel", data={"reason": "month end"}).status_code == 303
    assert "Cancelled by developer: month end" in owner.get(path).text
    assert owner.post(f"{path}/resume").status_code == 303
    until(owner, path, "n3 · Finish waits for MANAGER")


@pytest.fixture(scope="module")
def accounts(stack, stacks):
    """A manager and a partner who may sign where there is no team."""
    for name, role in (("mia", "MANAGER"), ("pia", "PARTNER")):
        made = subprocess.run(
            [sys.executable, "-m", "prisma_assets.cli", "user", "add", name, "--role", role],
            env=stacks.environment(stack.home), input="correct horse battery\n", capture_output=True, text=True, timeout=60,
            check=False,
        )  # fmt: skip
        assert made.returncode == 0, made.stderr


def test_an_account_signs_what_has_no_team_and_the_page_says_what_was_signed(owner, accounts):
    path = started(owner)
    page = until(owner, path, "n3 · Finish waits for MANAGER")
    about = owner.get(path.replace("/dashboard/workflows", "/api/v1/executions")).json()
    asked = about["open_sign_offs"]["n3"]

    assert asked["shown_sha256"] in page
    assert "the result of n1, n2, n3, pass 1" in page
    assert asked["may_sign"] == ["mia"]
    assert "<dt>May sign now</dt><dd>mia</dd>" in page
    assert "nobody so far" in page
    assert "Changes send back n3 and everything behind." in page

    signed = {"step": "n3", "by": "mia", "decision": "approve", "comment": "it <adds> up"}
    assert owner.post(f"{path}/sign-offs", data=signed).status_code == 303
    page = until(owner, path, "completed</span></dd>")
    assert "mia as MANAGER" in page
    assert "it &lt;adds&gt; up" in page
    assert asked["shown_sha256"][:12] in page


def test_finished_work_is_done_again_and_asked_for_anew(owner, accounts):
    path = started(owner)
    until(owner, path, "n3 · Finish waits for MANAGER")

    nothing = owner.post(f"{path}/redo", data={"by": "mia", "reason": "late invoice"})
    assert nothing.status_code == 422
    assert "choose at least one step" in nothing.text
    why = owner.post(f"{path}/redo", data={"by": "mia", "steps": "n2"})
    assert "work is done again for a reason" in why.text
    sent = {"by": "mia", "reason": "late invoice", "steps": ["n1", "n2"]}
    assert owner.post(f"{path}/redo", data=sent).status_code == 303
    page = until(owner, path, "the result of n1, n2, n3, pass 2")
    assert page.count('href="/runs/') >= 2  # every run is linked


@pytest.mark.parametrize(
    ("act", "data", "sentence"),
    [
        ("undo", {}, "nothing is left to undo"),
        ("undone", {"step": "n1", "by": "mia", "reason": "reversed"}, "has no compensation that failed"),
    ],
)  # fmt: skip
def test_what_was_not_undone_is_told(owner, act, data, sentence):
    path = started(owner)
    until(owner, path, "n3 · Finish waits for MANAGER")

    answer = owner.post(f"{path}/{act}", data=data)

    assert answer.status_code == 422
    assert sentence in answer.text


def test_a_reader_sees_everything_and_changes_nothing(owner, reader):
    path = started(owner)
    until(owner, path, "n3 · Finish waits for MANAGER")

    page = reader.get(path).text
    assert "You may look; signing needs one of these roles." in page
    assert "Cancel it" not in page
    signed = {"step": "n3", "role": "MANAGER", "decision": "approve"}
    assert reader.post(f"{path}/sign-offs", data=signed).status_code == 403
    assert reader.post(f"{path}/cancel", data={"reason": "x"}).status_code == 403
    for act in ("resume", "redo", "undo", "undone"):
        assert reader.post(f"{path}/{act}").status_code == 403
    assert reader.post("/start/numbers", data={"amount": "1"}).status_code == 403
    assert "is started by the role EMPLOYEE" in reader.get("/start/numbers").text
    assert "Started by the role MANAGER" in reader.get("/start").text


@pytest.mark.parametrize(
    ("path", "status"),
    [
        (f"/dashboard/workflows/{NOBODY}", 404),
        ("/dashboard/workflows/nonsense", 404),
        ("/start/nonsense", 404),
        ("/dashboard/workflows?status=LOST", 422),
        ("/dashboard/workflows?cursor=x", 422),
    ],
)
def test_what_is_not_there_is_a_page_with_a_sentence(owner, path, status):
    answer = owner.get(path)

    assert answer.status_code == status
    assert 'role="alert"' in answer.text


def test_the_list_as_a_file(owner):
    started(owner)
    answer = owner.get("/dashboard/workflows.csv?template=numbers")

    assert answer.headers["content-type"].startswith("text/csv")
    assert answer.text.splitlines()[0].startswith("execution_id,template,version,status")


def fine(page) -> None:
    """Nothing on the page stands seriously in anybody's way."""
    from axe_playwright_python.sync_playwright import Axe

    found = Axe().run(page).response["violations"]
    bad = [f"{v['id']}: {v['help']}" for v in found if v["impact"] in ("serious", "critical")]
    assert bad == [], page.url


def findings(stack, path: str) -> int:
    """As the API tells them."""
    address = path.replace("/dashboard/workflows", "/api/v1/executions")
    steps = httpx2.get(address, headers=stack.headers).json()["steps"]
    return sum(len((s["workpaper"] or {}).get("findings", ())) for s in steps)


@pytest.mark.slow
@pytest.mark.browser
@pytest.mark.timeout(240)
@pytest.mark.skipif(CHROMIUM is None, reason="needs Debian's chromium")
def test_a_person_audits_the_sample_in_a_browser(stack, tmp_path):
    """Sign in, start from the form, watch, sign, give feedback, see it, and open the run in the Dagster UI."""
    from playwright.sync_api import sync_playwright

    write_sample(tmp_path, seed=4, lines=5_000)
    problems: list[str] = []

    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=QUIET)
        page = browser.new_page(viewport={"width": 1440, "height": 900})
        page.on("pageerror", lambda error: problems.append(str(error)))
        page.goto(f"{stack.link}&next=/start")
        fine(page)
        page.get_by_role("link", name=re.compile("Annual audit")).click()
        page.get_by_label(re.compile("Engagement")).fill(str(tmp_path))
        fine(page)
        page.get_by_role("button", name="Start").click()
        page.get_by_role("heading", name=re.compile("a02 .* waits for PARTNER")).wait_for()
        fine(page)
        path = page.url
        page.get_by_role("radio", name="Approve").check()
        page.get_by_label(re.compile("Signing as")).fill("p.marlowsby")
        page.get_by_label(re.compile("Reason")).fill("known client")
        page.get_by_role("button", name="Decide").click()
        page.get_by_role("heading", name=re.compile("a0[3-9] .* waits for")).first.wait_for()
        found = findings(stack, path)
        page.reload()
        figure = page.locator("dl.figures .figure", has_text="Findings").locator("dd").first
        assert figure.inner_text() == str(found)
        assert found > 0
        page.get_by_role("link", name=re.compile("a01 Independence check")).first.click()
        fine(page)
        page.get_by_role("radio", name="2", exact=True).check()
        page.get_by_label("In your words").fill("The schedule of interests is missing.")
        page.get_by_role("button", name="Send").click()
        page.get_by_text("Thank you; it is stored.").wait_for()
        page.goto(f"{stack.address}/dashboard/learning")
        page.get_by_text("The schedule of interests is missing.").first.wait_for()
        page.goto(path)
        page.get_by_role("link", name="Run in Dagster").click()
        page.get_by_text("annual_audit_job").first.wait_for(timeout=30_000)
        browser.close()

    assert problems == []
