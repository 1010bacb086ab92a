"""Chat to an upstream that speaks Bedrock's Converse. The model is named in the URL, so the body holds none."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any

from msgspec import UNSET

from treadle.gateway.protocols import fields
from treadle.gateway.protocols.base import Usage
from treadle.gateway.protocols.usage import write_chat_usage
from treadle.gateway.translate.limits import cannot, refuse_fields
from treadle.gateway.translate.media import Media
from treadle.gateway.translate.pivot import Call, Choice, Chunk, Completion, FunctionCall, Said
from treadle.gateway.translate.stamps import Stamps
from treadle.gateway.translate.tools import (
    JSON_INSTRUCTION,
    capped_temperature,
    choice_of,
    closed,
    effort_of,
    format_of,
    stops_of,
    token_limit_of,
    tools_of,
)
from treadle.gateway.translate.turns import Conversation, Part, Text, Thinking, ToolResult, ToolUse, conversation_of
from treadle.gateway.types import Dialect

_NO_FIELD = "Converse has no such field"
_REFUSED = {
    "n": "Converse gives one answer per request",
    "frequency_penalty": _NO_FIELD,
    "presence_penalty": _NO_FIELD,
    "logit_bias": _NO_FIELD,
    "logprobs": "Converse states no probabilities",
    "top_logprobs": "Converse states no probabilities",
    "audio": "answers with sound are not carried over",
    "modalities": "answers with sound are not carried over",
    "web_search_options": "OpenAI's search has no like there",
    "moderation": _NO_FIELD,
}
_IMAGES = {"image/png": "png", "image/jpeg": "jpeg", "image/gif": "gif", "image/webp": "webp"}
_DOCUMENTS = {
    "application/pdf": "pdf",
    "text/plain": "txt",
    "text/csv": "csv",
    "text/html": "html",
    "text/markdown": "md",
}
_SOUNDS = {"audio/wav": "wav", "audio/mpeg": "mp3"}
_NOT_IN_AN_ID = re.compile(r"[^A-Za-z0-9_.:-]")
_NOT_IN_A_NAME = re.compile(r"[^A-Za-z0-9 \-()\[\]]+")
FINISH_REASONS = {
    "end_turn": "stop",
    "stop_sequence": "stop",
    "max_tokens": "length",
    "model_context_window_exceeded": "length",
    "tool_use": "tool_calls",
    "content_filtered": "content_filter",
    "guardrail_intervened": "content_filter",
}
"""Converse's stop reasons in OpenAI's words."""
_CACHING = "anthropic."
"""In the names of models that take marks of what to keep, wherever a part may have one; others refuse them."""


class ConverseBack:
    """An upstream that speaks Converse."""

    dialect: Dialect = "converse"

    def __init__(self, stamps: Stamps) -> None:
        self._stamps = stamps

    def request(self, chat: dict[str, Any]) -> bytes:
        """Return the request for Bedrock; raises Refusal (400) for what it cannot say there."""
        refuse_fields(chat, _REFUSED)
        conversation, form = conversation_of(chat), format_of(chat)
        caches = _CACHING in str(chat["model"])
        system = [*conversation.system, *([Text(JSON_INSTRUCTION)] if form.kind == "json_object" else [])]
        request: dict[str, Any] = {
            "messages": [
                {"role": turn.party, "content": _blocks(turn.parts, caches=caches)} for turn in conversation.turns
            ]
        }
        if system:
            request["system"] = _blocks(system, caches=caches)
        if config := _inference(chat):
            request["inferenceConfig"] = config
        request |= _tools(chat, conversation, caches=caches)
        output: dict[str, Any] = {}
        if form.kind == "json_schema":
            schema = fields.encode(closed(form.schema)).decode()
            structure = {"jsonSchema": {"schema": schema, "name": form.name}}
            output["textFormat"] = {"type": "json_schema", "structure": structure}
        if (effort := effort_of(chat)) is not None and effort != "none":
            output["effort"] = "low" if effort == "minimal" else effort
        if output:
            request["outputConfig"] = output
        if chat.get("top_k") is not None:
            request["additionalModelRequestFields"] = {"top_k": chat["top_k"]}
        return fields.encode(request)

    def answer(self, data: bytes) -> Completion:
        """Read a whole answer; raises ValueError when it is not one."""
        found = fields.read_object(data)
        content = ((found.get("output") or {}).get("message") or {}).get("content")
        if not isinstance(content, list):
            raise ValueError("not an answer of Converse")
        return Completion(
            id=f"chatcmpl-{self._stamps.new_id()}",
            created=int(self._stamps.now()),
            choices=[Choice(message=_said(content), finish_reason=_finish(found.get("stopReason")) or "stop")],
            usage=write_chat_usage(read_converse_usage(found.get("usage"))),
        )

    def stream(self) -> ConverseBackStream:
        """Return what reads one stream."""
        return ConverseBackStream(self._stamps)


class ConverseBackStream:
    """Reads Converse's events, named by their event type, or wrapped in an object that names them."""

    def __init__(self, stamps: Stamps) -> None:
        self.ended = False
        self._id = f"chatcmpl-{stamps.new_id()}"
        self._created = int(stamps.now())
        self.stated: Usage | None = None
        self._reported = False
        self._calls: dict[int, int] = {}
        self._silent: set[int] = set()
        self._thinking: dict[int, dict[str, Any]] = {}

    def feed(self, payload: bytes, event: str | None) -> list[Chunk]:
        """Return the chunks of one event."""
        try:
            found = fields.read_object(payload)
        except ValueError:
            return []
        if event is None or (event in found and isinstance(found[event], dict)):
            event, found = next(((name, value) for name, value in found.items() if isinstance(value, dict)), ("", {}))
        index = found.get("contentBlockIndex", 0)
        if event == "contentBlockDelta":
            return self._delta(index, found.get("delta") or {})
        if event == "contentBlockStart":
            return self._start(index, (found.get("start") or {}).get("toolUse"))
        if event == "contentBlockStop":
            return self._stop(index)
        if event == "messageStart":
            return [self._chunk(Said(role="assistant", content=""))]
        if event == "messageStop":
            return [self._chunk(Said(), _finish(found.get("stopReason")) or "stop")]
        if event == "metadata":
            self.stated = read_converse_usage(found.get("usage"))
            self.ended = True
            return self.finish()
        if event.endswith("Exception"):
            return [
                self._chunk(error={"message": found.get("message") or event, "type": "server_error", "code": event})
            ]
        return []

    def finish(self) -> list[Chunk]:
        """Return the usage, once."""
        usage = None if self._reported else write_chat_usage(self.stated)
        self._reported = True
        if usage is None:
            return []
        chunk = self._chunk()
        chunk.usage = usage
        return [chunk]

    def _start(self, index: int, tool: dict[str, Any] | None) -> list[Chunk]:
        if tool is None:
            return []
        number = self._calls[index] = len(self._calls)
        self._silent.add(index)
        function = FunctionCall(name=tool.get("name"), arguments="")
        return [self._call(Call(index=number, id=tool.get("toolUseId"), type="function", function=function))]

    def _delta(self, index: int, delta: dict[str, Any]) -> list[Chunk]:
        if isinstance(text := delta.get("text"), str):
            return [self._chunk(Said(content=text))]
        if (tool := delta.get("toolUse")) is not None and index in self._calls:
            if not (piece := tool.get("input")):
                return []
            self._silent.discard(index)
            return [self._call(Call(index=self._calls[index], function=FunctionCall(arguments=piece)))]
        thought = delta.get("reasoningContent")
        if not isinstance(thought, dict):
            return []
        if isinstance(data := thought.get("redactedContent"), str):
            self._thinking[index] = {"type": "redacted_thinking", "data": data}
            return []
        block = self._thinking.setdefault(index, {"type": "thinking", "thinking": "", "signature": ""})
        block["signature"] += thought.get("signature") or ""
        text = thought.get("text")
        if not isinstance(text, str):
            return []
        block["thinking"] += text
        return [self._chunk(Said(reasoning_content=text))]

    def _stop(self, index: int) -> list[Chunk]:
        if index in self._silent:
            self._silent.discard(index)
            return [self._call(Call(index=self._calls[index], function=FunctionCall(arguments="{}")))]
        block = self._thinking.pop(index, None)
        return [] if block is None else [self._chunk(Said(thinking_blocks=[block]))]

    def _call(self, call: Call) -> Chunk:
        return self._chunk(Said(tool_calls=[call]))

    def _chunk(self, said: Said | None = None, reason: str | None = None, error: Any = UNSET) -> Chunk:
        choices = [] if said is None else [Choice(delta=said, finish_reason=reason)]
        return Chunk(id=self._id, created=self._created, choices=choices, error=error)


