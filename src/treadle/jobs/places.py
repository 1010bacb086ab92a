"""A few places to work. Whoever waits for one gets it in the order of their keys, oldest first. Belongs to one event loop."""

from __future__ import annotations

import asyncio
import heapq
import itertools
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager


class Places:
    """As many places as there is work to be done at once."""

    def __init__(self, count: int) -> None:
        self.count = count
        self._free = count
        self._waiting: list[tuple[str, int, asyncio.Future[None]]] = []
        self._numbers = itertools.count()

    @asynccontextmanager
    async def take(self, key: str, on_wait: Callable[[], Awaitable[object]]) -> AsyncIterator[None]:
        """Wait for a place and hold it. Those with smaller keys go first, equal ones in the order they came.

        on_wait: called by those who have to wait, once they are in line.
        """
        await self._wait(key, on_wait)
        try:
            yield
        finally:
            self._pass_on()

    def close(self) -> None:
        """Cancel everyone who waits."""
        for _, _, turn in self._waiting:
            turn.cancel()

    async def _wait(self, key: str, on_wait: Callable[[], Awaitable[object]]) -> None:
        if self._free:
            self._free -= 1
            return
        turn: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        heapq.heappush(self._waiting, (key, next(self._numbers), turn))
        try:
            await on_wait()
            await turn
        except BaseException:
            if not turn.cancel() and not turn.cancelled():
                self._pass_on()  # it was given to us as we left
            raise

    def _pass_on(self) -> None:
        while self._waiting:
            _, _, turn = heapq.heappop(self._waiting)
            if not turn.done():
                turn.set_result(None)
                return
        self._free += 1
