"""The connections of our own HTTP client: kept alive, one pool for each provider and host, bounded by the provider.

A kept connection that the peer closed before any byte of an answer is the one thing that is tried again here, once.
No two providers share a connection, so an upstream that confuses its answers (HTTP/1.1 cannot tell bytes that come
unasked at the wrong moment from an answer) confuses only its own.
"""

from __future__ import annotations

import asyncio
import socket
from collections import deque
from collections.abc import Mapping
from contextlib import suppress
from urllib.parse import urlsplit

from treadle.gateway.addresses import PrivateHosts, check_address, parse_address
from treadle.gateway.providers.base import WireRequest
from treadle.gateway.reply import RawReply
from treadle.gateway.types import Clocks, Provider
from treadle.gateway.upstream import NOT_SENT, Broken, NotRunning, TimedOut
from treadle.gateway.wire import Connection, Unanswered

_SWEEP_SECONDS = 5.0
_MAX_ROUTES = 4096


class Pool:
    """The connections of one provider to one host."""

    def __init__(self, host: str, port: int, hosts: PrivateHosts) -> None:
        self.host = host
        self.port = port
        self.limit = 1
        self.open_count = 0
        """Connections that are open or being opened."""
        self.idle: list[Connection] = []
        self.is_closed = False
        self._hosts = hosts
        self._waiting: deque[asyncio.Future[Connection | None]] = deque()

    async def acquire(
        self, provider: Provider, loop: asyncio.AbstractEventLoop, seconds: float, *, fresh: bool
    ) -> Connection:
        """Return a connection: a kept one unless `fresh`, else a new one, else the next that gets free."""
        while True:
            if not fresh and (connection := self.find_idle(loop.time())) is not None:
                return connection
            while self.open_count >= self.limit and self.idle:
                self.idle.pop(0).abort()  # a kept one makes room for the fresh one
            if self.open_count < self.limit:
                return await self._connect(provider, loop, seconds)
            waiter: asyncio.Future[Connection | None] = loop.create_future()
            self._waiting.append(waiter)
            try:
                handed = await waiter
            except asyncio.CancelledError:
                if waiter.done() and not waiter.cancelled():
                    self._pass_on(waiter.result())
                raise
            if handed is not None and handed.is_usable(loop.time()):
                return handed

    def find_idle(self, now: float) -> Connection | None:
        """Return the kept connection that was used last, or None."""
        idle = self.idle
        while idle:
            connection = idle.pop()
            if connection.is_usable(now):
                return connection
            if connection.is_open:
                connection.abort()
        return None

    def release(self, connection: Connection) -> None:
        """Take a connection back, or hand it to whoever waits."""
        while self._waiting:
            waiter = self._waiting.popleft()
            if not waiter.done():
                waiter.set_result(connection)
                return
        if self.is_closed:
            connection.abort()
        else:
            self.idle.append(connection)

    def lost(self) -> None:
        """Note that a connection is gone; whoever waits may open another."""
        self.open_count -= 1
        self._wake_one()

    def sweep(self, now: float) -> bool:
        """Close what was kept too long; return whether nothing is left."""
        kept = []
        for connection in self.idle:
            if connection.is_usable(now):
                kept.append(connection)
            elif connection.is_open:
                connection.abort()
        self.idle = kept
        return self.open_count == 0 and not self._waiting

    def _pass_on(self, connection: Connection | None) -> None:
        if connection is not None and connection.is_open:
            self.release(connection)
        else:
            self._wake_one()

    def _wake_one(self) -> None:
        while self._waiting:
            waiter = self._waiting.popleft()
            if not waiter.done():
                waiter.set_result(None)
                return

    async def _connect(self, provider: Provider, loop: asyncio.AbstractEventLoop, seconds: float) -> Connection:
        self.open_count += 1
        connection: Connection | None = None
        try:
            addresses = await self._addresses(loop)
            for _, address in addresses:
                check_address(provider, self.host, address, self._hosts)
            for family, address in addresses:
                # An address that swallows packets must leave time for the next.
                with suppress(OSError, TimeoutError):
                    async with asyncio.timeout(None if len(addresses) == 1 else seconds / len(addresses)):
                        _, made = await loop.create_connection(
                            lambda: Connection(loop, self.release, self.lost), address, self.port, family=family
                        )
                    made.is_open = True
                    connection = made
                    return made
            raise NotRunning(f"nobody listens at '{self.host}:{self.port}'")
        finally:
            if connection is None:
                self.lost()

    async def _addresses(self, loop: asyncio.AbstractEventLoop) -> list[tuple[int, str]]:
        literal = parse_address(self.host)
        if literal is not None:
            return [(socket.AF_INET if ":" not in self.host else socket.AF_INET6, self.host)]
        try:
            found = await loop.getaddrinfo(self.host, self.port, type=socket.SOCK_STREAM)
        except (OSError, UnicodeError) as error:
            raise NotRunning(f"the host name '{self.host}' does not resolve") from error
        return list(dict.fromkeys((int(family), str(place[0])) for family, _, _, _, place in found))


