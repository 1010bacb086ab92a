"""Exports: what a filter finds as one file, made by a run beside everything else.

The server copies packed spans, a page of 200 at a time with a pause after each, into a file of the run: a few megabytes of
memory, and eight bytes more for each trace. A child process of low priority, which no request waits for, turns that file into JSON lines
or Parquet, 2,000 spans at a time. A run that was killed begins again. The file is kept for a week (`exports_kept`).
"""

from __future__ import annotations

import asyncio
import hashlib
from array import array
from collections.abc import Mapping, Sequence
from pathlib import Path

import anyio.to_thread

from treadle.core.errors import Conflict, NotFound
from treadle.core.types import JsonObject, JsonValue
from treadle.governance import audit
from treadle.http.context import Context
from treadle.jobs import service as jobs
from treadle.jobs.scope import Handler, RunScope
from treadle.jobs.types import NewRun, Run
from treadle.storage.blobs import Blobs
from treadle.storage.database import Connection
from treadle.traces import service
from treadle.traces.asking import exports_kept, views
from treadle.traces.asking.exports_kept import KEPT_FOR
from treadle.traces.asking.language import parse
from treadle.traces.asking.types import NewExport
from treadle.traces.types import TraceFilter

EXPORT_KIND = "traces.export"
AT_ONCE = 200
PAUSE_SECONDS = 0.01


class ExportEnded(NotFound):
    """The file of an export is kept no longer."""

    code = "traces.export_ended"


class ExportNotReady(Conflict):
    """The run of an export has no file (yet)."""

    code = "traces.export_not_ready"


async def start_export(ctx: Context, new: NewExport) -> Run:
    """Start writing what a filter finds into a file. Raises FilterRefused, ViewNotFound, WorkedElsewhere."""
    ctx.require("traces.read")
    if new.view is not None:
        view = views.in_words(await views.get_view(ctx, new.view))
        subject = "trace" if "trace" in (view.subject, new.subject) else "span"
        new = new.model_copy(update={"q": views.both(view.q, new.q), "subject": subject})
    parse(new.q)
    title = f"Export {new.subject}s as {new.format}"

    def write(db: Connection) -> Run:
        audit.record(
            db, ctx, action="traces.export", object_id=ctx.project_id, detail={"q": new.q, "format": new.format}
        )
        return jobs.enqueue(db, ctx, NewRun(kind=EXPORT_KIND, title=title, params=new.model_dump(mode="json")))

    return await ctx.db.write(write)


async def export_spans(scope: RunScope) -> dict[str, JsonValue]:
    """Do a 'traces.export' run. params: `NewExport`."""
    new = NewExport.model_validate(scope.params)
    packed = scope.folder / "packed.jsonl"
    packed.unlink(missing_ok=True)
    count, traces, cursor = 0, array("Q"), None
    while True:
        trace_ids, lines, cursor = await _page(scope.ctx, new, cursor)
        await anyio.to_thread.run_sync(_append, packed, lines)
        count += len(lines)
        traces.extend(map(_number_of, trace_ids))
        scope.progress(0.0 if cursor else 0.7, f"{count:,} spans copied")
        if cursor is None:
            break
        await asyncio.sleep(PAUSE_SECONDS)
    made = scope.folder / f"spans.{new.format}"
    spec: JsonObject = {"packed": str(packed), "made": str(made), "format": new.format}
    await scope.child("treadle.traces.asking.export_worker:convert", spec)
    digest, ends_at = await anyio.to_thread.run_sync(exports_kept.digest_of, made), scope.ctx.clock.now() + KEPT_FOR
    await scope.ctx.db.write(lambda db: exports_kept.announce(db, scope.run_id, digest, ends_at))
    blob = await anyio.to_thread.run_sync(_part_of(scope.ctx).put_file, made)
    packed.unlink()
    made.unlink()
    facts: dict[str, JsonValue] = {"digest": digest, "size_bytes": blob.size_bytes, "num_spans": count}
    facts["num_traces"] = await anyio.to_thread.run_sync(_count_distinct, traces)
    return facts | {"format": new.format, "kept_until": ends_at.isoformat()}


async def file_of(ctx: Context, run_id: str) -> tuple[Path, str]:
    """Return an export's file and a name for it. Raises NotFound, ExportNotReady, ExportEnded."""
    ctx.require("traces.read")
    run = await jobs.get_run(ctx, run_id)
    if run.kind != EXPORT_KIND:
        raise NotFound(
            f"run '{run_id}' is no export of traces; list runs with: treadle run list", code="jobs.run_not_found"
        )
    if run.status != "succeeded":
        raise ExportNotReady(
            f"export '{run_id}' is {run.status} and has no file; look again with: treadle run show {run_id}"
        )
    now = ctx.clock.now()
    digest = await ctx.db.read(lambda db: exports_kept.find(db, run_id, now))
    if digest is None:
        raise ExportEnded(
            f"the file of export '{run_id}' was kept for {KEPT_FOR.days} days and is gone; the spans are not: export them again "
            f"with: treadle trace export FILE QUERY"
        )
    path = await anyio.to_thread.run_sync(_part_of(ctx).fetch, digest)
    return path, f"{run_id}.{run.outputs['format']}"


HANDLERS: Mapping[str, Handler] = {EXPORT_KIND: export_spans}


def _part_of(ctx: Context) -> Blobs:
    return exports_kept.part_of(ctx.blobs, ctx.project_id)


async def _page(ctx: Context, new: NewExport, cursor: str | None) -> tuple[list[str], list[bytes], str | None]:
    """Return the traces of a page, their spans or those of them that match, and where to go on."""
    if new.subject == "span":
        spans = await service.list_spans(ctx, new.q, limit=AT_ONCE, cursor=cursor)
        ids = list(dict.fromkeys(span.trace_id for span in spans.items))
        lines = await service.list_packed(ctx, ids, seqs=[span.seq for span in spans.items])
        return ids, lines, spans.next_cursor
    traces = await service.list_traces(ctx, TraceFilter(q=new.q), limit=AT_ONCE // 10, cursor=cursor)
    ids = [trace.trace_id for trace in traces.items]
    return ids, await service.list_packed(ctx, ids), traces.next_cursor


def _number_of(trace_id: str) -> int:
    return int.from_bytes(hashlib.blake2b(trace_id.encode(), digest_size=8).digest())


def _count_distinct(numbers: array[int]) -> int:
    import numpy

    return len(numpy.unique(numpy.frombuffer(numbers, dtype=numpy.uint64))) if numbers else 0


def _append(path: Path, lines: Sequence[bytes]) -> None:
    with path.open("ab") as file:
        file.writelines(line + b"\n" for line in lines)
