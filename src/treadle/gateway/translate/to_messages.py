"""Chat to an upstream that speaks Anthropic's messages."""

from __future__ import annotations

import re
from typing import Any

from msgspec import UNSET

from treadle.gateway.protocols import fields
from treadle.gateway.protocols.base import Usage
from treadle.gateway.protocols.messages import FINISH_REASONS
from treadle.gateway.protocols.usage import merged, read_messages_usage, write_chat_usage
from treadle.gateway.translate.limits import cannot, refuse_fields
from treadle.gateway.translate.media import Media, decoded_text
from treadle.gateway.translate.pivot import Call, Choice, Chunk, Completion, FunctionCall, Said
from treadle.gateway.translate.stamps import Stamps
from treadle.gateway.translate.tools import (
    JSON_INSTRUCTION,
    ToolChoice,
    capped_temperature,
    choice_of,
    closed,
    effort_of,
    format_of,
    stops_of,
    token_limit_of,
    tools_of,
)
from treadle.gateway.translate.turns import Part, Text, Thinking, ToolResult, ToolUse, conversation_of
from treadle.gateway.types import Dialect

DEFAULT_MAX_TOKENS = 8192
"""Anthropic wants a limit; this is asked for when nobody stated one. Every model since Claude 3.5 takes it."""
_THINKING_ROOM = 16_384
"""Added to the default when thinking is asked for, because it counts towards the limit."""
_OLDEST_MAX_TOKENS = 4096
_OLDEST = ("claude-3-opus", "claude-3-sonnet", "claude-3-haiku")
_BUDGETED = ("claude-3-7", "opus-4-2", "sonnet-4-2", "opus-4-1", "opus-4-5", "sonnet-4-5", "haiku-4-5", "-4-0", "-4@")
"""Parts of names of models that think by a budget of tokens; newer ones by an effort."""
_BUDGETS = {"minimal": 1024, "low": 2048, "medium": 8192, "high": 16_384, "xhigh": 24_576, "max": 31_999}
_NO_FIELD = "Anthropic has no such field"
_REFUSED = {
    "n": "Anthropic gives one answer per request",
    "frequency_penalty": _NO_FIELD,
    "presence_penalty": _NO_FIELD,
    "logit_bias": _NO_FIELD,
    "logprobs": "Anthropic states no probabilities",
    "top_logprobs": "Anthropic states no probabilities",
    "audio": "Anthropic answers with text",
    "modalities": "Anthropic answers with text",
    "web_search_options": "OpenAI's search has no like there",
    "moderation": _NO_FIELD,
}
_NOT_IN_AN_ID = re.compile(r"[^A-Za-z0-9_-]")
_IMAGES = ("image/jpeg", "image/png", "image/gif", "image/webp")


class MessagesBack:
    """An upstream that speaks messages."""

    dialect: Dialect = "messages"

    def __init__(self, stamps: Stamps) -> None:
        self._stamps = stamps

    def request(self, chat: dict[str, Any]) -> bytes:
        """Return the request for Anthropic; raises Refusal (400) for what it cannot say there."""
        refuse_fields(chat, _REFUSED)
        conversation = conversation_of(chat)
        system, form = conversation.system, format_of(chat)
        if form.kind == "json_object":
            system = [*system, Text(JSON_INSTRUCTION)]
        request: dict[str, Any] = {"model": chat["model"]}
        if system:
            is_marked = any(part.cache for part in system)
            request["system"] = (
                [_block(part) for part in system] if is_marked else "\n".join(part.text for part in system)
            )
        request["messages"] = [
            {"role": turn.party, "content": [_block(part) for part in turn.parts]} for turn in conversation.turns
        ]
        request |= _tools(chat)
        if form.kind == "json_schema":
            request["output_config"] = {"format": {"type": "json_schema", "schema": closed(form.schema)}}
        _think(request, chat)
        if (temperature := capped_temperature(chat)) is not None:
            request["temperature"] = temperature
        request |= {name: chat[name] for name in ("top_p", "top_k") if chat.get(name) is not None}
        if stops := stops_of(chat):
            if any(not stop.strip() for stop in stops):
                raise cannot("stop", "Anthropic takes no stop sequence of white space only")
            request["stop_sequences"] = stops
        if isinstance(user := chat.get("user") or chat.get("safety_identifier"), str):
            request["metadata"] = {"user_id": user}
        if chat.get("stream"):
            request["stream"] = True
        return fields.encode(request)

    def answer(self, data: bytes) -> Completion:
        """Read a whole answer; raises ValueError when it is not one."""
        message = fields.read_object(data)
        content = message.get("content")
        if message.get("type") != "message" or not isinstance(content, list):
            raise ValueError("not a message of Anthropic's")
        said = said_by(content)
        reason = finish_reason(message.get("stop_reason"))
        if reason == "content_filter" and isinstance(details := message.get("stop_details"), dict):
            said.refusal = details.get("explanation")
        return Completion(
            id=message.get("id") or f"chatcmpl-{self._stamps.new_id()}",
            created=int(self._stamps.now()),
            model=message.get("model") or "",
            choices=[Choice(message=said, finish_reason=reason)],
            usage=write_chat_usage(read_messages_usage(message.get("usage"))),
        )

    def stream(self) -> MessagesBackStream:
        """Return what reads one stream."""
        return MessagesBackStream(self._stamps)


