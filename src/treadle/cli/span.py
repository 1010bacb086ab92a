"""A span in words at a terminal: what answered, what was tried, what guards found, what was said."""

from __future__ import annotations

import json
from collections.abc import Iterator

from treadle.cli.output import say
from treadle.core.types import JsonObject, JsonValue
from treadle.traces.asking.types import TreeRow
from treadle.traces.types import Span

_EXCERPT = 300
"""Characters of a document that was found."""
_DONE = {"allow": "let pass", "mask": "masked", "block": "blocked"}
"""What a guard did about what it found."""


def tokens_in(span: Span | TreeRow) -> str:
    """Return what a call of a model read, wrote and cost, to stand behind its time; empty for what counts no tokens."""
    if span.input_tokens is None and span.output_tokens is None and span.cost_usd is None:
        return ""
    cost = "unknown cost" if span.cost_usd is None else f"{span.cost_usd} USD"
    return f", {count_in_words(span.input_tokens)} tokens in, {count_in_words(span.output_tokens)} out, {cost}"


def print_content(span: Span, indent: str) -> bool:
    """Print what is known of a span and what went in and out; return whether anything went in or out."""
    for line in (*_served(span), *_attempted(span.attributes), *_guarded(span.attributes)):
        say(indent + line)
    if not span.input_messages and isinstance(span.variables, dict):
        for name, value in span.variables.items():
            say(f"{indent}{name}: {value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)}")
    said = [
        message
        for messages in (span.input_messages, span.output_messages)
        for message in (messages if isinstance(messages, list) else [])
    ]
    for message in said:
        say(
            indent + (f"{message.get('role')}: {message.get('content')}" if isinstance(message, dict) else str(message))
        )
    for document in span.documents:
        say(f"{indent}found {document.id or 'a document'}: {_excerpt(document.content)}")
    return bool(said or span.variables or span.documents)


def _excerpt(text: str) -> str:
    flat = " ".join(text.split())
    return flat if len(flat) <= _EXCERPT else flat[: _EXCERPT - 1] + "…"


def _served(span: Span) -> Iterator[str]:
    """Yield what answered, and whom."""
    if span.release_id is not None:
        chance = "" if span.arm_weight in (None, 1.0) else f" (probability {span.arm_weight:g})"
        yield f"release {span.release_id}, arm {span.arm}{chance}"
    if whom := [f"{name} {value}" for name, value in (("session", span.session_id), ("user", span.user_id)) if value]:
        yield ", ".join(whom)
    if cached := span.attributes.get("treadle.cache"):
        yield f"answered from the cache ({cached})" if cached != "miss" else "not in the cache"


def _attempted(attributes: JsonObject) -> Iterator[str]:
    """Yield the attempts that failed before the answer."""
    for attempt in _records(attributes.get("treadle.attempts.failed")):
        yield f"an attempt at {attempt.get('target')} failed: {attempt.get('code')}"


def _guarded(attributes: JsonObject) -> Iterator[str]:
    """Yield what each guard found, and together those that found nothing."""
    idle = []
    for seen in _records(attributes.get("treadle.guards")):
        found = seen.get("kinds")
        which = f"guard '{seen.get('guard')}' ({seen.get('check')}, {seen.get('stage')})"
        if seen.get("late"):
            yield f"{which} gave no verdict in time"
        elif isinstance(found, dict) and found:
            counts = ", ".join(f"{kind} {times}" for kind, times in found.items())
            yield f"{which} {_DONE.get(str(seen.get('action')), 'found')}: {counts}"
        else:
            idle.append(str(seen.get("guard")))
    if idle:
        yield f"guards that found nothing: {', '.join(dict.fromkeys(idle))}"


def _records(value: JsonValue) -> list[JsonObject]:
    """Return the objects of a list; spans from elsewhere may hold anything under our names."""
    return [each for each in value if isinstance(each, dict)] if isinstance(value, list) else []


def count_in_words(tokens: int | None) -> str:
    return "unknown" if tokens is None else str(tokens)
