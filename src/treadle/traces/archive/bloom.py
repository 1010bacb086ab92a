"""Which traces a file may hold: a Bloom filter in blocks of 64 bytes, so that asking reads one block of it. Pure.

24 bits per trace and eight of them set: a file is opened in vain for fewer than one trace in a thousand. Source: Putze,
Sanders and Singler 2007, "Cache-, Hash- and Space-Efficient Bloom Filters".
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from typing import NamedTuple

BLOCK_BYTES = 64
_TRACES_PER_BLOCK = 21
_BITS = BLOCK_BYTES * 8
_SET = 8


class Marks(NamedTuple):
    """Where a trace leaves its marks."""

    number: int
    """The block is this number modulo how many there are; 63 bits."""
    bits: int
    """Within the block, as one number of 512 bits."""


def marks_of(trace_id: str) -> Marks:
    """Return a trace's marks."""
    told = hashlib.blake2b(trace_id.encode(), digest_size=8 + 2 * _SET).digest()
    bits = 0
    for at in range(8, len(told), 2):
        bits |= 1 << (int.from_bytes(told[at : at + 2]) % _BITS)
    return Marks(int.from_bytes(told[:8]) >> 1, bits)


def filter_of(trace_ids: Iterable[str]) -> bytes:
    """Return the filter of these traces."""
    marks = [marks_of(trace_id) for trace_id in set(trace_ids)]
    blocks = [0] * (len(marks) // _TRACES_PER_BLOCK + 1)
    for one in marks:
        blocks[one.number % len(blocks)] |= one.bits
    return b"".join(block.to_bytes(BLOCK_BYTES) for block in blocks)


def may_hold(block: bytes, marks: Marks) -> bool:
    """Tell whether the traces of a filter, of which this is the block, may include one: never wrong when it says no."""
    return int.from_bytes(block) & marks.bits == marks.bits
