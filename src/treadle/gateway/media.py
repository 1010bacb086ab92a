"""What a record keeps of images, sounds and files that came inside a request: where they are many, their size and digest. Pure."""

from __future__ import annotations

import hashlib
import re

from msgspec import Raw

MOST_BYTES = 1024 * 1024
"""Of messages that are kept with all that is in them, images of ordinary size included."""
_encoded = re.compile(rb"(?<![A-Za-z0-9+/=_-])[A-Za-z0-9+/=_-]{16384,}+")
"""Base64: no text has so many letters and figures in a row. It begins where a row begins, else rows that are a little too short
would be looked at from each of their letters."""


def without_media(messages: Raw) -> Raw:
    """Return messages with a note in the place of each piece of base64 of 16 KiB or more.

    A trace of some 30 MB helps nobody who reads it, and a few of them fill the queue that records wait in. 6 ms per MB of base64, 30 of prose.
    """
    return Raw(_encoded.sub(_note, memoryview(messages)))


def _note(found: re.Match[bytes]) -> bytes:
    data = found[0]
    return b"[not kept: %d bytes of base64, sha256 %b]" % (len(data), hashlib.sha256(data).hexdigest().encode())
