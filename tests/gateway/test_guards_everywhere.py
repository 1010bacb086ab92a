"""Texts that stand in unusual places: guards read and mask them there too, on the way in and on the way out."""

from __future__ import annotations

import base64
import json
import re
from collections.abc import Iterator
from typing import Any

import httpx2
import pytest

from tests.gateway.harness import Plane
from tests.gateway.site import Site, opened
from tests.gateway.upstreams import PATHS, Heard, heard, publish, served_by, trace
from tests.gateway.wall import Fault
from treadle.gateway.guarding.texts import MOST_VALUES
from treadle.gateway.translate.from_responses_answer import SEALED
from treadle.gateway.types import GuardRule, ProtocolName, Refinement, Target

MAIL = "ana@example.org"
CARD = 4111111111111111
MASK_IN = GuardRule(name="no mail", check="pii", stage="input", action="mask")
MASK_OUT = GuardRule(name="no mail", check="pii", stage="output", action="mask")
BLOCK_IN = GuardRule(name="no mail", check="pii", stage="input", action="block")
BLOCK_OUT = GuardRule(name="no mail", check="pii", stage="output", action="block")
SCHEMA = {"type": "object", "required": ["city"]}
FITS = Refinement(trim=True, repair_json=True, json_schema=SCHEMA, ask_again=True)
ARMS: dict[str, dict[str, Any]] = {
    "in": {"guards": (MASK_IN,)},
    "in-block": {"guards": (BLOCK_IN,)},
    "out": {"guards": (MASK_OUT,)},
    "out-block": {"guards": (BLOCK_OUT,)},
    "fits": {"refinement": FITS},
}
PROVIDERS: dict[ProtocolName, str] = {"chat": "open", "responses": "open", "completions": "open", "messages": "claude"}
STREAMED = pytest.mark.parametrize("protocol", ["chat", "responses", "messages"])

USER = {"role": "user", "content": "x"}
SCHEMA_OF_TOOL = {"type": "object", "properties": {"who": {"type": "string", "description": f"such as {MAIL}"}}}
PLACES: dict[str, tuple[ProtocolName, dict[str, Any]]] = {
    "assistant": ("chat", {"messages": [USER, {"role": "assistant", "content": MAIL}, USER]}),
    "name": ("chat", {"messages": [{**USER, "name": MAIL}]}),
    "user": ("chat", {"messages": [USER], "user": MAIL}),
    "tool": ("chat", {"messages": [USER], "tools": [{"type": "function", "function": {"name": "f", "description": MAIL}}]}),
    "schema": ("chat", {"messages": [USER], "tools": [{"type": "function", "function": {"name": "f", "parameters": SCHEMA_OF_TOOL}}]}),
    "schema's names": ("chat", {"messages": [USER], "tools": [{"type": "function", "function": {"name": "f", "parameters": {"type": "object", "properties": {MAIL: {"type": "string", "format": MAIL, "default": [MAIL]}}, "required": [MAIL]}}}]}),
    "schema of an answer": ("chat", {"messages": [USER], "response_format": {"type": "json_schema", "json_schema": {"name": "a", "schema": {"properties": {MAIL: {"id": MAIL}}}}}}),
    "detail": ("responses", {"input": [{"role": "user", "content": [{"type": "input_text", "text": "x", "detail": MAIL}]}]}),
    "arguments": ("chat", {"messages": [USER, {"role": "assistant", "tool_calls": [{"id": "c", "type": "function", "function": {"name": "f", "arguments": '{"to":"ana\\u0040example.org"}'}}]}]}),
    "unknown part": ("chat", {"messages": [{"role": "user", "content": [{"type": "new", "new": {"text": MAIL}}]}]}),
    "input_text": ("responses", {"input": [{"role": "user", "content": [{"type": "input_text", "text": MAIL}]}]}),
    "output_text": ("responses", {"input": [{"role": "assistant", "content": [{"type": "output_text", "text": MAIL}]}]}),
    "output": ("responses", {"input": [{"type": "function_call_output", "call_id": "c", "output": MAIL}]}),
    "instructions": ("responses", {"input": "x", "instructions": MAIL}),
    "description": ("messages", {"messages": [USER], "max_tokens": 9, "tools": [{"name": "f", "description": MAIL, "input_schema": {}}]}),
    "tool_result": ("messages", {"messages": [{"role": "user", "content": [{"type": "tool_result", "tool_use_id": "t", "content": [{"type": "text", "text": MAIL}]}]}], "max_tokens": 9}),
    "tool_use": ("messages", {"messages": [USER, {"role": "assistant", "content": [{"type": "tool_use", "id": "t", "name": "f", "input": {"to": [MAIL]}}]}], "max_tokens": 9}),
    "field name": ("messages", {"messages": [USER, {"role": "assistant", "content": [{"type": "tool_use", "id": "t", "name": "f", "input": {MAIL: 1}}]}], "max_tokens": 9}),
    "title": ("messages", {"messages": [{"role": "user", "content": [{"type": "document", "title": MAIL, "source": {"type": "text", "media_type": "text/plain", "data": "x"}}]}], "max_tokens": 9}),
    "document": ("messages", {"messages": [{"role": "user", "content": [{"type": "document", "source": {"type": "text", "media_type": "text/plain", "data": MAIL}}]}], "max_tokens": 9}),
    "user_id": ("messages", {"messages": [USER], "max_tokens": 9, "metadata": {"user_id": MAIL}}),
}  # fmt: skip


