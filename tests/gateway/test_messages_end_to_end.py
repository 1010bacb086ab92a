"""Anthropic's client through a real gateway, to each kind of provider."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import anthropic
import pytest

from tests.gateway.harness import Plane
from tests.gateway.site import ALL, IMAGE, PROMPT, Site, opened
from tests.gateway.upstreams import trace
from tests.gateway.wall import TEXT
from treadle.gateway.types import PromptMessage

ANY_KIND = pytest.mark.parametrize("kind", ALL)
ASKED: list[Any] = [{"role": "user", "content": "what does it do"}]
TOOL: Any = {
    "name": "look_up",
    "description": "Looks a word up.",
    "input_schema": {"type": "object", "properties": {"query": {"type": "string"}}, "required": ["query"]},
}


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
    Text, reason, usage and model are as if Anthropic had said them; the trace counts what was read from a cache too.
    """
    site.say()

    raw = site.anthropic.messages.with_raw_response.create(
        model=kind, messages=ASKED, max_tokens=100, system="Be kind."
    )

    answer = raw.parse()
    assert [("text", TEXT)] == [(block.type, block.text) for block in answer.content if block.type == "text"]
    assert ("end_turn", kind, 8, 3, 9) == (
        answer.stop_reason,
        answer.model,
        answer.usage.input_tokens,
        answer.usage.cache_read_input_tokens,
        answer.usage.output_tokens,
    )
    assert "Be kind." in json.dumps(site.asked.body)
    span = trace(site.plane, raw.headers["x-treadle-trace-id"]).span
    assert ("ok", "stop", 11, 9) == (span.status, span.finish_reason, span.input_tokens, span.output_tokens)
    assert 3 == span.attributes["gen_ai.usage.cache_read.input_tokens"]


@ANY_KIND
def test_a_stream(site: Site, kind: str) -> None:
    """
    The client puts the events together to the answer that it would have got whole.
    """
    site.say()

    with site.anthropic.messages.stream(model=kind, messages=ASKED, max_tokens=100) as stream:
        words = list(stream.text_stream)
        answer = stream.get_final_message()

    assert TEXT == "".join(words)
    assert len(words) > 5
    assert ("end_turn", kind, 9) == (answer.stop_reason, answer.model, answer.usage.output_tokens)
    assert 9 == trace(site.plane, stream.response.headers["x-treadle-trace-id"]).span.output_tokens


@ANY_KIND
@pytest.mark.parametrize("stream", [False, True], ids=["whole", "stream"])
def test_a_tool_is_called(site: Site, kind: str, stream: bool) -> None:
    """
    Tools are offered in the provider's own way, and its call comes back as Anthropic's.
    """
    site.say(calls_tool=True)
    asked: Any = {"model": kind, "messages": ASKED, "max_tokens": 100, "tools": [TOOL]}

    if stream:
        with site.anthropic.messages.stream(**asked) as events:
            answer = events.get_final_message()
    else:
        answer = site.anthropic.messages.create(**asked)

    (block,) = [block for block in answer.content if block.type == "tool_use"]
    assert ("tool_use", "look_up", {"query": "fox"}) == (answer.stop_reason, block.name, block.input)
    assert "Looks a word up." in json.dumps(site.asked.body)


@ANY_KIND
def test_a_tool_answers(site: Site, kind: str) -> None:
    """
    A call and its result go back to the provider in its own way.
    """
    site.say()
    messages: list[Any] = [
        *ASKED,
        {
            "role": "assistant",
            "content": [{"type": "tool_use", "id": "t1", "name": "look_up", "input": {"query": "fox"}}],
        },
        {"role": "user", "content": [{"type": "tool_result", "tool_use_id": "t1", "content": "a small red animal"}]},
    ]

    answer = site.anthropic.messages.create(model=kind, messages=messages, max_tokens=100, tools=[TOOL])

    assert "end_turn" == answer.stop_reason
    assert "a small red animal" in json.dumps(site.asked.body)


@ANY_KIND
def test_an_image(site: Site, kind: str) -> None:
    """
    A picture in a message reaches the provider whole.
    """
    site.say()
    source = {"type": "base64", "media_type": "image/png", "data": IMAGE}
    content: Any = [{"type": "text", "text": "what is this"}, {"type": "image", "source": source}]

    site.anthropic.messages.create(model=kind, messages=[{"role": "user", "content": content}], max_tokens=100)

    assert IMAGE in json.dumps(site.asked.body)


