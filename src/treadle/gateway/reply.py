"""One answer of our own HTTP/1.1 while it is read: its head, its body as it comes, and whoever waits for either.

Whole or piece by piece; a slow reader makes the upstream wait. `wire` holds the connection that it comes on.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Mapping
from typing import Protocol

from treadle.gateway.decoding import Inflater
from treadle.gateway.types import Clocks
from treadle.gateway.upstream import Broken, TooLarge, UpstreamError

MAX_ANSWER_BYTES = 32 * 1024 * 1024
"""Of a whole answer."""
MAX_HEAD_BYTES = 64 * 1024
MAX_HEADERS = 256
MAX_INFORMED = 8
"""Answers of the 1xx kind before the real one."""
HIGH_WATER = 256 * 1024
"""Bytes held for a slow reader before the upstream is made to wait."""
_NO_BODY = frozenset({204, 304})


class Line(Protocol):
    """The connection that an answer comes on, as far as the answer needs it."""

    loop: asyncio.AbstractEventLoop
    reply: RawReply | None

    def await_first(self) -> None:
        """Let the first token's clock run."""

    def await_next(self) -> None:
        """Let the clock between two chunks run."""

    def pause(self) -> None:
        """Read no more for now."""

    def resume(self) -> None:
        """Read on."""

    def abort(self) -> None:
        """Close the socket at once."""


class RawReply:
    """One answer: its head is known, its body may still be on its way."""

    __slots__ = (
        "_awaits",
        "_connection",
        "_error",
        "_inflater",
        "_informed",
        "_loop",
        "_raw_headers",
        "_size",
        "_waiter",
        "clocks",
        "complete",
        "content_type",
        "has_head",
        "is_paused",
        "parts",
        "reads_whole",
        "status",
        "until_close",
    )

    def __init__(self, connection: Line, clocks: Clocks) -> None:
        self.clocks = clocks
        self.status = 0
        self.content_type = ""
        self.has_head = self.complete = self.until_close = self.reads_whole = False
        self._awaits = False
        self.is_paused = False
        """Whether the upstream waits for the reader."""
        self._size = self._informed = 0
        self._error: UpstreamError | None = None
        self._waiter: asyncio.Future[None] | None = None
        self._inflater: Inflater | None = None
        self.parts: list[bytes] = []
        self._connection: Line | None = connection
        self._loop = connection.loop
        self._raw_headers: dict[bytes, bytes] = {}

    @property
    def headers(self) -> Mapping[str, str]:
        """Its headers, names in lowercase; of repeated ones the last."""
        return {name.decode("latin-1"): value.decode("latin-1") for name, value in self._raw_headers.items()}

    @property
    def awaits_content(self) -> bool:
        """Whether the first token's clock runs on from chunk to chunk: set it to True before the first, and back."""
        return self._awaits

    @awaits_content.setter
    def awaits_content(self, awaits: bool) -> None:
        self._awaits = awaits
        if self._connection is not None and not self.complete:
            if awaits:
                self._connection.await_first()
            else:
                self._connection.await_next()

    async def read(self) -> bytes:
        """Return the whole body; raises TimedOut, Broken, TooLarge. The first token's clock runs until it is there."""
        self.reads_whole = True
        if self._connection is not None and not self.complete:
            self._connection.await_first()
            self._resume()
        while not self.complete:
            await self.more()
        if self._error is not None:
            raise self._error
        data = self.parts[0] if len(self.parts) == 1 else b"".join(self.parts)
        self.parts.clear()
        return data if self._inflater is None else self._inflater.feed(data) + self._inflater.finish()

    def chunks(self) -> AsyncIterator[bytes]:
        """Yield bytes as they arrive, joined where the reader was slow; raises TimedOut or Broken when they stop early."""
        return self

    def __aiter__(self) -> AsyncIterator[bytes]:
        return self

    async def __anext__(self) -> bytes:
        while True:
            parts = self.parts
            if parts:
                data = parts[0] if len(parts) == 1 else b"".join(parts)
                parts.clear()
                self._size = 0
                if self.is_paused:
                    self._resume()
                if self._inflater is None:
                    return data
                data = self._inflater.feed(data)
                if data:
                    return data
            elif self.complete:
                if self._error is not None:
                    raise self._error
                if self._inflater is not None:
                    self._inflater.finish()
                raise StopAsyncIteration
            else:
                await self.more()

    def close(self) -> None:
        """Let go of the connection at once; an unfinished answer is abandoned. Safe to repeat."""
        connection, self._connection = self._connection, None
        if connection is not None and connection.reply is self:
            connection.abort()

    def more(self) -> asyncio.Future[None]:
        """Return what to await until something more has come."""
        self._waiter = waiter = self._loop.create_future()
        return waiter

    def wake(self) -> None:
        """Tell whoever waits that something has come."""
        waiter = self._waiter
        if waiter is not None:
            self._waiter = None
            if not waiter.done():
                waiter.set_result(None)

    def fail(self, error: UpstreamError) -> None:
        """Break off; what came before is still handed out."""
        if not self.complete:
            self.complete = True
            self._error = error
            self.wake()

    def raise_if_failed(self) -> None:
        """Raise what broke the answer before its head came."""
        if self._error is not None:
            raise self._error

    def take_header(self, name: bytes, value: bytes) -> None:
        """Take one header of the head."""
        self._raw_headers[name.lower()] = value
        self._size += len(name) + len(value)
        if self._size > MAX_HEAD_BYTES:
            raise TooLarge(f"its headers are more than {MAX_HEAD_BYTES} bytes")

    def take_head(self, status: int) -> None:
        """Take the end of the head."""
        self._size = 0
        headers = self._raw_headers
        if len(headers) > MAX_HEADERS:
            raise TooLarge(f"it has more than {MAX_HEADERS} headers")
        if status < 200:
            self._informed += 1
            if self._informed > MAX_INFORMED or status == 101:
                raise Broken(f"it answered with status {status}, which nobody asked for")
            headers.clear()
            return
        self.status = status
        self.content_type = _media_type(headers.get(b"content-type", b""))
        self.until_close = (
            b"content-length" not in headers and b"transfer-encoding" not in headers and status not in _NO_BODY
        )
        encoding = headers.get(b"content-encoding", b"").strip().lower()
        if encoding and encoding != b"identity":
            self._inflater = Inflater(encoding.decode("latin-1"), MAX_ANSWER_BYTES)
        self.has_head = True
        self.wake()

    def take_body(self, data: bytes) -> None:
        """Take a piece of the body."""
        self.parts.append(data)
        self._size += len(data)
        if self._size > HIGH_WATER:
            if not self.reads_whole:
                self._pause()
            elif self._size > MAX_ANSWER_BYTES:
                raise TooLarge(f"more than {MAX_ANSWER_BYTES} bytes")

    def finish(self) -> None:
        """Take the end of the body."""
        self.complete = True
        self._connection = None
        self.wake()

    def _pause(self) -> None:
        if not self.is_paused and self._connection is not None:
            self.is_paused = True
            self._connection.pause()

    def _resume(self) -> None:
        if self.is_paused:
            self.is_paused = False
            if self._connection is not None:
                self._connection.resume()


def _media_type(value: bytes) -> str:
    if value == b"application/json":
        return "application/json"
    return value.partition(b";")[0].strip().lower().decode("latin-1")
