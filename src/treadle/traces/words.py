"""Words: what a search compares. Pure.

A block's spans are indexed in parts of 64: the set of a part's words, each hashed to 32 bits with its project, and its
texts in small letters. The index says which parts may hold a span with all the words; the texts say which span does.
So the index has some dozen entries per span, not hundreds, and a search reads some kilobytes for each candidate part.

A word is a run of letters, digits and underscores; Chinese, Japanese and Korean characters are words of their own, since
no spaces part them. A span matches when it has every word, in any order, and each piece between spaces as it was typed.
"""

from __future__ import annotations

import re
import zlib
from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple

import msgspec
import zstandard
from msgspec import Struct

PART_SPANS = 64
SPAN_CHARS = 100_000
"""Of one span that are searched."""
_ALONE = "\u3040-\u30ff\u3400-\u9fff\uac00-\ud7af"
_WORD = re.compile(rf"[{_ALONE}]|[^\W{_ALONE}]+")
_ENDS = re.compile(r"^\W+|\W+$")
_SPACES = {number: " " for number in range(128) if not (chr(number).isalnum() or chr(number) == "_")}
_MAX_UNPACKED = 256 * 1024 * 1024


class _Document(Struct):
    content: Any = None


class _Searched(Struct):
    input_text: str | None = None
    output_text: str | None = None
    error_message: str | None = None
    documents: list[_Document] | None = None


_searched = msgspec.json.Decoder(_Searched).decode
_texts = msgspec.json.Decoder(list[str]).decode


class Wanted(NamedTuple):
    """What a search looks for."""

    pieces: tuple[str, ...]
    words: frozenset[str]
    patterns: tuple[re.Pattern[str], ...]
    """One per word: the word, not as part of another."""


class Part(NamedTuple):
    """Some spans of a block, as they are indexed."""

    number: int
    words: list[int]
    """Hashed, signed, in order."""
    texts: bytes


def wanted_of(text: str) -> Wanted:
    """Return what is looked for; nothing where the text has no word."""
    pieces = [_ENDS.sub("", piece) for piece in text.lower().split()]
    words = frozenset(words_in(" ".join(pieces)))
    return Wanted(tuple(filter(None, pieces)), words, tuple(_pattern(word) for word in sorted(words)))


def text_of(data: bytes | None) -> str:
    """Return what is searched of a packed span, in small letters."""
    if data is None:
        return ""
    try:
        span = _searched(data)
    except (msgspec.DecodeError, UnicodeDecodeError):
        return ""
    contents = [document.content for document in span.documents or ()]
    told = [span.input_text, span.output_text, span.error_message, *contents]
    return "\n".join([one for one in told if isinstance(one, str) and one])[:SPAN_CHARS].lower()


def parts_of(spans: Sequence[bytes | None], project_id: str) -> list[Part]:
    """Return a block's spans as they are indexed; parts without a word are left out. Some 20 us per span."""
    parts = []
    for begin in range(0, len(spans), PART_SPANS):
        texts = [text_of(data) for data in spans[begin : begin + PART_SPANS]]
        words = words_in("\n".join(texts))
        if words:
            packed = zstandard.ZstdCompressor(level=1).compress(msgspec.json.encode(texts))
            parts.append(Part(begin // PART_SPANS, hashed(words, project_id), packed))
    return parts


def hashed(words: set[str] | frozenset[str], project_id: str) -> list[int]:
    """Return words as the index holds them: two may share a number, which costs a look and no more."""
    seed = zlib.crc32(project_id.encode())
    numbers = {zlib.crc32(word.encode(), seed) for word in words}
    return sorted(number - (1 << 32) if number >> 31 else number for number in numbers)


def words_in(text: str) -> set[str]:
    """Return the words of a text in small letters. Plain ASCII, which most is, takes a fifth of the time."""
    if text.isascii():
        return set(text.translate(_SPACES).split())
    return set(_WORD.findall(text))


def matches(wanted: Wanted, text: str) -> bool:
    """Tell whether a text in small letters has every word and every piece."""
    return all(piece in text for piece in wanted.pieces) and all(pattern.search(text) for pattern in wanted.patterns)


def places_in(wanted: Wanted, number: int, texts: bytes) -> Iterator[int]:
    """Yield the places in the block of a part's spans that match, last first."""
    loaded = _texts(zstandard.ZstdDecompressor().decompress(texts, max_output_size=_MAX_UNPACKED))
    for place in range(len(loaded) - 1, -1, -1):
        if matches(wanted, loaded[place]):
            yield number * PART_SPANS + place


def _pattern(word: str) -> re.Pattern[str]:
    inside = rf"[^\W{_ALONE}]"
    return re.compile(
        re.escape(word) if re.fullmatch(f"[{_ALONE}]", word) else f"(?<!{inside}){re.escape(word)}(?!{inside})"
    )
