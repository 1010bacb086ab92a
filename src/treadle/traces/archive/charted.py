"""Archived traces over time: DuckDB counts those that match in their files, all files at once, within a bounded memory.

Files are read newest day first, so many of them, so many bytes and so many spans, and which days were left out is said. Each trace
is counted, its cost from the spans of these files. Files that are elsewhere are fetched first, as for lists. Cost: for a million spans
0.2 s where columns of the root decide, 1.1 s where all spans of a trace do; scores are asked of the database, so fewer spans are read.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Sequence
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import TYPE_CHECKING, Any, NamedTuple

from treadle.storage.blobs import Blobs
from treadle.storage.database import Connection
from treadle.traces.archive.duck import in_duckdb, naive, opened
from treadle.traces.archive.store import File
from treadle.traces.asking.axis import EARLIEST, ORIGIN, P95, Axis
from treadle.traces.asking.compiled import Sql, compiled_apart, score_of
from treadle.traces.asking.language import Node, Term, leaves
from treadle.traces.asking.scan import TRACES
from treadle.traces.asking.types import Days, TraceBar
from treadle.traces.schema import OTHER_DAY
from treadle.traces.store import find_headed
from treadle.traces.used import known_cost

if TYPE_CHECKING:
    import duckdb

MAX_FILES, MAX_BYTES, MAX_SPANS = 64, 256 * 1024 * 1024, 2_000_000
"""Read for a chart."""
MAX_SCORED_SPANS = 200_000
"""Read where a score is asked for: of each trace among them the database is asked."""
_ODD = date.fromisoformat(OTHER_DAY)
_FETCHED = 10_000


class Charted(NamedTuple):
    """What archived days came to."""

    bars: list[TraceBar]
    left_out: list[Days]
    """Of what no file was read."""


def read_archived(
    db: Connection, blobs: Blobs, tree: Node, axis: Axis, files: Sequence[File], now: datetime
) -> Charted:
    """Return the bars of what is archived and matches. tree: without words or contents. files: of the time, newest day first."""
    scores = [leaf for leaf in leaves(tree) if isinstance(leaf, Term) and leaf.field == "score"]
    read, left = _within(files, MAX_SCORED_SPANS if scores else MAX_SPANS)
    if not read:
        return Charted([], left)
    with opened([blobs.fetch(file.digest) for file in read]) as duck:
        time = Sql(f"{TRACES.base} and s.started_at >= ? and s.started_at < ?", [axis.since, axis.until])
        ids = _ids(duck, time) if scores else []
        scored = {id(leaf): _having(db, leaf, ids) for leaf in scores}
        where = compiled_apart(tree, "trace", now, scored=lambda leaf: scored[id(leaf)]).where
        asked = Sql(f"{time.text} and {where.text}", [*time.values, *where.values])
        rooted = _rooted(db, duck, asked)
        if rooted:
            asked = Sql(f"{asked.text} and not {_among(rooted).text}", [*asked.values, rooted])
        return Charted(_count(duck, asked, axis.width), left)


def _within(files: Sequence[File], max_spans: int) -> tuple[list[File], list[Days]]:
    """Return the files of the newest days that may be read together, and the days of the others. Pure."""
    read, left = list[File](), list[date]()
    for day, told in itertools.groupby(files, key=lambda file: file.day):
        more = [*read, *told]
        fits = len(more) <= MAX_FILES and sum(file.size_bytes for file in more) <= MAX_BYTES
        if fits and not left and sum(file.span_count for file in more) <= max_spans:
            read = more
        else:
            left.append(day)
    of_days, odd = [day for day in left if day != _ODD], [day for day in left if day == _ODD]
    return read, [Days(first=min(each), last=max(each)) for each in (of_days, odd) if each]


def _having(db: Connection, term: Term, trace_ids: Sequence[str]) -> Sql:
    """Return which of these traces have a score."""
    told = score_of(term)
    rows = db.execute(
        f"select s.trace_id from unnest(%s::text[]) as s(trace_id) where {told.text}", [list(trace_ids), *told.values]
    )
    return _among([row["trace_id"] for row in rows])


def _among(trace_ids: list[str]) -> Sql:
    return Sql("s.trace_id in (select unnest(?::varchar[]))", [trace_ids])


def _rooted(db: Connection, duck: duckdb.DuckDBPyConnection, asked: Sql) -> list[str]:
    """Return the traces that a span stands in for here, and whose root came once this was archived: the database counts those."""
    stood_in = _ids(duck, Sql(f"s.stands_for_root and {asked.text}", asked.values))
    parts = (stood_in[start : start + _FETCHED] for start in range(0, len(stood_in), _FETCHED))
    return [trace_id for part in parts for trace_id in find_headed(db, part)]


def _ids(duck: duckdb.DuckDBPyConnection, asked: Sql) -> list[str]:
    return [
        trace_id for (trace_id,) in _asked(duck, f"select s.trace_id from spans s where {asked.text}", asked.values)
    ]


def _count(duck: duckdb.DuckDBPyConnection, asked: Sql, width: timedelta) -> list[TraceBar]:
    rows = _asked(
        duck,
        f"""with c as materialized (
            select s.trace_id, time_bucket(to_microseconds(?), greatest(s.started_at, ?), ?) as begins, s.status, s.latency_ms
            from spans s where {asked.text}),
        told as (select begins, count(*) as num, count(*) filter (where status = 'error') as failed,
            quantile_disc(latency_ms, {P95}) filter (where status = 'ok') as latency from c group by 1),
        used as (select c.begins, sum(try_cast(x.cost_text as decimal(38, 15))) as cost,
            count(*) filter (where x.cost_text is null and (x.input_tokens > 0 or x.output_tokens > 0)) as unpriced
            from c join spans x on x.trace_id = c.trace_id group by 1)
        select begins, num, failed, latency, cost, unpriced from told join used using (begins) order by 1""",
        [width // timedelta(microseconds=1), EARLIEST, ORIGIN, *asked.values],
    )
    return [
        TraceBar(
            at=begins.replace(tzinfo=UTC),
            count=num,
            error_count=failed,
            latency_p95_ms=latency,
            cost_usd=known_cost(_plain(cost or Decimal(0)), unpriced),
            unpriced_count=unpriced,
        )
        for begins, num, failed, latency, cost, unpriced in rows
    ]


def _asked(duck: duckdb.DuckDBPyConnection, sql: str, values: Sequence[object]) -> Iterator[tuple[Any, ...]]:
    cursor = duck.execute(in_duckdb(sql), [naive(value) for value in values])
    while batch := cursor.fetchmany(_FETCHED):
        yield from batch


def _plain(value: Decimal) -> Decimal:
    """Return a number without the zeros that a column of fixed places has at its end."""
    return value.quantize(Decimal(1)) if value == value.to_integral_value() else value.normalize()
