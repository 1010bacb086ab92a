"""A whole answer becomes a stream and back; the official clients read both as the same answer."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import msgspec
import pytest

from tests.gateway.replay import Replay, replaying
from treadle.gateway.cache.replay import events_of, stream_for, whole_of
from treadle.gateway.protocols.registry import PROTOCOLS
from treadle.gateway.types import ProtocolName

CHAT = {
    "id": "chatcmpl-1",
    "object": "chat.completion",
    "created": 1,
    "model": "support",
    "system_fingerprint": "fp",
    "choices": [
        {
            "index": 0,
            "message": {
                "role": "assistant",
                "content": "Hello — 日本",
                "reasoning_content": "hm",
                "tool_calls": [
                    {"id": "c1", "type": "function", "function": {"name": "f", "arguments": '{"a": 1}'}},
                    {"id": "c2", "type": "function", "function": {"name": "g", "arguments": "{}"}},
                ],
            },
            "logprobs": {"content": [{"token": "Hello", "logprob": -0.1, "bytes": None, "top_logprobs": []}]},
            "finish_reason": "tool_calls",
        },
        {"index": 1, "message": {"role": "assistant", "content": "Other"}, "finish_reason": "stop"},
    ],
    "usage": {"prompt_tokens": 3, "completion_tokens": 2, "total_tokens": 5},
}
COMPLETION = {
    "id": "cmpl-1",
    "object": "text_completion",
    "created": 1,
    "model": "support",
    "choices": [{"index": 0, "text": "Hello", "finish_reason": "stop"}],
    "usage": {"prompt_tokens": 3, "completion_tokens": 2, "total_tokens": 5},
}
MESSAGE = {
    "id": "msg_1",
    "type": "message",
    "role": "assistant",
    "model": "support",
    "content": [
        {"type": "thinking", "thinking": "hm", "signature": "sig"},
        {"type": "text", "text": "Hello"},
        {"type": "tool_use", "id": "t1", "name": "f", "input": {"a": [1, "x"]}},
    ],
    "stop_reason": "tool_use",
    "stop_sequence": None,
    "usage": {"input_tokens": 3, "output_tokens": 2, "cache_read_input_tokens": 1},
}
RESPONSE = {
    "id": "resp_1",
    "object": "response",
    "created_at": 1,
    "status": "completed",
    "model": "support",
    "output": [
        {"type": "reasoning", "id": "rs_1", "summary": []},
        {
            "type": "message",
            "id": "msg_1",
            "role": "assistant",
            "status": "completed",
            "content": [{"type": "output_text", "text": "Hello", "annotations": []}],
        },
        {
            "type": "function_call",
            "id": "fc_1",
            "call_id": "c1",
            "name": "f",
            "arguments": '{"a":1}',
            "status": "completed",
        },
    ],
    "parallel_tool_calls": True,
    "tool_choice": "auto",
    "tools": [],
    "usage": {
        "input_tokens": 3,
        "output_tokens": 2,
        "total_tokens": 5,
        "input_tokens_details": {"cached_tokens": 0},
        "output_tokens_details": {"reasoning_tokens": 0},
    },
}
WHOLES: dict[ProtocolName, dict[str, Any]] = {
    "chat": CHAT,
    "completions": COMPLETION,
    "messages": MESSAGE,
    "responses": RESPONSE,
}


@pytest.fixture(scope="module")
def server() -> Iterator[Replay]:
    """
    A server that says what the cache would say.
    """
    with replaying() as replay:
        yield replay


@pytest.mark.parametrize("protocol", WHOLES)
def test_stream_and_whole_are_inverse(protocol: ProtocolName) -> None:
    """
    Putting together the stream of an answer gives the answer, every known and unknown field of it.
    """
    whole = {**WHOLES[protocol], "x_unknown": {"kept": True}}

    made = whole_of(protocol, events_of(protocol, msgspec.json.encode(whole)))

    assert made is not None
    assert whole == msgspec.json.decode(made)


@pytest.mark.parametrize("protocol", WHOLES)
def test_our_own_reader_hears_the_same(protocol: ProtocolName) -> None:
    """
    Text, calls, reason and usage of the events are those of the whole answer.
    """
    spoken = next(each for each in PROTOCOLS.values() if each.name == protocol)
    whole = msgspec.json.encode(WHOLES[protocol])
    framed = events_of(protocol, whole)
    readings = [spoken.read_event(event.split(b"data: ", 1)[1].strip()) for event in framed.split(b"\n\n") if event]
    known = [reading for reading in readings if reading is not None]

    expected = spoken.read(whole)

    assert expected is not None
    assert expected.text == "".join(reading.text for reading in known)
    assert expected.finish_reason in [reading.finish_reason for reading in known]
    assert any(reading.ends for reading in known)


def test_openai_reads_a_replayed_chat(server: Replay) -> None:
    """
    OpenAI's client puts the replayed chunks together to the answer.
    """
    server.stream(events_of("chat", msgspec.json.encode(CHAT)))

    with server.openai().chat.completions.stream(model="m", messages=[{"role": "user", "content": "x"}]) as stream:
        answer = stream.get_final_completion()

    assert "Hello — 日本" == answer.choices[0].message.content
    assert ["f", "g"] == [call.function.name for call in answer.choices[0].message.tool_calls or []]
    assert 5 == (answer.usage.total_tokens if answer.usage else None)


def test_openai_reads_a_replayed_response(server: Replay) -> None:
    """
    OpenAI's client puts the replayed typed events together to the answer.
    """
    server.stream(events_of("responses", msgspec.json.encode(RESPONSE)))

    with server.openai().responses.stream(model="m", input="x") as stream:
        kinds = [event.type for event in stream]
        answer = stream.get_final_response()

    assert "Hello" == answer.output_text
    assert "response.function_call_arguments.done" in kinds


def test_anthropic_reads_a_replayed_message(server: Replay) -> None:
    """
    Anthropic's client puts the replayed events together to the answer.
    """
    server.stream(events_of("messages", msgspec.json.encode(MESSAGE)))

    with server.anthropic().messages.stream(
        model="m", max_tokens=9, messages=[{"role": "user", "content": "x"}]
    ) as stream:
        answer = stream.get_final_message()

    assert ["thinking", "text", "tool_use"] == [block.type for block in answer.content]
    assert {"a": [1, "x"]} == answer.content[2].model_dump()["input"]
    assert ("tool_use", 2) == (answer.stop_reason, answer.usage.output_tokens)


def test_usage_event_only_for_who_asked() -> None:
    """
    The chunk that only states the usage is left out for a caller that did not ask for it.
    """
    spoken = PROTOCOLS["/v1/chat/completions"]
    framed = events_of("chat", msgspec.json.encode(CHAT))

    assert framed == stream_for(spoken, framed, wants_usage=True)
    assert b'"usage"' not in stream_for(spoken, framed, wants_usage=False)
    assert stream_for(spoken, framed, wants_usage=False).endswith(b"data: [DONE]\n\n")


@pytest.mark.parametrize("protocol", WHOLES)
def test_cut_stream_is_no_answer(protocol: ProtocolName) -> None:
    """
    A stream without its end, with an error in it, or of something else gives no whole answer.
    """
    framed = events_of(protocol, msgspec.json.encode(WHOLES[protocol]))

    assert None is whole_of(protocol, framed[: len(framed) // 3])
    assert None is whole_of(protocol, b"")
    assert None is whole_of(protocol, b'data: {"error": {"message": "x"}}\n\n')
    assert None is whole_of(protocol, b"data: 7\n\n")


def test_embeddings_do_not_stream() -> None:
    """
    What has no stream says so.
    """
    with pytest.raises(ValueError, match="do not stream"):
        events_of("embeddings", b"{}")
    assert None is whole_of("embeddings", b"")
