"""A list of traces by what they took or cost, largest first, within a time: by the filter, else the last day before the first page.

The time is fixed by the first page and goes along in the cursor, so pages neither skip nor repeat a trace while others come.
At most so many of the newest traces of it are compared; a page says so where there were more. Some 10 us per trace by latency, 20 by
cost, which is a sum over its spans.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any, Literal, NamedTuple

from treadle.core.errors import InvalidInput
from treadle.http.paging import decode_cursor, encode_cursor
from treadle.storage.database import Connection
from treadle.traces.asking.compiled import Asked, compiled
from treadle.traces.asking.language import Node, Term, flat
from treadle.traces.asking.lists import moment_of
from treadle.traces.asking.scan import CANDIDATES, TRACES, Contents, columns_of, values_of
from treadle.traces.asking.types import LookedPage
from treadle.traces.asking.values import number_of, time_of
from treadle.traces.schema import OTHER_DAY
from treadle.traces.types import Trace

Sort = Literal["newest", "latency", "cost"]
"""'newest' first, or the largest latency or cost of a time first."""
WINDOW = timedelta(days=1)
MAX_TRACES = {"latency": 50_000, "cost": 10_000}
"""Compared for a page: a fraction of a second."""
LOOKS = 40
"""So many times a page reads candidates, where content decides."""
_UNKNOWN = Decimal(-1)
_EARLIEST = datetime(1970, 1, 3, tzinfo=UTC)
_LONGEST_AGE_MS = Decimal(10) ** 12
_NEAR = "({x}.day >= %s or {x}.day = '" + OTHER_DAY + "')"
_VALUES = {
    "latency": "s.latency_ms::numeric",
    "cost": f"""coalesce((select sum(x.cost_usd) from spans x where x.trace_key = s.trace_key and x.trace_id = s.trace_id
        and {_NEAR.format(x="x")}), {_UNKNOWN})""",
}


class SortRefused(InvalidInput):
    """A list that cannot be had in this order."""

    code = "traces.sort_refused"


class _Place(NamedTuple):
    """Where a page goes on, and in which time."""

    since: datetime
    until: datetime
    is_cut: bool
    """Whether the time has more traces than are compared."""
    key: tuple[Decimal, datetime, str] | None


def read_ordered(
    db: Connection, tree: Node, sort: Literal["latency", "cost"], *, now: datetime, limit: int, cursor: str | None
) -> LookedPage[Trace]:
    """Return a page of what matches, largest first; what costs nobody knows what comes last. Raises SortRefused for words."""
    asked = compiled(tree, "trace", now)
    if asked.words is not None:
        raise SortRefused(
            f"what has certain words comes newest first, and not by {sort}; leave out the words, or the order"
        )
    place = _begin(db, tree, sort, now) if cursor is None else _place_of(cursor)
    contents = Contents(db, TRACES, asked)
    found: list[tuple[tuple[Decimal, datetime, str], Trace]] = []
    key = place.key
    for _ in range(LOOKS):
        size = limit + 1 if asked.is_exact else CANDIDATES
        rows = _rows(db, asked, sort, place._replace(key=key), size)
        values = {row["trace_id"]: row.pop("at_value") for row in rows}
        for row, (started_at, trace_id), matches in contents.decided(rows):
            key = (values[trace_id], started_at, trace_id)
            if matches:
                found.append((key, TRACES.read(row)))
            if len(found) > limit:
                return _page(db, found[:limit], place._replace(key=found[limit - 1][0]), stopped_early=place.is_cut)
        if contents.is_spent:
            return _page(db, found, place._replace(key=key), stopped_early=True)
        if len(rows) < size:
            return _page(db, found, None, stopped_early=place.is_cut)
    return _page(db, found, place._replace(key=key), stopped_early=True)


def _begin(db: Connection, tree: Node, sort: str, now: datetime) -> _Place:
    named, until = named_time(tree, now)
    until = max(until, _EARLIEST + WINDOW)
    since = max(named or until - WINDOW, _EARLIEST)
    row = db.execute(
        f"""select s.started_at from spans s where {TRACES.base} and s.started_at >= %s and s.started_at < %s
            and {_NEAR.format(x="s")} order by s.started_at desc, s.trace_id desc offset %s limit 1""",
        [since, until, since.date(), MAX_TRACES[sort] - 1],
    ).fetchone()
    is_cut = row is not None and row["started_at"] > since
    return _Place(row["started_at"] if row is not None and is_cut else since, until, is_cut, None)


def named_time(tree: Node, now: datetime) -> tuple[datetime | None, datetime]:
    """Return the time that a filter is about: its begin, None where it names none, and its end."""
    since, until = None, now + timedelta(minutes=1)  # clocks of applications are ahead at times
    for part in flat(tree):
        if not isinstance(part, Term) or part.field not in ("started", "age") or part.scope == "span":
            continue
        if part.field == "started":
            at, is_begin = time_of(part.values[0].text), part.operator in (">", ">=")
        else:
            at, is_begin = now - _age(part), part.operator in ("<", "<=")
        if is_begin:
            since = at if since is None else max(since, at)
        else:
            until = min(until - timedelta(microseconds=1), at) + timedelta(microseconds=1)
    return since, until


def _age(part: Term) -> timedelta:
    return timedelta(milliseconds=float(min(number_of(part.values[0].text, "age"), _LONGEST_AGE_MS)))


def _rows(db: Connection, asked: Asked, sort: str, place: _Place, limit: int) -> list[dict[str, Any]]:
    value, near = _VALUES[sort], place.since.date() - timedelta(days=1)
    after = "" if place.key is None else "where (c.at_value, c.started_at, c.trace_id) < (%s, %s, %s)"
    return db.execute(
        f"""with chosen as (
            select * from (
                select s.day, s.seq, s.started_at, s.trace_id, {value} as at_value from spans s
                where {TRACES.base} and s.started_at >= %s and s.started_at < %s and {_NEAR.format(x="s")} and {asked.where.text}
            ) c {after} order by at_value desc, started_at desc, trace_id desc limit %s
        )
        select {columns_of(TRACES, asked)}, chosen.at_value from chosen
            join spans s on s.day = chosen.day and s.seq = chosen.seq
        order by chosen.at_value desc, s.started_at desc, s.trace_id desc""",
        [
            *([near] if sort == "cost" else ()),
            *(place.since, place.until, near),
            *asked.where.values,
            *(place.key or ()),
            limit,
            *values_of(asked),
        ],
    ).fetchall()


def _page(
    db: Connection,
    found: list[tuple[tuple[Decimal, datetime, str], Trace]],
    place: _Place | None,
    *,
    stopped_early: bool,
) -> LookedPage[Trace]:
    cursor = None
    if place is not None:
        assert place.key is not None
        value, started_at, trace_id = place.key
        cursor = encode_cursor(
            place.since.isoformat(),
            place.until.isoformat(),
            int(place.is_cut),
            str(value),
            started_at.isoformat(),
            trace_id,
        )
    return LookedPage(
        items=TRACES.finish(db, [line for _, line in found]), next_cursor=cursor, stopped_early=stopped_early
    )


def _place_of(cursor: str) -> _Place:
    told = decode_cursor(cursor, str, str, int, str, str, str)
    assert told is not None
    since, until, is_cut, value, started_at, trace_id = map(str, told)
    try:
        number = Decimal(value)
    except ArithmeticError:
        number = _UNKNOWN  # tampered with
    key = (number if number.is_finite() else _UNKNOWN, moment_of(started_at), trace_id)
    return _Place(max(moment_of(since), _EARLIEST), moment_of(until), is_cut != "0", key)
