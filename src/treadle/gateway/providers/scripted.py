"""The scripted model: answers by rules, exactly the same every time. For tests, documentation and rehearsals.

It speaks OpenAI's chat protocol in two ways: inside the gateway (`answer_by` with the rules of the arm, in place of the
transport), and as a server of its own (`scripted_server`), which stands in for an engine where the network between is
what matters. Tokens are words: `usage` counts whitespace-separated words in and out.
"""

from __future__ import annotations

import asyncio
import re
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, MutableMapping, Sequence
from typing import Any

import msgspec
from msgspec import Struct

from treadle.gateway import refusals
from treadle.gateway.providers.base import Framer, WireRequest
from treadle.gateway.providers.faults import error_message
from treadle.gateway.providers.framing import EventStreamFramer
from treadle.gateway.refusals import Refusal
from treadle.gateway.types import Clocks, Dialect, Provider, Rule, Target
from treadle.gateway.upstream import Broken, TimedOut

_CREATED = 1_700_000_000
"""A fixed time, so that answers are the same on every day."""
_WORDS = re.compile(r"\s*\S+\s*")
_MODELS = msgspec.json.encode(
    {"object": "list", "data": [{"id": "scripted", "object": "model", "created": _CREATED, "owned_by": "treadle"}]}
)
"""What a server lists; it answers to any name."""

Scope = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[MutableMapping[str, Any]]]
Send = Callable[[MutableMapping[str, Any]], Awaitable[None]]


class _Message(Struct):
    """One message of a request."""

    role: str
    content: Any = None


class _StreamOptions(Struct):
    """What the caller wants in its stream."""

    include_usage: bool | None = None


class _Request(Struct):
    """The fields of a chat request that answers depend on."""

    model: str
    messages: list[_Message]
    stream: bool | None = None
    stream_options: _StreamOptions | None = None


_request = msgspec.json.Decoder(_Request)


class ScriptedKind:
    """Chat by rules; `wire` only carries the body, nothing is sent anywhere."""

    name = "scripted"
    dialects: tuple[Dialect, ...] = ("chat",)

    def wire(self, provider: Provider, target: Target, dialect: Dialect, body: bytes, *, stream: bool) -> WireRequest:
        """Return the request for `answer_by`."""
        return WireRequest(url="scripted:", headers={}, body=body)

    def framer(self, content_type: str) -> Framer:
        """Return what cuts a stream into events."""
        return EventStreamFramer()

    def error_message(self, data: bytes) -> str | None:
        """Return what an error body says."""
        return error_message(data)


async def answer_by(rules: Sequence[Rule], body: bytes, clocks: Clocks | None = None) -> ScriptedReply:
    """Return the reply of the first rule that matches; a request that none matches gets a 404 that says so.

    clocks: raise TimedOut where a rule waits longer than they allow. Raises Refusal when the body is no chat request.
    """
    try:
        request = _request.decode(body)
    except msgspec.ValidationError as error:
        raise refusals.invalid_field(None, str(error)) from None
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise refusals.malformed_json(str(error)) from None
    said = [message for message in request.messages if message.role == "user"]
    text = _text_of(said[-1].content) if said else ""
    for rule in rules:
        found = re.search(rule.match, text, re.IGNORECASE)
        if found is None:
            continue
        if rule.delay_ms:
            await _wait(rule.delay_ms / 1000, None if clocks is None else clocks.first_token_seconds, "first_token")
        return ScriptedReply(request, rule, found.expand(rule.reply) if rule.match else rule.reply, clocks)
    missing = Rule(status=404, reply="no rule of the script matches the last user message; add one that does")
    return ScriptedReply(request, missing, missing.reply, clocks)


