"""One page of a list of traces or spans: by the index of words where words are asked for, else newest first."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, date, datetime, timedelta
from typing import TypeVar

from treadle.http.paging import decode_cursor, encode_cursor
from treadle.storage.database import Connection
from treadle.traces import search
from treadle.traces.asking.compiled import Asked, compiled
from treadle.traces.asking.language import Node, Term, flat
from treadle.traces.asking.scan import List, look, look_at
from treadle.traces.asking.types import LookedPage
from treadle.traces.asking.values import time_of

T = TypeVar("T")

_LOOKS = 4
_FIRST_DAY, _LAST_DAY = date(1, 1, 1), date(9999, 12, 31)


def read_page(
    db: Connection, listed: List[T], tree: Node, *, project_id: str, now: datetime, limit: int, cursor: str | None
) -> LookedPage[T]:
    """Return a page of what matches. Cost: see `scan` and `search`. Raises InvalidInput for a cursor of another list."""
    asked = compiled(tree, listed.subject, now)
    if asked.words is not None:
        after = decode_cursor(cursor, int)
        return _search(db, listed, asked, project_id, limit, int(after[0]) if after else search.LAST)
    if listed.subject == "span":
        key = decode_cursor(cursor, int)
        before: tuple[object, ...] | None = key
    else:
        told = decode_cursor(cursor, str, str)
        before = (moment_of(str(told[0])), told[1]) if told else None
    found = look(db, listed, asked, limit=limit, before=before)
    items = listed.finish(db, found.items)
    return LookedPage(items=items, next_cursor=_cursor(found.next_key), stopped_early=found.stopped_early)


def _search(db: Connection, listed: List[T], asked: Asked, project_id: str, limit: int, start: int) -> LookedPage[T]:
    """Matches come newest stored first. A page looks at some thousand spans at least."""
    assert asked.words is not None
    if not asked.words.words:
        return LookedPage(items=[])
    since, until = days_of(asked.tree)
    found: dict[object, tuple[int, T]] = {}
    before: int | None = start
    for _ in range(_LOOKS):
        if before is None or len(found) > limit:
            break
        looked = search.look(db, project_id, asked.words, since=since, until=until, before=before, limit=2 * limit)
        lines, stopped_at = look_at(db, listed, asked, looked.matches)
        for seq, line in lines:
            found.setdefault(identity_of(line), (seq, line))
        before = looked.next_before
        if stopped_at is not None:
            before = stopped_at
            break
    shown = list(found.values())
    stopped_early = before is not None and len(shown) < limit
    if len(shown) > limit:
        shown, before = shown[:limit], shown[limit - 1][0]
    return LookedPage(
        items=listed.finish(db, [line for _, line in shown]),
        next_cursor=None if before is None else encode_cursor(before),
        stopped_early=stopped_early,
    )


def days_of(tree: Node) -> tuple[date, date]:
    """Return the days that a filter is about, as far as it says."""
    since, until = _FIRST_DAY, _LAST_DAY
    for part in flat(tree):
        if isinstance(part, Term) and part.field == "started" and not part.scope:
            day = time_of(part.values[0].text).date()
            if part.operator in (">", ">="):
                since = max(since, day)
            else:
                until = min(until, day + timedelta(days=1))
    return since, until


def identity_of(line: object) -> object:
    told: Mapping[str, object] = vars(line)
    return told["trace_id"], told.get("span_id")


def moment_of(text: str) -> datetime:
    """Return the moment in a cursor; the earliest there is for one that was tampered with."""
    try:
        return datetime.fromisoformat(text).astimezone(UTC)
    except (ValueError, OverflowError):
        return datetime.min.replace(tzinfo=UTC)


def _cursor(key: tuple[object, ...] | None) -> str | None:
    if key is None:
        return None
    return encode_cursor(*(part.isoformat() if isinstance(part, datetime) else part for part in key))  # type: ignore[arg-type]
