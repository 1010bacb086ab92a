"""Rollups in PostgreSQL: what waits is counted where it lies, and what is counted is kept by minute and by hour.

A request (`is_root`) is the root of a trace, what stands in for one, or what the gateway answered within a caller's trace. A call
that both sides told is left out on the caller's side (`answers`), or taken back where it came first.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Any

from psycopg.types.json import Jsonb

from treadle.storage.database import Connection
from treadle.traces import answers, heads, summary
from treadle.traces.asking import parties
from treadle.traces.batch import IN_BLOCKS, NOTHING, OF_BATCH, batch_of
from treadle.traces.rollups import MEASURES, REQUEST_OF, USED, Rollup, floor, group_of, merged
from treadle.traces.schema import ROLLUP_GROUP, ROLLUP_SUMS
from treadle.traces.signals import SignalQuery, Step
from treadle.traces.standing import answer, head, head_among

WORK = "signals"
BLOCKS_AT_ONCE = 400
"""Counted in one transaction."""
PENDING_BLOCKS = 400
"""So many that wait, at most, are counted for a reader; beyond that it is told how far the rollups are."""
STEPS: tuple[Step, ...] = ("minute", "hour")

_IS_REQUEST = f"(parent_span_id is null or {answer('s')})"
_GROUP = {
    name: _IS_REQUEST if name == "is_root" else name if name == "kind" else f"coalesce({name}, '')"
    for name in ROLLUP_GROUP
}
_USER = (
    """coalesce(user_id, case when parent_span_id is not null and (input_tokens > 0 or output_tokens > 0) then (select r.user_id
    from spans r where r.trace_key = s.trace_key and r.trace_id = s.trace_id and """
    + head_among("r")
    + """ limit 1) end, '')"""
)
"""Of a call that names none the one that its request names: instrumentations of libraries know no users."""
_OF_SPANS = {
    "is_root": f"({head('s')} or {answer('s')})",
    "user_id": _USER,
    "service_name": "coalesce(service_name, '')",
}
"""What single spans are read for: rollups are not kept by it."""
_ANSWERED = "status = 'ok' and output_tokens is not null"
_SUMS = {
    "count": "count(*)",
    "error_count": "count(*) filter (where status = 'error')",
    "cancelled_count": "count(*) filter (where status = 'cancelled')",
    "input_tokens": "coalesce(sum(input_tokens), 0)::bigint",
    "output_tokens": "coalesce(sum(output_tokens), 0)::bigint",
    "cost_usd": "coalesce(sum(cost_usd), 0)",
    "unpriced_count": "count(*) filter (where cost_usd is null and (input_tokens > 0 or output_tokens > 0))",
    "cache_hits": "count(*) filter (where cache is not null)",
    "refusals": "count(*) filter (where 'refusal' = any(signals))",
    "guard_hits": "count(*) filter (where array_to_string(signals, ' ') like '%%guard:%%')",
    "answering_ms": f"coalesce(sum(latency_ms - coalesce(time_to_first_token_ms, 0)) filter (where {_ANSWERED}), 0)",
    "answering_tokens": f"coalesce(sum(output_tokens) filter (where {_ANSWERED}), 0)::bigint",
    "json_answers": "count(*) filter (where signals && '{json:valid,json:invalid}')",
    "json_valid": "count(*) filter (where 'json:valid' = any(signals))",
}
_LISTS = """array_agg(coalesce(error_code, 'unknown')) filter (where status = 'error') as errors,
    array_agg(latency_ms) filter (where status = 'ok') as latency_ms,
    array_agg(time_to_first_token_ms)
        filter (where status = 'ok' and time_to_first_token_ms is not null) as time_to_first_token_ms"""
_BY_PLACE = ", ".join(str(number + 1) for number in range(len(_GROUP) + 1))
_COUNTED = f"{', '.join(f'{sql} as {name}' for name, sql in _SUMS.items())}, {_LISTS}"
_KEPT = ("step", "at", *ROLLUP_GROUP)
_TABLE = (*_KEPT, *ROLLUP_SUMS, "errors", *MEASURES)


def follow(db: Connection) -> int:
    """Count blocks that wait, oldest first; return how many spans they held. One at a time per project; run it again."""
    _hold(db)
    taken = db.execute(
        """delete from span_blocks_waiting where work = %s and block_id in (select block_id from span_blocks_waiting
            where work = %s order by block_id limit %s) returning day, block_id""",
        [WORK, WORK, BLOCKS_AT_ONCE],
    ).fetchall()
    if not taken:
        return 0
    batch, corrections = batch_of(taken), _Corrections(db)
    seen = heads.look(db, batch)
    heads.settle(db, batch, seen, corrections)
    answered = [(one.trace_key, one.trace_id) for one in seen if one.has_answer or one.had_answers]
    answers.join(db, answered, batch, corrections)
    late = [(one.trace_key, one.trace_id) for one in seen if not one.has_root]
    parties.count_blocks(db, batch, [key for key, _ in late])
    summary.fill(db, batch, late)
    rows = db.execute(
        f"""select date_trunc('minute', started_at) as at, {", ".join(f"{sql} as {name}" for name, sql in _GROUP.items())},
            {_COUNTED} from {OF_BATCH} s
            where s.counted_in is null group by {_BY_PLACE}""",
        batch.place,
    ).fetchall()
    answers.name_heads(db, answered)
    return _add(db, [*rows, *corrections.rows])


def stand_in(db: Connection) -> int:
    """Have spans stand in for roots that have not come in time; return how many traces were looked at. One at a time per project."""
    _hold(db)
    corrections = _Corrections(db)
    traces = heads.stand_in(db, corrections)
    answers.join(db, traces, NOTHING, corrections)
    answers.name_heads(db, traces)
    _add(db, corrections.rows)
    return len(traces)


class _Corrections:
    """What is counted beside blocks: rows to be merged like theirs. See `heads.Corrections`."""

    def __init__(self, db: Connection) -> None:
        self._db = db
        self.rows: list[dict[str, Any]] = []

    def request(self, places: Sequence[dict[str, Any]], sign: int) -> None:
        """Count spans as requests, or no longer."""
        for row in self._count(places):
            unknown = dict.fromkeys(USED, 0)
            self.rows.append(_times(row | unknown, sign) | {"is_root": True, "kind": REQUEST_OF + row["kind"]})

    def take_back(self, places: Sequence[dict[str, Any]]) -> None:
        """Count spans no longer."""
        self.rows += [_times(row, -1) for row in self._count(places)]

    def _count(self, places: Sequence[dict[str, Any]]) -> Iterable[dict[str, Any]]:
        if not places:
            return []
        return self._db.execute(
            f"""select date_trunc('minute', started_at) as at, {", ".join(f"{sql} as {name}" for name, sql in _GROUP.items())},
                {_COUNTED} from spans s join unnest(%s::date[], %s::bigint[]) as n(day, seq) on s.day = n.day and s.seq = n.seq
                group by {_BY_PLACE}""",
            [[place["day"] for place in places], [place["seq"] for place in places]],
        ).fetchall()


def _times(row: dict[str, Any], sign: int) -> dict[str, Any]:
    errors = {code: sign * count for code, count in Counter(row["errors"] or ()).items()}
    sums = {name: sign * row[name] for name in ROLLUP_SUMS}
    return row | sums | {"errors": errors} | dict.fromkeys(MEASURES)


def _hold(db: Connection) -> None:
    db.execute(
        "select pg_advisory_xact_lock(hashtextextended('span signals|' || current_setting('treadle.project'), 0))"
    )


def _add(db: Connection, rows: Sequence[dict[str, Any]]) -> int:
    """Add counted rows to the rollups; return how many spans they are."""
    minutes = merged(rows, list(ROLLUP_GROUP), "minute")
    hours: dict[tuple[Any, ...], Rollup] = {}
    for (at, *group), rollup in minutes.items():
        hours.setdefault((floor(at, "hour"), *group), Rollup()).merge(rollup)
    for step, found in (("minute", minutes), ("hour", hours)):
        _keep(db, step, found)
    return sum(int(rollup.sums["count"]) for rollup in hours.values())


def _keep(db: Connection, step: str, found: dict[tuple[Any, ...], Rollup]) -> None:
    if not found:
        return
    columns = ", ".join(f"s.{name}" for name in _TABLE)
    keys = list(found)
    listed = [[key[number] for key in keys] for number in range(len(ROLLUP_GROUP) + 1)]
    kinds = ", ".join(f"%s::{kind}[]" for kind in ("timestamptz", *ROLLUP_GROUP.values()))
    same = " and ".join(f"s.{name} = w.{name}" for name in ("at", *ROLLUP_GROUP))
    before = db.execute(
        f"""select {columns} from unnest({kinds}) as w(at, {", ".join(ROLLUP_GROUP)})
        join span_rollups s on s.step = %s and {same}""",
        [*listed, step],
    )
    for row in before:
        found[(row["at"], *group_of(row))].add(row)
    changed = ", ".join(f"{name} = excluded.{name}" for name in _TABLE if name not in _KEPT)
    kinds = ", ".join(
        f"%s::{kind}[]"
        for kind in (
            "timestamptz",
            *ROLLUP_GROUP.values(),
            *ROLLUP_SUMS.values(),
            "jsonb",
            *("bytea" for _ in MEASURES),
        )
    )
    values = [rollup.values() for rollup in found.values()]
    told = [[row[number] for row in values] for number in range(len(ROLLUP_SUMS) + 1 + len(MEASURES))]
    told[len(ROLLUP_SUMS)] = [Jsonb(errors) for errors in told[len(ROLLUP_SUMS)]]
    db.execute(
        f"""insert into span_rollups ({", ".join(_TABLE)}) select '{step}', * from unnest({kinds})
        on conflict (project_id, {", ".join(_KEPT)}) do update set {changed}""",
        [*listed, *told],
    )


def read(
    db: Connection, query: SignalQuery, since: datetime, until: datetime
) -> tuple[list[dict[str, Any]], datetime | None]:
    """Return rows to merge, and since when blocks wait that are not among them; None when none does."""
    conditions, values = _conditions(query)
    where = " and ".join(["at >= %s", "at < %s", *conditions])
    group = ", ".join(ROLLUP_GROUP)
    # One statement, so that a block is either among the rollups or among those that wait.
    rows = db.execute(
        f"""with waiting as (select day, block_id, created_at from span_blocks_waiting where work = '{WORK}'
            order by block_id desc limit {PENDING_BLOCKS + 1}),
        lag as (select count(*) > {PENDING_BLOCKS} as is_long from waiting),
        pending as (
            select date_trunc('minute', started_at) as at, {", ".join(f"{sql} as {name}" for name, sql in _GROUP.items())},
                {_COUNTED} from lag cross join waiting b cross join {IN_BLOCKS} s
            where not lag.is_long and s.started_at >= %s and s.started_at < %s and s.counted_in is null
            group by {_BY_PLACE}
        )
        select at, {group}, {", ".join(ROLLUP_SUMS)}, errors, {", ".join(MEASURES)},
            {", ".join(f"null::double precision[] as {name}_list" for name in MEASURES)}
            from span_rollups where step = %s and {where}
        union all
        select at, {group}, {", ".join(ROLLUP_SUMS)}, coalesce(to_jsonb(errors), '[]'),
            {", ".join("null::bytea" for _ in MEASURES)}, {", ".join(MEASURES)} from pending where {where}""",
        [since, until, "minute" if query.step == "minute" else "hour", since, until, *values, since, until, *values],
    ).fetchall()
    behind = db.execute(
        f"""select min(created_at) as since from span_blocks_waiting where work = %s
        having count(*) > {PENDING_BLOCKS}""",
        [WORK],
    ).fetchone()
    return rows, None if behind is None else behind["since"]


def read_spans(db: Connection, query: SignalQuery, since: datetime, until: datetime) -> Sequence[dict[str, Any]]:
    """Return rows to merge, counted from single spans: for what rollups are not kept by."""
    conditions, values = _conditions(query)
    names = list(dict.fromkeys(["kind", "is_root", *query.by]))
    group = [f"{_OF_SPANS.get(name) or _GROUP[name]} as {name}" for name in names]
    where = " and ".join(["started_at >= %s", "started_at < %s", "counted_in is null", *conditions])
    return db.execute(
        f"""select date_trunc('{query.step}', started_at) as at, {"".join(f"{sql}, " for sql in group)}{_COUNTED} from spans s
        where {where} group by {", ".join(str(number + 1) for number in range(len(names) + 1))}""",
        [since, until, *values],
    ).fetchall()


def needs_spans(query: SignalQuery) -> bool:
    """Tell whether a query asks for what rollups are not kept by."""
    if query.segment is not None:
        return True
    return any(getattr(query, name) is not None or name in query.by for name in ("user_id", "service_name"))


def _conditions(query: SignalQuery) -> tuple[list[str], list[Any]]:
    conditions, values = list[str](), list[Any]()
    for name in ("endpoint", "release_id", "model", "key_id", "kind", "user_id", "service_name"):
        wanted = getattr(query, name)
        if wanted is not None:
            conditions.append(f"{_OF_SPANS.get(name, name)} = %s")
            values.append(wanted)
    if query.segment is not None:
        conditions.append(f"starts_with({_USER}, %s)")
        values.append(query.segment)
    return conditions, values
