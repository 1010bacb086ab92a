"""Spans that know nothing of models: HTTP, databases, queues. What they have in common with the others is read: who, in
which session; and a search in a vector database is a retrieval."""

from __future__ import annotations

from typing import Any

from treadle.traces.dialects.base import Attributes, Facts, first_text, loaded
from treadle.traces.dialects.documents import documents
from treadle.traces.otlp.raw import RawSpan

_VECTORS = frozenset(("pinecone", "qdrant", "weaviate", "milvus", "chroma", "lancedb", "marqo"))
_SEARCHES = ("query", "search", "recommend", "get")


class Plain:
    """Any span at all."""

    def speaks(self, families: frozenset[str], attributes: Attributes) -> bool:
        """Every span speaks it."""
        return True

    def read(self, span: RawSpan, families: frozenset[str], facts: Facts) -> None:
        """Fill in what OpenTelemetry names for every span."""
        given = span.attributes
        facts.session_id = facts.session_id or first_text(given, ("session.id",))
        facts.user_id = facts.user_id or first_text(given, ("user.id", "enduser.id"))
        system = first_text(given, ("db.system.name", "db.system"))
        if facts.kind is None and system is not None and system.lower() in _VECTORS:
            operation = first_text(given, ("db.operation.name", "db.operation")) or span.name
            if any(word in operation.lower() for word in _SEARCHES):
                facts.kind = "retrieval"
                facts.documents = facts.documents or _found(span)


def _found(span: RawSpan) -> list[dict[str, Any]] | None:
    """Return what came back, which OpenLLMetry tells in one event each."""
    results = [event.attributes for event in span.events if event.name == "db.query.result"]
    prefix = "db.query.result."
    return documents(
        [{name.removeprefix(prefix): loaded(value) for name, value in result.items()} for result in results]
    )
