"""How answers and events of each protocol are read, gathered, renamed and given another text."""

from __future__ import annotations

import json
from typing import Any

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.gateway.translate.exchanges import RECORDED, carried, events, stream, translation
from treadle.gateway.protocols.base import Reading, SpokenProtocol
from treadle.gateway.protocols.registry import PROTOCOLS_BY_NAME
from treadle.gateway.protocols.responses import ResponsesProtocol
from treadle.gateway.protocols.transcript import Transcript
from treadle.gateway.types import ProtocolName

RESPONSES = ResponsesProtocol()
EVERY: list[ProtocolName] = ["chat", "messages", "responses", "completions"]


def recorded_answer(protocol: ProtocolName) -> bytes:
    """Return a whole answer in a protocol."""
    if protocol in ("chat", "messages"):
        return (RECORDED / "answers" / f"{protocol}.json").read_bytes()
    return translation(protocol, "chat").answer(recorded_answer("chat"))


def recorded_stream(protocol: ProtocolName) -> bytes:
    """Return a stream in a protocol."""
    if protocol == "chat":
        return stream("chat")
    if protocol == "messages":
        return stream("messages")
    return carried(translation(protocol, "chat").stream(), stream("chat"))


def gathered(protocol: SpokenProtocol, data: bytes) -> Transcript:
    """Return what a stream says."""
    transcript = Transcript()
    for _, payload in events(data):
        reading = protocol.read_event(payload)
        if reading is not None:
            transcript.add(reading)
    return transcript


@pytest.mark.parametrize("name", EVERY)
def test_a_stream_says_what_the_whole_answer_says(name: ProtocolName) -> None:
    """
    Text, reasoning, calls, usage and the reason to stop are the same, whole or in pieces.
    """
    protocol, whole = PROTOCOLS_BY_NAME[name], Transcript()
    reading = protocol.read(recorded_answer(name))
    assert reading is not None
    whole.add(reading)

    pieces = gathered(protocol, recorded_stream(name))

    assert "About 15 degrees." == whole.text == pieces.text
    assert whole.reasoning == pieces.reasoning
    assert whole.finish_reason == pieces.finish_reason
    assert whole.usage == pieces.usage
    for transcript in (whole, pieces):
        calls = [
            (call["function"]["name"], json.loads(call["function"]["arguments"] or "{}")) for call in transcript.calls
        ]
        assert calls == ([] if name == "completions" else [("get_weather", {"city": "Rome"}), ("now", {})])


def test_the_record_of_an_answer() -> None:
    """
    The record is one assistant message in OpenAI's shape.
    """
    transcript = gathered(PROTOCOLS_BY_NAME["chat"], recorded_stream("chat"))

    message = json.loads(transcript.messages() or b"")[0]

    assert "assistant" == message["role"]
    assert ("About 15 degrees.", "(21 + 9) / 2") == (message["content"], message["reasoning_content"])
    call = {"id": "call_2", "type": "function", "function": {"name": "now", "arguments": "{}"}}
    assert call == message["tool_calls"][1]
    assert None is Transcript().messages()


@pytest.mark.parametrize("name", EVERY)
def test_end_of_a_stream(name: ProtocolName) -> None:
    """
    Exactly the protocol's own last event ends a stream.
    """
    protocol = PROTOCOLS_BY_NAME[name]

    readings = [protocol.read_event(payload) for _, payload in events(recorded_stream(name))]

    assert [len(readings) - 1] == [index for index, each in enumerate(readings) if each is not None and each.ends]


@pytest.mark.parametrize("name", ["chat", "completions"])
def test_an_event_only_for_usage(name: ProtocolName) -> None:
    """
    The chunk that only states the usage can be told from the others.
    """
    protocol = PROTOCOLS_BY_NAME[name]

    readings = [protocol.read_event(payload) for _, payload in events(recorded_stream(name))]

    assert [True] == [each.is_usage_only for each in readings if each is not None and each.usage is not None]


@pytest.mark.parametrize("name", [*EVERY, "embeddings"])
@pytest.mark.parametrize("data", [b"", b"<html>", b"[]", b'{"object":"surprise"}', b"\xff", b'{"a":' + b"[" * 100_000])
def test_what_is_no_answer(name: ProtocolName, data: bytes) -> None:
    """
    Something else than an answer is told apart, not taken for an empty one.
    """
    assert None is PROTOCOLS_BY_NAME[name].read(data)


