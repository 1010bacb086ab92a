"""One stream of changes, as server-sent events: what was missed, then what happens, until the reader goes or may not stay.

| event      | data                              | meaning                                                            |
| ---------- | --------------------------------- | ------------------------------------------------------------------ |
| `change`   | `{kind, object_id, how}`          | ask again for it; with the log's place as `id` where it has one    |
| `presence` | `{page, names}`                   | who has the page of this stream open                               |
| `resync`   | `{}`                              | some changes were missed: ask again for everything                 |
| `ready`    | `{}`                              | what was missed is told, from here on it is live                   |
| `end`      | `{code, detail}`                  | the key or session is no longer good                               |
"""

from __future__ import annotations

import asyncio
import contextlib
import json
from collections.abc import AsyncIterator, Awaitable, Callable

from treadle.core.errors import Denied, Unauthenticated, Unavailable
from treadle.core.types import JsonObject
from treadle.governance.service import deeds_since
from treadle.http.context import Context
from treadle.live.hub import Hub
from treadle.live.inbox import Event, Inbox
from treadle.live.kinds import permission_of, told_of

MAX_MISSED = 500
"""Entries of the log that are told after a pause; after more, everything is to be asked for again."""
PAUSE_SECONDS = 0.2
"""Between two lots: many changes to one object within it are one."""
HEARTBEAT = b": still here\n\n"


async def tell_changes(
    hub: Hub,
    ctx: Context,
    recognise: Callable[[], Awaitable[Context]],
    *,
    page: str | None,
    last_event_id: str | None,
    recent_seconds: float = 0.0,
) -> AsyncIterator[bytes]:
    """Yield events until the reader goes, loses the right to read, or the server stops.

    recognise: looks again who asks; raises Unauthenticated or Denied when they may no longer.
    recent_seconds: also tell what changed so long before; it may tell a change that the reader knows.
    """
    inbox = hub.join(ctx, page, recent_seconds)
    try:
        head, lines = await _begin(ctx, last_event_id)
        # Who names no place in the log is not told the log from there: what was recently heard of is all they are told.
        told = head if last_event_id is not None else 0
        yield lines
        loop = asyncio.get_running_loop()
        beat_at = loop.time() + hub.beat_seconds
        while True:
            waiting = await inbox.take(max(0.0, beat_at - loop.time()))
            if waiting.is_over:
                return
            is_beat = loop.time() >= beat_at
            if is_beat:
                beat_at = loop.time() + hub.beat_seconds
            refusal = await _recheck(inbox, recognise) if waiting.must_recheck or is_beat else None
            if refusal is not None:
                yield refusal
                return
            events = [_event("resync", {})] if waiting.must_resync else []
            events += [_change(event) for event in waiting.changes if event.sequence is None or event.sequence > told]
            if waiting.presence is not None:
                events.append(_event("presence", waiting.presence.model_dump()))
            if events:
                yield b"".join(events)
            elif is_beat:
                yield HEARTBEAT
            await asyncio.sleep(PAUSE_SECONDS)
    except Unavailable:
        return  # the reader asks again, as after any stream that ends
    finally:
        hub.part(inbox)


async def _begin(ctx: Context, last_event_id: str | None) -> tuple[int, bytes]:
    """Return the log's newest place, and what to tell of what came after the one that the reader knows."""
    known = int(last_event_id) if last_event_id is not None and last_event_id.isdecimal() else None
    head, missed = await ctx.db.read(lambda db: deeds_since(db, known, MAX_MISSED))
    ready = _event("ready", {}, head)
    if missed is None:
        return head, ready if last_event_id is None else _event("resync", {}) + ready
    entries = [(told_of(deed.action, deed.object_id), deed) for deed in missed]
    told = [
        _change(Event(entry.kind, deed.object_id, entry.how, deed.sequence))
        for entry, deed in entries
        if permission_of(entry.kind) in ctx.actor.permissions
    ]
    return head, b"".join([*told, ready])


async def _recheck(inbox: Inbox, recognise: Callable[[], Awaitable[Context]]) -> bytes | None:
    """Take over what the reader may do now; return what to say when they may no longer read."""
    with contextlib.suppress(Unavailable):  # nobody can be asked: what was known last holds until then
        try:
            inbox.actor = (await recognise()).actor
        except (Unauthenticated, Denied) as error:
            return _event("end", {"code": error.error_code, "detail": error.message})
    return None


def _change(event: Event) -> bytes:
    return _event("change", {"kind": event.kind, "object_id": event.object_id, "how": event.how}, event.sequence)


def _event(name: str, data: JsonObject, place: int | None = None) -> bytes:
    line = "" if place is None else f"id: {place}\n"
    return f"{line}event: {name}\ndata: {json.dumps(data)}\n\n".encode()
