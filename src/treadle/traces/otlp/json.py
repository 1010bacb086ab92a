"""OTLP in JSON: lowerCamelCase names, ids in hex, enums as numbers or names, 64-bit numbers as strings or numbers.

The envelope is read first with its spans left as they are, then each span alone: one that cannot be read is refused and
its neighbours live. Names that we do not know are passed over, as OTLP asks.
"""

from __future__ import annotations

import base64
import binascii
import math
from collections.abc import Sequence
from functools import partial
from typing import Any

import msgspec
from msgspec import Raw, Struct

from treadle.core.halves import without_halves
from treadle.traces.otlp.limits import MAX_DEPTH, MAX_KEY_CHARS
from treadle.traces.otlp.raw import RawEvent, RawLink, RawScope, RawSpan
from treadle.traces.otlp.refusal import Allowance, Refused, check_counts, check_times
from treadle.traces.otlp.sink import Sink

_UNREADABLE = (msgspec.DecodeError, UnicodeDecodeError, RecursionError)  # ValidationError is a DecodeError
_KINDS = {
    f"SPAN_KIND_{name}": number
    for number, name in enumerate(("UNSPECIFIED", "INTERNAL", "SERVER", "CLIENT", "PRODUCER", "CONSUMER"))
}
_STATUSES = {"STATUS_CODE_UNSET": 0, "STATUS_CODE_OK": 1, "STATUS_CODE_ERROR": 2}
_INT64 = 2**63
Number = int | float | str


class _Value(Struct, rename="camel"):
    string_value: str | None = None
    bool_value: bool | None = None
    int_value: Number | None = None
    double_value: Number | None = None
    array_value: _Values | None = None
    kvlist_value: _Pairs | None = None
    bytes_value: str | None = None


class _Values(Struct):
    values: list[_Value | None] | None = None


class _Pair(Struct):
    key: str = ""
    value: _Value | None = None


class _Pairs(Struct):
    values: list[_Pair] | None = None


class _Status(Struct):
    code: int | str | None = None
    message: str | None = None


class _Event(Struct, rename="camel"):
    name: str | None = None
    time_unix_nano: Number | None = None
    attributes: list[_Pair] | None = None


class _Link(Struct, rename="camel"):
    trace_id: str | None = None
    span_id: str | None = None
    attributes: list[_Pair] | None = None


class _Span(Struct, rename="camel"):
    trace_id: str | None = None
    span_id: str | None = None
    parent_span_id: str | None = None
    trace_state: str | None = None
    flags: int | None = None
    name: str | None = None
    kind: int | str | None = None
    start_time_unix_nano: Number | None = None
    end_time_unix_nano: Number | None = None
    attributes: list[_Pair] | None = None
    events: list[_Event] | None = None
    links: list[_Link] | None = None
    status: _Status | None = None
    dropped_attributes_count: int | None = None
    dropped_events_count: int | None = None
    dropped_links_count: int | None = None


class _Scope(Struct):
    name: str | None = None
    version: str | None = None
    attributes: list[_Pair] | None = None


class _Resource(Struct):
    attributes: list[_Pair] | None = None


class _ScopeSpans(Struct):
    scope: Raw = Raw(b"{}")
    spans: list[Raw] | None = None


class _ResourceSpans(Struct, rename="camel"):
    resource: Raw = Raw(b"{}")
    scope_spans: list[_ScopeSpans] | None = None


class _Request(Struct, rename="camel"):
    resource_spans: list[_ResourceSpans] | None = None


_request = msgspec.json.Decoder(_Request).decode
_resource_of = msgspec.json.Decoder(_Resource | None).decode
_scope_of = msgspec.json.Decoder(_Scope | None).decode
_span_of = msgspec.json.Decoder(_Span).decode


def read_json(body: bytes, sink: Sink) -> None:
    """Read a body's spans into the sink. Raises Refused when it is no export at all."""
    try:
        try:
            request = _request(body)
        except _UNREADABLE:
            request = _request(without_halves(body))
    except _UNREADABLE as error:
        raise Refused(
            f"the body is no OTLP trace export in JSON ({_words(error)}); send an object with 'resourceSpans'"
        ) from None
    for group in request.resource_spans or ():
        parts = group.scope_spans or []
        try:
            resource = _resource(group.resource)
        except Refused as refused:
            sink.refuse(str(refused), sum(len(part.spans or ()) for part in parts))
            continue
        for part in parts:
            try:
                scope = _scope(part.scope)
            except Refused as refused:
                sink.refuse(str(refused), len(part.spans or ()))
                continue
            for data in part.spans or ():
                sink.take(partial(_span, data, resource, scope))


def _words(error: Exception) -> str:
    return "it nests too deep" if isinstance(error, RecursionError) else str(error)[:200]


def _resource(data: Raw) -> dict[str, Any]:
    try:
        found = _resource_of(data)
    except _UNREADABLE as error:
        raise Refused(f"a resource cannot be read: {_words(error)}") from None
    return {} if found is None else _attributes(found.attributes, Allowance(), 0)


def _scope(data: Raw) -> RawScope:
    try:
        found = _scope_of(data) or _Scope()
    except _UNREADABLE as error:
        raise Refused(f"a scope cannot be read: {_words(error)}") from None
    return RawScope(found.name or "", found.version or "", _attributes(found.attributes, Allowance(), 0))


