"""`POST /v1/traces` as exporters use it: any encoding, any order, any fault; every run once, with what it used."""

import gzip
import json
import time
from collections.abc import Iterator
from decimal import Decimal
from itertools import permutations
from typing import Any

import httpx2
import psycopg
import pytest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import (
    ExportTraceServiceRequest,
    ExportTraceServiceResponse,
)
from psycopg.rows import dict_row
from starlette.routing import Route
from starlette.testclient import TestClient

from prisma_assets.agents.registry import AgentRegistry
from prisma_assets.learning.span_intake import SpanIntake
from prisma_assets.store.database import Database
from prisma_assets.web import otlp
from prisma_assets.web.app import create_app
from prisma_assets.web.traces import PATH, create_traces
from tests.web.visiting import REPORTER, as_visitor

AGENT = "audit-plan-012"
TRACE = "0af7651916cd43dd8448eb211c80319c"
RUN, CALL, OTHER_CALL, TOOL, INNER = (f"{n:016x}" for n in range(1, 6))
LISTED = {"gen_ai.response.model": "gpt-4.1", "gen_ai.provider.name": "openai"}


def span(span_id: str, operation: str = "", *, parent: str = "", **extra: Any) -> dict[str, Any]:
    """A span in OTLP's JSON, ten seconds ago and a second long."""
    began = time.time_ns() - 10_000_000_000
    attributes = {"gen_ai.operation.name": operation, **extra.pop("attributes", {})}
    return {
        "traceId": TRACE,
        "spanId": span_id,
        "parentSpanId": parent,
        "name": operation,
        "startTimeUnixNano": str(began),
        "endTimeUnixNano": str(began + 1_000_000_000),
        "attributes": pairs(attributes),
        **extra,
    }


def pairs(attributes: dict[str, Any]) -> list[dict[str, Any]]:
    kinds = {str: "stringValue", bool: "boolValue", float: "doubleValue", int: "intValue"}
    return [
        {"key": key, "value": {kinds[type(v)]: str(v) if type(v) is int else v}}
        for key, v in attributes.items()
    ]


def run(span_id: str = RUN, **extra: Any) -> dict[str, Any]:
    attributes = {"gen_ai.agent.id": AGENT, **extra.pop("attributes", {})}
    return span(span_id, "invoke_agent", attributes=attributes, **extra)


def call(
    span_id: str = CALL, *, read: int = 1000, written: int = 100, **extra: Any
) -> dict[str, Any]:
    attributes = {
        "gen_ai.usage.input_tokens": read,
        "gen_ai.usage.output_tokens": written,
        **LISTED,
        **extra.pop("attributes", {}),
    }
    return span(span_id, "chat", attributes=attributes, **{"parent": RUN, **extra})


def request(*spans: dict[str, Any], **resource: Any) -> dict[str, Any]:
    about = {"attributes": pairs(resource.pop("resource", {}))}
    return {"resourceSpans": [{"resource": about, "scopeSpans": [{"spans": list(spans)}]}]}


def as_protobuf(content: dict[str, Any]) -> bytes:
    """The same request as protobuf, in which ids are bytes."""
    from google.protobuf.json_format import ParseDict

    def plain(value: Any) -> Any:
        if isinstance(value, list):
            return [plain(v) for v in value]
        if not isinstance(value, dict):
            return value
        return {
            k: plain(v) for k, v in value.items() if k not in ("traceId", "spanId", "parentSpanId")
        }

    message = ParseDict(plain(content), ExportTraceServiceRequest())
    for sent, given in zip(message.resource_spans, content["resourceSpans"], strict=True):
        spans = given["scopeSpans"][0]["spans"]
        for target, source in zip(sent.scope_spans[0].spans, spans, strict=True):
            target.trace_id = bytes.fromhex(source["traceId"])
            target.span_id = bytes.fromhex(source["spanId"])
            target.parent_span_id = bytes.fromhex(source["parentSpanId"])
    return message.SerializeToString()


@pytest.fixture(scope="module")
def url(new_database, _migrated) -> Iterator[str]:
    with new_database(_migrated) as made:
        yield made


