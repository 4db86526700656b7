"""What each visitor may do in the Dagster UI, however the request is written."""

import json
from typing import Any

import pytest
from starlette.testclient import TestClient
from starlette.websockets import WebSocketDisconnect

from resources.workflow import USER_TAG
from tests.web.house import House

LAUNCH = """mutation Start($params: ExecutionParams!) { launchRun(executionParams: $params) { __typename } }"""
INLINE = """mutation($job: String!) { launchRun(executionParams: {selector: {jobName: $job, repositoryName: "r"},
    executionMetadata: {tags: [{key: "prisma/user", value: "eve"}, {key: "a", value: "b"}]}}) { __typename } }"""
TURN_OFF = "mutation($id: String) { stopRunningSchedule(id: $id) { __typename } }"


@pytest.fixture
def house(database_url, tmp_path) -> House:
    return House(database_url, tmp_path)


@pytest.fixture
def client(house):
    with house.client() as client:
        yield client


def launched(client: TestClient, query: str = LAUNCH, **variables: Any) -> Any:
    return client.post("/graphql", json={"query": query, "variables": variables}).json()


def params(job: str, **more: Any) -> dict[str, Any]:
    return {"selector": {"jobName": job, "repositoryName": "r"}, **more}


def test_a_reader_looks_and_changes_nothing_in_the_dagster_ui(house, client):
    house.signed_in(client, "READONLY")

    assert launched(client, "query { version }")["path"] == "/graphql"
    for query in (LAUNCH, INLINE, TURN_OFF):
        said = launched(client, query, params=params("numbers_job"), job="numbers_job", id="1")
        assert "ana (READONLY) may not do this" in said["errors"][0]["message"]
    aliased = "mutation { x: __typename, y: stopRunningSchedule { __typename } }"
    assert "errors" in launched(client, aliased)
    hidden = "mutation { ...F } fragment F on Mutation { ... { wipeAssets { __typename } } }"
    assert "errors" in launched(client, hidden)
    assert client.get("/graphql", params={"query": TURN_OFF}).json()["errors"]
    assert client.post("/report_asset_materialization/a").status_code == 403
    plain = client.post("/graphql", content=TURN_OFF, headers={"Content-Type": "application/graphql"})  # fmt: skip
    assert plain.status_code == 415


def test_each_workflow_says_who_may_start_it(house, client):
    house.signed_in(client, "EMPLOYEE")

    assert launched(client, params=params("numbers_job"))["path"] == "/graphql"
    refused = launched(client, params=params("annual_audit_job"))
    assert (
        "may not start annual_audit: it needs the role MANAGER" in refused["errors"][0]["message"]
    )
    inline = launched(client, INLINE, job="annual_audit_job")
    assert "may not start annual_audit" in inline["errors"][0]["message"]


def test_who_launched_is_the_session_not_the_request(house, client):
    house.signed_in(client, "MANAGER")
    said = [{"key": USER_TAG, "value": "eve"}, {"key": "a", "value": "b"}]

    named = launched(client, params=params("numbers_job", executionMetadata={"tags": said}))
    inline = launched(client, INLINE, job="numbers_job")
    for answer in (named, inline):
        ((_, given),) = [v for v in answer["asked"]["variables"].items() if v[0] == "prismaLaunch0"]
        assert given["executionMetadata"]["tags"] == [
            {"key": "a", "value": "b"},
            {"key": USER_TAG, "value": "ana"},
        ]
        assert given["selector"]["jobName"] == "numbers_job"
        assert "$prismaLaunch0: ExecutionParams!" in answer["asked"]["query"]
        assert "$job" not in answer["asked"]["query"]


def test_an_administrator_alone_does_what_nobody_thought_of(house, client):
    house.signed_in(client, "PARTNER")

    assert "permission to admin" in launched(client, "mutation { wipeAssets { __typename } }")["errors"][0]["message"]  # fmt: skip


@pytest.mark.parametrize(
    ("body", "status"),
    [
        (b"not json", 400),
        (b"[]", 400),
        (b'{"query": "mutation {"}', 400),
        (b'{"query": "{ a }", "variables": "[1]"}', 400),
        (b'{"query": "mutation { ...A } fragment A on M { ...A }"}', 400),
    ],
)
def test_what_is_no_graphql_is_refused(house, client, body, status):
    house.signed_in(client, "MANAGER")

    answer = client.post("/graphql", content=body, headers={"Content-Type": "application/json"})
    assert answer.status_code == status


def test_a_websocket_carries_no_mutation(house, client):
    house.signed_in(client, "SYSTEM_ADMIN", "PARTNER")
    with client.websocket_connect("ws://127.0.0.1:3000/graphql") as socket:
        asked = json.dumps({"type": "start", "payload": {"query": "subscription { x }"}})
        socket.send_text(asked)
        assert socket.receive_text() == asked
        socket.send_text(json.dumps({"type": "start", "payload": {"query": TURN_OFF}}))
        with pytest.raises(WebSocketDisconnect):
            socket.receive_text()
