"""OpenLLMetry (Traceloop): `traceloop.*` around operations, on top of OpenTelemetry's names for the calls of models."""

from __future__ import annotations

from typing import Any

from treadle.traces.dialects.base import Attributes, Facts, first_text, loaded, text, unquoted
from treadle.traces.dialects.documents import documents
from treadle.traces.otlp.raw import RawSpan
from treadle.traces.types import SpanKind

_KINDS: dict[str, SpanKind] = {"workflow": "chain", "agent": "agent", "tool": "tool"}
"""A task may be anything."""
_REQUESTS: dict[str, SpanKind] = {
    "chat": "llm",
    "completion": "llm",
    "embedding": "embedding",
    "rerank": "rerank",
}
_ABOUT = "traceloop.association.properties."


class OpenLlmetry:
    """Spans with `traceloop.*` or `llm.request.type`."""

    def speaks(self, families: frozenset[str], attributes: Attributes) -> bool:
        """Tell by the first part of the names."""
        return "traceloop" in families or "crewai" in families or "llm.request.type" in attributes

    def read(self, span: RawSpan, families: frozenset[str], facts: Facts) -> None:
        """Fill in what the attributes say."""
        given = span.attributes
        kind = text(given.get("traceloop.span.kind"))
        if facts.kind is None and kind is not None:
            facts.kind = _KINDS.get(kind)
        request = text(given.get("llm.request.type"))
        if facts.kind is None and request is not None:
            facts.kind = _REQUESTS.get(request)
        names = ("session_id", "thread_id", "conversation_id")
        facts.session_id = facts.session_id or first_text(given, [_ABOUT + name for name in names])
        facts.user_id = facts.user_id or first_text(given, [_ABOUT + "user_id", "llm.user"])
        if facts.kind == "tool":
            facts.tool_name = facts.tool_name or text(given.get("traceloop.entity.name"))
        if facts.given is None:
            facts.given = unquoted(given.get("traceloop.entity.input", given.get("crewai.task.description")))
        if facts.result is None:
            facts.result = unquoted(given.get("traceloop.entity.output", given.get("crewai.crew.result")))
        if kind == "task" and facts.documents is None:
            facts.documents = _documents(facts.result)
            facts.kind = facts.kind or (None if facts.documents is None else "retrieval")
        if facts.variables is None:
            variables = loaded(given.get("traceloop.prompt.template_variables"))
            facts.variables = variables if isinstance(variables, dict) else None


def _documents(result: Any) -> list[dict[str, Any]] | None:
    """Return what a task found: LangChain's `{"documents": [...]}`, LlamaIndex's list of nodes, each as JSON text."""
    if isinstance(result, dict):
        return documents(result.get("documents"))
    if not isinstance(result, list):
        return None
    nodes = [loaded(item) for item in result]
    return documents(nodes) if all(isinstance(node, dict) and "node" in node for node in nodes) else None