class ScriptedReply:
    """The answer of one rule."""

    def __init__(self, request: _Request, rule: Rule, text: str, clocks: Clocks | None) -> None:
        self._request = request
        self._rule = rule
        self._text = text
        self._clocks = clocks
        self.headers: Mapping[str, str] = {}
        self.awaits_content = False
        self.status = rule.status
        self.content_type = "text/event-stream" if request.stream and rule.status < 400 else "application/json"

    async def read(self) -> bytes:
        """Return the whole answer; raises Broken when the rule cuts it."""
        if self._rule.cut_after_chunks is not None:
            raise Broken("cut by its script")
        if self.status >= 400:
            code = f"scripted_{self.status}"
            return msgspec.json.encode({"error": {"message": self._text, "type": "server_error", "code": code}})
        message = {"role": "assistant", "content": self._text}
        choice = {"index": 0, "message": message, "finish_reason": "stop"}
        return msgspec.json.encode(self._frame("chat.completion", [choice]) | {"usage": self._usage()})

    async def chunks(self) -> AsyncIterator[bytes]:
        """Yield the answer word by word as events; raises Broken where the rule cuts it."""
        if self.content_type == "application/json":
            yield await self.read()
            return
        pieces: list[dict[str, Any]] = [{"delta": {"role": "assistant", "content": ""}, "finish_reason": None}]
        pieces += [{"delta": {"content": word}, "finish_reason": None} for word in _WORDS.findall(self._text)]
        pieces.append({"delta": {}, "finish_reason": "stop"})
        for count, piece in enumerate(pieces):
            if count == self._rule.cut_after_chunks:
                raise Broken("cut by its script")
            if count and self._rule.chunk_delay_ms:
                limit = None if self._clocks is None else self._clocks.between_seconds
                await _wait(self._rule.chunk_delay_ms / 1000, limit, "between")
            yield _event(self._frame("chat.completion.chunk", [{"index": 0, **piece}]))
        options = self._request.stream_options
        if options is not None and options.include_usage:
            yield _event(self._frame("chat.completion.chunk", []) | {"usage": self._usage()})
        yield b"data: [DONE]\n\n"

    def close(self) -> None:
        """Nothing to let go of."""

    def _frame(self, kind: str, choices: list[dict[str, Any]]) -> dict[str, Any]:
        name = self._request.model
        return {"id": "chatcmpl-scripted", "object": kind, "created": _CREATED, "model": name, "choices": choices}

    def _usage(self) -> dict[str, int]:
        heard = sum(len(_text_of(message.content).split()) for message in self._request.messages)
        said = len(self._text.split())
        return {"prompt_tokens": heard, "completion_tokens": said, "total_tokens": heard + said}


async def _wait(seconds: float, limit: float | None, clock: str) -> None:
    """Wait as a rule says, but no longer than a clock allows."""
    if limit is not None and seconds > limit:
        await asyncio.sleep(limit)
        raise TimedOut(clock, limit)
    await asyncio.sleep(seconds)


def _text_of(content: Any) -> str:
    """Return the text of a message's content: a string, or the text parts of a list joined by line breaks."""
    if isinstance(content, str):
        return content
    if isinstance(content, list):
        parts = [part.get("text") for part in content if isinstance(part, dict) and part.get("type") == "text"]
        return "\n".join(part for part in parts if isinstance(part, str))
    return ""


def _event(value: dict[str, Any]) -> bytes:
    return b"data: " + msgspec.json.encode(value) + b"\n\n"


def scripted_server(rules: Sequence[Rule]) -> Callable[[Scope, Receive, Send], Awaitable[None]]:
    """Return an ASGI application that answers POST /v1/chat/completions by rules, and GET /health with 200.

    A rule that cuts its answer ends the ASGI call without ending the response; the server then drops the connection.
    """

    async def application(scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            return
        body = b""
        while True:
            message = await receive()
            body += message.get("body", b"")
            if not message.get("more_body"):
                break
        told = (
            b'{"status":"ok"}' if scope["path"] == "/health" else _MODELS if scope["path"].endswith("/models") else None
        )
        if told is not None:
            await _start(send, 200, "application/json")
            await send({"type": "http.response.body", "body": told})
            return
        try:
            reply = await answer_by(rules, body)
        except Refusal as refusal:
            await _start(send, refusal.status, "application/json")
            await send({"type": "http.response.body", "body": refusal.body()})
            return
        await _start(send, reply.status, reply.content_type)
        try:
            async for chunk in reply.chunks():
                await send({"type": "http.response.body", "body": chunk, "more_body": True})
        except Broken:
            return
        await send({"type": "http.response.body", "body": b""})

    return application


async def _start(send: Send, status: int, content_type: str) -> None:
    headers = [(b"content-type", content_type.encode())]
    await send({"type": "http.response.start", "status": status, "headers": headers})
