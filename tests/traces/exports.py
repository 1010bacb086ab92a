"""Exports written by hand, in JSON and in protobuf."""

from __future__ import annotations

import json
from typing import Any

from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.trace.v1.trace_pb2 import Span as SpanPb

from treadle.traces.dialects.registry import canonical
from treadle.traces.intake import NewSpan
from treadle.traces.otlp.decode import JSON, decode
from treadle.traces.otlp.raw import RawEvent, RawSpan

START_NS = 1_760_000_000_000_000_000
TRACE_ID, SPAN_ID = "0af7651916cd43dd8448eb211c80319c", "b7ad6b7169203331"


def json_span(**more: Any) -> dict[str, Any]:
    """Return a span in OTLP's JSON; None takes a field away."""
    usual = {
        "traceId": TRACE_ID,
        "spanId": SPAN_ID,
        "name": "work",
        "startTimeUnixNano": str(START_NS),
        "endTimeUnixNano": str(START_NS + 5_000_000),
    }
    return {name: value for name, value in (usual | more).items() if value is not None}


def json_export(*spans: dict[str, Any]) -> bytes:
    """Return an export of spans in JSON."""
    return json.dumps({"resourceSpans": [{"scopeSpans": [{"spans": list(spans)}]}]}).encode()


def pb_span(**more: Any) -> SpanPb:
    """Return a span in protobuf."""
    usual: dict[str, Any] = {
        "trace_id": bytes.fromhex(TRACE_ID),
        "span_id": bytes.fromhex(SPAN_ID),
        "name": "work",
        "start_time_unix_nano": START_NS,
        "end_time_unix_nano": START_NS + 5_000_000,
    }
    return SpanPb(**(usual | more))


def pb_export(*spans: SpanPb) -> bytes:
    """Return an export of spans in protobuf."""
    request = ExportTraceServiceRequest()
    request.resource_spans.add().scope_spans.add().spans.extend(spans)
    return bytes(request.SerializeToString())


def read_one(**more: Any) -> RawSpan:
    """Return the one span of a JSON export."""
    (span,) = decode(json_export(json_span(**more)), JSON).spans
    return span


def meaning(attributes: dict[str, Any], *events: tuple[str, dict[str, Any]], **more: Any) -> NewSpan:
    """Return what a span with these attributes and events means."""
    raw = RawSpan(
        trace_id=TRACE_ID,
        span_id=SPAN_ID,
        name="work",
        start_ns=START_NS,
        end_ns=START_NS + 5_000_000,
        attributes=attributes,
        events=[RawEvent(name, START_NS + 2_000_000, given) for name, given in events],
    )
    for name, value in more.items():
        setattr(raw, name, value)
    return canonical(raw, "prj")
