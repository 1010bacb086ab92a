"""Looking through spans, newest first, for what a filter asks: so many rows and blocks per page and no more.

Rows are decided in PostgreSQL, stretch by stretch. Where a part of the filter is in no column, the rows that may match
bring along what the other parts came to, and their blocks are read: some 2 ms for each. A page that was stopped at a
limit says so and where to go on, so that nothing is left out silently.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from datetime import date
from typing import Any, Generic, NamedTuple, TypeVar

import msgspec
import zstandard

from treadle.storage.database import Connection
from treadle.traces.asking.compiled import Asked, Sql, Subject, decide, reads_all_spans
from treadle.traces.asking.content import check_of
from treadle.traces.asking.types import SpanLine
from treadle.traces.blocks import block_of, place_of, unpack_block
from treadle.traces.search import Match
from treadle.traces.standing import head, head_among
from treadle.traces.store import KEY, KEYS, TRACE, trace_of, with_used
from treadle.traces.types import Trace

T = TypeVar("T")

log = logging.getLogger("treadle.traces.asking")

FIRST_STRETCH, STRETCH = 4_000, 16_000
"""Rows between two looks at whether a page is full."""
MAX_ROWS = 100_000
"""Looked through for a page; some seconds at worst."""
MAX_BLOCKS = 200
"""Read for a page: some 60,000 spans' content, half a second."""
_BLOCKS_KEPT = 8
CANDIDATES = 256
"""Rows that are read at once where their content decides."""
_SPAN = ", ".join(f"s.{name}" for name in SpanLine.model_fields)


class Place(NamedTuple):
    """Where a span's content is."""

    day: date
    seq: int


class List(NamedTuple, Generic[T]):
    """One sort of list."""

    subject: Subject
    select: str
    """Columns of a line, from `spans s`."""
    base: str
    """What all of its rows are."""
    key: tuple[str, ...]
    """Columns that order it; the newest is first."""
    read: Callable[[dict[str, Any]], T]
    fields: frozenset[str]
    """Of a line."""
    finish: Callable[[Connection, Sequence[T]], list[T]]
    """Adds to a page's lines what is asked for all of them at once."""


TRACES: List[Trace] = List("trace", TRACE, head("s"), ("s.started_at", "s.trace_id"), trace_of,
                           frozenset((*Trace.model_fields, "used")), with_used)  # fmt: skip
SPANS: List[SpanLine] = List(
    "span",
    _SPAN,
    "true",
    ("s.seq",),
    lambda row: SpanLine(**row),
    frozenset(SpanLine.model_fields),
    lambda db, lines: list(lines),
)


class Found(NamedTuple, Generic[T]):
    """A page, and where to go on."""

    items: list[T]
    next_key: tuple[Any, ...] | None
    """Of the last row that was looked at; None when all were."""
    stopped_early: bool
    """Whether a limit was reached before the page was full."""


def look(db: Connection, listed: List[T], asked: Asked, *, limit: int, before: tuple[Any, ...] | None) -> Found[T]:
    """Return the newest rows before a key that match."""
    contents = Contents(db, listed, asked)
    needs_bound = not (asked.is_everything or (asked.is_indexed and asked.is_exact))
    found: list[tuple[tuple[Any, ...], T]] = []
    rows_seen, stretch = 0, FIRST_STRETCH
    while True:
        bound = _bound(db, listed, before, stretch) if needs_bound else None
        at_most = limit + 1 - len(found) if asked.is_exact else CANDIDATES
        rows = _rows(db, listed, asked, before, bound, at_most)
        for row, key, matches in contents.decided(rows):
            if matches:
                found.append((key, listed.read(row)))
                if len(found) > limit:
                    return Found([item for _, item in found[:limit]], found[limit - 1][0], False)
            before = key
        if contents.is_spent and before is not None:
            return Found([item for _, item in found], before, True)
        if len(rows) == at_most:
            continue  # more of the same stretch
        if bound is None:
            return Found([item for _, item in found], None, False)
        before, rows_seen = bound, rows_seen + stretch
        if rows_seen >= MAX_ROWS:
            return Found([item for _, item in found], before, True)
        stretch = STRETCH


