"""MLflow's tracing: `mlflow.*`, every value JSON of its own, texts in quotes included."""

from __future__ import annotations

from typing import Any

from treadle.traces.dialects.base import Attributes, Facts, text, unquoted
from treadle.traces.dialects.documents import documents
from treadle.traces.dialects.langfuse import usage_of
from treadle.traces.dialects.messages import finish_reason, messages
from treadle.traces.dialects.providers import provider_name
from treadle.traces.otlp.raw import RawSpan
from treadle.traces.types import SpanKind

_KINDS: dict[str, SpanKind] = {
    "LLM": "llm",
    "CHAT_MODEL": "llm",
    "EMBEDDING": "embedding",
    "RETRIEVER": "retrieval",
    "RERANKER": "rerank",
    "TOOL": "tool",
    "AGENT": "agent",
    "GUARDRAIL": "guardrail",
    "EVALUATOR": "evaluator",
}


class MlFlow:
    """Spans with `mlflow.*`."""

    def speaks(self, families: frozenset[str], attributes: Attributes) -> bool:
        """Tell by the first part of the names."""
        return "mlflow" in families

    def read(self, span: RawSpan, families: frozenset[str], facts: Facts) -> None:
        """Fill in what the attributes say."""
        given = span.attributes
        kind = text(unquoted(given.get("mlflow.spanType")))
        if facts.kind is None and kind is not None:
            facts.kind = _KINDS.get(kind, "chain")
        asked, said = unquoted(given.get("mlflow.spanInputs")), unquoted(given.get("mlflow.spanOutputs"))
        facts.provider = facts.provider or provider_name(text(unquoted(given.get("mlflow.llm.provider"))))
        facts.model = facts.model or _field(said, "model") or text(unquoted(given.get("mlflow.llm.model")))
        facts.asked_model = facts.asked_model or _field(asked, "model")
        facts.usage = (
            facts.usage or usage_of(_named(said, "usage")) or usage_of(unquoted(given.get("mlflow.chat.tokenUsage")))
        )
        if facts.kind == "llm":
            facts.asked = facts.asked or messages(_named(asked, "messages"))
            choice = _choice(said)
            facts.said = facts.said or messages(choice or None, role="assistant")
            facts.finish_reason = facts.finish_reason or finish_reason(_named(choice, "finish_reason"))
        elif facts.kind in ("retrieval", "rerank"):
            facts.documents = facts.documents or documents(said)
        elif facts.kind == "embedding" and facts.given is None:
            facts.given = _named(asked, "input")
        elif facts.kind == "tool":
            facts.tool_name = facts.tool_name or text(span.name)
        if facts.given is None:
            facts.given = asked
        if facts.result is None:
            facts.result = said


def _choice(said: Any) -> Any:
    """Return the first choice of OpenAI's answer; anything else is nothing."""
    choices = _named(said, "choices")
    return choices[0] if isinstance(choices, list) and choices else None


def _named(value: Any, name: str) -> Any:
    return value.get(name) if isinstance(value, dict) else None


def _field(value: Any, name: str) -> str | None:
    return text(_named(value, name))
