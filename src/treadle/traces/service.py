"""Store spans, list and read traces, find where answers came from, and keep their newest scores.

What traffic came to is in `outcomes`, sessions and end users in `asking.people`, what made an answer in `making`.
"""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal
from typing import Any, TypeVar

import anyio.to_thread
import msgspec
import psycopg

from treadle.core.errors import InvalidInput, NotFound
from treadle.http.context import Context
from treadle.http.paging import decode_cursor, encode_cursor
from treadle.storage.database import Connection, ProjectDatabase
from treadle.storage.errors import ValueRefused
from treadle.traces import store, summary, writing
from treadle.traces.archive import asking as archive
from treadle.traces.archive.lists import read_page
from treadle.traces.archive.moving import part_of
from treadle.traces.archive.store import has_files
from treadle.traces.asking import tree
from treadle.traces.asking.compiled import tree_of as tree_of_filter
from treadle.traces.asking.language import Node as FilterNode
from treadle.traces.asking.language import parse
from treadle.traces.asking.ordered import Sort, read_ordered
from treadle.traces.asking.scan import SPANS, TRACES, List
from treadle.traces.asking.types import LookedPage, SpanLine, TraceTree
from treadle.traces.consent import trace_refusing
from treadle.traces.intake import NewSpan, PackedSpan, pack
from treadle.traces.outcome_types import Origin
from treadle.traces.reading import span_of
from treadle.traces.tree import depth_of, tree_of
from treadle.traces.types import Example, Score, ScoreSource, Span, Trace, TraceDetail, TraceFilter
from treadle.traces.used import Used, used_by

T = TypeVar("T")

MAX_WHOLE, MAX_WHOLE_DEPTH = 5_000, 100
"""Of a trace that is given whole; the encoder of JSON stops at some 250 levels."""
_MAX_IDS = 10_000
_ARCHIVED_AT_ONCE = 500


class TraceNotFound(NotFound):
    """No trace has the id."""

    code = "traces.not_found"


class TraceTooLarge(InvalidInput):
    """A trace that is not given whole."""

    code = "traces.too_large"


class SpanNotFound(NotFound):
    """The trace has no span of the id."""

    code = "traces.span_not_found"


class SpanRefused(InvalidInput):
    """A span that the database can never hold."""

    code = "traces.span_refused"


async def record(db: ProjectDatabase, spans: Sequence[NewSpan]) -> int:
    """Store spans of one project in one transaction; return how many were new. Safe to repeat. Raises as `record_packed`."""
    return await record_packed(db, [pack(span) for span in spans])


async def record_packed(db: ProjectDatabase, spans: Sequence[PackedSpan]) -> int:
    """Store packed spans of one project in one transaction; return how many were new. Safe to repeat.

    Characters that PostgreSQL has no place for (NUL, half surrogate pairs) become U+FFFD. Raises SpanRefused when a
    span can never be stored, Unavailable when the database does not answer.
    """
    if not spans:
        return 0
    try:
        ready = await anyio.to_thread.run_sync(writing.make_ready, spans)
    except (ValueError, msgspec.MsgspecError) as error:
        raise SpanRefused(f"a span cannot be read ({error}); correct the one at fault and send again") from error

    def write(connection: Connection) -> int:
        days = writing.ensure_days(connection, sorted({one.day for one in ready}))
        if any(one.has_rollouts for one in ready):
            store.hold_commit_order(connection)
        return writing.put(connection, ready, days)

    try:
        try:
            return await db.write(write)
        except psycopg.errors.CheckViolation:  # the day was forgotten between two looks
            return await db.write(write)
    except (ValueRefused, psycopg.DataError, psycopg.IntegrityError) as error:
        raise SpanRefused(
            f"the database refuses these spans ({_reason(error)}); correct the one at fault and send again"
        ) from error


async def list_traces(
    ctx: Context, wanted: TraceFilter, *, limit: int, cursor: str | None = None, sort: Sort = "newest"
) -> LookedPage[Trace]:
    """Return traces that match, newest first; those with words newest stored first. By another sort: see `asking.ordered`.

    A page looks through a bounded part of the store and may be short although there is a next one; what was stored in
    the last moments is found unless much waits for the index of words (`get_lag`). What is archived comes after the rest.
    Raises FilterRefused, SortRefused.
    """
    ctx.require("traces.read")
    tree, now = tree_of_filter(wanted), ctx.clock.now()
    if sort != "newest":
        return await ctx.db.read(lambda db: read_ordered(db, tree, sort, now=now, limit=limit, cursor=cursor))
    return await _list(ctx, TRACES, tree, limit, cursor)


