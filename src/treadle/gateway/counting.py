"""Our own count of tokens, for what no provider states: reservations before a request, and answers that were cut.

Providers' tokenizers differ and most are not published, so this is an estimate and is flagged as one. It cuts text as
their pre-tokenizers do (words with their leading space, runs of up to three digits, single marks, single letters of
scripts without spaces) and counts long words as several tokens.
"""

from __future__ import annotations

import re
from collections.abc import Callable

import msgspec

from treadle.gateway.protocols.base import Usage
from treadle.gateway.protocols.usage import input_total, output_total

_PIECES = re.compile(r"[A-Za-z]{1,6}|\d{1,3}|[^\W\d_A-Za-z]+|[^\w\s]|_+|\n+")
_LETTERS_PER_PIECE = 6
"""As the pattern says."""
_BYTES_PER_TOKEN = 3
_LETTERS = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
_MOST_COUNTED = 100_000
_SAMPLES = 20
_SAMPLE = _MOST_COUNTED // _SAMPLES
_REQUEST_BYTES_PER_TOKEN = 3.5
"""Of a request's JSON; fewer than in prose (4.4 for English), so that a reservation is rather too large."""


def estimate_tokens(text: str) -> int:
    """Return about how many tokens a text has; of a very long one by samples from all of it, so that nobody waits for it."""
    if len(text) > _MOST_COUNTED:
        step = len(text) // _SAMPLES
        counted = sum(_count(text[at : at + _SAMPLE]) for at in range(0, step * _SAMPLES, step))
        return counted * len(text) // (_SAMPLE * _SAMPLES)
    return _count(text)


def most_tokens(text: str) -> int:
    """Return a number that `estimate_tokens` does not exceed, at a small part of its cost.

    There are no more words than what stands between them and one, a word has no more pieces than its letters fill and
    one, and whatever is neither letter nor space is at most one piece for each byte.
    """
    data = text.encode("utf-8", "surrogatepass")
    others = len(data.translate(None, _LETTERS))
    marks = others - data.count(b" ")
    return (len(data) - others) // _LETTERS_PER_PIECE + others + 1 + marks


def _count(text: str) -> int:
    pieces = _PIECES.findall(text)
    if text.isascii():
        return len(pieces)
    return sum(
        1 if piece.isascii() else max(1, -(-len(piece.encode("utf-8", "surrogatepass")) // _BYTES_PER_TOKEN))
        for piece in pieces
    )


def request_tokens(body_bytes: int) -> int:
    """Return how many tokens to reserve for what is read of a request of this size."""
    return int(body_bytes / _REQUEST_BYTES_PER_TOKEN)


def estimate_usage(read: int, output: str, reasoning: str = "") -> Usage:
    """Return our count of a request whose provider did not get to state its own. read: tokens that it gave to be read."""
    return Usage(
        input_tokens=read,
        output_tokens=estimate_tokens(output),
        reasoning_tokens=estimate_tokens(reasoning) if reasoning else 0,
        estimated=True,
    )


def is_complete(usage: Usage | None) -> bool:
    """Tell whether a provider stated both what was read and what was written: nothing is left to count."""
    if usage is None:
        return False
    return bool((usage.input_tokens or input_total(usage)) and (usage.output_tokens or output_total(usage)))


def complete_usage(usage: Usage | None, read: Callable[[], int], output: str, reasoning: str = "") -> Usage:
    """Return what a provider stated, with our own count in the place of what it did not.

    An answer that was cut states nothing, or only what was known when it began. Nobody reads nothing, and what was said
    was written: a 0 there is no statement. read: counts what was given to be read.
    """
    has_input = usage is not None and input_total(usage) > 0
    has_output = (usage is not None and output_total(usage) > 0) or not (output or reasoning)
    if usage is not None and has_input and has_output:
        return usage
    counted = estimate_usage(0 if has_input else read(), output, reasoning)
    if usage is not None and has_input:
        return msgspec.structs.replace(
            usage, output_tokens=counted.output_tokens, reasoning_tokens=counted.reasoning_tokens, estimated=True
        )
    if usage is not None and output_total(usage) > 0:
        return msgspec.structs.replace(usage, input_tokens=counted.input_tokens, estimated=True)
    return counted


def added(one: Usage | None, other: Usage | None) -> Usage | None:
    """Return the usage of two answers together; None when neither stated any."""
    if one is None or other is None:
        return one or other
    total = Usage(estimated=one.estimated or other.estimated)
    for name in Usage.__struct_fields__:
        if name != "estimated":
            setattr(total, name, _sum(getattr(one, name), getattr(other, name)))
    return total


def _sum(one: int | None, other: int | None) -> int | None:
    return None if one is None and other is None else (one or 0) + (other or 0)
