"""The Vercel AI SDK: `ai.*`. Its inner spans (`ai.generateText.doGenerate`) call the model; the outer ones go around
them and repeat their usage, so that these are chains."""

from __future__ import annotations

from typing import Any

from treadle.traces.dialects.base import (
    Attributes,
    Facts,
    count,
    first_count,
    first_text,
    loaded,
    number,
    text,
    unquoted,
)
from treadle.traces.dialects.messages import finish_reason, messages
from treadle.traces.dialects.providers import provider_name
from treadle.traces.dialects.usage import Usage, disjoint
from treadle.traces.otlp.raw import RawSpan
from treadle.traces.types import SpanKind

_KINDS: dict[str, SpanKind] = {
    "doGenerate": "llm",
    "doStream": "llm",
    "doEmbed": "embedding",
    "doRerank": "rerank",
    "toolCall": "tool",
}
_ABOUT = "ai.telemetry.metadata."


class Vercel:
    """Spans with `ai.operationId`."""

    def speaks(self, families: frozenset[str], attributes: Attributes) -> bool:
        """Tell by the attribute that every one of its spans has."""
        return "ai.operationId" in attributes

    def read(self, span: RawSpan, families: frozenset[str], facts: Facts) -> None:
        """Fill in what the attributes say."""
        given = span.attributes
        operation = text(given.get("ai.operationId")) or ""
        facts.kind = facts.kind or _KINDS.get(operation.rpartition(".")[2], "chain")
        facts.provider = facts.provider or provider_name(text(given.get("ai.model.provider")))
        facts.model = facts.model or text(given.get("ai.response.model"))
        facts.asked_model = facts.asked_model or text(given.get("ai.model.id"))
        facts.session_id = facts.session_id or first_text(given, (_ABOUT + "sessionId", _ABOUT + "session_id"))
        facts.user_id = facts.user_id or first_text(given, (_ABOUT + "userId", _ABOUT + "user_id"))
        facts.finish_reason = facts.finish_reason or finish_reason(given.get("ai.response.finishReason"))
        facts.usage = facts.usage or _usage(given)
        facts.asked = facts.asked or messages(given.get("ai.prompt.messages")) or _prompt(given)
        facts.said = facts.said or _answer(given)
        if facts.first_token_ms is None:
            facts.first_token_ms = number(given.get("ai.response.msToFirstChunk"))
        if facts.kind == "tool":
            facts.tool_name = facts.tool_name or text(given.get("ai.toolCall.name"))
        if facts.given is None:
            facts.given = given.get("ai.toolCall.args", _embedded(given))
        if facts.result is None:
            facts.result = unquoted(given.get("ai.toolCall.result"))


def _usage(given: Attributes) -> Usage | None:
    return disjoint(
        first_count(given, ("ai.usage.inputTokens", "ai.usage.promptTokens", "ai.usage.tokens")),
        first_count(given, ("ai.usage.outputTokens", "ai.usage.completionTokens")),
        total=count(given.get("ai.usage.totalTokens")),
        cache_read=first_count(given, ("ai.usage.inputTokenDetails.cacheReadTokens", "ai.usage.cachedInputTokens")),
        cache_write=count(given.get("ai.usage.inputTokenDetails.cacheWriteTokens")),
        reasoning=first_count(given, ("ai.usage.outputTokenDetails.reasoningTokens", "ai.usage.reasoningTokens")),
    )


def _prompt(given: Attributes) -> list[dict[str, Any]] | None:
    """Return what an outer span was asked: `{"system": ..., "prompt": ...}` or `{"messages": ...}`."""
    stated = loaded(given.get("ai.prompt"))
    if not isinstance(stated, dict):
        return None
    system = messages(stated.get("system"), role="system") or []
    rest = messages(stated.get("messages")) or messages(stated.get("prompt")) or []
    return [*system, *rest] or None


def _answer(given: Attributes) -> list[dict[str, Any]] | None:
    found = {
        "role": "assistant",
        "content": given.get("ai.response.text", given.get("ai.response.object")),
        "reasoning_content": given.get("ai.response.reasoning"),
    }
    calls = loaded(given.get("ai.response.toolCalls"))
    if isinstance(calls, list):
        found["tool_calls"] = [
            {
                "id": call.get("toolCallId"),
                "name": call.get("toolName"),
                "arguments": call.get("input", call.get("args")),
            }
            for call in calls
            if isinstance(call, dict)
        ]
    if not any(value for name, value in found.items() if name != "role"):
        return None
    return messages([found], role="assistant")


def _embedded(given: Attributes) -> Any:
    """Return the texts to embed; each is JSON of its own, with its quotes."""
    stated = given.get("ai.values", given.get("ai.value"))
    found = [unquoted(item) for item in stated] if isinstance(stated, list) else unquoted(stated)
    return found[0] if isinstance(found, list) and len(found) == 1 else found