class _Route:
    """A URL made ready: its pool and the request's first lines."""

    __slots__ = ("_headers", "_line", "_lines", "pool")

    def __init__(self, pool: Pool, line: str) -> None:
        self.pool = pool
        self._line = line
        self._headers: dict[str, str] | None = None
        """Of the last request: nearly all of one provider have the same."""
        self._lines = b""

    def head(self, request: WireRequest) -> bytes:
        """Return the head of a request. Raises Broken when its headers cannot be sent."""
        if request.headers != self._headers:
            self._lines = _lines(self._line, request.headers)
            self._headers = dict(request.headers)
        return b"%bcontent-length: %d\r\n\r\n" % (self._lines, len(request.body))


class RawClient:
    """Sends requests to http:// upstreams. Belongs to the event loop of its first request."""

    def __init__(self, hosts: PrivateHosts) -> None:
        self._hosts = hosts
        self._pools: dict[tuple[str, str, bool, str, int], Pool] = {}
        self._routes: dict[tuple[str, str, bool, str, str], _Route] = {}
        self._loop: asyncio.AbstractEventLoop | None = None
        self._sweeper: asyncio.TimerHandle | None = None

    async def send(self, request: WireRequest, provider: Provider, clocks: Clocks) -> RawReply:
        """Send a request and wait for the head of the answer. Raises NotRunning, TimedOut, Broken, TooLarge.

        It is sent a second time only when a kept connection turned out to be closed before any byte of an answer.
        """
        loop = self._loop
        if loop is None:
            loop = self._loop = asyncio.get_running_loop()
            self._sweeper = loop.call_later(_SWEEP_SECONDS, self._sweep)
        route = self._routes.get((provider.project_id, provider.name, provider.private, request.method, request.url))
        if route is None:
            route = self._route(request, provider)
        head = route.head(request)
        pool = route.pool
        pool.limit = provider.max_connections
        now = loop.time()
        total_deadline = now + clocks.total_seconds
        fresh = False
        while True:
            connection = None if fresh else pool.find_idle(now)
            if connection is None:
                connection = await _acquire(pool, provider, loop, clocks, fresh)
                now = loop.time()
            reply = RawReply(connection, clocks)
            connection.begin(reply, now, total_deadline)
            try:
                connection.send(head, request.body)
                while not reply.has_head:
                    await reply.more()
                    reply.raise_if_failed()
                return reply
            except Unanswered:
                if fresh or connection.uses < 2:
                    raise
                fresh = True
            except BaseException:
                reply.close()
                raise

    async def close(self) -> None:
        """Close every connection that is not in use; those in use end with their answers."""
        if self._sweeper is not None:
            self._sweeper.cancel()
            self._sweeper = None
        for pool in self._pools.values():
            for connection in pool.idle:
                connection.abort()
            pool.idle = []
            pool.is_closed = True
        self._pools.clear()
        self._routes.clear()
        self._loop = None

    @property
    def open_count(self) -> int:
        """Connections that are open now."""
        return sum(pool.open_count for pool in self._pools.values())

    def _route(self, request: WireRequest, provider: Provider) -> _Route:
        parts = urlsplit(request.url)
        host, port = parts.hostname, parts.port or 80
        target = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
        if parts.scheme != "http" or not host:
            raise Broken("its base URL is no http:// URL")
        if not (target.isascii() and target.isprintable()) or " " in target or "@" in parts.netloc:
            raise Broken("its URL holds characters that HTTP cannot carry")
        place = (provider.project_id, provider.name, provider.private, host, port)
        pool = self._pools.get(place)
        if pool is None:
            pool = self._pools[place] = Pool(host, port, self._hosts)
        if len(self._routes) >= _MAX_ROUTES:
            self._routes.clear()
        route = _Route(pool, f"{request.method} {target} HTTP/1.1\r\nhost: {parts.netloc}\r\n")
        self._routes[provider.project_id, provider.name, provider.private, request.method, request.url] = route
        return route

    def _sweep(self) -> None:
        loop = self._loop
        if loop is None:
            return
        now = loop.time()
        for place in [place for place, pool in self._pools.items() if pool.sweep(now)]:
            pool = self._pools.pop(place)
            self._routes = {key: route for key, route in self._routes.items() if route.pool is not pool}
        self._sweeper = loop.call_later(_SWEEP_SECONDS, self._sweep)


async def _acquire(
    pool: Pool, provider: Provider, loop: asyncio.AbstractEventLoop, clocks: Clocks, fresh: bool
) -> Connection:
    seconds = min(clocks.connect_seconds, clocks.total_seconds)
    try:
        async with asyncio.timeout(seconds):
            return await pool.acquire(provider, loop, seconds, fresh=fresh)
    except TimeoutError as error:
        raise TimedOut("connect", seconds) from error
    except asyncio.CancelledError as gone:
        gone.add_note(NOT_SENT)
        raise


def _lines(line: str, headers: Mapping[str, str]) -> bytes:
    text = "".join([f"{name}: {value}\r\n" for name, value in headers.items()])
    count = len(headers)
    if text.count("\n") != count or text.count("\r") != count or "\0" in text:
        raise Broken("a header holds a line break; look at the provider's headers and secret")
    try:
        return f"{line}{text}".encode("latin-1")
    except UnicodeEncodeError as error:
        raise Broken("a header holds characters that HTTP cannot carry; look at the provider's secret") from error
