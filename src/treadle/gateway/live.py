"""Keeps the gateway's table up to date: told by the database of each change, and looking by itself twice a second in case.

A look is one query of a number that each change of a watched table moves; only then the configuration is read.

The table is replaced whole, so a request sees one configuration from beginning to end. While the database is down the
last known table keeps serving.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable
from contextlib import suppress

from treadle.embeddings.room import EmbeddingRoom
from treadle.gateway.table import Table
from treadle.gateway.types import Snapshot
from treadle.prompts.jinja_rooms import JinjaRooms
from treadle.storage.database import CHANGES, Database, find_version

log = logging.getLogger("treadle.gateway.live")

POLL_SECONDS = 0.5

LoadSnapshot = Callable[[], Awaitable[Snapshot]]


class Live:
    """Owns the table that requests are served by."""

    def __init__(
        self,
        database: Database,
        load: LoadSnapshot,
        pepper: bytes,
        *,
        room: EmbeddingRoom | None = None,
        jinja: JinjaRooms | None = None,
        on_change: Callable[[Table], None] = lambda _: None,
        poll_seconds: float = POLL_SECONDS,
    ) -> None:
        """room: where guards embed. jinja: where Jinja prompts are filled in. on_change: hears of each table before a request is served by it."""
        self.table: Table | None = None
        """None until the first look at the database succeeds."""
        self._database = database
        self._load = load
        self._pepper = pepper
        self._room = room
        self._jinja = jinja
        self._on_change = on_change
        self._poll_seconds = poll_seconds
        self._changed = asyncio.Event()
        self._tasks: list[asyncio.Task[None]] = []
        self._is_stale = False
        self._version = ""
        """Of the watched tables, before the configuration was read last."""

    def find(self) -> Table | None:
        """Return the table of this moment."""
        return self.table

    async def start(self) -> None:
        """Read the configuration, then keep watching for changes."""
        await self.reload()
        loop = asyncio.get_running_loop()
        self._tasks = [loop.create_task(self._listen(), name="gateway notifications")]
        self._tasks.append(loop.create_task(self._watch(), name="gateway configuration"))

    async def close(self) -> None:
        """Stop watching."""
        for task in self._tasks:
            task.cancel()
        for task in self._tasks:
            with suppress(asyncio.CancelledError):
                await task
        self._tasks = []

    async def reload(self) -> bool:
        """Read the configuration if it may have changed; return whether what is known is of now."""
        try:
            version = await self._database.system(find_version)
            if version == self._version:
                self._is_stale = False
                return True
            snapshot = await self._load()
            table = await asyncio.to_thread(self._made_ready, snapshot)
        except Exception as error:
            # Whatever is wrong there, serving by what is known beats not serving; said once, not at each look.
            if not self._is_stale:
                log.warning("the configuration cannot be read (%s); the gateway serves by the last one it knows", error)
            self._is_stale = True
            return False
        self._is_stale, self._version = False, version
        if table is not None:
            self._on_change(table)
            self.table = table
            log.info("serving configuration %s: %d endpoints", snapshot.hash, len(snapshot.endpoints))
        return True

    def _made_ready(self, snapshot: Snapshot) -> Table | None:
        """Return the table of a snapshot, None where it is the one that serves.

        In a thread: each endpoint takes a fifth of a millisecond, and requests are served meanwhile. It reads what nobody
        changes, and nobody reads what it makes before it is whole.
        """
        if self.table is not None and snapshot == self.table.snapshot:
            return None
        return Table(snapshot, self._pepper, self._room, self._jinja)

    async def _listen(self) -> None:
        async for _ in self._database.listen(CHANGES):
            self._changed.set()

    async def _watch(self) -> None:
        while True:
            with suppress(TimeoutError):
                async with asyncio.timeout(self._poll_seconds):
                    await self._changed.wait()
            self._changed.clear()
            await self.reload()
