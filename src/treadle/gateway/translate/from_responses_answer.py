"""A chat answer as OpenAI's Responses API gives it, whole or as numbered events that repeat themselves when done.

What a response says of its own request (tools, temperature and the like) is filled with defaults: a translation of an
answer has not seen the request. Thinking that its provider signed travels in `encrypted_content`, sealed as ours, so
that a caller which sends its items back sends the signatures with them.
"""

from __future__ import annotations

import base64
from typing import Any

from msgspec import UNSET

from treadle.gateway.protocols import fields
from treadle.gateway.protocols.base import Usage
from treadle.gateway.protocols.chat import error_words
from treadle.gateway.protocols.usage import read_chat_usage, write_responses_usage
from treadle.gateway.translate.pivot import (
    Call,
    Choice,
    Chunk,
    Completion,
    Said,
    arguments_in,
    first_choice,
    reasoning_in,
    text_in,
)
from treadle.gateway.translate.stamps import Stamps

SEALED = "treadle1."
"""How sealed thinking of ours begins."""
Item = dict[str, Any]


def response_of(completion: Completion, stamps: Stamps) -> dict[str, Any]:
    """Return a whole response: the first choice of a completion; raises ValueError when there is none."""
    choice = first_choice(completion.choices)
    if choice is None or choice.message is UNSET:
        raise ValueError("a chat completion without a message")
    usage = None if completion.usage is UNSET else read_chat_usage(completion.usage)
    made = _Response(completion.id, completion.created, completion.model, stamps)
    return made.ended(_output(choice, choice.message, made), choice.finish_reason, usage)


class _Response:
    """The frame of one response: what is around its output."""

    def __init__(self, chat_id: str, created: int, model: str | None, stamps: Stamps) -> None:
        self.stem = chat_id.rpartition("-")[2] or stamps.new_id()
        self._frame: dict[str, Any] = {
            "id": f"resp_{self.stem}",
            "object": "response",
            "created_at": created or int(stamps.now()),
            "status": "in_progress",
            "error": None,
            "incomplete_details": None,
            "instructions": None,
            "max_output_tokens": None,
            "metadata": {},
            "model": model or "",
            "output": [],
            "parallel_tool_calls": True,
            "previous_response_id": None,
            "reasoning": {"effort": None, "summary": None},
            "store": False,
            "temperature": None,
            "text": {"format": {"type": "text"}},
            "tool_choice": "auto",
            "tools": [],
            "top_p": None,
            "truncation": "disabled",
            "usage": None,
            "user": None,
        }

    def begun(self) -> dict[str, Any]:
        """Return it as the first events show it."""
        return self._frame

    def ended(self, output: list[Item], reason: str | None, usage: Usage | None) -> dict[str, Any]:
        """Return it as it ends."""
        found = {**self._frame, "output": output, "usage": write_responses_usage(usage), "status": "completed"}
        if reason in ("length", "content_filter"):
            why = "content_filter" if reason == "content_filter" else "max_output_tokens"
            found |= {"status": "incomplete", "incomplete_details": {"reason": why}}
        return found


def _output(choice: Choice, said: Said, made: _Response) -> list[Item]:
    output: list[Item] = []
    reasoning = reasoning_in(said)
    if reasoning or said.thinking_blocks:
        output.append(_reasoning_item(f"rs_{made.stem}", reasoning, said.thinking_blocks))
    words = text_in(said.content)
    if words or said.refusal or not said.tool_calls:
        content: list[dict[str, Any]] = []
        if words or not said.refusal:
            content.append(_text_part(words, _logprobs(choice.logprobs)))
        if said.refusal:
            content.append({"type": "refusal", "refusal": said.refusal})
        output.append(_message_item(f"msg_{made.stem}", content, "completed"))
    for index, call in enumerate(said.tool_calls or ()):
        item_id = f"fc_{made.stem}_{index}"
        output.append(_call_item(item_id, call.id or item_id, call.function.name or "", arguments_in(call.function)))
    return output


