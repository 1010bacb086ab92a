"""The head of a request, known again: callers over a kept connection send the same one each time, but for the length.

Where the next request is that head byte for byte, its length apart, and came whole, it needs no parser. Everything else takes
the parser, which also read the head the first time. Kept by the connection that it came on, no longer than that, since it holds the caller's key.
"""

from __future__ import annotations

from msgspec import Struct

from treadle.http.notes import NOTES
from treadle.server.turn import Message, Turn

MAX_KEPT_BYTES = 4096
_LENGTH = b"content-length"
_LINE = b"\r\ncontent-length: "
_END = b"\r\n\r\n"
_MOST_DIGITS = 9


class Head(Struct, frozen=True):
    """The head of a request, cut where its length stands."""

    before: bytes
    after: bytes
    """With the empty line."""
    url: bytes
    scope: Message
    """What the application was told; its headers are told anew."""
    headers_before: tuple[tuple[bytes, bytes], ...]
    headers_after: tuple[tuple[bytes, bytes], ...]

    def body_of(self, data: bytes) -> bytes | None:
        """Return the body of a request that came whole and has this head, else None."""
        before, after = self.before, self.after
        if not data.startswith(before):
            return None
        start = len(before)
        end = data.find(b"\r", start, start + _MOST_DIGITS)
        if end < 0 or not data.startswith(after, end):
            return None
        digits, body = data[start:end], data[end + len(after) :]
        return body if digits.isdigit() and int(digits) == len(body) else None

    def headers_for(self, length: int) -> list[tuple[bytes, bytes]]:
        """Return the headers of a request with a body of this length."""
        return [*self.headers_before, (_LENGTH, b"%d" % length), *self.headers_after]


def head_of(data: bytes, turn: Turn) -> Head | None:
    """Return the head of a request that is all of the data; None where another like it could not be told by its bytes.

    turn: what the parser made of the same data.
    """
    end = data.find(_END) + len(_END)
    if turn.scope is None or turn.more or turn.closes or turn.is_head or not len(_END) < end <= MAX_KEPT_BYTES:
        return None
    head, headers = data[:end], tuple(turn.headers)
    start = head.lower().find(_LINE) + len(_LINE)
    stop = head.find(b"\r", start)
    places = [place for place, (name, _) in enumerate(headers) if name == _LENGTH]
    if len(places) != 1 or head[start:stop] != b"%d" % (len(data) - end):
        return None
    at = places[0]
    scope = {**turn.scope, NOTES: {}}
    return Head(head[:start], head[stop:], turn.url, scope, headers[:at], headers[at + 1 :])