@pytest.fixture(scope="module")
def web(url) -> Iterator[TestClient]:
    database = Database(url, max_size=2)
    traces = create_traces(SpanIntake(AgentRegistry(), database))

    async def dagster(*_: Any) -> None:
        raise AssertionError

    app = create_app(dagster=dagster, checks={}, pages=[Route(PATH, traces)], at_end=database.close)
    with TestClient(as_visitor(app, REPORTER), base_url="http://127.0.0.1") as client:
        yield client


@pytest.fixture
def client(web, url) -> TestClient:
    """The product's own web application, with nothing stored."""
    with psycopg.connect(url) as connection:
        connection.execute("truncate agent_runs, agent_spans")
    return web


@pytest.fixture
def send(client):
    """Sends spans as JSON, and answers with what the answer says."""

    def post(*spans: dict[str, Any], **resource: Any) -> dict[str, Any]:
        answer = client.post(PATH, json=request(*spans, **resource))
        assert answer.status_code == 200, answer.text
        said: dict[str, Any] = answer.json().get("partialSuccess", {})
        return said

    return post


@pytest.fixture
def stored(url):
    def rows() -> list[dict[str, Any]]:
        with psycopg.connect(url, row_factory=dict_row) as connection:
            return connection.execute("select * from agent_runs order by agent_run_id").fetchall()

    return rows


@pytest.mark.parametrize("media_type", ["application/x-protobuf", "application/json"])
@pytest.mark.parametrize("encoding", ["gzip", "identity", None])
def test_every_encoding_stores_the_same_run(client, stored, media_type, encoding):
    content = request(run(attributes={"gen_ai.usage.input_tokens": 7}))
    body = json.dumps(content).encode() if "json" in media_type else as_protobuf(content)
    headers = {"content-type": media_type} | ({"content-encoding": encoding} if encoding else {})

    answer = client.post(
        PATH, content=gzip.compress(body) if encoding == "gzip" else body, headers=headers
    )

    assert (answer.status_code, answer.headers["content-type"]) == (200, media_type)
    if "protobuf" in media_type:
        assert not ExportTraceServiceResponse.FromString(answer.content).HasField("partial_success")
    else:
        assert answer.json() == {}
    (row,) = stored()
    assert (row["run_key"], row["agent_id"], row["source"]) == (f"{TRACE}:{RUN}", AGENT, "otlp")
    assert (row["outcome"], row["duration_ms"], row["tokens_in"]) == ("ok", 1000.0, 7)
    assert (row["tokens_out"], row["cost_usd"], row["accuracy"]) == (None, None, None)


def test_run_carries_what_it_is_about(send, stored):
    send(
        run(
            attributes={
                "prisma.client.id": "acme",
                "prisma.task.id": "t1",
                "gen_ai.agent.version": "2.0.0",
                **LISTED,
                "gen_ai.usage.input_tokens": 1000,
                "gen_ai.usage.output_tokens": 100,
                "gen_ai.usage.cache_read.input_tokens": 400,
                "gen_ai.usage.reasoning.output_tokens": 50,
            }
        ),
        resource={"prisma.engagement.id": "e1", "prisma.client.id": "overruled"},
    )

    (row,) = stored()
    assert (row["client_id"], row["engagement_id"], row["task_id"]) == ("acme", "e1", "t1")
    assert (row["agent_version"], row["model"], row["provider"]) == ("2.0.0", "gpt-4.1", "openai")
    assert (row["tokens_cached"], row["tokens_reasoning"]) == (400, 50)
    # 600 at 2 USD, 400 from the cache at 0.50, 100 written at 8, each a million.
    assert row["cost_usd"] == Decimal("0.0022")


@pytest.mark.parametrize("order", list(permutations(range(4))))
def test_calls_are_summed_into_their_run_in_whatever_order_they_arrive(send, stored, order):
    """Exporters send what ended first; between a call and its run may stand spans of any kind."""
    spans = [
        run(),
        call(parent=TOOL),
        call(OTHER_CALL, read=500, written=0),
        span(TOOL, parent=RUN),
    ]

    for number in order:
        send(spans[number])

    (row,) = stored()
    assert (row["tokens_in"], row["tokens_out"], row["model"]) == (1500, 100, "gpt-4.1")
    assert row["cost_usd"] == Decimal("0.0038")  # 0.0028 and 0.0010