@pytest.fixture(scope="module")
def site(module_plane: Plane) -> Iterator[Site]:
    """
    An endpoint for every protocol and way to guard.
    """
    with opened(module_plane) as made:
        publish(
            module_plane,
            [
                served_by(made.plane, f"{protocol}-{name}", Target(provider=provider, model="m"), arm_=arm)
                for protocol, provider in PROVIDERS.items()
                for name, arm in ARMS.items()
            ],
        )
        yield made


def ask(site: Site, protocol: ProtocolName, way: str, body: dict[str, Any] | None = None, **more: Any) -> Heard:
    """Return what a caller gets."""
    simple: dict[str, Any] = {"responses": {"input": "x"}, "completions": {"prompt": "x"}}.get(
        protocol, {"messages": [USER]}
    )
    if protocol == "messages":
        simple = {**simple, "max_tokens": 50}
    reply = httpx2.post(
        site.plane.url + PATHS[protocol],
        json={**(body or simple), "model": f"{protocol}-{way}", **more},
        headers={"authorization": f"Bearer {site.key}"},
        trust_env=False,
        timeout=30,
    )
    return heard(protocol, reply, reply.text)


def sse(*events: dict[str, Any], done: bool = False) -> dict[str, str]:
    """Return how the wall answers with just these events."""
    framed = "".join(
        (f"event: {event['type']}\n" if "type" in event else "") + f"data: {json.dumps(event)}\n\n" for event in events
    )
    return {"body": framed + ("data: [DONE]\n\n" if done else ""), "content_type": "text/event-stream"}


def chunk(finish: str | None = None, **delta: Any) -> dict[str, Any]:
    """Return one chunk of a chat stream."""
    return {"object": "chat.completion.chunk", "model": "m", "choices": [{"index": 0, "delta": delta, "finish_reason": finish}]}  # fmt: skip


@pytest.mark.parametrize("place", PLACES)
def test_a_text_on_the_way_in(site: Site, place: str) -> None:
    """
    Wherever a caller puts an address, it is masked there, and everything else goes up as it came.
    """
    protocol, body = PLACES[place]
    site.say()

    got = ask(site, protocol, "in", body)

    assert 200 == got.status
    sent = json.dumps(site.asked.body)
    assert "example.org" not in sent.replace("\\u0040", "@")
    assert "[EMAIL]" in sent
    expected = json.loads(json.dumps(body).replace("ana\\\\u0040example.org", "[EMAIL]").replace(MAIL, "[EMAIL]"))
    assert expected == {name: value for name, value in site.asked.body.items() if name in expected}


@pytest.mark.parametrize("place", PLACES)
def test_a_text_that_is_not_let_in(site: Site, place: str) -> None:
    """
    Wherever a caller puts an address, a guard that blocks refuses the request.
    """
    protocol, body = PLACES[place]
    site.say()

    got = ask(site, protocol, "in-block", body)

    assert (400, "guard_blocked") == (got.status, got.code)
    assert [] == site.wall.requests


CHAT_CALL = {
    "id": "c",
    "type": "function",
    "function": {"name": "f", "arguments": json.dumps({"to": MAIL, "card": CARD})},
}
WHOLE: dict[ProtocolName, dict[str, Any]] = {
    "chat": {
        "object": "chat.completion",
        "choices": [
            {
                "index": 0,
                "message": {"role": "assistant", "content": None, "reasoning_content": f"to {MAIL}", "refusal": f"not {MAIL}", "tool_calls": [CHAT_CALL]},
                "finish_reason": "tool_calls",
            }
        ],
    },
    "responses": {
        "object": "response",
        "status": "completed",
        "output": [
            {"type": "reasoning", "id": "r", "summary": [{"type": "summary_text", "text": f"to {MAIL}"}]},
            {"type": "message", "id": "m", "role": "assistant", "content": [{"type": "refusal", "refusal": f"not {MAIL}"}]},
            {"type": "function_call", "id": "f", "call_id": "c", "name": "f", "arguments": json.dumps({"to": MAIL, "card": CARD})},
        ],
    },
    "messages": {
        "type": "message",
        "role": "assistant",
        "content": [
            {"type": "thinking", "thinking": f"to {MAIL}", "signature": ""},
            {"type": "text", "text": f"not {MAIL}", "citations": [{"type": "page", "cited_text": MAIL}]},
            {"type": "tool_use", "id": "t", "name": "f", "input": {"to": MAIL, "card": CARD}},
        ],
        "stop_reason": "tool_use",
    },
}  # fmt: skip


