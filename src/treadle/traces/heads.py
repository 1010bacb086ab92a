"""Which span stands for the root of its trace where none has come, so that such a trace is listed, counted and found like any.

A trace of which a batch brought parts and no root is watched. Where no root has come for a while, the earliest of its spans
whose parent is unknown stands in for it (`spans.stands_for_root`); a gateway's answer within a trace that the caller sends
elsewhere does so at once. Parts that come later may bring an earlier one; a root takes over whenever it comes. Who stands in is
a request of its trace (`Corrections`) and its line in lists, sessions and users; how long the request took is not known of it.

Costs nothing for traces that come whole: one look at a batch's rows. What is watched is a row, for a day.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta
from typing import Any, NamedTuple, Protocol
from uuid import UUID

from treadle.storage.database import Connection
from treadle.traces import summary
from treadle.traces.archive.store import find_files, has_files
from treadle.traces.asking import parties
from treadle.traces.batch import NOTHING, OF_BATCH, WAITS, Batch
from treadle.traces.standing import SHADOW, answer, answer_within

WORK = "heads"
PATIENCE = timedelta(seconds=30)
"""How long a root is waited for: exporters send what ended every few seconds, and roots end last."""
WATCHED_FOR = timedelta(days=1)
"""A root that comes later than this is listed beside the span that stood in."""
AT_ONCE = 500
"""Traces in one transaction."""


class Seen(NamedTuple):
    """A trace of a batch that is looked at: its root is not among the batch, it is watched, or the gateway answered within it."""

    trace_key: UUID
    trace_id: str
    has_root: bool
    """Whether the batch has its root."""
    has_answer: bool
    """Whether the batch has an answer of the gateway's within it."""
    is_watched: bool
    had_answers: bool
    """Whether an earlier batch had."""
    has_stand_in: bool


class Corrections(Protocol):
    """Takes to the rollups what was counted otherwise. Places are rows with `day` and `seq`, read as they are now."""

    def request(self, places: Sequence[dict[str, Any]], sign: int) -> None:
        """Count spans as requests, or no longer: what happened, without what was used and how long it took."""

    def take_back(self, places: Sequence[dict[str, Any]]) -> None:
        """Count spans no longer at all, but for their latencies, which no sketch gives back."""


def look(db: Connection, batch: Batch) -> list[Seen]:
    """Return the traces of a batch that are to be looked at."""
    rows = db.execute(
        f"""select s.trace_key, min(s.trace_id) as trace_id, bool_or(s.parent_span_id is null) as has_root,
            bool_or({answer_within("s")}) as has_answer, bool_or(w.trace_key is not null) as is_watched,
            coalesce(bool_or(w.has_answers), false) as had_answers, bool_or(w.seq is not null) as has_stand_in
        from {OF_BATCH} s left join trace_watch w on w.trace_key = s.trace_key group by s.trace_key
        having not bool_or(s.parent_span_id is null) or bool_or({answer_within("s")}) or bool_or(w.trace_key is not null)""",
        batch.place,
    )
    return [Seen(**row) for row in rows]


def settle(db: Connection, batch: Batch, seen: Sequence[Seen], corrections: Corrections) -> None:
    """Let roots of a batch take over from who stands in, and watch traces without one."""
    if not seen:
        return
    rooted = [one.trace_key for one in seen if one.is_watched and one.has_root]
    if rooted:
        _step_down(db, _standing(db, rooted), batch, corrections)
        db.execute("update trace_watch set due_at = null, day = null, seq = null where trace_key = any(%s)", [rooted])
    late = [one for one in seen if one.is_watched and not one.has_root]
    if late:  # with neither a moment nor a span the root is there
        db.execute(
            """update trace_watch t set due_at = case when t.due_at is null and t.seq is null then null
                else least(t.due_at, now() + case when n.has_answer then interval '0' else %s::interval end) end
            from unnest(%s::uuid[], %s::boolean[]) as n(trace_key, has_answer) where t.trace_key = n.trace_key""",
            [PATIENCE, [one.trace_key for one in late], [one.has_answer for one in late]],
        )
    answered = [one.trace_key for one in seen if one.is_watched and one.has_answer]
    if answered:
        db.execute("update trace_watch set has_answers = true where trace_key = any(%s)", [answered])
    new = [one for one in seen if not one.is_watched]
    known = {one.trace_key for one in new if one.has_root} | _rooted(db, [one for one in new if not one.has_root])
    new = [one for one in new if one.has_answer or one.trace_key not in known]
    if new:
        db.execute(
            """insert into trace_watch (trace_key, trace_id, has_answers, due_at)
            select n.trace_key, n.trace_id, n.has_answer,
                case when not n.has_root then now() + case when n.has_answer then interval '0' else %s::interval end end
            from unnest(%s::uuid[], %s::text[], %s::boolean[], %s::boolean[]) as n(trace_key, trace_id, has_answer, has_root)
            on conflict do nothing""",
            [
                PATIENCE,
                [one.trace_key for one in new],
                [one.trace_id for one in new],
                [one.has_answer for one in new],
                [one.trace_key in known for one in new],
            ],
        )
    db.execute(
        "delete from trace_watch where due_at is null and seq is null and not has_answers and trace_key = any(%s)",
        [rooted],
    )


