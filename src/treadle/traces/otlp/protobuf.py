"""OTLP in protobuf. The whole body is parsed at once; only where that fails is it taken apart span by span.

Protobuf's own parser gives up a whole body for one span with a broken text or one that nests too deep. The envelope
(resources, scopes, spans) has a fixed depth of three, so its pieces are found by hand and parsed alone.
"""

from __future__ import annotations

import base64
import math
from collections.abc import Iterator, Sequence
from functools import partial
from typing import Any

from google.protobuf.message import DecodeError
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.common.v1.common_pb2 import AnyValue, InstrumentationScope, KeyValue
from opentelemetry.proto.resource.v1.resource_pb2 import Resource
from opentelemetry.proto.trace.v1.trace_pb2 import Span

from treadle.traces.otlp.limits import MAX_DEPTH, MAX_KEY_CHARS
from treadle.traces.otlp.raw import RawEvent, RawLink, RawScope, RawSpan
from treadle.traces.otlp.refusal import Allowance, Refused, check_counts, check_times
from treadle.traces.otlp.sink import Sink

_NO_TRACE, _NO_SPAN = bytes(16), bytes(8)
_BROKEN = "the body is no OTLP trace export in protobuf; send an ExportTraceServiceRequest, uncompressed or with gzip"


def read_protobuf(body: bytes, sink: Sink) -> None:
    """Read a body's spans into the sink. Raises Refused when it is no export at all."""
    try:
        request = ExportTraceServiceRequest.FromString(body)
    except DecodeError:
        _read_apart(body, sink)
        return
    for group in request.resource_spans:
        try:
            resource = _resource(group.resource)
        except Refused as refused:
            sink.refuse(str(refused), sum(len(part.spans) for part in group.scope_spans))
            continue
        for part in group.scope_spans:
            try:
                scope = _scope(part.scope)
            except Refused as refused:
                sink.refuse(str(refused), len(part.spans))
                continue
            for span in part.spans:
                sink.take(partial(_span, span, resource, scope))


def _resource(resource: Resource) -> dict[str, Any]:
    return _attributes(resource.attributes, Allowance(), 0)


def _scope(scope: InstrumentationScope) -> RawScope:
    return RawScope(scope.name, scope.version, _attributes(scope.attributes, Allowance(), 0))


def _span(span: Span, resource: dict[str, Any], scope: RawScope) -> RawSpan:
    trace_id, span_id, parent = span.trace_id, span.span_id, span.parent_span_id
    if len(trace_id) != 16 or trace_id == _NO_TRACE:
        raise Refused("a trace id has 16 bytes, not all of them zero")
    if len(span_id) != 8 or span_id == _NO_SPAN:
        raise Refused("a span id has 8 bytes, not all of them zero")
    if parent and len(parent) != 8:
        raise Refused("a parent span id has 8 bytes, or is left out")
    start_ns, end_ns = span.start_time_unix_nano, span.end_time_unix_nano
    check_times(start_ns, end_ns)
    check_counts(len(span.events), len(span.links))
    left = Allowance()
    left.chars -= len(span.name)
    raw = RawSpan(
        trace_id=trace_id.hex(),
        span_id=span_id.hex(),
        parent_span_id=parent.hex() if parent and parent != _NO_SPAN else None,
        name=span.name,
        kind=span.kind,
        start_ns=start_ns,
        end_ns=end_ns,
        attributes=_attributes(span.attributes, left, 0),
        trace_state=span.trace_state,
        flags=span.flags,
        dropped=span.dropped_attributes_count + span.dropped_events_count + span.dropped_links_count,
        resource=resource,
        scope=scope,
    )
    if span.HasField("status"):
        raw.status, raw.status_message = span.status.code, span.status.message
    if span.events:
        raw.events = [
            RawEvent(event.name, event.time_unix_nano, _attributes(event.attributes, left, 0)) for event in span.events
        ]
    if span.links:
        raw.links = [
            RawLink(link.trace_id.hex(), link.span_id.hex(), _attributes(link.attributes, left, 0))
            for link in span.links
        ]
    return raw


