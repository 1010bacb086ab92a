"""OpenAI's chat completions as the middle of every translation, and the joining of two halves.

A *front* turns what a caller speaks into a chat request, and a chat answer into what the caller reads. A *back* does the
same towards an upstream. Any front and any back make a translation; between them nothing is encoded.

Some fields are ours to carry what chat has no words for. `thinking_blocks` (Anthropic's thinking with its signatures)
and `extra_content.google.thought_signature` are what other gateways and Google call them; `top_k` is what most servers do, and
`is_error` what Anthropic calls a result of a tool that failed. `block_order` lists the kinds of the blocks of an assistant's
message where Anthropic had them in another order than chat's: thinking, words, calls.
"""

from __future__ import annotations

from typing import Any, Protocol

import msgspec
from msgspec import UNSET, Struct, UnsetType, field

from treadle.gateway.protocols import fields
from treadle.gateway.protocols.base import Usage
from treadle.gateway.protocols.usage import read_chat_usage
from treadle.gateway.types import Dialect, ProtocolName

DONE = b"[DONE]"
INTERNAL_MESSAGE_FIELDS = ("thinking_blocks", "reasoning_content", "is_error", "cache_control", "block_order")
"""Fields of a message that OpenAI's servers may not know: of the assistant's, and of a tool's result."""

_ODD = (msgspec.MsgspecError, UnicodeDecodeError, AttributeError, KeyError, TypeError)
"""What reading raises when something has another shape than its protocol says."""


class FunctionCall(Struct, kw_only=True, omit_defaults=True):
    """A call's name and arguments; in a stream the name comes once and the arguments in pieces."""

    name: str | None = None
    arguments: Any | UnsetType = UNSET
    """Text that should be JSON; a few servers send the object itself."""


class Call(Struct, kw_only=True, omit_defaults=True):
    """A tool call, or a piece of one."""

    index: int | None = None
    """Which call a piece belongs to; None in a whole answer."""
    id: str | None = None
    type: str | None = None
    function: FunctionCall = field(default_factory=FunctionCall)
    extra_content: dict[str, Any] | None = None
    """Google's place for the signature of the thought behind a call."""


class Said(Struct, kw_only=True, omit_defaults=True):
    """An assistant's message, or what a chunk adds to it."""

    role: str | None = None
    content: Any | UnsetType = UNSET
    refusal: str | None = None
    reasoning_content: Any = None
    reasoning: Any = None
    thinking_blocks: list[dict[str, Any]] | None = None
    tool_calls: list[Call] | None = None
    annotations: Any = None


class Choice(Struct, kw_only=True):
    """One answer, or what a chunk adds to it."""

    index: int = 0
    message: Said | UnsetType = UNSET
    delta: Said | UnsetType = UNSET
    finish_reason: str | None = None
    logprobs: Any | UnsetType = UNSET


class Completion(Struct, kw_only=True):
    """A whole chat answer."""

    id: str = ""
    object: str = "chat.completion"
    created: int = 0
    model: str | None = ""
    choices: list[Choice] | None = None
    usage: Any | UnsetType = UNSET
    error: Any | UnsetType = UNSET


class Chunk(Struct, kw_only=True):
    """One event of a chat stream."""

    id: str = ""
    object: str = "chat.completion.chunk"
    created: int = 0
    model: str | None = ""
    choices: list[Choice] | None = None
    usage: Any | UnsetType = UNSET
    error: Any | UnsetType = UNSET
    """A fault in the middle of the stream: an object with a `message`."""


class BackStream(Protocol):
    """Turns an upstream's events into chunks; one per stream."""

    ended: bool
    """Whether the upstream's end mark has come."""
    stated: Usage | None
    """What it stated so far of its usage."""

    def feed(self, payload: bytes, event: str | None) -> list[Chunk]:
        """Take the data and the name of an event."""
        ...

    def finish(self) -> list[Chunk]:
        """Return what is still held back when the upstream has hung up."""
        ...


class Back(Protocol):
    """The side of the upstream. Stateless."""

    dialect: Dialect

    def request(self, chat: dict[str, Any]) -> bytes:
        """Return the request for the upstream; raises Refusal (400) for what it cannot say there."""
        ...

    def answer(self, data: bytes) -> Completion:
        """Read a whole answer; raises ValueError when it is not one."""
        ...

    def stream(self) -> BackStream:
        """Return what reads one stream."""
        ...


class FrontStream(Protocol):
    """Turns chunks into the caller's events; one per stream."""

    def feed(self, chunk: Chunk) -> bytes:
        """Take a chunk; return framed events, maybe none."""
        ...

    def finish(self) -> bytes:
        """Return the end of the stream, when it was said why it ends; nothing otherwise."""
        ...


class Front(Protocol):
    """The side of the caller. Stateless."""

    protocol: ProtocolName

    def request(self, body: bytes) -> dict[str, Any]:
        """Return the chat request; raises Refusal (400) for what chat cannot say."""
        ...

    def answer(self, completion: Completion) -> bytes:
        """Return a whole answer for the caller."""
        ...

    def stream(self) -> FrontStream:
        """Return what writes one stream."""
        ...


