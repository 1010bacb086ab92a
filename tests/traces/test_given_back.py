"""A stored span given back as OpenTelemetry: what came by OTLP as it came, what the gateway saw in OpenTelemetry's names."""

from __future__ import annotations

from datetime import UTC, datetime
from decimal import Decimal

import msgspec
import pytest
from msgspec import Raw

from tests.traces.telling import calls, recorded, recordings
from treadle.traces.dialects.given_back import raw_of
from treadle.traces.dialects.registry import canonical
from treadle.traces.intake import NewSpan, pack
from treadle.traces.otlp.decode import JSON, PROTOBUF, decode
from treadle.traces.otlp.raw import INTERNAL, RawEvent, RawLink, RawScope, RawSpan
from treadle.traces.otlp.writing import encode
from treadle.traces.pricing import BUCKET_ATTRIBUTES
from treadle.traces.types import SpanStatus

BUCKETS = frozenset(BUCKET_ATTRIBUTES.values())


def expected(raw: RawSpan) -> RawSpan:
    """Return what came as it is promised back: times to the microsecond, without flags, an unsaid kind as internal."""
    cut = raw.start_ns % 1_000
    return msgspec.structs.replace(
        raw,
        start_ns=raw.start_ns - cut,
        end_ns=raw.end_ns - cut,
        events=[msgspec.structs.replace(one, time_ns=one.time_ns - cut) for one in raw.events],
        kind=raw.kind or INTERNAL,
        flags=0,
    )


@pytest.mark.parametrize(("scene", "emitter"), recordings())
def test_what_came_by_otlp(scene: str, emitter: str) -> None:
    """
    Every recorded span comes back as it came, attributes unchanged; what is added are its counts in OpenTelemetry's names.
    """
    came = decode(recorded(scene, emitter), JSON).spans

    back = [raw_of(pack(canonical(raw, "prj")).data) for raw in came]

    for one, raw in zip(back, came, strict=True):
        added = one.attributes.keys() - raw.attributes.keys()
        assert added <= BUCKETS
        for name in added:
            del one.attributes[name]
    assert [expected(raw) for raw in came] == back


@pytest.mark.parametrize("media", [PROTOBUF, JSON])
@pytest.mark.parametrize(("status", "message"), [(0, ""), (1, ""), (2, ""), (2, "ValueError: no"), (0, "odd")])
def test_everything_a_span_can_hold(media: str, status: int, message: str) -> None:
    """
    Nested, empty, binary and odd values, links, events, scope and state are written as they are read, in both forms.
    """
    attributes = {
        "a": "text", "empty": "", "yes": True, "n": -7, "x": 2.0, "list": ["a", 1, None, []], "map": {"b": {"c": [1.5]}},
        "none": None, "bytes": {"bytesValue": "AAEC"}, "nan": {"doubleValue": "NaN"}, "error.type": "ValueError",
    }  # fmt: skip
    came = RawSpan(
        trace_id=f"{7:032x}", span_id=f"{8:016x}", parent_span_id=f"{9:016x}", name="a" * 700, kind=3,
        start_ns=1_790_000_000_000_001_000, end_ns=1_790_000_000_123_456_789, status=status, status_message=message,
        attributes=attributes, events=[RawEvent("e", 1_790_000_000_000_001_500, {"k": [1]})],
        links=[RawLink(f"{1:032x}", f"{2:016x}", {"l": "m"})], trace_state="a=b", dropped=3,
        resource={"service.name": "shop", "deep": {"a": 1}}, scope=RawScope("lib", "1.0", {"s": True}),
    )  # fmt: skip

    written = decode(encode([came, came], media), media)
    back = raw_of(pack(canonical(came, "prj")).data)

    assert [came, came] == written.spans
    assert came == back


def test_what_the_gateway_saw() -> None:
    """
    A span of the gateway goes out in OpenTelemetry's names, from which another Treadle reads the same call.
    """
    asked = [{"role": "system", "content": "Be brief."}, {"role": "user", "content": "Where is 4711?"}]
    said = [{"role": "assistant", "content": "On its way.", "tool_calls": [
        {"id": "c1", "type": "function", "function": {"name": "find", "arguments": '{"number":"4711"}'}}]}]  # fmt: skip
    span = NewSpan(
        project_id="prj", trace_id=f"{7:032x}", span_id=f"{8:016x}", name="chat support", kind="llm", endpoint="support",
        started_at=datetime(2026, 9, 1, tzinfo=UTC), latency_ms=900.5, time_to_first_token_ms=120.0, release_id="rel_1",
        config_hash="abc", key_id="key_1", provider="openai", model="gpt-4o-mini", input_tokens=12, output_tokens=5,
        cost_usd=Decimal("0.0001"), finish_reason="tool_calls", session_id="s1", user_id="u1",
        input_messages=Raw(msgspec.json.encode(asked)), output_messages=Raw(msgspec.json.encode(said)),
    )  # fmt: skip

    raw = raw_of(pack(span).data)

    again = canonical(decode(encode([raw], PROTOBUF), PROTOBUF).spans[0], "prj")
    names = ("gen_ai.provider.name", "gen_ai.response.model", "gen_ai.usage.input_tokens", "treadle.endpoint")
    assert ("openai", "gpt-4o-mini", 12, "support") == tuple(raw.attributes[name] for name in names)
    assert [{"role": "user", "parts": [{"type": "text", "content": "Where is 4711?"}]}] == msgspec.json.decode(
        raw.attributes["gen_ai.input.messages"]
    )[1:]
    facts = ("trace_id", "span_id", "kind", "model", "provider", "input_tokens", "output_tokens", "cost_usd", "session_id",
             "user_id", "finish_reason", "started_at", "latency_ms", "time_to_first_token_ms", "output_messages")  # fmt: skip
    assert [getattr(span, name) for name in facts] == [getattr(again, name) for name in facts]
    assert asked == msgspec.json.decode(again.input_messages or b"[]")


@pytest.mark.parametrize("status", ["error", "cancelled"])
def test_an_error_that_the_gateway_saw(status: SpanStatus) -> None:
    """
    An error and a caller's leaving are told as such.
    """
    span = NewSpan(
        project_id="prj", trace_id=f"{7:032x}", span_id=f"{8:016x}", name="chat support", kind="llm", config_hash="abc",
        started_at=datetime(2026, 9, 1, tzinfo=UTC), status=status, error_code="upstream_timeout", error_message="too slow",
    )  # fmt: skip

    again = canonical(raw_of(pack(span).data), "prj")

    assert status == again.status
    assert calls([again])[0]["kind"] == "llm"
