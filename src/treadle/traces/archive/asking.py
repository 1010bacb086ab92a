"""Archived days asked as if they were still here: DuckDB over their files, within a bounded memory, one day at a time.

The same compiled filter decides; what neither a column nor a score says is compared in the packed spans, as ever. Files
that are elsewhere are brought to this machine, whole, and stay in its cache until they expire. Cost: some 20 ms per file of ordinary
spans where columns decide, some seconds where texts or attributes do; a page stops after `DAYS` days.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import TYPE_CHECKING, Any, NamedTuple, TypeVar

from treadle.http.paging import decode_cursor, encode_cursor
from treadle.storage.blobs import Blobs
from treadle.storage.database import Connection
from treadle.traces.archive import store
from treadle.traces.archive.duck import in_duckdb, naive, opened
from treadle.traces.asking.compiled import Asked, Sql, compiled_apart, decide, reads_all_spans, score_of
from treadle.traces.asking.content import check_of, looked_for
from treadle.traces.asking.language import Node, Term, Words, flat
from treadle.traces.asking.lists import days_of, identity_of, moment_of
from treadle.traces.asking.scan import List
from treadle.traces.asking.types import LookedPage
from treadle.traces.standing import head
from treadle.traces.store import find_headed, find_scores
from treadle.traces.used import Used, used_by

if TYPE_CHECKING:
    import duckdb

T = TypeVar("T")

DAYS = 8
"""Looked through for a page."""
MAX_SPANS = 200_000
"""Of one trace."""
BATCH = 64
"""Rows whose content is compared at once."""
BATCHES = 40
"""For a page."""
CURSOR = "a."
"""How a cursor into the archive begins."""
_FETCHED = 256
_FIRST = date(1, 1, 1)


class _Key(NamedTuple):
    """Where a page goes on: before a row of a day, or at the beginning of the next day."""

    day: date
    row: tuple[Any, ...] | None


def begin() -> str:
    """Return the cursor of the archive's first page."""
    return CURSOR + encode_cursor(date.max.isoformat(), "", "")


def read_page(
    db: Connection, blobs: Blobs, listed: List[T], tree: Node, *, now: datetime, limit: int, cursor: str
) -> LookedPage[T]:
    """Return a page of what is archived and matches, newest day first. Raises InvalidInput for a cursor not of ours."""
    key = _key_of(cursor, listed)
    found: dict[object, T] = {}
    if any(isinstance(part, Words) and not looked_for(part).words for part in flat(tree)):
        return LookedPage(items=[], from_archive=True)
    asked = compiled_apart(tree, listed.subject, now)
    files = [file for file in store.list_files(db, *days_of(tree)) if file.day <= key.day]
    left, last_day = BATCHES, key.day
    for looked, (day, of_day) in enumerate(itertools.groupby(files, key=lambda file: file.day)):
        before = key.row if day == key.day else None
        if day == key.day and key.row is None:
            continue  # it was looked through
        if looked >= DAYS:
            return _page(found, _Key(last_day, None), stopped_early=True)
        with opened([blobs.fetch(file.digest) for file in of_day]) as duck:
            looker = _Look(db, duck, listed, asked)
            while True:
                size = limit + 1 if asked.is_exact else BATCH
                rows = looker.rows(before, size)
                for row, row_key, matches in looker.decided(rows):
                    if matches:
                        if len(found) == limit:
                            at = _Key(last_day, None) if before is None else _Key(day, before)
                            return _page(found, at, stopped_early=False)
                        item = listed.read(row)
                        found.setdefault(identity_of(item), item)
                    before = row_key
                left -= 0 if asked.is_exact else 1
                if len(rows) < size:
                    break
                if left <= 0:
                    return _page(found, _Key(day, before), stopped_early=True)
        last_day = day
    return LookedPage(items=list(found.values()), from_archive=True)


def packed_spans(
    db: Connection,
    blobs: Blobs,
    trace_ids: Sequence[str],
    *,
    span_id: str | None = None,
    seqs: Sequence[int] | None = None,
) -> list[bytes]:
    """Return traces' archived spans as they were packed; of one id, or at these positions, where that is said."""
    with _opened_for(db, blobs, trace_ids) as duck:
        if duck is None:
            return []
        rows = duck.execute(
            """select data from spans where trace_id = any($1) and ($2 is null or span_id = $2)
                and ($3 is null or seq = any($3)) order by started_at, seq""",
            [list(trace_ids), span_id, None if seqs is None else list(seqs)],
        )
        return [data for (data,) in rows.fetchall()]


