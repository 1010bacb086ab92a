"""Values of an application as plain JSON values, taken at once and within bounds, so that later changes do not show.

Nothing of the application is called or used up: iterators stay unread, unknown objects are told by their type alone
(a `repr` may be slow, or say a secret). Cost: about 0.2 us per node, at most MAX_NODES of them.
"""

from __future__ import annotations

import datetime
import decimal
import enum
import json
import pathlib
import re
import uuid
from collections.abc import Mapping
from typing import Any, NamedTuple

MAX_DEPTH = 12
MAX_NODES = 5_000
MAX_ITEMS = 1_000
"""Of one list or object."""
MAX_CHARS = 1_000_000
"""Of all texts of one value."""
CUT = "… (cut)"
_HIDDEN = "[HIDDEN]"
_PLAIN = frozenset((int, bool, type(None)))
_SPOKEN = (datetime.date, datetime.time, datetime.timedelta, decimal.Decimal, pathlib.PurePath, uuid.UUID)
_TELLING = re.compile(r"(?:^|_)(?:passw(?:or)?d|secret|api_?key|credentials?|authorization|access_?token)(?:$|_)", re.I)


class _Left:
    __slots__ = ("chars", "nodes")

    def __init__(self) -> None:
        self.nodes = MAX_NODES
        self.chars = MAX_CHARS


class Snapshot(NamedTuple):
    """A value as it was at one moment."""

    value: Any
    """Plain JSON values that nobody else holds."""
    chars: int
    """About how much memory it takes."""


def snapshot(value: Any) -> Snapshot:
    """Return a value as it is now. Never raises."""
    left = _Left()
    try:
        found = _plain(value, left, 0)
    except Exception as error:  # the border to objects of strangers
        found = f"<{type(value).__name__}: {type(error).__name__} when read>"
    return Snapshot(found, MAX_CHARS - left.chars + 50 * (MAX_NODES - left.nodes))


def as_text(plain: Any) -> str:
    """Return plain JSON values as text: a text as it is, anything else as JSON."""
    return plain if isinstance(plain, str) else json.dumps(plain, ensure_ascii=False)


def is_telling(name: str) -> bool:
    """Tell whether an argument's name says that it holds a secret; such values are never recorded."""
    return _TELLING.search(name) is not None


def _plain(value: Any, left: _Left, depth: int) -> Any:
    kind = type(value)
    left.nodes -= 1
    if kind is str:
        return _text(value, left)
    if kind in _PLAIN:
        return value if kind is not int or -(2**63) <= value < 2**63 else str(value)[:40]
    if kind is float:
        return value if value - value == 0 else str(value)
    if depth >= MAX_DEPTH or left.nodes <= 0 or left.chars <= 0:
        return CUT
    if isinstance(value, Mapping):
        return _object(value, left, depth)
    if isinstance(value, (list, tuple, set, frozenset)):
        return _list(value, left, depth)
    if isinstance(value, (bytes, bytearray, memoryview)):
        return f"<{kind.__name__}: {len(value)} bytes>"
    if isinstance(value, enum.Enum):
        return _plain(value.value, left, depth + 1)
    if isinstance(value, str):
        return _text(str.__str__(value), left)
    if isinstance(value, _SPOKEN):
        return str(value)
    fields = _fields(value, kind)
    return f"<{kind.__module__}.{kind.__qualname__}>" if fields is None else _object(fields, left, depth)


def _fields(value: Any, kind: type) -> dict[str, Any] | None:
    """Return the fields of a dataclass, a pydantic model, an attrs class or a struct; None for anything else."""
    for marker in ("__pydantic_fields__", "__dataclass_fields__", "__struct_fields__", "__attrs_attrs__"):
        names = getattr(kind, marker, None)
        if names is None:
            continue
        names = [getattr(one, "name", one) for one in names]
        found = {
            name: vars(value)[name] if name in getattr(value, "__dict__", ()) else getattr(value, name, None)
            for name in names
        }
        extra = getattr(value, "__pydantic_extra__", None)
        return {**found, **extra} if isinstance(extra, dict) else found
    return None


def _text(value: str, left: _Left) -> str:
    allowed = max(left.chars, 0)
    left.chars -= len(value)
    return value if len(value) <= allowed else value[:allowed] + CUT


def _object(value: Mapping[Any, Any], left: _Left, depth: int) -> dict[str, Any]:
    found: dict[str, Any] = {}
    try:
        for name, inner in value.items():
            if len(found) >= MAX_ITEMS or left.nodes <= 0:
                found[CUT] = len(value)
                break
            key = (
                name
                if isinstance(name, str)
                else str(name)
                if type(name) in (int, bool, float)
                else type(name).__name__
            )
            found[_text(key, left)] = _HIDDEN if is_telling(key) else _plain(inner, left, depth + 1)
    except RuntimeError:  # another thread changes it meanwhile
        found[CUT] = True
    return found


def _list(value: Any, left: _Left, depth: int) -> list[Any]:
    found: list[Any] = []
    try:
        for inner in value:
            if len(found) >= MAX_ITEMS or left.nodes <= 0:
                found.append(f"{CUT}: {len(value)} items")
                break
            found.append(_plain(inner, left, depth + 1))
    except RuntimeError:
        found.append(CUT)
    return found