@pytest.mark.parametrize(
    ("name", "payload"),
    [
        ("messages", b'{"type":"ping"}'),
        ("messages", b'{"type":"sparkle","delta":{"type":"star"}}'),
        ("messages", b'{"type":"content_block_delta","index":0,"delta":{"type":"citations_delta","citation":{}}}'),
        ("responses", b'{"type":"response.sparkle","delta":{"a":1}}'),
        ("responses", b'{"type":"response.web_search_call.searching","output_index":0}'),
        ("chat", b"not json"),
    ],
)
def test_an_event_of_an_unknown_kind(name: ProtocolName, payload: bytes) -> None:
    """
    Unknown events say nothing, so that they pass on as they came.
    """
    assert None is PROTOCOLS_BY_NAME[name].read_event(payload)
    assert payload == PROTOCOLS_BY_NAME[name].named(payload, "support")


@pytest.mark.parametrize(
    ("name", "payload"),
    [
        ("chat", {"error": {"message": "overloaded"}}),
        ("completions", {"error": {"message": "overloaded"}}),
        ("messages", {"type": "error", "error": {"type": "overloaded_error", "message": "overloaded"}}),
        ("responses", {"type": "error", "code": "x", "message": "overloaded", "sequence_number": 3}),
        (
            "responses",
            {
                "type": "response.failed",
                "response": {"object": "response", "status": "failed", "error": {"message": "overloaded"}},
            },
        ),
    ],
)
def test_an_upstream_that_fails_in_the_middle(name: ProtocolName, payload: dict[str, Any]) -> None:
    """
    An error that an event reports is read as one.
    """
    reading = PROTOCOLS_BY_NAME[name].read_event(msgspec.json.encode(payload))

    assert reading is not None
    assert "overloaded" == reading.error


@pytest.mark.parametrize("name", EVERY)
@settings(max_examples=50, deadline=None)
@given(new=st.text(min_size=1))
def test_the_endpoint_as_the_model(name: ProtocolName, new: str) -> None:
    """
    The endpoint's name stands where the upstream named its model, and nothing else changes.
    """
    protocol, data = PROTOCOLS_BY_NAME[name], recorded_answer(name)

    renamed = protocol.named(data, new)

    assert {**json.loads(data), "model": new} == json.loads(renamed)


@pytest.mark.parametrize("name", EVERY)
def test_the_endpoint_as_the_model_of_a_stream(name: ProtocolName) -> None:
    """
    Framed events are renamed one by one; those that name no model keep their bytes.
    """
    protocol = PROTOCOLS_BY_NAME[name]
    raws = [raw + b"\n\n" for raw in recorded_stream(name).split(b"\n\n") if raw]

    renamed = b"".join(protocol.named(raw, "support") for raw in raws)

    assert [label for label, _ in events(b"".join(raws))] == [label for label, _ in events(renamed)]
    assert "support" == gathered(protocol, renamed).model
    assert [raw for raw in raws if b'"model"' not in raw] == [
        raw + b"\n\n" for raw in renamed.split(b"\n\n") if raw and b'"model"' not in raw
    ]


@pytest.mark.parametrize("name", ["messages", "responses"])
def test_tools_that_talk_about_models(name: ProtocolName) -> None:
    """
    Only the answer's own `model` is replaced, also when a tool's input or a schema before it has a field of that name.
    """
    answers: dict[str, dict[str, Any]] = {
        "messages": {"type": "message", "content": [{"type": "tool_use", "input": {"model": "T"}}], "model": "up"},
        "responses": {"object": "response", "tools": [{"parameters": {"model": "T"}}], "output": [], "model": "up"},
    }
    data = msgspec.json.encode(answers[name])

    renamed = PROTOCOLS_BY_NAME[name].named(data, "support")

    assert {**answers[name], "model": "support"} == json.loads(renamed)


@pytest.mark.parametrize("pretty", [None, 2])
@settings(deadline=None)
@given(content=st.text())
def test_an_answer_that_talks_about_models(pretty: int | None, content: str) -> None:
    """
    Whatever the text says, and however the JSON is spaced, only the answer's own `model` field is replaced.
    """
    content += '"model":"x" \\"model\\": "y"'
    answer = {"choices": [{"message": {"content": content}}], "model": "upstream", "usage": {}}

    renamed = PROTOCOLS_BY_NAME["chat"].named(json.dumps(answer, indent=pretty).encode(), "support")

    assert {**answer, "model": "support"} == json.loads(renamed)


