r"""Half surrogate pairs in JSON, such as "\ud83d" alone: what servers and exporters in JavaScript write where they cut a text
within a character. JSON's grammar lets them stand, no text can hold them, and strict readers refuse everything around them."""

from __future__ import annotations

import re
from collections.abc import Callable

_escapes = re.compile(
    rb"\\(?:u[dD][89abAB][0-9a-fA-F]{2}\\u[dD][c-fC-F][0-9a-fA-F]{2}|(u[dD][89a-fA-F][0-9a-fA-F]{2})|.)", re.DOTALL
)
"""One escape after the other, so that an escaped backslash hides what follows it; a half is a group, a whole pair is not."""
_PLACES = range(0xE000, 0xF900)
"""Code points for private use: what stands in the place of a half for a moment is one that the body does not hold."""


def without_halves(data: bytes) -> bytes:
    """Return JSON with U+FFFD in the place of each half, of the same length."""
    return _put(data, rb"\ufffd")


def around_halves(data: bytes, work: Callable[[bytes], bytes]) -> bytes:
    """Return what `work` makes of JSON, its halves as they were. `work` keeps strings as bytes and in their order; where it
    writes one anew, as a field's name, all halves become U+FFFD."""
    place = next(mark for mark in (rb"\u%x" % point for point in _PLACES) if mark not in data)
    halves = [b"\\" + found[1] for found in _escapes.finditer(data) if found[1]]
    first, *between = work(_put(data, place)).split(place)
    if len(between) != len(halves):
        return work(without_halves(data))
    return first + b"".join(half + rest for half, rest in zip(halves, between, strict=True))


def _put(data: bytes, mark: bytes) -> bytes:
    return _escapes.sub(lambda found: mark if found[1] else found[0], data) if rb"\u" in data else data