def _message_item(item_id: str, content: list[dict[str, Any]], status: str) -> Item:
    return {"id": item_id, "type": "message", "status": status, "role": "assistant", "content": content}


def _text_part(words: str, logprobs: list[Any]) -> dict[str, Any]:
    return {"type": "output_text", "text": words, "annotations": [], "logprobs": logprobs}


def _call_item(item_id: str, call_id: str, name: str, arguments: str, status: str = "completed") -> Item:
    return {
        "id": item_id,
        "type": "function_call",
        "status": status,
        "call_id": call_id,
        "name": name,
        "arguments": arguments,
    }


def _reasoning_item(item_id: str, words: str, blocks: list[dict[str, Any]] | None) -> Item:
    summary = [{"type": "summary_text", "text": words}] if words else []
    item: Item = {"id": item_id, "type": "reasoning", "summary": summary}
    if blocks:
        item["encrypted_content"] = sealed(blocks)
    return item


def sealed(blocks: list[dict[str, Any]]) -> str:
    """Return thinking that its provider signed, as a caller gives it back."""
    return SEALED + base64.b64encode(fields.encode(blocks)).decode()


def _logprobs(stated: Any) -> list[Any]:
    found = stated.get("content") if isinstance(stated, dict) else None
    return found if isinstance(found, list) else []


