"""Packed spans, read again: whole, as an example, or only what was said. Pure."""

from __future__ import annotations

from typing import Any

import msgspec
from msgspec import Struct

from treadle.traces.texts import scrub
from treadle.traces.types import Span

_FIELDS = frozenset(Span.model_fields)


class Spoken(Struct, kw_only=True):
    """What a span was given and what came of it."""

    kind: str = "chain"
    status: str = "ok"
    variables: Any = None
    input_text: str = ""
    output_text: str = ""


class Said(Struct):
    """What was asked and what was answered."""

    input_messages: Any = None
    input_text: str = ""
    output_text: str = ""


spoken_in = msgspec.json.Decoder(Spoken).decode
"""Reads what a packed span says."""
_said = msgspec.json.Decoder(Said).decode


def span_of(data: bytes) -> Span:
    """Return a span with its content."""
    told: dict[str, Any] = {"status": "ok", "latency_ms": 0.0, **_loaded(data)}
    return Span(**{name: value for name, value in told.items() if name in _FIELDS and value is not None})


def said_in(data: bytes) -> Said:
    """Return what was asked and what was answered."""
    return _said(data)


def _loaded(data: bytes) -> dict[str, Any]:
    try:
        found: dict[str, Any] = msgspec.json.decode(data)
    except (msgspec.DecodeError, UnicodeDecodeError):
        found = msgspec.json.decode(scrub(data) or b"{}")
    return found
