"""Traces in PostgreSQL, read: lists from narrow rows, content from the blocks that they point into, newest scores.

How spans get there is in `writing`, the tables are in `schema`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import date, datetime, timedelta
from typing import Any, TypeVar

from treadle.storage.database import Connection
from treadle.traces.blocks import block_of, place_of, unpack_block
from treadle.traces.consent import trace_refusing
from treadle.traces.outcome_types import Origin, RecentOutcome, RolloutOutcome, ShadowPair
from treadle.traces.reading import said_in, span_of
from treadle.traces.schema import OTHER_DAY
from treadle.traces.standing import SHADOW, answer, answer_within, head, head_among
from treadle.traces.texts import conversation
from treadle.traces.types import Score, Span, Trace

T = TypeVar("T")

PAIR_SECONDS = 60
"""How long a copy waits for the answer that it is compared with."""

SCORES = """(select coalesce(jsonb_agg(jsonb_build_object('name', r.name, 'source', r.source, 'value', r.value,
    'label', r.label, 'low', r.low, 'high', r.high) order by r.name, r.source), '[]') from trace_scores r where r.trace_id = s.trace_id)"""
TRACE = f"""s.trace_id, s.name, s.started_at, s.latency_ms, s.time_to_first_token_ms, s.status, s.error_code,
    s.error_message, s.endpoint, s.release_id, s.rollout_id, s.arm, s.session_id, s.parent_span_id is null as has_root,
    coalesce(s.input_text, '') as input_text, coalesce(s.output_text, '') as output_text, {SCORES} as scores"""
"""Columns of a trace's line, from its head `spans s`."""
_OUTCOME = ", ".join(
    "coalesce(s.signals, '{}') as signals" if name == "signals" else f"s.{name}" for name in RolloutOutcome.model_fields
)
KEY = "treadle_trace_key(current_setting('treadle.project'), %s)"
# An array and not a join: the planner then looks each one up, whatever it believes of a day's size.
KEYS = """any(array(select treadle_trace_key(current_setting('treadle.project'), wanted) from unnest(%s::text[]) as wanted))"""


def hold_commit_order(db: Connection) -> None:
    """Let this transaction's rows get their `seq` only once those of all others before it are committed."""
    db.execute("select pg_advisory_xact_lock(hashtextextended('spans|' || current_setting('treadle.project'), 0))")


def find_trace(db: Connection, trace_id: str) -> Trace | None:
    """Return the line of one trace: its root, or its oldest span where the root has not arrived."""
    row = db.execute(
        f"""select {TRACE} from spans s where s.trace_key = {KEY} and s.trace_id = %s
        order by s.parent_span_id is not null, not {head("s")}, s.started_at limit 1""",
        [trace_id, trace_id],
    ).fetchone()
    return with_used(db, [trace_of(row)])[0] if row else None


def trace_of(row: dict[str, Any]) -> Trace:
    """Make a trace's line of the columns of `TRACE`, and of `used` where it is known already."""
    told = {name: value for name, value in row.items() if name != "used"}
    return Trace(**{**told, **row.get("used", {}), "scores": [Score(**score) for score in row["scores"]]})


def with_used(db: Connection, traces: Sequence[Trace]) -> list[Trace]:
    """Return lines with what all spans of their traces used: asked at once, for there are as many tables as days."""
    trace_ids = [trace.trace_id for trace in traces]
    if not trace_ids:
        return []
    rows = db.execute(
        f"""select trace_id, sum(input_tokens)::bigint as input_tokens, sum(output_tokens)::bigint as output_tokens,
            sum(cost_usd) as cost_usd,
            count(*) filter (where cost_usd is null and (input_tokens > 0 or output_tokens > 0)) as unpriced_count
        from spans where trace_key = {KEYS} and trace_id = any(%s) and (day >= %s or day = '{OTHER_DAY}')
        group by trace_id""",
        [trace_ids, trace_ids, min(trace.started_at for trace in traces).date() - timedelta(days=1)],
    )
    used = {row.pop("trace_id"): row for row in rows}
    return [trace.model_copy(update=used.get(trace.trace_id, {})) for trace in traces]


def count_spans(db: Connection, trace_id: str, at_most: int) -> int:
    """Count a trace's spans, up to so many."""
    row = db.execute(
        f"select count(*) as spans from (select from spans where trace_key = {KEY} and trace_id = %s limit %s) counted",
        [trace_id, trace_id, at_most],
    ).fetchone()
    return int(row["spans"]) if row else 0