def test_run_that_tells_its_own_use_is_not_given_that_of_its_calls(send, stored):
    """A framework that adds up the calls itself would be counted twice."""
    own = {"gen_ai.usage.input_tokens": 1001, "gen_ai.usage.output_tokens": 101}

    send(call(), run(attributes=own))

    (row,) = stored()
    assert (row["tokens_in"], row["tokens_out"]) == (1001, 101)


def test_call_within_a_call_is_counted_once(send, stored):
    """A client library and the one it wraps both report the same tokens."""
    send(run(), call(), call(INNER, parent=CALL))

    assert stored()[0]["tokens_in"] == 1000


def test_call_belongs_to_the_nearest_run_above_it(send, stored):
    send(run(), run(INNER, parent=RUN), call(parent=INNER), call(OTHER_CALL, read=5, written=1))

    assert {row["run_key"][-16:]: row["tokens_in"] for row in stored()} == {RUN: 5, INNER: 1000}


def test_call_without_a_price_leaves_the_run_unpriced(send, stored):
    send(run(), call(), call(OTHER_CALL, attributes={"gen_ai.response.model": "our-own"}))

    (row,) = stored()
    assert (row["tokens_in"], row["cost_usd"], row["model"]) == (2000, None, None)


def test_spans_delivered_again_change_nothing(send, stored):
    spans = [run(), call(), span(TOOL, parent=RUN)]
    send(*spans, *spans)
    first = stored()

    send(*spans)

    assert stored() == first
    assert len(first) == 1


def test_spans_that_are_each_others_parents_come_to_an_end(send, stored):
    loop = [span(TOOL, parent=INNER), span(INNER, parent=TOOL)]

    send(*loop, call(parent=TOOL), run())

    assert stored()[0]["tokens_in"] is None


@pytest.mark.parametrize(
    ("spoilt", "said"),
    [
        (run(attributes={"gen_ai.agent.id": "audit-plan-021"}), "did you mean 'audit-plan-012'"),
        (span(RUN, "invoke_agent"), "the span names no agent; set prisma.agent.id"),
        (run(startTimeUnixNano=str(2 * 10**18), endTimeUnixNano="0"), "in the future"),
        (run(startTimeUnixNano="0"), "no `started_at`"),
        (run(endTimeUnixNano="5"), "ends before it begins"),
        (run(attributes={"gen_ai.usage.input_tokens": -1}), "`tokens_in` is -1"),
        (call(read=-1), "`tokens_in` is -1; it cannot be negative"),
        (run(attributes={"prisma.step_execution.id": "17"}), "is no id; copy it whole"),
        (run(traceId="00" * 16), "its trace id is no 32 hexadecimal digits"),
        (run(traceId="xyz"), "its trace id is no 32 hexadecimal digits"),
        (run(spanId="01"), "its span id is no 16 hexadecimal digits"),
        (run(parentSpanId="01"), "the id of its parent"),
    ],
)
def test_good_spans_beside_a_bad_one_are_kept(send, stored, spoilt, said):
    told = send(spoilt, run(OTHER_CALL))

    assert told["rejectedSpans"] == "1"
    assert said in told["errorMessage"]
    assert [row["run_key"] for row in stored()] == [f"{TRACE}:{OTHER_CALL}"]


def test_many_refusals_are_counted_and_the_first_told(client):
    spans = [span(f"{n:016x}", "invoke_agent") for n in range(1, 10)]

    answer = client.post(
        PATH,
        content=as_protobuf(request(*spans)),
        headers={"content-type": "application/x-protobuf"},
    )

    partial = ExportTraceServiceResponse.FromString(answer.content).partial_success
    assert (answer.status_code, partial.rejected_spans) == (200, 9)
    assert partial.error_message.count("names no agent") == 5
    assert partial.error_message.endswith("and 4 more")