def read_converse_usage(stated: Any) -> Usage | None:
    """Read Converse's usage; its input excludes both caches."""
    if not isinstance(stated, dict) or stated.get("inputTokens") is None:
        return None
    long = sum(
        detail.get("inputTokens") or 0 for detail in stated.get("cacheDetails") or () if detail.get("ttl") == "1h"
    )
    return Usage(
        input_tokens=stated["inputTokens"],
        cache_read_tokens=stated.get("cacheReadInputTokens") or 0,
        cache_write_tokens=max(0, (stated.get("cacheWriteInputTokens") or 0) - long),
        cache_write_1h_tokens=long,
        output_tokens=stated.get("outputTokens"),
    )


def _finish(reason: str | None) -> str | None:
    return None if reason is None else FINISH_REASONS.get(reason, "stop")


def _said(content: list[dict[str, Any]]) -> Said:
    texts: list[str] = []
    thinking: list[dict[str, Any]] = []
    calls: list[Call] = []
    for block in content:
        if isinstance(block.get("text"), str):
            texts.append(block["text"])
        elif (tool := block.get("toolUse")) is not None:
            arguments = fields.encode(tool.get("input") or {}).decode()
            function = FunctionCall(name=tool.get("name"), arguments=arguments)
            calls.append(Call(id=tool.get("toolUseId"), type="function", function=function))
        elif (thought := block.get("reasoningContent")) is not None:
            if (shown := thought.get("reasoningText")) is not None:
                signature = shown.get("signature") or ""
                thinking.append({"type": "thinking", "thinking": shown.get("text") or "", "signature": signature})
            else:
                thinking.append({"type": "redacted_thinking", "data": thought.get("redactedContent")})
    return Said(
        role="assistant",
        content="".join(texts) if texts or not calls else None,
        reasoning_content="".join(block.get("thinking") or "" for block in thinking) or None,
        thinking_blocks=thinking or None,
        tool_calls=calls or None,
    )


