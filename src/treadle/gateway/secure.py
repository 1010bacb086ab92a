"""The client for https:// upstreams: aiohttp behind the same replies, clocks and limits as our own plain client.

Two sessions, because a connection that a private provider may have must never serve another one. The address of each
connection is checked where its socket is made, so no name can lead elsewhere between the check and the connection.
As there, a request is sent a second time only when its kept connection was closed before an answer began; here not when it was
reset, since aiohttp does not tell whether something of an answer had come.
"""

from __future__ import annotations

import asyncio
import io
import socket
import ssl
from collections.abc import AsyncIterator, Callable, Mapping
from contextvars import ContextVar
from types import SimpleNamespace
from typing import Any

import aiohttp
from yarl import URL

from treadle.gateway.addresses import AddressRefused, PrivateHosts, address_fault
from treadle.gateway.decoding import Inflater
from treadle.gateway.providers.base import WireRequest
from treadle.gateway.reply import MAX_ANSWER_BYTES, MAX_HEAD_BYTES
from treadle.gateway.types import Clocks, Provider
from treadle.gateway.upstream import NOT_SENT, Broken, NotRunning, TimedOut, TooLarge, UpstreamError
from treadle.gateway.wire import KEEP_SECONDS, MAX_STREAM_BYTES

_WHOLE_BELOW = 512 * 1024
"""Larger bodies are written piece by piece."""
_host: ContextVar[str] = ContextVar("host", default="")
"""The name that the request of this task is for: aiohttp tells the socket's maker only the address."""
_NOTHING = aiohttp.ClientTimeout(total=None, connect=None, sock_connect=None, sock_read=None)


class SecureClient:
    """Sends requests to https:// upstreams. Belongs to the event loop of its first request."""

    def __init__(self, hosts: PrivateHosts, tls: ssl.SSLContext | None) -> None:
        self._hosts = hosts
        self._tls = tls
        self._sessions: dict[bool, aiohttp.ClientSession] = {}
        self._slots: dict[tuple[str, str, int], asyncio.Semaphore] = {}

    async def send(self, request: WireRequest, provider: Provider, clocks: Clocks) -> SecureReply:
        """Send a request and wait for the head of the answer. Raises NotRunning, TimedOut, Broken, TooLarge."""
        place = (provider.project_id, provider.name, provider.max_connections)
        slots = self._slots.get(place)
        if slots is None:
            slots = self._slots[place] = asyncio.Semaphore(provider.max_connections)
        watch = _Watch(clocks)
        if slots.locked():
            try:
                await watch.until(slots.acquire(), "connect")
            except asyncio.CancelledError as gone:
                gone.add_note(NOT_SENT)
                raise
        else:
            await slots.acquire()
        try:
            try:
                return await self._send(request, provider, watch, slots)
            except _KeptOneClosed:
                return await self._send(request, provider, watch, slots)
        except BaseException as error:
            slots.release()
            if isinstance(error, asyncio.CancelledError) and not watch.is_connected:
                error.add_note(NOT_SENT)
            raise

    async def close(self) -> None:
        """Close every connection."""
        for session in self._sessions.values():
            await session.close()
        self._sessions.clear()

    async def _send(
        self, request: WireRequest, provider: Provider, watch: _Watch, slots: asyncio.Semaphore
    ) -> SecureReply:
        session = self._sessions.get(provider.private)
        if session is None:
            session = self._sessions[provider.private] = self._session(provider.private)
        url = URL(request.url, encoded=True)
        _host.set(url.host or "")
        try:
            work = session.request(
                request.method,
                url,
                data=request.body if len(request.body) < _WHOLE_BELOW else io.BytesIO(request.body),
                headers=request.headers,
                allow_redirects=False,
                trace_request_ctx=watch,
            )
            response = await watch.until_head(work)
        except aiohttp.ClientConnectorError as error:
            if isinstance(error.os_error, _Refused):
                raise AddressRefused(str(error.os_error)) from error
            raise NotRunning(_in_words(error, request.url)) from error
        except aiohttp.InvalidURL as error:
            raise NotRunning("its base URL cannot be connected to") from error
        except aiohttp.ServerDisconnectedError as error:
            has_begun = not isinstance(error.message, str)  # it holds what came of a head
            raise (Broken if has_begun or not watch.may_repeat() else _KeptOneClosed)(_broken(error)) from error
        except (aiohttp.ClientError, OSError, ValueError) as error:
            raise _told(error) from error
        return SecureReply(response, watch, slots)

    def _session(self, private: bool) -> aiohttp.ClientSession:
        hosts = self._hosts

        def open_socket(info: tuple[Any, Any, int, str, tuple[Any, ...]]) -> socket.socket:
            address = str(info[4][0])
            fault = address_fault(_host.get(), address, private=private, hosts=hosts)
            if fault is not None:
                raise _Refused(fault)
            return socket.socket(info[0], info[1], info[2])

        connector = aiohttp.TCPConnector(
            limit=0,
            keepalive_timeout=KEEP_SECONDS,
            ttl_dns_cache=10,
            ssl=self._tls if self._tls is not None else True,
            socket_factory=open_socket,
        )
        return aiohttp.ClientSession(
            connector=connector,
            timeout=_NOTHING,
            auto_decompress=False,
            cookie_jar=aiohttp.DummyCookieJar(),
            max_line_size=MAX_HEAD_BYTES,
            max_field_size=MAX_HEAD_BYTES,
            trust_env=False,
            trace_configs=[_tells_the_watch()],
        )


