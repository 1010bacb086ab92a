"""HTTP/1.1 for the data plane alone: `httptools` on `asyncio.Protocol`, with an ASGI application behind it.

It exists for two reasons. A general server costs a fifth of what a request through the gateway costs in all (measured by
benchmarks/gateway_overhead), and lets a caller drip a head for hours or send one without end. Here the head of an answer
leaves together with its body in one write, no request costs a timer, and heads are bounded in size and time. Bodies
are bounded by the application, which knows how large they may be.

It speaks HTTP/1.0 and 1.1 without TLS: keep-alive, pipelining, chunks both ways, `Expect: 100-continue`. An offer to
upgrade to another protocol is declined by going on in this one. WebSockets and trailers are not for it.
"""

from __future__ import annotations

import asyncio
import time
from contextlib import suppress
from email.utils import formatdate
from urllib.parse import unquote

import httptools
from httptools import HttpParserError

from treadle.server.admitting import BadRequest
from treadle.server.connection import Application, Connection, State

KEEP_SECONDS = 30.0
"""How long a connection is kept without a request."""
HEAD_SECONDS = 10.0
"""How long a head may take from its first byte on, and the rest of a body after its answer."""
STALL_SECONDS = 60.0
"""How long a caller may leave an answer unread."""
LINGER_SECONDS = 0.5
"""How long a connection without a request stays open when the server leaves: its caller may be sending one right now, and one that
is answered with `connection: close` is not lost."""
_SWEEP_SECONDS = 1.0
_MAX_PLACES = 512
_MAX_PLACE_BYTES = 256


class Server:
    """What all connections of a process share. Belongs to the running event loop."""

    def __init__(
        self,
        application: Application,
        *,
        keep_seconds: float = KEEP_SECONDS,
        head_seconds: float = HEAD_SECONDS,
        stall_seconds: float = STALL_SECONDS,
        linger_seconds: float = LINGER_SECONDS,
        sweep_seconds: float = _SWEEP_SECONDS,
    ) -> None:
        """sweep_seconds: how often the clock is looked at; what takes too long ends so much later at most."""
        self.application = application
        self.loop = asyncio.get_running_loop()
        self.is_leaving = False
        self.now = 0.0
        """As of the last look at the clock."""
        self.date = b""
        """The header's line."""
        self._connections: set[Connection] = set()
        self._places: dict[bytes, tuple[str, bytes, bytes]] = {}
        self._patience: dict[State, float] = {
            "idle": keep_seconds,
            "head": head_seconds,
            "rest": head_seconds,
            "last": stall_seconds,
        }
        self._stall_seconds = stall_seconds
        self.linger_seconds = linger_seconds
        self._sweep_seconds = sweep_seconds
        self._alone = asyncio.Event()
        self._sweep()

    def connect(self) -> Connection:
        """Return the protocol of a new connection, for `loop.create_server`."""
        return Connection(self)

    async def leave(self, seconds: float) -> bool:
        """Answer what was asked, each connection's last request with `connection: close`; return whether it was done in time.

        Whoever calls this has closed the listening sockets. What is not answered in time is cancelled; what the application still
        says of it goes out to whoever reads.
        """
        self.is_leaving = True
        await asyncio.sleep(0)  # what was accepted already becomes a connection
        for connection in list(self._connections):
            connection.leave()
        tasks: list[asyncio.Task[None]] = []
        if self._connections:
            try:
                async with asyncio.timeout(seconds):
                    await self._alone.wait()
            except TimeoutError:
                tasks = [task for connection in self._connections if (task := connection.task) is not None]
                for task in tasks:
                    task.cancel()
                await asyncio.gather(*tasks, return_exceptions=True)
                with suppress(TimeoutError):
                    async with asyncio.timeout(2 * self.linger_seconds):
                        await self._alone.wait()
        for connection in list(self._connections):
            connection.abort()
        self._sweeper.cancel()
        return not tasks

    def came(self, connection: Connection) -> None:
        """Hear of a connection."""
        self._connections.add(connection)

    def gone(self, connection: Connection) -> None:
        """Hear that a connection is closed."""
        self._connections.discard(connection)
        if self.is_leaving and not self._connections:
            self._alone.set()

    def place(self, url: bytes) -> tuple[str, bytes, bytes]:
        """Return the path, the path as it came, and the query of a URL. Raises BadRequest."""
        place = self._places.get(url)
        if place is None:
            try:
                parsed = httptools.parse_url(url)
                raw = parsed.path or b"/"
                place = (unquote(raw.decode("ascii")), raw, parsed.query or b"")
            except (HttpParserError, UnicodeDecodeError):
                raise BadRequest(
                    400, "bad_url", "the URL of the request is not valid; send a path such as /v1/models"
                ) from None
            if len(url) <= _MAX_PLACE_BYTES:
                if len(self._places) >= _MAX_PLACES:
                    self._places.clear()
                self._places[url] = place
        return place

    def _sweep(self) -> None:
        """Look at the clock for everybody, and end what has taken too long."""
        self.now = now = self.loop.time()
        self.date = f"date: {formatdate(time.time(), usegmt=True)}\r\n".encode()
        for connection in list(self._connections):
            patience = self._patience.get(connection.state)
            if connection.is_stalled:
                if now - connection.stalled_at > self._stall_seconds:
                    connection.abort()
            elif patience is not None and now - connection.since > patience:
                connection.time_out()
        self._sweeper = self.loop.call_later(self._sweep_seconds, self._sweep)
