"""From a whole answer to the events of a stream, and back, for each protocol that streams.

`events_of` gives what a server could have sent; official clients put it together to the same answer. `whole_of` puts a
stream together as those clients do, and gives None where it does not know how: then only streams get that answer again.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import msgspec

from treadle.core.halves import without_halves
from treadle.gateway.cache.replay_events import messages_events, messages_whole, responses_events, responses_whole
from treadle.gateway.protocols.base import SpokenProtocol
from treadle.gateway.protocols.fields import frame
from treadle.gateway.sse import EventFramer, data_of
from treadle.gateway.types import ProtocolName

_DONE = b"[DONE]"
_decode = msgspec.json.Decoder(dict[str, Any]).decode
_encode = msgspec.json.encode

Object = dict[str, Any]


def events_of(protocol: ProtocolName, whole: bytes) -> bytes:
    """Return the framed events of a stream that says what a whole answer says, end mark included.

    Raises ValueError for a protocol that does not stream.
    """
    answer = _decode(without_halves(whole))
    if protocol == "chat":
        return b"".join(frame(_encode(chunk)) for chunk in _chat_events(answer)) + frame(_DONE)
    if protocol == "completions":
        return b"".join(frame(_encode(chunk)) for chunk in _completion_events(answer)) + frame(_DONE)
    makers: dict[str, Callable[[Object], Iterator[Object]]] = {
        "messages": messages_events,
        "responses": responses_events,
    }
    if protocol not in makers:
        raise ValueError(f"answers of '{protocol}' do not stream")
    return b"".join(frame(_encode(event), event["type"]) for event in makers[protocol](answer))


def whole_of(protocol: ProtocolName, framed: bytes) -> bytes | None:
    """Return the whole answer that a complete stream made up; None where it cannot be put together."""
    makers: dict[str, Callable[[list[Object]], Object | None]] = {
        "chat": _chat_whole,
        "completions": _completion_whole,
        "messages": messages_whole,
        "responses": responses_whole,
    }
    if protocol not in makers:
        return None
    try:
        payloads = [data_of(event) for event in EventFramer().feed(without_halves(framed))]
        events = [_decode(payload) for payload in payloads if payload and payload != _DONE]
        whole = makers[protocol](events)
    except (msgspec.MsgspecError, KeyError, TypeError, IndexError, ValueError):
        return None
    return None if whole is None else _encode(whole)


def stream_for(protocol: SpokenProtocol, framed: bytes, *, wants_usage: bool) -> bytes:
    """Return a stream as this caller asked for it: without the event that only states the usage, if it did not."""
    if wants_usage or b'"usage"' not in framed:
        return framed
    kept: list[bytes] = []
    for event in EventFramer().feed(framed):
        reading = protocol.read_event(data_of(event)) if b'"usage"' in event else None
        if reading is None or not reading.is_usage_only:
            kept.append(event)
    return b"".join(kept)


def _chat_events(answer: Object) -> Iterator[Object]:
    base = {**{name: value for name, value in answer.items() if name not in ("choices", "usage")}}
    base["object"] = "chat.completion.chunk"
    for choice in answer["choices"]:
        delta = dict(choice["message"])
        if delta.get("tool_calls"):
            delta["tool_calls"] = [{"index": index, **call} for index, call in enumerate(delta["tool_calls"])]
        said = {"index": choice.get("index", 0), "delta": delta, "finish_reason": None}
        if choice.get("logprobs") is not None:
            said["logprobs"] = choice["logprobs"]
        yield {**base, "choices": [said]}
        yield {
            **base,
            "choices": [{"index": said["index"], "delta": {}, "finish_reason": choice.get("finish_reason")}],
        }
    if answer.get("usage") is not None:
        yield {**base, "choices": [], "usage": answer["usage"]}


def _completion_events(answer: Object) -> Iterator[Object]:
    base = {name: value for name, value in answer.items() if name not in ("choices", "usage")}
    for choice in answer["choices"]:
        yield {**base, "choices": [choice]}
    if answer.get("usage") is not None:
        yield {**base, "choices": [], "usage": answer["usage"]}


def _base_of(chunks: list[Object]) -> Object | None:
    if not chunks or any(chunk.get("error") for chunk in chunks):
        return None
    base = {name: value for name, value in chunks[0].items() if name not in ("choices", "usage", "obfuscation")}
    usage = next((chunk["usage"] for chunk in reversed(chunks) if chunk.get("usage")), None)
    return {**base, "choices": [], **({} if usage is None else {"usage": usage})}


def _chat_whole(chunks: list[Object]) -> Object | None:
    whole = _base_of(chunks)
    if whole is None:
        return None
    whole["object"] = "chat.completion"
    choices: dict[int, Object] = {}
    for chunk in chunks:
        for part in chunk.get("choices") or ():
            index = part.get("index", 0)
            choice = choices.setdefault(
                index, {"index": index, "message": {"role": "assistant", "content": None}, "finish_reason": None}
            )
            if part.get("finish_reason") is not None:
                choice["finish_reason"] = part["finish_reason"]
            _add_logprobs(choice, part.get("logprobs"))
            for name, value in (part.get("delta") or {}).items():
                _add_to_message(choice["message"], name, value)
    if not choices or any(choice["finish_reason"] is None for choice in choices.values()):
        return None
    for choice in choices.values():
        calls = choice["message"].get("tool_calls")
        if calls:
            choice["message"]["tool_calls"] = [calls[index] for index in sorted(calls)]
    whole["choices"] = [choices[index] for index in sorted(choices)]
    return whole


def _add_to_message(message: Object, name: str, value: Any) -> None:
    if value is None:
        return
    if name == "role":
        message["role"] = value
    elif name == "tool_calls":
        calls = message.setdefault("tool_calls", {})
        for position, piece in enumerate(value):
            call = calls.setdefault(piece.get("index", position), {})
            _add_to_call(call, piece)
    elif isinstance(value, str):
        message[name] = (message.get(name) or "") + value
    elif isinstance(value, list) and name != "content":
        message[name] = [*(message.get(name) or []), *value]
    else:
        raise ValueError(f"pieces of '{name}' cannot be put together")


def _add_to_call(call: Object, piece: Object) -> None:
    for name, value in piece.items():
        if name == "function":
            function = call.setdefault("function", {"name": "", "arguments": ""})
            if value.get("name") and value["name"] != function["name"]:
                function["name"] += value["name"]
            function["arguments"] += value.get("arguments") or ""
        elif name != "index" and value is not None:
            call[name] = value


def _add_logprobs(choice: Object, given: Object | None) -> None:
    if given is None:
        return
    kept = choice.setdefault("logprobs", {})
    for name, value in given.items():
        kept[name] = [*(kept.get(name) or []), *value] if isinstance(value, list) else kept.get(name, value)


def _completion_whole(chunks: list[Object]) -> Object | None:
    whole = _base_of(chunks)
    if whole is None:
        return None
    choices: dict[int, Object] = {}
    for chunk in chunks:
        for part in chunk.get("choices") or ():
            index = part.get("index", 0)
            choice = choices.setdefault(index, {"index": index, "text": "", "finish_reason": None})
            choice["text"] += part.get("text") or ""
            if part.get("finish_reason") is not None:
                choice["finish_reason"] = part["finish_reason"]
            _add_logprobs(choice, part.get("logprobs"))
    if not choices or any(choice["finish_reason"] is None for choice in choices.values()):
        return None
    whole["choices"] = [choices[index] for index in sorted(choices)]
    return whole
