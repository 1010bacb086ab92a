"""A list of traces over time: how many there were, how many failed, how slow and how dear they were, for the list's own filter.

Counted in the first of these ways that is cheap, and the answer says in which: every trace that matches (`counted`); sums that are kept
by minute and hour, where the filter asks for nothing that they are not kept by (`summed`); the newest that match, where words or contents
decide (`newest`); a sample of each bar (`sampled`). Each looks at a bounded number of traces. What is archived is in the sums, too; for
other filters its files are read (`archive.charted`), as far as they may be, and the answer says which days were not. What is forgotten
is not among it.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from decimal import Decimal

from treadle.http.context import Context
from treadle.storage.database import Connection
from treadle.traces.archive import store as archive
from treadle.traces.archive.charted import Charted, read_archived
from treadle.traces.archive.moving import part_of
from treadle.traces.asking.axis import EARLIEST, NEAR, USUAL, Axis, axis_of
from treadle.traces.asking.compiled import Asked, compiled, tree_of
from treadle.traces.asking.counted import read_counted
from treadle.traces.asking.language import Node
from treadle.traces.asking.newest import read_newest
from treadle.traces.asking.ordered import named_time
from treadle.traces.asking.sampled import read_sample
from treadle.traces.asking.scan import TRACES
from treadle.traces.asking.summed import read_sums, sums_of, unit_of
from treadle.traces.asking.types import TraceBar, TraceChart
from treadle.traces.types import TraceFilter
from treadle.traces.used import known_cost


async def read_chart(ctx: Context, wanted: TraceFilter, *, bars: int) -> TraceChart:
    """Return the traces that match over time, in at most so many bars: of the time that the filter names, or else of the last day that
    had any. Raises FilterRefused."""
    ctx.require("traces.read")
    tree, now, project_id = tree_of(wanted), ctx.clock.now(), ctx.project_id
    blobs = part_of(ctx.blobs, project_id)

    def read(db: Connection) -> TraceChart:
        asked = compiled(tree, "trace", now, near=NEAR)
        if asked.words is not None or not asked.is_exact:
            return read_newest(db, blobs, tree, project_id=project_id, now=now, bars=bars)
        axis = axis_of(*_time_of(db, tree, now), bars)
        files = archive.list_files(db, *axis.days)
        if not files:
            return _of_stored(db, asked, axis, now)
        if sums_of(tree) is not None and unit_of(axis) == timedelta(hours=1):
            told = _of_sums(db, tree, axis, archived_from=times[0] if (times := archive.find_times(db)) else None)
            return told.model_copy(update={"from_archive": True})
        return _with(_of_stored(db, asked, axis, now), read_archived(db, blobs, tree, axis, files, now))

    return await ctx.db.read(read)


def _time_of(db: Connection, tree: Node, now: datetime) -> tuple[datetime, datetime]:
    since, until = named_time(tree, now)
    until = max(min(until, now + timedelta(minutes=1)), EARLIEST + USUAL)
    if since is None:
        newest = _newest(db, until)
        if newest is not None and newest < until - USUAL:
            until = max(newest + timedelta(microseconds=1), EARLIEST + USUAL)
        since = until - USUAL
    return since, until


def _newest(db: Connection, until: datetime) -> datetime | None:
    row = db.execute(
        f"select s.started_at from spans s where {TRACES.base} and s.started_at < %s order by s.started_at desc, s.trace_id desc limit 1",
        [until],
    ).fetchone()
    found: datetime | None = None if row is None else row["started_at"]
    archived = archive.find_times(db) if found is None else None
    return min(archived[1], until - timedelta(microseconds=1)) if archived else found


def _of_stored(db: Connection, asked: Asked, axis: Axis, now: datetime) -> TraceChart:
    """Return what is in the database. asked: decided by columns."""
    counted = read_counted(db, asked, axis)
    if counted is not None:
        return axis.drawn(counted[0], "all", counted[1])
    if sums_of(asked.tree) is not None:
        return _of_sums(db, asked.tree, axis, None)
    drawn, looked_count = read_sample(db, asked, axis, now)
    return axis.drawn(drawn, "sample", looked_count)


def _of_sums(db: Connection, tree: Node, axis: Axis, archived_from: datetime | None) -> TraceChart:
    query = sums_of(tree)
    assert query is not None
    axis, drawn = read_sums(db, query, axis, archived_from)
    return axis.drawn(drawn, "sums", sum(bar.count for bar in drawn))


def _with(told: TraceChart, archived: Charted) -> TraceChart:
    bars = {bar.at: bar for bar in told.bars}
    for bar in archived.bars:
        bars[bar.at] = _both(bars[bar.at], bar) if bar.at in bars else bar
    return told.model_copy(
        update={
            "bars": [bars[at] for at in sorted(bars)],
            "looked_count": told.looked_count + sum(bar.count for bar in archived.bars),
            "from_archive": bool(archived.bars),
            "left_out": archived.left_out,
        }
    )


def _both(one: TraceBar, other: TraceBar) -> TraceBar:
    took = [bar.latency_p95_ms for bar in (one, other) if bar.latency_p95_ms is not None]
    costs = [bar.cost_usd for bar in (one, other) if bar.cost_usd is not None]
    unpriced = one.unpriced_count + other.unpriced_count
    return TraceBar(
        at=one.at,
        count=one.count + other.count,
        error_count=one.error_count + other.error_count,
        latency_p95_ms=max(took, default=None),
        cost_usd=known_cost(sum(costs, Decimal(0)), unpriced),
        unpriced_count=unpriced,
    )
