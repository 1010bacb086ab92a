"""What the head of a request must be to reach the application, and how one is told that does not.

What two servers could read in two ways is refused: it is how requests are smuggled past whoever stands in front. An offer to
speak another protocol is no fault; the request is read again without it.
"""

from __future__ import annotations

from collections.abc import Callable

import msgspec
from httptools import HttpRequestParser

from treadle.server.turn import STATUS, Message, Turn

MAX_HEAD_BYTES = 64 * 1024
"""Of a head, and of what stands between the pieces of a body or behind it."""
MAX_HEADERS = 128

_FRAMING = frozenset({b"host", b"expect", b"transfer-encoding"})
_UPGRADING = frozenset({b"upgrade", b"connection", b"http2-settings"})

Place = Callable[[bytes], tuple[str, bytes, bytes]]
"""Returns the path, the path as it came, and the query of a URL. Raises BadRequest."""


class BadRequest(Exception):
    """A request that is refused before the application sees it."""

    def __init__(self, status: int, code: str, message: str) -> None:
        super().__init__(message)
        self.status = status
        self.code = code
        self.message = message

    def answer(self, date: bytes) -> bytes:
        """Return the answer that tells it and closes the connection."""
        error = {"message": self.message, "type": "invalid_request_error", "param": None, "code": self.code}
        body = msgspec.json.encode({"error": error})
        head = b"content-type: application/json\r\ncontent-length: %d\r\nconnection: close\r\n\r\n" % len(body)
        return STATUS[self.status] + date + head + body


def too_large() -> BadRequest:
    """Return the refusal of a head, or of what else is no body, that is too large."""
    limits = f"{MAX_HEAD_BYTES} bytes or {MAX_HEADERS} headers"
    return BadRequest(
        431, "head_too_large", f"the head or the trailers of the request are more than {limits}; send less"
    )


def take_header(turn: Turn, name: bytes, value: bytes) -> None:
    """Take one header of the head."""
    name = name.lower()
    turn.headers.append((name, value))
    if name not in _FRAMING:
        return
    if name == b"host":
        turn.hosts += 1
    elif name == b"expect":
        turn.expects = value.lower() == b"100-continue"
    else:
        turn.coding = b", ".join((turn.coding, value)) if turn.coding else value


def admit(turn: Turn, parser: HttpRequestParser, came_bytes: int, place: Place) -> Message:
    """Return what the application is told of a request whose head is whole. Raises BadRequest.

    came_bytes: of the head at most, from what has come of it.
    """
    if len(turn.headers) > MAX_HEADERS or (came_bytes > MAX_HEAD_BYTES and turn.head_size() > MAX_HEAD_BYTES):
        raise too_large()
    version, method = parser.get_http_version(), parser.get_method().decode("ascii")
    if version not in ("1.1", "1.0"):
        raise BadRequest(505, "bad_http_version", "this version of HTTP is not spoken here; send HTTP/1.1")
    turn.is_old = version == "1.0"
    if turn.hosts != 1 and not (turn.is_old and turn.hosts == 0):
        raise BadRequest(400, "bad_host", "a request names its host once; send one Host header")
    if turn.coding is not None and (turn.is_old or turn.coding.lower() != b"chunked"):
        raise BadRequest(400, "bad_coding", "the only transfer-encoding here is 'chunked', in HTTP/1.1")
    turn.is_head = method == "HEAD"
    turn.closes = turn.is_old or not parser.should_keep_alive()
    path, raw_path, query = place(turn.url)
    return {
        "type": "http", "asgi": {"version": "3.0", "spec_version": "2.3"}, "http_version": version, "method": method,
        "scheme": "http", "path": path, "raw_path": raw_path, "query_string": query, "root_path": "",
        "headers": turn.headers, "client": None, "server": None,
    }  # fmt: skip


def without_offer(turn: Turn, parser: HttpRequestParser) -> bytes:
    """Return the head of a request without its offer to speak another protocol, which HTTP lets a server ignore.

    Raises BadRequest for a tunnel: that is no offer, it is what is asked for.
    """
    method = parser.get_method()
    if method == b"CONNECT":
        raise BadRequest(400, "no_tunnels", "there are no tunnels here; send requests to /v1/...")
    lines = [method, b" ", turn.url, b" HTTP/%b\r\n" % parser.get_http_version().encode()]
    for name, value in turn.headers:
        if name not in _UPGRADING:
            lines += (name, b": ", value, b"\r\n")
        elif name == b"connection" and b"close" in value.lower():
            lines.append(b"connection: close\r\n")
    return b"".join([*lines, b"\r\n"])
