"""Bodies that come compressed although we asked for plain ones: unpacked a bounded piece at a time.

A few kilobytes can unpack to gigabytes, so nothing is unpacked beyond what the reader asked for.
"""

from __future__ import annotations

import zlib

from treadle.gateway.upstream import Broken, TooLarge

_PIECE = 256 * 1024
_WINDOW = {"gzip": 31, "x-gzip": 31, "deflate": 47}
"""zlib's window bits; 47 tells zlib and gzip headers apart by itself."""


class Inflater:
    """Unpacks one body."""

    def __init__(self, encoding: str, limit_bytes: int) -> None:
        """encoding: the content-encoding. limit_bytes: how much it may unpack to. Raises Broken for unknown ones."""
        window = _WINDOW.get(encoding)
        if window is None:
            raise Broken(f"it answered with content-encoding '{encoding[:40]}' although a plain answer was asked for")
        self._inflate = zlib.decompressobj(window)
        self._left = limit_bytes
        self._limit = limit_bytes

    def feed(self, data: bytes) -> bytes:
        """Return what these bytes unpack to. Raises TooLarge beyond the limit, Broken when they are damaged."""
        parts: list[bytes] = []
        try:
            while data:
                part = self._inflate.decompress(data, _PIECE)
                self._left -= len(part)
                if self._left < 0:
                    raise TooLarge(f"more than {self._limit} bytes once unpacked")
                parts.append(part)
                data = self._inflate.unconsumed_tail
        except zlib.error as error:
            raise Broken("what came compressed does not unpack") from error
        return b"".join(parts)

    def finish(self) -> bytes:
        """Return what is left at the end of the body. Raises Broken when it was cut."""
        if not self._inflate.eof:
            raise Broken("what came compressed was cut")
        return b""