def stand_in(db: Connection, corrections: Corrections) -> list[tuple[UUID, str]]:
    """Have spans stand in for roots that have not come in time; return keys and ids of the traces that were looked at."""
    due = db.execute(
        "select trace_key, trace_id, day, seq from trace_watch where due_at <= now() order by due_at limit %s",
        [AT_ONCE],
    ).fetchall()
    traces = [(row["trace_key"], row["trace_id"]) for row in due]
    if not traces:
        return []
    keys = [key for key, _ in traces]
    known = _rooted(db, [Seen(key, trace_id, False, False, True, False, False) for key, trace_id in traces])
    if has_files(db):  # what is archived here is no watched trace's first part
        known |= {key for key, trace_id in traces if key not in known and find_files(db, trace_id)}
    chosen = {row["trace_key"]: row for row in _choose(db, [key for key in keys if key not in known])}
    before = {row["trace_key"]: row["seq"] for row in due if row["seq"] is not None}
    moved = [key for key, seq in before.items() if key in chosen and chosen[key]["seq"] != seq]
    _step_down(db, _standing(db, moved), NOTHING, corrections)
    new = [row for key, row in chosen.items() if before.get(key) != row["seq"]]
    _step_up(db, new, corrections)
    summary.tell(db, list(chosen.values()))
    db.execute(
        """update trace_watch t set due_at = null, day = n.day, seq = n.seq
        from unnest(%s::uuid[], %s::date[], %s::bigint[]) as n(trace_key, day, seq) where t.trace_key = n.trace_key""",
        [[row[name] for row in chosen.values()] for name in ("trace_key", "day", "seq")],
    )
    # The others: their root is stored and takes over when it is followed, or nothing of them is left.
    db.execute(
        "update trace_watch set due_at = null where trace_key = any(%s)", [[key for key in keys if key not in chosen]]
    )
    return traces


def forget_watched(db: Connection) -> None:
    """Watch no longer what has been watched for long enough. System role: of all projects."""
    db.execute("delete from trace_watch where since < now() - %s::interval", [WATCHED_FOR])


def list_due(db: Connection) -> list[str]:
    """Return the projects in which spans are to stand in. System role: across projects."""
    rows = db.execute("select distinct project_id from trace_watch where due_at <= now() order by project_id")
    return [row["project_id"] for row in rows]


def _rooted(db: Connection, seen: Sequence[Seen]) -> set[UUID]:
    if not seen:
        return set()
    rows = db.execute(
        "select distinct trace_key from spans where trace_key = any(%s) and trace_id = any(%s) and parent_span_id is null",
        [[one.trace_key for one in seen], [one.trace_id for one in seen]],
    )
    return {row["trace_key"] for row in rows}


_COLUMNS = f"""s.day, s.seq, s.trace_key, s.trace_id, s.span_id, s.kind, s.status, s.session_id, s.user_id, s.started_at,
    s.input_text, s.output_text, s.counted_in, {answer("s")} as is_answer"""


def _standing(db: Connection, keys: Sequence[UUID]) -> list[dict[str, Any]]:
    if not keys:
        return []
    return db.execute(
        f"select {_COLUMNS} from trace_watch t join spans s on s.day = t.day and s.seq = t.seq where t.trace_key = any(%s)",
        [list(keys)],
    ).fetchall()


def _choose(db: Connection, keys: Sequence[UUID]) -> list[dict[str, Any]]:
    """Return the earliest span of each trace whose parent is unknown, of those that were followed; in a circle the earliest."""
    if not keys:
        return []
    return db.execute(
        f"""with found as materialized (select {_COLUMNS}, s.parent_span_id from spans s
            where s.trace_key = any(%s) and s.arm is distinct from '{SHADOW}' and not {WAITS.format(x="s")})
        select distinct on (s.trace_key) s.* from found s
            left join found p on p.trace_key = s.trace_key and p.trace_id = s.trace_id and p.span_id = s.parent_span_id
        order by s.trace_key, p.span_id is not null, s.started_at, s.seq""",
        [list(keys)],
    ).fetchall()


def _step_up(db: Connection, rows: Sequence[dict[str, Any]], corrections: Corrections) -> None:
    _mark(db, rows, stands=True)
    parties.count_whole(db, rows, 1, NOTHING)
    corrections.request([row for row in rows if _is_counted_so(row)], 1)


def _step_down(db: Connection, rows: Sequence[dict[str, Any]], batch: Batch, corrections: Corrections) -> None:
    """Undo what standing in came to, before this batch."""
    _mark(db, rows, stands=None)
    parties.count_whole(db, rows, -1, batch)
    corrections.request([row for row in rows if _is_counted_so(row)], -1)


def _is_counted_so(row: dict[str, Any]) -> bool:
    """Tell whether a span is a request only because it stands in."""
    return not row["is_answer"] and row["counted_in"] is None


def _mark(db: Connection, rows: Sequence[dict[str, Any]], *, stands: bool | None) -> None:
    if rows:
        db.execute(
            """update spans s set stands_for_root = %s from unnest(%s::date[], %s::bigint[]) as n(day, seq)
            where s.day = n.day and s.seq = n.seq""",
            [stands, [row["day"] for row in rows], [row["seq"] for row in rows]],
        )