@STREAMED
def test_a_text_on_the_way_out(site: Site, protocol: ProtocolName) -> None:
    """
    Arguments of calls, reasoning, refusals and citations are masked; arguments stay JSON.
    """
    site.say(body=json.dumps(WHOLE[protocol]))

    got = ask(site, protocol, "out")

    assert 200 == got.status
    assert "example" not in got.raw
    assert str(CARD) not in got.raw
    assert "to [EMAIL]" in got.raw
    assert "not [EMAIL]" in got.raw
    (arguments,) = arguments_in(json.loads(got.raw))
    assert {"to": "[EMAIL]", "card": "[CARD]"} == arguments
    assert "example" not in trace(site.plane, got.trace_id).span.model_dump_json()


@STREAMED
def test_a_text_that_is_not_let_out(site: Site, protocol: ProtocolName) -> None:
    """
    Arguments of a call are reason enough to block an answer.
    """
    site.say(body=json.dumps(WHOLE[protocol]))

    got = ask(site, protocol, "out-block")

    assert (400, "guard_blocked") == (got.status, got.code)


THOUGHT = [{"type": "thinking", "thinking": f"to {MAIL}", "signature": "c2lnbmVk"}]


def test_thinking_that_its_provider_signed(site: Site) -> None:
    """
    It goes up as it was written, since its provider takes no other; on the way out it is read like all that is said.
    """
    content = [*THOUGHT, {"type": "text", "text": "hi"}]
    site.say(body=json.dumps({"type": "message", "role": "assistant", "content": content, "stop_reason": "end_turn"}))

    out = ask(site, "messages", "out")
    asked = {"messages": [USER, {"role": "assistant", "content": content}, USER], "max_tokens": 9}
    ask(site, "messages", "in", asked)

    assert ("example" in out.raw, "to [EMAIL]" in out.raw) == (False, True)
    assert THOUGHT[0] in site.asked.body["messages"][1]["content"]


@pytest.mark.parametrize("stream", [False, True])
def test_thinking_that_we_sealed(site: Site, stream: bool) -> None:
    """
    What carries a provider's thinking to a caller of another protocol and back is no hole in a guard.
    """
    site.serve("sealed", "claude", arm={"guards": (MASK_OUT,)})
    events: list[dict[str, Any]] = [
        {"type": "message_start", "message": {"type": "message", "content": [], "model": "m", "usage": {}}},
        {"type": "content_block_start", "index": 0, "content_block": {"type": "thinking", "thinking": "", "signature": ""}},
        {"type": "content_block_delta", "index": 0, "delta": {"type": "thinking_delta", "thinking": f"to {MAIL}"}},
        {"type": "content_block_delta", "index": 0, "delta": {"type": "signature_delta", "signature": "c2lnbmVk"}},
        {"type": "content_block_stop", "index": 0},
        {"type": "content_block_start", "index": 1, "content_block": {"type": "text", "text": ""}},
        {"type": "content_block_delta", "index": 1, "delta": {"type": "text_delta", "text": "hi"}},
        {"type": "content_block_stop", "index": 1},
        {"type": "message_delta", "delta": {"stop_reason": "end_turn"}, "usage": {"output_tokens": 5}},
        {"type": "message_stop"},
    ]  # fmt: skip
    content = [*THOUGHT, {"type": "text", "text": "hi"}]
    whole = {"type": "message", "role": "assistant", "content": content, "stop_reason": "end_turn"}
    site.say(**(sse(*events) if stream else {"body": json.dumps(whole)}))

    reply = httpx2.post(
        site.plane.url + PATHS["responses"],
        json={"model": "sealed", "input": "x", "stream": stream},
        headers={"authorization": f"Bearer {site.key}"},
        trust_env=False,
    )

    sealed = [base64.b64decode(each) for each in re.findall(SEALED + r"([A-Za-z0-9+/=]+)", reply.text)]
    assert sealed
    assert MAIL not in reply.text
    assert not any(MAIL.encode() in each for each in sealed)
    assert all(b"to [EMAIL]" in each for each in sealed)


