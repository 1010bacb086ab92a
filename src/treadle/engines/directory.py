"""Engines across processes: the server that runs them publishes where they listen, gateways elsewhere look there.

`Publisher` follows a Supervisor and keeps its rows in PostgreSQL; a server that was killed is forgotten after 15 s.
`Directory.find` is what a gateway asks per request: a dictionary look-up in what was read last. Notifications bring a change
within milliseconds; while the database is away, what was known stays known.
"""

from __future__ import annotations

import asyncio
import logging
import platform
from collections.abc import Sequence
from contextlib import suppress

from treadle.core.errors import Unavailable
from treadle.core.ids import new_id
from treadle.engines import store
from treadle.engines.supervisor import Supervisor
from treadle.engines.types import Engine
from treadle.storage.database import Database

HEARTBEAT_SECONDS = 5.0
EXPIRES_SECONDS = 15.0
POLL_SECONDS = 2.0

log = logging.getLogger("treadle.engines")


def this_machine() -> str:
    """Return the name under which engines on loopback of this machine are published."""
    return platform.node() or "localhost"


class Publisher:
    """Tells other processes what a supervisor runs."""

    def __init__(self, database: Database, supervisor: Supervisor, *, machine: str | None = None) -> None:
        self._database = database
        self._supervisor = supervisor
        self._machine = machine or this_machine()
        self._server_id = new_id("srv")
        self._task: asyncio.Task[None] | None = None

    def start(self) -> None:
        """Begin to publish; call it inside the running loop."""
        self._task = asyncio.get_running_loop().create_task(self._run(), name="engine addresses")

    async def close(self) -> None:
        """Publish nothing any more: engines that go down with us are not asked again."""
        if self._task is not None:
            self._task.cancel()
            with suppress(asyncio.CancelledError):
                await self._task
            self._task = None
            await self._publish(())

    async def _run(self) -> None:
        changed = self._supervisor.changed
        while True:
            changed.clear()
            await self._publish([status.engine for status in self._supervisor.list() if status.engine is not None])
            with suppress(TimeoutError):
                async with asyncio.timeout(HEARTBEAT_SECONDS):
                    await changed.wait()

    async def _publish(self, engines: Sequence[Engine]) -> None:
        try:
            await self._database.system(
                lambda db: store.replace_engines(db, self._server_id, self._machine, engines, seconds=EXPIRES_SECONDS)
            )
        except Unavailable as error:
            log.warning("where engines listen cannot be published now: %s", error.message)
        except Exception:  # the border of a task: say it and try again at the next beat
            log.exception("where engines listen cannot be published")


class Directory:
    """Knows the engines of every server that shares the database."""

    def __init__(self, database: Database, *, machine: str | None = None, poll_seconds: float = POLL_SECONDS) -> None:
        self._database = database
        self._machine = machine or this_machine()
        self._poll_seconds = poll_seconds
        self._engines: dict[str, Engine] = {}
        self._changed = asyncio.Event()
        self._tasks: list[asyncio.Task[None]] = []
        self._is_stale = False

    def find(self, model_version_id: str) -> Engine | None:
        """Return the newest engine of a version that this process can reach. Costs a dictionary look-up."""
        return self._engines.get(model_version_id)

    async def start(self) -> None:
        """Read what is known, then keep watching for changes."""
        await self.reload()
        loop = asyncio.get_running_loop()
        self._tasks = [loop.create_task(work(), name="engine directory") for work in (self._listen, self._watch)]

    async def close(self) -> None:
        """Stop watching."""
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        self._tasks = []

    async def reload(self) -> None:
        """Read the rows once; keep the last ones when that fails."""
        try:
            engines = await self._database.system(lambda db: store.list_engines(db, self._machine))
        except Exception as error:
            # Whatever is wrong there, the last known addresses beat none; said once, not every two seconds.
            if not self._is_stale:
                log.warning("where engines listen cannot be read (%s); the last addresses stay", error)
            self._is_stale = True
            return
        self._is_stale = False
        self._engines = {engine.model_version_id: engine for engine in engines}

    async def _listen(self) -> None:
        async for _ in self._database.listen(store.CHANNEL):
            self._changed.set()

    async def _watch(self) -> None:
        while True:
            with suppress(TimeoutError):
                async with asyncio.timeout(self._poll_seconds):
                    await self._changed.wait()
            self._changed.clear()
            await self.reload()
