"""What waits to be told to one reader: at most so much, each object once, whatever the reader's pace.

A reader who is slower than what happens is told to look at everything again, instead of keeping it all in memory.
Belongs to one event loop.
"""

from __future__ import annotations

import asyncio
from typing import NamedTuple

from treadle.http.actor import Actor
from treadle.live.kinds import permission_of
from treadle.live.types import How, Presence

MAX_WAITING = 256


class Event(NamedTuple):
    """One change on its way."""

    kind: str
    object_id: str | None
    how: How
    sequence: int | None
    """Its place in the audit log; None where it has no entry."""


class Waiting(NamedTuple):
    """What a reader takes at once."""

    changes: list[Event]
    """What has no entry in the log first, then in its order."""
    presence: Presence | None
    """Who is on the reader's page now; None when that is as it was told last."""
    must_resync: bool
    """Whether some changes were dropped."""
    must_recheck: bool
    """Whether the reader's right to read on is to be looked at again."""
    is_over: bool
    """Whether nothing will come any more."""


class Inbox:
    """What waits for one stream."""

    def __init__(self, stream_id: str, project_id: str, actor: Actor, page: str | None) -> None:
        self.stream_id = stream_id
        self.project_id = project_id
        self.actor = actor
        """Who reads, with their rights as they were looked at last."""
        self.page = page
        """Which page the reader has open; None for none."""
        self._changes: dict[tuple[str, str | None], Event] = {}
        self._presence: Presence | None = None
        self._told: Presence | None = None
        self._must_resync = False
        self._must_recheck = False
        self._is_over = False
        self._woken = asyncio.Event()

    def put(self, event: Event) -> None:
        """Tell of a change, if the reader may hear of it; one that waits already is told once, as it is now."""
        if permission_of(event.kind) not in self.actor.permissions or self._must_resync:
            return
        key = (event.kind, event.object_id)
        before = self._changes.pop(key, None)
        if before is not None and before.how == "created" and event.how == "changed":
            event = event._replace(how="created")
        if before is not None and event.sequence is None:
            event = event._replace(sequence=before.sequence)
        self._changes[key] = event
        if len(self._changes) > MAX_WAITING:
            self.put_resync()
        self._woken.set()

    def put_presence(self, presence: Presence) -> None:
        """Tell who is on the reader's page."""
        self._presence = presence
        self._woken.set()

    def put_resync(self) -> None:
        """Tell that changes were missed."""
        self._changes.clear()
        self._must_resync = True
        self._woken.set()

    def put_recheck(self) -> None:
        """Have the reader's rights looked at again."""
        self._must_recheck = True
        self._woken.set()

    def end(self) -> None:
        """Tell that nothing more will come."""
        self._is_over = True
        self._woken.set()

    async def take(self, patience_seconds: float) -> Waiting:
        """Return what waits, as soon as there is something, or nothing when patience is over."""
        try:
            async with asyncio.timeout(patience_seconds):
                await self._woken.wait()
        except TimeoutError:
            pass
        self._woken.clear()
        presence = self._presence if self._presence != self._told else None
        self._told = self._presence
        taken = Waiting(
            sorted(self._changes.values(), key=lambda event: event.sequence or 0),
            presence,
            self._must_resync,
            self._must_recheck,
            self._is_over,
        )
        self._changes, self._must_resync, self._must_recheck = {}, False, False
        return taken
