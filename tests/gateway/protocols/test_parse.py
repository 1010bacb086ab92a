"""How a request of each protocol is understood, and how its texts are replaced."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from treadle.gateway.guarding.texts import Texts
from treadle.gateway.protocols.base import Asked
from treadle.gateway.protocols.registry import PROTOCOLS, PROTOCOLS_BY_NAME
from treadle.gateway.refusals import Refusal
from treadle.gateway.types import ProtocolName
from treadle.guards.spans import Finding

USER: Any = [{"role": "user", "content": "x"}]
IMAGE = {"type": "image_url", "image_url": {"url": "https://example.com/a.png"}}


def parsed(protocol: ProtocolName, **body: Any) -> Asked:
    """Return what a protocol understands of a request to 'support'."""
    return PROTOCOLS_BY_NAME[protocol].parse(json.dumps({"model": "support", **body}).encode())


def test_paths() -> None:
    """
    Five protocols are served, each at the path that its clients post to.
    """
    expected = ["chat/completions", "completions", "embeddings", "messages", "responses"]

    assert [f"/v1/{path}" for path in expected] == sorted(PROTOCOLS)
    assert all(path == protocol.path for path, protocol in PROTOCOLS.items())


@pytest.mark.parametrize("protocol", list(PROTOCOLS_BY_NAME))
@pytest.mark.parametrize(
    ("body", "code", "param"),
    [
        (b'{"model": "a", ', "malformed_json", None),
        (b'{"model": "\xff"}', "malformed_json", None),
        (b"[1]", "invalid_request", None),
        (b'{"messages":[],"input":"a","prompt":"a"}', "invalid_request", "model"),
        (b'{"model":7,"messages":[],"input":"a","prompt":"a"}', "invalid_request", "model"),
    ],
)
def test_a_body_that_is_no_request(protocol: ProtocolName, body: bytes, code: str, param: str | None) -> None:
    """
    A bad body is refused with 400 and the field at fault, in every protocol.
    """
    with pytest.raises(Refusal) as caught:
        PROTOCOLS_BY_NAME[protocol].parse(body)

    assert (400, code, param) == (caught.value.status, caught.value.code, caught.value.param)


@pytest.mark.parametrize(
    ("protocol", "body", "param"),
    [
        ("chat", {}, "messages"),
        ("chat", {"messages": []}, "messages"),
        ("chat", {"messages": [*USER, {"content": "x"}]}, "messages[1].role"),
        ("chat", {"messages": [{"role": "user", "content": 7}]}, "messages[0].content"),
        ("chat", {"messages": [{"role": "user", "content": ["x"]}]}, "messages[0].content[0]"),
        ("chat", {"messages": ["x"]}, "messages[0]"),
        ("chat", {"messages": USER, "stream": "yes"}, "stream"),
        ("chat", {"messages": USER, "max_tokens": "many"}, "max_tokens"),
        ("chat", {"messages": USER, "treadle": {"variables": 7}}, "treadle.variables"),
        ("completions", {}, "prompt"),
        ("completions", {"prompt": {"text": "x"}}, "prompt"),
        ("embeddings", {"input": []}, "input"),
        ("embeddings", {"input": [1.5]}, "input[0]"),
        ("responses", {}, "input"),
        ("responses", {"input": [{"role": "user", "content": 7}]}, "input[0].content"),
        ("responses", {"input": "x", "max_output_tokens": "many"}, "max_output_tokens"),
        ("messages", {"messages": [{"role": "user", "content": {"type": "text"}}]}, "messages[0].content"),
        ("messages", {"messages": USER, "system": 7}, "system"),
    ],
)
def test_a_field_at_fault(protocol: ProtocolName, body: dict[str, Any], param: str) -> None:
    """
    The refusal names the field with its path.
    """
    with pytest.raises(Refusal) as caught:
        parsed(protocol, **body)

    assert (400, param) == (caught.value.status, caught.value.param)


def test_a_body_nested_too_deep() -> None:
    """
    A body that nests without end is refused, not the end of the process.
    """
    body = b'{"model":"a","messages":[{"role":"user","content":' + b"[" * 100_000

    with pytest.raises(Refusal) as caught:
        PROTOCOLS_BY_NAME["chat"].parse(body)

    assert "malformed_json" == caught.value.code


@pytest.mark.parametrize(
    ("protocol", "body", "texts", "input_text"),
    [
        (
            "chat",
            {
                "messages": [
                    {"role": "system", "content": "be brief"},
                    {"role": "user", "content": [{"type": "text", "text": "a"}, IMAGE, {"type": "text", "text": "b"}]},
                    {"role": "assistant", "content": "said before"},
                    {"role": "tool", "tool_call_id": "c", "content": "found"},
                ]
            },
            ["be brief", "a", "b", "said before", "found"],
            "a\nb",
        ),
        ("completions", {"prompt": ["a", "", "b"], "suffix": "end"}, ["a", "b", "end"], "b"),
        ("completions", {"prompt": [[1, 2], [3]]}, [], ""),
        ("embeddings", {"input": "a"}, ["a"], "a"),
        ("embeddings", {"input": ["a", "b"]}, ["a", "b"], "b"),
        (
            "responses",
            {
                "instructions": "be brief",
                "input": [
                    {"role": "user", "content": [{"type": "input_text", "text": "a"}, {"type": "input_image"}]},
                    {"type": "message", "role": "assistant", "content": [{"type": "output_text", "text": "said"}]},
                    {"type": "function_call", "call_id": "c", "name": "f", "arguments": "{}"},
                    {"type": "function_call_output", "call_id": "c", "output": "found"},
                    {
                        "type": "function_call_output",
                        "call_id": "d",
                        "output": [{"type": "input_text", "text": "more"}],
                    },
                ],
            },
            ["be brief", "a", "said", "found", "more"],
            "a",
        ),
        ("responses", {"input": "a"}, ["a"], "a"),
        (
            "messages",
            {
                "system": [{"type": "text", "text": "be brief"}],
                "messages": [
                    {"role": "user", "content": "a"},
                    {"role": "assistant", "content": "said before"},
                    {
                        "role": "user",
                        "content": [
                            {"type": "tool_result", "tool_use_id": "t", "content": "found"},
                            {
                                "type": "tool_result",
                                "tool_use_id": "t",
                                "content": [{"type": "text", "text": "more"}],
                            },
                            {"type": "document", "source": {"type": "text", "data": "paper"}},
                        ],
                    },
                ],
            },
            ["be brief", "a", "said before", "found", "more", "paper"],
            "a",
        ),
    ],
)
def test_what_the_messages_say(protocol: ProtocolName, body: dict[str, Any], texts: list[str], input_text: str) -> None:
    """
    What the messages say is known in order, whoever said it: it is what an estimate of tokens counts.
    """
    asked = parsed(protocol, **body)

    assert (texts, input_text) == (asked.texts, asked.input_text)


WORDS = st.text(max_size=8)
CONTENT = WORDS | st.lists(
    st.fixed_dictionaries({"type": st.sampled_from(["text", "input_text", "image_url"]), "text": WORDS}), max_size=3
)
ROLES = st.sampled_from(["system", "user", "assistant", "tool"])
MESSAGES = st.lists(st.fixed_dictionaries({"role": ROLES, "content": CONTENT}), min_size=1, max_size=4)
BODIES: dict[ProtocolName, st.SearchStrategy[dict[str, Any]]] = {
    "chat": st.fixed_dictionaries({"messages": MESSAGES}),
    "messages": st.fixed_dictionaries({"messages": MESSAGES}, optional={"system": WORDS}),
    "responses": st.fixed_dictionaries({"input": MESSAGES | WORDS.filter(bool)}, optional={"instructions": WORDS}),
    "completions": st.fixed_dictionaries({"prompt": WORDS | st.lists(WORDS)}, optional={"suffix": WORDS}),
    "embeddings": st.fixed_dictionaries({"input": WORDS.filter(bool) | st.lists(WORDS, min_size=1)}),
}


@pytest.mark.parametrize("protocol", list(BODIES))
@settings(max_examples=100, deadline=None)
@given(data=st.data())
def test_replaced_texts(protocol: ProtocolName, data: st.DataObject) -> None:
    """
    Texts are replaced one for one where they stood; a field that nobody knows stays as it was.
    """
    body = json.dumps({"model": "m", "unknown": {"a": 1.5, "id": "u"}, **data.draw(BODIES[protocol])}).encode()
    spoken = PROTOCOLS_BY_NAME[protocol]
    taken = Texts(body)
    every = [*taken.said, *taken.asides]

    replaced = taken.masked([[Finding("X", 0, len(text))] for text in every])

    assert [text for text in spoken.parse(body).texts if text not in taken.said] == []
    assert {"[X]"} >= set(Texts(replaced).said)
    assert {"a": 1.5, "id": "u"} == json.loads(replaced)["unknown"]
    assert body_without_texts(json.loads(body)) == body_without_texts(json.loads(replaced))


def body_without_texts(value: Any) -> Any:
    """Return a body with every text that is not empty as one mark."""
    if isinstance(value, dict):
        return {name: inner if name in ("role", "type") else body_without_texts(inner) for name, inner in value.items()}
    if isinstance(value, list):
        return [body_without_texts(each) for each in value]
    return "*" if isinstance(value, str) and value else value


@pytest.mark.parametrize(
    ("protocol", "more", "session", "user"),
    [
        ("chat", {"messages": USER}, None, None),
        ("chat", {"messages": USER, "metadata": {"session_id": "s"}, "user": "u"}, "s", "u"),
        ("chat", {"messages": USER, "safety_identifier": "u"}, "u", "u"),
        ("chat", {"messages": USER, "metadata": {"session_id": 7}, "user": ""}, None, None),
        ("chat", {"messages": USER, "prompt_cache_key": "everyone"}, None, None),
        ("completions", {"prompt": "x", "user": "u"}, "u", "u"),
        ("embeddings", {"input": "x", "user": "u"}, "u", "u"),
        ("responses", {"input": "x", "conversation": {"id": "conv_1"}, "user": "u"}, "conv_1", "u"),
        ("responses", {"input": "x", "conversation": "conv_1"}, "conv_1", None),
        ("messages", {"messages": USER, "metadata": {"user_id": "u"}}, "u", "u"),
        ("messages", {"messages": USER, "metadata": {"user_id": "user_1_session_s"}}, "s", "user_1_session_s"),
        ("messages", {"messages": USER, "metadata": {"user_id": '{"session_id":"s"}'}}, "s", '{"session_id":"s"}'),
        ("messages", {"messages": USER, "metadata": {"user_id": "{not json"}}, "{not json", "{not json"),
    ],
)
def test_session_and_user(protocol: ProtocolName, more: dict[str, Any], session: str | None, user: str | None) -> None:
    """
    The session is named by the metadata, else it is the user; a cache key, which many users share, is neither.
    """
    asked = parsed(protocol, **more)

    assert (session, user) == (asked.session, asked.user)


def test_what_else_a_request_says() -> None:
    """
    Limits, streaming, usage, tools, images and variables are read where each protocol has them.
    """
    chat = parsed(
        "chat",
        messages=[{"role": "user", "content": [IMAGE]}],
        max_tokens=9,
        max_completion_tokens=7,
        stream=True,
        stream_options={"include_usage": True},
        tools=[{"type": "function", "function": {"name": "f"}}],
        treadle={"variables": {"tone": "kind"}},
    )
    source = {"type": "url", "url": "https://example.com/a.png"}
    inside = {"type": "tool_result", "tool_use_id": "t", "content": [{"type": "image", "source": source}]}
    messages = parsed("messages", messages=[{"role": "user", "content": [inside]}], max_tokens=5)
    responses = parsed("responses", input=[{"role": "user", "content": [{"type": "input_image"}]}], max_output_tokens=6)

    assert (7, True, True, 1, True, {"tone": "kind"}) == (
        chat.token_limit,
        chat.stream,
        chat.wants_usage,
        chat.tools_count,
        chat.has_images,
        chat.variables,
    )
    assert (5, True, False, True) == (
        messages.token_limit,
        messages.has_images,
        messages.stream,
        messages.wants_usage,
    )
    assert (6, True) == (responses.token_limit, responses.has_images)
