"""How a span ended: in order, with an error and which one, or because the caller went away."""

from __future__ import annotations

import re

from treadle.traces.dialects.base import text
from treadle.traces.otlp.raw import STATUS_ERROR, RawSpan
from treadle.traces.types import SpanStatus

_GONE = frozenset(("CancelledError", "GeneratorExit", "AbortError", "KeyboardInterrupt"))
_CLASS = re.compile(r"(?:<class ')?(?:\w+\.)*([A-Z]\w{0,199})(?:'>)?")
"""A class with its module, also as Python prints it."""
_UNKNOWN = "error"


def outcome_of(span: RawSpan, told: str | None) -> tuple[SpanStatus, str | None, str | None]:
    """Return the status, the error's name without its module, and its message.

    told: the message of an error that a dialect tells in its own way; None for none. An exception that was only noted,
    while the span ended in order, is no error.
    """
    named = text(span.attributes.get("error.type"))
    if span.status != STATUS_ERROR and named is None and told is None:
        return "ok", None, None
    kind, message = named, span.status_message or told
    for event in reversed(span.events):
        if event.name == "exception":
            kind = kind or text(event.attributes.get("exception.type"))
            message = message or text(event.attributes.get("exception.message"))
            break
    code = _UNKNOWN if kind is None else _bare(kind)
    if code in _GONE:
        return "cancelled", None, None
    return "error", code, _without_code(message, code)


def _bare(kind: str) -> str:
    """Return an exception's class without its module; anything else as it is."""
    found = _CLASS.fullmatch(kind[:1_000])
    return found[1] if found else kind


def _without_code(message: str | None, code: str) -> str | None:
    """Return a message without the class in front of it."""
    return None if message is None else message.removeprefix(f"{code}: ")
