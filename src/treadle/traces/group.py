"""Group commit: requests that wait for the database are committed together, and answered after that.

A commit costs the same few milliseconds for one span as for thousands. While one is under way, what arrives gathers;
then all of it goes in the next one, by project. What waits is bounded in bytes: a request beyond that is refused at
once, so its sender keeps it and tries again. Nothing is held that was not answered for, and nothing is answered for
that was not committed.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable, Sequence
from typing import NamedTuple

from treadle.core.errors import InvalidInput, Unavailable
from treadle.traces.intake import PackedSpan

QUEUE_BYTES = 64 * 1024 * 1024
COMMIT_BYTES = 8 * 1024 * 1024
COMMIT_SPANS = 4_000
COMMITS_AT_ONCE = 2
"""While one waits for the database, the next is made ready."""

Store = Callable[[str, Sequence[PackedSpan]], Awaitable[object]]
"""Stores spans of one project, all or nothing; raises InvalidInput for spans that it can never take."""


class IntakeFull(Unavailable):
    """More spans wait for the database than may."""

    code = "traces.intake_full"


class _Waiting(NamedTuple):
    spans: Sequence[PackedSpan]
    size_bytes: int
    done: asyncio.Future[None]


class GroupCommit:
    """What waits for the database, in one event loop."""

    def __init__(self, store: Store, *, queue_bytes: int = QUEUE_BYTES, commits_at_once: int = COMMITS_AT_ONCE) -> None:
        self._store = store
        self._queue_bytes = queue_bytes
        self._commits_at_once = commits_at_once
        self._queues: dict[str, deque[_Waiting]] = {}
        self._tasks: set[asyncio.Task[None]] = set()
        self.waiting_bytes = 0
        """Of all spans that are not answered for yet."""

    async def put(self, project_id: str, spans: Sequence[PackedSpan]) -> None:
        """Return when these spans of one project are committed.

        Raises IntakeFull at once when too much waits, and what the store raises. A caller that goes away changes
        nothing: its spans are committed with the others.
        """
        size_bytes = sum([len(span.data) for span in spans])
        if self.waiting_bytes and self.waiting_bytes + size_bytes > self._queue_bytes:
            raise IntakeFull(
                f"{self.waiting_bytes:,} bytes of spans wait for the database, {self._queue_bytes:,} may; nothing of this "
                f"request was kept: send it again in some seconds, as OpenTelemetry's exporters do by themselves"
            )
        done: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self.waiting_bytes += size_bytes
        self._queues.setdefault(project_id, deque()).append(_Waiting(spans, size_bytes, done))
        if len(self._tasks) < self._commits_at_once:
            task = asyncio.create_task(self._commit_all(), name="traces group commit")
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)
        await asyncio.shield(done)

    async def close(self) -> None:
        """Wait until everything is committed or refused."""
        while self._tasks:
            await asyncio.wait(list(self._tasks))

    async def _commit_all(self) -> None:
        while self._queues:
            # The project that has waited longest; what is left of it goes behind the others.
            project_id = next(iter(self._queues))
            queue = self._queues.pop(project_id)
            group, size_bytes, count = list[_Waiting](), 0, 0
            while queue and (not group or (size_bytes < COMMIT_BYTES and count < COMMIT_SPANS)):
                group.append(queue.popleft())
                size_bytes += group[-1].size_bytes
                count += len(group[-1].spans)
            if queue:
                self._queues[project_id] = queue
            try:
                await self._commit(project_id, group)
            finally:
                self.waiting_bytes -= size_bytes

    async def _commit(self, project_id: str, group: Sequence[_Waiting]) -> None:
        try:
            await self._store(project_id, [span for one in group for span in one.spans])
        except InvalidInput as error:
            if len(group) > 1:  # one of them is at fault, and only that one is refused
                for one in group:
                    await self._commit(project_id, [one])
                return
            _tell(group, error)
        except Exception as error:  # the border of a task: whoever waits is told
            _tell(group, error)
        except BaseException:
            _tell(group, Unavailable("the server is shutting down; send the spans again", code="traces.intake_closed"))
            raise
        else:
            _tell(group, None)


def _tell(group: Sequence[_Waiting], error: Exception | None) -> None:
    for one in group:
        if one.done.done():
            continue
        if error is None:
            one.done.set_result(None)
        else:
            one.done.set_exception(error)
            one.done.exception()  # a caller that has gone does not fetch it