class SecureReply:
    """One answer: its head is known, its body may still be on its way."""

    def __init__(self, response: aiohttp.ClientResponse, watch: _Watch, slots: asyncio.Semaphore) -> None:
        self.status = response.status
        self.content_type = response.headers.get("content-type", "").partition(";")[0].strip().lower()
        self.awaits_content = False
        """Set to True to let the first token's clock run on from chunk to chunk, until it is set to False again."""
        self._response = response
        self._watch = watch
        self._slots: asyncio.Semaphore | None = slots
        encoding = response.headers.get("content-encoding", "").strip().lower()
        self._inflater = None if encoding in ("", "identity") else self._inflater_of(encoding)

    @property
    def headers(self) -> Mapping[str, str]:
        """Its headers, names in lowercase; of repeated ones the last."""
        return {name.lower(): value for name, value in self._response.headers.items()}

    async def read(self) -> bytes:
        """Return the whole body; raises TimedOut, Broken, TooLarge. The first token's clock runs until it is there."""
        parts: list[bytes] = []
        size = 0
        while chunk := await self._next("first_token"):
            size += len(chunk)
            if size > MAX_ANSWER_BYTES:
                self.close()
                raise TooLarge(f"more than {MAX_ANSWER_BYTES} bytes")
            parts.append(chunk)
        self._end()
        data = b"".join(parts)
        return data if self._inflater is None else self._inflater.feed(data) + self._inflater.finish()

    async def chunks(self) -> AsyncIterator[bytes]:
        """Yield bytes as they arrive; raises TimedOut or Broken when they stop early."""
        clock, size = "first_token", 0
        while chunk := await self._next(clock):
            if not self.awaits_content:
                clock = "between"
            size += len(chunk)
            if size > MAX_STREAM_BYTES:
                raise TooLarge(f"more than {MAX_STREAM_BYTES} bytes")
            data = chunk if self._inflater is None else self._inflater.feed(chunk)
            if data:
                yield data
        self._end()
        if self._inflater is not None:
            self._inflater.finish()

    def close(self) -> None:
        """Let go of the connection at once; an unfinished answer is abandoned. Safe to repeat."""
        if self._slots is not None:
            self._response.close()
            self._end()

    async def _next(self, clock: str) -> bytes:
        try:
            data: bytes = await self._watch.until(self._response.content.readany(), clock)
            return data
        except (aiohttp.ClientError, OSError) as error:
            raise _told(error) from error

    def _end(self) -> None:
        slots, self._slots = self._slots, None
        if slots is not None:
            slots.release()

    def _inflater_of(self, encoding: str) -> Inflater:
        try:
            return Inflater(encoding, MAX_ANSWER_BYTES)
        except UpstreamError:
            self._response.close()
            raise


