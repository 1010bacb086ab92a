"""Ids: a short prefix that says what it names, and 128 bits in lowercase Crockford base32.

New ids start with 48 bits of milliseconds (the layout of UUIDv7, RFC 9562), so they sort by age and index well.
Derived ids are hashes, so that work which runs twice names its results alike.
"""

from __future__ import annotations

import hashlib
import os
import time

ALPHABET = "0123456789abcdefghjkmnpqrstvwxyz"


def new_id(prefix: str) -> str:
    """Return a fresh id such as 'run_01jd…'; unique without asking anyone."""
    milliseconds = time.time_ns() // 1_000_000
    return f"{prefix}_{_encode(milliseconds.to_bytes(6, 'big') + os.urandom(10))}"


def derive_id(prefix: str, *parts: str) -> str:
    """Return the one id that belongs to these parts (at least one, none with U+001F); safe to repeat."""
    text = "\x1f".join(parts).encode()
    return f"{prefix}_{_encode(hashlib.blake2b(text, digest_size=16).digest())}"


def _encode(raw: bytes) -> str:
    number = int.from_bytes(raw, "big")
    return "".join(ALPHABET[(number >> shift) & 31] for shift in range(125, -5, -5))
