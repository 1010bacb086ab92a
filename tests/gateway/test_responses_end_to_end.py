"""OpenAI's client and its Responses API through a real gateway, to each kind of provider."""

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
BOTH = pytest.mark.parametrize("stream", [False, True], ids=["whole", "stream"])
TOOL: Any = {
    "type": "function",
    "name": "look_up",
    "description": "Looks a word up.",
    "parameters": {"type": "object", "properties": {"query": {"type": "string"}}, "required": ["query"]},
    "strict": False,
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


def asking(site: Site, *, stream: bool, **more: Any) -> Any:
    """Ask, whole or as a stream whose events the client puts together; return the response."""
    if not stream:
        return site.openai.responses.create(**more)
    with site.openai.responses.stream(**more) as events:
        for _ in events:
            pass
        return events.get_final_response()


@ANY_KIND
@BOTH
def test_an_answer(site: Site, kind: str, stream: bool) -> None:
    """
    Text, status, usage and model are as if OpenAI had said them, whole and as a stream.
    """
    site.say()

    answer = asking(site, stream=stream, model=kind, input="what does it do", instructions="Be kind.")

    assert (TEXT, "completed", kind) == (answer.output_text, answer.status, answer.model)
    assert answer.usage is not None
    assert (11, 9) == (answer.usage.input_tokens, answer.usage.output_tokens)
    assert "Be kind." in json.dumps(site.asked.body)


@ANY_KIND
def test_the_events_of_a_stream(site: Site, kind: str) -> None:
    """
    Numbered without gaps, from created to completed, the text in pieces and then whole.
    """
    site.say()

    with site.openai.responses.create(model=kind, input="x", stream=True) as stream:
        events = list(stream)
        trace_id = stream.response.headers["x-treadle-trace-id"]

    kinds = [event.type for event in events]
    assert ("response.created", "response.completed") == (kinds[0], kinds[-1])
    assert TEXT == "".join(event.delta for event in events if event.type == "response.output_text.delta")
    assert [TEXT] == [event.text for event in events if event.type == "response.output_text.done"]
    assert list(range(len(events))) == [event.sequence_number for event in events]
    assert ("stop", 9) == (
        trace(site.plane, trace_id).span.finish_reason,
        trace(site.plane, trace_id).span.output_tokens,
    )


@ANY_KIND
@BOTH
def test_a_tool_is_called(site: Site, kind: str, stream: bool) -> None:
    """
    Tools are offered in the provider's own way, and its call comes back as OpenAI's.
    """
    site.say(calls_tool=True)

    answer = asking(site, stream=stream, model=kind, input="look it up", tools=[TOOL])

    (call,) = [item for item in answer.output if item.type == "function_call"]
    assert ("look_up", {"query": "fox"}) == (call.name, json.loads(call.arguments))
    assert call.call_id
    assert "Looks a word up." in json.dumps(site.asked.body)


@ANY_KIND
def test_a_tool_answers(site: Site, kind: str) -> None:
    """
    A call and its result go back to the provider in its own way.
    """
    site.say()
    items: Any = [
        {"role": "user", "content": "look it up"},
        {"type": "function_call", "call_id": "call_1", "name": "look_up", "arguments": '{"query": "fox"}'},
        {"type": "function_call_output", "call_id": "call_1", "output": "a small red animal"},
    ]

    answer = site.openai.responses.create(model=kind, input=items, tools=[TOOL])

    assert TEXT == answer.output_text
    assert "a small red animal" in json.dumps(site.asked.body)


@ANY_KIND
def test_an_answer_with_a_schema(site: Site, kind: str) -> None:
    """
    The client's typed answers work with every provider.
    """
    site.say(text='{"species": "fox", "legs": 4}')

    answer = site.openai.responses.parse(model=kind, input="x", text_format=Animal)

    assert Animal(species="fox", legs=4) == answer.output_parsed
    assert "species" in json.dumps(site.asked.body)


@ANY_KIND
def test_an_image(site: Site, kind: str) -> None:
    """
    A picture in a message reaches the provider whole.
    """
    site.say()
    picture = {"type": "input_image", "image_url": f"data:image/png;base64,{IMAGE}", "detail": "auto"}
    items: Any = [{"role": "user", "content": [{"type": "input_text", "text": "what is this"}, picture]}]

    site.openai.responses.create(model=kind, input=items)

    assert IMAGE in json.dumps(site.asked.body)


@ANY_KIND
@BOTH
def test_a_prompt_and_parameters_of_the_release(site: Site, kind: str, stream: bool) -> None:
    """
    Whatever is spoken on either side, the release's prompt is filled in and its parameters are pinned.
    """
    name = f"pinned-{kind}-{stream}"
    site.serve(name, kind, arm={"prompt": PROMPT, "parameters": {"temperature": 0.125, "max_tokens": 7}})
    site.say()

    answer = asking(
        site,
        stream=stream,
        model=name,
        input="what does it do",
        temperature=1.0,
        max_output_tokens=50,
        extra_body={"treadle": {"variables": {"language": "Welsh"}}},
    )

    sent = json.dumps(site.asked.body)
    assert TEXT == answer.output_text
    assert all(each in sent for each in ("Answer in Welsh.", "Question: what does it do", "0.125", "7"))
    assert "50" not in sent
    assert "treadle" not in sent


def test_what_only_openai_has(site: Site) -> None:
    """
    Fields and tools of OpenAI's that we know nothing of reach it as they are.
    """
    site.say()

    site.openai.responses.create(
        model="open",
        input="x",
        tools=[{"type": "web_search"}],
        include=["reasoning.encrypted_content"],
        extra_body={"new_field": {"deep": [1, None]}},
    )

    body = site.asked.body
    assert ([{"type": "web_search"}], ["reasoning.encrypted_content"]) == (body["tools"], body["include"])
    assert {"deep": [1, None]} == body["new_field"]


@pytest.mark.parametrize("kind", ["claude", "gemini", "bedrock"])
@pytest.mark.parametrize(
    ("field", "value"), [("previous_response_id", "resp_1"), ("background", True), ("tools", [{"type": "web_search"}])]
)
def test_what_others_have_not(site: Site, kind: str, field: str, value: Any) -> None:
    """
    What only OpenAI's servers can do is refused by name elsewhere, before anything is sent.
    """
    site.say()

    with pytest.raises(openai.BadRequestError) as caught:
        site.openai.responses.create(model=kind, input="x", **{field: value})

    assert field in str(caught.value.param)
    assert [] == site.wall.requests


@pytest.mark.parametrize("kind", ["open", "claude"])
def test_a_stream_that_fails(site: Site, kind: str) -> None:
    """
    The client raises in the middle of a stream, with our code; what was said before is there.
    """
    name = f"cut-{kind}"
    site.serve(name, kind, arm={})
    site.say(cut_at=6, gate_at=6)
    words: list[str] = []

    def read() -> None:
        with site.openai.responses.create(model=name, input="x", stream=True) as stream:
            for event in stream:
                if event.type == "response.output_text.delta":
                    words.append(event.delta)
                    site.wall.gate.set()

    with pytest.raises(openai.APIError) as caught:
        read()

    assert "stream_cut" == caught.value.code
    assert words
    assert TEXT.startswith("".join(words))


@BOTH
@pytest.mark.parametrize("kind", ["open", "claude"])
def test_an_error_of_the_provider(site: Site, kind: str, stream: bool) -> None:
    """
    The client raises its own exception, with the request's id.
    """
    site.say(status=400, error="no such tool")

    with pytest.raises(openai.BadRequestError, match="no such tool") as caught:
        site.openai.responses.create(model=kind, input="x", stream=stream)

    assert caught.value.request_id == caught.value.response.headers["x-treadle-trace-id"]