def test_status_and_evaluation_are_read_from_either_encoding(client, stored):
    event = {
        "name": "gen_ai.evaluation.result",
        "attributes": pairs({"gen_ai.evaluation.name": "x", "gen_ai.evaluation.score.value": 0.5}),
    }
    spans = [run(number, events=[event], status={"code": 2}) for number in (RUN, INNER)]

    client.post(PATH, json=request(spans[0]))
    client.post(
        PATH,
        content=as_protobuf(request(spans[1])),
        headers={"content-type": "application/x-protobuf"},
    )

    assert [(row["outcome"], row["accuracy"]) for row in stored()] == [("error", 0.5)] * 2


@pytest.mark.parametrize(
    ("content", "headers", "status", "said"),
    [
        (b"\xff\xff\xff", {}, 400, "the body is no ExportTraceServiceRequest"),
        (b"[1]", {"content-type": "application/json"}, 400, "the body is no ExportTrace"),
        (b'{"resourceSpans": {}}', {"content-type": "application/json"}, 200, ""),
        (b'{"resourceSpans": 3}', {"content-type": "application/json"}, 400, "is no list"),
        (b"plain", {"content-encoding": "gzip"}, 400, "the body is no gzip"),
        (
            gzip.compress(b"x" * 99)[:-9],
            {"content-encoding": "gzip"},
            400,
            "cut off; send it whole",
        ),
        (b"", {"content-encoding": "br"}, 415, "send application/x-protobuf or application/json"),
        (b"", {"content-type": "text/plain"}, 415, "send application/x-protobuf"),
        (bytes(50_000_000), {}, 413, "at most 20,971,520 bytes"),
        (gzip.compress(bytes(50_000_000)), {"content-encoding": "gzip"}, 413, "at most 20,971,520"),
        (b"", {}, 200, ""),
    ],
)
def test_body_that_cannot_be_taken_is_refused_with_a_sentence(
    client, content, headers, status, said
):
    answer = client.post(
        PATH, content=content, headers={"content-type": "application/x-protobuf", **headers}
    )

    assert answer.status_code == status
    assert said.encode() in answer.content


def test_refusal_of_protobuf_is_a_status_message(client):
    """Exporters read google.rpc.Status: field 1 the code, field 2 the message."""
    answer = client.post(PATH, content=b"\xff", headers={"content-type": "application/x-protobuf"})

    assert answer.headers["content-type"] == "application/x-protobuf"
    assert answer.content[:3] == bytes([0x08, otlp.INVALID, 0x12])
    message = answer.content.partition(b"the body")
    length = answer.content[3] & 0x7F | answer.content[4] << 7
    assert len(message[1] + message[2]) == length


def test_database_that_is_down_is_told_and_may_be_asked_again():
    database = Database("postgresql://me@127.0.0.1:1/none", max_size=1)
    traces = create_traces(SpanIntake(AgentRegistry(), database))
    with TestClient(as_visitor(traces, REPORTER), base_url="http://127.0.0.1") as client:
        answer = client.post(PATH, json=request(run()))

    assert (answer.status_code, answer.headers["retry-after"]) == (503, "5")
    assert answer.json()["code"] == otlp.UNAVAILABLE


def test_messages_of_people_are_not_stored(send, url):
    said = "jane.doe@example.com owes us"
    told = {"gen_ai.input.messages": said, "gen_ai.output.messages": said}

    send(
        run(attributes={**told, "error.type": said, "prisma.task.id": said}),
        call(attributes=told),
    )

    with psycopg.connect(url) as connection:
        for table in ("agent_runs", "agent_spans"):
            rows = connection.execute(f"select t::text from {table} t".encode()).fetchall()
            assert rows
            assert "jane.doe" not in str(rows)


def test_product_takes_traces_at_its_own_address(stack):
    """Where `OTEL_EXPORTER_OTLP_ENDPOINT` points an exporter: not into the pages behind it."""
    answer = httpx2.post(
        f"{stack.address}{PATH}", json=request(run(), call()), headers=stack.headers, timeout=60
    )

    assert (answer.status_code, answer.json()) == (200, {})
