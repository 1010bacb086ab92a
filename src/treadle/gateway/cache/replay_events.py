"""Replay for the two protocols whose events have types: Anthropic's messages and OpenAI's Responses API."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import msgspec

Object = dict[str, Any]

_LAST = ("response.completed", "response.incomplete")


def messages_events(answer: Object) -> Iterator[Object]:
    """Yield the events of a message."""
    usage = answer.get("usage") or {}
    begun = {
        **answer,
        "content": [],
        "stop_reason": None,
        "stop_sequence": None,
        "usage": {**usage, "output_tokens": 0},
    }
    yield {"type": "message_start", "message": begun}
    for index, block in enumerate(answer.get("content") or ()):
        empty, deltas = _opened(block)
        yield {"type": "content_block_start", "index": index, "content_block": empty}
        for delta in deltas:
            yield {"type": "content_block_delta", "index": index, "delta": delta}
        yield {"type": "content_block_stop", "index": index}
    ended = {"stop_reason": answer.get("stop_reason"), "stop_sequence": answer.get("stop_sequence")}
    yield {"type": "message_delta", "delta": ended, "usage": usage}
    yield {"type": "message_stop"}


def messages_whole(events: list[Object]) -> Object | None:
    """Return the message that events make up."""
    whole: Object | None = None
    pieces: dict[int, str] = {}
    for event in events:
        kind = event["type"]
        if kind == "error":
            return None
        if kind == "message_start":
            whole = dict(event["message"])
            whole["content"] = []
        if whole is None:
            continue
        if kind == "content_block_start":
            whole["content"].append(dict(event["content_block"]))
        elif kind == "content_block_delta":
            _add_delta(whole["content"][event["index"]], event["delta"], pieces, event["index"])
        elif kind == "message_delta":
            whole.update(event["delta"])
            stated = {name: value for name, value in (event.get("usage") or {}).items() if value is not None}
            whole["usage"] = {**(whole.get("usage") or {}), **stated}
    if whole is None or whole.get("stop_reason") is None:
        return None
    for index, text in pieces.items():
        whole["content"][index]["input"] = msgspec.json.decode(text) if text.strip() else {}
    return whole


def _opened(block: Object) -> tuple[Object, list[Object]]:
    """Return a block as it starts, and the deltas that fill it."""
    kind = block.get("type")
    if kind == "text":
        cited = [{"type": "citations_delta", "citation": each} for each in block.get("citations") or ()]
        empty = {**block, "text": "", **({"citations": []} if cited else {})}
        return empty, [{"type": "text_delta", "text": block["text"]}, *cited]
    if kind == "thinking":
        deltas: list[Object] = [{"type": "thinking_delta", "thinking": block["thinking"]}]
        if block.get("signature"):
            deltas.append({"type": "signature_delta", "signature": block["signature"]})
        return {**block, "thinking": "", "signature": ""}, deltas
    if kind in ("tool_use", "server_tool_use"):
        text = msgspec.json.encode(block.get("input") or {}).decode()
        return {**block, "input": {}}, [{"type": "input_json_delta", "partial_json": text}]
    return block, []


def _add_delta(block: Object, delta: Object, pieces: dict[int, str], index: int) -> None:
    match delta["type"]:
        case "text_delta":
            block["text"] += delta["text"]
        case "thinking_delta":
            block["thinking"] += delta["thinking"]
        case "signature_delta":
            block["signature"] = delta["signature"]
        case "citations_delta":
            block["citations"] = [*(block.get("citations") or []), delta["citation"]]
        case "input_json_delta":
            pieces[index] = pieces.get(index, "") + delta["partial_json"]
        case other:
            raise ValueError(f"a delta of type '{other}' cannot be put together")


def responses_events(answer: Object) -> Iterator[Object]:
    """Yield the events of a response, numbered."""
    for number, event in enumerate(_responses_events(answer)):
        yield {**event, "sequence_number": number}


def responses_whole(events: list[Object]) -> Object | None:
    """Return the response that a stream ends with."""
    last = next((event for event in reversed(events) if event.get("type") in _LAST), None)
    return None if last is None else dict(last["response"])


def _responses_events(answer: Object) -> Iterator[Object]:
    begun = {**answer, "status": "in_progress", "output": [], "usage": None, "completed_at": None}
    yield {"type": "response.created", "response": begun}
    yield {"type": "response.in_progress", "response": begun}
    for place, item in enumerate(answer.get("output") or ()):
        at: Object = {"output_index": place, "item_id": item.get("id", "")}
        opened = {**item, **({"status": "in_progress"} if "status" in item else {})}
        if item.get("type") == "message":
            opened["content"] = []
        elif item.get("type") == "function_call":
            opened["arguments"] = ""
        yield {"type": "response.output_item.added", "output_index": place, "item": opened}
        if item.get("type") == "message":
            for index, part in enumerate(item.get("content") or ()):
                yield from _part_events(part, {**at, "content_index": index})
        elif item.get("type") == "function_call":
            said = {"arguments": item.get("arguments", ""), "name": item.get("name")}
            yield {"type": "response.function_call_arguments.delta", **at, "delta": said["arguments"]}
            yield {"type": "response.function_call_arguments.done", **at, **said}
        yield {"type": "response.output_item.done", "output_index": place, "item": item}
    is_complete = answer.get("status") != "incomplete"
    yield {"type": "response.completed" if is_complete else "response.incomplete", "response": answer}


def _part_events(part: Object, at: Object) -> Iterator[Object]:
    field = {"output_text": "text", "refusal": "refusal"}.get(str(part.get("type")))
    empty = part if field is None else {**part, field: ""}
    yield {"type": "response.content_part.added", **at, "part": empty}
    if field is not None:
        logprobs = {"logprobs": part.get("logprobs") or []} if field == "text" else {}
        name = f"response.{part['type']}"
        yield {"type": f"{name}.delta", **at, "delta": part[field], **logprobs}
        yield {"type": f"{name}.done", **at, field: part[field], **logprobs}
    yield {"type": "response.content_part.done", **at, "part": part}
