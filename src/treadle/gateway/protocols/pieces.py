"""Texts that an event of a stream says outside of what a protocol's room reads: pieces of something, one event after the other.

Protocols grow new ways to say things (code that a tool runs, transcripts of speech, summaries) faster than rooms learn
them, and guards have to see each of them whole, however it was cut. So every text in a delta that nobody reads is taken
for the next piece of what stood at the same place before. What names, measures or encodes is no text.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from typing import Any, NamedTuple

_NO_TEXT = frozenset(
    {
        "type", "role", "id", "object", "model", "status", "format", "name", "signature", "data", "encrypted_content",
        "item_id", "call_id", "tool_call_id", "tool_use_id", "media_type", "mime_type", "url", "image_url", "file_id",
        "finish_reason", "channel", "annotations", "citation", "obfuscation",
    }
)  # fmt: skip
"""Fields that name, measure or encode; citations and annotations come whole."""


class Piece(NamedTuple):
    """One piece of something that is said."""

    name: str
    """Of what: the path to it, with indices as the event states them."""
    block: int
    """With which block of the answer it ends."""
    holder: Any
    key: Any
    """Where it stands."""
    is_last: bool = False
    """Whether it is complete with this piece: what is signed is."""


def pieces_in(
    holder: Mapping[str, Any], where: str, block: int = 0, *, known: Collection[str] = frozenset()
) -> Iterator[Piece]:
    """Yield the pieces below an object. where: the path to it. known: its fields that somebody reads already."""
    places: list[tuple[Any, Any, str, bool]] = [
        (holder, key, f"{where}.{key}", bool(holder.get("signature"))) for key in holder if key not in known
    ]
    while places:
        inside, key, path, is_last = places.pop()
        value = inside[key]
        if key in _NO_TEXT:
            continue
        if isinstance(value, str):
            if value:
                yield Piece(path, block, inside, key, is_last)
        elif isinstance(value, dict):
            is_last = bool(value.get("signature"))
            places += [(value, each, f"{path}.{each}", is_last) for each in value]
        elif isinstance(value, list):
            places += [(value, at, f"{path}[{_index(each, at)}]", is_last) for at, each in enumerate(value)]


def _index(item: Any, position: int) -> Any:
    stated = item.get("index") if isinstance(item, dict) else None
    return stated if isinstance(stated, int) else position


def only(pieces: Iterator[Piece], name: str, words: str) -> None:
    """Let an event say nothing of its pieces but these words, of the one with this name."""
    for piece in list(pieces):
        piece.holder[piece.key] = words if piece.name == name else ""
