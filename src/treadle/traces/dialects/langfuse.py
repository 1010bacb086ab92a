"""Langfuse's SDK: `langfuse.observation.*`, with inputs, outputs, usage and cost as JSON in one attribute each."""

from __future__ import annotations

from datetime import datetime
from decimal import Decimal
from typing import Any

from treadle.traces.dialects.base import Attributes, Facts, count, first_text, loaded, text, usd
from treadle.traces.dialects.messages import messages
from treadle.traces.dialects.usage import Usage, disjoint
from treadle.traces.otlp.raw import RawSpan
from treadle.traces.types import SpanKind

_KINDS: dict[str, SpanKind] = {
    "generation": "llm",
    "embedding": "embedding",
    "retriever": "retrieval",
    "tool": "tool",
    "agent": "agent",
    "chain": "chain",
    "span": "chain",
    "event": "chain",
    "guardrail": "guardrail",
    "evaluator": "evaluator",
}
_OWN = "langfuse.observation."


class Langfuse:
    """Spans with `langfuse.*`."""

    def speaks(self, families: frozenset[str], attributes: Attributes) -> bool:
        """Tell by the first part of the names."""
        return "langfuse" in families

    def read(self, span: RawSpan, families: frozenset[str], facts: Facts) -> None:
        """Fill in what the attributes say."""
        given = span.attributes
        kind = text(given.get(_OWN + "type"))
        if facts.kind is None and kind is not None:
            facts.kind = _KINDS.get(kind)
        facts.model = facts.model or text(given.get(_OWN + "model.name"))
        facts.session_id = facts.session_id or first_text(given, ("langfuse.session.id", "session.id"))
        facts.user_id = facts.user_id or first_text(given, ("langfuse.user.id", "user.id"))
        facts.usage = facts.usage or usage_of(loaded(given.get(_OWN + "usage_details")))
        if facts.cost_usd is None:
            facts.cost_usd = cost_of(loaded(given.get(_OWN + "cost_details")))
        asked, said = given.get(_OWN + "input"), given.get(_OWN + "output")
        if facts.kind == "llm":
            facts.asked = facts.asked or messages(asked)
            facts.said = facts.said or messages(said, role="assistant")
        if facts.given is None:
            facts.given = given.get("langfuse.trace.input") if asked is None else asked
        if facts.result is None:
            facts.result = given.get("langfuse.trace.output") if said is None else said
        if given.get(_OWN + "level") == "ERROR":
            facts.error = facts.error or text(given.get(_OWN + "status_message")) or "error"
        if facts.first_token_ms is None:
            facts.first_token_ms = _first_token_ms(span)


def usage_of(stated: Any) -> Usage | None:
    """Return Langfuse's usage: OpenAI's own object, or names of its own that share no token."""
    if not isinstance(stated, dict):
        return None
    for read, written in (("prompt_tokens", "completion_tokens"), ("input_tokens", "output_tokens")):
        if read in stated:
            inner, outer = stated.get(f"{read}_details"), stated.get(f"{written}_details")
            inner, outer = (part if isinstance(part, dict) else {} for part in (inner, outer))
            return disjoint(
                count(stated[read]),
                count(stated.get(written)),
                total=count(stated.get("total_tokens")),
                cache_read=count(inner.get("cached_tokens", stated.get("cache_read_input_tokens"))),
                cache_write=count(inner.get("cache_write_tokens", stated.get("cache_creation_input_tokens"))),
                audio_read=count(inner.get("audio_tokens")),
                reasoning=count(outer.get("reasoning_tokens")),
                audio_written=count(outer.get("audio_tokens")),
            )
    read_fresh, written_plain = count(stated.get("input")), count(stated.get("output"))
    if read_fresh is None and written_plain is None:
        return None
    return Usage(
        input_tokens=read_fresh,
        cache_read_tokens=_sum(stated, "input_cached_tokens", "input_cache_read", "cache_read_input_tokens"),
        cache_write_tokens=_sum(stated, "input_cache_creation", "cache_creation_input_tokens", "input_cache_write"),
        input_audio_tokens=_sum(stated, "input_audio_tokens", "input_audio"),
        output_tokens=written_plain,
        reasoning_tokens=_sum(stated, "output_reasoning_tokens", "output_reasoning"),
        output_audio_tokens=_sum(stated, "output_audio_tokens", "output_audio"),
    )


def cost_of(stated: Any) -> Decimal | None:
    """Return the sum of a cost's parts, or the total where it is stated."""
    if not isinstance(stated, dict):
        return None
    total = usd(stated.get("total"))
    if total is not None:
        return total
    parts = [amount for amount in map(usd, stated.values()) if amount is not None]
    return sum(parts, Decimal(0)) if parts else None


def _sum(stated: dict[str, Any], *names: str) -> int:
    return sum(count(stated.get(name)) or 0 for name in names)


def _first_token_ms(span: RawSpan) -> float | None:
    stated = text(span.attributes.get(_OWN + "completion_start_time"))
    if stated is None:
        return None
    try:
        moment = datetime.fromisoformat(stated.strip('"'))
        return moment.timestamp() * 1_000 - span.start_ns / 1e6 if moment.tzinfo is not None else None
    except (ValueError, OverflowError):
        return None
