"""A span as OpenTelemetry sends it, before anyone asks what it means: plain values, the same from protobuf and JSON.

Attributes hold str, bool, int, float, None, lists and dicts. What JSON has no word for keeps OTLP's own wrapper:
`{"bytesValue": base64}` and `{"doubleValue": "NaN"}`.
"""

from __future__ import annotations

from typing import Any

from msgspec import Struct, field

STATUS_ERROR = 2
STATUS_NAMES = {0: "UNSET", 1: "OK", 2: "ERROR"}
"""As OpenTelemetry writes them where there is no field for them (`otel.status_code`)."""
INTERNAL, SERVER, CLIENT, PRODUCER, CONSUMER = 1, 2, 3, 4, 5
KIND_NAMES = {SERVER: "server", CLIENT: "client", PRODUCER: "producer", CONSUMER: "consumer"}
"""Of those kinds that say something."""


class RawEvent(Struct):
    """Something that happened at one moment."""

    name: str
    time_ns: int
    """Since 1970; 0 where the emitter did not say."""
    attributes: dict[str, Any]


class RawLink(Struct):
    """Another span that belongs to this one."""

    trace_id: str
    span_id: str
    attributes: dict[str, Any]


class RawScope(Struct):
    """The library that made a batch of spans."""

    name: str = ""
    version: str = ""
    attributes: dict[str, Any] = field(default_factory=dict)


class RawSpan(Struct, kw_only=True):
    """One span; `resource` and `scope` are shared by all spans that came under them, so nobody changes them."""

    trace_id: str
    """32 hex digits, not all zero."""
    span_id: str
    """16 hex digits, not all zero."""
    parent_span_id: str | None = None
    """16 hex digits; None for a root."""
    name: str
    kind: int = 0
    """As OTLP counts: 0 unspecified, 1 internal, 2 server, 3 client, 4 producer, 5 consumer."""
    start_ns: int
    """Since 1970."""
    end_ns: int
    """Since 1970, not before the start."""
    status: int = 0
    """As OTLP counts: 0 unset, 1 ok, 2 error."""
    status_message: str = ""
    attributes: dict[str, Any] = field(default_factory=dict)
    events: list[RawEvent] = field(default_factory=list)
    links: list[RawLink] = field(default_factory=list)
    trace_state: str = ""
    flags: int = 0
    dropped: int = 0
    """Attributes, events and links that the emitter itself left out."""
    resource: dict[str, Any] = field(default_factory=dict)
    scope: RawScope = field(default_factory=RawScope)
