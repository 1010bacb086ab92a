"""What may end a request from outside while it is served: a body that takes too long, a caller that has gone.

Both are things to look at after a while, and most requests end sooner. So there is one timer for all of them, which
runs only while there is something to look at; a timer for each request would cost more than routing it.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, MutableMapping
from time import monotonic
from typing import Any

TICK_SECONDS = 0.05
WATCH_AFTER_SECONDS = 0.05

Receive = Callable[[], Awaitable[MutableMapping[str, Any]]]


class Ticker:
    """Rings what is due, at most a tick late. Belongs to the event loop of its first use."""

    def __init__(self, tick_seconds: float = TICK_SECONDS) -> None:
        self._tick_seconds = tick_seconds
        self._due: dict[Cancelling, float] = {}
        self._is_ticking = False
        self._loop: asyncio.AbstractEventLoop | None = None

    @property
    def loop(self) -> asyncio.AbstractEventLoop:
        """The loop that it belongs to: asking for the running one is a system call in Python 3.11."""
        if self._loop is None:
            self._loop = asyncio.get_running_loop()
        return self._loop

    def add(self, watch: Cancelling, seconds: float) -> None:
        """Ring it after so many seconds, unless it is dropped before."""
        self._due[watch] = monotonic() + seconds
        if not self._is_ticking:
            self._is_ticking = True
            self.loop.call_later(self._tick_seconds, self._tick)

    def drop(self, watch: Cancelling) -> None:
        """Forget it. Safe to repeat."""
        self._due.pop(watch, None)

    def _tick(self) -> None:
        due, now = self._due, monotonic()
        for watch in [watch for watch, at in due.items() if at <= now]:
            del due[watch]
            watch.ring()
        self._is_ticking = bool(due)
        if due:
            self.loop.call_later(self._tick_seconds, self._tick)


class Cancelling:
    """Something that may cancel the request's task: fires at most once, and can be taken back."""

    __slots__ = ("_main", "_ticker", "fired")

    def __init__(self, ticker: Ticker, seconds: float) -> None:
        """seconds: when it rings."""
        self.fired = False
        """Whether it did cancel."""
        self._main = asyncio.current_task(ticker.loop)
        self._ticker = ticker
        ticker.add(self, seconds)

    def ring(self) -> None:
        """Take note that the time has come: cancel the request's task."""
        self.fired = True
        if self._main is not None:
            self._main.cancel()

    def forgive(self) -> None:
        """Take the cancellation back: it has done its work."""
        if self._main is not None:
            self._main.uncancel()

    def stop(self) -> None:
        """Let the request be. Safe to repeat."""
        self._ticker.drop(self)


class Deadline(Cancelling):
    """Ends the wait for a body; `asyncio.timeout` does the same at several times the cost."""

    __slots__ = ()


class RequestWatch(Cancelling):
    """Ends a request whose body takes too long, and then one whose caller closed the connection, so that the upstream's
    work stops too.

    It begins to look for the caller after a moment: most requests end sooner, never pay for the task, and were noted once.
    """

    __slots__ = ("_body_seconds", "_has_body", "_is_late", "_receive", "_task")

    def __init__(self, ticker: Ticker, receive: Receive, body_seconds: float) -> None:
        super().__init__(ticker, WATCH_AFTER_SECONDS)
        self._receive = receive
        self._body_seconds = body_seconds
        self._has_body = False
        self._is_late = False
        """Whether the body was not there at the first look."""
        self._task: asyncio.Task[None] | None = None

    def has_body(self) -> None:
        """Hear that the body is there: from the next look on the caller is looked for."""
        self._has_body = True
        if self._is_late:
            self._ticker.add(self, WATCH_AFTER_SECONDS)

    def ring(self) -> None:
        """Begin to look for the caller, or end the wait for the body when its time is over."""
        if self._has_body:
            self._task = self._ticker.loop.create_task(self._wait())
        elif self._is_late:
            super().ring()
        else:
            self._is_late = True
            self._ticker.add(self, max(self._body_seconds - WATCH_AFTER_SECONDS, 0.0))

    def stop(self) -> None:
        """Stop watching. Safe to repeat."""
        self._ticker.drop(self)
        if self._task is not None:
            self._task.cancel()

    async def _wait(self) -> None:
        while (await self._receive())["type"] != "http.disconnect":
            pass
        super().ring()
