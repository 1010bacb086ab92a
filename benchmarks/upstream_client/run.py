"""What one upstream request costs in CPU: our raw client against aiohttp, on the same loop and the same trivial upstream.

The upstream is a process of its own, so only the client's CPU is counted. Prints microseconds of CPU per request
(1 KB request, 600 byte answer), medians of several rounds run in turn, and the ratio.

    python benchmarks/upstream_client/run.py [requests per round] [rounds]
"""

from __future__ import annotations

import asyncio
import multiprocessing
import statistics
import sys
import time
from multiprocessing.connection import Connection

import aiohttp
import uvloop

from treadle.gateway.addresses import PrivateHosts
from treadle.gateway.pool import RawClient
from treadle.gateway.providers.base import WireRequest
from treadle.gateway.types import Clocks, Provider

BODY = b'{"model":"m","messages":[{"role":"user","content":"' + b"x" * 900 + b'"}]}'
ANSWER = (
    b'{"id":"chatcmpl-1","object":"chat.completion","choices":[{"index":0,"message":{"role":"assistant","content":"'
)
ANSWER += b"y" * 450 + b'"}}]}'
HEADERS = {"content-type": "application/json", "authorization": "Bearer none", "accept-encoding": "identity"}
CONCURRENCY = 16


class _Trivial(asyncio.Protocol):
    """Answers each request that comes in one piece."""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = transport
        self.rest = b""

    def data_received(self, data: bytes) -> None:
        self.rest += data
        while (end := self.rest.find(b"\r\n\r\n")) >= 0 and len(self.rest) >= end + 4 + len(BODY):
            self.rest = self.rest[end + 4 + len(BODY) :]
            head = f"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: {len(ANSWER)}\r\n\r\n"
            self.transport.write(head.encode() + ANSWER)  # type: ignore[attr-defined]


def _serve(pipe: Connection) -> None:
    async def main() -> None:
        server = await asyncio.get_running_loop().create_server(_Trivial, "127.0.0.1", 0)
        pipe.send(server.sockets[0].getsockname()[1])
        await server.serve_forever()

    uvloop.run(main())


async def _raw(url: str, count: int) -> None:
    client = RawClient(PrivateHosts())
    provider = Provider(project_id="p", name="n", kind="openai", base_url=url, private=True)
    clocks = Clocks()

    async def worker() -> None:
        for _ in range(count // CONCURRENCY):
            request = WireRequest(url=url + "/v1/chat/completions", headers=HEADERS, body=BODY)
            reply = await client.send(request, provider, clocks)
            assert await reply.read() == ANSWER
            reply.close()

    await asyncio.gather(*(worker() for _ in range(CONCURRENCY)))
    await client.close()


async def _aiohttp(url: str, count: int) -> None:
    timeout = aiohttp.ClientTimeout(total=600, sock_connect=5, sock_read=60)
    async with aiohttp.ClientSession(
        connector=aiohttp.TCPConnector(limit=0),
        timeout=timeout,
        auto_decompress=False,
        cookie_jar=aiohttp.DummyCookieJar(),
    ) as session:

        async def worker() -> None:
            for _ in range(count // CONCURRENCY):
                response = await session.post(
                    url + "/v1/chat/completions", data=BODY, headers=HEADERS, allow_redirects=False
                )
                assert await response.read() == ANSWER
                response.release()

        await asyncio.gather(*(worker() for _ in range(CONCURRENCY)))


def _microseconds(work: object, count: int) -> float:
    began = time.process_time()
    uvloop.run(work)  # type: ignore[arg-type]
    return (time.process_time() - began) / count * 1e6


def main() -> None:
    """Measure and print."""
    if "--quick" in sys.argv:
        count, rounds = 4_000, 1
    else:
        count = int(sys.argv[1]) if len(sys.argv) > 1 else 20_000
        rounds = int(sys.argv[2]) if len(sys.argv) > 2 else 5
    ours, theirs = multiprocessing.Pipe()
    child = multiprocessing.get_context("spawn").Process(target=_serve, args=(theirs,), daemon=True)
    child.start()
    url = f"http://127.0.0.1:{ours.recv()}"
    raw: list[float] = []
    general: list[float] = []
    for _ in range(rounds):
        raw.append(_microseconds(_raw(url, count), count))
        general.append(_microseconds(_aiohttp(url, count), count))
    child.kill()
    a, b = statistics.median(raw), statistics.median(general)
    print(f"raw client {a:.1f} us, aiohttp {b:.1f} us of CPU per request; {b / a:.1f} times")


if __name__ == "__main__":
    main()
