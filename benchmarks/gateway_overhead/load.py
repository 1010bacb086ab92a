"""The other side: callers over kept-alive connections, as cheap as Python allows, closed loop or at a fixed rate.

Latency at a fixed rate is counted from the moment a request was due, so a server that falls behind cannot hide it.
"""

from __future__ import annotations

import asyncio
import time
from collections import deque
from typing import Any, NamedTuple
from urllib.parse import urlsplit

import httptools


class Measured(NamedTuple):
    """What one run came to."""

    requests: int
    seconds: float
    latencies_ms: list[float]
    """Per request, to the last byte."""
    first_byte_ms: list[float]
    """Per request, to the first byte of the body."""


class Caller(asyncio.Protocol):
    """One connection that sends one request at a time."""

    def connection_made(self, transport: Any) -> None:
        """Keep the transport."""
        self._transport = transport
        self._done: asyncio.Future[None] | None = None

    def connection_lost(self, exc: Exception | None) -> None:
        """Fail the request that was under way."""
        if self._done is not None and not self._done.done():
            self._done.set_exception(exc or ConnectionResetError())

    def ask(self, request: bytes) -> asyncio.Future[None]:
        """Send a request; the future ends with its answer."""
        self._done = asyncio.get_running_loop().create_future()
        self._parser = httptools.HttpResponseParser(self)
        self.first_byte = 0.0
        self._transport.write(request)
        return self._done

    def data_received(self, data: bytes) -> None:
        """Feed the parser."""
        self._parser.feed_data(data)

    def on_body(self, body: bytes) -> None:
        """Note when the first byte came."""
        if not self.first_byte:
            self.first_byte = time.perf_counter()

    def on_message_complete(self) -> None:
        """End the request; anything but 200 is a fault of the benchmark."""
        assert self._done is not None
        status = self._parser.get_status_code()
        if status == 200:
            self._done.set_result(None)
        else:
            self._done.set_exception(RuntimeError(f"answered {status}"))

    def close(self) -> None:
        """Hang up."""
        self._transport.close()


def request_of(url: str, key: str, body: bytes, path: str = "/v1/chat/completions") -> bytes:
    """Return the bytes of one POST."""
    head = (
        f"POST {path} HTTP/1.1\r\nhost: {urlsplit(url).netloc}\r\nauthorization: Bearer {key}\r\n"
        f"content-type: application/json\r\ncontent-length: {len(body)}\r\n\r\n"
    )
    return head.encode() + body


async def connect(url: str, count: int) -> list[Caller]:
    """Open connections."""
    loop, parts = asyncio.get_running_loop(), urlsplit(url)
    return [(await loop.create_connection(Caller, parts.hostname or "", parts.port or 80))[1] for _ in range(count)]


async def closed_loop(url: str, request: bytes, *, connections: int, seconds: float) -> Measured:
    """Send as fast as answers come, over so many connections."""
    callers, latencies, firsts = await connect(url, connections), list[float](), list[float]()
    began = time.perf_counter()
    until = began + seconds

    async def work(caller: Caller) -> None:
        while (sent := time.perf_counter()) < until:
            await caller.ask(request)
            latencies.append((time.perf_counter() - sent) * 1000)
            firsts.append((caller.first_byte - sent) * 1000)

    await asyncio.gather(*(work(caller) for caller in callers))
    took = time.perf_counter() - began
    for caller in callers:
        caller.close()
    return Measured(len(latencies), took, latencies, firsts)


async def fixed_rate(url: str, request: bytes, *, per_second: float, seconds: float) -> Measured:
    """Send at a fixed rate, whatever the answers do."""
    idle, latencies, firsts = deque(await connect(url, 32)), list[float](), list[float]()
    everyone = list(idle)
    began = time.perf_counter()

    async def one(due: float, caller: Caller) -> None:
        await caller.ask(request)
        latencies.append((time.perf_counter() - due) * 1000)
        firsts.append((caller.first_byte - due) * 1000)
        idle.append(caller)

    tasks = []
    for number in range(int(per_second * seconds)):
        due = began + number / per_second
        await asyncio.sleep(max(0.0, due - time.perf_counter()))
        if not idle:
            idle += await connect(url, 32)
            everyone += idle
        tasks.append(asyncio.create_task(one(due, idle.popleft())))
    await asyncio.gather(*tasks)
    took = time.perf_counter() - began
    for caller in everyone:
        caller.close()
    return Measured(len(latencies), took, latencies, firsts)
