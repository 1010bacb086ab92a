"""Spans on their way in: made by the gateway on every request, so a bare struct and not a checked `Record`.

The same fields as `types.Span`, with content still as the JSON that came over the wire. A span is packed as soon as it
is made: one JSON object, which goes to the database (or to a spool file) as it is. What waits is then a few kilobytes
in one piece, and no tree of objects that the garbage collector walks through.
"""

from __future__ import annotations

import random
import time
from datetime import datetime
from decimal import Decimal
from typing import Any

import msgspec
from msgspec import Raw, Struct, field

from treadle.traces.texts import input_text, output_text, scrub, scrub_text, scrub_value
from treadle.traces.types import SpanKind, SpanStatus


class NewSpan(Struct, kw_only=True, omit_defaults=True):
    """A span to store; (project, trace, span) names it, storing it again changes nothing. Fields: see `types.Span`.

    Packed, what has its default is left out; whoever reads a packed span puts it back.
    """

    project_id: str
    """The project it belongs to."""
    trace_id: str
    span_id: str
    parent_span_id: str | None = None
    name: str
    kind: SpanKind
    status: SpanStatus = "ok"
    error_code: str | None = None
    error_message: str | None = None
    started_at: datetime
    latency_ms: float = 0.0
    time_to_first_token_ms: float | None = None
    endpoint: str | None = None
    release_id: str | None = None
    rollout_id: str | None = None
    arm: str | None = None
    arm_weight: float | None = None
    unit: str | None = None
    session_id: str | None = None
    user_id: str | None = None
    key_id: str | None = None
    config_hash: str | None = None
    provider: str | None = None
    model: str | None = None
    model_version_id: str | None = None
    service_name: str | None = None
    tool_name: str | None = None
    input_tokens: int | None = None
    output_tokens: int | None = None
    cost_usd: Decimal | None = None
    finish_reason: str | None = None
    input_messages: Raw | None = None
    """JSON, a list of messages."""
    output_messages: Raw | None = None
    """JSON, a list of messages."""
    variables: Raw | None = None
    """JSON, an object."""
    input_text: str | None = None
    """What was asked, as plain text; None when it is to be read from variables or messages."""
    output_text: str | None = None
    """What was answered, as plain text; None when it is to be read from the messages."""
    documents: Raw | None = None
    """JSON, a list of `types.Document`."""
    events: Raw | None = None
    """JSON, a list of `types.SpanEvent`."""
    links: Raw | None = None
    """JSON, a list of `types.SpanLink`."""
    attributes: dict[str, Any] = field(default_factory=dict)
    resource: dict[str, Any] = field(default_factory=dict)


class PackedSpan(Struct, frozen=True):
    """A span as one JSON object."""

    project_id: str
    """The project it belongs to."""
    data: bytes
    """Its fields; texts are never left out."""


_encode = msgspec.json.Encoder().encode
_CONTENT = ("input_messages", "output_messages", "variables", "documents", "events", "links")


def pack(span: NewSpan) -> PackedSpan:
    """Return a span as JSON; half surrogate pairs, which JSON has no place for, become U+FFFD. Costs 1 us and no I/O."""
    if span.input_text is None or span.output_text is None:
        span = _with_texts(span)
    try:
        return PackedSpan(span.project_id, _encode(span))
    except UnicodeEncodeError:
        return PackedSpan(span.project_id, _encode(scrubbed(span)))


def unpack(packed: PackedSpan) -> NewSpan:
    """Return the span again, its texts filled in."""
    fields = msgspec.json.decode(packed.data, type=dict[str, Raw])
    content = {name: Raw(bytes(fields.pop(name))) for name in _CONTENT if name in fields}
    return msgspec.structs.replace(msgspec.json.decode(_encode(fields), type=NewSpan), **content)


def scrubbed(span: NewSpan) -> NewSpan:
    """Return a span without what PostgreSQL cannot hold: NUL characters and half surrogate pairs become U+FFFD."""
    texts = {name: scrub_text(value) for name, value in msgspec.structs.asdict(span).items() if isinstance(value, str)}
    content = {name: scrub(_bytes(getattr(span, name))) for name in _CONTENT}
    raws = {name: None if data is None else Raw(data) for name, data in content.items()}
    bags = {name: scrub_value(getattr(span, name)) for name in ("attributes", "resource")}
    return msgspec.structs.replace(span, **texts, **raws, **bags)


def _with_texts(span: NewSpan) -> NewSpan:
    """Return a span with the plain texts that its variables and messages hold."""
    asked, said = span.input_text, span.output_text
    if asked is None:
        asked = input_text(_bytes(span.variables), _bytes(span.input_messages))
    if said is None:
        said = output_text(_bytes(span.output_messages))
    return msgspec.structs.replace(span, input_text=asked, output_text=said)


def _bytes(raw: Raw | None) -> bytes | None:
    return None if raw is None else bytes(raw)


# Ids must be unique, not secret. The kernel's random numbers cost ten times as much; Python seeds anew after a fork.
def new_trace_id() -> str:
    """Return a fresh trace id: 48 bits of milliseconds, then 80 random bits, so new ones lie together in indexes."""
    return (time.time_ns() // 1_000_000 << 80 | random.getrandbits(80)).to_bytes(16, "big").hex()


def new_span_id() -> str:
    """Return a fresh span id."""
    return random.getrandbits(64).to_bytes(8, "big").hex()
