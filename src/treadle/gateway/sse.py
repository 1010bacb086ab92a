"""Server-sent events: bytes as they arrive in, whole events out.

Chunks of the network cut anywhere, so nothing may be read before the blank line that ends an event. Whole events keep
their bytes; only complete ones are passed on, so a cut upstream never leaves half an event with the caller.
"""

from __future__ import annotations

import re

MAX_EVENT_BYTES = 1024 * 1024
DONE = b"[DONE]"

_END = re.compile(rb"(?>\r\n|\n|\r)(?>\r\n|\n|\r)")
"""A blank line; atomic groups, so that one CRLF is never read as two line ends."""
_LONGEST_END = 4


class EventTooLarge(Exception):
    """An event does not end: the upstream is broken or hostile."""


class EventFramer:
    """Cuts a byte stream into events."""

    def __init__(self) -> None:
        self._rest = b""

    @property
    def unfinished(self) -> bool:
        """Tell whether bytes of an incomplete event are held."""
        return bool(self._rest.strip())

    def feed(self, chunk: bytes) -> list[bytes]:
        """Take bytes, return the events that are now whole, each with the blank line that ends it."""
        if not self._rest and chunk.endswith(b"\n\n") and b"\r" not in chunk:
            # What nearly always comes: whole events, ended by line feeds.
            return [chunk] if chunk.count(b"\n\n") == 1 else [e + b"\n\n" for e in chunk[:-2].split(b"\n\n")]
        data = self._rest + chunk if self._rest else chunk
        events: list[bytes] = []
        start = 0
        searched = max(0, len(self._rest) - _LONGEST_END)
        for end in _END.finditer(data, searched):
            events.append(data[start : end.end()])
            start = end.end()
        self._rest = data[start:]
        if len(self._rest) > MAX_EVENT_BYTES:
            raise EventTooLarge
        return events


def data_of(event: bytes) -> bytes:
    """Return the payload of an event, empty for comments and other fields; several data lines are joined."""
    if event.startswith(b"data: ") and event.count(b"\n") == 2 and b"\r" not in event:
        return event[6:-2]
    lines = event.replace(b"\r\n", b"\n").replace(b"\r", b"\n").split(b"\n")
    return b"\n".join(line[5:].removeprefix(b" ") for line in lines if line.startswith(b"data:"))