def narrow_spans(db: Connection, blobs: Blobs, trace_id: str) -> list[dict[str, Any]]:
    """Return the columns of a trace's archived spans, its root (or else the oldest) first."""
    with _opened_for(db, blobs, [trace_id]) as duck:
        if duck is None:
            return []
        found = duck.execute(
            f"""select * exclude (text, data) from spans where trace_id = ?
                order by parent_span_id is not null, not {head()}, started_at limit ?""",
            [trace_id, MAX_SPANS],
        )
        names = [column[0] for column in found.description or ()]
        return [_told(dict(zip(names, row, strict=True))) for row in found.fetchall()]


@contextmanager
def _opened_for(db: Connection, blobs: Blobs, trace_ids: Sequence[str]) -> Iterator[duckdb.DuckDBPyConnection | None]:
    digests = {file.digest for trace_id in trace_ids for file in store.find_files(db, trace_id)}
    if not digests:
        yield None
        return
    with opened([blobs.fetch(digest) for digest in sorted(digests)]) as duck:
        yield duck


class _Look:
    """Looks through one day's files."""

    def __init__(self, db: Connection, duck: duckdb.DuckDBPyConnection, listed: List[Any], asked: Asked) -> None:
        self._db, self._duck, self._listed, self._asked = db, duck, listed, asked
        parts = [("?" if one is None else one.text) for one in asked.sql if one is not None]
        known = (
            f", array[{', '.join(f'({part}) is true' for part in parts)}]::boolean[]" if parts else ", []::boolean[]"
        )
        self._select = f"s.* exclude (text, data){known} as at_known"
        self._select_values = [value for one in asked.sql if one is not None for value in one.values]

    def rows(self, before: tuple[Any, ...] | None, limit: int) -> list[dict[str, Any]]:
        """Return the newest rows before a key that may match."""
        listed, told = self._listed, [Sql(self._listed.base, []), self._asked.where, self._with_words()]
        if before is not None:
            told.append(Sql(f"({', '.join(listed.key)}) < ({', '.join('?' * len(listed.key))})", list(before)))
        values = [*self._select_values, *(value for one in told for value in one.values), limit]
        cursor = self._duck.execute(
            in_duckdb(
                f"select {self._select} from spans s where {' and '.join(one.text for one in told)}"
                f" order by {', '.join(f'{column} desc' for column in listed.key)} limit ?"
            ),
            [naive(value) for value in values],
        )
        names = [column[0] for column in cursor.description or ()]
        return [dict(zip(names, row, strict=True)) for row in cursor.fetchall()]

    def decided(self, rows: list[dict[str, Any]]) -> Iterator[tuple[dict[str, Any], tuple[Any, ...], bool]]:
        """Yield rows as a list has them, with their keys and whether they match."""
        asked, trace_ids = self._asked, [row["trace_id"] for row in rows]
        hits = self._hits(trace_ids) if not asked.is_exact and rows else set()
        is_traces = bool(rows) and self._listed.subject == "trace"
        scores = find_scores(self._db, trace_ids) if is_traces else {}
        used = self._used(trace_ids) if is_traces else {}
        stood_in = [row["trace_id"] for row in rows if row["stands_for_root"]] if is_traces else []
        rooted = find_headed(self._db, stood_in) if stood_in else set()  # by a root that came once this was archived
        for row in rows:
            told = iter(row["at_known"])
            known = {
                id(leaf): next(told) if sql is not None else not hits.isdisjoint(
                    {(id(leaf), row["trace_id"]), (id(leaf), row["seq"])}
                )
                for leaf, sql in zip(asked.leaves, asked.sql, strict=True)
            }  # fmt: skip
            key = tuple(row[column.removeprefix("s.")] for column in self._listed.key)
            beside = {"scores": scores.get(row["trace_id"], []), "used": used.get(row["trace_id"], {})}
            is_listed = row["trace_id"] not in rooted and decide(asked.tree, known)
            yield self._line(row | beside), key, is_listed

    def _hits(self, trace_ids: list[str]) -> set[tuple[int, object]]:
        """Return which parts of the filter hold by content or score, with the trace or the span that they hold for."""
        found: set[tuple[int, object]] = set()
        checks = {}
        for leaf, sql in zip(self._asked.leaves, self._asked.sql, strict=True):
            if sql is None and isinstance(leaf, Term) and leaf.field == "score":
                scored = score_of(leaf)
                rows = self._db.execute(
                    f"select s.trace_id from unnest(%s::text[]) as s(trace_id) where {scored.text}",
                    [trace_ids, *scored.values],
                )
                found |= {(id(leaf), row["trace_id"]) for row in rows}
            elif sql is None:
                checks[id(leaf)] = (check_of(leaf), reads_all_spans(leaf, self._listed.subject))
        if not checks:
            return found
        is_span = self._listed.subject == "span"
        cursor = self._duck.execute(
            f"select trace_id, seq, {head()}, data from spans where trace_id = any(?)", [trace_ids]
        )
        while batch := cursor.fetchmany(_FETCHED):
            for trace_id, seq, is_root, data in batch:
                for leaf_id, (check, reads_all) in checks.items():
                    # Of a list of traces: all spans, else the root. Of spans: the trace's root, else the span itself.
                    place = seq if is_span and not reads_all else trace_id
                    counts = is_root if is_span == reads_all else True
                    if counts and (leaf_id, place) not in found and check(data):
                        found.add((leaf_id, place))
        return found

    def _with_words(self) -> Sql:
        """Return what all matches have where words must be: a look at the texts alone, before any content is read."""
        words = [
            word
            for part in flat(self._asked.tree)
            if isinstance(part, Words)
            for word in sorted({*looked_for(part).words, *looked_for(part).pieces})
        ]
        if not words:
            return Sql("true", [])
        if self._listed.subject == "span":
            return Sql(" and ".join(["contains(s.text, ?)"] * len(words)), words)
        held = " and ".join(["contains(x.text, ?)"] * len(words))
        return Sql(f"s.trace_id in (select x.trace_id from spans x where {held})", words)

    def _used(self, trace_ids: list[str]) -> dict[str, dict[str, Any]]:
        """Return what traces used, as the column `used` has it."""
        rows = self._duck.execute(
            "select trace_id, input_tokens, output_tokens, cost_text from spans where trace_id = any(?)", [trace_ids]
        ).fetchall()
        spans: dict[str, list[Used]] = {}
        for trace_id, read, written, cost in rows:
            spans.setdefault(trace_id, []).append(Used(read, written, None if cost is None else Decimal(cost)))
        return {trace_id: used_by(each) for trace_id, each in spans.items()}

    def _line(self, row: dict[str, Any]) -> dict[str, Any]:
        return {name: value for name, value in _told(row).items() if name in self._listed.fields}