@pytest.mark.parametrize("name", EVERY)
def test_another_text_in_a_whole_answer(name: ProtocolName) -> None:
    """
    The text is replaced everywhere, also in what was measured on it; calls and usage stay.
    """
    protocol, data = PROTOCOLS_BY_NAME[name], recorded_answer(name)

    masked = protocol.with_text(data, "About [number].")

    before, after = protocol.read(data), protocol.read(masked)
    assert before is not None
    assert after is not None
    assert ("About [number].", before.usage) == (after.text, after.usage)
    assert [call.call_id for call in before.calls] == [call.call_id for call in after.calls]
    assert b" 15" not in masked
    assert b"degrees" not in masked


@pytest.mark.parametrize("name", EVERY)
def test_another_text_in_an_event(name: ProtocolName) -> None:
    """
    An event can carry another text in its place.
    """
    protocol = PROTOCOLS_BY_NAME[name]
    template = next(
        payload
        for _, payload in events(recorded_stream(name))
        if (reading := protocol.read_event(payload)) is not None and "15" in reading.text
    )

    framed = protocol.framed(protocol.rewritten(template, Reading(text="[number]")))

    (label, payload), *_ = events(framed)
    reading = protocol.read_event(payload)
    assert reading is not None
    assert "[number]" == reading.text
    assert b" 15" not in framed
    assert label == (json.loads(payload)["type"] if name in ("messages", "responses") else None)


def test_a_response_repeats_its_text() -> None:
    """
    The events that say the text again are known with the place of what they say, so that a mask reaches them all.
    """
    payloads = [payload for _, payload in events(recorded_stream("responses"))]
    repeating = [payload for payload in payloads if b"About 15 degrees." in payload]

    found = [
        place for payload in payloads for place in RESPONSES.said_again(json.loads(payload)) if place[0].kind == "text"
    ]

    assert 4 == len(repeating) == len(found)
    assert {"About 15 degrees."} == {holder[name] for _, holder, name in found}
    assert 1 == len({lane for lane, _, _ in found})


def test_a_call_by_an_older_server() -> None:
    """
    Calls in the deprecated field, arguments that are objects, and reasoning in parts are read all the same.
    """
    chat = PROTOCOLS_BY_NAME["chat"]
    old = {
        "choices": [
            {"message": {"function_call": {"name": "f", "arguments": '{"a":1}'}}, "finish_reason": "function_call"}
        ]
    }
    loose = {"choices": [{"delta": {"tool_calls": [{"function": {"name": "f", "arguments": {"a": 1}}}]}}]}
    thought = [{"type": "thinking", "thinking": [{"type": "text", "text": "hm"}]}, {"type": "text", "text": "yes"}]
    parts = {"choices": [{"message": {"content": thought}}]}

    readings = [chat.read(msgspec.json.encode(each)) for each in (old, loose, parts)]

    first, second, third = readings
    assert first is not None
    assert second is not None
    assert third is not None
    assert ("tool_calls", '{"a":1}') == (first.finish_reason, first.calls[0].arguments)
    assert '{"a":1}' == second.calls[0].arguments
    assert ("yes", "hm") == (third.text, third.reasoning)


def test_the_second_choice_is_not_recorded() -> None:
    """
    Only the first choice is gathered.
    """
    chunk = {"choices": [{"index": 1, "delta": {"content": "other"}, "finish_reason": "stop"}]}

    reading = PROTOCOLS_BY_NAME["chat"].read_event(msgspec.json.encode(chunk))

    assert reading is not None
    assert not reading.has_content
    assert None is reading.finish_reason


def test_embeddings() -> None:
    """
    Vectors pass unread; their usage has no output.
    """
    data = b'{"object":"list","data":[{"embedding":[0.1]}],"model":"e","usage":{"prompt_tokens":8,"total_tokens":8}}'

    reading = PROTOCOLS_BY_NAME["embeddings"].read(data)

    assert reading is not None
    assert reading.usage is not None
    assert (8, 0, "e") == (reading.usage.input_tokens, reading.usage.output_tokens, reading.model)
