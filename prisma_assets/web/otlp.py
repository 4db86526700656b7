"""Decodes and answers OTLP/HTTP: protobuf and JSON, gzipped or not. What spans mean does not belong here.

Source: OpenTelemetry protocol specification 1.9, OTLP/HTTP (answers of google.rpc.Status on refusal, partial success,
hexadecimal ids and camel case in JSON).
"""

import json
import zlib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from prisma_assets.domain.errors import InputError
from prisma_assets.domain.learning.span import ATTRIBUTES, EVALUATION, EVENT_ATTRIBUTES, Span

if TYPE_CHECKING:
    from opentelemetry.proto.common.v1.common_pb2 import KeyValue
    from opentelemetry.proto.trace.v1.trace_pb2 import Span as ProtoSpan

PROTOBUF = "application/x-protobuf"
JSON = "application/json"

MOST_BYTES = 20_971_520
"""Longest body, packed and unpacked: what the OpenTelemetry Collector takes (`max_request_body_size`)."""

INVALID, DENIED, EXHAUSTED, INTERNAL, UNAVAILABLE = 3, 7, 8, 13, 14
"""Codes of google.rpc.Status."""

_GZIP = 16 + zlib.MAX_WBITS
_ERROR = (2, "STATUS_CODE_ERROR")
_SHOWN = 5
"""Reasons named in an answer; as a rule all spans of a sender have the same fault."""


class TooLongError(InputError):
    """The body unpacks to more than is taken."""


def unpacked(body: bytes) -> bytes:
    """The content of a gzipped body.

    Raises:
        TooLongError: It is longer than `MOST_BYTES`.
        InputError: It is no gzip, or cut off.
    """
    stream = zlib.decompressobj(_GZIP)
    try:
        content = stream.decompress(body, MOST_BYTES + 1)
    except zlib.error as error:
        raise InputError(
            f"the body is no gzip ({error}); send it as Content-Encoding says"
        ) from None
    if len(content) > MOST_BYTES:
        raise TooLongError(
            f"a body unpacks to at most {MOST_BYTES:,} bytes; send fewer spans at once"
        )
    if not stream.eof:
        raise InputError("the gzipped body is cut off; send it whole")
    return content


def decode(body: bytes, media_type: str) -> Iterator[Span]:
    """The spans of a request.

    Raises:
        InputError: It is no ExportTraceServiceRequest.
    """
    return _from_json(body) if media_type == JSON else _from_protobuf(body)


def success(media_type: str, refused: Sequence[str] = ()) -> bytes:
    """ExportTraceServiceResponse; with refused spans it says how many and why."""
    from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import (
        ExportTraceServiceResponse,
    )

    more = [f"and {len(refused) - _SHOWN} more"] if len(refused) > _SHOWN else []
    told = "; ".join([*refused[:_SHOWN], *more])
    if media_type == JSON:
        partial = {"rejectedSpans": str(len(refused)), "errorMessage": told}
        return json.dumps({"partialSuccess": partial} if refused else {}).encode()
    response = ExportTraceServiceResponse()
    if refused:
        response.partial_success.rejected_spans = len(refused)
        response.partial_success.error_message = told
    return bytes(response.SerializeToString())


def refusal(media_type: str, code: int, message: str) -> bytes:
    """google.rpc.Status, two fields of which are ours: 1 is the code, 2 the message."""
    if media_type == JSON:
        return json.dumps({"code": code, "message": message}).encode()
    text = message.encode()
    return b"\x08" + _varint(code) + b"\x12" + _varint(len(text)) + text


def _varint(number: int) -> bytes:
    low, rest = number & 0x7F, number >> 7
    return bytes([low]) if not rest else bytes([low | 0x80]) + _varint(rest)


