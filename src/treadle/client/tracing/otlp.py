"""Finished spans as OTLP's JSON has them: ours, and those that the OpenTelemetry SDK hands over."""

from __future__ import annotations

import base64
import json
from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple, Protocol

from treadle.client.tracing.capture import reduce_span
from treadle.guards.capture import Capture

if TYPE_CHECKING:
    from opentelemetry.sdk.trace import ReadableSpan

INTERNAL = 1
ERROR = 2
MAX_VALUE_CHARS = 1_000_000
_CUT = "… (cut)"


class Source(NamedTuple):
    """Who made spans: what is said once for many of them."""

    resource: tuple[tuple[str, Any], ...]
    """Attributes of the application."""
    scope: tuple[str, str]
    """Name and version of the library."""


class Finished(Protocol):
    """A span that has ended, ready to be written down by another thread."""

    chars: int
    """About how large it is, for the bound on memory."""

    def source(self) -> Source:
        """Return who made it."""
        ...

    def as_json(self) -> dict[str, Any]:
        """Return it as OTLP's JSON has it."""
        ...


class Foreign:
    """A span of the OpenTelemetry SDK."""

    __slots__ = ("_parent_id", "_span", "chars")

    def __init__(self, span: ReadableSpan, parent_id: int | None) -> None:
        """parent_id: the nearest span around it that is sent too."""
        self._span = span
        self._parent_id = parent_id
        self.chars = 500 + sum(len(value) for value in (span.attributes or {}).values() if isinstance(value, str))

    def source(self) -> Source:
        """Return who made it."""
        scope = self._span.instrumentation_scope
        resource = tuple(sorted((name, _hashable(value)) for name, value in self._span.resource.attributes.items()))
        return Source(resource, (scope.name, scope.version or "") if scope else ("", ""))

    def as_json(self) -> dict[str, Any]:
        """Return it as OTLP's JSON has it."""
        span, context = self._span, self._span.get_span_context()
        assert context is not None
        told: dict[str, Any] = {
            "traceId": f"{context.trace_id:032x}",
            "spanId": f"{context.span_id:016x}",
            "name": span.name,
            "kind": span.kind.value + 1,
            "startTimeUnixNano": str(span.start_time or 0),
            "endTimeUnixNano": str(span.end_time or span.start_time or 0),
            "attributes": pairs_of(span.attributes or {}),
        }
        if self._parent_id is not None:
            told["parentSpanId"] = f"{self._parent_id:016x}"
        if span.events:
            told["events"] = [
                {"name": one.name, "timeUnixNano": str(one.timestamp), "attributes": pairs_of(one.attributes or {})}
                for one in span.events
            ]
        if span.links:
            told["links"] = [
                {
                    "traceId": f"{one.context.trace_id:032x}",
                    "spanId": f"{one.context.span_id:016x}",
                    "attributes": pairs_of(one.attributes or {}),
                }
                for one in span.links
            ]
        if span.status.status_code.value:
            told["status"] = {"code": span.status.status_code.value, "message": span.status.description or ""}
        return told


def pairs_of(attributes: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Return attributes as OTLP has them."""
    return [{"key": str(name), "value": value_of(value)} for name, value in attributes.items() if value is not None]


def value_of(value: Any) -> dict[str, Any]:
    """Return one value as OTLP has it."""
    if isinstance(value, str):
        return {"stringValue": value if len(value) <= MAX_VALUE_CHARS else value[:MAX_VALUE_CHARS] + _CUT}
    if isinstance(value, bool):
        return {"boolValue": value}
    if isinstance(value, int):
        return {"intValue": str(value)} if -(2**63) <= value < 2**63 else {"stringValue": str(value)[:40]}
    if isinstance(value, float):
        return {"doubleValue": value if value - value == 0 else _odd(value)}
    if isinstance(value, bytes):
        return {"bytesValue": base64.b64encode(value).decode()}
    if isinstance(value, Mapping):
        return {"kvlistValue": {"values": pairs_of(value)}}
    if isinstance(value, Sequence):
        return {"arrayValue": {"values": [value_of(one) for one in value]}}
    return {"stringValue": str(value)}


def groups_of(spans: Iterable[Finished], level: Capture) -> tuple[list[bytes], int]:
    """Return spans as the `resourceSpans` of a request, and how many could not be written.

    Written one by one, so that other threads come in between.
    """
    groups: dict[Source, list[bytes]] = {}
    failed = 0
    for span in spans:
        try:
            told = json.dumps(reduce_span(span.as_json(), level), ensure_ascii=False).encode("utf-8", "replace")
            groups.setdefault(span.source(), []).append(told)
        except Exception:  # the border to values of strangers: one odd span costs that span alone, and is counted
            failed += 1
    return [_group(source, found) for source, found in groups.items()], failed


def _group(source: Source, spans: Sequence[bytes]) -> bytes:
    resource = json.dumps({"attributes": pairs_of(dict(source.resource))}).encode()
    scope = json.dumps({"name": source.scope[0], "version": source.scope[1]}).encode()
    return b'{"resource":%b,"scopeSpans":[{"scope":%b,"spans":[%b]}]}' % (resource, scope, b",".join(spans))


def _hashable(value: Any) -> Any:
    return value if isinstance(value, (str, bool, int, float)) else tuple(value)


def _odd(value: float) -> str:
    return "NaN" if value != value else "Infinity" if value > 0 else "-Infinity"
