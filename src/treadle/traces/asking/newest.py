"""Traces over time where words or contents decide: the newest that the list itself finds, archived ones after the rest."""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Sequence
from datetime import datetime, timedelta
from decimal import Decimal

from treadle.storage.blobs import Blobs
from treadle.storage.database import Connection
from treadle.traces.archive.lists import read_page
from treadle.traces.asking.axis import EARLIEST, P95, USUAL, axis_of
from treadle.traces.asking.language import Node
from treadle.traces.asking.ordered import named_time
from treadle.traces.asking.scan import TRACES
from treadle.traces.asking.types import TraceBar, TraceChart
from treadle.traces.types import Trace
from treadle.traces.used import known_cost

MAX_FOUND = 250


def read_newest(db: Connection, blobs: Blobs, tree: Node, *, project_id: str, now: datetime, bars: int) -> TraceChart:
    """Count the newest that the list itself finds. blobs: where the project's archive is."""
    page = read_page(db, blobs, TRACES, tree, project_id=project_id, now=now, limit=MAX_FOUND, cursor=None)
    since, until = named_time(tree, now)
    is_all = page.next_cursor is None
    times = [trace.started_at for trace in page.items]
    if times and (since is None or not is_all):
        since, until = min(times), max(times) + timedelta(microseconds=1)
    until = max(until if times else min(until, now + timedelta(minutes=1)), EARLIEST + USUAL)
    axis = axis_of(since or until - USUAL, until, bars)
    found: defaultdict[datetime, list[Trace]] = defaultdict(list)
    for trace in page.items:
        found[axis.begin_of(trace.started_at)].append(trace)
    drawn = [_bar_of(at, found[at]) for at in sorted(found)]
    told = axis.drawn(drawn, "all" if is_all else "newest", len(page.items))
    return told.model_copy(update={"from_archive": page.from_archive})


def _bar_of(at: datetime, traces: Sequence[Trace]) -> TraceBar:
    took = sorted(trace.latency_ms for trace in traces if trace.status == "ok")
    unpriced = sum(trace.unpriced_count for trace in traces)
    return TraceBar(
        at=at,
        count=len(traces),
        error_count=sum(trace.status == "error" for trace in traces),
        latency_p95_ms=took[math.ceil(P95 * len(took)) - 1] if took else None,
        cost_usd=known_cost(sum((trace.cost_usd or Decimal(0) for trace in traces), Decimal(0)), unpriced),
        unpriced_count=unpriced,
    )
