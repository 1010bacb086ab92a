"""The way back to one caller: a whole answer, a stream, or a refusal in the shape of its protocol."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any

from msgspec import Struct

from treadle.gateway.protocols.base import SpokenProtocol
from treadle.gateway.refusals import Refusal

Send = Callable[[MutableMapping[str, Any]], Awaitable[None]]
Release = Callable[[], None]
Headers = tuple[tuple[bytes, bytes], ...]

_JSON = (b"content-type", b"application/json")
_STREAM = ((b"content-type", b"text/event-stream; charset=utf-8"), (b"cache-control", b"no-cache"))


class Caller(Struct):
    """One caller who waits for an answer."""

    send: Send
    last: Release
    """Is called before the final message, when a disconnect no longer matters."""
    protocol: SpokenProtocol
    request_id: str
    headers: Headers = ()
    """More headers for the answer."""
    has_begun: bool = False
    """Whether a stream has begun: from then on its status is told."""
    has_ended: bool = False
    """Whether the last piece of the answer was handed over: nothing can be said after it."""

    async def answer(self, status: int, data: bytes, more: Headers = ()) -> None:
        """Give a whole answer."""
        self._last()
        length = (b"content-length", str(len(data)).encode())
        await self.send(
            {"type": "http.response.start", "status": status, "headers": [_JSON, length, *self.headers, *more]}
        )
        await self.send({"type": "http.response.body", "body": data})

    async def begin(self) -> None:
        """Begin a stream. Safe to repeat."""
        if not self.has_begun:
            self.has_begun = True
            await self.send({"type": "http.response.start", "status": 200, "headers": [*_STREAM, *self.headers]})

    def give(self, events: bytes) -> Awaitable[None]:
        """Give events of a stream that has begun, when it is awaited."""
        return self.send({"type": "http.response.body", "body": events, "more_body": True})

    async def end(self, events: bytes = b"") -> None:
        """End a stream."""
        self._last()
        await self.begin()
        await self.send({"type": "http.response.body", "body": events})

    async def refuse(self, refusal: Refusal) -> None:
        """Give an error: as the answer, or as the event that ends a stream."""
        if self.has_begun:
            self._last()
            body = self.protocol.error_event(refusal, self.request_id)
            await self.send({"type": "http.response.body", "body": body})
        else:
            body = refusal.original or self.protocol.error(refusal, self.request_id)
            await self.answer(refusal.status, body, (*retry_header(refusal), *refusal.headers))

    def _last(self) -> None:
        self.has_ended = True
        self.last()


def retry_header(refusal: Refusal) -> Headers:
    """Return the Retry-After header of a refusal, if it has one."""
    if refusal.retry_after_seconds is None:
        return ()
    return ((b"retry-after", str(refusal.retry_after_seconds).encode()),)
