"""OpenAI's chat completions: what most callers and upstreams speak, and the pivot of every translation.

The first choice is what is read, recorded and guarded; further ones pass through.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import msgspec
from msgspec import Raw, Struct

from treadle.gateway.protocols import fields
from treadle.gateway.protocols.base import Asked, CallPiece, Lane, Reading
from treadle.gateway.protocols.fields import Extension, RequestReader
from treadle.gateway.protocols.pieces import Piece, only, pieces_in
from treadle.gateway.protocols.usage import read_chat_usage
from treadle.gateway.refusals import Refusal
from treadle.gateway.types import ProtocolName

DONE = b"[DONE]"
_TEXT = ("text",)
_REASONING = ("thinking",)
_SHOWN = _TEXT + _REASONING
_CALL_FIELDS = frozenset({"index", "id", "type", "function"})
_WORDS = ((("content",), "text"), (("reasoning_content", "reasoning"), "reasoning"), (("refusal",), "refusal"))
"""Fields of a delta, and which words of a reading they hold."""


class StreamOptions(Struct):
    """What the caller wants in its stream."""

    include_usage: bool | None = None


class ChatRequest(Struct):
    """The fields of a chat request that the gateway reads."""

    model: str
    messages: list[dict[str, Any]]
    stream: bool | None = None
    stream_options: StreamOptions | None = None
    max_tokens: int | None = None
    max_completion_tokens: int | None = None
    n: int | None = None
    n_cmpl: int | None = None
    """llama.cpp's own name of `n`."""
    best_of: int | None = None
    tools: list[Raw] | None = None
    user: str | None = None
    safety_identifier: str | None = None
    metadata: Any = None
    treadle: Extension | None = None


class Function(Struct):
    """A call's name and arguments, whole or in pieces."""

    name: str | None = None
    arguments: Any = None


class ToolCall(Struct):
    """A tool call, or the piece of one that a chunk carries."""

    index: int | None = None
    """Which call a piece belongs to; whole answers carry none, there the position counts."""
    id: str | None = None
    function: Function | None = None


class Said(Struct):
    """What the model said: a message, or the piece of one that a chunk carries."""

    content: Any = None
    refusal: str | None = None
    reasoning_content: Any = None
    """How most servers show reasoning; some say `reasoning`."""
    reasoning: Any = None
    tool_calls: list[ToolCall] | None = None
    function_call: Function | None = None


class Choice(Struct):
    """One answer of the model."""

    index: int = 0
    message: Said | None = None
    delta: Said | None = None
    finish_reason: str | None = None


class Answer(Struct):
    """A whole answer or one chunk of a stream."""

    choices: list[Choice] | None = None
    usage: Any = None
    model: str | None = None
    error: Any = None


_reader = RequestReader(ChatRequest, "OpenAI's chat completions API", "'model' and 'messages'")
_answers = msgspec.json.Decoder(Answer)