def list_spans(db: Connection, trace_id: str) -> list[Span]:
    """Return all spans of a trace with their content, in order of start."""
    rows = db.execute(
        f"select day, seq from spans where trace_key = {KEY} and trace_id = %s order by started_at, seq",
        [trace_id, trace_id],
    ).fetchall()
    found = read_contents(db, rows, span_of)
    return [found[row["seq"]] for row in rows if row["seq"] in found]


def find_headed(db: Connection, trace_ids: Sequence[str]) -> set[str]:
    """Return those of these traces that have a line of their own here."""
    rows = db.execute(
        f"select trace_id from spans where trace_key = {KEYS} and trace_id = any(%s) and {head_among()}",
        [list(trace_ids), list(trace_ids)],
    )
    return {row["trace_id"] for row in rows}


def find_origins(db: Connection, trace_ids: Sequence[str]) -> dict[str, Origin]:
    """Return where these traces' answers came from, by trace id: of several the last that the gateway gave."""
    rows = db.execute(
        f"""select distinct on (trace_id) {", ".join(Origin.model_fields)} from spans
        where trace_key = {KEYS} and trace_id = any(%s) and ({head_among()} or {answer_within()})
        order by trace_id, {answer()} desc, started_at desc""",
        [list(trace_ids), list(trace_ids)],
    )
    return {row["trace_id"]: Origin(**row) for row in rows}


def find_step_origins(db: Connection, places: Sequence[tuple[str, str]]) -> dict[tuple[str, str], Origin]:
    """Return where these very spans came from, by trace and span id. Of what is no answer of the gateway, a copy for
    comparison too, the unit is None."""
    traces, spans = [list(column) for column in zip(*places, strict=True)] or [[], []]
    named = ", ".join(
        f"case when {answer()} then unit end as unit" if name == "unit" else name for name in Origin.model_fields
    )
    rows = db.execute(
        f"select {named} from spans where trace_key = {KEYS} and trace_id = any(%s) and span_id = any(%s)",
        [traces, traces, spans],
    )
    return {(row["trace_id"], row["span_id"]): Origin(**row) for row in rows}


def list_rollout_units(db: Connection, rollout_id: str, *, after_seq: int, limit: int) -> list[RolloutOutcome]:
    """Return a rollout's requests after a position, in order of commit; copies of a shadow stage are not among them."""
    rows = db.execute(
        f"""select {_OUTCOME} from spans s where s.rollout_id = %s and s.seq > %s
            and {answer("s")} and s.arm_weight is not null order by s.seq limit %s""",
        [rollout_id, after_seq, limit],
    )
    return [RolloutOutcome(**row) for row in rows]


def list_recent_outcomes(
    db: Connection, endpoint: str, release_id: str, *, since: datetime, limit: int
) -> list[RecentOutcome]:
    """Return an endpoint's requests that a release answered, newest first, with what was said about them."""
    told = "s.endpoint = %s and s.release_id = %s and s.started_at >= %s"
    rows = db.execute(  # in two parts, because each has an index of its own
        f"""select {_OUTCOME}, {SCORES} as scores from (
            select * from spans s where {told} and s.parent_span_id is null and {head("s")} and {answer("s")}
            union all select * from spans s where {told} and {answer_within("s")}
        ) s order by s.started_at desc, s.trace_id desc limit %s""",
        [*[endpoint, release_id, since] * 2, limit],
    )
    return [RecentOutcome(**{**row, "scores": [Score(**one) for one in row["scores"]]}) for row in rows]


