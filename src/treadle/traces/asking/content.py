"""What of a filter is in no column: attributes and texts, compared in a packed span. Pure; some 5 us per span and part."""

from __future__ import annotations

import operator
from collections.abc import Callable, Mapping, Sequence
from decimal import Decimal
from functools import partial
from typing import Any

import msgspec
from msgspec import Struct

from treadle.traces.asking.fields import ATTRIBUTE
from treadle.traces.asking.language import Operator, Term, Value, Words
from treadle.traces.asking.values import number_of, range_of
from treadle.traces.words import Wanted, matches, text_of, wanted_of

Check = Callable[[bytes], bool]

_COMPARE: dict[Operator, Callable[[Decimal, Decimal], bool]] = {
    "<": operator.lt,
    "<=": operator.le,
    ">": operator.gt,
    ">=": operator.ge,
}


class _Told(Struct):
    attributes: Any = None
    resource: Any = None


_told = msgspec.json.Decoder(_Told).decode


def check_of(leaf: Term | Words) -> Check:
    """Return what tells whether a packed span is what a part of a filter asks for."""
    if isinstance(leaf, Words):
        wanted = looked_for(leaf)
        return lambda data: matches(wanted, text_of(data))
    return partial(_has, leaf)


def looked_for(words: Words) -> Wanted:
    """Return what a search compares: a phrase as it stands, words in any order."""
    wanted = wanted_of(words.text)
    return wanted._replace(pieces=(words.text.lower(),)) if words.is_phrase else wanted


def agrees(found: object, sign: Operator, value: Value) -> bool:
    """Tell whether what a span has is what is asked for; of several, one is enough."""
    if isinstance(found, list):
        return any(agrees(one, sign, value) for one in found)
    if found is None:
        return False
    if value == Value("*"):
        return True
    if isinstance(found, bool):
        return sign == ":" and value.text.lower() == str(found).lower()
    if sign == ":" and not isinstance(found, int | float):
        text = found if isinstance(found, str) else msgspec.json.encode(found).decode()
        return text == value.text if value.is_literal else fits(value.text, text)
    try:
        number = number_of(str(found), "number")
        low, high = range_of(value.text, "number")
    except ValueError:
        return sign == ":" and fits(value.text, str(found))
    return low <= number <= high if sign == ":" else _COMPARE[sign](number, low)


def fits(pattern: str, text: str) -> bool:
    """Tell whether a text is a pattern in which `*` stands for any characters. Time grows with the lengths only."""
    first, *rest = pattern.split("*")
    if not rest:
        return text == pattern
    if not text.startswith(first):
        return False
    at = len(first)
    for part in rest[:-1]:
        at = text.find(part, at)
        if at < 0:
            return False
        at += len(part)
    return len(text) - at >= len(rest[-1]) and text.endswith(rest[-1])


def lookup(told: object, name: str) -> object:
    """Return what stands under a dotted name: as one key, or key by key in objects within objects; None for nothing."""
    if not isinstance(told, Mapping):
        return None
    if name in told:
        found: object = told[name]
        return found
    for place, character in enumerate(name):
        if character == "." and isinstance(told.get(name[:place]), Mapping):
            deeper = lookup(told[name[:place]], name[place + 1 :])
            if deeper is not None:
                return deeper
    return None


def _has(term: Term, data: bytes) -> bool:
    try:
        told = _told(data)
    except (msgspec.DecodeError, UnicodeDecodeError):
        return False
    found = lookup(told.attributes if term.field == ATTRIBUTE else told.resource, term.name)
    return any(agrees(found, term.operator, value) for value in term.values)


def together(sought: Sequence[Wanted]) -> Wanted:
    """Return what looks for all of them in the same span."""
    return Wanted(
        tuple(piece for one in sought for piece in one.pieces),
        frozenset[str]().union(*(one.words for one in sought)),
        tuple(pattern for one in sought for pattern in one.patterns),
    )
