"""The HTTP API as programs use it: one stack, real runs, and every refusal as problem details."""

import json
import time
from collections.abc import Callable, Iterator
from typing import Any
from uuid import uuid4

import httpx2
import pytest

NOBODY = "00000000-0000-0000-0000-000000000000"


@pytest.fixture
def api(stack) -> Iterator[httpx2.Client]:
    with httpx2.Client(
        base_url=f"{stack.address}/api/v1", headers=stack.headers, timeout=60
    ) as client:
        yield client


def started(api: httpx2.Client, **extra: Any) -> dict[str, Any]:
    answer = api.post("/executions", json={"template": "numbers", "created_by": "ann", **extra})
    assert answer.status_code == 201, answer.text
    return answer.json()


def until(met: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 40
    while not met():
        assert time.monotonic() < deadline
        time.sleep(0.05)


def status(api: httpx2.Client, execution_id: str) -> str:
    return str(api.get(f"/executions/{execution_id}").json()["status"])


def events(api: httpx2.Client, execution_id: str) -> list[tuple[str | None, str]]:
    """Every event until the stream ends."""
    with api.stream("GET", f"/executions/{execution_id}/events") as answer:
        assert answer.headers["content-type"].startswith("text/event-stream")
        lines = [line for line in answer.iter_lines() if line.startswith("data: ")]
    told = [json.loads(line.removeprefix("data: ")) for line in lines]
    return [(t["step_id"], t["status"]) for t in told]


def assert_problem(answer: Any, code: int, sentence: str) -> dict[str, Any]:
    assert answer.status_code == code, answer.text
    assert answer.headers["content-type"] == "application/problem+json"
    body: dict[str, Any] = answer.json()
    assert body["status"] == code
    assert body["type"].startswith("urn:prisma-assets:problem:")
    assert sentence in body["detail"]
    return body


def test_a_workflow_is_started_watched_and_read(api):
    answer = api.post(
        "/executions",
        json={
            "template": "numbers",
            "inputs": {"amount": 20},
            "created_by": "ann",
            "client_id": "acme",
        },
    )
    execution = answer.json()

    seen = events(api, execution["execution_id"])

    assert answer.headers["location"] == f"/api/v1/executions/{execution['execution_id']}"
    assert seen[-1] == (None, "COMPLETED")
    found = api.get(answer.headers["location"].removeprefix("/api/v1")).json()
    assert [s["outputs"]["value"] for s in found["steps"]] == [20, 40, 41]
    assert (found["client_id"], found["created_by"], found["cost_usd"]) == ("acme", "ann", 0.0)
    assert len(found["dagster_run_ids"]) == 1


def test_the_same_key_starts_one_workflow_and_another_request_under_it_is_refused(api):
    key = {"Idempotency-Key": str(uuid4())}
    body = {"template": "numbers", "created_by": "ann"}

    first = api.post("/executions", json=body, headers=key)
    again = api.post("/executions", json=body, headers=key)

    assert (first.status_code, again.status_code) == (201, 200)
    assert first.json()["execution_id"] == again.json()["execution_id"]
    other = api.post("/executions", json={**body, "inputs": {"amount": 9}}, headers=key)
    assert_problem(other, 422, "stands for another request")
    until(lambda: status(api, first.json()["execution_id"]) == "COMPLETED")
    assert (
        len(api.get(f"/executions/{first.json()['execution_id']}").json()["dagster_run_ids"]) == 1
    )


def test_executions_are_listed_page_by_page(api):
    """What is opened while somebody turns the pages moves nothing."""
    made = [started(api, launch=False, client_id="pages")["execution_id"] for _ in range(5)]
    first = api.get("/executions", params={"limit": 2, "template": "numbers"}).json()
    started(api, launch=False)

    second = api.get("/executions", params={"limit": 3, "cursor": first["next"]}).json()

    found = [e["execution_id"] for e in [*first["items"], *second["items"]]]
    assert found == made[::-1]
    pending = api.get("/executions", params={"status": "PENDING", "limit": 200}).json()
    assert {e["status"] for e in pending["items"]} == {"PENDING"}
    assert pending["next"] is None


def test_a_workflow_that_was_only_stored_begins_when_it_is_resumed(api):
    execution_id = started(api, launch=False)["execution_id"]

    answer = api.post(f"/executions/{execution_id}/resume")

    assert answer.status_code == 202
    until(lambda: status(api, execution_id) == "COMPLETED")
    assert_problem(api.post(f"/executions/{execution_id}/resume"), 409, "nothing is left to do")


def test_a_workflow_is_cancelled_with_who_and_why(api):
    execution_id = started(api, launch=False)["execution_id"]

    answer = api.post(f"/executions/{execution_id}/cancel", json={"by": "ann", "reason": "twice"})
    again = api.post(f"/executions/{execution_id}/cancel", json={"by": "bob", "reason": "me too"})

    assert answer.json()["status"] == again.json()["status"] == "CANCELLED"
    assert again.json()["cancel"]["requested_by"] == "ann"
    assert events(api, execution_id) == [(None, "CANCELLED")]


def test_a_sign_off_nobody_may_give_is_a_conflict(api):
    execution_id = started(api, inputs={"is_signed": True})["execution_id"]
    until(lambda: status(api, execution_id) == "WAITING_APPROVAL")

    answer = api.post(f"/executions/{execution_id}/sign-offs", json={"step": "n3", "by": "ann"})

    assert_problem(answer, 409, "ann")
    assert api.get(f"/executions/{execution_id}").json()["waiting_for"] == {"n3": ["MANAGER"]}


def test_a_browser_that_comes_back_after_the_end_is_told_to_stop(api):
    execution_id = started(api)["execution_id"]
    events(api, execution_id)

    again = api.get(f"/executions/{execution_id}/events", headers={"Last-Event-ID": "end"})

    assert again.status_code == 204


def test_templates_and_agents_are_listed_and_shown(api):
    names = {t["name"] for t in api.get("/templates").json()["items"]}
    picture = api.get("/templates/annual_audit/graph.svg")

    assert {"annual_audit", "multi_jurisdiction_tax", "numbers"} <= names
    assert len(api.get("/templates/annual_audit").json()["steps"]) == 14
    assert picture.headers["content-type"] == "image/svg+xml"
    assert picture.text.startswith("<svg")
    agents = api.get("/agents").json()["items"]
    assert len(agents) == 51
    assert api.get(f"/agents/{agents[0]['id']}").json() == agents[0]


@pytest.mark.parametrize(
    ("method", "path", "body", "code", "sentence"),
    [
        ("GET", "/nothing", None, 404, "Not Found"),
        ("GET", "/templates/nothing", None, 404, "no template is called 'nothing'"),
        ("GET", "/agents/nobody-001", None, 404, 'there is no agent "nobody-001"'),
        ("GET", f"/executions/{NOBODY}", None, 404, "no execution has the id"),
        ("GET", "/executions/x", None, 404, "no execution has the id x"),
        ("GET", f"/executions/{NOBODY}/events", None, 404, "no execution has the id"),
        ("POST", f"/executions/{NOBODY}/cancel", {"by": "a", "reason": "b"}, 404, "no execution"),
        ("POST", f"/executions/{NOBODY}/resume", None, 404, "no execution has the id"),
        ("DELETE", "/executions", None, 405, "Method Not Allowed"),
        ("GET", "/executions?limit=0", None, 422, "greater than or equal to 1"),
        ("GET", "/executions?colour=red", None, 422, "Extra inputs are not permitted"),
        ("GET", "/executions?cursor=x", None, 422, "is no cursor"),
        ("POST", "/executions", {}, 422, "Field required"),
        ("POST", "/executions", {"template": "numbers", "created_by": "a", "x": 1}, 422, "Extra inputs"),
        ("POST", "/executions", {"template": "nombers", "created_by": "a"}, 422, "did you mean 'numbers'"),
        ("POST", "/executions", {"template": "numbers", "created_by": "a", "inputs": {"x": 1}}, 422, "no input 'x'"),
    ],
)  # fmt: skip
def test_what_is_refused_is_a_problem_with_a_sentence(api, method, path, body, code, sentence):
    assert_problem(api.request(method, path, json=body), code, sentence)


def test_a_mistake_names_its_place_in_the_request(api):
    answer = api.post("/executions", json={"template": 1, "created_by": "a", "inputs": {"x": []}})

    body = assert_problem(answer, 422, "the request is wrong")

    assert {e["pointer"].split("/")[1] for e in body["errors"]} == {"template", "inputs"}


@pytest.mark.parametrize(
    "headers",
    [
        {"Sec-Fetch-Site": "cross-site", "Origin": "https://evil.example"},
        {"Sec-Fetch-Site": "same-site"},
        {"Origin": "https://evil.example"},
        {"Origin": "null"},
        {"Host": "evil.example"},
    ],
    ids=" ".join,
)
def test_a_page_of_another_site_changes_nothing(api, headers):
    before = api.get("/executions", params={"limit": 1}).json()

    answer = api.post(
        "/executions", json={"template": "numbers", "created_by": "eve"}, headers=headers
    )

    assert_problem(
        answer,
        403,
        "evil" if "Sec-Fetch-Site" not in headers and "null" not in headers.values() else "",
    )
    assert api.get("/executions", params={"limit": 1}).json() == before


def test_our_own_page_may_change_things(api, stack):
    headers = {"Sec-Fetch-Site": "same-origin", "Origin": stack.address}

    answer = api.post(
        "/executions",
        json={"template": "numbers", "created_by": "ann", "launch": False},
        headers=headers,
    )

    assert answer.status_code == 201


def chunks() -> Iterator[bytes]:
    for _ in range(10):
        yield b" " * 100_000


@pytest.mark.parametrize("content", [b" " * 300_000, chunks()], ids=["declared", "in chunks"])
def test_a_body_that_is_too_long_is_refused(api, content):
    answer = api.post("/executions", content=content, headers={"Content-Type": "application/json"})

    assert_problem(answer, 413, "at most 262,144 bytes")


def test_the_openapi_document_describes_every_path(api):
    document = api.get("/openapi.json").json()

    assert document["servers"] == [{"url": "/api/v1"}]
    assert {
        "/templates", "/templates/{name}", "/templates/{name}/graph.svg", "/agents", "/agents/{agent_id}",
        "/executions", "/executions/{execution_id}", "/executions/{execution_id}/events",
        "/executions/{execution_id}/cancel", "/executions/{execution_id}/sign-offs",
        "/executions/{execution_id}/resume", "/executions/{execution_id}/redo", "/executions/{execution_id}/undo",
        "/executions/{execution_id}/undone", "/sign-offs", "/notifications", "/quarantine", "/quarantine/release",
        "/templates/check", "/feedback",
        "/alerts", "/alerts/{alert_id}", "/alerts/{alert_id}/acknowledge", "/alerts/{alert_id}/resolve",
        "/alert-rules", "/silences", "/agents/{agent_id}/metrics", "/agents/{agent_id}/versions/{version}/lineage",
        "/feedback/{feedback_id}/lineage", "/opportunities", "/opportunities/{opportunity_id}",
        "/opportunities/{opportunity_id}/dismiss", "/experiments", "/experiments/{experiment_id}",
        "/experiments/{experiment_id}/evaluate", "/experiments/{experiment_id}/stop", "/deployments",
        "/deployments/{deployment_id}", "/deployments/{deployment_id}/approve", "/deployments/{deployment_id}/reject",
        "/deployments/{deployment_id}/pause", "/deployments/{deployment_id}/rollback", "/budgets",
        "/budgets/{budget_id}/override", "/budgets/{budget_id}/end", "/metrics",
    } == set(document["paths"])  # fmt: skip
    operations = [o for path in document["paths"].values() for o in path.values()]
    assert all(o["summary"] and o.get("description") for o in operations)