def look_at(
    db: Connection, listed: List[T], asked: Asked, matches: Sequence[Match]
) -> tuple[list[tuple[int, T]], int | None]:
    """Return the lines of these spans (or of their traces, each once) that pass, with their positions, newest first.

    The second value is where to go on when the limit of blocks was reached.
    """
    contents = Contents(db, listed, asked)
    seqs = sorted((one.seq for one in matches), reverse=True)
    places, placed = "s.day = any(%s) and s.seq = any(%s)", [list({one.day for one in matches}), seqs]
    newest: dict[object, int] = {}
    if listed.subject == "trace":  # arrays and not joins: the planner then looks each one up, whatever it believes
        rows = db.execute(f"select s.trace_id, max(s.seq) as seq from spans s where {places} group by 1", placed)
        newest = {row["trace_id"]: row["seq"] for row in rows}
        places, placed = f"s.trace_key = {KEYS} and s.trace_id = any(%s)", [list(newest), list(newest)]
    lines = db.execute(
        f"select {columns_of(listed, asked)} from spans s where {places} and {listed.base} and {asked.where.text}",
        [*values_of(asked), *placed, *asked.where.values],
    )
    by_key = {_key(row, listed): row for row in lines}
    positions = {key: newest[row["trace_id"]] if newest else row["seq"] for key, row in by_key.items()}
    ordered = sorted(by_key, key=lambda key: -positions[key])
    found, last = list[tuple[int, T]](), None
    for row, key, is_wanted in contents.decided([by_key[key] for key in ordered]):
        last = positions[key]
        if is_wanted:
            found.append((positions[key], listed.read(row)))
    return found, last if contents.is_spent else None


def _rows(
    db: Connection,
    listed: List[Any],
    asked: Asked,
    before: tuple[Any, ...] | None,
    bound: tuple[Any, ...] | None,
    limit: int,
) -> list[dict[str, Any]]:
    where = [_between(listed, before, bound), asked.where]
    order = ", ".join(f"{column} desc" for column in listed.key)
    return db.execute(
        f"""select {columns_of(listed, asked)} from spans s where {listed.base} and {" and ".join(one.text for one in where)}
        order by {order} limit %s""",
        [*values_of(asked), *(value for one in where for value in one.values), limit],
    ).fetchall()


def _bound(db: Connection, listed: List[Any], before: tuple[Any, ...] | None, stretch: int) -> tuple[Any, ...] | None:
    """Return the key so many rows further back; None where there are fewer."""
    where = _between(listed, before, None)
    order = ", ".join(f"{column} desc" for column in listed.key)
    row = db.execute(
        f"select {', '.join(listed.key)} from spans s where {listed.base} and {where.text} order by {order} offset %s limit 1",
        [*where.values, stretch],
    ).fetchone()
    return None if row is None else tuple(row.values())


def _between(listed: List[Any], before: tuple[Any, ...] | None, bound: tuple[Any, ...] | None) -> Sql:
    parts, values = ["true"], list[Any]()
    key, marks = f"({', '.join(listed.key)})", f"({', '.join(['%s'] * len(listed.key))})"
    for told, sign in ((before, "<"), (bound, ">=")):
        if told is not None:
            parts.append(f"{key} {sign} {marks}")
            values += told
    return Sql(" and ".join(parts), values)


def columns_of(listed: List[Any], asked: Asked) -> str:
    """Return what is selected of `spans s`: a line, and what a filter that content decides needs beside it."""
    if asked.is_exact:
        return listed.select
    parts = [f"({one.text}) is true" for one in asked.sql if one is not None]
    return f"{listed.select}, s.day as at_day, s.seq as at_seq, array[{', '.join(parts)}]::boolean[] as at_known"


