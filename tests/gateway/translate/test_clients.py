"""OpenAI's and Anthropic's own clients read what translations make, over real HTTP, whole and streamed."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from openai import OpenAI

from tests.gateway.replay import Replay, replaying
from tests.gateway.translate.exchanges import DIALECTS, answer, carried, stream, translation
from treadle.gateway.protocols.registry import PROTOCOLS_BY_NAME
from treadle.gateway.types import Dialect, ProtocolName

MESSAGES: Any = [{"role": "user", "content": "How warm?"}]
CITY = {"city": "Rome"}


@pytest.fixture(scope="module")
def replay() -> Iterator[Replay]:
    """
    One server for all tests of the module.
    """
    with replaying() as served:
        yield served


def whole(replay: Replay, caller: ProtocolName, dialect: Dialect) -> None:
    """Answer with a recorded answer, carried over and named."""
    data = translation(caller, dialect).answer(answer(dialect))
    replay.says.body = PROTOCOLS_BY_NAME[caller].named(data, "support")
    replay.says.content_type, replay.says.piece_bytes = "application/json", 0


def streamed(replay: Replay, caller: ProtocolName, dialect: Dialect) -> None:
    """Answer with a recorded stream, carried over and sent in pieces of 7 bytes."""
    replay.stream(carried(translation(caller, dialect).stream(), stream(dialect)), piece_bytes=7)


@pytest.mark.parametrize("dialect", [each for each in DIALECTS if each != "chat"])
def test_chat_answers(replay: Replay, dialect: Dialect) -> None:
    """
    OpenAI's client reads text, both calls and the usage of a chat answer from any upstream.
    """
    whole(replay, "chat", dialect)

    got = replay.openai().chat.completions.create(model="support", messages=MESSAGES)

    message, usage = got.choices[0].message, got.usage
    assert usage is not None
    assert ("support", "tool_calls") == (got.model, got.choices[0].finish_reason)
    assert "About 15 degrees." == message.content
    assert ["get_weather", "now"] == [
        call.function.name for call in message.tool_calls or [] if call.type == "function"
    ]
    assert (120, 40, 160) == (usage.prompt_tokens, usage.completion_tokens, usage.total_tokens)


@pytest.mark.parametrize("dialect", [each for each in DIALECTS if each != "chat"])
def test_chat_streams(replay: Replay, dialect: Dialect) -> None:
    """
    OpenAI's client puts the pieces of a chat stream from any upstream together.
    """
    streamed(replay, "chat", dialect)

    with replay.openai().chat.completions.stream(model="support", messages=MESSAGES) as events:
        for _ in events:
            pass
        got = events.get_final_completion()

    message, usage = got.choices[0].message, got.usage
    assert usage is not None
    assert ("About 15 degrees.", "tool_calls") == (message.content, got.choices[0].finish_reason)
    assert 2 == len(message.tool_calls or [])
    assert '{"city":"Rome"}' == (message.tool_calls or [])[0].function.arguments.replace(" ", "")
    assert (120, 40) == (usage.prompt_tokens, usage.completion_tokens)


@pytest.mark.parametrize("dialect", [each for each in DIALECTS if each != "messages"])
def test_messages_answers(replay: Replay, dialect: Dialect) -> None:
    """
    Anthropic's client reads text, both calls and the usage of a message from any upstream.
    """
    whole(replay, "messages", dialect)

    got = replay.anthropic().messages.create(model="support", max_tokens=99, messages=MESSAGES)

    assert ("support", "tool_use") == (got.model, got.stop_reason)
    assert ["About 15 degrees."] == [block.text for block in got.content if block.type == "text"]
    assert [("get_weather", CITY), ("now", {})] == [
        (block.name, block.input) for block in got.content if block.type == "tool_use"
    ]
    usage = got.usage
    read = usage.input_tokens + (usage.cache_read_input_tokens or 0) + (usage.cache_creation_input_tokens or 0)
    assert (120, 64, 40) == (read, usage.cache_read_input_tokens, usage.output_tokens)


@pytest.mark.parametrize("dialect", [each for each in DIALECTS if each != "messages"])
def test_messages_streams(replay: Replay, dialect: Dialect) -> None:
    """
    Anthropic's client puts the pieces of a message from any upstream together.
    """
    streamed(replay, "messages", dialect)

    with replay.anthropic().messages.stream(model="support", max_tokens=99, messages=MESSAGES) as events:
        got = events.get_final_message()

    assert "tool_use" == got.stop_reason
    assert ["(21 + 9) / 2"] == [block.thinking for block in got.content if block.type == "thinking"]
    assert ["About 15 degrees."] == [block.text for block in got.content if block.type == "text"]
    assert [("get_weather", CITY), ("now", {})] == [
        (block.name, block.input) for block in got.content if block.type == "tool_use"
    ]
    assert (64, 40) == (got.usage.cache_read_input_tokens, got.usage.output_tokens)


@pytest.mark.parametrize("dialect", DIALECTS)
def test_responses_answers(replay: Replay, dialect: Dialect) -> None:
    """
    OpenAI's client reads text, both calls and the usage of a response from any upstream.
    """
    whole(replay, "responses", dialect)

    got = replay.openai().responses.create(model="support", input="How warm?")

    assert ("support", "completed", "About 15 degrees.") == (got.model, got.status, got.output_text)
    assert ["reasoning", "message", "function_call", "function_call"] == [item.type for item in got.output]
    assert got.usage is not None
    assert (120, 64, 40) == (
        got.usage.input_tokens,
        got.usage.input_tokens_details.cached_tokens,
        got.usage.output_tokens,
    )


@pytest.mark.parametrize("dialect", DIALECTS)
def test_responses_streams(replay: Replay, dialect: Dialect) -> None:
    """
    OpenAI's client puts the pieces of a response from any upstream together, and its numbers have no gap.
    """
    streamed(replay, "responses", dialect)

    with replay.openai().responses.stream(model="support", input="How warm?") as events:
        numbers = [event.sequence_number for event in events]
        got = events.get_final_response()

    assert list(range(len(numbers))) == numbers
    assert ("completed", "About 15 degrees.") == (got.status, got.output_text)
    calls = [(item.name, item.arguments.replace(" ", "")) for item in got.output if item.type == "function_call"]
    assert [("get_weather", '{"city":"Rome"}'), ("now", "{}")] == calls
    assert got.usage is not None
    assert (120, 40) == (got.usage.input_tokens, got.usage.output_tokens)


@pytest.mark.parametrize("dialect", DIALECTS)
def test_completions(replay: Replay, dialect: Dialect) -> None:
    """
    OpenAI's client reads a completion from any upstream, whole and streamed.
    """
    whole(replay, "completions", dialect)
    got = replay.openai().completions.create(model="support", prompt="Once")
    streamed(replay, "completions", dialect)
    chunks = list(replay.openai().completions.create(model="support", prompt="Once", stream=True))

    assert ("About 15 degrees.", "stop") == (got.choices[0].text, got.choices[0].finish_reason)
    assert "About 15 degrees." == "".join(chunk.choices[0].text for chunk in chunks if chunk.choices)
    assert [120] == [chunk.usage.prompt_tokens for chunk in chunks if chunk.usage]


def test_embeddings_of_gemini(replay: Replay) -> None:
    """
    OpenAI's client, which asks for base64, reads the numbers that Gemini gives.
    """
    upstream = b'{"embeddings":[{"values":[0.5,-0.25]},{"values":[1,0]}],"usageMetadata":{"promptTokenCount":4}}'
    replay.says.body = translation("embeddings", "gemini").answer(upstream)
    replay.says.content_type = "application/json"

    got = replay.openai().embeddings.create(model="support", input=["a", "b"])

    assert [[0.5, -0.25], [1, 0]] == [each.embedding for each in got.data]
    assert 4 == got.usage.prompt_tokens


def test_embeddings_without_usage(replay: Replay) -> None:
    """
    An unknown count of tokens stays unknown.
    """
    replay.says.body = translation("embeddings", "gemini").answer(b'{"embeddings":[{"values":[1]}]}')
    replay.says.content_type = "application/json"
    client: OpenAI = replay.openai()

    got = client.embeddings.create(model="support", input="a")

    assert "usage" not in got.model_fields_set
