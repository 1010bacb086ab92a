"""Anthropic's messages. Events have names, the error body has its own shape, and usage comes in two places of a stream."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import msgspec
from msgspec import Raw, Struct

from treadle.gateway.protocols import fields
from treadle.gateway.protocols.base import Asked, CallPiece, Lane, Reading
from treadle.gateway.protocols.chat import error_words
from treadle.gateway.protocols.fields import Extension, RequestReader, Slot
from treadle.gateway.protocols.pieces import Piece, only, pieces_in
from treadle.gateway.protocols.usage import read_messages_usage
from treadle.gateway.refusals import Refusal
from treadle.gateway.types import ProtocolName

FINISH_REASONS = {
    "end_turn": "stop",
    "stop_sequence": "stop",
    "pause_turn": "stop",
    "max_tokens": "length",
    "model_context_window_exceeded": "length",
    "tool_use": "tool_calls",
    "refusal": "content_filter",
}
"""Anthropic's stop reasons in OpenAI's words."""
_ERROR_TYPES = {
    401: "authentication_error",
    402: "billing_error",
    403: "permission_error",
    404: "not_found_error",
    409: "conflict_error",
    413: "request_too_large",
    429: "rate_limit_error",
    503: "overloaded_error",
    504: "timeout_error",
    529: "overloaded_error",
}
_TEXT = ("text",)
_SAID_IN = {"text_delta": "text", "input_json_delta": "partial_json"}
"""In which field a delta says what is read of it; others in `thinking`."""
_EVENT_FIELDS = frozenset({"type", "index", "delta", "content_block"})


class MessagesRequest(Struct):
    """The fields of a messages request that the gateway reads."""

    model: str
    messages: list[dict[str, Any]]
    system: str | list[dict[str, Any]] | None = None
    max_tokens: int | None = None
    stream: bool | None = None
    tools: list[Raw] | None = None
    metadata: Any = None
    treadle: Extension | None = None


class Block(Struct):
    """A content block, whole or as it starts in a stream."""

    type: str = ""
    text: Any = None
    thinking: Any = None
    id: str | None = None
    name: str | None = None
    input: Raw = Raw(b"")


class Delta(Struct):
    """What one event adds to a block or to the message."""

    type: str = ""
    text: str | None = None
    partial_json: str | None = None
    thinking: str | None = None
    stop_reason: str | None = None


class Message(Struct):
    """An answer, or its beginning in a stream."""

    type: str = ""
    content: list[Block] | None = None
    model: str | None = None
    stop_reason: str | None = None
    usage: Any = None


class Event(Struct):
    """One event of a stream."""

    type: str
    index: int = 0
    message: Any = None
    content_block: Block | None = None
    delta: Delta | None = None
    usage: Any = None
    error: Any = None


_reader = RequestReader(MessagesRequest, "Anthropic's messages API", "'model', 'max_tokens' and 'messages'")
_messages = msgspec.json.Decoder(Message)
_events = msgspec.json.Decoder(Event)


class MessagesProtocol:
    """Messages."""

    name: ProtocolName = "messages"
    answer = "content"
    path = "/v1/messages"
    end_mark = b'event: message_stop\ndata: {"type":"message_stop"}\n\n'

    def parse(self, body: bytes) -> Asked:
        """Understand a request; raises Refusal (400) naming the field at fault."""
        request = _reader.read(body)
        messages = request.messages
        if not messages:
            raise _reader.invalid("messages", "it is empty, at least one message is needed")
        _reader.check_messages("messages", messages)
        user = fields.named_in(request.metadata, "user_id")
        return Asked(
            protocol="messages",
            body=body,
            model=request.model,
            stream=bool(request.stream),
            wants_usage=True,
            session=fields.named_in(request.metadata, "session_id") or _session_in(user),
            user=user,
            token_limit=request.max_tokens,
            texts=fields.texts_at(_slots({"system": request.system, "messages": messages})),
            input_text=_last_user_text(messages),
            variables={} if request.treadle is None else request.treadle.variables,
            no_training=fields.refuses_training(request.metadata, request.treadle),
            has_images=any(_has_image(message.get("content")) for message in messages),
            tools_count=len(request.tools or ()),
        )

    def read(self, data: bytes) -> Reading | None:
        """Read a whole answer; None when it is not one."""
        try:
            message = _messages.decode(data)
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
            return None
        if message.type != "message" or message.content is None:
            return None
        reading = Reading(
            text="".join(block.text for block in message.content if block.type == "text" and block.text),
            reasoning="".join(block.thinking for block in message.content if block.type == "thinking"),
            finish_reason=_finish(message.stop_reason),
            usage=read_messages_usage(message.usage),
            model=message.model,
        )
        calls = [
            CallPiece(index=index, call_id=block.id, name=block.name, arguments=(bytes(block.input) or b"{}").decode())
            for index, block in enumerate(message.content)
            if block.type == "tool_use"
        ]
        if calls:
            reading.calls = calls
        return reading

    def read_event(self, payload: bytes) -> Reading | None:
        """Read the data of one event; None when there is nothing in it that we know."""
        try:
            event = _events.decode(payload)
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
            return Reading(ends=True) if payload == b"[DONE]" else None
        kind, delta = event.type, event.delta
        if kind == "content_block_delta" and delta is not None:
            if delta.type == "text_delta":
                return Reading(text=delta.text or "", place=(event.index, 0))
            if delta.type == "input_json_delta":
                return Reading(calls=(CallPiece(index=event.index, arguments=delta.partial_json or ""),))
            return Reading(reasoning=delta.thinking, place=(event.index, 0)) if delta.thinking else None
        if kind == "content_block_start" and (block := event.content_block) is not None:
            if block.type == "tool_use":
                return Reading(calls=(CallPiece(index=event.index, call_id=block.id, name=block.name),))
            return Reading(text=block.text, place=(event.index, 0)) if block.type == "text" and block.text else None
        if kind == "message_delta" and delta is not None:
            return Reading(finish_reason=_finish(delta.stop_reason), usage=read_messages_usage(event.usage))
        if kind == "message_start" and isinstance(event.message, dict):
            usage = read_messages_usage(event.message.get("usage"))
            if usage is not None:
                usage.output_tokens = None  # nothing is written yet; what stands there is a place to fill
            return Reading(model=event.message.get("model"), usage=usage)
        if kind == "content_block_stop":
            return Reading(closes=event.index)
        if kind == "message_stop":
            return Reading(ends=True)
        return Reading(error=error_words(event.error)) if kind == "error" else None

    def named(self, data: bytes, name: str) -> bytes:
        """Return an answer or an event with the endpoint's name as its model; a tool's input may hold a 'model' too."""
        return fields.name_model(data, name, within="message")

    def with_text(self, data: bytes, text: str) -> bytes:
        """Return a whole answer with its text in its first text block; citations of the old text go."""
        answer = fields.read_object(data)
        content, placed = [], False
        for block in answer["content"]:
            if block.get("type") != "text":
                content.append(block)
            elif not placed:
                placed = True
                content.append({"type": "text", "text": text})
        if text and not placed:
            content.insert(0, {"type": "text", "text": text})
        answer["content"] = content
        return fields.encode(answer)

    def rewritten(self, payload: bytes, reading: Reading) -> bytes:
        """Return an event payload like this one that says what the reading says instead."""
        event = fields.read_object(payload)
        said = event["delta" if "delta" in event else "content_block"]
        for name, words in (("text", reading.text), ("thinking", reading.reasoning)):
            if name in said:
                said[name] = words
        if "partial_json" in said:
            said["partial_json"] = reading.calls[0].arguments if reading.calls else ""
        return fields.encode(event)

    def call_event(self, payload: bytes, piece: CallPiece) -> bytes:
        """Return an event payload like this one that carries only this piece of a call."""
        return self.rewritten(payload, Reading(calls=(piece,)))

    def said_again(self, event: dict[str, Any]) -> Iterator[tuple[Lane, dict[str, Any], str]]:
        """Yield nothing: no event repeats what was said."""
        return iter(())

    def pieces(self, event: dict[str, Any]) -> Iterator[Piece]:
        """Yield what a delta says in other fields than those of text, thinking and arguments of calls."""
        delta, index = event.get("delta"), event.get("index")
        if event.get("type") != "content_block_delta" or not isinstance(delta, dict):
            return
        kind, block = str(delta.get("type")), index if isinstance(index, int) else 0
        yield from pieces_in(delta, f"{block}.{kind}", block, known=(_SAID_IN.get(kind, "thinking"),))

    def piece_event(self, payload: bytes, name: str, words: str) -> bytes:
        """Return an event payload like this one that says only these words of a piece."""
        event = {field: value for field, value in fields.read_object(payload).items() if field in _EVENT_FIELDS}
        delta = event["delta"]
        known = _SAID_IN.get(delta["type"], "thinking")
        if known in delta:
            delta[known] = ""
        only(self.pieces(event), name, words)
        return fields.encode(event)

    def beside(self, event: dict[str, Any]) -> Iterator[tuple[dict[str, Any], str]]:
        """Yield what stands beside the delta, and beside the text of a block that begins with one."""
        yield from ((event, name) for name in event.keys() - _EVENT_FIELDS)
        if isinstance(block := event.get("content_block"), dict):
            yield from ((block, name) for name in block.keys() - {"type", "text"})

    def framed(self, payload: bytes) -> bytes:
        """Return a payload as an event; clients leave out events without a name."""
        return fields.frame(payload, _events.decode(payload).type)

    def error(self, refusal: Refusal, request_id: str | None) -> bytes:
        """Return the error's body."""
        kind = _ERROR_TYPES.get(refusal.status, "invalid_request_error" if refusal.status < 500 else "api_error")
        error = {"type": kind, "message": refusal.message, "details": {"error_code": refusal.code}}
        return fields.encode({"type": "error", "error": error, "request_id": request_id})

    def error_event(self, refusal: Refusal, request_id: str | None) -> bytes:
        """Return the framed event that ends a stream which failed."""
        return fields.frame(self.error(refusal, request_id), "error")