def list_shadow_pairs(
    db: Connection,
    rollout_id: str,
    *,
    after_seq: int,
    limit: int,
    trace_ids: Sequence[str] | None = None,
    with_questions: bool = False,
) -> list[ShadowPair]:
    """Return requests that two releases answered, in order of the copies' commit; of these traces, or of all.

    A copy may be stored before the answer that it is compared with: what comes after one that waits for its other half
    is left for the next look, for a minute at most.
    """
    rows = db.execute(
        f"""select s.day, s.seq, s.trace_id, s.parent_span_id as span_id, s.unit, s.status as candidate_status, r.day as stable_day, r.seq as stable_seq,
            r.status as stable_status, s.started_at < now() - interval '{PAIR_SECONDS} seconds' as has_waited
            from spans s left join spans r on r.trace_key = s.trace_key and r.trace_id = s.trace_id and r.span_id = s.parent_span_id
            where s.rollout_id = %s and s.arm = '{SHADOW}' and s.seq > %s
            and (%s::text[] is null or s.trace_id = any(%s)) order by s.seq limit %s""",
        [rollout_id, after_seq, trace_ids, trace_ids, limit],
    ).fetchall()
    halves = [(row["day"], row["seq"]) for row in rows]
    halves += [(row["stable_day"], row["stable_seq"]) for row in rows if row["stable_seq"] is not None]
    texts = read_contents(db, [{"day": day, "seq": seq} for day, seq in halves], said_in)
    pairs = []
    for row in rows:
        if row["stable_status"] is None:
            if not row["has_waited"]:
                break
            continue
        told = {name: row[name] for name in ("seq", "trace_id", "span_id", "unit", "candidate_status", "stable_status")}
        stable, candidate = texts.get(row["stable_seq"]), texts.get(row["seq"])
        if stable is None or candidate is None:
            continue  # forgotten between two looks
        told |= {"candidate_text": candidate.output_text, "stable_text": stable.output_text}
        if with_questions:
            told["question"] = conversation(stable.input_messages, candidate.input_messages) or stable.input_text
        pairs.append(ShadowPair(**told))
    return pairs


def list_packed(db: Connection, trace_ids: Sequence[str], seqs: Sequence[int] | None) -> list[bytes]:
    """Return the packed spans of these traces, or of those the ones at these positions, newest stored first."""
    rows = db.execute(
        f"""select day, seq from spans where trace_key = {KEYS} and trace_id = any(%s)
            and (%s::bigint[] is null or seq = any(%s)) order by seq desc""",
        [list(trace_ids), list(trace_ids), seqs, seqs],
    ).fetchall()
    found = read_contents(db, rows, bytes)
    return [found[row["seq"]] for row in rows if row["seq"] in found]


def find_refusing(db: Connection, trace_ids: Sequence[str]) -> set[str]:
    """Return those of these traces that say that nothing may be learnt from them. Reads all of their spans, block by block."""
    rows = db.execute(
        f"select day, seq from spans where trace_key = {KEYS} and trace_id = any(%s)",
        [list(trace_ids), list(trace_ids)],
    ).fetchall()
    return {trace_id for trace_id in read_contents(db, rows, trace_refusing).values() if trace_id is not None}


def find_scores(db: Connection, trace_ids: Sequence[str]) -> dict[str, list[dict[str, Any]]]:
    """Return what was said about these traces, as the column `scores` has it."""
    rows = db.execute(
        f"select s.trace_id, {SCORES} as scores from unnest(%s::text[]) as s(trace_id)",
        [list(dict.fromkeys(trace_ids))],
    )
    return {row["trace_id"]: row["scores"] for row in rows}


def list_waiting(db: Connection) -> list[tuple[str, int, datetime]]:
    """Return what follows committed blocks, how many wait for it, and since when."""
    rows = db.execute(
        "select work, count(*) as blocks, min(created_at) as since from span_blocks_waiting group by work"
    )
    return [(row["work"], row["blocks"], row["since"]) for row in rows]


def put_score(db: Connection, trace_id: str, score: Score) -> None:
    """Keep the newest score of a name and source; safe to repeat."""
    db.execute(
        """insert into trace_scores (trace_id, name, source, value, label, low, high) values (%s, %s, %s, %s, %s, %s, %s)
        on conflict (project_id, trace_id, name, source) do update set value = excluded.value, label = excluded.label,
        low = excluded.low, high = excluded.high, updated_at = now()""",
        [trace_id, score.name, score.source, score.value, score.label, score.low, score.high],
    )


def drop_score(db: Connection, trace_id: str, name: str, source: str) -> None:
    """Forget the score of a name and source; safe to repeat."""
    db.execute("delete from trace_scores where trace_id = %s and name = %s and source = %s", [trace_id, name, source])


def read_contents(db: Connection, rows: Iterable[Mapping[str, Any]], read: Callable[[bytes], T]) -> dict[int, T]:
    """Return the packed spans at these places (`day`, `seq`) as `read` reads them, block by block."""
    places: dict[tuple[date, int], list[int]] = {}
    for row in rows:
        places.setdefault((row["day"], block_of(row["seq"])), []).append(row["seq"])
    found: dict[int, T] = {}
    for (day, block_id), seqs in places.items():
        block = db.execute("select data from span_blocks where day = %s and block_id = %s", [day, block_id]).fetchone()
        if block is None:
            continue  # forgotten between two looks
        spans = unpack_block(block["data"])
        for seq in seqs:
            data = spans[place_of(seq)]
            if data is not None:
                found[seq] = read(data)
    return found