@ANY_KIND
@pytest.mark.parametrize("stream", [False, True], ids=["whole", "stream"])
def test_a_prompt_and_parameters_of_the_release(site: Site, kind: str, stream: bool) -> None:
    """
    Whatever is spoken on either side, the release's prompt is filled in and its parameters are pinned.
    """
    name = f"pinned-{kind}-{stream}"
    site.serve(name, kind, arm={"prompt": PROMPT, "parameters": {"temperature": 0.125, "max_tokens": 7}})
    site.say()

    answer = site.anthropic.messages.create(
        model=name,
        messages=ASKED,
        max_tokens=50,
        stream=stream,
        extra_body={"treadle": {"variables": {"language": "Welsh"}}},
    )

    if stream:
        text = "".join(event.delta.text for event in answer if event.type == "content_block_delta")  # type: ignore[union-attr]
    else:
        text = answer.content[0].text  # type: ignore[union-attr]
    sent = json.dumps(site.asked.body)
    assert TEXT == text
    assert all(each in sent for each in ("Answer in Welsh.", "Question: what does it do", "0.125", "7"))
    assert "50" not in sent
    assert "treadle" not in sent


MARK: Any = {"type": "ephemeral", "ttl": "1h"}
THOUGHT: Any = {"type": "thinking", "thinking": "let me look", "signature": "c2lnbmVk"}
HIDDEN: Any = {"type": "redacted_thinking", "data": "aGlkZGVu"}
USED: Any = {"type": "tool_use", "id": "t1", "name": "look_up", "input": {"query": "fox"}, "cache_control": MARK}
FAILED: Any = {
    "type": "tool_result",
    "tool_use_id": "t1",
    "content": "no such word",
    "is_error": True,
    "cache_control": MARK,
}
SAID: Any = [
    {"type": "text", "text": "Let me see. "},
    THOUGHT,
    {"type": "text", "text": "I look.", "cache_control": MARK},
    HIDDEN,
    USED,
]
PROMPTED: Any = {
    "prompt": (PromptMessage(role="system", template="Be brief."), PROMPT[1]),
    "parameters": {"temperature": 0.125},
}


@pytest.mark.parametrize("arm", [PROMPTED, {"parameters": {"temperature": 0.125}}], ids=["prompt", "parameters"])
@pytest.mark.parametrize("stream", [False, True], ids=["whole", "stream"])
def test_blocks_beside_a_prompt(site: Site, arm: Any, stream: bool) -> None:
    """
    A release's prompt or parameters take nothing from the caller's messages: marks of caches, results that failed and
    signed thinking reach Anthropic as they were said, in their order.
    """
    name = f"blocks-{len(arm)}-{stream}"
    site.serve(name, "claude", arm=arm)
    site.say()
    asked: Any = {"type": "text", "text": "what is a fox", "cache_control": MARK}

    with site.anthropic.messages.with_streaming_response.create(
        model=name,
        system=[{"type": "text", "text": "Be kind.", "cache_control": MARK}],
        messages=[
            {"role": "user", "content": [asked]},
            {"role": "assistant", "content": SAID},
            {"role": "user", "content": [FAILED]},
        ],
        tools=[{**TOOL, "cache_control": MARK}],
        max_tokens=2000,
        stream=stream,
    ) as answer:
        answer.read()

    body = site.asked.body
    words = asked["text"] if len(arm) == 1 else f"Question: {asked['text']}"
    assert {"type": "text", "text": "Be kind.", "cache_control": MARK} == body["system"][-1]
    assert {"role": "user", "content": [{**asked, "text": words}]} == body["messages"][0]
    assert {"role": "assistant", "content": SAID} == body["messages"][1]
    assert [FAILED] == body["messages"][2]["content"]
    assert MARK == body["tools"][0]["cache_control"]
    assert 0.125 == body["temperature"]


def test_blocks_beside_a_prompt_elsewhere(site: Site) -> None:
    """
    A server that speaks chat gets none of the words that only Anthropic knows.
    """
    site.serve("blocks-elsewhere", "open", arm=PROMPTED)
    site.say()

    site.anthropic.messages.create(
        model="blocks-elsewhere",
        messages=[
            {"role": "user", "content": [{"type": "text", "text": "what is a fox", "cache_control": MARK}]},
            {"role": "assistant", "content": SAID},
            {"role": "user", "content": [FAILED]},
        ],
        tools=[{**TOOL, "cache_control": MARK}],
        max_tokens=2000,
    )

    system, asked, said, result = site.asked.body["messages"]
    assert "system" == system["role"]
    assert {"role": "user", "content": "Question: what is a fox"} == asked
    assert {"role", "content", "tool_calls"} == set(said)
    assert {"role": "tool", "tool_call_id": "t1", "content": "no such word"} == result
    sent = json.dumps(site.asked.body)
    assert not [word for word in ("cache_control", "is_error", "c2lnbmVk", "aGlkZGVu", "block_order") if word in sent]


