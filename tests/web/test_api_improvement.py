"""The learning loop, deployments and budgets for programs; and no request made from the document is answered with a failure."""

from typing import Any

import psycopg
import pytest

from prisma_assets.domain.guardrails.role import Permission, Role
from prisma_assets.domain.guardrails.visitor import Visitor
from tests.web.visiting import OWNER, PARTNER, READER

AGENT = "audit-plan-012"
NOBODY = "00000000-0000-4000-8000-000000000000"
MANAGER = Visitor("max", (Role.MANAGER,), "session")


@pytest.fixture
def opportunity(database_url) -> str:
    with psycopg.connect(database_url, autocommit=True) as connection:
        row = connection.execute(
            """insert into improvement_opportunities (agent_id, agent_version, improvement_type, detector, title, description, evidence,
                sample_size, priority, risk_level, fingerprint, metric, began_on, last_seen_on)
            values (%s, '1.0.0', 'prompt', 'low_rating', 'People are less satisfied', 'Ratings fell.', '[{"kind": "feedback"}]', 3,
                'high', 'low', 'f1', 'satisfaction', '2026-03-01', '2026-03-04') returning opportunity_id""",
            (AGENT,),
        ).fetchone()
    assert row is not None
    return str(row[0])


def test_an_opportunity_is_listed_and_dismissed_once(asking, opportunity):
    manager = asking(MANAGER)
    listed = manager.get("opportunities", params={"agent": AGENT}).json()["items"]
    assert [one["opportunity_id"] for one in listed] == [opportunity]
    dismiss = f"opportunities/{opportunity}/dismiss"

    assert asking(READER).post(dismiss, json={"reason": "known"}).status_code == 403
    manager = asking(MANAGER)
    done = manager.post(dismiss, json={"reason": "known"})
    assert (done.json()["status"], done.json()["status_reason"]) == ("rejected", "known")
    assert done.json()["triaged_by"] == "max"
    assert manager.post(dismiss, json={"reason": "again"}).status_code == 409
    assert manager.get("opportunities").json() == {"items": [], "next": None}


@pytest.mark.parametrize("noun", ["opportunities", "experiments", "deployments"])
def test_what_is_not_there_is_not_found(asking, noun):
    manager = asking(MANAGER)

    assert manager.get(f"{noun}/{NOBODY}").status_code == 404
    assert manager.get(f"{noun}/nonsense").status_code == 404
    assert manager.get(f"{noun}", params={"agent": "nobody"}).status_code == 404
    assert manager.get(f"{noun}").json() == {"items": [], "next": None}


def test_a_partner_sets_a_budget_and_lets_it_go_beyond(asking):
    partner = asking(PARTNER)
    new = {"level": "agent", "scope": AGENT, "limit_usd": "12.50", "reason": "pilot"}
    (made,) = partner.post("budgets", json=new).json()["items"]
    assert (made["level"], made["scope"], float(made["limit_usd"])) == ("agent", AGENT, 12.5)

    assert asking(MANAGER).post("budgets", json=new).status_code == 403
    partner = asking(PARTNER)
    path = f"budgets/{made['budget_id']}"
    (over,) = partner.post(f"{path}/override", json={"reason": "filing"}).json()["items"]
    assert over["overridden_by"] == "ana"
    assert partner.post(f"{path}/end", json={"reason": "done"}).json() == {
        "items": [],
        "next": None,
    }
    assert partner.post(f"{path}/end", json={"reason": "done"}).status_code == 404


def test_a_program_reports_what_people_said_without_reading_it(asking):
    said = {"agent_id": AGENT, "source": "user", "feedback_type": "rating", "rating": 4, "submitted_by": "j", "task_id": "t"}  # fmt: skip
    reporter = Visitor("r", (Role.SERVICE_ACCOUNT,), "token", frozenset({Permission.INGEST}))

    assert asking(reporter).post("feedback", json=said).status_code == 200
    assert asking(reporter).get("feedback").status_code == 403
    assert asking(reporter).get("executions").status_code == 403
    assert asking(READER).post("feedback", json=said).status_code == 403
    assert len(asking(READER).get("feedback").json()["items"]) == 1


@pytest.mark.parametrize(
    "wrong",
    [
        {"level": "firm", "scope": "x", "limit_usd": 1, "reason": "r"},
        {"level": "agent", "limit_usd": 1, "reason": "r"},
        {"level": "firm", "limit_usd": -1, "reason": "r"},
        {"level": "firm", "limit_usd": "NaN", "reason": "r"},
        {"level": "firm", "limit_usd": 1, "reason": ""},
    ],
)
def test_a_budget_that_makes_no_sense_is_refused(asking, wrong):
    assert asking(PARTNER).post("budgets", json=wrong).status_code == 422


def test_an_agent_without_runs_has_no_data(asking):
    found = asking(READER).get(f"agents/{AGENT}/metrics").json()

    assert (found["executions"], found["p95_ms"], found["error_rate"], found["cost_usd"]) == (0, None, None, None)  # fmt: skip
    far = {"since": "2020-01-01", "until": "2026-01-01"}
    assert asking(READER).get(f"agents/{AGENT}/metrics", params=far).status_code == 422


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore")
def test_no_request_made_from_the_document_fails(asking):
    """Schemathesis makes up requests, right ones and wrong ones; each is answered as the document says, and none with a 5xx."""
    import schemathesis
    from hypothesis import HealthCheck, Phase, given, settings
    from hypothesis import strategies as st

    client = asking(OWNER)
    document = client.get("openapi.json").json()
    schema = schemathesis.openapi.from_dict({**document, "servers": []})
    asked: list[str] = []

    @settings(
        max_examples=120,
        deadline=None,
        derandomize=True,
        phases=[Phase.generate],
        suppress_health_check=list(HealthCheck),
    )
    @given(st.data())
    def ask(data: Any) -> None:
        operations = [o.ok() for o in schema.get_all_operations()]
        # Events go on until an execution ends.
        quiet = [o for o in operations if not o.path.endswith("/events")]
        operation = data.draw(st.sampled_from(quiet))
        case = data.draw(operation.as_strategy())
        answer = client.request(
            case.method,
            case.formatted_path.lstrip("/"),
            params=dict(case.query or {}),
            headers={k: v for k, v in dict(case.headers or {}).items() if v.isascii()},
            json=case.body if isinstance(case.body, dict | list) else {},
        )
        asked.append(f"{case.method} {operation.path} {answer.status_code}")
        assert answer.status_code < 500, (asked[-1], answer.text)
        # A path with a line break leads to no part of ours.
        if answer.status_code >= 400 and "%0A" not in str(answer.url):
            kind = answer.headers["content-type"]
            assert kind.startswith("application/problem+json"), (
                asked[-1],
                str(answer.url),
                answer.text,
            )

    ask()
    assert len({a.split()[1] for a in asked}) > 15
