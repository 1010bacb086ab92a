"""A model's server that costs next to nothing: one fixed answer, whole or as a stream of 20 chunks 5 ms apart.

Run as its own process; prints its port. Raw protocol on uvloop, so that what is measured is the gateway.
"""

from __future__ import annotations

import asyncio
from typing import Any

import httptools
import uvloop

CHUNKS = 20
CHUNK_SECONDS = 0.005
TEXT = "Your card was sent on Monday and should be with you within five working days. " * 4


def _answer() -> bytes:
    body = (
        b'{"id":"chatcmpl-1","object":"chat.completion","created":1700000000,"model":"upstream","choices":[{"index":0,'
        b'"message":{"role":"assistant","content":"' + TEXT.encode() + b'"},"finish_reason":"stop"}],'
        b'"usage":{"prompt_tokens":40,"completion_tokens":64,"total_tokens":104}}'
    )
    return b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: %d\r\n\r\n" % len(body) + body


def _chunk(number: int) -> bytes:
    ends = b'"stop"' if number == CHUNKS - 1 else b"null"
    data = (
        b'data: {"id":"chatcmpl-1","object":"chat.completion.chunk","created":1700000000,"model":"upstream","choices":'
        b'[{"index":0,"delta":{"content":"Your card was sent "},"finish_reason":' + ends + b"}]}\n\n"
    )
    return b"%x\r\n" % len(data) + data + b"\r\n"


ANSWER = _answer()
STREAM_HEAD = b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ntransfer-encoding: chunked\r\n\r\n"
STREAM_CHUNKS = [_chunk(number) for number in range(CHUNKS)]
STREAM_END = b"e\r\ndata: [DONE]\n\n\r\n0\r\n\r\n"


class Server(asyncio.Protocol):
    """One connection."""

    def connection_made(self, transport: Any) -> None:
        """Begin to parse."""
        self._transport = transport
        self._parser = httptools.HttpRequestParser(self)
        self._body = b""

    def data_received(self, data: bytes) -> None:
        """Feed the parser."""
        self._parser.feed_data(data)

    def on_body(self, body: bytes) -> None:
        """Keep the body, to see whether a stream is asked for."""
        self._body += body

    def on_message_complete(self) -> None:
        """Answer."""
        body, self._body = self._body, b""
        if b'"stream":true' in body or b'"stream": true' in body:
            self._transport.write(STREAM_HEAD)
            self._next_chunk(0)
        else:
            self._transport.write(ANSWER)

    def _next_chunk(self, number: int) -> None:
        if self._transport.is_closing():
            return
        if number == CHUNKS:
            self._transport.write(STREAM_END)
            return
        self._transport.write(STREAM_CHUNKS[number])
        asyncio.get_running_loop().call_later(CHUNK_SECONDS, self._next_chunk, number + 1)


async def main() -> None:
    """Serve until killed."""
    server = await asyncio.get_running_loop().create_server(Server, "127.0.0.1", 0)
    print(server.sockets[0].getsockname()[1], flush=True)
    await server.serve_forever()


if __name__ == "__main__":
    uvloop.run(main())
