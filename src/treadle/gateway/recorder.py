"""Records leave the request path here: a bounded queue, emptied by one task in batches, spooled to disk if need be.

What is offered is stored, waits in the spool, or is counted as dropped and logged: nothing vanishes silently. A request
never waits: with the queue full, the oldest batch goes to disk at once, some milliseconds per 500 records.
A kill -9 loses what arrived in the last quarter of a second (with more than 2,000 records per second, the last 500) and
what was on its way to the database; a normal end loses nothing.
"""

from __future__ import annotations

import asyncio
import logging
from collections import deque
from collections.abc import Awaitable, Callable, Sequence
from contextlib import suppress
from time import monotonic

import msgspec

from treadle.core.errors import InvalidInput, Unavailable
from treadle.gateway.spool import Spool, SpoolFull
from treadle.traces.intake import NewSpan, PackedSpan, pack, unpack

log = logging.getLogger("treadle.gateway.recorder")

FLUSH_SECONDS = 0.25
"""How long records gather: each batch costs the same half millisecond of CPU, however few they are."""
BATCH_SPANS = 500
BATCH_BYTES = 8 * 1024 * 1024
QUEUE_SPANS = 20_000
QUEUE_BYTES = 64 * 1024 * 1024
STORE_SECONDS = 15.0
RETRY_SECONDS = 1.0
LOOK_SECONDS = 5.0
"""How often the spool's folder is looked at for what another worker left there."""

_NEVER = (InvalidInput, TypeError, ValueError)
"""What says that a record itself is at fault, so that trying again cannot help."""

Store = Callable[[str, Sequence[PackedSpan]], Awaitable[object]]
"""Stores spans of one project, all or nothing; raises Unavailable when the database does not answer, InvalidInput when
it can never take them. Anything else is tried again as well."""


class Counters(msgspec.Struct):
    """What became of the records since the process began; offered = stored + rejected + dropped + those that wait."""

    offered: int = 0
    """Records that requests made."""
    stored: int = 0
    """Records in the database, counted when the database acknowledged them."""
    spooled: int = 0
    """Records that went to disk first."""
    replayed: int = 0
    """Of the stored ones, those that came from disk; another process may have spooled them."""
    rejected: int = 0
    """Records that the database can never take; kept in the spool folder as *.rejected."""
    dropped: int = 0
    """Records lost because neither the database nor the disk took them."""