def _told(row: dict[str, Any]) -> dict[str, Any]:
    """Return a file's row as PostgreSQL has it."""
    return row | {
        "cost_usd": row["cost_text"],
        "started_at": row["started_at"].replace(tzinfo=UTC),
        "input_text": row["input_text"] or "",
        "output_text": row["output_text"] or "",
        "has_root": row["parent_span_id"] is None,
    }


def _page(found: dict[object, T], key: _Key, *, stopped_early: bool) -> LookedPage[T]:
    row = (
        ["", ""] if key.row is None else [*(p.isoformat() if isinstance(p, datetime) else str(p) for p in key.row), ""]
    )
    return LookedPage(
        items=list(found.values()),
        next_cursor=CURSOR + encode_cursor(key.day.isoformat(), row[0], row[1]),
        stopped_early=stopped_early,
        from_archive=True,
    )


def _key_of(cursor: str, listed: List[Any]) -> _Key:
    told = decode_cursor(cursor.removeprefix(CURSOR), str, str, str)
    assert told is not None
    try:
        day = date.fromisoformat(str(told[0]))
    except ValueError:
        day = _FIRST
    if not told[1]:
        return _Key(day, None)
    if listed.subject == "trace":
        return _Key(day, (naive(moment_of(f"{told[1]}+00:00")), told[2]))
    return _Key(day, (int(told[1]) if str(told[1]).isdecimal() else 0,))
