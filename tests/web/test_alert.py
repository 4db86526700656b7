"""`/api/v1/alerts` and what belongs to it, as programs use it: real tables, problem details for what is refused."""

from datetime import UTC, datetime, timedelta
from pathlib import Path

import psycopg
import pytest
from starlette.testclient import TestClient

from prisma_assets.agents.registry import AgentRegistry
from prisma_assets.platform.workflow import WorkflowEngine
from prisma_assets.settings import Settings
from prisma_assets.store.event_bus import EventBus
from prisma_assets.web.api import create_api
from tests.web.visiting import OWNER, as_visitor

AGENT = "audit-plan-012"
ALERT = """
insert into agent_monitoring_alerts (
    scope, agent_id, rule_id, metric, condition, threshold, actual_value, window_seconds, n_observations, alert_type, severity,
    message, fingerprint, subject_id, subject_title)
values ('agent', %(agent)s, 'slow_p95', 'p95_ms', 'greater_than', 2000, 4100, 3600, 40, 'threshold', 'warning',
    'P95 4.1 s', 'slow_p95:' || %(agent)s, %(agent)s, %(agent)s)
returning alert_id::text
"""
NOBODY = "00000000-0000-0000-0000-000000000000"


@pytest.fixture
def web(database_url, tmp_path):
    settings = Settings(home=Path(tmp_path), database_url=database_url)
    engine = WorkflowEngine(AgentRegistry(), EventBus(), settings=settings, starts_runs=False)
    with TestClient(
        as_visitor(create_api(engine, AgentRegistry()), OWNER), base_url="http://127.0.0.1"
    ) as client:
        yield client
        client.portal.call(engine.aclose)


@pytest.fixture
def alert_id(database_url):
    with psycopg.connect(database_url) as connection:
        return connection.execute(ALERT, {"agent": AGENT}).fetchone()[0]


def test_an_alert_is_listed_acknowledged_and_ended(web, alert_id):
    (row,) = web.get("/alerts", params={"status": "active", "agent": AGENT}).json()["items"]
    assert (row["alert_id"], row["message"]) == (alert_id, "P95 4.1 s")

    acknowledged = web.post(f"/alerts/{alert_id}/acknowledge", json={"by": "pat"})
    assert (acknowledged.status_code, acknowledged.json()["acknowledged_by"]) == (200, "pat")

    ended = web.post(
        f"/alerts/{alert_id}/resolve", json={"by": "pat", "reason": "provider is back"}
    )
    assert ended.json()["status"] == "resolved"
    assert web.get("/alerts", params={"status": "active"}).json()["items"] == []


def test_a_silence_is_made_and_listed(web, alert_id):
    until = (datetime.now(UTC) + timedelta(hours=2)).isoformat()

    made = web.post(
        "/silences", json={"agent_id": AGENT, "until": until, "by": "pat", "reason": "drill"}
    )

    assert made.status_code == 201
    assert [s["reason"] for s in web.get("/silences").json()["items"]] == ["drill"]
    assert web.get(f"/alerts/{alert_id}").json()["status"] == "suppressed"


def test_a_rule_asked_for_twice_is_one(web):
    wish = {"metric": "error_rate", "threshold": 0.05, "agent_id": AGENT, "by": "pat"}

    ids = {web.post("/alert-rules", json=wish).json()["id"] for _ in range(2)}

    listed = [rule["id"] for rule in web.get("/alert-rules").json()["items"]]
    assert len(ids) == 1
    assert listed.count(ids.pop()) == 1


@pytest.mark.parametrize(
    ("method", "path", "body", "status", "sentence"),
    [
        ("GET", f"/alerts/{NOBODY}", None, 404, "no alert has the id"),
        ("POST", "/alerts/nonsense/acknowledge", {"by": "pat"}, 404, "no alert has the id nonsense"),
        ("GET", "/alerts?status=broken", None, 422, "the request is wrong"),
        ("POST", "/alert-rules", {"metric": "speed", "threshold": 1, "by": "pat"}, 422, "called 'speed'"),
        ("POST", "/silences", {"rule_id": "none", "until": "2999-01-01T00:00:00Z", "by": "p", "reason": "r"}, 422, "no rule is called 'none'"),
        ("POST", "/silences", {"rule_id": "slow_p95", "until": "2001-01-01T00:00:00Z", "by": "p", "reason": "r"}, 422, "a moment to come"),
    ],
)  # fmt: skip
def test_what_cannot_be_is_a_problem_with_a_sentence(web, method, path, body, status, sentence):
    answer = web.request(method, path, json=body)

    assert answer.status_code == status
    assert answer.headers["content-type"] == "application/problem+json"
    assert sentence in answer.json()["detail"]
