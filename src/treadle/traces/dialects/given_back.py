"""A stored span as OpenTelemetry would have sent it: the inverse of `registry.canonical`, and what the gateway saw in `gen_ai.*`.

A span that came by OTLP is given back as it came: ids, name, kind, status, resource, scope, events, links and all its
attributes. Times are to the microsecond, as they are stored; the buckets of its usage stand among the attributes under
OpenTelemetry's names too where the emitter had others; flags are gone. What we wrote into the attributes ourselves stays here.
"""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any, TypeVar

import msgspec

from treadle.traces.dialects.repeats import COUNTED_IN
from treadle.traces.otlp.raw import (
    CLIENT,
    INTERNAL,
    KIND_NAMES,
    STATUS_ERROR,
    STATUS_NAMES,
    RawEvent,
    RawLink,
    RawScope,
    RawSpan,
)
from treadle.traces.pricing import COMPUTED, PRICE_VERSION
from treadle.traces.texts import scrub

_STATUSES = {name: number for number, name in STATUS_NAMES.items()}
_KINDS = {name: number for number, name in KIND_NAMES.items()}
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_SCOPE = RawScope("treadle.gateway")
_RESOURCE = {"service.name": "treadle"}
_OPERATIONS = {
    "llm": "chat",
    "embedding": "embeddings",
    "retrieval": "retrieval",
    "rerank": "rerank",
    "tool": "execute_tool",
}
_PLAIN = {
    "provider": "gen_ai.provider.name",
    "model": "gen_ai.response.model",
    "session_id": "gen_ai.conversation.id",
    "user_id": "user.id",
    "input_tokens": "gen_ai.usage.input_tokens",
    "output_tokens": "gen_ai.usage.output_tokens",
    "endpoint": "treadle.endpoint",
    "release_id": "treadle.release.id",
    "rollout_id": "treadle.rollout.id",
    "arm": "treadle.arm",
    "key_id": "treadle.key.id",
    "model_version_id": "treadle.model_version.id",
}
"""What a field of the gateway's spans is called outside."""
T = TypeVar("T")
_decode = msgspec.json.Decoder().decode
_encode = msgspec.json.Encoder().encode


def raw_of(packed: bytes) -> RawSpan:
    """Return a packed span as it would come by OTLP. Costs some 15 microseconds and no I/O."""
    try:
        told: dict[str, Any] = _decode(packed)
    except (msgspec.DecodeError, UnicodeDecodeError):
        told = _decode(scrub(packed) or b"{}")
    since = _moment(told["started_at"]) - _EPOCH
    start_ns = ((since.days * 86_400 + since.seconds) * 1_000_000 + since.microseconds) * 1_000
    raw = RawSpan(
        trace_id=told["trace_id"],
        span_id=told["span_id"],
        parent_span_id=told.get("parent_span_id"),
        name=told["name"],
        start_ns=start_ns,
        end_ns=start_ns + round((told.get("latency_ms") or 0.0) * 1e6),
        events=[_event(one, start_ns) for one in told.get("events") or ()],
        links=[
            RawLink(one["trace_id"], one["span_id"], one.get("attributes") or {}) for one in told.get("links") or ()
        ],
        attributes=dict(told.get("attributes") or {}),
        resource=told.get("resource") or {},
    )
    if told.get("config_hash") is None:
        _as_it_came(raw, told)
    else:
        _of_gateway(raw, told)
    return raw