BESIDE = {"citations": [f"https://{MAIL}"], "search_results": [{"title": MAIL}]}


def test_what_stands_beside_an_answer(site: Site) -> None:
    """
    Fields of a whole answer beside its choices are read too; what a response repeats of the request is the caller's own.
    """
    message = {"index": 0, "message": {"role": "assistant", "content": "hi"}, "finish_reason": "stop"}
    site.say(body=json.dumps({"object": "chat.completion", "choices": [message], **BESIDE}))
    masked, blocked = ask(site, "chat", "out"), ask(site, "chat", "out-block")
    echo = {**WHOLE["responses"], "output": [], "instructions": MAIL}
    site.say(body=json.dumps(echo))
    echoed = ask(site, "responses", "out-block")

    assert (200, False, True) == (masked.status, "example" in masked.raw, "[EMAIL]" in masked.raw)
    assert (400, "guard_blocked") == (blocked.status, blocked.code)
    assert 200 == echoed.status


@pytest.mark.parametrize(
    ("path", "body", "field"),
    [
        ("/v1/completions", {"prompt": [101, 102]}, "prompt"),
        ("/v1/completions", {"prompt": ["x", [101, 102]]}, "prompt"),
        ("/v1/completions", {"prompt": "x", "prompt_embeds": "AAAA"}, "prompt_embeds"),
        ("/v1/embeddings", {"input": [[101, 102]]}, "input"),
    ],
)
def test_tokens_in_the_place_of_text(site: Site, path: str, body: dict[str, Any], field: str) -> None:
    """
    What no guard can read is refused where guards read requests, and passes elsewhere.
    """
    site.say()
    answers = [
        httpx2.post(
            site.plane.url + path,
            json={"model": model, **body},
            headers={"authorization": f"Bearer {site.key}"},
            trust_env=False,
        )
        for model in ("completions-in", "open")
    ]

    assert (400, field) == (answers[0].status_code, answers[0].json()["error"]["param"])
    assert 200 == answers[1].status_code


def test_more_than_guards_can_read(site: Site) -> None:
    """
    A request or an answer of very many values is refused where guards would have to read each.
    """
    many = [1] * (MOST_VALUES + 1)
    site.say()
    sent = ask(site, "chat", "in", {"messages": [USER], "metadata": {"a": many}})
    message = {"index": 0, "message": {"role": "assistant", "content": "hi"}, "finish_reason": "stop"}
    site.say(body=json.dumps({"object": "chat.completion", "choices": [message], "more": many}))
    got = ask(site, "chat", "out")

    assert (400, 502) == (sent.status, got.status)


def arguments_in(value: Any) -> list[Any]:
    """Return the arguments of every call in an answer, wherever they stand."""
    if isinstance(value, dict):
        here = [json.loads(value["arguments"])] if value.get("arguments") else []
        here += [value["input"]] if value.get("type") == "tool_use" else []
        return [*here, *(found for each in value.values() for found in arguments_in(each))]
    return [found for each in value for found in arguments_in(each)] if isinstance(value, list) else []


def split(text: str) -> list[str]:
    """Return a text in pieces of three characters."""
    return [text[at : at + 3] for at in range(0, len(text), 3)]


ARGUMENTS = json.dumps({"to": MAIL, "card": CARD})


def chat_stream() -> dict[str, str]:
    """Return a stream that thinks, says something and calls a tool, all with the address in it."""
    head = {"index": 0, "id": "c", "type": "function", "function": {"name": "f", "arguments": ""}}
    return sse(
        chunk(role="assistant", content=""),
        *(chunk(reasoning_content=each) for each in split(f"to {MAIL}")),
        *(chunk(content=each) for each in split(f"not {MAIL}")),
        chunk(tool_calls=[head]),
        *(chunk(tool_calls=[{"index": 0, "function": {"arguments": each}}]) for each in split(ARGUMENTS)),
        chunk("tool_calls"),
        done=True,
    )


