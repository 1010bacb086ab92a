"""One trace in parts: its shape from the narrow columns of all its spans, the lines of a page, one span with its content."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from decimal import Decimal
from itertools import islice
from typing import Any

from treadle.storage.database import Connection
from treadle.traces.asking.outline import Bone, Outline
from treadle.traces.asking.types import CriticalStep, TraceTree, TreeRow
from treadle.traces.reading import span_of
from treadle.traces.store import KEY, read_contents
from treadle.traces.types import Span, Trace
from treadle.traces.used import known_cost

MAX_SPANS = 200_000
"""Of one trace whose shape is read; 33,000 take some 0.3 s."""
MAX_STEPS = 50
"""Of the critical path that are listed, longest first."""
_ROW = (
    "span_id", "parent_span_id", "name", "kind", "status", "error_code", "error_message", "started_at", "latency_ms", "model",
    "tool_name", "input_tokens", "output_tokens", "cost_usd",
)  # fmt: skip


def read_tree(
    db: Connection,
    trace: Trace,
    archived: Sequence[Mapping[str, Any]],
    *,
    parent_id: str | None,
    levels: int | None,
    limit: int,
    after: str | None,
) -> tuple[TraceTree, str | None] | None:
    """Return a page of a trace's spans, and the span to go on after; None when there is no such parent.

    archived: the narrow columns of spans of it that are archived.
    """
    bones, is_complete = _bones(db, trace)
    here = {bone.span_id for bone in bones}
    away = {row["span_id"]: row for row in archived if row["span_id"] not in here}
    bones = [*(_bone(row, trace) for row in away.values()), *bones]
    outline = Outline(bones)
    parent = None
    if parent_id is not None:
        parent = outline.place_of.get(parent_id)
        if parent is None:
            return None
    places = outline.below(parent, levels=levels)
    if after is not None:
        for place in places:
            if outline.bones[place].span_id == after:
                break
    page = list(islice(places, limit + 1))
    has_more, page = len(page) > limit, page[:limit]
    sections = outline.critical_path(outline.roots[0]) if outline.roots else []
    critical: dict[int, float] = {}
    for section in sections:
        critical[section.span] = critical.get(section.span, 0.0) + section.until_ms - section.from_ms
    longest = sorted(critical, key=lambda place: -critical[place])[:MAX_STEPS]
    lines = {span_id: {name: row[name] for name in _ROW} for span_id, row in away.items()}
    lines |= _lines(db, trace.trace_id, [outline.bones[place].span_id for place in {*page, *longest}])
    rows = [
        TreeRow(
            **lines[outline.bones[place].span_id],
            depth=outline.depths[place],
            child_count=len(outline.children[place]),
            descendant_count=outline.descendants[place],
            subtree_error_count=outline.errors[place],
            subtree_input_tokens=outline.input_tokens[place],
            subtree_output_tokens=outline.output_tokens[place],
            subtree_cost_usd=known_cost(outline.costs[place], outline.unpriced[place]),
            subtree_unpriced_count=outline.unpriced[place],
            critical_ms=critical.get(place, 0.0),
        )
        for place in page
        if outline.bones[place].span_id in lines
    ]
    steps = [
        CriticalStep(span_id=span_id, name=lines[span_id]["name"], kind=lines[span_id]["kind"], own_ms=critical[place])
        for place, span_id in ((place, outline.bones[place].span_id) for place in longest)
        if span_id in lines
    ]
    roots = outline.roots
    unpriced = sum(outline.unpriced[root] for root in roots)
    tree = TraceTree(
        trace=trace,
        span_count=len(outline.bones),
        error_count=sum(outline.errors[root] for root in roots),
        root_count=len(roots),
        depth=max(outline.depths, default=-1) + 1,
        input_tokens=sum(outline.input_tokens[root] for root in roots),
        output_tokens=sum(outline.output_tokens[root] for root in roots),
        cost_usd=known_cost(sum((outline.costs[root] for root in roots), Decimal(0)), unpriced),
        unpriced_count=unpriced,
        critical_path=steps,
        critical_span_count=len(critical),
        is_complete=is_complete,
        from_archive=bool(archived),
        rows=rows,
    )
    return tree, outline.bones[page[-1]].span_id if has_more else None


def find_span(db: Connection, trace_id: str, span_id: str) -> Span | None:
    """Return one span with its content."""
    rows = db.execute(
        f"select day, seq from spans where trace_key = {KEY} and trace_id = %s and span_id = %s limit 1",
        [trace_id, trace_id, span_id],
    ).fetchall()
    return next(iter(read_contents(db, rows, span_of).values()), None)


def _bones(db: Connection, trace: Trace) -> tuple[list[Bone], bool]:
    rows = db.execute(
        f"""select span_id, parent_span_id, extract(epoch from started_at - %s)::float8 * 1000 as start_ms, latency_ms,
            status = 'error' as has_failed, coalesce(input_tokens, 0) as input_tokens,
            coalesce(output_tokens, 0) as output_tokens, coalesce(cost_usd, 0) as cost_usd,
            (cost_usd is null and (coalesce(input_tokens, 0) > 0 or coalesce(output_tokens, 0) > 0)) as is_unpriced
        from spans where trace_key = {KEY} and trace_id = %s order by parent_span_id is not null, seq limit %s""",
        [trace.started_at, trace.trace_id, trace.trace_id, MAX_SPANS + 1],
    ).fetchall()
    return [Bone(**row) for row in rows[:MAX_SPANS]], len(rows) <= MAX_SPANS


def _bone(row: Mapping[str, Any], trace: Trace) -> Bone:
    return Bone(
        span_id=row["span_id"],
        parent_span_id=row["parent_span_id"],
        start_ms=(row["started_at"] - trace.started_at).total_seconds() * 1000,
        latency_ms=row["latency_ms"],
        has_failed=row["status"] == "error",
        input_tokens=row["input_tokens"] or 0,
        output_tokens=row["output_tokens"] or 0,
        cost_usd=Decimal(row["cost_usd"] or 0),
        is_unpriced=row["cost_usd"] is None and bool(row["input_tokens"] or row["output_tokens"]),
    )


def _lines(db: Connection, trace_id: str, span_ids: list[str]) -> dict[str, dict[str, Any]]:
    rows = db.execute(
        f"select {', '.join(_ROW)} from spans where trace_key = {KEY} and trace_id = %s and span_id = any(%s)",
        [trace_id, trace_id, span_ids],
    )
    return {row["span_id"]: row for row in rows}