class ChatProtocol:
    """Chat completions."""

    name: ProtocolName = "chat"
    answer = "choices"
    path = "/v1/chat/completions"
    end_mark = b"data: [DONE]\n\n"

    def parse(self, body: bytes) -> Asked:
        """Understand a request; raises Refusal (400) naming the field at fault."""
        request = _reader.read(body)
        messages = request.messages
        if not messages:
            raise _reader.invalid("messages", "it is empty, at least one message is needed")
        lone = _lone_text(messages)
        if lone is None:
            _reader.check_messages("messages", messages)
        limit, other = request.max_tokens, request.max_completion_tokens
        if other is not None and (limit is None or other < limit):
            limit = other
        user = request.user or request.safety_identifier or None
        options = request.stream_options
        texts, has_images = _contents(messages) if lone is None else ([lone], False)
        asked = Asked(  # with one keyword more, Python would gather them in a dict first
            protocol="chat",
            body=body,
            model=request.model,
            stream=bool(request.stream),
            wants_usage=options is not None and bool(options.include_usage),
            session=fields.named_in(request.metadata, "session_id") or user,
            user=user,
            token_limit=limit,
            answers=most(request.n, request.n_cmpl, request.best_of),
            texts=texts,
            input_text=_last_user_text(messages) if lone is None else lone,
            variables={} if request.treadle is None else request.treadle.variables,
            no_training=fields.refuses_training(request.metadata, request.treadle),
            is_lone=lone is not None,
            tools_count=len(request.tools or ()),
        )
        asked.has_images = has_images
        return asked

    def read(self, data: bytes) -> Reading | None:
        """Read a whole answer; None when it is not one."""
        answer = _decoded(data)
        return None if answer is None or answer.choices is None else _reading(answer)

    def read_event(self, payload: bytes) -> Reading | None:
        """Read the data of one event; None when there is nothing in it that we know."""
        if payload == DONE:
            return Reading(ends=True)
        answer = _decoded(payload)
        if answer is None:
            return None
        if answer.error:
            return Reading(error=error_words(answer.error))
        return _reading(answer)

    def named(self, data: bytes, name: str) -> bytes:
        """Return an answer or an event with the endpoint's name as its model."""
        return fields.splice_model(data, name)

    def with_text(self, data: bytes, text: str) -> bytes:
        """Return a whole answer with its text replaced; what was measured on the old text goes."""
        answer = fields.read_object(data)
        for choice in answer["choices"][:1]:
            message = choice["message"]
            if text or message.get("content") is not None:
                message["content"] = text
            if message.get("annotations"):
                message["annotations"] = []
            if choice.get("logprobs") is not None:
                choice["logprobs"] = None
        return fields.encode(answer)

    def rewritten(self, payload: bytes, reading: Reading) -> bytes:
        """Return an event payload like this one that says what the reading says instead."""
        chunk = fields.read_object(payload)
        choice = chunk["choices"][0]
        delta = choice.get("delta") or choice.setdefault("message", {})
        if isinstance(delta.get("content"), list):
            thought = [{"type": "thinking", "thinking": [{"type": "text", "text": reading.reasoning}]}]
            said = [{"type": "text", "text": reading.text}]
            delta["content"] = [*(thought if reading.reasoning else ()), *(said if reading.text else ())]
        else:
            for names, words in _WORDS:
                _say_in(delta, names, getattr(reading, words))
        delta.pop("reasoning_details", None)  # says the reasoning again
        _put_calls(delta, reading.calls)
        if choice.get("logprobs") is not None:
            choice["logprobs"] = None
        return fields.encode(chunk)

    def call_event(self, payload: bytes, piece: CallPiece) -> bytes:
        """Return an event payload like this one that carries only this piece of a call."""
        chunk = fields.read_object(payload)
        choice = chunk["choices"][0]
        function = {"arguments": piece.arguments}
        is_old = "function_call" in (choice.get("delta") or {})
        call = {"function_call": function} if is_old else {"tool_calls": [{"index": piece.index, "function": function}]}
        chunk["choices"] = [{"index": 0, "delta": call, "finish_reason": None}]
        return fields.encode(chunk)

    def said_again(self, event: dict[str, Any]) -> Iterator[tuple[Lane, dict[str, Any], str]]:
        """Yield nothing: no event repeats what was said."""
        return iter(())

    def pieces(self, event: dict[str, Any]) -> Iterator[Piece]:
        """Yield what a delta says in fields that `_say` does not read, and what other choices than the first say."""
        for at, choice in fields.choices_of(event):
            delta = choice.get("delta") or choice.get("message")
            if not isinstance(delta, dict):
                continue
            if at:
                yield from pieces_in(delta, str(at))
                continue
            yield from pieces_in(delta, "0", known=_known_in(delta))
            for position, call in enumerate(delta.get("tool_calls") or ()):
                if isinstance(call, dict):
                    index = call.get("index", position)
                    yield from pieces_in(call, f"0.tool_calls[{index}]", known=_CALL_FIELDS)
            content = delta.get("content")
            for position, part in enumerate(content if isinstance(content, list) else ()):
                if isinstance(part, dict) and part.get("type") not in _SHOWN:
                    yield from pieces_in(part, f"0.content[{position}]")

    def piece_event(self, payload: bytes, name: str, words: str) -> bytes:
        """Return an event payload like this one that says only these words of a piece."""
        chunk = fields.read_object(payload)
        chunk["choices"] = [choice for at, choice in fields.choices_of(chunk) if name.startswith(f"{at}.")]
        chunk.pop("usage", None)
        only(self.pieces(chunk), name, words)
        for choice in chunk["choices"]:
            choice["finish_reason"] = None
            delta = choice.get("delta") or choice["message"]
            for each in _known_in(delta) & delta.keys() if name.startswith("0.") else ():
                if not name.startswith(f"0.{each}["):
                    del delta[each]
            for call in delta.get("tool_calls") or ():
                call.pop("function", None)
            if choice.get("logprobs") is not None:
                choice["logprobs"] = None
        return fields.encode(chunk)

    def beside(self, event: dict[str, Any]) -> Iterator[tuple[dict[str, Any], str]]:
        """Yield what stands beside the choices, and in them beside the delta; of a delta what comes whole."""
        yield from ((event, name) for name in event.keys() - fields.CHUNK_FIELDS)
        for _, choice in fields.choices_of(event):
            yield from ((choice, name) for name in choice.keys() - fields.CHOICE_FIELDS)
            if isinstance(delta := choice.get("delta"), dict) and delta.get("annotations"):
                yield delta, "annotations"

    def framed(self, payload: bytes) -> bytes:
        """Return a payload as an event."""
        return fields.frame(payload)

    def error(self, refusal: Refusal, request_id: str | None) -> bytes:
        """Return the error's body."""
        return refusal.body()

    def error_event(self, refusal: Refusal, request_id: str | None) -> bytes:
        """Return the framed event that ends a stream which failed."""
        return fields.frame(refusal.body())