def messages_stream() -> dict[str, str]:
    """Return the same in the messages API."""

    def block(index: int, start: dict[str, Any], deltas: list[dict[str, Any]]) -> list[dict[str, Any]]:
        return [
            {"type": "content_block_start", "index": index, "content_block": start},
            *({"type": "content_block_delta", "index": index, "delta": delta} for delta in deltas),
            {"type": "content_block_stop", "index": index},
        ]

    thinking = [{"type": "thinking_delta", "thinking": each} for each in split(f"to {MAIL}")]
    text = [{"type": "text_delta", "text": each} for each in split(f"not {MAIL}")]
    cited = {"type": "citations_delta", "citation": {"type": "page", "cited_text": MAIL}}
    call = [{"type": "input_json_delta", "partial_json": each} for each in split(ARGUMENTS)]
    return sse(
        {"type": "message_start", "message": {"type": "message", "content": [], "model": "m", "usage": {}}},
        *block(0, {"type": "thinking", "thinking": "", "signature": ""}, thinking),
        *block(1, {"type": "text", "text": ""}, [*text, cited]),
        *block(2, {"type": "tool_use", "id": "t", "name": "f", "input": {}}, call),
        {"type": "message_delta", "delta": {"stop_reason": "tool_use"}, "usage": {"output_tokens": 5}},
        {"type": "message_stop"},
    )


def responses_stream() -> dict[str, str]:
    """Return the same in the Responses API, which says everything three times; one item comes without any delta."""
    reasoning = {"type": "reasoning", "id": "r", "summary": [{"type": "summary_text", "text": f"to {MAIL}"}]}
    first = {
        "type": "message",
        "id": "m1",
        "role": "assistant",
        "content": [{"type": "output_text", "text": f"not {MAIL}", "annotations": []}],
    }
    second = {
        "type": "message",
        "id": "m2",
        "role": "assistant",
        "content": [{"type": "output_text", "text": f"or {MAIL}", "annotations": []}],
    }
    call = {"type": "function_call", "id": "f", "call_id": "c", "name": "f", "arguments": ARGUMENTS}
    items = [reasoning, first, second, call]
    response = {"object": "response", "id": "x", "model": "m"}
    return sse(
        {"type": "response.created", "response": {**response, "status": "in_progress", "output": []}},
        *({"type": "response.reasoning_summary_text.delta", "output_index": 0, "summary_index": 0, "delta": each} for each in split(f"to {MAIL}")),
        {"type": "response.reasoning_summary_text.done", "output_index": 0, "summary_index": 0, "text": f"to {MAIL}"},
        {"type": "response.output_item.done", "output_index": 0, "item": reasoning},
        {"type": "response.content_part.added", "output_index": 1, "content_index": 0, "part": {"type": "output_text", "text": "", "annotations": []}},
        *({"type": "response.output_text.delta", "output_index": 1, "content_index": 0, "delta": each} for each in split(f"not {MAIL}")),
        {"type": "response.output_text.done", "output_index": 1, "content_index": 0, "text": f"not {MAIL}"},
        {"type": "response.output_item.done", "output_index": 1, "item": first},
        {"type": "response.output_item.added", "output_index": 2, "item": second},
        {"type": "response.content_part.added", "output_index": 2, "content_index": 0, "part": second["content"][0]},
        {"type": "response.output_item.done", "output_index": 2, "item": second},
        {"type": "response.output_item.added", "output_index": 3, "item": {**call, "arguments": ""}},
        *({"type": "response.function_call_arguments.delta", "output_index": 3, "delta": each} for each in split(ARGUMENTS)),
        {"type": "response.function_call_arguments.done", "output_index": 3, "arguments": ARGUMENTS},
        {"type": "response.output_item.done", "output_index": 3, "item": call},
        {"type": "response.completed", "response": {**response, "status": "completed", "output": items}},
    )  # fmt: skip


STREAMS = {"chat": chat_stream, "messages": messages_stream, "responses": responses_stream}


@STREAMED
def test_a_stream_on_the_way_out(site: Site, protocol: ProtocolName) -> None:
    """
    In no event, first said or said again, stands what is masked; each thing that was said is said again as it went out.
    """
    site.say(**STREAMS[protocol]())

    got = ask(site, protocol, "out", stream=True)

    assert (200, None, True) == got.short
    assert "ana" not in got.raw
    assert "example" not in got.raw
    assert str(CARD) not in got.raw
    assert {"to": "[EMAIL]", "card": "[CARD]"} == json.loads(said(got, "arguments", "partial_json"))
    assert "to [EMAIL]" == said(got, "reasoning_content", "thinking")
    assert "not [EMAIL]" in got.text
    if protocol == "responses":
        final = got.events[-1].data["response"]["output"]
        assert ["not [EMAIL]", "or [EMAIL]"] == [item["content"][0]["text"] for item in final[1:3]]
        assert {"to": "[EMAIL]", "card": "[CARD]"} == json.loads(final[3]["arguments"])
    assert "example" not in trace(site.plane, got.trace_id).span.model_dump_json()


