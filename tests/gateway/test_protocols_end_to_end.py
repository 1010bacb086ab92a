"""OpenAI's client through a real gateway, to each kind of provider: chat, completions, embeddings, models, errors."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import openai
import pytest
from pydantic import BaseModel

from tests.gateway.harness import Plane
from tests.gateway.site import ALL, IMAGE, PROMPT, Site, opened
from tests.gateway.upstreams import trace
from tests.gateway.wall import TEXT

ANY_KIND = pytest.mark.parametrize("kind", ALL)
ASKED: list[Any] = [{"role": "user", "content": "what does it do"}]
TOOL: Any = {
    "type": "function",
    "function": {
        "name": "look_up",
        "description": "Looks a word up.",
        "parameters": {"type": "object", "properties": {"query": {"type": "string"}}, "required": ["query"]},
    },
}


class Animal(BaseModel):
    """What an answer should be."""

    species: str
    legs: int


@pytest.fixture(scope="module")
def site(module_plane: Plane) -> Iterator[Site]:
    """
    A gateway with an endpoint for each kind of provider.
    """
    with opened(module_plane) as made:
        yield made


@ANY_KIND
def test_an_answer(site: Site, kind: str) -> None:
    """
    Text, reason, usage and model are as if OpenAI had said them; the trace holds the same.
    """
    site.say()

    raw = site.openai.chat.completions.with_raw_response.create(model=kind, messages=ASKED, temperature=0.5)

    answer = raw.parse()
    assert (TEXT, "stop", kind) == (answer.choices[0].message.content, answer.choices[0].finish_reason, answer.model)
    assert answer.usage is not None
    assert (11, 9) == (answer.usage.prompt_tokens, answer.usage.completion_tokens)
    span = trace(site.plane, raw.headers["x-treadle-trace-id"]).span
    assert ("ok", "stop", 11, 9, kind) == (
        span.status,
        span.finish_reason,
        span.input_tokens,
        span.output_tokens,
        span.provider,
    )
    assert [{"role": "assistant", "content": TEXT}] == span.output_messages
    assert "0.5" in json.dumps(site.asked.body)


@ANY_KIND
def test_a_stream(site: Site, kind: str) -> None:
    """
    Word by word, with the usage last where it was asked for.
    """
    site.say()

    chunks = list(
        site.openai.chat.completions.create(
            model=kind, messages=ASKED, stream=True, stream_options={"include_usage": True}
        )
    )

    said = [chunk.choices[0].delta.content for chunk in chunks if chunk.choices and chunk.choices[0].delta.content]
    assert TEXT == "".join(said)
    assert len(said) > 5
    assert {kind} == {chunk.model for chunk in chunks}
    assert [(11, 9)] == [(each.usage.prompt_tokens, each.usage.completion_tokens) for each in chunks if each.usage]
    assert ["stop"] == [
        each.choices[0].finish_reason for each in chunks if each.choices and each.choices[0].finish_reason
    ]


@ANY_KIND
def test_a_stream_without_usage(site: Site, kind: str) -> None:
    """
    Who did not ask for the usage does not get it; the trace has it all the same.
    """
    site.say()

    with site.openai.chat.completions.with_streaming_response.create(model=kind, messages=ASKED, stream=True) as reply:
        text = "".join(reply.iter_text())

    assert '"completion_tokens"' not in text
    assert text.endswith("data: [DONE]\n\n")
    assert 9 == trace(site.plane, reply.headers["x-treadle-trace-id"]).span.output_tokens


@ANY_KIND
@pytest.mark.parametrize("stream", [False, True], ids=["whole", "stream"])
def test_a_tool_is_called(site: Site, kind: str, stream: bool) -> None:
    """
    Tools are offered in the provider's own way, and its call comes back as OpenAI's.
    """
    site.say(calls_tool=True)

    if stream:
        with site.openai.chat.completions.stream(model=kind, messages=ASKED, tools=[TOOL]) as events:
            answer = events.get_final_completion()
    else:
        answer = site.openai.chat.completions.create(model=kind, messages=ASKED, tools=[TOOL])  # type: ignore[assignment]

    choice = answer.choices[0]
    assert "tool_calls" == choice.finish_reason
    assert choice.message.tool_calls
    (call,) = choice.message.tool_calls
    assert call.id
    assert ("look_up", {"query": "fox"}) == (call.function.name, json.loads(call.function.arguments))
    assert "Looks a word up." in json.dumps(site.asked.body)


@ANY_KIND
def test_a_tool_answers(site: Site, kind: str) -> None:
    """
    A call and its result go back to the provider in its own way.
    """
    site.say()
    call = {"id": "call_1", "type": "function", "function": {"name": "look_up", "arguments": '{"query": "fox"}'}}
    messages: list[Any] = [
        *ASKED,
        {"role": "assistant", "content": None, "tool_calls": [call]},
        {"role": "tool", "tool_call_id": "call_1", "content": "a small red animal"},
    ]

    answer = site.openai.chat.completions.create(model=kind, messages=messages, tools=[TOOL])

    assert TEXT == answer.choices[0].message.content
    assert "a small red animal" in json.dumps(site.asked.body)


@ANY_KIND
def test_an_answer_with_a_schema(site: Site, kind: str) -> None:
    """
    The client's typed answers work with every provider.
    """
    site.say(text='{"species": "fox", "legs": 4}')

    answer = site.openai.chat.completions.parse(model=kind, messages=ASKED, response_format=Animal)

    assert Animal(species="fox", legs=4) == answer.choices[0].message.parsed
    assert "species" in json.dumps(site.asked.body)


@ANY_KIND
def test_an_image(site: Site, kind: str) -> None:
    """
    A picture in a message reaches the provider whole.
    """
    site.say()
    picture = {"type": "image_url", "image_url": {"url": f"data:image/png;base64,{IMAGE}"}}
    messages: list[Any] = [{"role": "user", "content": [{"type": "text", "text": "what is this"}, picture]}]

    site.openai.chat.completions.create(model=kind, messages=messages)

    assert IMAGE in json.dumps(site.asked.body)


@pytest.mark.parametrize("kind", ["open", "azure"])
def test_logprobs(site: Site, kind: str) -> None:
    """
    Log probabilities pass through.
    """
    token = {"token": "Hi", "logprob": -0.25, "bytes": [72, 105], "top_logprobs": []}
    choice = {
        "index": 0,
        "message": {"role": "assistant", "content": "Hi"},
        "logprobs": {"content": [token], "refusal": None},
        "finish_reason": "stop",
    }
    site.say(body=json.dumps({"id": "x", "object": "chat.completion", "created": 1, "model": "m", "choices": [choice]}))

    answer = site.openai.chat.completions.create(model=kind, messages=ASKED, logprobs=True, top_logprobs=0)

    assert answer.choices[0].logprobs is not None
    assert answer.choices[0].logprobs.content is not None
    assert -0.25 == answer.choices[0].logprobs.content[0].logprob
    assert (True, 0) == (site.asked.body["logprobs"], site.asked.body["top_logprobs"])


@pytest.mark.parametrize("kind", ["claude", "bedrock"])
def test_logprobs_that_nobody_has(site: Site, kind: str) -> None:
    """
    What a provider cannot do is refused by name, not left out in silence.
    """
    site.say()

    with pytest.raises(openai.BadRequestError) as caught:
        site.openai.chat.completions.create(model=kind, messages=ASKED, logprobs=True)

    assert "logprobs" == caught.value.param
    assert [] == site.wall.requests


@ANY_KIND
@pytest.mark.parametrize("stream", [False, True], ids=["whole", "stream"])
def test_completions(site: Site, kind: str, stream: bool) -> None:
    """
    The older completions work with every provider.
    """
    site.say()

    if stream:
        chunks = list(site.openai.completions.create(model=kind, prompt="Once", stream=True))
        text = "".join(chunk.choices[0].text for chunk in chunks if chunk.choices)
    else:
        text = site.openai.completions.create(model=kind, prompt="Once").choices[0].text

    assert TEXT == text
    assert "Once" in json.dumps(site.asked.body)


@pytest.mark.parametrize("kind", ["open", "azure"])
@pytest.mark.parametrize("encoding", ["float", "base64"])
def test_embeddings(site: Site, kind: str, encoding: Any) -> None:
    """
    Vectors come in order; the request goes as it is.
    """
    site.say()

    answer = site.openai.embeddings.create(model=kind, input=["a", "b"], encoding_format=encoding, dimensions=3)

    assert [[0.5, -0.25, 0.125]] * 2 == [each.embedding for each in answer.data]
    assert (kind, 11) == (answer.model, answer.usage.prompt_tokens)
    assert (["a", "b"], encoding, 3) == tuple(
        site.asked.body[name] for name in ("input", "encoding_format", "dimensions")
    )


def test_embeddings_of_a_provider_without(site: Site) -> None:
    """
    A provider that embeds nothing is named.
    """
    with pytest.raises(openai.BadRequestError, match=r"provider 'claude' .* cannot answer a request of 'embeddings'"):
        site.openai.embeddings.create(model="claude", input="a")


def test_models(site: Site) -> None:
    """
    Endpoints are the models that there are.
    """
    listed = [model.id for model in site.openai.models.list()]

    assert sorted(ALL) == [name for name in listed if name in ALL]
    assert "open" == site.openai.models.retrieve("open").id
    with pytest.raises(openai.NotFoundError):
        site.openai.models.retrieve("gpt-nothing")


@ANY_KIND
@pytest.mark.parametrize("protocol", ["chat", "completions"])
def test_a_prompt_and_parameters_of_the_release(site: Site, kind: str, protocol: str) -> None:
    """
    Whatever is spoken on either side, the release's prompt is filled in and its parameters are pinned.
    """
    name = f"pinned-{kind}-{protocol}"
    site.serve(name, kind, arm={"prompt": PROMPT, "parameters": {"temperature": 0.125, "max_tokens": 7}})
    site.say()
    more: Any = {"temperature": 1.0, "max_tokens": 50, "extra_body": {"treadle": {"variables": {"language": "Welsh"}}}}

    if protocol == "chat":
        text = site.openai.chat.completions.create(model=name, messages=ASKED, **more).choices[0].message.content
    else:
        text = site.openai.completions.create(model=name, prompt="what does it do", **more).choices[0].text

    sent = json.dumps(site.asked.body)
    assert TEXT == text
    assert "Answer in Welsh." in sent
    assert "Question: what does it do" in sent
    assert "0.125" in sent
    assert "treadle" not in sent
    assert "50" not in sent