def _from_protobuf(body: bytes) -> Iterator[Span]:
    from google.protobuf.message import DecodeError
    from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

    request = ExportTraceServiceRequest()
    try:
        request.ParseFromString(body)
    except DecodeError as error:
        raise InputError(
            f"the body is no ExportTraceServiceRequest of OTLP ({error}); point the exporter's traces here"
        ) from None
    for sent in request.resource_spans:
        resource = _attributes(sent.resource.attributes, ATTRIBUTES)
        for scope in sent.scope_spans:
            for span in scope.spans:
                yield _proto_span(span, resource)


def _proto_span(span: "ProtoSpan", resource: Mapping[str, Any]) -> Span:
    return Span(
        trace_id=span.trace_id.hex(),
        span_id=span.span_id.hex(),
        parent_id=span.parent_span_id.hex() or None,
        start_ns=span.start_time_unix_nano,
        end_ns=span.end_time_unix_nano,
        is_failed=span.status.code == _ERROR[0],
        attributes=_attributes(span.attributes, ATTRIBUTES),
        resource=resource,
        evaluations=tuple(
            _attributes(event.attributes, EVENT_ATTRIBUTES)
            for event in span.events
            if event.name == EVALUATION
        ),
    )


def _attributes(pairs: "Iterable[KeyValue]", wanted: frozenset[str]) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for pair in pairs:
        if pair.key in wanted:
            kind = pair.value.WhichOneof("value")
            if kind in ("string_value", "int_value", "double_value", "bool_value"):
                found[pair.key] = getattr(pair.value, kind)
    return found


def _from_json(body: bytes) -> Iterator[Span]:
    try:
        request = json.loads(body)
        return iter(
            [span for sent in _list(request, "resourceSpans") for span in _json_spans(sent)]
        )
    except (ValueError, TypeError, AttributeError, RecursionError) as error:
        raise InputError(
            f"the body is no ExportTraceServiceRequest of OTLP in JSON ({error}); point the exporter's traces here"
        ) from None


def _json_spans(sent: Mapping[str, Any]) -> Iterator[Span]:
    resource = _json_attributes(sent.get("resource") or {}, ATTRIBUTES)
    for scope in _list(sent, "scopeSpans"):
        for span in _list(scope, "spans"):
            yield _json_span(span, resource)


def _json_span(span: Mapping[str, Any], resource: Mapping[str, Any]) -> Span:
    return Span(
        trace_id=_hex(span.get("traceId")),
        span_id=_hex(span.get("spanId")),
        parent_id=_hex(span.get("parentSpanId")) or None,
        start_ns=_nanoseconds(span.get("startTimeUnixNano")),
        end_ns=_nanoseconds(span.get("endTimeUnixNano")),
        is_failed=(span.get("status") or {}).get("code") in _ERROR,
        attributes=_json_attributes(span, ATTRIBUTES),
        resource=resource,
        evaluations=tuple(
            _json_attributes(event, EVENT_ATTRIBUTES)
            for event in _list(span, "events")
            if event.get("name") == EVALUATION
        ),
    )


def _json_attributes(holder: Mapping[str, Any], wanted: frozenset[str]) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for pair in _list(holder, "attributes"):
        if pair.get("key") in wanted:
            for kind, value in (pair.get("value") or {}).items():
                if kind in ("stringValue", "doubleValue", "boolValue"):
                    found[pair["key"]] = value
                elif kind == "intValue":  # JSON has no 64-bit numbers: they come as text.
                    found[pair["key"]] = int(value)
    return found


def _list(holder: Mapping[str, Any], name: str) -> list[Any]:
    found = holder.get(name) or []
    if not isinstance(found, list):
        raise TypeError(f"{name} is no list")
    return found


def _nanoseconds(value: Any) -> int:
    found = int(value or 0)
    if not 0 <= found < 2**64:
        raise ValueError(f"{value} is no time in nanoseconds")
    return found


def _hex(text: Any) -> str:
    """An id as we write it; empty when it is none."""
    try:
        return bytes.fromhex(text).hex() if isinstance(text, str) else ""
    except ValueError:
        return "?"