def said(got: Heard, *names: str) -> str:
    """Return what the deltas of a stream say in these fields, one after the other."""
    words: list[str] = []
    for event in got.events:
        data = event.data if isinstance(event.data, dict) else {}
        if data.get("type") in ("response.function_call_arguments.delta", "response.reasoning_summary_text.delta"):
            words += [data["delta"]] if ("arguments" in data["type"]) == ("arguments" in names) else []
        delta = data["choices"][0]["delta"] if data.get("choices") else data.get("delta")
        if isinstance(delta, dict):
            calls = [call["function"] for call in delta.get("tool_calls", ())]
            words += [each[name] for each in (delta, *calls) for name in names if each.get(name)]
    return "".join(words)


@STREAMED
def test_a_stream_that_calls_with_it(site: Site, protocol: ProtocolName) -> None:
    """
    A guard that blocks ends a stream before the first argument of a call that holds it; what was written is counted.
    """
    site.say(**sse(*_with_arguments(protocol), done=protocol == "chat"))

    got = ask(site, protocol, "out-block", stream=True)

    assert "guard_blocked" == got.code
    assert "ana" not in got.raw
    span = trace(site.plane, got.trace_id).span
    assert (span.output_tokens or 0) > 10


def _with_arguments(protocol: ProtocolName) -> list[dict[str, Any]]:
    """Return a stream that only calls a tool."""
    if protocol == "chat":
        head = {"index": 0, "id": "c", "type": "function", "function": {"name": "f", "arguments": ""}}
        pieces = [{"index": 0, "function": {"arguments": each}} for each in split(ARGUMENTS)]
        return [chunk(tool_calls=[head]), *(chunk(tool_calls=[piece]) for piece in pieces), chunk("tool_calls")]
    if protocol == "messages":
        start = {"type": "tool_use", "id": "t", "name": "f", "input": {}}
        deltas = [{"type": "input_json_delta", "partial_json": each} for each in split(ARGUMENTS)]
        return [
            {"type": "message_start", "message": {"type": "message", "content": [], "model": "m", "usage": {}}},
            {"type": "content_block_start", "index": 0, "content_block": start},
            *({"type": "content_block_delta", "index": 0, "delta": delta} for delta in deltas),
            {"type": "content_block_stop", "index": 0},
            {"type": "message_stop"},
        ]
    call = {"type": "function_call", "id": "f", "call_id": "c", "name": "f", "arguments": ""}
    kind = "response.function_call_arguments"
    return [
        {"type": "response.output_item.added", "output_index": 0, "item": call},
        *({"type": f"{kind}.delta", "output_index": 0, "delta": each} for each in split(ARGUMENTS)),
        {"type": f"{kind}.done", "output_index": 0, "arguments": ARGUMENTS},
    ]


def test_a_blocked_stream_counts_what_was_written(site: Site) -> None:
    """
    What the model wrote before and behind the finding is paid for, so it counts, although nobody gets it.
    """
    words = "and more words of it " * 20
    site.say(**sse(chunk(content="so "), chunk(content=f"{MAIL} is it, "), chunk(content=words), done=True))

    got = ask(site, "chat", "out-block", stream=True)

    span = trace(site.plane, got.trace_id).span
    assert "guard_blocked" == got.code
    assert (span.output_tokens or 0) > 80
    assert True is span.attributes["treadle.usage.estimated"]


@pytest.mark.parametrize("protocol", ["chat", "responses", "messages", "completions"])
def test_a_stream_that_has_to_fit(site: Site, protocol: ProtocolName) -> None:
    """
    A stream of a release with a schema comes when it is complete, mended as a whole answer would be.
    """
    site.say(text='Sure! {"city": "Ulm",} There.', letters=True)

    got = ask(site, protocol, "fits", stream=True)

    assert (200, None, True) == got.short
    assert {"city": "Ulm"} == json.loads(got.text)
    assert [{"role": "assistant", "content": got.text}] == trace(site.plane, got.trace_id).span.output_messages
    if protocol == "responses":
        assert {"city": "Ulm"} == json.loads(got.events[-1].data["response"]["output"][0]["content"][0]["text"])


@STREAMED
def test_a_stream_that_does_not_fit(site: Site, protocol: ProtocolName) -> None:
    """
    It is asked for once more, both answers are counted; one that still does not fit is an error and no stream.
    """
    site.say()
    site.wall.behave("*", Fault(text="no json"), Fault(text='{"city": "Ulm"}'), Fault(text="again none"))

    good, bad = (ask(site, protocol, "fits", stream=True) for _ in range(2))

    assert ((200, None, True), {"city": "Ulm"}) == (good.short, json.loads(good.text))
    assert (502, "schema_unmet", False) == bad.short
    span = trace(site.plane, good.trace_id).span
    assert (22, 4) == (span.input_tokens, span.output_tokens)
    assert "Your last answer cannot be used" in json.dumps(site.wall.requests[1].body)
    assert 4 == len(site.wall.requests)


