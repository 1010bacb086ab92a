"""What a dialect reads out of a span, and how values of unknown shape are read without ever failing.

Attributes come from strangers: a number may be text, text may be a list, JSON may be cut off in the middle. What cannot
be read as what it should be is as good as absent; the span keeps it raw in any case.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from decimal import Decimal, InvalidOperation
from typing import Any, Protocol

import msgspec
from msgspec import Struct

from treadle.traces.dialects.usage import Usage
from treadle.traces.otlp.limits import MAX_DEPTH
from treadle.traces.otlp.raw import RawSpan
from treadle.traces.types import SpanKind

Attributes = Mapping[str, Any]
Message = dict[str, Any]
MAX_COUNT = 2**31 - 1
"""Largest number of tokens that we believe, and that the database's integers hold."""
_MAX_USD = Decimal(1_000_000)
_NUMBERS, _AMOUNTS, _BRANCHES = (int, float), (int, float, str), (dict, list)
_decode = msgspec.json.Decoder().decode


class Facts(Struct):
    """What a span means; None is what no dialect has said yet. The first dialect that says something is believed."""

    kind: SpanKind | None = None
    provider: str | None = None
    model: str | None = None
    """Of the answer."""
    asked_model: str | None = None
    """Of the request."""
    asked: list[Message] | None = None
    """Messages that went in, in canonical shape."""
    said: list[Message] | None = None
    """Messages that came out, in canonical shape."""
    given: Any = None
    """Input of an operation that is no chat: an object, a text."""
    result: Any = None
    """Its output."""
    variables: dict[str, Any] | None = None
    """What a prompt was filled in with."""
    documents: list[dict[str, Any]] | None = None
    usage: Usage | None = None
    cost_usd: Decimal | None = None
    finish_reason: str | None = None
    session_id: str | None = None
    user_id: str | None = None
    tool_name: str | None = None
    first_token_ms: float | None = None
    error: str | None = None
    """Message of an error that the dialect tells in its own way."""


class Dialect(Protocol):
    """One emitter's vocabulary."""

    def speaks(self, families: frozenset[str], attributes: Attributes) -> bool:
        """Tell whether a span may hold words of this dialect; families are the first parts of its attributes' names."""

    def read(self, span: RawSpan, families: frozenset[str], facts: Facts) -> None:
        """Fill in what is still None and what the span says in this dialect."""


def text(value: Any) -> str | None:
    """Return a text that is not empty; numbers are no text."""
    return value if isinstance(value, str) and value else None


def first_text(attributes: Attributes, names: Iterable[str]) -> str | None:
    """Return the first of these attributes that is a text."""
    for name in names:
        value = attributes.get(name)
        if isinstance(value, str) and value:
            return value
    return None


def count(value: Any) -> int | None:
    """Return a number of things; floats and digits are read, what is negative or beyond belief is none."""
    if value is None:
        return None
    if type(value) is int:
        return value if 0 <= value <= MAX_COUNT else None
    if isinstance(value, str):
        if not (value.isascii() and value.isdigit() and len(value) <= 10):
            return None
        value = int(value)
    if isinstance(value, bool) or not isinstance(value, _NUMBERS):
        return None
    return int(value) if 0 <= value <= MAX_COUNT else None


def is_beyond_belief(value: Any) -> bool:
    """Tell whether a value is a number of things that `count` takes for none because it is too large."""
    if isinstance(value, str) and value.isascii() and value.isdigit():
        value = int(value[:40])
    return isinstance(value, _NUMBERS) and value > MAX_COUNT


def first_count(attributes: Attributes, names: Iterable[str]) -> int | None:
    """Return the first of these attributes that is a count."""
    for name in names:
        value = attributes.get(name)
        if value is not None and (found := count(value)) is not None:
            return found
    return None


def number(value: Any) -> float | None:
    """Return a finite number."""
    if value is None or isinstance(value, bool) or not isinstance(value, _NUMBERS):
        return None
    return float(value) if abs(value) < 1e300 else None


def usd(value: Any) -> Decimal | None:
    """Return an amount of money; None for what is negative or no number."""
    if value is None or isinstance(value, bool) or not isinstance(value, _AMOUNTS):
        return None
    try:
        amount = Decimal(str(value)[:40])
    except InvalidOperation:
        return None
    return amount if amount.is_finite() and 0 <= amount < _MAX_USD else None


def loaded(value: Any) -> Any:
    """Return what JSON text holds, and anything else, and text that is no JSON object or list, as it is."""
    if not isinstance(value, str) or value[:20].lstrip()[:1] not in ("{", "["):
        return value
    try:
        found = _decode(value)
    except (msgspec.DecodeError, UnicodeError, RecursionError):
        return value
    return value if _is_too_deep(value, found) else found


def unquoted(value: Any) -> Any:
    """Return what an attribute holds that is always JSON, so that a text in it stands in quotes."""
    if isinstance(value, str) and value[:1] == '"':
        inner = loaded(f"[{value}]")
        return inner[0] if isinstance(inner, list) and len(inner) == 1 else value
    return loaded(value)


def json_of(value: Any) -> str:
    """Return a value as text: text as it is, anything else as compact JSON."""
    return value if isinstance(value, str) else msgspec.json.encode(value).decode()


def tree(attributes: Attributes, prefix: str) -> dict[str, Any]:
    """Return what flat names under a prefix spell out: `{'0': {'message': {'role': ...}}}`.

    Indexes stay texts, so a large one costs no more than a small one. Where a name is both a leaf and a branch, the
    branch stands.
    """
    found: dict[str, Any] = {}
    skip = len(prefix)
    for name, value in attributes.items():
        if name.startswith(prefix):
            parts = name[skip:].split(".", MAX_DEPTH)
            leaf = parts.pop()
            node = found
            for part in parts:
                inner = node.get(part)
                if type(inner) is not dict:
                    inner = node[part] = {}
                node = inner
            if leaf not in node or type(node[leaf]) is not dict:
                node[leaf] = value
    return found


def in_order(node: Any) -> list[Any]:
    """Return the values of a tree's node by rising index; what has no index is left out."""
    if not isinstance(node, dict):
        return []
    indexes = [index for index in node if index.isdecimal() and index.isascii()]
    if len(indexes) > 1:
        indexes.sort()
        indexes.sort(key=len)  # as numbers, without reading them as numbers: one may have hundreds of digits
    return [node[index] for index in indexes]


def _is_too_deep(source: str, value: Any) -> bool:
    """Tell whether JSON nests deeper than we carry on; texts with few brackets need no look."""
    if source.count("[") + source.count("{") <= MAX_DEPTH:
        return False
    level = [value]
    for _ in range(MAX_DEPTH):
        level = [
            child
            for node in level
            if isinstance(node, _BRANCHES)
            for child in (node.values() if isinstance(node, dict) else node)
            if isinstance(child, _BRANCHES)
        ]
        if not level:
            return False
    return True
