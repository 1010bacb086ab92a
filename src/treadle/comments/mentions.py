"""Whom a text asks for: `@ana`, `@ana@example.com`, `@"Ana Lima"`. Pure.

What stands in code is no mention, nor is an address such as `me@example.com`, nor a path such as `/@ana`.
"""

from __future__ import annotations

import re
from collections.abc import Container, Iterator, Mapping
from typing import NamedTuple

ERASED = "@erased"
_CODE = re.compile(
    r"(?P<fence>^(?:```|~~~)).*?(?:^(?P=fence)|\Z)|(?<!`)(?P<tick>`+)(?!`).+?(?<!`)(?P=tick)(?!`)", re.M | re.S
)
_MENTION = re.compile(r"""(?<![\w@/.\\])@(?:"(?P<quoted>[^"\n]{1,80})"|(?P<plain>\w[\w.+-]*(?:@[\w.-]+)?))""")
_PLAIN_NAME = re.compile(r"\w(?:[\w.+-]*\w)?(?:@[\w.-]*\w)?")


class Found(NamedTuple):
    """Whom a text asks for."""

    known: dict[str, str]
    """Actor ids by name."""
    unknown: list[str]
    """Names that nobody has, in the order of the text."""


class _Spot(NamedTuple):
    start: int
    end: int
    name: str


def find_mentions(text: str, actors: Mapping[str, str]) -> Found:
    """Return whom a text asks for. actors: ids by name; capitals make no difference."""
    by_name = {name.casefold(): name for name in actors}
    known: dict[str, str] = {}
    unknown: list[str] = []
    for spot in _spots(text, by_name):
        name = by_name.get(spot.name.casefold())
        if name is not None:
            known[name] = actors[name]
        elif spot.name not in unknown:
            unknown.append(spot.name)
    return Found(known, unknown)


def without_mention(text: str, name: str) -> str:
    """Return a text in which somebody's name no longer stands behind an '@'."""
    parts, at = [], 0
    for spot in _spots(text, {name.casefold(): name}):
        if spot.name.casefold() == name.casefold():
            parts += [text[at : spot.start], ERASED]
            at = spot.end
    return "".join([*parts, text[at:]])


def mention_of(name: str) -> str:
    """Return how a text asks for somebody of this name."""
    return f"@{name}" if _PLAIN_NAME.fullmatch(name) else f'@"{name}"'


def _spots(text: str, known: Container[str]) -> Iterator[_Spot]:
    # Code is blanked and not cut out, so that places in the text stay what they are.
    prose = _CODE.sub(lambda code: " " * len(code[0]), text)
    for found in _MENTION.finditer(prose):
        if found["quoted"] is not None:
            yield _Spot(found.start(), found.end(), found["quoted"])
            continue
        name = _longest(found["plain"], known)
        yield _Spot(found.start(), found.start() + 1 + len(name), name)


def _longest(said: str, known: Container[str]) -> str:
    """Return the name at the beginning: full stops and hyphens at the end are the sentence's, unless somebody is called so."""
    short = said
    while short and short.casefold() not in known and not (short[-1].isalnum() or short[-1] == "_"):
        short = short[:-1]
    if short.casefold() in known or "@" not in short:
        return short
    first = short.partition("@")[0]
    return first if first.casefold() in known else short
