"""What frameworks wrap around the inputs and outputs of their steps, taken off again.

LangChain's callbacks say `{"inputs": X, "tags": ...}`, its messages `{"lc": 1, "kwargs": {"content": ...}}` or
`{"type": "tool", "data": {"content": ...}}`, LlamaIndex's queries `{"query_bundle": {"query_str": ...}}`, CrewAI's results `{"raw": ..., "pydantic": ...}`, a decorated
function `{"args": [...], "kwargs": {...}}`.
"""

from __future__ import annotations

from typing import Any

from treadle.traces.dialects.base import loaded

_CALLBACK = frozenset(("tags", "metadata", "kwargs", "color", "name", "input_str"))
_INPUTS, _OUTPUTS = ("inputs", "input_str", "query"), ("outputs", "output")
_RESPONSE = frozenset(("response", "source_nodes", "metadata"))
_QUERIES = frozenset(("query", "query_bundle", "str_or_query_bundle"))


def bare_input(value: Any) -> Any:
    """Return the input of a step without its framework's wrapping."""
    value = loaded(value)
    if not isinstance(value, dict):
        return value
    if value.keys() == {"args", "kwargs"} and isinstance(value["args"], list) and isinstance(value["kwargs"], dict):
        if not value["args"]:
            return value["kwargs"]
        return loaded(value["args"][0]) if len(value["args"]) == 1 and not value["kwargs"] else value
    value = _unwrapped(value, _INPUTS)
    if isinstance(value, dict) and len(value) == 1 and value.keys() <= _QUERIES:
        (query,) = value.values()
        inner = query.get("query_str") if isinstance(query, dict) else query
        return inner if isinstance(inner, str) else value
    return value


def bare_output(value: Any) -> Any:
    """Return the output of a step without its framework's wrapping: of a message its content, of one text the text."""
    value = loaded(value)
    if isinstance(value, dict):
        value = _unwrapped(value, _OUTPUTS)
    if isinstance(value, list) and len(value) == 1 and isinstance(value[0], dict) and "update" in value[0]:
        value = value[0]["update"]  # a step of LangGraph
    if isinstance(value, dict):
        if isinstance(value.get("response"), str) and value.keys() <= _RESPONSE:
            return value["response"]
        if isinstance(value.get("raw"), str) and "pydantic" in value:
            return value["raw"]
        inner = value.get("kwargs", value.get("data"))
        if isinstance(inner, dict) and "content" in inner and ("lc" in value or "type" in value):
            return inner["content"]
        if len(value) == 1 and isinstance(only := next(iter(value.values())), str):
            return only
    return value


def _unwrapped(value: dict[str, Any], names: tuple[str, ...]) -> Any:
    for name in names:
        rest = value.keys() - {name}
        if name in value and rest and rest <= _CALLBACK:
            return loaded(value[name])
    return value