class Recorder:
    """Owns the queue, the task that empties it, and the spool."""

    def __init__(
        self,
        store: Store,
        spool: Spool,
        *,
        flush_seconds: float = FLUSH_SECONDS,
        queue_spans: int = QUEUE_SPANS,
        queue_bytes: int = QUEUE_BYTES,
        store_seconds: float = STORE_SECONDS,
        retry_seconds: float = RETRY_SECONDS,
    ) -> None:
        self.counters = Counters()
        self._store = store
        self._spool = spool
        self._flush_seconds = flush_seconds
        self._queue_spans = queue_spans
        self._queue_bytes = queue_bytes
        self._store_seconds = store_seconds
        self._retry_seconds = retry_seconds
        self._queue: deque[PackedSpan] = deque()
        self._size_bytes = 0
        self._looked_at = 0.0
        self._some = asyncio.Event()
        """Rings when the queue is no longer empty."""
        self._full = asyncio.Event()
        """Rings when a whole batch waits."""
        self._task: asyncio.Task[None] | None = None
        self._closing = False

    def start(self) -> None:
        """Begin to empty the queue; call it inside the running loop."""
        self._task = asyncio.get_running_loop().create_task(self._run(), name="gateway recorder")

    def offer(self, span: NewSpan) -> None:
        """Take a record; never waits for the database."""
        self.counters.offered += 1
        try:
            packed = pack(span)
        except (TypeError, ValueError, OverflowError):
            # A record that cannot even be written down must not spoil the answer that it is of.
            self.counters.dropped += 1
            log.exception("the record of trace '%s' is lost: it cannot be written as JSON", span.trace_id)
            return
        self._queue.append(packed)
        self._size_bytes += len(packed.data)
        waiting = len(self._queue)
        if waiting == 1:
            self._some.set()
        elif waiting == BATCH_SPANS:
            self._full.set()
        if waiting > self._queue_spans or self._size_bytes > self._queue_bytes:
            self._to_disk(self._take())

    @property
    def waiting(self) -> int:
        """Return how many records are neither stored nor on disk yet."""
        return len(self._queue)

    async def close(self) -> None:
        """Store or spool everything that was offered, then stop."""
        self._closing = True
        self._some.set()
        self._full.set()
        if self._task is not None:
            with suppress(asyncio.CancelledError):
                await self._task
            self._task = None
        while self._queue:
            self._to_disk(self._take())

    async def _run(self) -> None:
        healthy = True
        while True:
            if not (self._queue or self._closing or (healthy and self._spool.size_bytes)):
                await _rings(self._some, self._retry_seconds)
            if (self._queue or self._spool.size_bytes) and len(self._queue) < BATCH_SPANS and not self._closing:
                await _rings(self._full, self._flush_seconds)  # lets a batch gather
            # What rang until now has been heard: only what comes from here on may end the next wait.
            self._some.clear()
            self._full.clear()
            try:
                healthy = await self._empty()
            except Exception:
                # The border of a task: a fault here must not stop recording for good.
                log.exception("the gateway's recorder failed; it goes on")
                healthy = False
            if self._closing and (not healthy or not self._queue):
                return
            if not healthy:
                await asyncio.sleep(self._retry_seconds)

    async def _empty(self) -> bool:
        """Store what waits in the queue and then on disk; False when the database did not answer.

        What arrives meanwhile is left to gather: storing it at once would be many small batches, which cost as much as
        large ones.
        """
        left = len(self._queue)
        while left > 0 and self._queue:
            batch = self._take()
            left -= len(batch)
            groups = _by_project(batch)
            while groups:
                try:
                    stored = await self._try_store(groups[0])
                except BaseException:
                    for group in groups:
                        self._to_disk(group)
                    raise
                if not stored:
                    for group in groups:
                        await asyncio.to_thread(self._to_disk, group)
                    return False
                groups.pop(0)
        now = monotonic()
        if not self._spool.size_bytes and now - self._looked_at < LOOK_SECONDS:
            return True
        self._looked_at = now
        for path in await asyncio.to_thread(self._spool.batches):
            if len(self._queue) >= BATCH_SPANS or self._closing:
                break  # what is new goes first
            try:
                batch = self._spool.read(path)
            except FileNotFoundError:  # another worker replayed it
                continue
            except (msgspec.DecodeError, OSError) as error:
                log.error("the spooled batch %s cannot be read (%s); it is set aside as *.rejected", path.name, error)
                self._spool.set_aside(path)
                continue
            for group in _by_project(batch):
                if not await self._try_store(group):
                    return False
            self.counters.replayed += len(batch)
            self._spool.done(path)
        return True

    async def _try_store(self, spans: list[PackedSpan]) -> bool:
        """Store spans of one project; False when they should be tried again later."""
        try:
            async with asyncio.timeout(self._store_seconds):
                await self._store(spans[0].project_id, spans)
        except _NEVER as error:
            if len(spans) > 1:
                log.warning("a batch of %d records was refused (%s); storing them one by one", len(spans), error)
                return all([await self._try_store([span]) for span in spans])
            trace_id = unpack(spans[0]).trace_id
            log.error("the record of trace '%s' is refused (%s); it is kept as *.rejected", trace_id, error)
            await asyncio.to_thread(self._to_disk, spans, rejected=True)
            return True
        except (TimeoutError, Unavailable) as error:
            log.warning("the database takes no records now (%s); they wait in %s", error, self._spool.folder)
            return False
        self.counters.stored += len(spans)
        return True

    def _take(self) -> list[PackedSpan]:
        """Take the next batch: not too many, not too large, at least one."""
        queue = self._queue
        if len(queue) < 2 * BATCH_SPANS and self._size_bytes <= BATCH_BYTES:
            batch, self._size_bytes = list(queue), 0  # also what came while a batch was full already
            queue.clear()
            return batch
        batch = [queue.popleft() for _ in range(min(BATCH_SPANS, len(queue)))]
        size = sum([len(packed.data) for packed in batch])
        while size > BATCH_BYTES and len(batch) > 1:
            size -= len(batch[-1].data)
            queue.appendleft(batch.pop())
        self._size_bytes -= size
        return batch

    def _to_disk(self, batch: list[PackedSpan], *, rejected: bool = False) -> None:
        try:
            self._spool.put(batch, suffix="rejected" if rejected else "spans")
        except (OSError, SpoolFull) as error:
            self.counters.dropped += len(batch)
            log.error("%d records are lost: neither the database nor the disk takes them (%s)", len(batch), error)
            return
        if rejected:
            self.counters.rejected += len(batch)
        else:
            self.counters.spooled += len(batch)


async def _rings(event: asyncio.Event, seconds: float) -> None:
    """Wait until it rings, so long at most."""
    with suppress(TimeoutError):
        async with asyncio.timeout(seconds):
            await event.wait()


def _by_project(spans: Sequence[PackedSpan]) -> list[list[PackedSpan]]:
    if len({span.project_id for span in spans}) == 1:
        return [list(spans)]
    groups: dict[str, list[PackedSpan]] = {}
    for span in spans:
        groups.setdefault(span.project_id, []).append(span)
    return list(groups.values())
