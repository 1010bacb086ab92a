"""What a trace was asked and what it answered where its root says neither, as that of `with treadle.trace("turn")`.

The first part that says what it was given stands for the question, the last that says what came of it for the answer: the
root's own parts before those within them, in order of start. What a search or a tool gave is no answer, and neither is what a part
gave that failed; of a request that failed nothing but what its root says itself is one. Lists show it from the root's row, where it is written once,
behind ingestion like everything that follows committed spans; parts that come later than that fill in what is still empty.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import date, timedelta
from typing import Any, NamedTuple
from uuid import UUID

from treadle.storage.database import Connection
from treadle.traces.batch import OF_BATCH, Batch
from treadle.traces.reading import Spoken, span_of, spoken_in
from treadle.traces.rows import PREVIEW
from treadle.traces.schema import OTHER_DAY
from treadle.traces.standing import head_among
from treadle.traces.store import KEYS, SCORES, read_contents
from treadle.traces.tree import head_of
from treadle.traces.types import Example, Score, Span

_OF_ROOT = ("trace_id", "endpoint", "release_id", "session_id", "started_at", "status", "error_message")
OTHER = date.fromisoformat(OTHER_DAY)
PARTS = 8
"""From each end of a trace that are looked at."""
ANSWERING = frozenset(("llm", "agent", "chain"))
"""Kinds whose output can be a trace's answer."""
_IS_SILENT = "{x}.parent_span_id is null and ({x}.input_text is null or {x}.output_text is null)"
_ROOT = "x.day, x.seq, x.trace_id, x.span_id, x.kind, x.status, x.input_text, x.output_text"


class Part(NamedTuple):
    """A part of a trace."""

    is_direct: bool
    """Whether it is the root's own."""
    said: Spoken


def joined(root: Spoken, parts: Sequence[Part]) -> Spoken:
    """Return what a trace says: its root, and parts (in order of start) for what the root leaves out. Pure."""
    direct = [part.said for part in parts if part.is_direct]
    within = [part.said for part in parts if not part.is_direct]
    first, last = (*direct, *within), (*direct[::-1], *within[::-1])
    asked = root if root.input_text else next((said for said in first if said.input_text), root)
    output = root.output_text
    if not output and root.status != "error":
        answers = (said.output_text for said in last if said.kind in ANSWERING and said.status != "error")
        output = next(filter(None, answers), "")
    return Spoken(variables=asked.variables, input_text=asked.input_text, output_text=output)


def read_parts(db: Connection, roots: Mapping[str, str], days: Sequence[date] | None = None) -> dict[str, list[Part]]:
    """Return what parts of traces say, by trace id: so many from each end. roots: the root's id of each trace.

    days: where to look; None looks through every day that is kept.
    """
    if not roots:
        return {}
    rows = db.execute(
        f"""select day, seq, trace_id, is_direct from (
            select s.day, s.seq, s.trace_id, row_number() over (partition by s.trace_id order by
                    s.parent_span_id = any(%s) desc, s.started_at, s.seq) as from_begin,
                row_number() over (partition by s.trace_id order by
                    s.kind = any(%s) desc, s.parent_span_id = any(%s) desc, s.started_at desc, s.seq desc) as from_end,
                s.parent_span_id = any(%s) as is_direct, s.started_at
            from spans s where s.trace_key = {KEYS} and s.trace_id = any(%s) and s.parent_span_id is not null
                and (%s::date[] is null or s.day = any(%s))
        ) part where from_begin <= {PARTS} or from_end <= {PARTS} order by trace_id, started_at, seq""",
        [list(roots.values()), list(ANSWERING), *[list(roots.values())] * 2, *[list(roots)] * 2, days, days],
    ).fetchall()
    found = read_contents(db, rows, spoken_in)
    parts: dict[str, list[Part]] = {}
    for row in rows:
        if row["seq"] in found:
            parts.setdefault(row["trace_id"], []).append(Part(row["is_direct"], found[row["seq"]]))
    return parts


def list_examples(db: Connection, trace_ids: Sequence[str]) -> list[Example]:
    """Return what went in and out of these traces, in order of time; unknown ids are left out."""
    rows = db.execute(
        f"""select distinct on (s.started_at, s.trace_id) s.day, s.seq, s.span_id, s.trace_id, s.endpoint, s.release_id,
            s.session_id, s.started_at, s.status, s.error_message, {SCORES} as scores from spans s
        where s.trace_key = {KEYS} and s.trace_id = any(%s) and {head_among("s")}
        order by s.started_at, s.trace_id, s.parent_span_id is not null""",
        [list(trace_ids), list(trace_ids)],
    ).fetchall()
    found = read_contents(db, rows, spoken_in)
    rows = [row for row in rows if row["seq"] in found]  # the others were forgotten between two looks
    silent = {row["trace_id"]: row["span_id"] for row in rows if not _is_whole(found[row["seq"]])}
    parts = read_parts(db, silent)
    return [_example(row, found[row["seq"]], parts.get(row["trace_id"], [])) for row in rows]


