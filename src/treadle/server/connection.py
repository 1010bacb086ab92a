"""One connection of the data plane's HTTP/1.1: what its parser says becomes requests, answered one after the other.

Requests that came before the one before them was answered wait; bodies are read no faster than the application takes them.
"""

from __future__ import annotations

import asyncio
import logging
from collections import deque
from collections.abc import Awaitable, Callable
from typing import Literal, Protocol, cast

from httptools import HttpParserError, HttpParserUpgrade, HttpRequestParser

from treadle.server.admitting import MAX_HEAD_BYTES, BadRequest, admit, take_header, too_large, without_offer
from treadle.server.heads import Head, head_of
from treadle.server.turn import Host, Message, Turn

Application = Callable[
    [Message, Callable[[], Awaitable[Message]], Callable[[Message], Awaitable[None]]], Awaitable[None]
]
State = Literal["idle", "head", "busy", "rest", "last"]
"""Of a connection: without a request, in the middle of a head, answering, taking the rest of a body that nobody reads, or
closing behind its last answer, which the caller has yet to read."""

HIGH_WATER = 64 * 1024
"""Bytes of a body that are held before the caller is made to wait for the application."""
HEADS_TRIED = 4

log = logging.getLogger("treadle.gateway.http")


class House(Host, Protocol):
    """The server, as its connections need it."""

    application: Application
    loop: asyncio.AbstractEventLoop
    linger_seconds: float
    now: float
    """As of the last look at the clock."""

    def came(self, connection: Connection) -> None:
        """Hear of a connection."""
        ...

    def gone(self, connection: Connection) -> None:
        """Hear that a connection is closed."""
        ...

    def place(self, url: bytes) -> tuple[str, bytes, bytes]:
        """Return the path, the path as it came, and the query of a URL. Raises BadRequest."""
        ...


