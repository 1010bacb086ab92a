"""Who is on which page: what one process adds to the table that all of them share, and what it reads there for its readers.

One task does all of it, in rounds: whoever came and went since the last is written in one transaction, which tells every
process; each reads the pages that its own readers have open. Every 15 s all of it is said again, so that a process that was
killed is forgotten within 45 s.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable

from treadle.core.errors import Unavailable
from treadle.live import store
from treadle.live.store import Here
from treadle.live.types import Presence
from treadle.storage.database import Connection, Database
from treadle.storage.notes import tell_page

BEAT_SECONDS = 15.0
PAUSE_SECONDS = 0.1
"""Between two rounds: many who come at once are read once."""
RETRY_SECONDS = 1.0

log = logging.getLogger("treadle.live")

Where = tuple[str, str]
"""A project and a page of it."""


class Presences:
    """Who is on which page, as this process knows it. Belongs to one event loop."""

    def __init__(
        self, database: Database, tell: Callable[[str, Presence], None], *, beat_seconds: float = BEAT_SECONDS
    ) -> None:
        """tell: hears who is on a page of a project, whenever that was read."""
        self._database = database
        self._tell = tell
        self._beat_seconds = beat_seconds
        self._here: dict[str, Here] = {}
        """Ours, by stream."""
        self._came: dict[str, Here] = {}
        self._gone: dict[str, Here] = {}
        self._due: set[Where] = set()
        self._woken = asyncio.Event()

    def come(self, here: Here) -> None:
        """Note that somebody has opened a page."""
        self._here[here.stream_id] = self._came[here.stream_id] = here
        self._woken.set()

    def go(self, stream_id: str) -> None:
        """Note that they have left it. Safe to repeat."""
        here = self._here.pop(stream_id, None)
        if here is not None:
            self._came.pop(stream_id, None)
            self._gone[stream_id] = here
            self._woken.set()

    def look(self, where: Where | None) -> None:
        """Read who is on a page, if somebody here has it open; None: on every such page."""
        open_here = {(one.project_id, one.page) for one in self._here.values()}
        found = open_here if where is None else open_here & {where}
        if found:
            self._due |= found
            self._woken.set()

    async def run(self) -> None:
        """Do rounds until cancelled."""
        loop = asyncio.get_running_loop()
        beat_at = loop.time() + self._beat_seconds
        while True:
            try:
                async with asyncio.timeout_at(beat_at):
                    await self._woken.wait()
            except TimeoutError:
                pass
            is_beat = loop.time() >= beat_at
            if is_beat:
                beat_at = loop.time() + self._beat_seconds
            pause = PAUSE_SECONDS
            try:
                await self._round(is_beat=is_beat)
            except Unavailable:
                pause = RETRY_SECONDS  # said by whoever waits for an answer
            except Exception:  # the border of a background task: say it and go on
                log.exception("who is on which page cannot be told")
                pause = RETRY_SECONDS
            await asyncio.sleep(pause)

    async def leave(self) -> None:
        """Take everybody here away, so that others need not wait for it to expire."""
        for stream_id in list(self._here):
            self.go(stream_id)
        try:
            await self._round(is_beat=False)
        except Unavailable as error:
            log.warning("who was on which page here is forgotten in %d s: %s", store.EXPIRES_SECONDS, error.message)

    async def _round(self, *, is_beat: bool) -> None:
        self._woken.clear()
        if is_beat:
            self.look(None)
        came, gone, due = self._came, self._gone, self._due
        self._came, self._gone, self._due = {}, {}, set()
        here = list((self._here if is_beat else came).values())
        if not (here or gone or due):
            return

        def work(db: Connection) -> list[tuple[str, Presence]]:
            store.delete_here(db, list(gone))
            store.put_here(db, here)
            if is_beat:
                store.delete_expired(db)
            for project_id, page in {(one.project_id, one.page) for one in (*came.values(), *gone.values())}:
                tell_page(db, project_id, page)
            return [(project_id, store.find_presence(db, project_id, page)) for project_id, page in due]

        try:
            found = await self._database.system(work)
        except BaseException:
            # What was not kept is still to do: the next round takes it up, unless they have left since.
            self._came = {name: one for name, one in came.items() if name in self._here} | self._came
            self._gone, self._due = gone | self._gone, due | self._due
            self._woken.set()
            raise
        for project_id, presence in found:
            self._tell(project_id, presence)
