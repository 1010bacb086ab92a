"""Where the events of a Responses stream say again what its deltas said: parts, items, and the whole response."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from treadle.gateway.protocols.base import Kind, Lane

Place = tuple[Lane, dict[str, Any], str]

_FIELDS: Mapping[str, tuple[Kind, str]] = {
    "response.output_text.done": ("text", "text"),
    "response.refusal.done": ("refusal", "refusal"),
    "response.reasoning_summary_text.done": ("reasoning", "text"),
    "response.reasoning_text.done": ("reasoning", "text"),
    "response.function_call_arguments.done": ("call", "arguments"),
    "response.custom_tool_call_input.done": ("call", "input"),
}
"""Event to what it says again, and in which field."""
_PARTS: Mapping[str, tuple[Kind, str]] = {
    "output_text": ("text", "text"),
    "refusal": ("refusal", "refusal"),
    "summary_text": ("reasoning", "text"),
    "reasoning_text": ("reasoning", "text"),
}
_CALLS = {"function_call": "arguments", "custom_tool_call": "input"}


def restated(event: dict[str, Any]) -> Iterator[Place]:
    """Yield each text that an event says again: of which item and part, and where it stands."""
    kind, block = str(event.get("type")), _index(event, "output_index")
    if kind in _FIELDS:
        said, name = _FIELDS[kind]
        yield from _place(said, block, _part_of(event) if said != "call" else 0, event, name)
    elif isinstance(part := event.get("part"), dict):
        yield from _of_part(part, block, _part_of(event))
    elif isinstance(item := event.get("item"), dict):
        yield from _of_item(item, block)
    elif isinstance(response := event.get("response"), dict):
        for index, item in enumerate(response.get("output") or ()):
            yield from _of_item(item, index)


def _of_item(item: Any, block: int) -> Iterator[Place]:
    if not isinstance(item, dict):
        return
    if item.get("type") in _CALLS:
        yield from _place("call", block, 0, item, _CALLS[item["type"]])
    for name in ("summary", "content"):
        parts = item.get(name)
        for index, part in enumerate(parts if isinstance(parts, list) else ()):
            yield from _of_part(part, block, index)


def _of_part(part: Any, block: int, index: int) -> Iterator[Place]:
    if isinstance(part, dict) and part.get("type") in _PARTS:
        said, name = _PARTS[part["type"]]
        yield from _place(said, block, index, part, name)


def _place(kind: Kind, block: int, part: int, holder: dict[str, Any], name: str) -> Iterator[Place]:
    if isinstance(holder.get(name), str) and holder[name]:
        yield Lane(kind, block, part), holder, name


def _part_of(event: Mapping[str, Any]) -> int:
    return _index(event, "summary_index" if "summary_index" in event else "content_index")


def _index(event: Mapping[str, Any], name: str) -> int:
    found = event.get(name)
    return found if isinstance(found, int) else 0