class Connection(asyncio.Protocol):
    """One connection: requests one after the other, each answered before the next is begun."""

    def __init__(self, server: House) -> None:
        self.server = server
        self.loop = server.loop
        self.state: State = "idle"
        self.since = server.now
        """When this state began."""
        self.is_stalled = False
        """Whether the caller leaves so much unread that no more is written."""
        self.stalled_at = 0.0
        self.is_gone = False
        self._task: asyncio.Task[None] | None = None
        """Answers all requests: waking it costs 2.2 us, a task for each 3.1."""
        self._turn: Turn | None = None
        """The request that is being answered."""
        self._next: Turn | None = None
        """The same, until the task has taken it up."""
        self._idler: asyncio.Future[None] | None = None
        """What the task waits for while there is no request."""
        self._incoming: Turn | None = None
        """The request that is being read."""
        self._waiting: deque[Turn] = deque()
        """Requests that came before the one before them was answered."""
        self._fault: BadRequest | None = None
        self._upgrades = False
        self._piece = 0
        """Bytes of the piece that is being parsed."""
        self._between = 0
        """Bytes since the last of a body: of a head, of chunks' extensions, of trailers."""
        self._is_paused = False
        self._head: Head | None = None
        """Of the last request that came in one piece."""
        self._heads_left = HEADS_TRIED
        """How many more heads are worth keeping: a caller whose heads all differ is not helped by it."""
        self._reader: asyncio.Future[None] | None = None
        self._transport: asyncio.Transport
        self._parser = HttpRequestParser(self)

    # What the event loop calls.

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Take the socket."""
        self._transport = cast(asyncio.Transport, transport)  # uvloop's are none of asyncio's by inheritance
        self.server.came(self)
        if self.server.is_leaving:
            self.leave()

    def data_received(self, data: bytes) -> None:
        """Parse what came."""
        if self._fault is not None:
            return
        is_first = self._turn is None and self._incoming is None
        if is_first and self._head is not None and self._take_again(self._head, data):
            return
        self._piece = len(data)
        self._between += self._piece
        try:
            self._parser.feed_data(data)
        except HttpParserUpgrade as upgrade:
            self._decline_upgrade(data[upgrade.args[0] :])
        except HttpParserError:
            self._refuse(self._fault or BadRequest(400, "bad_http", "what came is not HTTP/1.1"))
        else:
            turn = self._incoming
            if self._between > MAX_HEAD_BYTES and turn is not None:
                self._refuse(too_large())  # the parser gathers it before anybody hears of it
            if is_first and self._heads_left and turn is None and self._turn is not None and not self._waiting:
                self._heads_left -= 1
                self._head = head_of(data, self._turn)

    def eof_received(self) -> bool:
        """Take it that a caller which ends its side has gone."""
        return False

    def connection_lost(self, error: Exception | None) -> None:
        """Tell everybody that the caller has gone."""
        self.is_gone = True
        self._waiting.clear()
        if self._turn is not None:
            self._turn.wake()
        _ring(self._reader)
        _ring(self._idler)
        self.server.gone(self)

    def pause_writing(self) -> None:
        """The caller does not read."""
        self.is_stalled, self.stalled_at = True, self.server.now

    def resume_writing(self) -> None:
        """The caller reads again."""
        self.is_stalled = False
        _ring(self._reader)

    # What the parser calls.

    def on_message_begin(self) -> None:
        """A request begins."""
        self._incoming = Turn(self)
        if self._turn is None:
            self.state, self.since = "head", self.server.now

    def on_url(self, url: bytes) -> None:
        """A piece of the URL."""
        turn = self._incoming
        if turn is not None:
            turn.url += url

    def on_header(self, name: bytes, value: bytes) -> None:
        """One header, or a trailer behind the body, which nobody reads."""
        turn = self._incoming
        if turn is not None and turn.scope is None:
            take_header(turn, name, value)

    def on_headers_complete(self) -> None:
        """The head is whole: the application may begin, while the body is still on its way."""
        turn, parser = self._incoming, self._parser
        if turn is None or self._upgrades:
            return
        if parser.should_upgrade():
            self._upgrades = True
            return
        try:
            turn.scope = admit(turn, parser, max(self._between, self._piece), self.server.place)
        except BadRequest as fault:
            self._fault = fault  # what a callback raises comes out of the parser as an error of its own kind
            raise
        self._between = 0
        if self._turn is None:
            self._begin(turn)
        else:
            self._waiting.append(turn)
            self._pause()

    def on_body(self, data: bytes) -> None:
        """A piece of the body; after the answer nobody wants it."""
        self._between = 0
        turn = self._incoming
        if turn is None or turn.is_complete or turn.scope is None:
            return
        turn.body.append(data)
        turn.held += len(data)
        if turn.held > HIGH_WATER:
            self._pause()
        turn.wake()

    def on_message_complete(self) -> None:
        """The request is whole."""
        turn = self._incoming
        if turn is None or turn.scope is None:
            return
        self._incoming = None
        self._between = 0
        turn.more = False
        turn.expects = False
        turn.wake()
        if turn.is_complete and turn is self._turn:
            self._finish(turn)

    # What turns and the server call.

    @property
    def task(self) -> asyncio.Task[None] | None:
        """What answers a request now; None where there is none."""
        return None if self._turn is None else self._task

    def write(self, data: bytes) -> None:
        """Write to the caller, if it is still there."""
        if not self.is_gone:
            self._transport.write(data)

    def read_on(self) -> None:
        """Read further, unless requests wait for their turn."""
        if self._is_paused and not self._waiting and not self.is_gone:
            self._is_paused = False
            self._transport.resume_reading()

    async def until_read(self) -> None:
        """Wait until the caller has read enough that more can be written."""
        while self.is_stalled and not self.is_gone:
            self._reader = reader = self.loop.create_future()
            try:
                await reader
            finally:
                self._reader = None

    def answered(self, turn: Turn) -> None:
        """Go on to the next request, once the body of this one is through."""
        turn.wake()
        if turn.more:
            # Closing now could take the answer along: what the caller still sends is read and thrown away for a while.
            turn.body.clear()
            turn.held = 0
            self.state, self.since = "rest", self.server.now
            self.read_on()
        else:
            self._finish(turn)

    def time_out(self) -> None:
        """End what has taken too long in this state."""
        if self._transport.is_closing():
            self.abort()
        elif self.state == "head":
            self._refuse(BadRequest(408, "head_too_slow", "the head of the request took too long; send it at once"))
        else:
            self._transport.close()

    def leave(self) -> None:
        """Close behind the answer to what is asked now or within the time to linger, and without one then."""
        self.loop.call_later(self.server.linger_seconds, self._close_if_idle)

    def abort(self) -> None:
        """Close at once."""
        self._transport.abort()

    def _take_again(self, head: Head, data: bytes) -> bool:
        """Begin with a request that came in one piece and has the head of the one before; return whether it has."""
        body = head.body_of(data)
        if body is None:
            return False
        self._heads_left = HEADS_TRIED
        turn = Turn(self)
        turn.url, turn.hosts, turn.more = head.url, 1, False
        turn.body.append(body)
        turn.held = len(body)
        turn.headers = headers = head.headers_for(len(body))
        turn.scope = {**head.scope, "headers": headers}
        self._begin(turn)
        return True

    def _begin(self, turn: Turn) -> None:
        self._turn = self._next = turn
        self.state = "busy"
        if self._idler is not None:
            _ring(self._idler)
        elif self._task is None or self._task.done():
            self._task = self.loop.create_task(self._work())

    async def _work(self) -> None:
        """Let the application answer what comes, until the caller has gone."""
        while True:
            turn, self._next = self._next, None
            if turn is not None:
                assert turn.scope is not None
                try:
                    await self.server.application(turn.scope, turn.receive, turn.send)
                except Exception:
                    log.exception("the application failed on '%s'", turn.url.decode("latin-1"))
                finally:
                    if not (turn.is_complete or self.is_gone):
                        self._cut(turn)
            elif self.is_gone:
                return
            else:
                self._idler = idler = self.loop.create_future()
                try:
                    await idler
                finally:
                    self._idler = None

    def _cut(self, turn: Turn) -> None:
        """End an answer that the application did not finish: it never looks complete."""
        if turn.has_head:
            self.abort()
        elif self.server.is_leaving:
            self._say(
                BadRequest(503, "gateway_stopping", "the gateway stops before it answered this request; send it again")
            )
        else:
            self._say(BadRequest(500, "internal_error", "the gateway failed on this request; its log says why"))

    def _finish(self, turn: Turn) -> None:
        self._turn = None
        if turn.closes:
            self._close()
        elif self._waiting:
            self._begin(self._waiting.popleft())
            self.read_on()
        elif self._fault is not None:
            self._say(self._fault)
        else:
            self.state, self.since = "idle" if self._incoming is None else "head", self.server.now
            self.read_on()
            if self.server.is_leaving:
                self.leave()  # the head of this answer was sent before, and could not say that it is the last

    def _close_if_idle(self) -> None:
        if self.state == "idle":
            self._transport.close()

    def _pause(self) -> None:
        if not (self._is_paused or self.is_gone):
            self._is_paused = True
            self._transport.pause_reading()

    def _refuse(self, fault: BadRequest) -> None:
        """Refuse a request, after those before it were answered, and close."""
        self._fault = fault
        turn = self._turn
        if turn is not None and turn is not self._incoming:
            self._pause()
        elif turn is not None and turn.has_head:
            self.abort()  # its body is not HTTP, and its answer has begun
        else:
            self._say(fault)

    def _say(self, fault: BadRequest) -> None:
        self.write(fault.answer(self.server.date))
        self._close()
        self.is_gone = True
        if self._turn is not None:
            self._turn.wake()

    def _close(self) -> None:
        """Close behind what is written; a caller that does not read it has a while for that, not for ever."""
        self.state, self.since = "last", self.server.now
        self._transport.close()

    def _decline_upgrade(self, rest: bytes) -> None:
        """Read the request again without its offer to speak another protocol."""
        turn, self._incoming, self._upgrades = self._incoming, None, False
        assert turn is not None
        try:
            head = without_offer(turn, self._parser)
        except BadRequest as fault:
            self._refuse(fault)
            return
        self._parser = HttpRequestParser(self)
        self._between = 0
        self.data_received(head + rest)


def _ring(waiter: asyncio.Future[None] | None) -> None:
    if waiter is not None and not waiter.done():
        waiter.set_result(None)
