"""Streams that are cut anywhere, end early, fail in the middle, or come in another order than usual."""

from __future__ import annotations

import itertools
import json
from typing import Any

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.gateway.translate.exchanges import PAIRS, carried, events, objects, stream, translation
from treadle.gateway import sse
from treadle.gateway.protocols.registry import PROTOCOLS_BY_NAME
from treadle.gateway.protocols.transcript import Transcript
from treadle.gateway.types import Dialect, ProtocolName


def said(caller: ProtocolName, data: bytes) -> Transcript:
    """Return what a caller's stream says."""
    transcript = Transcript()
    for _, payload in events(data):
        if (reading := PROTOCOLS_BY_NAME[caller].read_event(payload)) is not None:
            transcript.add(reading)
    return transcript


def ended(caller: ProtocolName, data: bytes) -> bool:
    """Tell whether a caller takes a stream for complete."""
    readings = [PROTOCOLS_BY_NAME[caller].read_event(payload) for _, payload in events(data)]
    return any(reading is not None and (reading.ends or reading.finish_reason is not None) for reading in readings)


def chunks(*pieces: dict[str, Any]) -> bytes:
    """Return a chat stream of deltas (with their finish_reason), and its end mark."""
    made = [{"id": "c-1", "choices": [{"index": 0, **piece}]} for piece in pieces]
    return b"".join(b"data: " + msgspec.json.encode(each) + b"\n\n" for each in made) + b"data: [DONE]\n\n"


@pytest.mark.parametrize(("caller", "dialect"), PAIRS)
@settings(max_examples=25, deadline=None)
@given(cuts=st.lists(st.integers(0, 5000), max_size=6))
def test_a_stream_cut_at_any_bytes(caller: ProtocolName, dialect: Dialect, cuts: list[int]) -> None:
    """
    However the network cuts the bytes, the caller gets the same events.
    """
    data, framer, made = stream(dialect), sse.EventFramer(), translation(caller, dialect).stream()
    edges = [0, *sorted(cut % len(data) for cut in cuts), len(data)]

    out = []
    for start, end in itertools.pairwise(edges):
        for raw in framer.feed(data[start:end]):
            (name, payload), *_ = events(raw)
            out.append(made.feed(payload, name))
    out.append(made.finish())

    assert carried(translation(caller, dialect).stream(), data) == b"".join(out)


@pytest.mark.parametrize(("caller", "dialect"), PAIRS)
def test_a_stream_that_ends_early(caller: ProtocolName, dialect: Dialect) -> None:
    """
    A stream whose upstream hung up before it said why it stopped never looks complete.
    """
    raws = [raw + b"\n\n" for raw in stream(dialect).split(b"\n\n") if raw]
    last = next(index for index, raw in enumerate(raws) if _stops(raw))

    for count in range(last):
        assert not ended(caller, carried(translation(caller, dialect).stream(), b"".join(raws[:count])))


def _stops(raw: bytes) -> bool:
    return any(mark in raw for mark in (b'finish_reason":"', b'stop_reason":"', b'finishReason":"', b'stopReason":"'))


@pytest.mark.parametrize(("caller", "dialect"), PAIRS)
def test_a_stream_without_its_end_mark(caller: ProtocolName, dialect: Dialect) -> None:
    """
    A stream that said why it stops is complete when the upstream hangs up, also without its usage or end mark.
    """
    raws = [raw + b"\n\n" for raw in stream(dialect).split(b"\n\n") if raw]
    last = next(index for index, raw in enumerate(raws) if _stops(raw))

    out = carried(translation(caller, dialect).stream(), b"".join(raws[: last + 1]))

    assert ended(caller, out)
    assert "About 15 degrees." == said(caller, out).text


ODD = b'{"type":"message","content":["x"],"choices":["x"],"candidates":["x"],"output":{"message":{"content":["x"]}}}'
"""Known fields in shapes that nobody knows."""


FAULTS: dict[Dialect, bytes] = {
    "chat": b'data: {"error":{"message":"overloaded","type":"server_error"}}\n\n',
    "messages": b'event: error\ndata: {"type":"error","error":{"type":"overloaded_error","message":"overloaded"}}\n\n',
    "gemini": b'data: {"error":{"code":503,"message":"overloaded","status":"UNAVAILABLE"}}\n\n',
    "converse": b'event: modelStreamErrorException\ndata: {"message":"overloaded"}\n\n',
}


@pytest.mark.parametrize(("caller", "dialect"), PAIRS)
def test_an_upstream_that_fails_in_the_middle(caller: ProtocolName, dialect: Dialect) -> None:
    """
    An error in the stream reaches the caller as an error in its own protocol, and no end follows it.
    """
    begun = b"".join(raw + b"\n\n" for raw in stream(dialect).split(b"\n\n")[:3])

    out = carried(translation(caller, dialect).stream(), begun + FAULTS[dialect])

    readings = [PROTOCOLS_BY_NAME[caller].read_event(payload) for _, payload in events(out)]
    assert ["overloaded"] == [reading.error for reading in readings if reading is not None and reading.error]
    assert not ended(caller, out)


@pytest.mark.parametrize(("caller", "dialect"), PAIRS)
def test_events_of_unknown_kinds(caller: ProtocolName, dialect: Dialect) -> None:
    """
    What an upstream says in words that nobody knows has no place in another protocol, and harms nothing.
    """
    odd = b'event: sparkle\ndata: {"type":"sparkle","a":1}\n\ndata: not json\n\ndata: ' + ODD + b"\n\n"
    raws = stream(dialect).partition(b"\n\n")
    data = raws[0] + raws[1] + odd + raws[2]

    out = carried(translation(caller, dialect).stream(), data)

    assert "About 15 degrees." == said(caller, out).text
    assert ended(caller, out)


