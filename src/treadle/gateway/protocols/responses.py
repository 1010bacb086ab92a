"""OpenAI's Responses API. Its streams repeat what they said: in `done` events, and whole in the last one."""

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
from treadle.gateway.protocols.responses_again import restated
from treadle.gateway.protocols.usage import read_responses_usage
from treadle.gateway.refusals import Refusal
from treadle.gateway.types import ProtocolName

_TEXTS = ("input_text", "output_text", "text")
_OUTPUTS = ("function_call_output", "custom_tool_call_output")
_CALLS = ("function_call", "custom_tool_call")
_REASONING_DELTAS = ("response.reasoning_summary_text.delta", "response.reasoning_text.delta")
_CALL_DELTAS = ("response.function_call_arguments.delta", "response.custom_tool_call_input.delta")
_READ_DELTAS = ("response.output_text.delta", "response.refusal.delta", *_REASONING_DELTAS, *_CALL_DELTAS)
_EVENT_FIELDS = frozenset(
    {
        "type", "delta", "item_id", "output_index", "content_index", "summary_index", "sequence_number", "logprobs",
        "obfuscation", "item",
    }
)  # fmt: skip
_LAST = ("response.completed", "response.incomplete", "response.failed")


class ResponsesRequest(Struct):
    """The fields of a responses request that the gateway reads."""

    model: str
    input: str | list[dict[str, Any]] | None = None
    instructions: str | None = None
    stream: bool | None = None
    max_output_tokens: int | None = None
    tools: list[Raw] | None = None
    user: str | None = None
    safety_identifier: str | None = None
    conversation: Any = None
    previous_response_id: Any = None
    prompt: Any = None
    metadata: Any = None
    treadle: Extension | None = None


class Part(Struct):
    """A part of an output item."""

    type: str = ""
    text: Any = None
    refusal: Any = None


class Item(Struct):
    """An output item: a message, a call, reasoning, or another that passes unread."""

    type: str = ""
    content: list[Part] | None = None
    summary: list[Part] | None = None
    call_id: str | None = None
    name: str | None = None
    arguments: Any = None
    input: Any = None


class Incomplete(Struct):
    """Why a response is incomplete."""

    reason: str | None = None


class Response(Struct):
    """A whole answer; also what a stream's first and last events hold."""

    object: str = ""
    output: list[Item] | None = None
    status: str | None = None
    model: str | None = None
    usage: Any = None
    error: Any = None
    incomplete_details: Incomplete | None = None


class Event(Struct):
    """One event of a stream."""

    type: str
    delta: Any = None
    output_index: int = 0
    content_index: int = 0
    summary_index: int | None = None
    item: Raw = Raw(b"")
    response: Raw = Raw(b"")
    message: str | None = None


_reader = RequestReader(ResponsesRequest, "OpenAI's Responses API", "'model' and 'input'")
_responses = msgspec.json.Decoder(Response)
_items = msgspec.json.Decoder(Item)
_events = msgspec.json.Decoder(Event)
_UNREADABLE = (msgspec.DecodeError, UnicodeDecodeError, RecursionError)


