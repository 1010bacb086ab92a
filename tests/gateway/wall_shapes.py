"""Answers in the recorded shape of each dialect: whole, and as the events of a stream.

Every dialect says the same: a text in words (or a call of the tool `look_up` with `{"query": "fox"}`), 11 tokens read
(3 of them from a cache where the dialect can say so) and as many written as there are words.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any, NamedTuple

INPUT_TOKENS = 11
CACHED_TOKENS = 3
CREATED = 1_750_000_000
TOOL = "look_up"
ARGUMENTS = ['{"query"', ': "fox"}']

Json = dict[str, Any]


class Shape(NamedTuple):
    """One answer both ways."""

    whole: Json
    events: list[tuple[str | None, Json]]
    """Name (or None) and data of each event."""
    end_mark: bytes = b""
    """What follows the last event."""


class Said(NamedTuple):
    """What an answer says."""

    model: str
    words: list[str]
    """Pieces of text; joined they are the text."""
    calls_tool: bool
    states_usage: bool

    @property
    def text(self) -> str:
        """The whole text."""
        return "".join(self.words)


def shape_of(dialect: str, said: Said, body: Json) -> Shape:
    """Return the answer in a dialect."""
    shapes: dict[str, Callable[[Said, Json], Shape]] = {
        "chat": _chat,
        "completions": _completions,
        "embeddings": _embeddings,
        "responses": _responses,
        "messages": _messages,
        "count_tokens": lambda said, body: Shape({"input_tokens": INPUT_TOKENS}, []),
        "gemini": _gemini,
        "converse": _converse,
        "models": lambda said, body: Shape({"object": "list", "data": [{"id": "wall", "object": "model"}]}, []),
    }
    return shapes[dialect](said, body)


def _chat(said: Said, body: Json) -> Shape:
    usage = {
        "prompt_tokens": INPUT_TOKENS,
        "completion_tokens": len(said.words),
        "total_tokens": INPUT_TOKENS + len(said.words),
        "prompt_tokens_details": {"cached_tokens": CACHED_TOKENS, "audio_tokens": 0},
        "completion_tokens_details": {"reasoning_tokens": 0, "audio_tokens": 0},
    }
    base = {"id": "chatcmpl-wall", "created": CREATED, "model": said.model, "system_fingerprint": "fp_wall"}
    call = {"id": "call_1", "type": "function", "function": {"name": TOOL, "arguments": "".join(ARGUMENTS)}}
    message: Json = {"role": "assistant", "content": None if said.calls_tool else said.text, "refusal": None}
    if said.calls_tool:
        message["tool_calls"] = [call]
    reason = "tool_calls" if said.calls_tool else "stop"
    whole = {
        **base,
        "object": "chat.completion",
        "choices": [{"index": 0, "message": message, "logprobs": None, "finish_reason": reason}],
        "usage": usage,
    }

    def chunk(delta: Json, finish: str | None = None) -> tuple[None, Json]:
        choice = {"index": 0, "delta": delta, "logprobs": None, "finish_reason": finish}
        return None, {**base, "object": "chat.completion.chunk", "choices": [choice], "usage": None}

    events = [chunk({"role": "assistant", "content": "", "refusal": None})]
    if said.calls_tool:
        head = {"index": 0, "id": "call_1", "type": "function", "function": {"name": TOOL, "arguments": ""}}
        events.append(chunk({"tool_calls": [head]}))
        events += [chunk({"tool_calls": [{"index": 0, "function": {"arguments": each}}]}) for each in ARGUMENTS]
    else:
        events += [chunk({"content": word}) for word in said.words]
    events.append(chunk({}, reason))
    if said.states_usage and (body.get("stream_options") or {}).get("include_usage"):
        events.append((None, {**base, "object": "chat.completion.chunk", "choices": [], "usage": usage}))
    return Shape(whole, list(events), b"data: [DONE]\n\n")


def _completions(said: Said, body: Json) -> Shape:
    usage = {
        "prompt_tokens": INPUT_TOKENS,
        "completion_tokens": len(said.words),
        "total_tokens": INPUT_TOKENS + len(said.words),
    }
    base = {"id": "cmpl-wall", "object": "text_completion", "created": CREATED, "model": said.model}

    def choice(text: str, finish: str | None) -> Json:
        return {**base, "choices": [{"index": 0, "text": text, "logprobs": None, "finish_reason": finish}]}

    events: list[tuple[str | None, Json]] = [(None, choice(word, None)) for word in said.words]
    events.append((None, choice("", "stop")))
    if said.states_usage and (body.get("stream_options") or {}).get("include_usage"):
        events.append((None, {**base, "choices": [], "usage": usage}))
    return Shape({**choice(said.text, "stop"), "usage": usage}, events, b"data: [DONE]\n\n")


def _embeddings(said: Said, body: Json) -> Shape:
    asked = body.get("input", "")
    count = len(asked) if isinstance(asked, list) and asked and not isinstance(asked[0], int) else 1
    data = [{"object": "embedding", "index": index, "embedding": [0.5, -0.25, 0.125]} for index in range(count)]
    usage = {"prompt_tokens": INPUT_TOKENS, "total_tokens": INPUT_TOKENS}
    return Shape({"object": "list", "data": data, "model": said.model, "usage": usage}, [])


def _responses(said: Said, body: Json) -> Shape:
    usage = {
        "input_tokens": INPUT_TOKENS,
        "input_tokens_details": {"cached_tokens": CACHED_TOKENS},
        "output_tokens": len(said.words),
        "output_tokens_details": {"reasoning_tokens": 0},
        "total_tokens": INPUT_TOKENS + len(said.words),
    }

    def response(status: str, output: list[Json], spent: Json | None) -> Json:
        return {
            "id": "resp_wall",
            "object": "response",
            "created_at": CREATED,
            "status": status,
            "error": None,
            "incomplete_details": None,
            "instructions": None,
            "max_output_tokens": None,
            "model": said.model,
            "output": output,
            "parallel_tool_calls": True,
            "previous_response_id": body.get("previous_response_id"),
            "reasoning": {"effort": None, "summary": None},
            "store": False,
            "temperature": 1.0,
            "text": {"format": {"type": "text"}},
            "tool_choice": "auto",
            "tools": [],
            "top_p": 1.0,
            "truncation": "disabled",
            "usage": spent,
            "user": None,
            "metadata": {},
        }

    part = {"type": "output_text", "text": said.text, "annotations": []}
    if said.calls_tool:
        item: Json = {"id": "fc_1", "type": "function_call", "status": "completed", "call_id": "call_1", "name": TOOL}
        item["arguments"] = "".join(ARGUMENTS)
    else:
        item = {"id": "msg_1", "type": "message", "status": "completed", "role": "assistant", "content": [part]}
    done = response("completed", [item], usage if said.states_usage else None)
    started = response("in_progress", [], None)
    where = {"item_id": item["id"], "output_index": 0}
    steps: list[Json] = [
        {"type": "response.created", "response": started},
        {"type": "response.in_progress", "response": started},
    ]
    nothing: Json = {"arguments": ""} if said.calls_tool else {"content": []}
    empty = {**item, "status": "in_progress", **nothing}
    steps.append({"type": "response.output_item.added", "output_index": 0, "item": empty})
    if said.calls_tool:
        kind = "response.function_call_arguments"
        steps += [{"type": f"{kind}.delta", **where, "delta": each} for each in ARGUMENTS]
        steps.append({"type": f"{kind}.done", **where, "name": TOOL, "arguments": item["arguments"]})
    else:
        where["content_index"] = 0
        steps.append({"type": "response.content_part.added", **where, "part": {**part, "text": ""}})
        steps += [{"type": "response.output_text.delta", **where, "delta": word, "logprobs": []} for word in said.words]
        steps.append({"type": "response.output_text.done", **where, "text": said.text, "logprobs": []})
        steps.append({"type": "response.content_part.done", **where, "part": part})
    steps.append({"type": "response.output_item.done", "output_index": 0, "item": item})
    steps.append({"type": "response.completed", "response": done})
    return Shape(done, [(step["type"], {**step, "sequence_number": at}) for at, step in enumerate(steps)])


def _messages(said: Said, body: Json) -> Shape:
    usage = {
        "input_tokens": INPUT_TOKENS - CACHED_TOKENS,
        "cache_creation_input_tokens": 0,
        "cache_read_input_tokens": CACHED_TOKENS,
        "output_tokens": len(said.words),
        "service_tier": "standard",
    }
    reason = "tool_use" if said.calls_tool else "end_turn"
    block: Json = (
        {"type": "tool_use", "id": "toolu_1", "name": TOOL, "input": json.loads("".join(ARGUMENTS))}
        if said.calls_tool
        else {"type": "text", "text": said.text}
    )
    message: Json = {
        "id": "msg_wall",
        "type": "message",
        "role": "assistant",
        "model": said.model,
        "content": [block],
        "stop_reason": reason,
        "stop_sequence": None,
        "usage": usage,
    }
    begun = {**message, "content": [], "stop_reason": None, "usage": {**usage, "output_tokens": 1}}
    events: list[Json] = [{"type": "message_start", "message": begun}]
    first = {**block, "input": {}} if said.calls_tool else {"type": "text", "text": ""}
    events.append({"type": "content_block_start", "index": 0, "content_block": first})
    events.append({"type": "ping"})
    deltas: list[Json] = (
        [{"type": "input_json_delta", "partial_json": each} for each in ARGUMENTS]
        if said.calls_tool
        else [{"type": "text_delta", "text": word} for word in said.words]
    )
    events += [{"type": "content_block_delta", "index": 0, "delta": delta} for delta in deltas]
    events.append({"type": "content_block_stop", "index": 0})
    ending: Json = {"type": "message_delta", "delta": {"stop_reason": reason, "stop_sequence": None}}
    ending["usage"] = {"output_tokens": len(said.words)} if said.states_usage else {}
    events += [ending, {"type": "message_stop"}]
    return Shape(message, [(event["type"], event) for event in events])


def _gemini(said: Said, body: Json) -> Shape:
    usage = {
        "promptTokenCount": INPUT_TOKENS,
        "cachedContentTokenCount": CACHED_TOKENS,
        "candidatesTokenCount": len(said.words),
        "totalTokenCount": INPUT_TOKENS + len(said.words),
    }

    def answer(parts: list[Json], finish: str | None, spent: Json | None) -> Json:
        candidate: Json = {"content": {"role": "model", "parts": parts}, "index": 0}
        if finish is not None:
            candidate["finishReason"] = finish
        made: Json = {"candidates": [candidate], "modelVersion": said.model, "responseId": "wall"}
        return made if spent is None else {**made, "usageMetadata": spent}

    call: Json = {"functionCall": {"name": TOOL, "args": json.loads("".join(ARGUMENTS))}}
    parts = [call] if said.calls_tool else [{"text": word} for word in said.words]
    spent = usage if said.states_usage else None
    events: list[tuple[str | None, Json]] = [
        (None, answer([part], "STOP" if at == len(parts) - 1 else None, spent if at == len(parts) - 1 else None))
        for at, part in enumerate(parts)
    ]
    return Shape(answer([call] if said.calls_tool else [{"text": said.text}], "STOP", spent), events)


def _converse(said: Said, body: Json) -> Shape:
    usage = {
        "inputTokens": INPUT_TOKENS - CACHED_TOKENS,
        "outputTokens": len(said.words),
        "totalTokens": INPUT_TOKENS + len(said.words),
        "cacheReadInputTokens": CACHED_TOKENS,
        "cacheWriteInputTokens": 0,
    }
    reason = "tool_use" if said.calls_tool else "end_turn"
    use = {"toolUseId": "tooluse_1", "name": TOOL}
    block: Json = (
        {"toolUse": {**use, "input": json.loads("".join(ARGUMENTS))}} if said.calls_tool else {"text": said.text}
    )
    whole = {
        "output": {"message": {"role": "assistant", "content": [block]}},
        "stopReason": reason,
        "usage": usage,
        "metrics": {"latencyMs": 12},
    }
    events: list[tuple[str | None, Json]] = [("messageStart", {"role": "assistant"})]
    if said.calls_tool:
        events.append(("contentBlockStart", {"contentBlockIndex": 0, "start": {"toolUse": use}}))
    deltas: list[Json] = (
        [{"toolUse": {"input": each}} for each in ARGUMENTS] if said.calls_tool else [{"text": w} for w in said.words]
    )
    events += [("contentBlockDelta", {"contentBlockIndex": 0, "delta": delta}) for delta in deltas]
    events.append(("contentBlockStop", {"contentBlockIndex": 0}))
    events.append(("messageStop", {"stopReason": reason}))
    if said.states_usage:
        events.append(("metadata", {"usage": usage, "metrics": {"latencyMs": 12}}))
    return Shape(whole, events)