def test_blocks_of_anthropic_open_and_close_in_turn() -> None:
    """
    Blocks are numbered from 0, each starts before its pieces and stops before the next starts.
    """
    found = objects(carried(translation("messages", "chat").stream(), stream("chat")))

    opened: list[int] = []
    current: int | None = None
    for event in found:
        if event["type"] == "content_block_start":
            assert current is None
            current = event["index"]
            opened.append(current)
        elif event["type"] == "content_block_delta":
            assert current == event["index"]
        elif event["type"] == "content_block_stop":
            assert current == event["index"]
            current = None
    assert [0, 1, 2, 3] == opened
    assert ("message_start", "message_stop") == (found[0]["type"], found[-1]["type"])


def test_calls_whose_pieces_are_mixed() -> None:
    """
    Pieces of two calls that come in turn end up with the call they belong to.
    """
    calls = [
        {"index": 0, "id": "a", "type": "function", "function": {"name": "f", "arguments": ""}},
        {"index": 1, "id": "b", "type": "function", "function": {"name": "g", "arguments": ""}},
        {"index": 0, "function": {"arguments": '{"x":'}},
        {"index": 1, "function": {"arguments": "{}"}},
        {"index": 0, "function": {"arguments": "1}"}},
    ]
    data = chunks(*({"delta": {"tool_calls": [call]}} for call in calls), {"delta": {}, "finish_reason": "tool_calls"})

    for caller in ("messages", "responses"):
        out = carried(translation(caller, "chat").stream(), data)
        found = [(call["function"]["name"], call["function"]["arguments"]) for call in said(caller, out).calls]
        assert [("f", '{"x":1}'), ("g", "{}")] == found
    last = objects(carried(translation("responses", "chat").stream(), data))[-1]["response"]["output"]
    assert ['{"x":1}', "{}"] == [item["arguments"] for item in last]


@pytest.mark.parametrize("caller", ["messages", "responses", "completions"])
def test_an_answer_that_says_nothing(caller: ProtocolName) -> None:
    """
    An empty answer is a complete one in every protocol.
    """
    data = chunks({"delta": {"role": "assistant"}}, {"delta": {}, "finish_reason": "stop"})

    out = carried(translation(caller, "chat").stream(), data)

    assert ended(caller, out)
    assert ("", "stop") == (said(caller, out).text, said(caller, out).finish_reason)


@pytest.mark.parametrize(
    ("reason", "messages", "responses"),
    [
        ("stop", "end_turn", ("completed", None)),
        ("length", "max_tokens", ("incomplete", "max_output_tokens")),
        ("content_filter", "refusal", ("incomplete", "content_filter")),
        ("tool_calls", "tool_use", ("completed", None)),
        ("odd", "end_turn", ("completed", None)),
    ],
)
def test_why_an_answer_stopped(reason: str, messages: str, responses: tuple[str, str | None]) -> None:
    """
    OpenAI's reasons become Anthropic's and a response's status.
    """
    data = chunks({"delta": {"content": "a"}}, {"delta": {}, "finish_reason": reason})

    anthropic = objects(carried(translation("messages", "chat").stream(), data))
    response = objects(carried(translation("responses", "chat").stream(), data))[-1]["response"]

    delta = next(event["delta"] for event in anthropic if event["type"] == "message_delta")
    details = response["incomplete_details"]
    assert messages == delta["stop_reason"]
    assert responses == (response["status"], details and details["reason"])


def test_a_model_that_refuses() -> None:
    """
    A refusal is words and a reason to Anthropic's callers, and a part of its own in a response.
    """
    data = chunks({"delta": {"refusal": "I will not"}}, {"delta": {}, "finish_reason": "stop"})

    anthropic = objects(carried(translation("messages", "chat").stream(), data))
    response = objects(carried(translation("responses", "chat").stream(), data))[-1]["response"]

    assert "I will not" in json.dumps(anthropic)
    assert "refusal" == next(event["delta"]["stop_reason"] for event in anthropic if event["type"] == "message_delta")
    assert [{"type": "refusal", "refusal": "I will not"}] == response["output"][0]["content"]


def test_a_prompt_that_google_blocks() -> None:
    """
    A blocked prompt is an answer that was filtered, not a broken one.
    """
    data = b'{"promptFeedback":{"blockReason":"SAFETY"},"usageMetadata":{"promptTokenCount":4}}'
    made = translation("chat", "gemini")

    whole = json.loads(made.answer(data))["choices"][0]
    streamed = objects(carried(made.stream(), b"data: " + data + b"\n\n"))

    assert ("content_filter", "the prompt was blocked: SAFETY") == (whole["finish_reason"], whole["message"]["refusal"])
    assert "content_filter" == streamed[0]["choices"][0]["finish_reason"]


@pytest.mark.parametrize(("caller", "dialect"), PAIRS)
@pytest.mark.parametrize("data", [b"", b"<html>", b"[]", b"{}", b'{"error":{"message":"no"}}', ODD])
def test_what_is_no_answer(caller: ProtocolName, dialect: Dialect, data: bytes) -> None:
    """
    Something else than an answer of the dialect is told apart.
    """
    with pytest.raises(ValueError):  # noqa: PT011 - the words are for nobody
        translation(caller, dialect).answer(data)
