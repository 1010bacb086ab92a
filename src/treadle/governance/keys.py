"""API keys: `tdl_<key id: 12>_<secret: 43 base62>_<checksum: 6 base62>`, checked offline before any database is asked.

A key that may stand in a web page begins with `tdlp_`, so that people and scanners tell it from one that may not. What
it may do is decided by its row, never by how it begins.

The shape follows GitHub's tokens: a typed prefix that scanners find, underscores that select on a double click, and a CRC32 at
the end. We store HMAC-SHA256(pepper, secret): a fast hash is right for 256 random bits.
"""

from __future__ import annotations

import hashlib
import hmac
import re
import secrets
import zlib
from typing import Literal, NamedTuple

BASE62 = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
PREFIXES = {"secret": "tdl", "publishable": "tdlp"}
KEY_PATTERN = re.compile(r"^tdlp?_([0-9a-z]{12})_([0-9A-Za-z]{43})_([0-9A-Za-z]{6})$")
KEY_ID_ALPHABET = "0123456789abcdefghjkmnpqrstvwxyz"


class ParsedKey(NamedTuple):
    """The parts of a well-formed key."""

    key_id: str
    secret: str


def create_key(kind: Literal["secret", "publishable"] = "secret") -> tuple[str, ParsedKey]:
    """Return a fresh key and its parts."""
    key_id = "".join(secrets.choice(KEY_ID_ALPHABET) for _ in range(12))
    secret = "".join(secrets.choice(BASE62) for _ in range(43))
    body = f"{PREFIXES[kind]}_{key_id}_{secret}"
    return f"{body}_{_checksum(body)}", ParsedKey(key_id, secret)


def parse_key(text: str) -> ParsedKey | None:
    """Return the parts of a key, or None for anything that we never made."""
    found = KEY_PATTERN.match(text)
    if found is None or not hmac.compare_digest(_checksum(text.rpartition("_")[0]), found[3]):
        return None
    return ParsedKey(found[1], found[2])


def secret_hmac(pepper: bytes, secret: str) -> bytes:
    """Return what is stored of a secret, 32 bytes."""
    return hmac.digest(pepper, secret.encode(), hashlib.sha256)


def _checksum(body: str) -> str:
    number = zlib.crc32(body.encode())
    digits = []
    for _ in range(6):
        number, rest = divmod(number, 62)
        digits.append(BASE62[rest])
    return "".join(reversed(digits))
