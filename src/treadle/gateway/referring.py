"""What a request reads that is not in it: images, files, and conversations that a provider keeps. Pure.

A limit must hold something for them before they are read, and their size is not known here. So each holds a fixed amount,
rather too much than too little for one; what it really took is counted when the answer states it. A conversation that a
provider keeps has no bound that a fixed amount could stand for.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any, NamedTuple

import msgspec

IMAGE_TOKENS = 5_000
"""Held for an image: as much as the largest take with most models (Anthropic: up to 4,784; OpenAI's GPT-4o: 1,445)."""
FILE_TOKENS = 20_000
"""Held for a file, a sound, a film, a stored prompt or item: some ten pages as text and image."""
_IMAGES = frozenset({"image_url", "input_image", "image"})
_FILES = frozenset(
    {"file", "input_file", "document", "input_audio", "audio_url", "video_url", "input_video", "item_reference"}
)
_NESTED = ("content", "output", "input", "messages")
_KEPT = ("previous_response_id", "conversation")
_names = re.compile(rb'"(?:type|prompt|%b)"' % "|".join(_KEPT).encode()).search
_escapes = re.compile(rb"\\u").search
"""A request in which neither finds anything refers to nothing: each finds a field's name, or how a letter of one may be hidden.
`in` takes three times as long."""


class Referred(NamedTuple):
    """What a request refers to."""

    tokens: int = 0
    """To hold for it."""
    inline_bytes: int = 0
    """Of images that stand in the request itself: they are read as images, and are no text."""
    kept: str | None = None
    """The field that names a conversation kept by a provider; None where all that is said is in the request."""


_NOTHING = Referred()


def referred(body: bytes) -> Referred:
    """Return what a request refers to. body: valid JSON."""
    if not (_names(body) or _escapes(body)):
        return _NOTHING
    given = msgspec.json.decode(body)
    if not isinstance(given, dict):
        return _NOTHING
    stored_prompt = FILE_TOKENS if isinstance(given.get("prompt"), dict) else 0
    kept = next((name for name in _KEPT if given.get(name) is not None), None)
    tokens, inline = stored_prompt, 0
    for part in _parts(given):
        tokens += _tokens_of(part)
        inline += _inline_bytes(part)
    return Referred(tokens, inline, kept)


def _parts(given: dict[str, Any]) -> Iterator[dict[str, Any]]:
    """Yield every message, item and part of a request."""
    waiting = [given]
    while waiting:
        one = waiting.pop()
        yield one
        for name in _NESTED:
            below = one.get(name)
            if isinstance(below, list):
                waiting += [each for each in below if isinstance(each, dict)]


def _tokens_of(part: dict[str, Any]) -> int:
    kind = part.get("type")
    if not isinstance(kind, str):
        return 0
    return IMAGE_TOKENS if kind in _IMAGES else FILE_TOKENS if kind in _FILES else 0


def _inline_bytes(part: dict[str, Any]) -> int:
    """Return how large the image is that stands in a part."""
    if part.get("type") not in _IMAGES:
        return 0
    url, source = part.get("image_url"), part.get("source")
    data = url.get("url") if isinstance(url, dict) else url
    if isinstance(source, dict) and source.get("type") == "base64":
        data = f"data:{source.get('data')}"
    return len(data) if isinstance(data, str) and data.startswith("data:") else 0
