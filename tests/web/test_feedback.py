"""`/api/v1/feedback` as programs and pages use it: good rows stored once and masked, bad ones named, nothing lost."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from uuid import uuid4

import psycopg
import pytest
from starlette.routing import Mount
from starlette.testclient import TestClient

from prisma_assets.agents.registry import AgentRegistry
from prisma_assets.platform.workflow import WorkflowEngine
from prisma_assets.settings import Settings
from prisma_assets.store.event_bus import EventBus
from prisma_assets.web.api import PREFIX, create_api
from prisma_assets.web.app import create_app
from prisma_assets.web.feedback_body import MOST_BYTES, MOST_ROWS
from tests.web.visiting import PARTNER, as_visitor

AGENT = "audit-ethics-045"
PATH = f"{PREFIX}/feedback"
NOBODY = "00000000-0000-4000-8000-000000000000"


def piece(**changes: Any) -> dict[str, Any]:
    given = {"agent_id": AGENT, "source": "user", "feedback_type": "rating", "rating": 4}
    return given | {"task_id": "check", "submitted_by": "jane", "comment": str(uuid4())} | changes


@pytest.fixture(scope="module")
def url(new_database, _migrated) -> Iterator[str]:
    with new_database(_migrated) as made:
        yield made


@pytest.fixture(scope="module")
def web(url, tmp_path_factory) -> Iterator[TestClient]:
    settings = Settings(home=Path(tmp_path_factory.mktemp("home")), database_url=url)
    engine = WorkflowEngine(AgentRegistry(), EventBus(), settings=settings, starts_runs=False)

    async def dagster(*_: Any) -> None:
        raise AssertionError

    pages = [Mount(PREFIX, create_api(engine, AgentRegistry()))]
    app = create_app(dagster=dagster, checks={}, pages=pages, at_end=engine.aclose)
    with TestClient(as_visitor(app, PARTNER), base_url="http://127.0.0.1") as client:
        yield client


def stored(url: str, comment: str) -> list[tuple[Any, ...]]:
    with psycopg.connect(url) as connection:
        query = "select rating, issue_categories from agent_feedback where comment = %s"
        return connection.execute(query, (comment,)).fetchall()


def taken(accepted: int, duplicates: int = 0) -> dict[str, Any]:
    return {"accepted": accepted, "duplicates": duplicates, "rejected": []}


@pytest.mark.parametrize("wrap", [lambda p: p, lambda p: [p], lambda p: {"feedback": [p]}])
def test_a_piece_alone_or_in_a_list_is_stored_once(web, url, wrap):
    said = piece()

    first, again = (web.post(PATH, json=wrap(said)) for _ in range(2))

    assert (first.status_code, first.json()) == (200, taken(1))
    assert (again.status_code, again.json()) == (200, taken(0, 1))
    assert stored(url, said["comment"]) == [(4, [])]


def test_a_form_of_a_page_says_the_same(web, url):
    said = piece(issue_categories=["format", "unclear"])

    answer = web.post(PATH, data=said)

    assert (answer.status_code, answer.json()) == (200, taken(1))
    assert stored(url, said["comment"]) == [(4, ["format", "unclear"])]


def test_good_rows_of_a_spoilt_batch_are_kept_and_the_others_named(web, url):
    good = [piece(), piece()]
    bad = [
        (piece(agent_id="audit-ethic-045"), "did you mean 'audit-ethics-045'"),
        (piece(rating=7), "`rating` is '7'"),
        (piece(feedback_type="correction"), "a correction needs its text"),
        (piece(created_at="2999-01-01"), "in the future"),
        (piece(step_execution_id=NOBODY), "no step has"),
        (piece(comment="half \ud800"), "not UTF-8"),
        (piece(rating=float("nan")), "not finite"),
        (piece(mood="fine"), "no column 'mood'"),
        (piece(comment="x" * 10_001), "at most 10,000 characters"),
        ("fine", "no JSON object"),
    ]
    rows = [good[0], *(row for row, _ in bad), good[1]]

    answer = web.post(PATH, content=json.dumps(rows), headers={"content-type": "application/json"})

    found = answer.json()
    assert (answer.status_code, found["accepted"], found["duplicates"]) == (207, 2, 0)
    assert [r["row"] for r in found["rejected"]] == list(range(2, 12))
    for refused, (_, reason) in zip(found["rejected"], bad, strict=True):
        assert reason in refused["reason"]
    assert all(stored(url, row["comment"]) for row in good)


def test_personal_data_is_masked_before_it_is_stored_and_shown(web):
    web.post(PATH, json=piece(comment="ask jane@example.com or +356 2123 4567", task_id="masked"))

    items = web.get(PATH, params={"agent": AGENT, "limit": 1000}).json()["items"]

    (shown,) = [i["comment"] for i in items if i["task_id"] == "masked"]
    assert shown == "ask [EMAIL_REDACTED] or [PHONE_REDACTED]"


@pytest.mark.parametrize(
    ("content", "media_type", "status", "sentence"),
    [
        (b'{"agent_id":', "application/json", 422, "the body is no JSON"),
        (b"", "application/json", 422, "the body is no JSON"),
        (b"\xff\xfe\x00", "application/json", 422, "the body is no JSON"),
        (b"[" * 100_000, "application/json", 422, "the body is no JSON"),
        (b"7", "application/json", 422, "the body is no feedback"),
        (b'{"feedback": 7}', "application/json", 422, "the body is no feedback"),
        (json.dumps(piece(rating=7)).encode(), "application/json", 422, "`rating` is '7'"),
        (b"agent_id=a&agent_id=b", "application/x-www-form-urlencoded", 422, "`agent_id` 2 times"),
        (b"comment=caf%E9", "application/x-www-form-urlencoded", 422, "not UTF-8"),
        (b"caf\xe9", "application/x-www-form-urlencoded", 422, "no form"),
        (b"agent_id,rating\n", "text/csv", 415, "send application/json"),
        (b"{}", "", 415, "send application/json"),
        (b"[" + b" " * MOST_BYTES + b"]", "application/json", 413, f"{MOST_BYTES:,} bytes"),
        (b"[" + b"7," * MOST_ROWS + b"7]", "application/json", 413, f"at most {MOST_ROWS:,}"),
    ],
)
def test_a_request_that_cannot_be_read_is_one_sentence(web, content, media_type, status, sentence):
    headers = {"content-type": media_type} if media_type else {}

    answer = web.post(PATH, content=content, headers=headers)

    assert (answer.status_code, answer.headers["content-type"]) == (
        status,
        "application/problem+json",
    )
    assert sentence in answer.json()["detail"]


def test_other_paths_keep_their_shorter_body(web):
    assert web.post(f"{PREFIX}/executions", content=b" " * 300_000).status_code == 413


def test_feedback_is_listed_newest_first_and_for_one_agent(web):
    made = [piece(agent_id="tax-vat-028") for _ in range(3)]
    for each in made:
        web.post(PATH, json=each)

    found = web.get(PATH, params={"agent": "tax-vat-028", "limit": 2}).json()["items"]

    assert [i["comment"] for i in found] == [m["comment"] for m in made[:0:-1]]
    assert web.get(PATH, params={"agent": "tax-vat-999"}).status_code == 404
    assert web.get(PATH, params={"limit": 0}).status_code == 422


def test_the_openapi_document_says_what_may_be_sent_and_answered(web):
    post = web.get(f"{PREFIX}/openapi.json").json()["paths"]["/feedback"]["post"]

    assert set(post["requestBody"]["content"]) == {
        "application/json",
        "application/x-www-form-urlencoded",
    }
    assert {"200", "207"} <= set(post["responses"])
