"""Tells every open stream of this process what changed: one connection listens to the database, and what it hears is handed out.

What is in the audit log is told at once. What has no entry there (progress, arrivals, evidence) is told once a second at most
for each object, the last state always. Belongs to one event loop.
"""

from __future__ import annotations

import asyncio
import json
import logging
from contextlib import suppress
from typing import Any

from treadle.core.errors import LimitExceeded, Unavailable
from treadle.core.ids import new_id
from treadle.http.context import Context
from treadle.live.inbox import Event, Inbox
from treadle.live.kinds import told_of
from treadle.live.presence import BEAT_SECONDS, Presences
from treadle.live.recent import Recent
from treadle.live.store import Here
from treadle.live.types import Presence
from treadle.storage.database import Database
from treadle.storage.notes import NOTES

MAX_STREAMS = 20
"""Streams of one actor in one process: a browser has one for each window in sight."""
REST_SECONDS = 1.0

log = logging.getLogger("treadle.live")


class TooManyStreams(LimitExceeded):
    """An actor follows changes in too many places at once."""

    code = "live.too_many_streams"


class Hub:
    """Everybody who follows changes through this process."""

    def __init__(
        self, database: Database, *, rest_seconds: float = REST_SECONDS, beat_seconds: float = BEAT_SECONDS
    ) -> None:
        self._database = database
        self._rest_seconds = rest_seconds
        self.beat_seconds = beat_seconds
        """How often a stream that has nothing to tell says so."""
        self._inboxes: dict[str, dict[str, Inbox]] = {}
        """By project and stream."""
        self._presences = Presences(database, self._tell_presence, beat_seconds=beat_seconds)
        self._resting: dict[tuple[str, str, str | None], bool] = {}
        """What was told within the last second, and whether it has changed again since."""
        self._recent = Recent()
        self._is_leaving = False
        self._tasks: list[asyncio.Task[None]] = []

    def start(self) -> None:
        """Begin to listen; call it inside the running loop."""
        loop = asyncio.get_running_loop()
        self._tasks = [
            loop.create_task(self._listen(), name="changes: listen"),
            loop.create_task(self._presences.run(), name="changes: presence"),
        ]

    def leave(self) -> None:
        """End every stream and take no more, so that a server that stops need not wait for them. Safe to repeat."""
        self._is_leaving = True
        for inbox in self._all():
            inbox.end()

    async def close(self) -> None:
        """Stop listening."""
        self.leave()
        for task in self._tasks:
            task.cancel()
        for task in self._tasks:
            with suppress(asyncio.CancelledError):
                await task
        self._tasks = []
        await self._presences.leave()

    def require_place(self, ctx: Context) -> None:
        """Raise TooManyStreams when the actor has as many as anybody may, Unavailable while the server stops."""
        if self._is_leaving:
            raise Unavailable("the server is stopping; ask again in a moment", code="live.leaving")
        of_project = self._inboxes.get(ctx.project_id, {}).values()
        if sum(inbox.actor.actor_id == ctx.actor.actor_id for inbox in of_project) >= MAX_STREAMS:
            raise TooManyStreams(
                f"'{ctx.actor.name}' follows changes in {MAX_STREAMS} places already, the most there may be; close one of them",
                limit=MAX_STREAMS,
            )

    def join(self, ctx: Context, page: str | None, recent_seconds: float = 0.0) -> Inbox:
        """Return what is told to a new stream from now on. Raises as `require_place`.

        recent_seconds: begin so long ago; where not all of it is known any more, the stream is told to ask for everything.
        """
        self.require_place(ctx)
        inbox = Inbox(new_id("str"), ctx.project_id, ctx.actor, page)
        if recent_seconds > 0:
            missed = self._recent.since(asyncio.get_running_loop().time() - recent_seconds, ctx.project_id)
            if missed is None:
                inbox.put_resync()
            for event in missed or ():
                inbox.put(event)
        self._inboxes.setdefault(ctx.project_id, {})[inbox.stream_id] = inbox
        if page is not None:
            self._presences.come(Here(inbox.stream_id, ctx.project_id, page, ctx.actor.name))
        return inbox

    def part(self, inbox: Inbox) -> None:
        """Tell a stream nothing more. Safe to repeat."""
        of_project = self._inboxes.get(inbox.project_id, {})
        of_project.pop(inbox.stream_id, None)
        if not of_project:
            self._inboxes.pop(inbox.project_id, None)
        self._presences.go(inbox.stream_id)

    async def _listen(self) -> None:
        while True:
            try:
                async for payload in self._database.listen(NOTES):
                    if payload is None:
                        self._recent.begin(asyncio.get_running_loop().time())
                        for inbox in self._all():
                            inbox.put_resync()
                        self._presences.look(None)
                    else:
                        self._take(json.loads(payload))
            except Exception:  # the border of a background task: say it and listen again
                log.exception("changes cannot be heard of")
                await asyncio.sleep(self._rest_seconds)

    def _take(self, told: dict[str, Any]) -> None:
        project_id, note = str(told["project_id"]), told["note"]
        if "page" in note:
            self._presences.look((project_id, note["page"]))
        elif "sequence" in note:
            entry = told_of(note["action"], note["object_id"])
            self._hand_out(project_id, Event(entry.kind, note["object_id"], entry.how, note["sequence"]))
            if note["action"].startswith("access."):
                for inbox in self._inboxes.get(project_id, {}).values():
                    inbox.put_recheck()
        else:
            self._tell_in_time(project_id, note["kind"], note["object_id"])

    def _tell_in_time(self, project_id: str, kind: str, object_id: str | None) -> None:
        key = (project_id, kind, object_id)
        if key in self._resting:
            self._resting[key] = True
            return
        self._resting[key] = False
        self._hand_out(project_id, Event(kind, object_id, "changed", None))
        asyncio.get_running_loop().call_later(self._rest_seconds, self._rested, key)

    def _rested(self, key: tuple[str, str, str | None]) -> None:
        if self._resting.pop(key):
            self._tell_in_time(*key)

    def _hand_out(self, project_id: str, event: Event) -> None:
        self._recent.put(asyncio.get_running_loop().time(), project_id, event)
        for inbox in self._inboxes.get(project_id, {}).values():
            inbox.put(event)

    def _tell_presence(self, project_id: str, presence: Presence) -> None:
        for inbox in self._inboxes.get(project_id, {}).values():
            if inbox.page == presence.page:
                inbox.put_presence(presence)

    def _all(self) -> list[Inbox]:
        return [inbox for of_project in self._inboxes.values() for inbox in of_project.values()]