async def list_spans(ctx: Context, q: str, *, limit: int, cursor: str | None = None) -> LookedPage[SpanLine]:
    """Return spans that match, newest stored first, without their content. As `list_traces`."""
    ctx.require("traces.read")
    return await _list(ctx, SPANS, parse(q), limit, cursor)


async def get_trace(ctx: Context, trace_id: str) -> TraceDetail:
    """Return one trace as a tree, whole, with its content. Raises TraceNotFound, TraceTooLarge."""
    ctx.require("traces.read")

    def read(db: Connection) -> TraceDetail:
        archived = _archived(ctx, db, trace_id)
        trace = require_trace(db, trace_id, archived)
        count = store.count_spans(db, trace_id, MAX_WHOLE + 1) + len(archived)
        packed = archive.packed_spans(db, part_of(ctx.blobs, ctx.project_id), [trace_id]) if archived else []
        spans = [*map(span_of, packed), *store.list_spans(db, trace_id)] if count <= MAX_WHOLE else []
        roots = tree_of(spans)
        if count > MAX_WHOLE or depth_of(roots) > MAX_WHOLE_DEPTH:
            raise TraceTooLarge(
                f"trace '{trace_id}' has more than {MAX_WHOLE:,} spans or {MAX_WHOLE_DEPTH} levels and is not given whole; read it "
                f"in parts: treadle trace show {trace_id}, or GET /api/v1/traces/{trace_id}/tree"
            )
        return TraceDetail(trace=trace, roots=roots, from_archive=bool(archived))

    return await ctx.db.read(read)


async def get_line(ctx: Context, trace_id: str) -> Trace:
    """Return one trace as lists show it, whatever its size. Raises TraceNotFound."""
    ctx.require("traces.read")
    return await ctx.db.read(lambda db: require_trace(db, trace_id, _archived(ctx, db, trace_id)))


async def get_tree(
    ctx: Context,
    trace_id: str,
    *,
    parent_id: str | None = None,
    levels: int | None = None,
    limit: int = 200,
    cursor: str | None = None,
) -> TraceTree:
    """Return a page of a trace's spans as a tree, without content, below a span or from the roots, so many levels deep.

    Raises TraceNotFound, SpanNotFound. Cost: some 10 us per span of the trace; the answer's size depends on `limit` alone.
    """
    ctx.require("traces.read")
    after = decode_cursor(cursor, str)

    def read(db: Connection) -> TraceTree:
        archived = _archived(ctx, db, trace_id)
        found = tree.read_tree(
            db,
            require_trace(db, trace_id, archived),
            archived,
            parent_id=parent_id,
            levels=levels,
            limit=limit,
            after=str(after[0]) if after else None,
        )
        if found is None:
            raise _no_span(trace_id, str(parent_id))
        page, last = found
        return page if last is None else page.model_copy(update={"next_cursor": encode_cursor(last)})

    return await ctx.db.read(read)


async def get_span(ctx: Context, trace_id: str, span_id: str) -> Span:
    """Return one span with its content. Raises SpanNotFound."""
    ctx.require("traces.read")
    span = await ctx.db.read(lambda db: tree.find_span(db, trace_id, span_id))
    if span is not None:
        return span
    blobs = part_of(ctx.blobs, ctx.project_id)
    packed = await ctx.db.read(lambda db: archive.packed_spans(db, blobs, [trace_id], span_id=span_id))
    if not packed:
        raise _no_span(trace_id, span_id)
    return span_of(packed[0])


async def list_packed(ctx: Context, trace_ids: Sequence[str], *, seqs: Sequence[int] | None = None) -> list[bytes]:
    """Return the packed spans of traces, or those of them at these positions, wherever they are; for who copies them."""
    ctx.require("traces.read")
    blobs = part_of(ctx.blobs, ctx.project_id)

    def read(db: Connection) -> list[bytes]:
        return [
            *store.list_packed(db, trace_ids, seqs),
            *(archive.packed_spans(db, blobs, trace_ids, seqs=seqs) if has_files(db) else ()),
        ]

    return await ctx.db.read(read)


