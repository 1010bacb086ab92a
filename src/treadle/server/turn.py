"""One request on a connection and its answer: what an ASGI application receives and sends.

The head of an answer waits for the first piece of its body and leaves with it in one write. Lengths are counted, so
that an answer which is cut never looks complete, and no header can smuggle a line break into the head.
"""

from __future__ import annotations

import asyncio
from collections.abc import MutableMapping
from http import HTTPStatus
from typing import Any, Protocol

Message = MutableMapping[str, Any]

STATUS = {status.value: f"HTTP/1.1 {status.value} {status.phrase}\r\n".encode() for status in HTTPStatus}
_NO_BODY = frozenset({204, 304})
_COPY_BELOW = 64 * 1024
"""Smaller bodies are copied behind their head; larger ones are written by themselves."""


class Host(Protocol):
    """The server, as one request needs it."""

    is_leaving: bool
    """Whether each connection ends with its next answer."""
    date: bytes
    """The header's line."""


class Caller(Protocol):
    """The connection, as one request needs it."""

    @property
    def server(self) -> Host:
        """Where it belongs."""
        ...

    loop: asyncio.AbstractEventLoop
    is_gone: bool
    """Whether nobody hears what is written."""
    is_stalled: bool
    """Whether so much is unread that no more should be written."""

    def write(self, data: bytes) -> None:
        """Write to the caller."""
        ...

    def read_on(self) -> None:
        """Read further."""
        ...

    async def until_read(self) -> None:
        """Wait until more can be written."""
        ...

    def answered(self, turn: Turn) -> None:
        """Hear that an answer was sent to its end."""
        ...


class Turn:
    """One request and its answer; gives the application its `receive` and `send`."""

    __slots__ = (
        "_answer",
        "_connection",
        "_is_chunked",
        "_is_taken",
        "_left",
        "_waiter",
        "body",
        "closes",
        "coding",
        "expects",
        "has_head",
        "headers",
        "held",
        "hosts",
        "is_complete",
        "is_head",
        "is_old",
        "more",
        "scope",
        "url",
    )

    def __init__(self, connection: Caller) -> None:
        self.url = b""
        self.headers: list[tuple[bytes, bytes]] = []
        self.hosts = 0
        """How often the host was named."""
        self.coding: bytes | None = None
        """The transfer-encoding of its body."""
        self.scope: Message | None = None
        """What the application is told; None until the head is whole."""
        self.is_head = False
        """Whether the method is HEAD: its answers have no body."""
        self.is_old = False
        """Whether it is HTTP/1.0."""
        self.expects = False
        """Whether the caller waits for 100-continue before it sends the body."""
        self.closes = False
        """Whether the connection ends with the answer."""
        self.body: list[bytes] = []
        """What has come of the body and was not taken yet."""
        self.held = 0
        """Bytes of that."""
        self.more = True
        """Whether more of the body is to come."""
        self.has_head = False
        """Whether the head of the answer was sent."""
        self.is_complete = False
        """Whether the answer was sent."""
        self._connection = connection
        self._answer: Message | None = None
        self._is_taken = self._is_chunked = False
        self._left: int | None = None
        self._waiter: asyncio.Future[None] | None = None

    def head_size(self) -> int:
        """Return how large the head is."""
        return len(self.url) + sum(len(name) + len(value) for name, value in self.headers)

    async def receive(self) -> Message:
        """Return the next piece of the body, and after the last one, when it comes, that the caller has gone."""
        connection = self._connection
        while not (connection.is_gone or self.is_complete):
            if not self._is_taken and (self.body or not self.more):
                body = self.body
                data = body[0] if len(body) == 1 else b"".join(body)
                body.clear()
                self.held = 0
                self._is_taken = not self.more
                return {"type": "http.request", "body": data, "more_body": self.more}
            if self.expects and self.more:
                self.expects = False
                connection.write(b"HTTP/1.1 100 Continue\r\n\r\n")
            connection.read_on()
            self._waiter = waiter = connection.loop.create_future()
            try:
                await waiter
            finally:
                self._waiter = None
        return {"type": "http.disconnect"}

    def wake(self) -> None:
        """Tell whoever waits for the caller that something happened."""
        waiter = self._waiter
        if waiter is not None and not waiter.done():
            waiter.set_result(None)

    async def send(self, message: Message) -> None:
        """Take the head of the answer, or a piece of its body; waits while the caller does not read."""
        if message["type"] == "http.response.start":
            self._answer = message
            return
        connection = self._connection
        if connection.is_gone:
            return
        if self.is_complete or self._answer is None:
            raise RuntimeError("an answer is one head and one body")
        body: bytes = message.get("body", b"")
        more: bool = message.get("more_body", False)
        head = b""
        if not self.has_head:
            head = self._head(self._answer)
            self.has_head = True
        left = self._left
        if left is not None:
            self._left = left = left - len(body)
            if left < 0 or (left and not more):
                raise RuntimeError("the body is not as long as its content-length says")
        if self.is_head:
            body = b""
        elif self._is_chunked:
            if body:
                body = b"%x\r\n%b\r\n" % (len(body), body)
            if not more:
                body += b"0\r\n\r\n"
        if len(body) < _COPY_BELOW:
            connection.write(head + body)
        else:
            connection.write(head)
            connection.write(body)
        if not more:
            self.is_complete = True
            connection.answered(self)
        elif connection.is_stalled:
            await connection.until_read()

    def _head(self, answer: Message) -> bytes:
        """Return the head, and settle how the body is framed. Raises RuntimeError for a header with a line break."""
        status: int = answer["status"]
        headers = answer["headers"]
        for name, value in headers:
            if name == b"content-length":
                self._left = int(value)
                break  # it stands among the first
        lines = list(map(b": ".join, headers))
        if status in _NO_BODY:
            self._left = 0
        elif self._left is None and not self.is_old:
            self._is_chunked = True
            lines.append(b"transfer-encoding: chunked")
        if self._connection.server.is_leaving or (self.expects and self.more):
            self.closes = True  # who was never told to send its body may send it now or not: nobody can tell
        if self.closes:
            lines.append(b"connection: close")
        count = len(lines) + 3  # with the status, the date, and the empty line behind all
        head = STATUS[status] + self._connection.server.date + b"\r\n".join((*lines, b"", b""))
        if head.count(b"\n") != count or head.count(b"\r") != count or b"\0" in head:
            raise RuntimeError("a header of the answer holds a line break")
        return head