def test_words_between_which_another_thing_is_said(site: Site) -> None:
    """
    What a stream says in turns is looked at across the turns: a call or a thought in between hides nothing.
    """
    head = {"index": 0, "id": "c", "type": "function", "function": {"name": "f", "arguments": ""}}
    turns = [chunk(content="to 4111 1111 "), chunk(tool_calls=[head]), chunk(content="1111 1111 now"), chunk("stop")]
    site.say(**sse(*turns, done=True))

    masked = ask(site, "chat", "out", stream=True)
    blocked = ask(site, "chat", "out-block", stream=True)

    assert "1111 1111 now" not in masked.text
    assert masked.text.endswith("[CARD] now")
    assert ("guard_blocked", True) == (blocked.code, "1111 1111 now" not in blocked.raw)


def test_calls_in_pieces_of_each_other(site: Site) -> None:
    """
    Two calls whose pieces alternate are each judged whole, and come out each as one.
    """
    heads = [
        {"index": at, "id": f"c{at}", "type": "function", "function": {"name": "f", "arguments": ""}} for at in (0, 1)
    ]
    pieces = [{"index": at, "function": {"arguments": each}} for each in split(ARGUMENTS) for at in (0, 1)]
    events = [chunk(tool_calls=heads), *(chunk(tool_calls=[piece]) for piece in pieces), chunk("tool_calls")]
    site.say(**sse(*events, done=True))

    got = ask(site, "chat", "out", stream=True)

    found: dict[int, str] = {0: "", 1: ""}
    for event in got.events[:-1]:
        for call in event.data["choices"][0]["delta"].get("tool_calls", ()):
            found[call["index"]] += call["function"].get("arguments", "")
    assert [{"to": "[EMAIL]", "card": "[CARD]"}] * 2 == [json.loads(each) for each in found.values()]


def test_a_schema_guard_and_a_call(site: Site) -> None:
    """
    A guard that wants JSON judges what the answer says, not the arguments of calls or the reasoning beside it.
    """
    guard = GuardRule(name="fits", check="schema", stage="output", options={"json_schema": SCHEMA})
    site.serve("json-only", "open", arm={"guards": (guard,)})
    site.say(**chat_stream())

    refused = httpx2.post(
        site.plane.url + PATHS["chat"],
        json={"model": "json-only", "messages": [USER], "stream": True},
        headers={"authorization": f"Bearer {site.key}"},
        trust_env=False,
    )
    site.say(**sse(*_with_arguments("chat"), done=True))
    called = httpx2.post(
        site.plane.url + PATHS["chat"],
        json={"model": "json-only", "messages": [USER], "stream": True},
        headers={"authorization": f"Bearer {site.key}"},
        trust_env=False,
    )

    assert "guard_blocked" in refused.text
    assert ARGUMENTS == said(heard("chat", called, called.text), "arguments")


@pytest.mark.parametrize("hidden", ['"\\ud800"', "[" * 900 + "]" * 900])
def test_what_cannot_be_read(site: Site, hidden: str) -> None:
    """
    What a guard cannot read does not pass unseen: neither in a field that nobody knows, nor in an answer.
    """
    site.say()
    url, headers = site.plane.url + PATHS["chat"], {"authorization": f"Bearer {site.key}"}
    asked = json.dumps({"model": "chat-in", "messages": [USER]})[:-1] + f', "unknown": {hidden}}}'
    said = json.dumps(WHOLE["chat"])[:-3] + f', "unknown": {hidden}}}]}}'

    sent = httpx2.post(url, content=asked.encode(), headers=headers, trust_env=False)
    site.say(body=said)
    got = ask(site, "chat", "out")

    assert "malformed_json" == heard("chat", sent, sent.text).code or hidden.startswith("[")
    assert sent.status_code < 500
    assert MAIL not in got.raw


def growing(event: dict[str, Any], *place: Any) -> list[dict[str, Any]]:
    """Return events like this one, each with the next three letters of a sentence with the address at a place."""
    made = []
    for each in split(f"to {MAIL} now"):
        copy = json.loads(json.dumps(event))
        holder = copy
        for name in place[:-1]:
            holder = holder[name]
        holder[place[-1]] = each
        made.append(copy)
    return made