class _Watch:
    """The clocks of one request."""

    def __init__(self, clocks: Clocks) -> None:
        self.clocks = clocks
        self._loop = asyncio.get_running_loop()
        began = self._loop.time()
        self._total = began + clocks.total_seconds
        self._first = began + clocks.first_token_seconds
        self.is_connected = False
        """Whether anything may have been sent."""
        self._is_kept = self._has_repeated = False
        self._head: asyncio.Timeout | None = None

    async def until_head(self, work: Any) -> Any:
        """Await the head of an answer: on the connect clock until the connection stands, then on the first token's.

        Raises TimedOut.
        """
        self.is_connected = False
        seconds = min(self.clocks.connect_seconds, self.clocks.total_seconds)
        self._head = asyncio.timeout(seconds)

        def over() -> TimedOut:
            if not self.is_connected:
                return TimedOut("connect", seconds)
            if self._total <= self._first:
                return TimedOut("total", self.clocks.total_seconds)
            return TimedOut("first_token", self.clocks.first_token_seconds)

        return await _within(self._head, work, over)

    def connected(self, *, is_kept: bool) -> None:
        """Note that the connection stands: from here on something may have been sent."""
        self.is_connected, self._is_kept = True, is_kept
        self._first = self._loop.time() + self.clocks.first_token_seconds
        if self._head is not None:
            self._head.reschedule(min(self._first, self._total))

    def may_repeat(self) -> bool:
        """Tell whether a connection that was closed before an answer began was a kept one, for the first time."""
        may, self._has_repeated = self._is_kept and not self._has_repeated, True
        return may

    async def until(self, work: Any, clock: str) -> Any:
        """Await some work while a clock runs. Raises TimedOut when it, or the one for everything, is over."""
        clocks = self.clocks
        if clock == "first_token":
            deadline, seconds = self._first, clocks.first_token_seconds
        else:
            seconds = clocks.connect_seconds if clock == "connect" else clocks.between_seconds
            deadline = self._loop.time() + seconds
        if self._total <= deadline:
            clock, deadline, seconds = "total", self._total, clocks.total_seconds
        return await _within(asyncio.timeout_at(deadline), work, lambda: TimedOut(clock, seconds))


async def _within(limit: asyncio.Timeout, work: Any, over: Callable[[], TimedOut]) -> Any:
    """Await some work within a limit. Raises what `over` makes when it is over; a timeout of the work's own stays."""
    try:
        async with limit:
            return await work
    except TimeoutError as error:
        if not limit.expired():
            raise
        raise over() from error


class _KeptOneClosed(Broken):
    """A kept connection was closed before an answer began: most likely before the request came."""


def _tells_the_watch() -> aiohttp.TraceConfig:
    """Return how a request's watch hears that its connection stands."""

    async def made(_: Any, context: SimpleNamespace, __: aiohttp.TraceConnectionCreateEndParams) -> None:
        context.trace_request_ctx.connected(is_kept=False)

    async def taken(_: Any, context: SimpleNamespace, __: aiohttp.TraceConnectionReuseconnParams) -> None:
        context.trace_request_ctx.connected(is_kept=True)

    config = aiohttp.TraceConfig()
    config.on_connection_create_end.append(made)
    config.on_connection_reuseconn.append(taken)
    return config


class _Refused(OSError):
    """The address may not be connected to."""


def _told(error: BaseException) -> UpstreamError:
    if isinstance(error, aiohttp.ClientResponseError | aiohttp.ClientPayloadError | ValueError):
        return Broken("it closed the connection before its answer was complete, or what came is not HTTP")
    return Broken(_broken(error))


def _broken(error: BaseException) -> str:
    return f"the connection broke ({type(error).__name__})"


def _in_words(error: aiohttp.ClientConnectorError, url: str) -> str:
    place = f"'{URL(url).host}'"
    if isinstance(error, aiohttp.ClientConnectorDNSError):
        return f"the host name {place} does not resolve"
    if isinstance(error, aiohttp.ClientConnectorCertificateError):
        return f"the certificate of {place} is not valid: {error.certificate_error}"
    if isinstance(error, aiohttp.ClientSSLError):
        return f"{place} does not speak TLS as it should ({type(error.os_error).__name__})"
    return f"nobody listens at {place}"