class ResponsesProtocol:
    """Responses."""

    name: ProtocolName = "responses"
    answer = "output"
    path = "/v1/responses"
    end_mark = b""

    def parse(self, body: bytes) -> Asked:
        """Understand a request; raises Refusal (400) naming the field at fault."""
        request = _reader.read(body)
        items = request.input if isinstance(request.input, list) else []
        if not request.input and request.prompt is None:
            raise _reader.invalid("input", "it is empty, a text or a list of items is needed")
        for index, item in enumerate(items):
            _reader.check_content(f"input[{index}].content", item.get("content"))
        user = request.user or request.safety_identifier or None
        conversation = request.conversation
        if not isinstance(conversation, str):
            conversation = fields.named_in(conversation, "id")
        asked = Asked(
            protocol="responses",
            body=body,
            model=request.model,
            stream=bool(request.stream),
            wants_usage=True,
            session=fields.named_in(request.metadata, "session_id") or conversation or user,
            user=user,
            token_limit=request.max_output_tokens,
            texts=fields.texts_at(_slots({"instructions": request.instructions, "input": request.input})),
            input_text=_last_user_text(request.input),
            variables={} if request.treadle is None else request.treadle.variables,
            no_training=fields.refuses_training(request.metadata, request.treadle),
            has_images=any(
                fields.has_part(item.get(name), "input_image") for item in items for name in ("content", "output")
            ),
            tools_count=len(request.tools or ()),
        )
        if isinstance(request.previous_response_id, str):
            asked.follows = request.previous_response_id
        return asked

    def read(self, data: bytes) -> Reading | None:
        """Read a whole answer; None when it is not one."""
        try:
            response = _responses.decode(data)
        except _UNREADABLE:
            return None
        if response.object != "response" or response.output is None:
            return None
        reading = Reading(
            text="".join(_parts(response.output, "output_text")),
            refusal="".join(_parts(response.output, "refusal")),
            reasoning="".join(_parts(response.output, "reasoning")),
        )
        calls = [
            CallPiece(index=index, call_id=item.call_id, name=item.name, arguments=item.arguments or item.input or "")
            for index, item in enumerate(response.output)
            if item.type in _CALLS
        ]
        if calls:
            reading.calls = calls
        return _ended(reading, response)

    def read_event(self, payload: bytes) -> Reading | None:
        """Read the data of one event; None when there is nothing in it that we know."""
        try:
            event = _events.decode(payload)
            return self._read(event, payload)
        except _UNREADABLE:
            return Reading(ends=True) if payload == b"[DONE]" else None

    def _read(self, event: Event, payload: bytes) -> Reading | None:
        kind = event.type
        if isinstance(event.delta, str):
            if kind == "response.output_text.delta":
                return Reading(text=event.delta, place=(event.output_index, event.content_index))
            if kind == "response.refusal.delta":
                return Reading(refusal=event.delta, place=(event.output_index, event.content_index))
            if kind in _REASONING_DELTAS:
                part = event.content_index if event.summary_index is None else event.summary_index
                return Reading(reasoning=event.delta, place=(event.output_index, part))
            if kind in _CALL_DELTAS:
                return Reading(calls=(CallPiece(index=event.output_index, arguments=event.delta),))
        elif kind == "response.output_item.added":
            item = _items.decode(event.item)
            if item.type in _CALLS:
                return Reading(calls=(CallPiece(index=event.output_index, call_id=item.call_id, name=item.name),))
        elif bytes(event.response):
            response = _responses.decode(event.response)
            if kind in _LAST:
                reading = _ended(Reading(), response)
                reading.ends = True
                if kind == "response.failed" and reading.error is None:
                    reading.error = error_words(response.error)
                return reading
            return Reading(model=response.model)
        elif kind.endswith(".done"):
            return Reading(closes=event.output_index)
        elif kind == "error":
            return Reading(error=event.message or error_words(fields.read_object(payload).get("error")))
        return None

    def named(self, data: bytes, name: str) -> bytes:
        """Return an answer or an event with the endpoint's name as its model; tools and schemas may hold a 'model' too."""
        return fields.name_model(data, name, within="response")

    def with_text(self, data: bytes, text: str) -> bytes:
        """Return a whole answer with its text in its first text part; what was measured on the old text goes."""
        answer = fields.read_object(data)
        _put_text(answer["output"], text)
        return fields.encode(answer)

    def rewritten(self, payload: bytes, reading: Reading) -> bytes:
        """Return an event payload like this one that says what the reading says instead."""
        event = fields.read_object(payload)
        calls = "".join(piece.arguments or "" for piece in reading.calls)
        event["delta"] = reading.text or reading.reasoning or reading.refusal or calls
        if event.get("logprobs"):
            event["logprobs"] = []
        return fields.encode(event)

    def call_event(self, payload: bytes, piece: CallPiece) -> bytes:
        """Return an event payload like this one that carries only this piece of a call."""
        return self.rewritten(payload, Reading(calls=(piece,)))

    def said_again(self, event: dict[str, Any]) -> Iterator[tuple[Lane, dict[str, Any], str]]:
        """Yield where an event repeats what was said in pieces."""
        return restated(event)

    def pieces(self, event: dict[str, Any]) -> Iterator[Piece]:
        """Yield what the deltas of other events than those of text, reasoning and calls say."""
        kind, delta = str(event.get("type")), event.get("delta")
        if not delta or kind.endswith("audio.delta") or (isinstance(delta, str) and kind in _READ_DELTAS):
            return
        index = event.get("output_index")
        block = index if isinstance(index, int) else 0
        place = "/".join(str(event.get(name)) for name in ("item_id", "output_index", "content_index", "summary_index"))
        yield from pieces_in(event, f"{kind}/{place}", block, known=event.keys() - {"delta"})

    def piece_event(self, payload: bytes, name: str, words: str) -> bytes:
        """Return an event payload like this one that says only these words of a piece."""
        event = {field: value for field, value in fields.read_object(payload).items() if field in _EVENT_FIELDS}
        only(self.pieces(event), name, words)
        return fields.encode(event)

    def beside(self, event: dict[str, Any]) -> Iterator[tuple[dict[str, Any], str]]:
        """Yield what stands beside the delta."""
        return ((event, name) for name in event.keys() - _EVENT_FIELDS)

    def framed(self, payload: bytes) -> bytes:
        """Return a payload as an event."""
        return fields.frame(payload, _events.decode(payload).type)

    def error(self, refusal: Refusal, request_id: str | None) -> bytes:
        """Return the error's body."""
        return refusal.body()

    def error_event(self, refusal: Refusal, request_id: str | None) -> bytes:
        """Return the framed event that ends a stream which failed; clients raise because of its field `error`."""
        said = {"code": refusal.code, "message": refusal.message, "param": refusal.param}
        error = {"type": refusal.kind, **said}
        return fields.frame(fields.encode({"type": "error", **said, "sequence_number": 0, "error": error}), "error")


