"""Start durable work and look at it. `start` only writes a row, in one transaction with whatever else the caller writes;
the runner (runner.py) takes it up from there, so accepted work is never lost and never begun for a request that failed.
"""

from __future__ import annotations

from treadle.core.errors import Conflict, Denied, NotFound
from treadle.core.ids import new_id
from treadle.core.types import JsonValue, Page
from treadle.governance import audit
from treadle.http.context import Context
from treadle.http.paging import decode_cursor, page_of
from treadle.jobs import store
from treadle.jobs.plan import retry_fault
from treadle.jobs.types import LogLine, MetricPoint, NewRun, Run, RunStatus
from treadle.storage.database import Connection
from treadle.storage.errors import WorkedElsewhere
from treadle.storage.role import holder_of, this_process


class NotRetried(Conflict):
    """A run that cannot be retried; its message says why, and what to do instead."""

    code = "jobs.not_retried"


def enqueue(db: Connection, ctx: Context, new: NewRun) -> Run:
    """Write down work to do inside the caller's transaction, with its audit entry.

    Raises WorkedElsewhere when another process does the work of this database: it does not have our files.
    """
    _require_work_here(db)
    run = store.insert_run(db, new_id("run"), new, ctx.actor, ctx.clock.now(), None, None)
    audit.record(db, ctx, action="jobs.start", object_id=run.run_id, detail={"kind": run.kind})
    return run


async def start(ctx: Context, *, kind: str, title: str, params: dict[str, JsonValue]) -> Run:
    """Start work. The caller's slice checks the permission for what it starts."""
    return await ctx.db.write(lambda db: enqueue(db, ctx, NewRun(kind=kind, title=title, params=params)))


async def get_run(ctx: Context, run_id: str) -> Run:
    """Return a run. Raises NotFound."""
    ctx.require("jobs.read")
    return await ctx.db.read(lambda db: require_run(db, run_id))


async def list_runs(
    ctx: Context,
    *,
    kind: str | None = None,
    status: RunStatus | None = None,
    text: str | None = None,
    is_step: bool | None = None,
    parent_run_id: str | None = None,
    limit: int = 50,
    cursor: str | None = None,
) -> Page[Run]:
    """Return runs, newest first; with a parent, its steps in the order they were begun. `text`: part of a title, or an id."""
    ctx.require("jobs.read")
    after = decode_cursor(cursor, str, str)
    before = (str(after[0]), str(after[1])) if after else None
    rows = await ctx.db.read(
        lambda db: store.list_runs(
            db,
            kind=kind,
            status=status,
            text=text,
            is_step=is_step,
            parent_run_id=parent_run_id,
            before=before,
            limit=limit + 1,
        )
    )
    return page_of(rows, limit, lambda run: (run.created_at.isoformat(), run.run_id))


def run_ids(db: Connection, *, kind: str, status: RunStatus) -> list[str]:
    """Return the runs of a kind that stand so, inside the caller's transaction: for lists of what they make."""
    return store.run_ids(db, kind, status)


async def list_logs(ctx: Context, run_id: str, *, after: int = 0, limit: int = 500) -> list[LogLine]:
    """Return what a run said after a sequence number. Raises NotFound."""
    ctx.require("jobs.read")

    def read(db: Connection) -> list[LogLine]:
        require_run(db, run_id)
        return store.list_logs(db, run_id, after, limit)

    return await ctx.db.read(read)


async def list_metrics(ctx: Context, run_id: str) -> list[MetricPoint]:
    """Return a run's curves. Raises NotFound."""
    ctx.require("jobs.read")

    def read(db: Connection) -> list[MetricPoint]:
        require_run(db, run_id)
        return store.list_metrics(db, run_id)

    return await ctx.db.read(read)


async def cancel_run(ctx: Context, run_id: str) -> Run:
    """Stop a run and its steps; a step that is at work is ended within a second. Safe to repeat. Raises NotFound."""
    ctx.require("jobs.write")

    def write(db: Connection) -> Run:
        run = require_run(db, run_id)
        stopped = store.cancel_tree(db, run_id, ctx.clock.now())
        for one in stopped:
            db.execute("select pg_notify('treadle_runs', %s)", [f"cancel {one}"])
        if stopped:
            audit.record(db, ctx, action="jobs.cancel", object_id=run_id, detail={"kind": run.kind})
        return require_run(db, run_id)

    return await ctx.db.write(write)


async def retry_run(ctx: Context, run_id: str) -> Run:
    """Have a run that failed or was cancelled go on where it stopped: steps that ended well are not done again.

    It works with the rights of who started it, so only who has them all may wake it. Raises NotFound, NotRetried, Denied,
    WorkedElsewhere.
    """
    ctx.require("jobs.write")

    def write(db: Connection) -> Run:
        run = require_run(db, run_id)
        if fault := retry_fault(run):
            raise NotRetried(fault)
        starter = store.get_rights(db, run_id)
        if beyond := sorted(starter.permissions - ctx.actor.permissions):
            raise Denied(
                f"run '{run_id}' works with the rights of {starter.name}, and you lack {', '.join(beyond)}; ask {starter.name} or "
                "somebody with these rights to retry it, or start the same work anew as yourself",
                code="jobs.retry_denied",
            )
        _require_work_here(db)
        store.retry_tree(db, run_id)
        store.append_logs(db, run_id, [(ctx.clock.now(), f"retried by {ctx.actor.name}")])
        audit.record(db, ctx, action="jobs.retry", object_id=run_id, detail={"kind": run.kind})
        return require_run(db, run_id)

    return await ctx.db.write(write)


def _require_work_here(db: Connection) -> None:
    worker = holder_of(db)
    if worker is not None and worker.process != this_process():
        raise WorkedElsewhere(worker.process)


def require_run(db: Connection, run_id: str) -> Run:
    """Return a run. Raises NotFound."""
    run = store.find_run(db, run_id)
    if run is None:
        raise NotFound(f"there is no run '{run_id}'; list them with: treadle run list", code="jobs.run_not_found")
    return run
