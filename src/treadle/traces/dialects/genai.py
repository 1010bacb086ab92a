"""OpenTelemetry's own names for generative AI, both generations: `gen_ai.provider.name` and `gen_ai.system`, messages in
one attribute, in one event, in an event each, or in flat names with indexes."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from treadle.traces.dialects.base import (
    Attributes,
    Facts,
    Message,
    count,
    first_count,
    first_text,
    in_order,
    loaded,
    number,
    text,
    tree,
    usd,
)
from treadle.traces.dialects.documents import documents
from treadle.traces.dialects.messages import finish_reason, last_user_text, messages
from treadle.traces.dialects.providers import provider_name
from treadle.traces.dialects.usage import Usage, disjoint
from treadle.traces.otlp.raw import RawEvent, RawSpan
from treadle.traces.types import SpanKind

_KINDS: dict[str, SpanKind] = {
    "chat": "llm",
    "text_completion": "llm",
    "generate_content": "llm",
    "completion": "llm",
    "responses": "llm",
    "embeddings": "embedding",
    "embedding": "embedding",
    "rerank": "rerank",
    "retrieval": "retrieval",
    "search_memory": "retrieval",
    "vector_db_retrieve": "retrieval",
    "execute_tool": "tool",
    "invoke_agent": "agent",
    "create_agent": "agent",
    "invoke_workflow": "chain",
    "plan": "chain",
}
_DETAILS = "gen_ai.client.inference.operation.details"
_ROLES = {f"gen_ai.{role}.message": role for role in ("system", "user", "assistant", "tool")}
_CHUNKS = ("gen_ai.content.completion.chunk", "llm.content.completion.chunk")
_READ = ("gen_ai.usage.input_tokens", "gen_ai.usage.prompt_tokens")
_WRITTEN = ("gen_ai.usage.output_tokens", "gen_ai.usage.completion_tokens")
_TOTAL = ("gen_ai.usage.total_tokens", "llm.usage.total_tokens")
_CACHE_READ = ("gen_ai.usage.cache_read.input_tokens", "gen_ai.usage.cache_read_input_tokens")
_CACHE_WRITE = (
    "gen_ai.usage.cache_creation.input_tokens",
    "gen_ai.usage.cache_write.input_tokens",
    "gen_ai.usage.cache_creation_input_tokens",
)
_REASONING = ("gen_ai.usage.reasoning.output_tokens", "gen_ai.usage.reasoning_tokens", "llm.usage.reasoning_tokens")


class GenAi:
    """Spans with `gen_ai.*`."""

    def speaks(self, families: frozenset[str], attributes: Attributes) -> bool:
        """Tell by the first part of the names."""
        return "gen_ai" in families

    def read(self, span: RawSpan, families: frozenset[str], facts: Facts) -> None:
        """Fill in what the attributes say, then what the events do."""
        given = span.attributes
        operation = given.get("gen_ai.operation.name")
        if facts.kind is None and isinstance(operation, str):
            facts.kind = _KINDS.get(operation)
        facts.provider = facts.provider or provider_name(first_text(given, ("gen_ai.provider.name", "gen_ai.system")))
        facts.model = facts.model or text(given.get("gen_ai.response.model"))
        facts.asked_model = facts.asked_model or text(given.get("gen_ai.request.model"))
        facts.session_id = facts.session_id or text(given.get("gen_ai.conversation.id"))
        facts.user_id = facts.user_id or text(given.get("gen_ai.user"))
        facts.usage = facts.usage or _usage(given)
        if facts.cost_usd is None:
            facts.cost_usd = usd(given.get("gen_ai.usage.cost"))
        _read_messages(span, facts)
        facts.finish_reason = facts.finish_reason or finish_reason(given.get("gen_ai.response.finish_reasons"))
        if facts.first_token_ms is None:
            facts.first_token_ms = _first_token_ms(span)
        if operation in ("execute_tool", "retrieval", "search_memory", "rerank"):
            _read_operation(given, facts)


def _usage(given: Attributes) -> Usage | None:
    read, written = first_count(given, _READ), first_count(given, _WRITTEN)
    if read is None and written is None:
        return None
    return disjoint(
        read,
        written,
        total=first_count(given, _TOTAL),
        cache_read=first_count(given, _CACHE_READ),
        cache_write=first_count(given, _CACHE_WRITE),
        audio_read=count(given.get("gen_ai.usage.audio.input_tokens")),
        image_read=count(given.get("gen_ai.usage.image.input_tokens")),
        reasoning=first_count(given, _REASONING),
        audio_written=count(given.get("gen_ai.usage.audio.output_tokens")),
    )


def _read_operation(given: Attributes, facts: Facts) -> None:
    """Read what a tool or a retrieval was called with and gave."""
    facts.tool_name = facts.tool_name or text(given.get("gen_ai.tool.name"))
    if facts.given is None:
        facts.given = given.get("gen_ai.tool.call.arguments", given.get("gen_ai.retrieval.query.text"))
    if facts.result is None:
        facts.result = given.get("gen_ai.tool.call.result")
    facts.documents = facts.documents or documents(given.get("gen_ai.retrieval.documents"))


def _first_token_ms(span: RawSpan) -> float | None:
    seconds = number(span.attributes.get("gen_ai.response.time_to_first_chunk"))
    if seconds is not None:
        return seconds * 1_000
    for event in span.events:
        if event.name in _CHUNKS:
            return (event.time_ns - span.start_ns) / 1e6
    return None


def _read_messages(span: RawSpan, facts: Facts) -> None:
    """Read both sides of a conversation from the first place that has them."""
    given = span.attributes
    if facts.asked is None:
        facts.asked = _with_system(given, messages(given.get("gen_ai.input.messages")))
    said = loaded(given.get("gen_ai.output.messages"))
    if facts.said is None and said is not None:
        facts.said = messages(said, role="assistant")
        facts.finish_reason = facts.finish_reason or _stated_finish(said)
    if (facts.asked is None or facts.said is None) and span.events:
        _read_events(span.events, facts)
    if facts.asked is None:
        facts.asked = _flat(given, "gen_ai.prompt", "user")
    if facts.said is None:
        facts.said = _flat(given, "gen_ai.completion", "assistant")
        facts.finish_reason = facts.finish_reason or finish_reason(given.get("gen_ai.completion.0.finish_reason"))
    if facts.kind == "embedding" and facts.given is None and facts.asked is not None:
        facts.given = last_user_text(facts.asked)


def _with_system(given: Attributes, found: list[Message] | None) -> list[Message] | None:
    """Return messages with the instructions that stand apart from them in front."""
    instructions = loaded(given.get("gen_ai.system_instructions"))
    if not instructions:
        return found
    parts = instructions if isinstance(instructions, list) else [instructions]
    system = messages([{"role": "system", "parts": parts}])
    return [*(system or ()), *(found or ())] or None


def _stated_finish(answers: Any) -> str | None:
    """Return the reason that stands with the answer itself."""
    last = answers[-1] if isinstance(answers, list) and answers else None
    return finish_reason(last.get("finish_reason")) if isinstance(last, dict) else None


def _read_events(events: Sequence[RawEvent], facts: Facts) -> None:
    """Read messages that came as events: all in one, or one each."""
    asked: list[Any] = []
    said: list[Any] = []
    for event in events:
        given = event.attributes
        if event.name == _DETAILS:
            asked += _with_system(given, messages(given.get("gen_ai.input.messages"))) or ()
            said += messages(given.get("gen_ai.output.messages"), role="assistant") or ()
        elif event.name in _ROLES:
            asked += messages([_of_event(given, _ROLES[event.name])]) or ()
        elif event.name == "gen_ai.choice":
            said += messages([_of_event(given, "assistant")]) or ()
            facts.finish_reason = facts.finish_reason or finish_reason(given.get("finish_reason"))
        elif event.name == "gen_ai.content.prompt":
            asked += messages(given.get("gen_ai.prompt")) or ()
        elif event.name == "gen_ai.content.completion":
            said += messages(given.get("gen_ai.completion"), role="assistant") or ()
    facts.asked = facts.asked or asked or None
    facts.said = facts.said or said or None


def _of_event(given: Attributes, role: str) -> Any:
    """Return the message that one event holds: in its attributes, in `message`, or as JSON in `gen_ai.event.content`."""
    for name in ("message", "gen_ai.event.content"):
        inner = loaded(given.get(name))
        if isinstance(inner, dict):
            return {"role": role, **inner}
        if isinstance(inner, (list, str)) and inner:
            return {"role": role, "content": inner}
    return {"role": role, **{name: loaded(value) for name, value in given.items() if not name.startswith("gen_ai.")}}


def _flat(given: Attributes, name: str, role: str) -> list[Message] | None:
    """Return messages from `gen_ai.prompt.0.content` and its like, or from one attribute with all of them."""
    whole = given.get(name)
    if whole is not None:
        return messages(whole, role=role)
    if (
        f"{name}.0.role" not in given
        and f"{name}.0.content" not in given
        and f"{name}.0.tool_calls.0.name" not in given
    ):
        return None
    found = in_order(tree(given, f"{name}."))
    return messages(
        [{**item, "tool_calls": in_order(item.get("tool_calls"))} for item in found if isinstance(item, dict)],
        role=role,
    )