def _finish(reason: str | None) -> str | None:
    return None if reason is None else FINISH_REASONS.get(reason, reason)


def _slots(request: dict[str, Any]) -> Iterator[Slot]:
    """Yield where the texts of the messages stand, and of the system prompt."""
    yield from fields.content_slots(request, "system", _TEXT)
    for message in request["messages"]:
        yield from _content_slots(message)


def _content_slots(holder: dict[str, Any]) -> Iterator[Slot]:
    content = holder.get("content")
    if not isinstance(content, list):
        yield from fields.content_slots(holder, "content", _TEXT)
        return
    for block in content:
        kind = block.get("type") if isinstance(block, dict) else None
        if kind == "text":
            yield from fields.part_slots((block,), _TEXT)
        elif kind in ("tool_result", "search_result"):
            yield from _content_slots(block)
        elif kind == "document" and isinstance(source := block.get("source"), dict):
            if source.get("type") == "text":
                yield from fields.content_slots(source, "data", _TEXT)
            elif source.get("type") == "content":
                yield from _content_slots(source)


def _last_user_text(messages: Sequence[dict[str, Any]]) -> str:
    for message in reversed(messages):
        text = fields.text_of(message.get("content"), _TEXT) if message["role"] == "user" else ""
        if text:  # a message that only holds tool results is not what the user said
            return text
    return ""


def _has_image(content: Any) -> bool:
    return fields.has_part(content, "image") or (
        isinstance(content, list) and any(_has_image(part.get("content")) for part in content if isinstance(part, dict))
    )


def _session_in(user_id: str | None) -> str | None:
    """Return the session of a user id: coding agents put one inside it, as JSON or behind '_session_'."""
    if user_id is None:
        return None
    if user_id.startswith("{"):
        try:
            return fields.named_in(fields.read_object(user_id.encode()), "session_id") or user_id
        except (ValueError, UnicodeEncodeError):
            return user_id
    return user_id.rpartition("_session_")[2]
