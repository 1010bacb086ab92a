"""OTLP bodies: what is wrong with one span costs that span, and what is no export at all is refused."""

from __future__ import annotations

import json
import tracemalloc
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from opentelemetry.proto.common.v1.common_pb2 import AnyValue, KeyValue

from tests.traces.exports import START_NS, json_export, json_span, pb_export, pb_span, read_one
from tests.traces.telling import recorded
from treadle.traces.dialects.registry import canonical
from treadle.traces.otlp.decode import JSON, PROTOBUF, OtlpRefused, decode
from treadle.traces.otlp.limits import MAX_DEPTH, MAX_KEYS, MAX_SPANS, MAX_TEXT_CHARS


def test_a_span_in_json() -> None:
    """
    Ids come in hex of any case, times and whole numbers as text or number, enums as number or name.
    """
    span = read_one(
        traceId="0AF7651916CD43DD8448EB211C80319C",
        kind="SPAN_KIND_CLIENT",
        status={"code": "STATUS_CODE_ERROR", "message": "no"},
        startTimeUnixNano=START_NS,
        attributes=[
            {"key": "text", "value": {"stringValue": ""}},
            {"key": "whole", "value": {"intValue": "9007199254740993"}},
            {"key": "half", "value": {"doubleValue": 0.5}},
            {"key": "odd", "value": {"doubleValue": "NaN"}},
            {"key": "yes", "value": {"boolValue": True}},
            {"key": "bytes", "value": {"bytesValue": "AAE="}},
            {"key": "list", "value": {"arrayValue": {"values": [{"intValue": 1}, {"stringValue": "a"}]}}},
            {"key": "map", "value": {"kvlistValue": {"values": [{"key": "a", "value": {"boolValue": False}}]}}},
            {"key": "nothing", "value": {}},
        ],
        unknownField={"is": "passed over"},
    )

    assert ("0af7651916cd43dd8448eb211c80319c", 3, 2, "no") == (
        span.trace_id,
        span.kind,
        span.status,
        span.status_message,
    )
    assert START_NS == span.start_ns
    assert {
        "text": "",
        "whole": 9007199254740993,
        "half": 0.5,
        "odd": {"doubleValue": "NaN"},
        "yes": True,
        "bytes": {"bytesValue": "AAE="},
        "list": [1, "a"],
        "map": {"a": False},
        "nothing": None,
    } == span.attributes


@pytest.mark.parametrize(
    ("fault", "why"),
    [
        ({"traceId": "0" * 32}, "trace id"),
        ({"traceId": "zz"}, "trace id"),
        ({"spanId": "0" * 16}, "span id"),
        ({"spanId": None}, "span id"),
        ({"parentSpanId": "12"}, "parent span id"),
        ({"startTimeUnixNano": "0"}, "1970"),
        ({"startTimeUnixNano": "-5"}, "1970"),
        ({"startTimeUnixNano": "soon"}, "nanoseconds"),
        ({"endTimeUnixNano": str(8 * 10**18)}, "2200"),
        ({"endTimeUnixNano": str(START_NS - 1)}, "ends after its start"),
        ({"endTimeUnixNano": None}, "ends after its start"),
        ({"attributes": [{"key": "a", "value": {"intValue": "1.5"}}]}, "whole number"),
        ({"attributes": [{"key": "a", "value": {"intValue": str(2**63)}}]}, "64 bits"),
        ({"attributes": [{"key": "a", "value": {"bytesValue": "?"}}]}, "base64"),
        ({"attributes": [{"key": "a" * 600, "value": {}}]}, "name has at most"),
        ({"attributes": {"key": "a"}}, "cannot be read"),
        ({"name": 7}, "cannot be read"),
    ],
)
def test_a_bad_span_among_good_ones(fault: dict[str, Any], why: str) -> None:
    """
    A span that cannot be taken is counted with its reason, and its neighbours live.
    """
    body = json_export(json_span(), json_span(**fault), json_span(name="after"))

    decoded = decode(body, JSON)

    assert ["work", "after"] == [span.name for span in decoded.spans]
    assert 1 == decoded.rejected
    assert why in decoded.message


