"""Answers of the gateway within a caller's trace (`traceparent`): one call, told by both sides, and counted once.

The caller's client says that it called a model, and so does the gateway, whose span is the part of it that knows release, price
and limits. So the gateway's counts: a call that holds an answer names it in `counted_in`, and its own tokens and cost leave
its row (its content keeps them). What the caller's root does not say of session, user and endpoint it is told by the first answer.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any
from uuid import UUID

from treadle.storage.database import Connection
from treadle.traces.asking import parties
from treadle.traces.batch import WAITS, Batch
from treadle.traces.heads import Corrections
from treadle.traces.standing import answer, answer_within, head_among
from treadle.traces.types import MODEL_KINDS

LEVELS = 4
"""Between an answer and the call that holds it: instrumentations of HTTP clients stand in between."""
_NAMES = ("endpoint", "release_id", "rollout_id", "arm")


def join(db: Connection, traces: Sequence[tuple[UUID, str]], batch: Batch, corrections: Corrections) -> None:
    """Find calls that were told twice, and tell heads what answers know of their callers. Before the batch is counted."""
    answers = _list_answers(db, [key for key, _ in traces])
    if not answers:
        return
    heads = _list_heads(db, [row["trace_key"] for row in answers])
    repeated = _holders(db, answers)
    if repeated:
        counted = [row for row in repeated if not row["waits"] and row["seq"] >> 12 not in batch.block_ids]
        corrections.take_back(counted)
        corrections.request([row for row in counted if row["stands_for_root"]], -1)
        of_heads = [(row, heads[row["trace_key"]]) for row in counted if row["trace_key"] in heads]
        parties.take_used(db, [(row, one) for row, one in of_heads if _is_followed(one, batch)])
        db.execute(
            """update spans s set counted_in = n.counted_in, input_tokens = null, output_tokens = null, cost_usd = null
            from unnest(%s::date[], %s::bigint[], %s::text[]) as n(day, seq, counted_in) where s.day = n.day and s.seq = n.seq""",
            [[row[name] for row in repeated] for name in ("day", "seq", "answer_id")],
        )
    told: dict[UUID, dict[str, Any]] = {}
    for row in answers:  # earliest first
        of_trace = told.setdefault(row["trace_key"], {"session_id": None, "user_id": None})
        told[row["trace_key"]] = {name: value or row[name] for name, value in of_trace.items()}
    named = []
    for key, one in heads.items():
        new = {name: None if one[name] else value for name, value in told[key].items()}
        if any(new.values()):
            named.append(one | new)
    if named:
        db.execute(
            """update spans s set session_id = coalesce(s.session_id, n.session_id), user_id = coalesce(s.user_id, n.user_id)
            from unnest(%s::date[], %s::bigint[], %s::text[], %s::text[]) as n(day, seq, session_id, user_id)
            where s.day = n.day and s.seq = n.seq""",
            [[row[name] for row in named] for name in ("day", "seq", "session_id", "user_id")],
        )
        parties.count_whole(db, [row for row in named if _is_followed(row, batch)], 1, batch)


def name_heads(db: Connection, traces: Sequence[tuple[UUID, str]]) -> None:
    """Tell heads which endpoint and release answered first. After they were counted: by endpoint only answers are."""
    if traces:
        db.execute(
            f"""update spans s set {", ".join(f"{name} = a.{name}" for name in _NAMES)}
            from (select distinct on (trace_key) trace_key, trace_id, {", ".join(_NAMES)} from spans
                where trace_key = any(%s) and {answer_within()} order by trace_key, started_at, seq) a
            where s.trace_key = a.trace_key and s.trace_id = a.trace_id and s.trace_key = any(%s) and {head_among("s")}
                and not {answer("s")} and s.endpoint is null and not {WAITS.format(x="s")}""",
            [[key for key, _ in traces]] * 2,
        )


def _list_answers(db: Connection, keys: Sequence[UUID]) -> list[dict[str, Any]]:
    if not keys:
        return []
    return db.execute(
        f"""select trace_key, trace_id, span_id, parent_span_id, session_id, user_id from spans
        where trace_key = any(%s) and {answer_within()} order by started_at, seq""",
        [list(keys)],
    ).fetchall()


def _list_heads(db: Connection, keys: Sequence[UUID]) -> dict[UUID, dict[str, Any]]:
    rows = db.execute(
        f"""select distinct on (trace_key) s.day, s.seq, s.trace_key, s.trace_id, s.session_id, s.user_id, s.started_at, s.status,
            {WAITS.format(x="s")} as waits from spans s
        where s.trace_key = any(%s) and {head_among("s")} order by trace_key, s.parent_span_id is not null, started_at, seq""",
        [list(set(keys))],
    )
    return {row["trace_key"]: row for row in rows}


def _holders(db: Connection, answers: Sequence[dict[str, Any]]) -> list[dict[str, Any]]:
    """Return the callers' calls that answers are within, each once, with the answer's id. Four look-ups per answer at most."""
    found: dict[int, dict[str, Any]] = {}
    wanted = {(row["trace_key"], row["parent_span_id"]): row["span_id"] for row in reversed(answers)}
    for _ in range(LEVELS):
        rows = db.execute(
            f"""select s.day, s.seq, s.trace_key, s.trace_id, s.span_id, s.parent_span_id, s.kind, s.input_tokens, s.output_tokens,
                s.cost_usd, s.counted_in, s.stands_for_root, {answer("s")} as is_answer, {WAITS.format(x="s")} as waits
            from unnest(%s::uuid[], %s::text[]) as n(trace_key, span_id)
                join spans s on s.trace_key = n.trace_key and s.span_id = n.span_id""",
            [[key for key, _ in wanted], [span_id for _, span_id in wanted]],
        ).fetchall()
        above = {}
        for row in rows:
            answer_id = wanted[row["trace_key"], row["span_id"]]
            if row["kind"] in MODEL_KINDS:
                if row["counted_in"] is None and not row["is_answer"]:
                    found[row["seq"]] = row | {"answer_id": answer_id}
            elif row["kind"] == "chain" and row["parent_span_id"]:
                above[row["trace_key"], row["parent_span_id"]] = answer_id
        if not (wanted := above):
            break
    return list(found.values())


def _is_followed(row: dict[str, Any], batch: Batch) -> bool:
    return not row["waits"] and row["seq"] >> 12 not in batch.block_ids
