"""Tells the database how this worker's targets stand, once a second while something changes, and hears which breakers to close.

Nothing of this is on the path of a request: the fleet is read between requests, and what cannot be told now is told later.
"""

from __future__ import annotations

import asyncio
import logging
from contextlib import suppress
from time import monotonic

from treadle.gateway.routing.fleet import Fleet
from treadle.gateway.routing.health import TargetHealth
from treadle.gateway.standing import store
from treadle.gateway.standing.store import Worker
from treadle.storage.database import Connection, Database

log = logging.getLogger("treadle.gateway.standing")

TELL_SECONDS = 1.0
BEAT_SECONDS = 10.0
"""How often what has not changed is told again; others take a worker for gone after three times as long."""


class Reporter:
    """Owns the task that reports."""

    def __init__(self, database: Database, fleet: Fleet, worker: Worker, *, tell_seconds: float = TELL_SECONDS) -> None:
        self._database = database
        self._fleet = fleet
        self._worker = worker
        self._tell_seconds = tell_seconds
        self._told: dict[tuple[str, str], object] = {}
        self._beat_at = 0.0
        self._is_cut_off = False
        self._task: asyncio.Task[None] | None = None

    def start(self) -> None:
        """Begin to report; call it inside the running loop."""
        self._task = asyncio.get_running_loop().create_task(self._run(), name="gateway standing")

    async def close(self) -> None:
        """Stop, and take back what was said: this worker sends nothing anywhere any more."""
        if self._task is not None:
            self._task.cancel()
            with suppress(asyncio.CancelledError):
                await self._task
            self._task = None
        if self._told and not self._is_cut_off:
            with suppress(Exception):  # it lapses by itself
                await self._database.system(lambda db: store.forget_worker(db, self._worker.worker_id))

    async def _run(self) -> None:
        while True:
            await asyncio.sleep(self._tell_seconds)
            try:
                await self._tell()
                self._is_cut_off = False
            except Exception as error:
                # Whatever is wrong there, requests go on; said once, not each second.
                if not self._is_cut_off:
                    log.warning("how targets stand cannot be told (%s); it is tried again", error)
                self._is_cut_off = True

    async def _tell(self) -> None:
        now = monotonic()
        views = self._fleet.view_used(now)
        is_beat = bool(views) and now - self._beat_at >= BEAT_SECONDS
        said = {(view.scope, view.key): _what_counts(view) for view in views}
        news = [
            view for view in views if is_beat or self._told.get((view.scope, view.key)) != said[view.scope, view.key]
        ]
        # An open breaker may be closed by a person, who is heard where we tell.
        if not news and all(view.state == "closed" for view in views):
            return

        def write(db: Connection) -> list[tuple[str, str]]:
            if is_beat:
                store.forget_silent(db)
            return store.put_reports(db, self._worker, news)

        asked = await self._database.system(write)
        self._told = said
        if is_beat:
            self._beat_at = now
        for project_id, target in asked:
            log.info("the breaker of '%s' is closed because somebody asked for it", target)
            self._fleet.reset(project_id, target)


def _what_counts(view: TargetHealth) -> object:
    """Return what makes a view worth telling anew; times that only pass do not."""
    return view.state, view.attempts, view.failures, view.in_flight