def test_a_broken_text_in_one_span_of_protobuf() -> None:
    """
    Protobuf gives up a whole body for one text that is not UTF-8; here only its span is lost.
    """
    body = pb_export(pb_span(), pb_span(name="MARK"), pb_span(name="after")).replace(b"MARK", b"\xff\xfeRK")

    decoded = decode(body, PROTOBUF)

    assert ["work", "after"] == [span.name for span in decoded.spans]
    assert 1 == decoded.rejected
    assert "UTF-8" in decoded.message


def test_a_broken_text_in_one_span_of_json() -> None:
    """
    So it is in JSON.
    """
    body = json_export(json_span(), json_span(name="MARK"), json_span(name="after")).replace(b"MARK", b"\xff\xfeRK")

    decoded = decode(body, JSON)

    assert ["work", "after"] == [span.name for span in decoded.spans]
    assert 1 == decoded.rejected


@pytest.mark.parametrize(
    ("sent", "kept"),
    [
        (rb"\ud83d", "\ufffd"),
        (rb"\ude00", "\ufffd"),
        (rb"\ud83d\ude00\ude00", "\U0001f600\ufffd"),
        (rb"\ud83d\ud83d\ude00", "\ufffd\U0001f600"),
        (rb"\ud83d\\ud83d", "\ufffd\\ud83d"),
    ],
)
def test_a_text_cut_within_a_character(sent: bytes, kept: str) -> None:
    """
    JavaScript's exporters write half a surrogate pair where a text was cut: it costs that character, and no span.
    """
    body = json_export(json_span(), json_span(name="MARK")).replace(b"MARK", sent)

    decoded = decode(body, JSON)

    assert ["work", kept] == [span.name for span in decoded.spans]


@pytest.mark.parametrize("levels", [MAX_DEPTH + 1, 90, 250])
def test_an_attribute_that_nests_too_deep(levels: int) -> None:
    """
    Depth is refused at its limit, in both forms.
    """
    deep = b'{"arrayValue":{"values":[' * levels + b"{}" + b"]}}" * levels
    in_json = json_export(json_span(), json_span(attributes=[{"key": "a", "value": "DEEP"}])).replace(b'"DEEP"', deep)

    for body, media in ((in_json, JSON), (_nested(levels), PROTOBUF)):
        decoded = decode(body, media)

        assert (1, 1) == (len(decoded.spans), decoded.rejected)
        assert "nest" in decoded.message


def test_an_attribute_without_a_bottom() -> None:
    """
    Protobuf says how long a span is, so that it can be stepped over; of JSON that nests without end nothing is read.
    """
    deep = b'{"arrayValue":{"values":[' * 50_000
    in_json = json_export(json_span(attributes=[{"key": "a", "value": "DEEP"}])).replace(b'"DEEP"', deep)

    decoded = decode(_nested(5_000), PROTOBUF)

    assert (1, 1) == (len(decoded.spans), decoded.rejected)
    with pytest.raises(OtlpRefused):
        decode(in_json, JSON)


def test_an_index_bomb_costs_nothing() -> None:
    """
    What a flat name's index says is never allocated.
    """
    names = [f"llm.input_messages.{index}.message.content" for index in (7, 999_999_999, 10**200)]
    body = json_export(
        json_span(
            attributes=[
                {"key": "openinference.span.kind", "value": {"stringValue": "LLM"}},
                *({"key": name, "value": {"stringValue": name[-30:]}} for name in names),
            ]
        )
    )
    canonical(decode(body, JSON).spans[0], "prj")
    tracemalloc.start()
    try:
        span = canonical(decode(body, JSON).spans[0], "prj")
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()

    assert 3 == len(json.loads(bytes(span.input_messages or b"[]")))
    assert peak < 200_000


