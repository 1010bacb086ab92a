"""Start batches, look at them, stop them: OpenAI's verbs, under the right to call endpoints.

A key that may call some endpoints only sees the batches that it started; everybody else sees all of the project.
"""

from __future__ import annotations

from datetime import timedelta

from treadle.core.errors import Conflict, InvalidInput, NotFound
from treadle.core.ids import new_id
from treadle.gateway.batches import store
from treadle.gateway.batches.files import INVOKE, require_file, whose
from treadle.gateway.batches.finishing import finish
from treadle.gateway.batches.store import KeptBatch
from treadle.gateway.batches.types import (
    FINAL,
    Batch,
    BatchError,
    BatchList,
    NewBatch,
)
from treadle.gateway.protocols.registry import PROTOCOLS
from treadle.governance import audit
from treadle.http.context import Context
from treadle.jobs import service as jobs
from treadle.jobs.types import FINAL as FINAL_RUN
from treadle.jobs.types import NewRun, Run
from treadle.storage.database import Connection

KIND = "gateway.batch"
WINDOW = timedelta(hours=24)


class BatchNotFound(NotFound):
    """No batch has the id."""

    code = "gateway.batch_not_found"


class BatchEnded(Conflict):
    """A batch that has ended was to be stopped."""

    code = "gateway.batch_ended"


async def create_batch(ctx: Context, new: NewBatch, key_id: str | None) -> Batch:
    """Start a batch over a file. key_id: the key whose limits and endpoints count; None for a person's session.

    Its lines are checked when it is worked on. Raises FileNotFound, InvalidInput.
    """
    ctx.require(INVOKE)
    if new.endpoint not in PROTOCOLS:
        paths = ", ".join(f"'{path}'" for path in PROTOCOLS)
        raise InvalidInput(
            f"batches cannot ask '{new.endpoint}'; they ask one of {paths}", code="gateway.batch_endpoint"
        )
    batch_id, now = new_id("batch"), ctx.clock.now()

    def write(db: Connection) -> Batch:
        file = require_file(db, ctx, new.input_file_id).file
        if file.purpose != "batch":
            raise InvalidInput(
                f"file '{file.id}' was uploaded with purpose '{file.purpose}'; upload it with purpose 'batch'",
                code="gateway.file_purpose",
            )
        title = f"Batch over {file.filename}"[:200]
        once = "its batch ends with it; start another: treadle batch start FILE"
        run = jobs.enqueue(db, ctx, NewRun(kind=KIND, title=title, params={"batch_id": batch_id}, once=once))
        store.insert_batch(db, batch_id, new, key_id, run.run_id, now, now + WINDOW)
        detail: dict[str, object] = {"input_file_id": file.id, "endpoint": new.endpoint, "run_id": run.run_id}
        audit.record(db, ctx, action="gateway.create_batch", object_id=batch_id, detail=detail)
        return require_batch(db, batch_id).batch

    return await ctx.db.write(write)


async def get_batch(ctx: Context, batch_id: str) -> Batch:
    """Return a batch. Raises BatchNotFound."""
    ctx.require(INVOKE)

    def read(db: Connection) -> tuple[KeptBatch, Run | None]:
        kept = require_batch(db, batch_id, only=whose(ctx))
        is_open = kept.batch.status not in FINAL and kept.batch.run_id is not None
        return kept, jobs.require_run(db, kept.batch.run_id or "") if is_open else None

    kept, run = await ctx.db.read(read)
    if run is None or run.status not in FINAL_RUN:
        return kept.batch
    # Somebody ended its run, or it failed in a way that its handler could not tell: what was answered is handed over.
    told = run.error.message if run.error else f"its run '{run.run_id}' was {run.status}"
    errors = [] if run.status == "cancelled" else [BatchError(code="batch_failed", message=told)]
    await finish(ctx, kept, "cancelled" if run.status == "cancelled" else "failed", errors)
    return (await ctx.db.read(lambda db: require_batch(db, batch_id))).batch


async def list_batches(ctx: Context, *, after: str | None, limit: int) -> BatchList:
    """Return batches, newest first."""
    ctx.require(INVOKE)
    rows = await ctx.db.read(lambda db: store.list_batches(db, after=after, limit=limit + 1, only=whose(ctx)))
    shown = rows[:limit]
    first, last = (shown[0].id, shown[-1].id) if shown else (None, None)
    return BatchList(data=shown, first_id=first, last_id=last, has_more=len(rows) > limit)


async def cancel_batch(ctx: Context, batch_id: str) -> Batch:
    """Ask nothing more of a batch; what was asked is finished and kept. Safe to repeat. Raises BatchNotFound, BatchEnded."""
    ctx.require(INVOKE)

    def write(db: Connection) -> Batch:
        kept = require_batch(db, batch_id, only=whose(ctx), lock=True)
        if kept.batch.status in FINAL or kept.batch.status == "finalizing":
            raise BatchEnded(
                f"batch '{batch_id}' is {kept.batch.status}, so there is nothing to cancel; read its files instead"
            )
        if store.set_status(db, batch_id, "cancelling", ctx.clock.now(), before=["validating", "in_progress"]):
            audit.record(db, ctx, action="gateway.cancel_batch", object_id=batch_id, detail={})
        return require_batch(db, batch_id).batch

    return await ctx.db.write(write)


def require_batch(db: Connection, batch_id: str, *, only: str | None = None, lock: bool = False) -> KeptBatch:
    """Return a batch. only: the key whose batches are looked at; None looks at all. Raises BatchNotFound."""
    kept = store.find_batch(db, batch_id, only=only, lock=lock)
    if kept is None:
        raise BatchNotFound(f"there is no batch '{batch_id}'; list them with: treadle batch list")
    return kept