def _span(data: Raw, resource: dict[str, Any], scope: RawScope) -> RawSpan:
    try:
        span = _span_of(data)
    except _UNREADABLE as error:
        raise Refused(f"a span cannot be read: {_words(error)}") from None
    start_ns, end_ns = _count(span.start_time_unix_nano), _count(span.end_time_unix_nano)
    check_times(start_ns, end_ns)
    events, links = span.events or (), span.links or ()
    check_counts(len(events), len(links))
    left = Allowance()
    left.chars -= len(span.name or "")
    status = span.status or _Status()
    return RawSpan(
        trace_id=_id(span.trace_id, 32, "trace id"),
        span_id=_id(span.span_id, 16, "span id"),
        parent_span_id=_parent(span.parent_span_id),
        name=span.name or "",
        kind=_enum(span.kind, _KINDS),
        start_ns=start_ns,
        end_ns=end_ns,
        status=_enum(status.code, _STATUSES),
        status_message=status.message or "",
        attributes=_attributes(span.attributes, left, 0),
        events=[
            RawEvent(event.name or "", _count(event.time_unix_nano), _attributes(event.attributes, left, 0))
            for event in events
        ],
        links=[
            RawLink((link.trace_id or "").lower(), (link.span_id or "").lower(), _attributes(link.attributes, left, 0))
            for link in links
        ],
        trace_state=span.trace_state or "",
        flags=span.flags or 0,
        dropped=sum(
            count or 0 for count in (span.dropped_attributes_count, span.dropped_events_count, span.dropped_links_count)
        ),
        resource=resource,
        scope=scope,
    )


def _id(text: str | None, digits: int, what: str) -> str:
    try:
        known = text is not None and len(text) == digits and text.isascii() and any(bytes.fromhex(text))
    except ValueError:
        known = False
    if text is None or not known:
        raise Refused(f"a {what} has {digits} hex digits, not all of them zero")
    return text.lower()


def _parent(text: str | None) -> str | None:
    return _id(text, 16, "parent span id") if text and text.strip("0") else None


def _count(value: Number | None) -> int:
    """Return a 64-bit number, which JSON carries as text because its own numbers are too short."""
    try:
        return int(value or 0)
    except (ValueError, OverflowError):
        raise Refused("a time is in nanoseconds since 1970, as a number or as digits in quotes") from None


def _enum(value: int | str | None, names: dict[str, int]) -> int:
    if isinstance(value, str):
        return names.get(value, 0)
    return 0 if value is None or value not in names.values() else value


def _attributes(pairs: Sequence[_Pair] | None, left: Allowance, depth: int) -> dict[str, Any]:
    found: dict[str, Any] = {}
    if not pairs:
        return found
    left.keys -= len(pairs)
    left.check()
    for pair in pairs:
        value = pair.value
        if value is not None and (text := value.string_value) is not None:
            left.chars -= len(text)
            found[pair.key] = text
        else:
            found[pair.key] = _value(value, left, depth)
        if len(pair.key) > MAX_KEY_CHARS:
            raise Refused(f"an attribute's name has at most {MAX_KEY_CHARS} characters")
    left.check()
    return found


def _value(value: _Value | None, left: Allowance, depth: int) -> Any:
    if value is None:
        return None
    if value.string_value is not None:
        left.chars -= len(value.string_value)
        return value.string_value
    if value.bool_value is not None:
        return value.bool_value
    if value.int_value is not None:
        return _int64(value.int_value)
    if value.double_value is not None:
        return _double(value.double_value)
    if value.bytes_value is not None:
        return _bytes(value.bytes_value, left)
    if value.array_value is None and value.kvlist_value is None:
        return None
    if depth >= MAX_DEPTH:
        raise Refused(f"an attribute nests at most {MAX_DEPTH} levels")
    if value.array_value is None:
        return _attributes(value.kvlist_value.values if value.kvlist_value else None, left, depth + 1)
    items = value.array_value.values or []
    left.keys -= len(items)
    left.check()
    return [_value(item, left, depth + 1) for item in items]


def _int64(stated: Number) -> int:
    try:
        number = int(stated)
        if isinstance(stated, float) and number != stated:
            raise ValueError
    except (ValueError, OverflowError):
        raise Refused("an 'intValue' is a whole number, as a number or as digits in quotes") from None
    if not -_INT64 <= number < _INT64:
        raise Refused("an 'intValue' fits into 64 bits")
    return number


def _double(stated: Number) -> float | dict[str, str]:
    try:
        number = float(stated)
    except (ValueError, OverflowError):
        raise Refused("a 'doubleValue' is a number") from None
    if math.isfinite(number):
        return number
    return {"doubleValue": "NaN" if math.isnan(number) else "Infinity" if number > 0 else "-Infinity"}


def _bytes(stated: str, left: Allowance) -> dict[str, str]:
    left.chars -= len(stated)
    try:
        plain = base64.b64decode(stated, altchars=b"-_" if "-" in stated or "_" in stated else None, validate=True)
    except (binascii.Error, ValueError):
        raise Refused("a 'bytesValue' is base64") from None
    return {"bytesValue": base64.b64encode(plain).decode()}