def _slots(request: dict[str, Any]) -> Iterator[Slot]:
    """Yield where the texts of the items stand, and of the instructions: of messages and of outputs of tools."""
    yield from fields.content_slots(request, "instructions", ())
    items = request.get("input")
    if not isinstance(items, list):
        yield from fields.content_slots(request, "input", ())
        return
    for item in items:
        if item.get("type") in _OUTPUTS:
            yield from fields.content_slots(item, "output", _TEXTS)
        else:
            yield from fields.content_slots(item, "content", _TEXTS)


def _last_user_text(given: str | list[dict[str, Any]] | None) -> str:
    if isinstance(given, str):
        return given
    for item in reversed(given or []):
        if item.get("role") == "user":
            return fields.text_of(item.get("content"), _TEXTS)
    return ""


def _parts(output: Sequence[Item], kind: str) -> Iterator[str]:
    for item in output:
        if item.type == "message" and kind != "reasoning":
            found = [
                part.refusal if kind == "refusal" else part.text for part in item.content or () if part.type == kind
            ]
        elif item.type == "reasoning" and kind == "reasoning":
            found = [part.text for part in item.summary or item.content or ()]
        else:
            continue
        yield from (text for text in found if isinstance(text, str))


def _ended(reading: Reading, response: Response) -> Reading:
    """Add how a response ended: why, its usage, its model."""
    reading.usage = read_responses_usage(response.usage)
    reading.model = response.model
    if response.status == "completed":
        called = any(item.type in _CALLS for item in response.output or ())
        reading.finish_reason = "tool_calls" if called else "stop"
    elif response.status == "incomplete":
        reason = response.incomplete_details.reason if response.incomplete_details else None
        reading.finish_reason = "content_filter" if reason == "content_filter" else "length"
    elif response.status == "failed":
        reading.error = error_words(response.error)
    return reading


def _put_text(output: list[dict[str, Any]], text: str) -> None:
    """Put the text into the first text part; others become empty."""
    parts = [
        part
        for item in output
        if item.get("type") == "message"
        for part in item.get("content") or ()
        if part.get("type") == "output_text"
    ]
    for part in parts:
        part["text"], part["annotations"] = text, []
        if part.get("logprobs"):
            part["logprobs"] = []
        text = ""
    if text and not parts and (message := next((item for item in output if item.get("type") == "message"), None)):
        message["content"] = [{"type": "output_text", "text": text, "annotations": []}, *(message.get("content") or ())]