class ResponsesFrontStream:
    """Writes one stream. An item opens with its first piece and closes when the next one opens, or at the end."""

    def __init__(self, stamps: Stamps) -> None:
        self._stamps = stamps
        self._response: _Response | None = None
        self._number = 0
        """Of the next event."""
        self._output: list[Item] = []
        """Items that have begun; the last one may be open."""
        self._open: str | None = None
        """Kind of the open item: 'text', 'refusal', 'reasoning' or 'call'."""
        self._words: list[str] = []
        """Pieces of the open text, refusal or reasoning."""
        self._logprobs: list[Any] = []
        self._sealed: list[dict[str, Any]] = []
        """Signed thinking of the open reasoning."""
        self._calls: dict[int, int] = {}
        """Place of a call's item by number of the call."""
        self._reason: str | None = None
        self._usage: Usage | None = None

    def feed(self, chunk: Chunk) -> bytes:
        """Return the events of a chunk."""
        out: list[bytes] = []
        if chunk.error is not UNSET:
            said = {"code": "server_error", "message": error_words(chunk.error), "param": None}
            self._event(out, "error", {**said, "error": {"type": "server_error", **said}})
            return b"".join(out)
        if self._response is None:
            self._response = _Response(chunk.id, chunk.created, chunk.model, self._stamps)
            for kind in ("response.created", "response.in_progress"):
                self._event(out, kind, {"response": self._response.begun()})
        if chunk.usage is not UNSET and chunk.usage is not None:
            self._usage = read_chat_usage(chunk.usage)
        choice = first_choice(chunk.choices)
        if choice is not None:
            if choice.delta is not UNSET:
                self._say(choice.delta, choice, out)
            if choice.finish_reason is not None:
                self._reason = choice.finish_reason
        return b"".join(out)

    def finish(self) -> bytes:
        """Return the closing events; nothing when it was never said why the answer ends."""
        if self._reason is None or self._response is None:
            return b""
        out: list[bytes] = []
        if not self._output:
            self._begin("text", out)
        self._close(out)
        response = self._response.ended(self._output, self._reason, self._usage)
        self._event(out, f"response.{response['status']}", {"response": response})
        return b"".join(out)

    def _say(self, said: Said, choice: Choice, out: list[bytes]) -> None:
        if reasoning := reasoning_in(said):
            self._begin("reasoning", out)
            self._words.append(reasoning)
            self._piece(out, "response.reasoning_summary_text.delta", {"summary_index": 0, "delta": reasoning})
        if said.thinking_blocks:
            self._begin("reasoning", out)
            self._sealed += said.thinking_blocks
            self._output[-1]["encrypted_content"] = sealed(self._sealed)
        if words := text_in(said.content):
            logprobs = _logprobs(choice.logprobs)
            self._begin("text", out)
            self._words.append(words)
            self._logprobs += logprobs
            place = {"content_index": 0, "delta": words, "logprobs": logprobs}
            self._piece(out, "response.output_text.delta", place)
        if said.refusal:
            self._begin("refusal", out)
            self._words.append(said.refusal)
            self._piece(out, "response.refusal.delta", {"content_index": 0, "delta": said.refusal})
        for position, call in enumerate(said.tool_calls or ()):
            self._call(call, position if call.index is None else call.index, out)

    def _call(self, call: Call, index: int, out: list[bytes]) -> None:
        place = self._calls.get(index)
        if place is None:
            self._close(out)
            place = self._calls[index] = len(self._output)
            item_id = f"fc_{self._stem}_{index}"
            item = _call_item(item_id, call.id or item_id, call.function.name or "", "", "in_progress")
            self._add(item, out)
            self._open = "call"
        if piece := arguments_in(call.function):
            item = self._output[place]
            item["arguments"] += piece
            more = {"item_id": item["id"], "output_index": place, "delta": piece}
            self._event(out, "response.function_call_arguments.delta", more)

    def _begin(self, kind: str, out: list[bytes]) -> None:
        """Open an item for words of a kind, unless it is the open one."""
        if self._open == kind:
            return
        self._close(out)
        self._open = kind
        count = len(self._output)
        if kind == "reasoning":
            self._add({"id": f"rs_{self._stem}_{count}", "type": "reasoning", "summary": []}, out)
            part: dict[str, Any] = {"type": "summary_text", "text": ""}
            self._piece(out, "response.reasoning_summary_part.added", {"summary_index": 0, "part": part})
            return
        self._add(_message_item(f"msg_{self._stem}_{count}", [], "in_progress"), out)
        part = _text_part("", []) if kind == "text" else {"type": "refusal", "refusal": ""}
        self._piece(out, "response.content_part.added", {"content_index": 0, "part": part})

    def _close(self, out: list[bytes]) -> None:
        kind, words = self._open, "".join(self._words)
        logprobs, place = self._logprobs, {"content_index": 0}
        self._open, self._words, self._logprobs, self._sealed = None, [], [], []
        if kind is None:
            return
        item = self._output[-1]
        if kind == "call":
            more = {"arguments": item["arguments"], "name": item["name"]}
            self._piece(out, "response.function_call_arguments.done", more)
        elif kind == "reasoning":
            part: dict[str, Any] = {"type": "summary_text", "text": words}
            item["summary"] = [part] if words else []
            self._piece(out, "response.reasoning_summary_text.done", {"summary_index": 0, "text": words})
            self._piece(out, "response.reasoning_summary_part.done", {"summary_index": 0, "part": part})
        elif kind == "text":
            part = _text_part(words, logprobs)
            item["content"] = [part]
            self._piece(out, "response.output_text.done", {**place, "text": words, "logprobs": logprobs})
            self._piece(out, "response.content_part.done", {**place, "part": part})
        else:
            part = {"type": "refusal", "refusal": words}
            item["content"] = [part]
            self._piece(out, "response.refusal.done", {**place, "refusal": words})
            self._piece(out, "response.content_part.done", {**place, "part": part})
        if "status" in item:
            item["status"] = "completed"
        self._event(out, "response.output_item.done", {"output_index": len(self._output) - 1, "item": item})

    def _add(self, item: Item, out: list[bytes]) -> None:
        self._output.append(item)
        self._event(out, "response.output_item.added", {"output_index": len(self._output) - 1, "item": item})

    def _piece(self, out: list[bytes], kind: str, more: dict[str, Any]) -> None:
        """Write an event about the last item."""
        where = {"item_id": self._output[-1]["id"], "output_index": len(self._output) - 1}
        self._event(out, kind, {**where, **more})

    def _event(self, out: list[bytes], kind: str, more: dict[str, Any]) -> None:
        out.append(fields.frame(fields.encode({"type": kind, "sequence_number": self._number, **more}), kind))
        self._number += 1

    @property
    def _stem(self) -> str:
        assert self._response is not None
        return self._response.stem
