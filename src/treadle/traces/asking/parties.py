"""Sessions and end users: what each came to, summed up behind ingestion like all signals.

A trace belongs to the session and the user of its head (its root, or what stands in for it), and so do the tokens and the cost
of all its spans, whenever they come: a root brings what was counted before it, a late span finds its head. Sums are since the
first trace; scores are of the newest traces.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any, Literal, NamedTuple
from uuid import UUID

from treadle.storage.database import Connection
from treadle.traces.asking.schema import SUMS
from treadle.traces.asking.types import Party, ScoreMean
from treadle.traces.batch import OF_BATCH, WAITS, Batch
from treadle.traces.standing import head, head_among
from treadle.traces.used import known_cost

Sort = Literal["session", "user"]
MAX_NAMES = 100_000
"""Looked through for a part of a name: a tenth of a second, as estimated."""
SCORED_TRACES = 20
"""Of each, the newest so many are looked at for scores."""
_COLUMNS = "name, first_at, last_at, trace_count, error_count, span_count, input_tokens, output_tokens, cost_usd, unpriced_count"
_ADDED = ("trace_count", "error_count", "span_count", "input_tokens", "output_tokens", "cost_usd", "unpriced_count")
_KEEP = f"""insert into trace_parties (sort, {_COLUMNS})
    select p.sort, p.name, min(r.started_at), max(r.started_at), sum(r.trace_count), sum(r.error_count), sum(r.span_count),
        sum(r.input_tokens), sum(r.output_tokens), sum(r.cost_usd), sum(r.unpriced_count)
    from told r cross join lateral (values ('session', r.session_id), ('user', r.user_id)) as p(sort, name)
    where p.name is not null group by 1, 2 order by 1, 2
    on conflict (project_id, sort, name) do update set
        first_at = least(trace_parties.first_at, excluded.first_at), last_at = greatest(trace_parties.last_at, excluded.last_at),
        {", ".join(f"{one} = trace_parties.{one} + excluded.{one}" for one in _ADDED)}"""
_X_WAITS = WAITS.format(x="x")


class FoundParties(NamedTuple):
    """A page, and where to go on."""

    items: list[Party]
    next_key: tuple[datetime, str] | None
    """Of the last that was looked at; None when all were."""
    stopped_early: bool
    """Whether as many names as one request may were looked at before the page was full."""


def count_blocks(db: Connection, batch: Batch, late: Sequence[UUID]) -> None:
    """Add the spans of blocks that have just been taken from those that wait, inside that transaction, one at a time.

    late: keys of the traces that the blocks have parts of, and not the root.
    """
    place = batch.place
    db.execute(
        f"""with told as (
            select s.session_id, s.user_id, s.started_at, 1 as trace_count, (s.status = 'error')::integer as error_count, t.*
            from {OF_BATCH} s cross join lateral (select count(*) as span_count, {SUMS} from spans x
                where x.trace_key = s.trace_key and x.trace_id = s.trace_id and not {_X_WAITS}) t
            where s.parent_span_id is null and (s.session_id is not null or s.user_id is not null)
        ) {_KEEP}""",
        place,
    )
    if late:
        db.execute(
            f"""with late as (
            select s.trace_key, s.trace_id, count(*) as span_count, {SUMS} from {OF_BATCH} s
            where s.trace_key = any(%s) group by 1, 2
        ), told as (
            select r.session_id, r.user_id, r.started_at, 0 as trace_count, 0 as error_count, l.span_count, l.input_tokens,
                l.output_tokens, l.cost_usd, l.unpriced_count
            from late l cross join lateral (select * from spans x where x.trace_key = l.trace_key and x.trace_id = l.trace_id
                and {head_among("x")} and not {_X_WAITS} order by x.parent_span_id is not null limit 1) r
        ) {_KEEP}""",
            [*place, list(late)],
        )


def count_whole(db: Connection, heads: Sequence[Mapping[str, Any]], sign: int, besides: Batch) -> None:
    """Add the traces of heads with all that was counted of them, or take them away again.

    heads: each with trace_key, trace_id, session_id, user_id, started_at and status. besides: blocks that are being counted.
    """
    rows = [row for row in heads if row["session_id"] or row["user_id"]]
    if rows:
        names = ("trace_key", "trace_id", "session_id", "user_id", "started_at", "status")
        db.execute(
            f"""with told as (
                select n.session_id, n.user_id, n.started_at, w.sign as trace_count, w.sign * (n.status = 'error')::integer as error_count,
                    w.sign * t.span_count as span_count, w.sign * t.input_tokens as input_tokens, w.sign * t.output_tokens as output_tokens,
                    w.sign * t.cost_usd as cost_usd, w.sign * t.unpriced_count as unpriced_count
                from (select %s::integer as sign) w, unnest(%s::uuid[], %s::text[], %s::text[], %s::text[], %s::timestamptz[], %s::text[])
                    as n({", ".join(names)})
                cross join lateral (select count(*) as span_count, {SUMS} from spans x where x.trace_key = n.trace_key
                    and x.trace_id = n.trace_id and not {_X_WAITS} and x.seq >> 12 <> all(%s)) t
            ) {_KEEP}""",
            [sign, *([row[name] for row in rows] for name in names), list(besides.block_ids)],
        )


def take_used(db: Connection, used: Sequence[tuple[Mapping[str, Any], Mapping[str, Any]]]) -> None:
    """Take what spans used away from those whose traces they are of. used: each span with the head of its trace."""
    if used:
        db.execute(
            f"""with told as (
                select session_id, user_id, started_at, 0 as trace_count, 0 as error_count, 0 as span_count,
                    -coalesce(input_tokens, 0) as input_tokens, -coalesce(output_tokens, 0) as output_tokens,
                    -coalesce(cost_usd, 0) as cost_usd,
                    -(cost_usd is null and (coalesce(input_tokens, 0) > 0 or coalesce(output_tokens, 0) > 0))::integer as unpriced_count
                from unnest(%s::text[], %s::text[], %s::timestamptz[], %s::bigint[], %s::bigint[], %s::numeric[])
                    as n(session_id, user_id, started_at, input_tokens, output_tokens, cost_usd)
            ) {_KEEP}""",
            [
                *([of[name] for _, of in used] for name in ("session_id", "user_id", "started_at")),
                *([span[name] for span, _ in used] for name in ("input_tokens", "output_tokens", "cost_usd")),
            ],
        )


def list_parties(
    db: Connection, sort: Sort, *, text: str | None = None, limit: int, before: tuple[datetime, str] | None
) -> FoundParties:
    """Return sessions or users, those that were seen last first. text: a part of the name, in any case.

    For a part at most MAX_NAMES are looked through.
    """
    after = "" if before is None else "and (last_at, name) < (%s, %s)"
    bound = None
    if text is not None:
        bound = db.execute(
            f"select last_at, name from trace_parties where sort = %s {after} order by last_at desc, name desc offset %s limit 1",
            [sort, *(before or ()), MAX_NAMES - 1],
        ).fetchone()
    within = "" if bound is None else "and (last_at, name) >= (%s, %s)"
    named = "" if text is None else "and position(lower(%s) in lower(name)) > 0"
    rows = db.execute(
        f"""select {_COLUMNS} from trace_parties where sort = %s {after} {within} {named}
        order by last_at desc, name desc limit %s""",
        [sort, *(before or ()), *(bound.values() if bound else ()), *([] if text is None else [text]), limit + 1],
    ).fetchall()
    if len(rows) > limit:
        bound = rows[limit - 1]
    stopped_early = bound is not None and len(rows) <= limit
    next_key = (bound["last_at"], bound["name"]) if bound is not None else None
    return FoundParties(_with_scores(db, sort, rows[:limit]), next_key, stopped_early)


def find_party(db: Connection, sort: Sort, name: str) -> Party | None:
    """Return one session or user."""
    rows = db.execute(f"select {_COLUMNS} from trace_parties where sort = %s and name = %s", [sort, name]).fetchall()
    return next(iter(_with_scores(db, sort, rows)), None)


def _with_scores(db: Connection, sort: Sort, rows: list[dict[str, Any]]) -> list[Party]:
    column = f"{sort}_id"
    told = db.execute(
        f"""select w.name as party, f.name, count(*) as count, avg(f.value) as mean
        from unnest(%s::text[]) as w(name) cross join lateral (select s.trace_id from spans s where s.{column} = w.name
            and {head("s")} order by s.started_at desc, s.trace_id desc limit {SCORED_TRACES}) s
        cross join lateral (select f.name, f.value from trace_scores f where f.trace_id = s.trace_id offset 0) f
        group by 1, 2 order by 1, 2""",
        [[row["name"] for row in rows]],
    )
    scores: dict[str, list[ScoreMean]] = {}
    for row in told:
        scores.setdefault(row.pop("party"), []).append(ScoreMean(**row))
    return [
        Party(
            **{**row, "cost_usd": known_cost(row["cost_usd"], row["unpriced_count"])},
            scores=scores.get(row["name"], []),
        )
        for row in rows
    ]