def most(*numbers: int | None) -> int:
    """Return the largest of the numbers of answers that are stated, at least 1."""
    return max(1, *(number for number in numbers if number is not None)) if any(numbers) else 1


def error_words(error: Any) -> str:
    """Return what an error object says."""
    if isinstance(error, dict) and isinstance(error.get("message"), str):
        return str(error["message"])
    return error if isinstance(error, str) else "it gave no reason"


def _say_in(delta: dict[str, Any], names: Sequence[str], words: str) -> None:
    """Put words into the first of these fields that says something, and nothing into the others."""
    for name in names:
        if isinstance(delta.get(name), str) and (delta[name] or words):
            delta[name], words = words, ""
    if words:
        delta[names[0]] = words


def _put_calls(delta: dict[str, Any], pieces: Sequence[CallPiece]) -> None:
    if not pieces:
        delta.pop("tool_calls", None)
        delta.pop("function_call", None)
        return
    for call, piece in zip(delta.get("tool_calls") or [{"function": delta.get("function_call")}], pieces, strict=True):
        if call.get("function"):
            call["function"]["arguments"] = piece.arguments or ""


def _known_in(delta: Mapping[str, Any]) -> set[str]:
    """Return the fields of a delta that `_say` reads, and those that go where it says anything."""
    known = {"role", "content", "refusal", "tool_calls", "annotations"}
    thought = delta.get("reasoning_content") or delta.get("reasoning")
    if isinstance(thought, str):
        known |= {name for name in ("reasoning_content", "reasoning") if delta.get(name) in (None, "", thought)}
    if not delta.get("tool_calls"):
        known.add("function_call")
    if thought or any(map(delta.get, known)):
        known.add("reasoning_details")  # it says the reasoning again
    return known


def _lone_text(messages: Sequence[dict[str, Any]]) -> str | None:
    """Return what is said where there is one message, of the user and in plain text; else None, and all is looked at."""
    if len(messages) == 1:
        content = messages[0].get("content")
        if type(content) is str and content and messages[0].get("role") == "user":
            return content
    return None


def _contents(messages: Sequence[dict[str, Any]]) -> tuple[list[str], bool]:
    """Return what the messages say, text by text (empty texts are no texts), and whether there are images among them."""
    texts, has_images = [], False
    for message in messages:
        content = message.get("content")
        if isinstance(content, list):
            texts += fields.texts_at(fields.part_slots(content, _TEXT))
            has_images = has_images or fields.has_part(content, "image_url")
        elif content:
            texts.append(content)
    return texts, has_images


def _last_user_text(messages: Sequence[dict[str, Any]]) -> str:
    for message in reversed(messages):
        if message["role"] == "user":
            return fields.text_of(message.get("content"), _TEXT)
    return ""


def _decoded(data: bytes) -> Answer | None:
    try:
        return _answers.decode(data)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return None


def _reading(answer: Answer) -> Reading:
    reading = Reading(model=answer.model)
    if answer.usage is not None:
        reading.usage = read_chat_usage(answer.usage)
        reading.is_usage_only = not answer.choices
    for choice in answer.choices or ():
        if choice.index == 0:
            said = choice.delta or choice.message
            if said is not None:
                _say(reading, said)
            reason = choice.finish_reason
            reading.finish_reason = "tool_calls" if reason == "function_call" else reason
            break
    return reading


def _say(reading: Reading, said: Said) -> None:
    content = said.content
    if isinstance(content, str):
        reading.text = content
    elif content is not None:
        reading.text, reading.reasoning = fields.text_of(content, _TEXT), _thought(content)
    if said.refusal:
        reading.refusal = said.refusal
    reasoning = said.reasoning_content or said.reasoning
    if isinstance(reasoning, str):
        reading.reasoning = reasoning
    if said.tool_calls:
        reading.calls = [_piece(call, position) for position, call in enumerate(said.tool_calls)]
    elif said.function_call is not None:
        reading.calls = [_piece(ToolCall(function=said.function_call), 0)]


def _thought(content: Any) -> str:
    """Return the reasoning in a list of parts, as Mistral sends it: parts that hold text parts."""
    parts = [part.get("thinking") for part in content if isinstance(part, dict) and part.get("type") in _REASONING]
    return "".join(fields.text_of(part, _TEXT) for part in parts)


def _piece(call: ToolCall, position: int) -> CallPiece:
    function = call.function or Function()
    arguments = function.arguments
    if arguments is not None and not isinstance(arguments, str):
        arguments = fields.encode(arguments).decode()
    index = position if call.index is None else call.index
    return CallPiece(index=index, call_id=call.id, name=function.name, arguments=arguments)