def test_too_many_attributes() -> None:
    """
    A span with more names than the limit is refused, nested ones counted.
    """
    many = [KeyValue(key=str(number)) for number in range(MAX_KEYS // 2)]
    inner = AnyValue()
    inner.kvlist_value.values.extend(many)
    body = pb_export(pb_span(attributes=[*many, KeyValue(key="x", value=inner)]), pb_span())

    decoded = decode(body, PROTOBUF)

    assert (1, 1) == (len(decoded.spans), decoded.rejected)
    assert f"at most {MAX_KEYS} attributes" in decoded.message


def test_too_much_text() -> None:
    """
    All texts of a span together stay under the limit.
    """
    large = "a" * (MAX_TEXT_CHARS // 2)
    attributes = [{"key": str(number), "value": {"stringValue": large}} for number in range(3)]

    decoded = decode(json_export(json_span(attributes=attributes), json_span()), JSON)

    assert (1, 1) == (len(decoded.spans), decoded.rejected)
    assert f"at most {MAX_TEXT_CHARS} characters" in decoded.message


def test_too_many_spans() -> None:
    """
    What is over the limit of one request is counted, not taken.
    """
    decoded = decode(pb_export(*[pb_span()] * (MAX_SPANS + 5)), PROTOBUF)

    assert (MAX_SPANS, 5) == (len(decoded.spans), decoded.rejected)


@pytest.mark.parametrize(
    ("body", "media"),
    [
        (b"{", JSON),
        (b"[]", JSON),
        (b'{"resourceSpans": 7}', JSON),
        (b"[" * 100_000, JSON),
        (b"\xff", PROTOBUF),
        (b"\x0a\xff\xff\xff\xff\x0f", PROTOBUF),
        (b"{}", "text/plain"),
        (b"", ""),
    ],
)
def test_what_is_no_export(body: bytes, media: str) -> None:
    """
    A body that is no trace export is refused as a whole.
    """
    with pytest.raises(OtlpRefused) as caught:
        decode(body, media)

    assert "traces.otlp_refused" == caught.value.error_code


@pytest.mark.parametrize(
    ("body", "media"), [(b"", PROTOBUF), (b"{}", JSON), (b"{}", "application/json; charset=utf-8")]
)
def test_an_empty_export(body: bytes, media: str) -> None:
    """
    An export without spans is fine.
    """
    assert ([], 0, "") == decode(body, media)


@settings(max_examples=200, deadline=None)
@given(st.binary(max_size=300), st.sampled_from([JSON, PROTOBUF]))
def test_any_bytes(body: bytes, media: str) -> None:
    """
    Whatever comes is read or refused.
    """
    try:
        decode(body, media)
    except OtlpRefused:
        return


_REAL = {JSON: recorded("openai-tools", "vercel"), PROTOBUF: pb_export(*[pb_span(name=f"span {n}") for n in range(20)])}


@settings(max_examples=200, deadline=None)
@given(st.sampled_from([JSON, PROTOBUF]), st.integers(0, 10**6), st.binary(min_size=1, max_size=4))
def test_a_real_body_with_damage(media: str, at: int, damage: bytes) -> None:
    """
    A real export with some bytes changed is read, in part perhaps, or refused.
    """
    body = bytearray(_REAL[media])
    at %= len(body)
    body[at : at + len(damage)] = damage

    try:
        decode(bytes(body), media)
    except OtlpRefused:
        return


def _nested(levels: int) -> bytes:
    """Return an export of a good span and one with lists in lists."""
    value = bytes(AnyValue(int_value=1).SerializeToString())
    for _ in range(levels):
        value = _field(5, _field(1, value))
    plain = bytes(pb_span().SerializeToString())
    deep = plain + _field(9, _field(1, b"a") + _field(2, value))
    return _field(1, _field(2, _field(2, plain) + _field(2, deep)))


def _field(number: int, data: bytes) -> bytes:
    """Return a length-delimited field of protobuf."""
    size, length = bytearray(), len(data)
    while length > 127:
        size.append(length & 127 | 128)
        length >>= 7
    size.append(length)
    return bytes([number << 3 | 2]) + bytes(size) + data
