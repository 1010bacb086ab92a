"""Our own HTTP/1.1 for plain http:// upstreams: one connection, `httptools` on `asyncio.Protocol`.

It exists because engines and gateways beside us are asked thousands of times a second, and a general client costs more
than everything else on the request's way. It knows POST and GET with a body in memory, one answer at a time, nothing else:
no redirects, no cookies, no proxies, no pipelining. Costs no timer, no task and one future per request. `pool` keeps
the connections, `reply` is what an answer is read from.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import cast

from httptools import HttpParserError, HttpResponseParser

from treadle.gateway.reply import MAX_HEAD_BYTES, RawReply
from treadle.gateway.upstream import Broken, TimedOut, TooLarge, UpstreamError

MAX_STREAM_BYTES = 512 * 1024 * 1024
"""Of a stream; some protocols spend 300 bytes on a token."""
KEEP_SECONDS = 30.0
"""How long a connection is kept without use."""
LIFE_SECONDS = 300.0
"""How long a connection is used again, so that a name that moved is followed."""
_COPY_BELOW = 64 * 1024
_SLACK = 0.002
_NEVER = float("inf")


class Connection(asyncio.Protocol):
    """One connection, serving one request after the other."""

    def __init__(
        self,
        loop: asyncio.AbstractEventLoop,
        release: Callable[[Connection], None],
        lost: Callable[[], None],
    ) -> None:
        """release: takes it back when an answer is whole. lost: hears that it is gone, once, if it was open."""
        self.reply: RawReply | None = None
        self.is_open = False
        self.idle_since = 0.0
        self.uses = 0
        self._release = release
        self._lost = lost
        self.loop = loop
        self._born = loop.time()
        self._transport: asyncio.Transport | None = None
        self._parser = HttpResponseParser(self)
        self._received = 0
        self._between = 0
        """Bytes since the last of a body: of a head, of chunks' extensions, of trailers."""
        self._surplus = False
        self._fault: UpstreamError | None = None
        self._clock = "first_token"
        self._deadline = _NEVER
        self._first_deadline = _NEVER
        self._total_deadline = _NEVER
        self._armed_for = _NEVER
        self._timer: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Take the socket."""
        self._transport = cast(asyncio.Transport, transport)  # uvloop's are none of asyncio's by inheritance

    def begin(self, reply: RawReply, now: float, total_deadline: float) -> None:
        """Expect an answer from now on."""
        self.reply = reply
        self.uses += 1
        self._received = self._between = 0
        self._surplus = False
        self._total_deadline = total_deadline
        self._clock = "first_token"
        self._first_deadline = now + reply.clocks.first_token_seconds
        self._watch(self._first_deadline)

    def send(self, head: bytes, body: bytes) -> None:
        """Write a request."""
        assert self._transport is not None
        if len(body) < _COPY_BELOW:
            self._transport.write(head + body)
        else:
            self._transport.write(head)
            self._transport.write(body)

    def abort(self) -> None:
        """Close the socket at once."""
        self.reply = None
        if self._transport is not None:
            self._transport.abort()
        self._gone()

    def pause(self) -> None:
        """Read no more for now; only the total clock runs meanwhile."""
        if self._transport is not None and not self._transport.is_closing():
            self._transport.pause_reading()
            self._watch(_NEVER)

    def resume(self) -> None:
        """Read on."""
        if self._transport is not None and not self._transport.is_closing():
            self._transport.resume_reading()
            if self.reply is not None and not self.reply.reads_whole:
                self.await_next()

    def await_first(self) -> None:
        """Let the first token's clock run."""
        self._clock = "first_token"
        self._watch(self._first_deadline)

    def await_next(self) -> None:
        """Let the clock between two chunks run."""
        if self.reply is not None:
            self._clock = "between"
            self._watch(self.loop.time() + self.reply.clocks.between_seconds)

    def is_usable(self, now: float) -> bool:
        """Tell whether another request can be sent on it."""
        return (
            self.is_open
            and self._transport is not None
            and not self._transport.is_closing()
            and now - self.idle_since < KEEP_SECONDS
        )

    def data_received(self, data: bytes) -> None:
        """Parse what came."""
        reply = self.reply
        if reply is None:
            self.abort()  # nobody asked for anything
            return
        self._received += len(data)
        self._between += len(data)
        try:
            self._parser.feed_data(data)
        except HttpParserError as error:
            # What a callback of ours raised comes wrapped in the parser's own kind of error.
            fault = self._fault or _fault_of(error)
            self._break(reply, fault)
            return
        if self._surplus:
            self.abort()  # what follows an answer unasked would be taken for the next one
            return
        if reply.complete:
            return
        if self._between > MAX_HEAD_BYTES:
            self._break(reply, TooLarge(f"its headers or trailers are more than {MAX_HEAD_BYTES} bytes"))
            return
        if not reply.has_head:
            return
        if self._received > MAX_STREAM_BYTES:
            self._break(reply, TooLarge(f"more than {MAX_STREAM_BYTES} bytes"))
            return
        if reply.parts and not reply.reads_whole:
            if not reply.is_paused and not reply.awaits_content:
                self.await_next()
            reply.wake()

    def eof_received(self) -> bool:
        """Let the transport close."""
        return False

    def connection_lost(self, error: Exception | None) -> None:
        """Take the end of the connection."""
        reply, self.reply = self.reply, None
        self._transport = None
        self._gone()
        if reply is None or reply.complete:
            return
        if reply.has_head and reply.until_close and error is None:
            reply.finish()
        elif self._received == 0:
            reply.fail(Unanswered("it closed the connection without an answer"))
        else:
            reply.fail(Broken("it closed the connection before its answer was complete"))

    # What the parser calls.

    def on_message_begin(self) -> None:
        """A message begins; one after the answer is surplus."""
        if self.reply is None:
            self._surplus = True

    def on_header(self, name: bytes, value: bytes) -> None:
        """One header, or a trailer behind the body (which nobody reads)."""
        reply = self.reply
        if reply is None or reply.has_head:
            return
        try:
            reply.take_header(name, value)
        except UpstreamError as error:
            self._fault = error
            raise

    def on_headers_complete(self) -> None:
        """The head is whole."""
        self._between = 0
        reply = self.reply
        if reply is None or reply.has_head:
            return
        try:
            reply.take_head(self._parser.get_status_code())
        except UpstreamError as error:
            self._fault = error
            raise

    def on_body(self, data: bytes) -> None:
        """A piece of the body."""
        self._between = 0
        reply = self.reply
        if reply is None or reply.complete:
            return
        try:
            reply.take_body(data)
        except UpstreamError as error:
            self._fault = error
            raise

    def on_message_complete(self) -> None:
        """The answer is whole: the connection is free again before anybody reads it."""
        reply = self.reply
        if reply is None or not reply.has_head or reply.complete:
            return
        self.reply = None
        transport, now = self._transport, self.loop.time()
        keep = (
            transport is not None
            and not transport.is_closing()
            and self._parser.should_keep_alive()
            and transport.get_write_buffer_size() == 0
            and now - self._born < LIFE_SECONDS
        )
        if reply.is_paused and transport is not None and keep:
            transport.resume_reading()
        reply.finish()
        if keep:
            # Bytes behind the answer would be surplus; `data_received` closes the connection when they come.
            self._deadline = _NEVER
            self.idle_since = now
            self._release(self)
        elif transport is not None:
            transport.abort()
            self._gone()

    # The clocks: one timer that is moved only when it would ring too late.

    def _watch(self, deadline: float) -> None:
        deadline = self._deadline = min(deadline, self._total_deadline)
        if deadline < self._armed_for:
            if self._timer is not None:
                self._timer.cancel()
            self._armed_for = deadline
            self._timer = self.loop.call_at(deadline, self._ring)

    def _ring(self) -> None:
        self._timer, self._armed_for = None, _NEVER
        reply = self.reply
        if reply is None or self._deadline == _NEVER:
            return
        if self._deadline - self.loop.time() > _SLACK:
            self._watch(self._deadline)
            return
        clocks = reply.clocks
        if self._deadline >= self._total_deadline:
            error = TimedOut("total", clocks.total_seconds)
        elif self._clock == "between":
            error = TimedOut("between", clocks.between_seconds)
        else:
            error = TimedOut("first_token", clocks.first_token_seconds)
        self._break(reply, error)

    def _break(self, reply: RawReply, error: UpstreamError) -> None:
        reply.fail(error)
        self.abort()

    def _gone(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        if self.is_open:
            self.is_open = False
            self._lost()


class Unanswered(Broken):
    """The connection ended before the first byte of an answer."""


def _fault_of(error: BaseException) -> UpstreamError:
    cause = error.__context__ or error.__cause__
    return cause if isinstance(cause, UpstreamError) else Broken("what came is not HTTP")
