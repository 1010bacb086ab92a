"""Cuts server-sent events out of bytes as they arrive, each with its payload, its name and its own bytes.

The network cuts anywhere, so an event is handed out only with the blank line that ends it. Whole events that end in line
feeds, which is nearly all there is, take the short way; everything else is gathered in a buffer that is searched once.
"""

from __future__ import annotations

import re

from treadle.gateway.providers.base import Event
from treadle.gateway.sse import EventTooLarge

MAX_EVENT_BYTES = 4 * 1024 * 1024
"""Of one event; images come base64 in one."""

_END = re.compile(rb"(?>\r\n|\n|\r)(?>\r\n|\n|\r)")
"""A blank line; atomic groups, so that one CRLF is never read as two line ends."""
_LONGEST_END = 4
_BOM = b"\xef\xbb\xbf"


class EventStreamFramer:
    """Frames one text/event-stream."""

    def __init__(self) -> None:
        self._rest = bytearray()
        self._searched = 0
        self._is_first = True

    @property
    def is_between(self) -> bool:
        """Whether it holds nothing of an event that is not whole."""
        return not self._rest

    def feed(self, chunk: bytes) -> list[Event]:
        """Take bytes; return the events that are whole now. Raises EventTooLarge for one that does not end."""
        if self._is_first:
            if len(self._rest) + len(chunk) < len(_BOM):
                self._rest += chunk
                return []
            self._is_first = False
            if self._rest:
                chunk = bytes(self._rest) + chunk
                self._rest.clear()
            chunk = chunk.removeprefix(_BOM)
        if not self._rest and chunk.endswith(b"\n\n") and b"\r" not in chunk and len(chunk) <= MAX_EVENT_BYTES:
            if chunk.count(b"\n\n") == 1:
                return [event_of(chunk)]
            return [event_of(raw + b"\n\n") for raw in chunk[:-2].split(b"\n\n")]
        rest = self._rest
        rest += chunk
        events: list[Event] = []
        start = 0
        for end in _END.finditer(rest, self._searched):
            if end.end() == len(rest) and rest[-1] == 13:
                break  # the line feed of this carriage return may be on its way
            events.append(event_of(bytes(rest[start : end.end()])))
            start = end.end()
        del rest[:start]
        self._searched = max(0, len(rest) - _LONGEST_END)
        if len(rest) > MAX_EVENT_BYTES:
            raise EventTooLarge
        return events


def event_of(raw: bytes) -> Event:
    """Read one framed event; its data is empty where it has none (a comment)."""
    if raw.startswith(b"data: ") and raw.find(b"\n") == len(raw) - 2:
        return Event(raw[6:-2], None, raw)
    if raw.startswith(b"event: "):
        end = raw.find(b"\n")
        if raw.startswith(b"data: ", end + 1) and raw.find(b"\n", end + 1) == len(raw) - 2:
            return Event(raw[end + 7 : -2], raw[7:end].decode("utf-8", "replace"), raw)
    name: str | None = None
    data: list[bytes] = []
    for line in raw.replace(b"\r\n", b"\n").replace(b"\r", b"\n").split(b"\n"):
        field, _, value = line.partition(b":")
        value = value.removeprefix(b" ")
        if field == b"data":
            data.append(value)
        elif field == b"event":
            name = value.decode("utf-8", "replace")
    return Event(b"\n".join(data), name, raw)
