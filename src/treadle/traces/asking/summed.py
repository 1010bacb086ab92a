"""Traces over time from what is kept by minute and hour: some milliseconds for any number of them.

The sums outlive the traces (hours are kept for ever), and a list has none of those: they begin with the oldest trace that is stored,
or archived. What was forgotten between two archived days is in them all the same.
"""

from __future__ import annotations

from datetime import datetime, timedelta

from treadle.storage.database import Connection
from treadle.traces import rollup_store, rollups
from treadle.traces.asking.axis import EARLIEST, Axis
from treadle.traces.asking.language import Node, Term, flat
from treadle.traces.asking.scan import TRACES
from treadle.traces.asking.types import TraceBar
from treadle.traces.signals import SignalQuery
from treadle.traces.used import known_cost

ALL = SignalQuery(since=EARLIEST, until=EARLIEST, of="requests")
"""Every request; the time is told apart."""
MANY_MINUTES = timedelta(hours=6)
"""Of a longer time whole hours are read."""
_LONGEST_NAME = 200


def sums_of(tree: Node) -> SignalQuery | None:
    """Return what the kept sums are asked for; None where they do not know what a filter asks. Pure."""
    asked: dict[str, str] = {}
    names = {"endpoint": "endpoint", "release": "release_id"}
    for part in flat(tree):
        if not isinstance(part, Term) or part.scope == "span":
            return None
        if part.field in ("started", "age"):
            continue
        if part.field not in names or part.operator != ":" or len(part.values) != 1 or names[part.field] in asked:
            return None
        value = part.values[0]
        if not value.is_literal and "*" in value.text:
            return None
        if not 0 < len(value.text) <= _LONGEST_NAME:
            return None
        asked[names[part.field]] = value.text
    return ALL.model_copy(update=asked)


def unit_of(axis: Axis) -> timedelta:
    """Return what the sums of a time are kept by."""
    return timedelta(minutes=1) if axis.until - axis.since <= MANY_MINUTES else timedelta(hours=1)


def read_sums(
    db: Connection, query: SignalQuery, axis: Axis, archived_from: datetime | None = None
) -> tuple[Axis, list[TraceBar]]:
    """Return bars of whole units, no narrower than one. archived_from: since when there are archived traces, which have no minutes."""
    axis = axis._replace(width=max(axis.width, unit_of(axis)))
    query = query.model_copy(update={"step": "minute" if axis.width < timedelta(hours=1) else "hour"})
    stored = db.execute(
        f"select s.started_at from spans s where {TRACES.base} order by s.started_at, s.trace_id limit 1"
    ).fetchall()
    begins = [*(row["started_at"] for row in stored), *(() if archived_from is None else (archived_from,))]
    if not begins:
        return axis, []
    since = max(axis.begins, rollups.floor(min(begins), query.step))
    rows, _ = rollup_store.read(db, query, since, axis.ends)
    points = rollups.points([row | {"at": axis.begin_of(row["at"])} for row in rows], query, since)
    return axis, [
        TraceBar(
            at=point.at,
            count=point.count,
            error_count=point.error_count,
            latency_p95_ms=point.latency_ms.p95 if point.latency_ms else None,
            cost_usd=known_cost(point.cost_usd, point.unpriced_count),
            unpriced_count=point.unpriced_count,
        )
        for point in points
    ]