OPENING = {"type": "message_start", "message": {"type": "message", "content": [], "model": "m", "usage": {}}}
DELTA = ("choices", 0, "delta")
GROWING: dict[str, tuple[ProtocolName, list[dict[str, Any]]]] = {
    "code": ("responses", growing({"type": "response.code_interpreter_call_code.delta", "output_index": 0}, "delta")),
    "arguments of a remote tool": ("responses", growing({"type": "response.mcp_call_arguments.delta", "output_index": 0}, "delta")),
    "a kind of event to come": ("responses", growing({"type": "response.new.delta", "delta": {}}, "delta", "words")),
    "a transcript of speech": ("responses", growing({"type": "response.audio_transcript.delta"}, "delta")),
    "reasoning_details": ("chat", growing(chunk(reasoning_details=[{"type": "reasoning.text", "index": 0}]), *DELTA, "reasoning_details", 0, "text")),
    "audio": ("chat", growing(chunk(audio={"id": "a"}), *DELTA, "audio", "transcript")),
    "thinking_blocks": ("chat", growing(chunk(thinking_blocks=[{"type": "thinking"}]), *DELTA, "thinking_blocks", 0, "thinking")),
    "a field to come": ("chat", growing(chunk(), *DELTA, "new")),
    "a field beside words": ("chat", growing(chunk(content="so "), *DELTA, "new")),
    "another reasoning": ("chat", growing(chunk(reasoning_content="so "), *DELTA, "reasoning")),
    "another choice": ("chat", growing({"choices": [{"index": 1, "delta": {}}]}, *DELTA, "content")),
    "a tool of the caller's own": ("chat", growing(chunk(tool_calls=[{"index": 0, "type": "custom", "custom": {}}]), *DELTA, "tool_calls", 0, "custom", "input")),
    "another text": ("completions", growing({"choices": [{"index": 1}]}, "choices", 0, "text")),
    "a delta to come": ("messages", [OPENING, *growing({"type": "content_block_delta", "index": 0, "delta": {"type": "compaction_delta"}}, "delta", "content")]),
}  # fmt: skip
ENDS: dict[ProtocolName, list[dict[str, Any]]] = {
    "chat": [chunk("stop")],
    "completions": [{"choices": [{"index": 0, "text": "", "finish_reason": "stop"}]}],
    "messages": [{"type": "content_block_stop", "index": 0}, {"type": "message_stop"}],
    "responses": [
        {"type": "response.completed", "response": {"object": "response", "status": "completed", "output": []}}
    ],
}


def grown(value: Any) -> str:
    """Return every text in an event but its names and its ordinary words, one after the other."""
    if isinstance(value, dict):
        return "".join(grown(each) for name, each in value.items() if name not in ("type", "id", "model", "object"))
    if isinstance(value, list):
        return "".join(map(grown, value))
    return "" if value in ("so ", "[DONE]", "stop") or not isinstance(value, str) else value


@pytest.mark.parametrize("place", GROWING)
def test_what_is_said_where_nobody_looks(site: Site, place: str) -> None:
    """
    A text that grows in a field that no room reads is looked at as a whole, however it was cut: masked, and nothing lost.
    """
    protocol, events = GROWING[place]
    site.say(**sse(*events, *ENDS[protocol], done=protocol in ("chat", "completions")))

    got = ask(site, protocol, "out", stream=True)

    assert (200, None) == (got.status, got.code)
    assert "example" not in got.raw
    assert "ana" not in got.raw.replace('"analysis"', "")
    assert "to [EMAIL] now" in "".join(grown(event.data) for event in got.events)


@pytest.mark.parametrize("place", GROWING)
def test_what_may_not_be_said_where_nobody_looks(site: Site, place: str) -> None:
    """
    A guard that blocks ends the stream, whatever field the pieces of the address stand in.
    """
    protocol, events = GROWING[place]
    site.say(**sse(*events, *ENDS[protocol], done=protocol in ("chat", "completions")))

    got = ask(site, protocol, "out-block", stream=True)

    assert "guard_blocked" == got.code
    assert "ana" not in got.raw


def test_what_stands_beside_words_in_a_stream(site: Site) -> None:
    """
    What an event says as a whole beside its words is masked by itself, whether or not the words go out as they came.
    """
    beside = [{**chunk(content=word), **BESIDE} for word in ("so it ", "is, ", "my friend")]
    site.say(**sse(*beside, chunk("stop"), done=True))

    masked, blocked = ask(site, "chat", "out", stream=True), ask(site, "chat", "out-block", stream=True)

    assert (200, "so it is, my friend") == (masked.status, masked.text)
    assert ("example" in masked.raw, "[EMAIL]" in masked.raw) == (False, True)
    assert "guard_blocked" == blocked.code