def _as_it_came(raw: RawSpan, told: dict[str, Any]) -> None:
    """Put back what `registry.canonical` moved among the attributes."""
    given = raw.attributes
    given.pop(COUNTED_IN, None)
    if given.pop(COMPUTED, False):
        given.pop(PRICE_VERSION, None)
    raw.name = _taken(given, "otel.span.name", raw.name)
    raw.kind = _KINDS.get(_taken(given, "otel.span.kind", ""), INTERNAL)
    raw.trace_state = _taken(given, "otel.trace_state", "")
    raw.dropped = _taken(given, "otel.dropped_count", 0)
    raw.scope = RawScope(
        _taken(given, "otel.scope.name", ""),
        _taken(given, "otel.scope.version", ""),
        _taken(given, "otel.scope.attributes", {}),
    )
    named = _taken(given, "otel.status_code", "UNSET" if told.get("status", "ok") == "ok" else "ERROR")
    raw.status = _STATUSES.get(named, 0)
    raw.status_message = _taken(given, "otel.status_description", _error(told))


def _taken(given: dict[str, Any], name: str, default: T) -> T:
    """Take what we put among the attributes; what an emitter put there under the name, and is of another kind, stays."""
    found = given.get(name)
    if type(found) is not type(default) or (isinstance(found, int) and not 0 <= found < 2**32):
        return default
    return given.pop(name)  # type: ignore[no-any-return]


def _of_gateway(raw: RawSpan, told: dict[str, Any]) -> None:
    """Tell what the gateway saw in OpenTelemetry's words for generative AI."""
    given, status = raw.attributes, told.get("status", "ok")
    raw.kind, raw.scope, raw.resource = CLIENT, _SCOPE, raw.resource or _RESOURCE
    if operation := _OPERATIONS.get(told["kind"]):
        given["gen_ai.operation.name"] = operation
    for ours, theirs in _PLAIN.items():
        if (value := told.get(ours)) is not None:
            given[theirs] = value
    if (cost := told.get("cost_usd")) is not None:
        given["gen_ai.usage.cost"] = float(cost)
    if (first_ms := told.get("time_to_first_token_ms")) is not None:
        given["gen_ai.response.time_to_first_chunk"] = first_ms / 1_000
    if (reason := told.get("finish_reason")) is not None:
        given["gen_ai.response.finish_reasons"] = [reason]
    for side in ("input", "output"):
        if told.get(f"{side}_messages"):
            stated = [_message(one) for one in told[f"{side}_messages"]]
            if side == "output":
                stated = [{**one, "finish_reason": reason or "stop"} for one in stated]
            given[f"gen_ai.{side}.messages"] = _encode(stated).decode()
    if status != "ok":
        raw.status, raw.status_message = STATUS_ERROR, _error(told)
        given["error.type"] = "CancelledError" if status == "cancelled" else told.get("error_code") or "_OTHER"


def _message(message: dict[str, Any]) -> dict[str, Any]:
    """Return a message of OpenAI's shape, as ours are, in the parts of OpenTelemetry's."""
    role, content = message.get("role", "user"), message.get("content")
    parts: list[Any] = []
    if reasoning := message.get("reasoning_content"):
        parts.append({"type": "reasoning", "content": reasoning})
    if role == "tool":
        parts.append({"type": "tool_call_response", "id": message.get("tool_call_id"), "response": content})
    elif isinstance(content, list):
        parts += [
            {"type": "text", "content": one["text"]} if isinstance(one, dict) and one.get("type") == "text" else one
            for one in content
        ]
    elif content:
        parts.append({"type": "text", "content": content})
    for call in message.get("tool_calls") or ():
        called = call.get("function") or {}
        parts.append(
            {
                "type": "tool_call",
                "id": call.get("id"),
                "name": called.get("name"),
                "arguments": called.get("arguments"),
            }
        )
    return {"role": role, "parts": parts}


def _event(event: dict[str, Any], start_ns: int) -> RawEvent:
    return RawEvent(
        event["name"], max(0, start_ns + round((event.get("after_ms") or 0.0) * 1e6)), event.get("attributes") or {}
    )


def _error(told: dict[str, Any]) -> str:
    return told.get("error_message") or ""


def _moment(text: str) -> datetime:
    at = datetime.fromisoformat(text)
    return at if at.tzinfo else at.replace(tzinfo=UTC)
