"""A program that heard no answer sends its request again: what was done is not done twice, and it is told the same."""

import threading
from datetime import UTC, datetime, timedelta

import psycopg
import pytest

from prisma_assets.domain.guardrails.role import Role
from prisma_assets.domain.guardrails.visitor import Visitor
from tests.web.visiting import PARTNER, READER

BUDGET = {"level": "firm", "limit_usd": "100", "reason": "new year"}
KEY = {"Idempotency-Key": "budget-2026"}
OTHER = Visitor("olga", (Role.PARTNER,), "session")


def kept(url: str) -> int:
    with psycopg.connect(url) as connection:
        row = connection.execute("select count(*) from api_answers").fetchone()
    assert row is not None
    return int(row[0])


def test_the_same_request_is_done_once_and_answered_the_same(asking, database_url):
    until = (datetime.now(UTC) + timedelta(hours=1)).isoformat()
    silence = {"agent_id": "audit-plan-012", "until": until, "by": "ana", "reason": "migration"}
    api = asking(PARTNER)

    first = api.post("silences", json=silence, headers=KEY)
    again = api.post("silences", json=silence, headers=KEY)

    assert (first.status_code, again.status_code) == (201, 201)
    assert again.json() == first.json()
    assert again.headers["content-type"] == first.headers["content-type"]
    assert "idempotency-replayed" not in first.headers
    assert again.headers["idempotency-replayed"] == "true"
    assert len(api.get("silences").json()["items"]) == 1


def test_another_request_under_the_key_is_refused(asking):
    api = asking(PARTNER)
    assert api.post("budgets", json=BUDGET, headers=KEY).status_code == 201

    other = api.post("budgets", json={**BUDGET, "limit_usd": "200"}, headers=KEY)

    assert other.status_code == 422
    assert other.headers["content-type"] == "application/problem+json"
    assert other.json()["title"] == "Key used before"
    (budget,) = api.get("budgets").json()["items"]
    assert float(budget["limit_usd"]) == 100


def test_a_key_is_its_callers_own(asking, database_url):
    assert asking(PARTNER).post("budgets", json=BUDGET, headers=KEY).status_code == 201
    other = asking(OTHER).post("budgets", json={**BUDGET, "limit_usd": "200"}, headers=KEY)

    assert other.status_code == 201
    assert kept(database_url) == 2


def test_a_refusal_leaves_the_key_free(asking, database_url):
    wrong = asking(PARTNER).post("budgets", json={**BUDGET, "limit_usd": "-1"}, headers=KEY)
    assert wrong.status_code == 422
    assert asking(READER).post("budgets", json=BUDGET, headers=KEY).status_code == 403
    assert kept(database_url) == 0

    assert asking(PARTNER).post("budgets", json=BUDGET, headers=KEY).status_code == 201


def test_a_request_without_an_answer_is_not_done_again(asking, database_url):
    """Whoever answered it died between the act and the answer: nobody knows whether it was done, and that is said."""
    api = asking(PARTNER)
    assert api.post("budgets", json=BUDGET, headers=KEY).status_code == 201
    with psycopg.connect(database_url, autocommit=True) as connection:
        connection.execute("update api_answers set status = null, body = null")

    again = api.post("budgets", json=BUDGET, headers=KEY)

    assert again.status_code == 409
    assert "look whether it was done" in again.json()["detail"]
    assert again.headers["retry-after"] == "1"


def test_after_a_day_a_key_is_free(asking, database_url):
    api = asking(PARTNER)
    api.post("budgets", json=BUDGET, headers=KEY)
    with psycopg.connect(database_url, autocommit=True) as connection:
        connection.execute("update api_answers set asked_at = asked_at - interval '25 hours'")

    other = api.post("budgets", json={**BUDGET, "limit_usd": "200"}, headers=KEY)

    assert other.status_code == 201


def test_of_many_at_once_one_is_done(asking):
    api = asking(PARTNER)
    api.get("budgets")
    codes: list[int] = []
    until = (datetime.now(UTC) + timedelta(hours=1)).isoformat()
    silence = {"agent_id": "audit-plan-012", "until": until, "by": "ana", "reason": "migration"}

    def send() -> None:
        codes.append(api.post("silences", json=silence, headers=KEY).status_code)

    threads = [threading.Thread(target=send) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert set(codes) <= {201, 409}
    assert 201 in codes
    assert len(api.get("silences").json()["items"]) == 1


@pytest.mark.parametrize("key", ["", "x" * 201, "\u00e9"])
def test_a_key_that_is_none_is_refused(asking, key):
    headers = {"Idempotency-Key": key.encode("latin-1")}

    answer = asking(PARTNER).post("budgets", json=BUDGET, headers=headers)

    assert answer.status_code == 422
    assert "printable" in answer.json()["detail"]


def test_a_body_that_is_too_long_is_refused_under_a_key_too(asking):
    answer = asking(PARTNER).post("budgets", content=b" " * 300_000, headers=KEY)

    assert answer.status_code == 413


def test_the_document_tells_of_the_key_wherever_something_is_done(asking):
    document = asking(PARTNER).get("openapi.json").json()
    posts = {path: ops["post"] for path, ops in document["paths"].items() if "post" in ops}

    for path, operation in posts.items():
        names = [p["name"].lower() for p in operation.get("parameters", ())]
        assert names.count("idempotency-key") == 1, path