def _blocks(parts: Sequence[Part], *, caches: bool) -> list[dict[str, Any]]:
    """Return parts as blocks; where Anthropic's have a mark, Bedrock has a block of its own behind them."""
    blocks: list[dict[str, Any]] = []
    for index, part in enumerate(parts):
        blocks.append(_block(part, index))
        if caches and not isinstance(part, Thinking) and part.cache is not None:
            blocks.append(_cache_point(part.cache))
    return blocks


def _cache_point(mark: Mapping[str, Any]) -> dict[str, Any]:
    ttl = {"ttl": mark["ttl"]} if mark.get("ttl") else {}
    return {"cachePoint": {"type": "default", **ttl}}


def _block(part: Part, index: int) -> dict[str, Any]:
    if isinstance(part, Text):
        return {"text": part.text}
    if isinstance(part, ToolUse):
        return {"toolUse": {"toolUseId": _safe(part.call_id), "name": part.name, "input": part.arguments}}
    if isinstance(part, ToolResult):
        result: dict[str, Any] = {"toolUseId": _safe(part.call_id), "content": [{"text": part.text}]}
        return {"toolResult": {**result, "status": "error"} if part.is_error else result}
    if isinstance(part, Thinking):
        block = part.block
        if block.get("type") == "redacted_thinking":
            return {"reasoningContent": {"redactedContent": block.get("data")}}
        shown = {"text": block.get("thinking") or ""}
        if block.get("signature"):
            shown["signature"] = block["signature"]
        return {"reasoningContent": {"reasoningText": shown}}
    return _media(part, index)


def _safe(call_id: str) -> str:
    """Return an id that Bedrock takes: some servers put other characters into theirs, or more than 64."""
    return _NOT_IN_AN_ID.sub("_", call_id)[-64:]


def _media(part: Media, index: int) -> dict[str, Any]:
    kinds = {"image": _IMAGES, "document": _DOCUMENTS, "audio": _SOUNDS}[part.kind]
    form = kinds.get(part.media_type)
    if form is None:
        raise cannot(part.where, f"Converse takes {', '.join(kinds)} there, not '{part.media_type}'")
    if part.url.startswith("s3://"):
        source: dict[str, Any] = {"s3Location": {"uri": part.url}}
    elif part.url:
        raise cannot(part.where, "Converse fetches nothing by URL but from S3; send the bytes as a data URL")
    else:
        source = {"bytes": part.data}
    block: dict[str, Any] = {"format": form, "source": source}
    if part.kind == "document":
        # A name is needed, tells the documents apart, and may hold few kinds of characters.
        name = _NOT_IN_A_NAME.sub(" ", part.name.rpartition(".")[0] or part.name).strip()[:180]
        block["name"] = f"{name} {index}" if name else f"document {index}"
    return {part.kind: block}


def _inference(chat: dict[str, Any]) -> dict[str, Any]:
    config: dict[str, Any] = {}
    if (limit := token_limit_of(chat)) is not None:
        config["maxTokens"] = limit
    if (temperature := capped_temperature(chat)) is not None:
        config["temperature"] = temperature
    if chat.get("top_p") is not None:
        config["topP"] = chat["top_p"]
    if stops := stops_of(chat):
        config["stopSequences"] = stops
    return config


def _tools(chat: dict[str, Any], conversation: Conversation, *, caches: bool) -> dict[str, Any]:
    tools, choice = tools_of(chat), choice_of(chat)
    if not tools:
        return {}
    if chat.get("parallel_tool_calls") is False:
        raise cannot("parallel_tool_calls", "Converse may always call several tools at once")
    if choice is not None and choice.mode == "none":
        if any(isinstance(part, ToolUse | ToolResult) for turn in conversation.turns for part in turn.parts):
            raise cannot("tool_choice", "Converse cannot keep a model from tools that the conversation has used")
        return {}
    specs = []
    for tool in tools:
        spec: dict[str, Any] = {"name": tool.name, "inputSchema": {"json": tool.schema}}
        if tool.description:
            spec["description"] = tool.description
        if tool.strict:
            spec["strict"] = True
        specs.append({"toolSpec": spec})
        if caches and tool.cache is not None:
            specs.append(_cache_point(tool.cache))
    config: dict[str, Any] = {"tools": specs}
    if choice is not None:
        required: dict[str, Any] = {"tool": {"name": choice.name}} if choice.name else {"any": {}}
        config["toolChoice"] = required if choice.mode == "required" else {"auto": {}}
    return {"toolConfig": config}
