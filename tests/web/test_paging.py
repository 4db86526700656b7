"""Lists page by page, corrections by program, and what else only the command line could do."""

from datetime import UTC, datetime, timedelta

import psycopg
import pytest
from psycopg.types.json import Jsonb

from prisma_assets.domain.errors import InputError
from prisma_assets.web.paging import Items, Paged, page
from tests.web.visiting import PARTNER, READER

AGENT = "audit-plan-012"
NOBODY = "00000000-0000-4000-8000-000000000000"
ROWS = [{"id": n, "name": str(n)} for n in range(5)]


def every(rows, limit: int) -> list[Items]:
    pages = [page(rows, Paged(limit=limit), key="id")]
    while (cursor := pages[-1].next) is not None:
        pages.append(page(rows, Paged(limit=limit, cursor=cursor), key="id"))
    return pages


@pytest.mark.parametrize(("limit", "lengths"), [(2, [2, 2, 1]), (5, [5]), (4, [4, 1]), (1, [1] * 5)])  # fmt: skip
def test_every_row_stands_on_one_page(limit, lengths):
    pages = every(ROWS, limit)

    assert [len(p.items) for p in pages] == lengths
    assert [row for p in pages for row in p.items] == ROWS


def test_what_is_new_at_the_beginning_moves_no_page():
    first = page(ROWS, Paged(limit=2), key="id")
    second = page([{"id": 9}, *ROWS], Paged(limit=2, cursor=first.next), key="id")

    assert [row["id"] for row in second.items] == [2, 3]


@pytest.mark.parametrize("cursor", ["x", "", "\u00e9", "aGVsbG8="])
def test_a_cursor_of_another_list_is_refused(cursor):
    with pytest.raises(InputError, match="begin without one"):
        page(ROWS, Paged(cursor=cursor), key="id")


def test_an_empty_list_is_one_empty_page():
    assert page([], Paged(), key="id") == Items(items=[], next=None)


def all_of(api, path: str, limit: int) -> list[dict]:
    found: list[dict] = []
    params: dict = {"limit": limit}
    while True:
        answer = api.get(path, params=params)
        assert answer.status_code == 200, answer.text
        body = answer.json()
        assert len(body["items"]) <= limit
        found += body["items"]
        if body["next"] is None:
            return found
        params["cursor"] = body["next"]


def test_feedback_is_read_page_by_page_while_more_comes(asking):
    api = asking(PARTNER)
    said = [
        {"agent_id": AGENT, "source": "user", "feedback_type": "rating", "rating": n % 5 + 1, "task_id": f"t{n}", "submitted_by": "ana"}
        for n in range(7)
    ]  # fmt: skip
    assert api.post("feedback", json=said).status_code == 200

    first = api.get("feedback", params={"limit": 3}).json()
    api.post("feedback", json={**said[0], "task_id": "later"})
    rest = api.get("feedback", params={"limit": 100, "cursor": first["next"]}).json()

    ids = [one["feedback_id"] for one in (*first["items"], *rest["items"])]
    assert len(ids) == len(set(ids)) == 7
    assert rest["next"] is None
    assert len(all_of(api, "feedback", 2)) == 8
    assert api.get("feedback", params={"cursor": "x"}).status_code == 422


@pytest.mark.parametrize(
    "path",
    ["agents", "templates", "alerts", "silences", "alert-rules", "opportunities", "experiments", "deployments", "budgets",
     "feedback", "executions", "sign-offs", "notifications", "quarantine"],
)  # fmt: skip
def test_every_list_has_pages_and_refuses_a_wrong_cursor(asking, path):
    api = asking(PARTNER)
    body = api.get(path, params={"limit": 2}).json()

    assert set(body) >= {"items", "next"}
    assert api.get(path, params={"cursor": "!"}).status_code == 422
    assert api.get(path, params={"limit": 0}).status_code == 422
    whole = all_of(api, path, 2)
    assert len(whole) == len({str(row) for row in whole})


def test_all_agents_come_in_one_answer_unless_asked_for_fewer(asking):
    api = asking(PARTNER)

    assert len(api.get("agents").json()["items"]) == 51
    assert len(all_of(api, "agents", 20)) == 51


def test_budgets_and_silences_page_by_page(asking):
    api = asking(PARTNER)
    for agent in ("audit-plan-012", "audit-risk-013", "audit-analytics-017"):
        budget = {"level": "agent", "scope": agent, "limit_usd": "10", "reason": "a start"}
        assert api.post("budgets", json=budget).status_code == 201
        until = (datetime.now(UTC) + timedelta(hours=1)).isoformat()
        silence = {"agent_id": agent, "until": until, "by": "ana", "reason": "migration"}
        assert api.post("silences", json=silence).status_code == 201

    assert len(all_of(api, "budgets", 2)) == 3
    assert len(all_of(api, "silences", 2)) == 3


GOOD = """
name: close
title: Close
version: '1'
description: Closes.
steps:
  - {id: c1, name: begin, title: Begin, objective: Begin., compute: {value: '1'}}
"""


def test_a_template_is_checked_without_being_stored(asking):
    api = asking(READER)

    good = api.post("templates/check", json={"yaml": GOOD})
    assert good.json() == {"is_valid": True, "name": "close", "problems": []}
    bad = api.post("templates/check", json={"yaml": GOOD.replace("objective: Begin., ", "")}).json()
    assert (bad["is_valid"], bad["name"]) == (False, None)
    assert bad["problems"][0].startswith("template:7:")
    assert api.post("templates/check", json={"yaml": "a: [b"}).json()["is_valid"] is False
    assert "close" not in {t["name"] for t in api.get("templates").json()["items"]}


@pytest.mark.parametrize(
    ("act", "body"),
    [("redo", {"steps": ["a04"], "by": "ana", "reason": "late"}), ("undo", {}), ("undone", {"step": "a04", "by": "ana", "reason": "late"})],
)  # fmt: skip
def test_a_correction_of_no_execution_is_not_found_and_a_readers_is_refused(asking, act, body):
    path = f"executions/{NOBODY}/{act}"

    assert asking(PARTNER).post(path, json=body).status_code == 404
    assert asking(READER).post(path, json=body).status_code == 403


@pytest.fixture
def set_aside(database_url) -> str:
    """A fact that cannot be true."""
    with psycopg.connect(database_url, autocommit=True) as connection:
        row = connection.execute(
            """insert into quarantined_facts (fact_key, kind, agent_id, day, reason, fact)
            values ('run:1', 'run', %s, now(), 'too long', %s) returning fact_key""",
            (AGENT, Jsonb({"duration_ms": -1})),
        ).fetchone()
    assert row is not None
    return str(row[0])


def test_a_fact_is_released_with_a_reason(asking, set_aside):
    api = asking(PARTNER)
    assert [f["fact_key"] for f in api.get("quarantine").json()["items"]] == [set_aside]

    asked = {"fact_keys": [set_aside], "reason": "the ledger was closed twice"}
    assert asking(READER).post("quarantine/release", json=asked).status_code == 403
    api = asking(PARTNER)
    assert api.post("quarantine/release", json=asked).json()["released"] == 1

    assert api.get("quarantine").json()["items"] == []
    (fact,) = api.get("quarantine", params={"released": True}).json()["items"]
    assert fact["released_by"] == PARTNER.name
    assert api.post("quarantine/release", json={**asked, "fact_keys": ["none"]}).status_code == 422
