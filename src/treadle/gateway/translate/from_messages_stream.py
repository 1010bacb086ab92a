"""A chat stream as Anthropic's events: blocks that open and close in turn, then why it ends and what it used."""

from __future__ import annotations

from typing import Any

from msgspec import UNSET

from treadle.gateway.protocols import fields
from treadle.gateway.protocols.base import Usage
from treadle.gateway.protocols.chat import error_words
from treadle.gateway.protocols.usage import read_chat_usage, write_messages_usage
from treadle.gateway.translate.pivot import Call, Chunk, Said, arguments_in, first_choice, reasoning_in, text_in
from treadle.gateway.translate.stamps import Stamps

_STOP_REASONS = {
    "stop": "end_turn",
    "length": "max_tokens",
    "tool_calls": "tool_use",
    "function_call": "tool_use",
    "content_filter": "refusal",
}


def stop_reason(reason: str | None, *, refused: bool) -> str:
    """Return OpenAI's finish reason in Anthropic's words."""
    return "refusal" if refused else _STOP_REASONS.get(reason or "stop", "end_turn")


class MessagesFrontStream:
    """Writes one stream. Usage comes last in chat, so the closing events wait for the end."""

    def __init__(self, stamps: Stamps) -> None:
        self._stamps = stamps
        self._started = False
        self._next = 0
        """Number of the next block."""
        self._open: str | None = None
        """Kind of the open block: 'text', 'thinking' or 'tool_use'."""
        self._calls: dict[int, int] = {}
        """Number of the block by number of the call."""
        self._reason: str | None = None
        self._refused = False
        self._usage: Usage | None = None

    def feed(self, chunk: Chunk) -> bytes:
        """Return the events of a chunk."""
        if chunk.error is not UNSET:
            error = {"type": "api_error", "message": error_words(chunk.error)}
            return _event("error", {"error": error})
        out: list[bytes] = []
        if not self._started:
            self._started = True
            out.append(self._start(chunk))
        if chunk.usage is not UNSET and chunk.usage is not None:
            self._usage = read_chat_usage(chunk.usage)
        choice = first_choice(chunk.choices)
        if choice is not None:
            if choice.delta is not UNSET:
                self._say(choice.delta, out)
            if choice.finish_reason is not None:
                self._reason = choice.finish_reason
        return b"".join(out)

    def finish(self) -> bytes:
        """Return the closing events; nothing when it was never said why the answer ends."""
        if self._reason is None:
            return b""
        out: list[bytes] = []
        if self._next == 0:
            self._block("text", {"type": "text", "text": ""}, out)
        self._close(out)
        delta = {"stop_reason": stop_reason(self._reason, refused=self._refused), "stop_sequence": None}
        out.append(_event("message_delta", {"delta": delta, "usage": write_messages_usage(self._usage)}))
        out.append(_event("message_stop", {}))
        return b"".join(out)

    def _start(self, chunk: Chunk) -> bytes:
        message: dict[str, Any] = {
            "id": chunk.id or f"msg_{self._stamps.new_id()}",
            "type": "message",
            "role": "assistant",
            "model": chunk.model or "",
            "content": [],
            "stop_reason": None,
            "stop_sequence": None,
            "usage": {"input_tokens": 0, "output_tokens": 0},
        }
        return _event("message_start", {"message": message})

    def _say(self, said: Said, out: list[bytes]) -> None:
        if reasoning := reasoning_in(said):
            if self._open != "thinking":
                self._block("thinking", {"type": "thinking", "thinking": "", "signature": ""}, out)
            self._delta({"type": "thinking_delta", "thinking": reasoning}, out)
        for block in said.thinking_blocks or ():
            self._sign(block, out)
        if said.refusal:
            self._refused = True
        if words := text_in(said.content) or said.refusal or "":
            if self._open != "text":
                self._block("text", {"type": "text", "text": ""}, out)
            self._delta({"type": "text_delta", "text": words}, out)
        for position, call in enumerate(said.tool_calls or ()):
            self._call(call, position if call.index is None else call.index, out)

    def _sign(self, block: dict[str, Any], out: list[bytes]) -> None:
        """Add the signature of the thinking that was just streamed, or a block that was not streamed at all."""
        if block.get("type") == "thinking" and self._open == "thinking":
            self._delta({"type": "signature_delta", "signature": block.get("signature") or ""}, out)
        else:
            self._block("thinking", block, out)
        self._close(out)

    def _call(self, call: Call, index: int, out: list[bytes]) -> None:
        if index not in self._calls:
            self._calls[index] = self._next
            call_id = call.id or f"toolu_{self._stamps.new_id()[-24:]}"
            block = {"type": "tool_use", "id": call_id, "name": call.function.name or "", "input": {}}
            self._block("tool_use", block, out)
        if piece := arguments_in(call.function):
            delta = {"type": "input_json_delta", "partial_json": piece}
            out.append(_event("content_block_delta", {"index": self._calls[index], "delta": delta}))

    def _block(self, kind: str, block: dict[str, Any], out: list[bytes]) -> None:
        self._close(out)
        out.append(_event("content_block_start", {"index": self._next, "content_block": block}))
        self._open = kind
        self._next += 1

    def _delta(self, delta: dict[str, Any], out: list[bytes]) -> None:
        out.append(_event("content_block_delta", {"index": self._next - 1, "delta": delta}))

    def _close(self, out: list[bytes]) -> None:
        if self._open is not None:
            out.append(_event("content_block_stop", {"index": self._next - 1}))
            self._open = None


def _event(kind: str, more: dict[str, Any]) -> bytes:
    return fields.frame(fields.encode({"type": kind, **more}), kind)