def examples_of(packed: Iterable[bytes], scores: Mapping[str, list[dict[str, Any]]]) -> list[Example]:
    """Return the same of packed spans, all those of some traces. Pure."""
    traces: dict[str, list[tuple[Span, bytes]]] = {}
    for data in packed:
        span = span_of(data)
        traces.setdefault(span.trace_id, []).append((span, data))
    examples = []
    for trace_id, spans in traces.items():
        spans.sort(key=lambda one: one[0].started_at)
        of_head = head_of([span for span, _ in spans]).span_id
        root = next(one for one in spans if one[0].span_id == of_head)
        parts = [
            Part(span.parent_span_id == of_head, spoken_in(data)) for span, data in spans if span.span_id != of_head
        ]
        row = {**vars(root[0]), "scores": scores.get(trace_id, [])}
        examples.append(_example(row, spoken_in(root[1]), parts))
    return examples


def fill(db: Connection, batch: Batch, late: Sequence[tuple[UUID, str]]) -> None:
    """Write on roots that say nothing what their parts say: roots in these blocks, and roots of late parts in them.

    late: keys and ids of the traces that the blocks have parts of, and not the root.
    Roots and parts are looked for on these days and those beside them: every day has a table of its own. Cost: some 0.2 ms
    per root that says nothing.
    """
    near = sorted({OTHER, *(day + timedelta(days=beside) for day in batch.days for beside in (-1, 0, 1))})
    silent = db.execute(
        f"""select {_ROOT} from {OF_BATCH} x where {_IS_SILENT.format(x="x")}
        union
        select {_ROOT} from unnest(%s::uuid[], %s::text[]) as late(trace_key, trace_id) cross join lateral (select * from spans x where x.trace_key = late.trace_key and x.trace_id = late.trace_id
            and x.day = any(%s) and {_IS_SILENT.format(x="x")} limit 1) x""",
        [*batch.place, [key for key, _ in late], [trace_id for _, trace_id in late], near],
    ).fetchall()
    parts = read_parts(db, {row["trace_id"]: row["span_id"] for row in silent}, near)
    _write(db, list(_told(silent, parts)))


def tell(db: Connection, rows: Sequence[Mapping[str, Any]]) -> None:
    """Write on spans that stand in for a root what they say, or else what others of their traces do.

    rows: each with day, seq, trace_id, span_id, kind, status, input_text and output_text. Some milliseconds for each that says
    nothing yet.
    """
    silent = [row for row in rows if row["input_text"] is None or row["output_text"] is None]
    said = read_contents(db, silent, spoken_in)
    parts = read_parts(db, {row["trace_id"]: row["span_id"] for row in silent})
    own = [{**row, "input_text": said[row["seq"]].input_text, "output_text": said[row["seq"]].output_text}
           for row in silent if row["seq"] in said]  # fmt: skip
    told = {row["seq"]: row for row in own} | {row["seq"]: row for row in _told(own, parts)}
    _write(db, [_short(row) for row in told.values()])


def _short(row: Mapping[str, Any]) -> dict[str, Any]:
    return {**row, **{name: (row[name] or "")[:PREVIEW] or None for name in ("input_text", "output_text")}}


def _write(db: Connection, told: Sequence[Mapping[str, Any]]) -> None:
    if told:
        listed = [[row[name] for row in told] for name in ("day", "seq", "input_text", "output_text")]
        db.execute(
            """update spans s set input_text = w.input_text, output_text = w.output_text
            from unnest(%s::date[], %s::bigint[], %s::text[], %s::text[]) as w(day, seq, input_text, output_text)
            where s.day = w.day and s.seq = w.seq""",
            listed,
        )


def _told(silent: Iterable[Mapping[str, Any]], parts: Mapping[str, list[Part]]) -> Iterable[dict[str, Any]]:
    for row in silent:
        told = {name: row[name] or "" for name in ("kind", "status", "input_text", "output_text")}
        root = Spoken(**told)
        said = joined(root, parts.get(row["trace_id"], []))
        told = {"input_text": said.input_text[:PREVIEW] or None, "output_text": said.output_text[:PREVIEW] or None}
        if told != {name: row[name] for name in told}:
            yield {**row, **told}


def _is_whole(said: Spoken) -> bool:
    return bool(said.input_text and said.output_text)


def _example(row: Mapping[str, Any], root: Spoken, parts: Sequence[Part]) -> Example:
    said = joined(root, parts)
    return Example(
        **{name: row[name] for name in _OF_ROOT},
        variables=said.variables if isinstance(said.variables, dict) else {},
        input_text=said.input_text,
        output_text=said.output_text,
        scores=[Score(**score) for score in row["scores"]],
    )
