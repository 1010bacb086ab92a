"""Say, and change, how much content of spans a project keeps."""

from __future__ import annotations

from treadle.core.revisions import ALWAYS, When
from treadle.governance import audit, editing
from treadle.governance.editing import Audited
from treadle.guards.capture import Capture as Level
from treadle.http.context import Context
from treadle.storage.database import Connection
from treadle.traces.capture import store
from treadle.traces.capture.types import Capture, KeptCapture


async def get_capture(ctx: Context) -> KeptCapture:
    """Return what the project lets be sent; whoever sends spans may ask."""
    ctx.require("traces.write")
    return _kept(await ctx.db.read(store.get_capture))


async def set_capture(ctx: Context, new: Capture, *, when: When = ALWAYS) -> KeptCapture:
    """Keep so much from now on: the doors for OTLP follow within a second, our SDK within a minute. Audited, safe to repeat.

    Raises Outdated (see `editing.check`).
    """
    ctx.require("traces.govern")

    def write(db: Connection) -> KeptCapture:
        called = "how much of traces is kept"
        editing.hold(db, called)
        before = _kept(store.get_capture(db))
        editing.check(
            db, ctx, when, called, before, lambda _: Audited("traces.capture", ctx.project_id, "traces.write")
        )
        store.put_capture(db, new)
        audit.record(db, ctx, action="traces.capture", object_id=ctx.project_id, detail={"capture": new.capture})
        return _kept(new)

    return await ctx.db.write(write)


def _kept(capture: Capture) -> KeptCapture:
    return KeptCapture(capture=capture.capture)


def load_captures(db: Connection) -> dict[str, Level]:
    """Return what each project keeps that does not keep everything; system role."""
    return store.list_captures(db)