def _attributes(pairs: Sequence[KeyValue], left: Allowance, depth: int) -> dict[str, Any]:
    found: dict[str, Any] = {}
    left.keys -= len(pairs)
    chars = 0
    for pair in pairs:
        value = pair.value
        text = value.string_value
        if text:  # most are, and asking which one it is costs more
            chars += len(text)
            found[pair.key] = text
        else:
            found[pair.key] = _value(value, left, depth)
    left.chars -= chars
    if max(map(len, found), default=0) > MAX_KEY_CHARS:
        raise Refused(f"an attribute's name has at most {MAX_KEY_CHARS} characters")
    left.check()
    return found


def _value(value: AnyValue, left: Allowance, depth: int) -> Any:
    which = value.WhichOneof("value")
    if which == "int_value":
        return value.int_value
    if which is None:
        return None
    if which in ("array_value", "kvlist_value"):
        if depth >= MAX_DEPTH:
            raise Refused(f"an attribute nests at most {MAX_DEPTH} levels")
        if which == "kvlist_value":
            return _attributes(value.kvlist_value.values, left, depth + 1)
        left.keys -= len(value.array_value.values)
        left.check()
        return [_value(item, left, depth + 1) for item in value.array_value.values]
    plain = getattr(value, which)
    if which == "string_value":
        left.chars -= len(plain)
    elif which == "bytes_value":
        left.chars -= len(plain)
        return {"bytesValue": base64.b64encode(plain).decode()}
    elif which == "double_value" and not math.isfinite(plain):
        return {"doubleValue": "NaN" if math.isnan(plain) else "Infinity" if plain > 0 else "-Infinity"}
    return plain


def _read_apart(body: bytes, sink: Sink) -> None:
    """Read a body of which some part cannot be parsed: what stands around the spans by hand, each of them alone."""
    for group in _parts(body, 1):
        try:
            resource: dict[str, Any] | None = _resource(Resource.FromString(b"".join(_parts(group, 1))))
        except (Refused, DecodeError):
            resource = None
        for part in _parts(group, 2):
            try:
                scope: RawScope | None = _scope(InstrumentationScope.FromString(b"".join(_parts(part, 1))))
            except (Refused, DecodeError):
                scope = None
            for data in _parts(part, 2):
                if resource is None or scope is None:
                    sink.refuse("the resource or scope of a span cannot be read: its texts are UTF-8")
                else:
                    sink.take(partial(_span_apart, data, resource, scope))


def _span_apart(data: bytes, resource: dict[str, Any], scope: RawScope) -> RawSpan:
    try:
        span = Span.FromString(data)
    except DecodeError:
        raise Refused("a span cannot be read: its texts are UTF-8 and its attributes nest at most 30 levels") from None
    return _span(span, resource, scope)


def _parts(data: bytes, wanted: int) -> Iterator[bytes]:
    """Yield the pieces of a message that stand under one field number. Raises Refused where the wire format is broken."""
    at, end = 0, len(data)
    while at < end:
        tag, at = _varint(data, at)
        wire = tag & 7
        if wire == 0:
            _, at = _varint(data, at)
        elif wire == 1:
            at += 8
        elif wire == 5:
            at += 4
        elif wire == 2:
            size, at = _varint(data, at)
            if at + size > end:
                raise Refused(_BROKEN)
            if tag >> 3 == wanted:
                yield data[at : at + size]
            at += size
        else:
            raise Refused(_BROKEN)
    if at != end:
        raise Refused(_BROKEN)


def _varint(data: bytes, at: int) -> tuple[int, int]:
    value = 0
    for shift in range(0, 70, 7):
        if at >= len(data):
            raise Refused(_BROKEN)
        byte = data[at]
        at += 1
        value |= (byte & 127) << shift
        if byte < 128:
            return value, at
    raise Refused(_BROKEN)