def test_marks_of_a_chat_beside_a_prompt(site: Site) -> None:
    """
    The mark at the text that the prompt's last message takes the place of stays, when chat is spoken as well.
    """
    site.serve("marks-of-chat", "claude", arm=PROMPTED)
    site.say()
    asked: Any = {"type": "text", "text": "what is a fox", "cache_control": MARK}

    site.openai.chat.completions.create(model="marks-of-chat", messages=[{"role": "user", "content": [asked]}])

    assert [{**asked, "text": "Question: what is a fox"}] == site.asked.body["messages"][0]["content"]


def test_what_only_anthropic_has(site: Site) -> None:
    """
    Fields, blocks and headers of Anthropic's that we know nothing of reach it as they are.
    """
    site.say()
    block: Any = {"type": "text", "text": "hello", "cache_control": {"type": "ephemeral"}}

    site.anthropic.messages.create(
        model="claude",
        messages=[{"role": "user", "content": [block]}],
        max_tokens=2000,
        thinking={"type": "enabled", "budget_tokens": 1024},
        extra_body={"new_field": {"deep": [1, None]}},
        extra_headers={"anthropic-beta": "future-2027-01-01"},
    )

    body = site.asked.body
    assert [block] == body["messages"][0]["content"]
    assert ({"deep": [1, None]}, {"type": "enabled", "budget_tokens": 1024}) == (body["new_field"], body["thinking"])
    assert ("future-2027-01-01", "2023-06-01") == (
        site.asked.headers["anthropic-beta"],
        site.asked.headers["anthropic-version"],
    )
    assert site.key not in json.dumps(site.asked.headers)


@pytest.mark.parametrize("kind", ["claude", "open"])
def test_tokens_are_counted(site: Site, kind: str) -> None:
    """
    Anthropic counts for itself; for others we estimate.
    """
    site.say()

    counted = site.anthropic.messages.count_tokens(model=kind, messages=ASKED)

    assert counted.input_tokens == 11 if kind == "claude" else 0 < counted.input_tokens < 30


def test_models(site: Site) -> None:
    """
    Anthropic's client lists the endpoints, with its own key header or with a bearer token.
    """
    listed = [model.id for model in site.anthropic.models.list()]
    with anthropic.Anthropic(base_url=site.plane.url, auth_token=site.key) as bearing:
        listed_again = [model.id for model in bearing.models.list()]

    assert set(ALL) <= set(listed)
    assert listed == listed_again


CLASSES: dict[int, type[anthropic.APIStatusError]] = {
    400: anthropic.BadRequestError,
    404: anthropic.NotFoundError,
    429: anthropic.RateLimitError,
    500: anthropic.InternalServerError,
}


@pytest.mark.parametrize("stream", [False, True], ids=["whole", "stream"])
@pytest.mark.parametrize("kind", ["claude", "open"])
@pytest.mark.parametrize("status", CLASSES)
def test_errors_of_the_provider(site: Site, kind: str, status: int, stream: bool) -> None:
    """
    The client raises its own exceptions, with the request's id and Anthropic's kinds of errors, whoever answers.
    """
    name = f"error-{kind}-{status}-{stream}"
    site.serve(name, kind, arm={})
    site.say(status=status, error="no such tool")

    with pytest.raises(CLASSES[status]) as caught:
        site.anthropic.messages.create(model=name, messages=ASKED, max_tokens=100, stream=stream)

    body: Any = caught.value.body
    assert body["type"] == "error"
    assert caught.value.request_id == caught.value.response.headers["x-treadle-trace-id"]
    assert ("no such tool" in caught.value.message) == (status != 500)


def test_a_stream_that_fails(site: Site) -> None:
    """
    The client raises in the middle of a stream, and what was said before is there.
    """
    site.say(cut_at=6, gate_at=6)
    words: list[str] = []

    def read() -> None:
        with site.anthropic.messages.stream(model="claude", messages=ASKED, max_tokens=100) as stream:
            for word in stream.text_stream:
                words.append(word)
                site.wall.gate.set()

    with pytest.raises(anthropic.APIStatusError) as caught:
        read()

    assert TEXT.startswith("".join(words))
    assert words
    body: Any = caught.value.body
    assert "stream_cut" == body["error"]["details"]["error_code"]


@pytest.mark.parametrize(
    ("key", "model", "kind"),
    [
        ("sk-ant-wrong", "claude", anthropic.AuthenticationError),
        (None, "claude-nothing", anthropic.NotFoundError),
    ],
)
def test_errors_of_ours(site: Site, key: str | None, model: str, kind: type[anthropic.APIStatusError]) -> None:
    """
    An unknown key, an unknown model: the client's own exceptions.
    """
    with pytest.raises(kind) as caught:
        site.anthropic.with_options(api_key=key or site.key).messages.create(
            model=model, messages=ASKED, max_tokens=100
        )

    body: Any = caught.value.body
    assert "error" == body["type"]
