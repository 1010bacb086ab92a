"""OpenInference (Arize): `openinference.span.kind`, flat names with indexes for messages and documents, and
`input.value` and `output.value` for everything else."""

from __future__ import annotations

from typing import Any

from treadle.traces.dialects.base import (
    Attributes,
    Facts,
    Message,
    count,
    first_text,
    in_order,
    loaded,
    text,
    tree,
    usd,
)
from treadle.traces.dialects.documents import documents
from treadle.traces.dialects.messages import finish_reason, messages
from treadle.traces.dialects.providers import provider_name
from treadle.traces.dialects.usage import Usage, disjoint
from treadle.traces.otlp.raw import RawSpan
from treadle.traces.types import SpanKind

_KINDS: dict[str, SpanKind] = {
    "LLM": "llm",
    "EMBEDDING": "embedding",
    "CHAIN": "chain",
    "RETRIEVER": "retrieval",
    "RERANKER": "rerank",
    "TOOL": "tool",
    "AGENT": "agent",
    "GUARDRAIL": "guardrail",
    "EVALUATOR": "evaluator",
    "PROMPT": "chain",
    "DECISION": "chain",
    "UNKNOWN": "chain",
}
_FIRST_TOKEN = "First Token Stream Event"


class OpenInference:
    """Spans with `openinference.span.kind` or `llm.model_name` and the like."""

    def speaks(self, families: frozenset[str], attributes: Attributes) -> bool:
        """Tell by the first part of the names."""
        return "openinference" in families or ("llm" in families and "llm.model_name" in attributes)

    def read(self, span: RawSpan, families: frozenset[str], facts: Facts) -> None:
        """Fill in what the attributes say."""
        given = span.attributes
        stated = text(given.get("openinference.span.kind"))
        if facts.kind is None and stated is not None:
            facts.kind = _KINDS.get(stated.upper())
        if "llm" in families:
            _read_call(given, facts)
        if facts.kind in ("embedding", "rerank"):
            facts.model = facts.model or first_text(given, ("embedding.model_name", "reranker.model_name"))
        if facts.kind in ("retrieval", "rerank"):
            facts.documents = facts.documents or _documents(given)
        elif facts.kind == "embedding" and facts.given is None:
            facts.given = _embedded(given)
        elif facts.kind == "tool":
            facts.tool_name = facts.tool_name or text(given.get("tool.name"))
        if facts.given is None:
            facts.given = given.get("reranker.query", given.get("input.value", given.get("tool.parameters")))
        if facts.result is None:
            facts.result = given.get("output.value")
        if facts.first_token_ms is None:
            for event in span.events:
                if event.name == _FIRST_TOKEN:
                    facts.first_token_ms = (event.time_ns - span.start_ns) / 1e6
                    break


def _read_call(given: Attributes, facts: Facts) -> None:
    """Read what `llm.*` says; embeddings state their usage there too."""
    facts.provider = facts.provider or provider_name(first_text(given, ("llm.provider", "llm.system")))
    facts.model = facts.model or first_text(given, ("llm.response.model_name", "llm.model_name"))
    facts.asked_model = facts.asked_model or _asked_model(given)
    facts.usage = facts.usage or _usage(given)
    if facts.cost_usd is None:
        facts.cost_usd = _cost(given)
    facts.finish_reason = facts.finish_reason or finish_reason(given.get("llm.finish_reason"))
    if facts.kind in ("llm", None):
        facts.asked = facts.asked or _messages(given, "llm.input_messages.", "user") or _prompts(given)
        facts.said = facts.said or _messages(given, "llm.output_messages.", "assistant") or _choices(given)
    if facts.variables is None:
        variables = loaded(given.get("llm.prompt_template.variables"))
        facts.variables = variables if isinstance(variables, dict) else None


def _asked_model(given: Attributes) -> str | None:
    asked = text(given.get("llm.request.model_name"))
    if asked is None and (parameters := given.get("llm.invocation_parameters")) is not None:
        settings = loaded(parameters)
        asked = text(settings.get("model")) if isinstance(settings, dict) else None
    return asked


def _usage(given: Attributes) -> Usage | None:
    return disjoint(
        count(given.get("llm.token_count.prompt")),
        count(given.get("llm.token_count.completion")),
        total=count(given.get("llm.token_count.total")),
        cache_read=count(
            given.get(
                "llm.token_count.prompt_details.cache_read", given.get("llm.token_count.prompt_details.cache_input")
            )
        ),
        cache_write=count(given.get("llm.token_count.prompt_details.cache_write")),
        audio_read=count(given.get("llm.token_count.prompt_details.audio")),
        reasoning=count(given.get("llm.token_count.completion_details.reasoning")),
        audio_written=count(given.get("llm.token_count.completion_details.audio")),
    )


def _cost(given: Attributes) -> Any:
    total = usd(given.get("llm.cost.total"))
    if total is not None:
        return total
    read, written = usd(given.get("llm.cost.prompt")), usd(given.get("llm.cost.completion"))
    return None if read is None and written is None else (read or 0) + (written or 0)


def _messages(given: Attributes, prefix: str, role: str) -> list[Message] | None:
    found = [_message(item["message"]) for item in in_order(tree(given, prefix)) if _holds(item, "message")]
    return messages(found, role=role)


def _message(said: dict[str, Any]) -> dict[str, Any]:
    """Return one message as OpenAI would write it."""
    found: dict[str, Any] = {name: said[name] for name in ("role", "content", "name", "tool_call_id") if name in said}
    contents = [
        _content(item["message_content"]) for item in in_order(said.get("contents")) if _holds(item, "message_content")
    ]
    if contents and not text(found.get("content")):
        found["content"] = contents
    calls = [item["tool_call"] for item in in_order(said.get("tool_calls")) if _holds(item, "tool_call")]
    if "function_call_name" in said:
        function = {"name": said["function_call_name"], "arguments": said.get("function_call_arguments_json")}
        calls.append({"function": function})
    if calls:
        found["tool_calls"] = calls
    return found


def _content(part: dict[str, Any]) -> dict[str, Any]:
    image = part.get("image")
    if isinstance(image, dict) and isinstance(image.get("image"), dict):
        return {"type": "image_url", "image_url": image["image"]}
    return part


def _prompts(given: Attributes) -> list[Message] | None:
    """Return the prompt of a plain completion."""
    if "llm.prompts.0.prompt.text" not in given:
        return None
    found = [item["prompt"].get("text") for item in in_order(tree(given, "llm.prompts.")) if _holds(item, "prompt")]
    return messages(found)


def _choices(given: Attributes) -> list[Message] | None:
    if "llm.choices.0.completion.text" not in given:
        return None
    found = [
        item["completion"].get("text") for item in in_order(tree(given, "llm.choices.")) if _holds(item, "completion")
    ]
    return messages(found, role="assistant")


def _documents(given: Attributes) -> list[dict[str, Any]] | None:
    for prefix in ("retrieval.documents.", "reranker.output_documents."):
        found: dict[str, dict[str, Any]] = {}
        for name, value in given.items():
            if name.startswith(prefix):
                index, _, field = name.removeprefix(prefix).partition(".document.")
                found.setdefault(index, {})[field] = value
        if found:
            return documents(in_order(found))
    return None


def _embedded(given: Attributes) -> Any:
    found = [
        item["embedding"]["text"]
        for item in in_order(tree(given, "embedding.embeddings."))
        if _holds(item, "embedding") and text(item["embedding"].get("text"))
    ]
    return found[0] if len(found) == 1 else found or None


def _holds(item: Any, name: str) -> bool:
    return isinstance(item, dict) and isinstance(item.get(name), dict)