class MessagesBackStream:
    """Reads Anthropic's events. Its blocks are numbered together, chat's calls among themselves."""

    def __init__(self, stamps: Stamps) -> None:
        self.ended = False
        self._id = f"chatcmpl-{stamps.new_id()}"
        self._created = int(stamps.now())
        self._model = ""
        self.stated: Usage | None = None
        self._calls: dict[int, int] = {}
        """Number of the call by number of its block."""
        self._silent: set[int] = set()
        """Blocks of calls whose arguments have not begun."""
        self._thinking: dict[int, dict[str, Any]] = {}
        self._reported = False

    def feed(self, payload: bytes, event: str | None) -> list[Chunk]:
        """Return the chunks of one event."""
        try:
            found = fields.read_object(payload)
        except ValueError:
            return []
        kind, index = found.get("type"), found.get("index", 0)
        if kind == "content_block_delta":
            return self._delta(index, found.get("delta") or {})
        if kind == "content_block_start":
            return self._start(index, found.get("content_block") or {})
        if kind == "content_block_stop":
            return self._stop(index)
        if kind == "message_start":
            message = found.get("message") or {}
            self._id, self._model = message.get("id") or self._id, message.get("model") or ""
            self._count(message.get("usage"))
            return [self._chunk(Said(role="assistant", content=""))]
        if kind == "message_delta":
            self._count(found.get("usage"))
            reason = finish_reason((found.get("delta") or {}).get("stop_reason"))
            return [self._chunk(Said(), reason)] if reason is not None else []
        if kind == "message_stop":
            self.ended = True
            return self.finish()
        return [self._chunk(error=found.get("error") or {})] if kind == "error" else []

    def finish(self) -> list[Chunk]:
        """Return the usage, once."""
        usage = None if self._reported else write_chat_usage(self.stated)
        self._reported = True
        if usage is None:
            return []
        chunk = self._chunk()
        chunk.usage = usage
        return [chunk]

    def _start(self, index: int, block: dict[str, Any]) -> list[Chunk]:
        kind = block.get("type")
        if kind == "tool_use":
            number = self._calls[index] = len(self._calls)
            self._silent.add(index)
            function = FunctionCall(name=block.get("name"), arguments="")
            return [self._call(Call(index=number, id=block.get("id"), type="function", function=function))]
        if kind == "text" and block.get("text"):
            return [self._chunk(Said(content=block["text"]))]
        if kind in ("thinking", "redacted_thinking"):
            self._thinking[index] = dict(block)
        return []

    def _delta(self, index: int, delta: dict[str, Any]) -> list[Chunk]:
        kind = delta.get("type")
        if kind == "text_delta":
            return [self._chunk(Said(content=delta.get("text", "")))]
        if kind == "input_json_delta" and index in self._calls:
            piece = delta.get("partial_json")
            if not piece:
                return []
            self._silent.discard(index)
            return [self._call(Call(index=self._calls[index], function=FunctionCall(arguments=piece)))]
        block = self._thinking.get(index)
        if block is None:
            return []
        if kind == "signature_delta":
            block["signature"] = delta.get("signature", "")
            return []
        block["thinking"] = block.get("thinking", "") + delta.get("thinking", "")
        return [self._chunk(Said(reasoning_content=delta.get("thinking", "")))]

    def _stop(self, index: int) -> list[Chunk]:
        if index in self._silent:
            self._silent.discard(index)
            return [self._call(Call(index=self._calls[index], function=FunctionCall(arguments="{}")))]
        block = self._thinking.pop(index, None)
        return [] if block is None else [self._chunk(Said(thinking_blocks=[block]))]

    def _count(self, stated: Any) -> None:
        usage = read_messages_usage(stated)
        if usage is not None:
            self.stated = merged(self.stated, usage)

    def _call(self, call: Call) -> Chunk:
        return self._chunk(Said(tool_calls=[call]))

    def _chunk(self, said: Said | None = None, reason: str | None = None, error: Any = UNSET) -> Chunk:
        choices = [] if said is None else [Choice(delta=said, finish_reason=reason)]
        return Chunk(id=self._id, created=self._created, model=self._model, choices=choices, error=error)


def finish_reason(reason: Any) -> str | None:
    """Return Anthropic's stop reason in OpenAI's words; None while there is none."""
    return None if reason is None else FINISH_REASONS.get(reason, "stop")


