"""The part of the cache that workers share: a table that is read for a few milliseconds and written behind.

Nothing here is on the path of a request but `find`, and that gives up after `READ_SECONDS`; after three times in a row
it leaves the database alone for a while. Purges come as notifications; after a lost connection everything local goes.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from contextlib import suppress
from functools import partial
from time import monotonic
from typing import Literal, TypeVar

from treadle.core.clock import Clock
from treadle.core.errors import TreadleError
from treadle.gateway.cache import store
from treadle.gateway.cache.keys import CacheKey
from treadle.gateway.cache.memory import Entry
from treadle.gateway.cache.similar import MAX_ON_SHELF
from treadle.gateway.cache.store import Checked, Counted, Row
from treadle.storage.database import Connection, Database

log = logging.getLogger("treadle.gateway.cache")

T = TypeVar("T")
Forget = Callable[[str | None, str | None], None]

READ_SECONDS = 0.03
REST_SECONDS = 5.0
FLUSH_SECONDS = 0.1
CLEAN_SECONDS = 60.0
MAX_WAITING = 2_000
_PATIENCE = 3


class Sharing:
    """What one worker reads from and writes to the shared table."""

    def __init__(self, database: Database | None, clock: Clock, forget: Forget, read_seconds: float) -> None:
        """forget: called with project and endpoint of a purge, with None for both when anything may have been purged."""
        self._database = database
        self._clock = clock
        self._forget = forget
        self._read_seconds = read_seconds
        self._rows: dict[str, list[Row]] = {}
        self._waiting = 0
        self._counts: dict[tuple[str, str], list[int]] = {}
        self._checks: dict[tuple[str, str, float], list[int]] = {}
        self._failures = 0
        self._rests_until = 0.0
        self._cleaned_at: dict[str, float] = {}
        self._tasks: list[asyncio.Task[None]] = []

    def start(self) -> None:
        """Begin to write and to listen; call it inside the running loop."""
        if self._database is not None:
            loop = asyncio.get_running_loop()
            self._tasks = [
                loop.create_task(self._write_behind(), name="gateway cache: write"),
                loop.create_task(self._listen(self._database), name="gateway cache: listen"),
            ]

    async def close(self) -> None:
        """Stop, and store what waits if the database answers."""
        for task in self._tasks:
            task.cancel()
            with suppress(asyncio.CancelledError):
                await task
        if self._tasks:
            await self._flush()
        self._tasks = []

    async def find(self, project_id: str, key: bytes) -> Entry | None:
        """Return a shared answer; None also when the database does not answer soon."""
        now = self._clock.now().timestamp()
        return await self._read(project_id, partial(store.find_entry, key=key, now=now), self._read_seconds)

    async def questions(self, project_id: str, rest: bytes, embedder: str) -> list[tuple[bytes, bytes]]:
        """Return key and vector of questions that share all the rest, oldest first."""
        now = self._clock.now().timestamp()
        work = partial(store.list_questions, rest=rest, embedder=embedder, now=now, limit=MAX_ON_SHELF)
        return list(reversed(await self._read(project_id, work, 5.0) or []))

    async def checks(self, project_id: str) -> list[Checked]:
        """Return what checks of similar answers gave, over all workers."""
        return await self._read(project_id, store.list_checks, 5.0) or []

    def put(self, row: Row) -> None:
        """Share an answer soon; dropped when too many wait."""
        if self._database is not None and self._waiting < MAX_WAITING:
            self._waiting += 1
            self._rows.setdefault(row.entry.project_id, []).append(row)

    def count(self, key: CacheKey, what: Literal["exact", "semantic", "miss"]) -> None:
        """Count a look."""
        counts = self._counts.setdefault((key.project_id, key.endpoint), [0, 0, 0])
        counts[("exact", "semantic", "miss").index(what)] += 1

    def check(self, key: CacheKey, threshold: float, is_wrong: bool) -> None:
        """Count a check of a similar answer."""
        counts = self._checks.setdefault((key.project_id, key.endpoint, threshold), [0, 0])
        counts[0] += 1
        counts[1] += is_wrong

    async def _read(self, project_id: str, work: Callable[[Connection], T], seconds: float) -> T | None:
        if self._database is None or monotonic() < self._rests_until:
            return None
        try:
            async with asyncio.timeout(seconds):
                found = await self._database.for_project(project_id).read(work)
        except (TimeoutError, TreadleError):
            self._failures += 1
            if self._failures >= _PATIENCE:
                self._failures = 0
                self._rests_until = monotonic() + REST_SECONDS
            return None
        self._failures = 0
        return found

    async def _write_behind(self) -> None:
        while True:
            await asyncio.sleep(FLUSH_SECONDS)
            if not (self._rows or self._counts or self._checks):
                continue
            try:
                await self._flush()
            except Exception:
                # The border of a task: a fault here must not stop sharing for good.
                log.exception("the cache could not be shared; it goes on")
                await asyncio.sleep(REST_SECONDS)

    async def _flush(self) -> None:
        if self._database is None:
            return
        rows, counts, checks = self._rows, self._counts, self._checks
        self._rows, self._counts, self._checks, self._waiting = {}, {}, {}, 0
        now = self._clock.now().timestamp()
        for project_id in {*rows, *(name[0] for name in counts), *(name[0] for name in checks)}:
            is_due = (
                rows.get(project_id) and monotonic() - self._cleaned_at.get(project_id, -CLEAN_SECONDS) >= CLEAN_SECONDS
            )
            work = partial(
                _write,
                rows=rows.get(project_id, []),
                counts=[Counted(name[1], *each) for name, each in counts.items() if name[0] == project_id],
                checks=[Checked(name[1], name[2], *each) for name, each in checks.items() if name[0] == project_id],
                clean_at=now if is_due else None,
            )
            try:
                await self._database.for_project(project_id).write(work)
            except TreadleError as error:
                log.warning("the database takes no cached answers now (%s); they stay with this worker", error.message)
                return
            if is_due:
                self._cleaned_at[project_id] = monotonic()

    async def _listen(self, database: Database) -> None:
        is_first = True
        async for payload in database.listen(store.CHANNEL):
            if payload is None:
                if not is_first:
                    self._forget(None, None)
                is_first = False
                continue
            project_id, _, endpoint = payload.partition(" ")
            # What waits here from before the purge would come back with it.
            kept = [row for row in self._rows.get(project_id, []) if row.entry.endpoint != endpoint]
            self._rows[project_id] = kept
            self._forget(project_id, endpoint)


def _write(
    db: Connection, *, rows: list[Row], counts: list[Counted], checks: list[Checked], clean_at: float | None
) -> None:
    if rows:
        store.put_entries(db, rows)
    if counts:
        store.add_counts(db, counts)
    if checks:
        store.add_checks(db, checks)
    if clean_at is not None:
        store.delete_stale(db, clean_at)