async def list_refusing(ctx: Context, trace_ids: Sequence[str]) -> set[str]:
    """Return those of these traces, archived ones among them, that say that nothing may be learnt from them (`consent`)."""
    ctx.require("traces.read")
    blobs = part_of(ctx.blobs, ctx.project_id)

    def read(db: Connection) -> set[str]:
        told = map(trace_refusing, archive.packed_spans(db, blobs, trace_ids) if has_files(db) else ())
        return store.find_refusing(db, trace_ids) | {trace_id for trace_id in told if trace_id is not None}

    return await ctx.db.read(read)


async def get_many(ctx: Context, trace_ids: Sequence[str]) -> list[Example]:
    """Return what went in and out of traces, oldest first, for whoever curates data; unknown ids are left out.

    Archived ones are among them: some 20 ms for each file that may hold some of 500.
    """
    ctx.require("traces.read")
    if len(trace_ids) > _MAX_IDS:
        raise InvalidInput(
            f"{len(trace_ids)} traces were asked for at once, at most {_MAX_IDS} are given; ask in parts",
            code="traces.too_many",
        )
    blobs = part_of(ctx.blobs, ctx.project_id)

    def read(db: Connection) -> list[Example]:
        here = summary.list_examples(db, trace_ids)
        missing = sorted({*trace_ids} - {one.trace_id for one in here}) if has_files(db) else []
        for start in range(0, len(missing), _ARCHIVED_AT_ONCE):
            asked = missing[start : start + _ARCHIVED_AT_ONCE]
            here += summary.examples_of(archive.packed_spans(db, blobs, asked), store.find_scores(db, asked))
        return sorted(here, key=lambda one: (one.started_at, one.trace_id))

    return await ctx.db.read(read)


def find_origins(db: Connection, trace_ids: Sequence[str]) -> dict[str, Origin]:
    """Return where these answers came from, by trace id; those not stored (yet) are left out."""
    return store.find_origins(db, trace_ids)


def find_step_origins(db: Connection, places: Sequence[tuple[str, str]]) -> dict[tuple[str, str], Origin]:
    """Return where these very spans came from, by trace and span id; those not stored (yet) are left out. Of what is no
    answer of the gateway the unit is None."""
    return store.find_step_origins(db, places)


def put_score(db: Connection, trace_id: str, score: Score) -> None:
    """Keep the newest score of a name and source on a trace, inside the caller's transaction. Safe to repeat.

    The trace itself may still be on its way.
    """
    store.put_score(db, trace_id, score)


def drop_score(db: Connection, trace_id: str, name: str, source: ScoreSource) -> None:
    """Forget the score of a name and source on a trace, inside the caller's transaction: all of it was taken back. Safe to repeat."""
    store.drop_score(db, trace_id, name, source)


async def _list(ctx: Context, listed: List[T], tree: FilterNode, limit: int, cursor: str | None) -> LookedPage[T]:
    now, project_id = ctx.clock.now(), ctx.project_id
    blobs = part_of(ctx.blobs, project_id)
    return await ctx.db.read(
        lambda db: read_page(db, blobs, listed, tree, project_id=project_id, now=now, limit=limit, cursor=cursor)
    )


def _no_span(trace_id: str, span_id: str) -> SpanNotFound:
    return SpanNotFound(
        f"trace '{trace_id}' has no span '{span_id}'; list its spans with: treadle trace show {trace_id}"
    )


def _archived(ctx: Context, db: Connection, trace_id: str) -> list[dict[str, Any]]:
    return archive.narrow_spans(db, part_of(ctx.blobs, ctx.project_id), trace_id)


def require_trace(db: Connection, trace_id: str, archived: Sequence[dict[str, Any]] = ()) -> Trace:
    trace = store.find_trace(db, trace_id)
    if trace is None and archived:
        scores = store.find_scores(db, [trace_id])[trace_id]
        used = used_by(Used(row["input_tokens"], row["output_tokens"], _cost(row["cost_usd"])) for row in archived)
        root = archived[0] | {"scores": scores, "used": used}
        return store.trace_of({name: root[name] for name in (*Trace.model_fields, "used") if name in root})
    if trace is None:
        raise TraceNotFound(
            f"there is no trace '{trace_id}' (new ones appear within a second); list them with: treadle trace list"
        )
    return trace


def _cost(told: str | None) -> Decimal | None:
    return None if told is None else Decimal(told)


def _reason(error: ValueRefused | psycopg.Error) -> str:
    return error.message if isinstance(error, ValueRefused) else str(error.diag.message_primary)
