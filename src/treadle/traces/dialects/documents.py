"""Retrieved passages of every dialect in one shape: `types.Document`."""

from __future__ import annotations

from typing import Any

from treadle.traces.dialects.base import first_text, json_of, loaded, number

_CONTENTS = ("content", "page_content", "text", "document")


def documents(value: Any) -> list[dict[str, Any]] | None:
    """Return a list of documents in canonical shape; None where there is none. value: JSON text or a list of objects."""
    value = loaded(value)
    if not isinstance(value, list):
        return None
    return [_document(item) for item in value if isinstance(item, dict)] or None


def _document(item: dict[str, Any]) -> dict[str, Any]:
    inner = item.get("document", item.get("node"))
    if isinstance(inner, dict):
        item = {**item, **inner} if len(item) > 1 else inner
    found: dict[str, Any] = {}
    name = item.get("id", item.get("id_", item.get("doc_id")))
    if name is not None:
        found["id"] = json_of(name)
    found["content"] = first_text(item, _CONTENTS) or ""
    score = number(item.get("score", item.get("relevance_score")))
    if score is not None:
        found["score"] = score
    metadata = loaded(item.get("metadata"))
    if metadata:
        found["metadata"] = metadata
    return found