class Joined:
    """A translation made of a front and a back."""

    def __init__(self, front: Front, back: Back) -> None:
        self._front = front
        self._back = back

    def request(self, body: bytes) -> bytes:
        """Return the request for the upstream."""
        return self._back.request(self._front.request(body))

    def answer(self, data: bytes) -> bytes:
        """Return a whole answer for the caller; raises ValueError when it is not one."""
        try:
            return self._front.answer(self._back.answer(data))
        except _ODD as error:
            raise ValueError(f"not an answer of '{self._back.dialect}'") from error

    def stream(self) -> JoinedStream:
        """Return a fresh translation of one stream."""
        return JoinedStream(self._front.stream(), self._back.stream())


class JoinedStream:
    """A translation of one stream."""

    def __init__(self, front: FrontStream, back: BackStream) -> None:
        self._front = front
        self._back = back
        self._finished = False

    @property
    def stated(self) -> Usage | None:
        """What the upstream stated so far of its usage."""
        return self._back.stated

    def feed(self, payload: bytes, event: str | None) -> bytes:
        """Take one upstream event; return framed events for the caller."""
        try:
            out = [self._front.feed(chunk) for chunk in self._back.feed(payload, event)]
        except _ODD:  # an event in a shape that nobody knows; what matters of a stream comes in others
            return b""
        if self._back.ended and not self._finished:
            self._finished = True
            out.append(self._front.finish())
        return b"".join(out)

    def finish(self) -> bytes:
        """Return what belongs at the end; safe to call for a stream that was cut, which then gets no end."""
        if self._finished:
            return b""
        self._finished = True
        return b"".join([*(self._front.feed(chunk) for chunk in self._back.finish()), self._front.finish()])


class ChatFront:
    """A caller that speaks chat: the middle is what it reads."""

    protocol: ProtocolName = "chat"

    def request(self, body: bytes) -> dict[str, Any]:
        """Return the request."""
        return fields.read_object(body)

    def answer(self, completion: Completion) -> bytes:
        """Return the answer."""
        return fields.encode(completion)

    def stream(self) -> ChatFrontStream:
        """Return what writes one stream."""
        return ChatFrontStream()


class ChatFrontStream:
    """Writes chunks as they are."""

    def __init__(self) -> None:
        self._stopped = False

    def feed(self, chunk: Chunk) -> bytes:
        """Return the chunk as an event."""
        if chunk.error is not UNSET:
            return fields.frame(fields.encode({"error": chunk.error}))
        if any(choice.finish_reason is not None for choice in chunk.choices or ()):
            self._stopped = True
        return fields.frame(fields.encode(chunk))

    def finish(self) -> bytes:
        """Return the end mark."""
        return fields.frame(DONE) if self._stopped else b""


_completions = msgspec.json.Decoder(Completion)
_chunks = msgspec.json.Decoder(Chunk)


class ChatBack:
    """An upstream that speaks chat."""

    dialect: Dialect = "chat"

    def request(self, chat: dict[str, Any]) -> bytes:
        """Return the request without the fields that only carry other dialects' words."""
        for message in chat["messages"]:
            for name in INTERNAL_MESSAGE_FIELDS:
                message.pop(name, None)
            if isinstance(content := message.get("content"), list):
                message["content"] = _unmarked(content, "" if message["role"] == "assistant" else "\n")
            for call in message.get("tool_calls") or ():
                call.pop("cache_control", None)
        for tool in chat.get("tools") or ():
            tool.pop("cache_control", None)
        if chat.get("stream"):
            chat.setdefault("stream_options", {"include_usage": True})
        return fields.encode(chat)

    def answer(self, data: bytes) -> Completion:
        """Read a whole answer; raises ValueError when it is not one."""
        completion = _completions.decode(data)
        if not completion.choices:
            raise ValueError("a chat completion without choices")
        return completion

    def stream(self) -> ChatBackStream:
        """Return what reads one stream."""
        return ChatBackStream()


def _unmarked(content: list[Any], between: str) -> Any:
    """Return a message's parts without marks of caches; what was text but for them is text again."""
    marks = [part.pop("cache_control", None) for part in content if isinstance(part, dict)]
    if any(marks) and all(part.get("type") == "text" for part in content):
        return between.join(part["text"] for part in content)
    return content


class ChatBackStream:
    """Reads chunks as they come; what is not one has no place in another protocol and is left out."""

    def __init__(self) -> None:
        self.ended = False
        self.stated: Usage | None = None

    def feed(self, payload: bytes, event: str | None) -> list[Chunk]:
        """Return the chunk that the event is."""
        if payload == DONE:
            self.ended = True
            return []
        try:
            chunk = _chunks.decode(payload)
        except (msgspec.DecodeError, UnicodeDecodeError):
            return []
        if not chunk.error:
            chunk.error = UNSET
        if chunk.usage:
            self.stated = read_chat_usage(chunk.usage)
        return [chunk]

    def finish(self) -> list[Chunk]:
        """Return nothing: all was passed on at once."""
        return []


def first_choice(choices: list[Choice] | None) -> Choice | None:
    """Return the choice that callers with only one answer get."""
    return next((choice for choice in choices or () if choice.index == 0), None)


def text_in(content: Any) -> str:
    """Return the text of a message's content or a chunk's."""
    return content if isinstance(content, str) else fields.text_of(content, ("text",))


def reasoning_in(said: Said) -> str:
    """Return the reasoning that a message or a chunk shows."""
    found = said.reasoning_content or said.reasoning
    return found if isinstance(found, str) else ""


def arguments_in(function: FunctionCall) -> str:
    """Return a call's arguments, or the piece of them, as text."""
    given = function.arguments
    if given is UNSET or given is None:
        return ""
    return given if isinstance(given, str) else fields.encode(given).decode()