def values_of(asked: Asked) -> list[Any]:
    """Return the values of those columns."""
    return [] if asked.is_exact else [value for one in asked.sql if one is not None for value in one.values]


def _key(row: dict[str, Any], listed: List[Any]) -> tuple[Any, ...]:
    return tuple(row[column.removeprefix("s.")] for column in listed.key)


class Contents(Generic[T]):
    """Decides rows of one page; knows how much of the store it has read for it."""

    def __init__(self, db: Connection, listed: List[T], asked: Asked) -> None:
        self._db = db
        self._listed = listed
        self._asked = asked
        self._checks = {
            id(leaf): check_of(leaf) for leaf, sql in zip(asked.leaves, asked.sql, strict=True) if sql is None
        }
        self._blocks: dict[tuple[date, int], list[bytes | None]] = {}
        self._read = 0
        self.is_spent = False
        """Whether rows were left undecided because as many blocks were read as a page may."""

    def decided(self, rows: Iterable[dict[str, Any]]) -> Iterator[tuple[dict[str, Any], tuple[Any, ...], bool]]:
        """Yield rows as far as blocks may be read, with their keys and whether they match."""
        for row in rows:
            key = _key(row, self._listed)
            if self._asked.is_exact:
                yield row, key, True
                continue
            if self._read >= MAX_BLOCKS:
                self.is_spent = True
                return
            place = Place(row.pop("at_day"), row.pop("at_seq"))
            told = iter(row.pop("at_known"))
            known = {id(leaf): next(told) for leaf, sql in zip(self._asked.leaves, self._asked.sql, strict=True) if sql}
            yield row, key, decide(self._asked.tree, _Lazy(self, known, row["trace_id"], place))

    def check(self, leaf_id: int, trace_id: str, place: Place) -> bool:
        """Tell whether a span (or one of its trace) has what a part of the filter asks for."""
        leaf = next(one for one in self._asked.leaves if id(one) == leaf_id)
        places = [place]
        if reads_all_spans(leaf, self._listed.subject):
            roots = f"and {head_among()}" if self._listed.subject == "span" else ""
            places = [
                Place(row["day"], row["seq"])
                for row in self._db.execute(
                    f"select day, seq from spans where trace_key = {KEY} and trace_id = %s {roots} order by seq desc",
                    [trace_id, trace_id],
                )
            ]
        return any(data is not None and self._checks[leaf_id](data) for data in map(self._data, places))

    def _data(self, place: Place) -> bytes | None:
        at = (place.day, block_of(place.seq))
        if at not in self._blocks:
            row = self._db.execute("select data from span_blocks where day = %s and block_id = %s", [*at]).fetchone()
            self._read += 1
            while len(self._blocks) >= _BLOCKS_KEPT:
                del self._blocks[next(iter(self._blocks))]
            self._blocks[at] = _unpacked(row["data"]) if row else []
        block = self._blocks[at]
        return block[place_of(place.seq)] if place_of(place.seq) < len(block) else None


class _Lazy(Mapping[int, bool]):
    """What each part of a filter comes to for one row, looked up when it is needed."""

    def __init__(self, contents: Contents[Any], known: dict[int, bool], trace_id: str, place: Place) -> None:
        self._contents, self._known, self._trace_id, self._place = contents, known, trace_id, place

    def __getitem__(self, leaf_id: int) -> bool:
        if leaf_id not in self._known:
            self._known[leaf_id] = self._contents.check(leaf_id, self._trace_id, self._place)
        return self._known[leaf_id]

    def __iter__(self) -> Iterator[int]:
        return iter(self._known)

    def __len__(self) -> int:
        return len(self._known)


def _unpacked(data: bytes) -> list[bytes | None]:
    try:
        return unpack_block(data)
    except (zstandard.ZstdError, msgspec.DecodeError):
        log.exception("a block is damaged: nothing in it is found by its content")
        return []