def said_by(content: list[Any]) -> Said:
    """Return what the blocks of an answer say."""
    texts: list[str] = []
    thinking: list[dict[str, Any]] = []
    calls: list[Call] = []
    for block in content:
        kind = block.get("type")
        if kind == "text":
            texts.append(block.get("text") or "")
        elif kind in ("thinking", "redacted_thinking"):
            thinking.append(block)
        elif kind == "tool_use":
            arguments = fields.encode(block.get("input") or {}).decode()
            function = FunctionCall(name=block.get("name"), arguments=arguments)
            calls.append(Call(id=block.get("id"), type="function", function=function))
    return Said(
        role="assistant",
        content="".join(texts) if texts or not calls else None,
        reasoning_content="".join(block.get("thinking") or "" for block in thinking) or None,
        thinking_blocks=thinking or None,
        tool_calls=calls or None,
    )


def _block(part: Part) -> dict[str, Any]:
    block = _unmarked(part)
    if not isinstance(part, Thinking) and part.cache is not None:
        block["cache_control"] = part.cache
    return block


def _unmarked(part: Part) -> dict[str, Any]:
    if isinstance(part, Text):
        return {"type": "text", "text": part.text}
    if isinstance(part, ToolUse):
        return {"type": "tool_use", "id": _safe(part.call_id), "name": part.name, "input": part.arguments}
    if isinstance(part, ToolResult):
        result = {"type": "tool_result", "tool_use_id": _safe(part.call_id), "content": part.text}
        return {**result, "is_error": True} if part.is_error else result
    if isinstance(part, Thinking):
        return part.block
    return _media(part)


def _safe(call_id: str) -> str:
    """Return an id that Anthropic takes: some servers put other characters into theirs."""
    return _NOT_IN_AN_ID.sub("_", call_id)


def _media(part: Media) -> dict[str, Any]:
    if part.kind == "audio":
        raise cannot(part.where, "Anthropic's models do not listen")
    if part.kind == "document" and part.media_type not in ("application/pdf", "text/plain"):
        raise cannot(part.where, f"Anthropic reads documents of PDF and plain text, not '{part.media_type}'")
    if part.url:
        return {"type": part.kind, "source": {"type": "url", "url": part.url}}
    if part.kind == "image" and part.media_type not in _IMAGES:
        raise cannot(part.where, f"Anthropic reads images of {', '.join(_IMAGES)}, not '{part.media_type}'")
    source = {"type": "base64", "media_type": part.media_type, "data": part.data}
    if part.media_type == "text/plain":
        source = {"type": "text", "media_type": "text/plain", "data": decoded_text(part)}
    block: dict[str, Any] = {"type": part.kind, "source": source}
    if part.kind == "document" and part.name:
        block["title"] = part.name
    return block


def _tools(chat: dict[str, Any]) -> dict[str, Any]:
    tools = tools_of(chat)
    if not tools:
        return {}
    made: list[dict[str, Any]] = []
    for tool in tools:
        entry: dict[str, Any] = {"name": tool.name, "input_schema": tool.schema}
        if tool.description:
            entry["description"] = tool.description
        if tool.strict:
            entry["strict"] = True
        if tool.cache is not None:
            entry["cache_control"] = tool.cache
        made.append(entry)
    choice = _choice(choice_of(chat), one_at_a_time=chat.get("parallel_tool_calls") is False)
    return {"tools": made} if choice is None else {"tools": made, "tool_choice": choice}


def _choice(choice: ToolChoice | None, *, one_at_a_time: bool) -> dict[str, Any] | None:
    if choice is None and not one_at_a_time:
        return None
    if choice is not None and choice.mode == "none":
        return {"type": "none"}
    found: dict[str, Any] = {"type": "auto"}
    if choice is not None and choice.mode == "required":
        found = {"type": "tool", "name": choice.name} if choice.name else {"type": "any"}
    if one_at_a_time:
        found["disable_parallel_tool_use"] = True
    return found


def _think(request: dict[str, Any], chat: dict[str, Any]) -> None:
    """Set the token limit, which Anthropic wants, and the thinking, which counts towards it."""
    model, limit, effort = str(chat["model"]), token_limit_of(chat), effort_of(chat)
    default = _OLDEST_MAX_TOKENS if any(name in model for name in _OLDEST) else DEFAULT_MAX_TOKENS
    if effort is None:
        request["max_tokens"] = limit or default
    elif effort == "none":
        request["thinking"], request["max_tokens"] = {"type": "disabled"}, limit or default
    elif any(name in model for name in _BUDGETED):
        budget = _BUDGETS[effort]
        request["max_tokens"] = limit or default + budget
        budget = min(budget, request["max_tokens"] - 1)
        if budget >= _BUDGETS["minimal"]:
            request["thinking"] = {"type": "enabled", "budget_tokens": budget}
    else:
        request["max_tokens"] = limit or default + _THINKING_ROOM
        request["thinking"] = {"type": "adaptive"}
        request.setdefault("output_config", {})["effort"] = "low" if effort == "minimal" else effort
