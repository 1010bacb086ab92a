"""Feedback in PostgreSQL. A row gets its place among the outcomes (`outcome_seq`) when its trace is known, not before."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from datetime import datetime
from typing import Any

from treadle.feedback.types import Feedback, FeedbackFilter, Outcome
from treadle.storage.database import Connection, Migration
from treadle.traces.outcome_types import Origin

_COLUMNS = ", ".join(Feedback.model_fields)
_OUTCOME = ", ".join("outcome_seq as seq" if name == "seq" else name for name in Outcome.model_fields)
JOIN_DAYS = 7
"""How long feedback waits for its trace; afterwards it stays as it is, unjoined."""
_JOIN_AT_ONCE = 10_000


def insert_feedback(db: Connection, feedback: Feedback) -> bool:
    """Keep a judgement; returns False when its id is there already."""
    names = list(Feedback.model_fields)
    values = [getattr(feedback, name) for name in names]
    return (
        db.execute(
            f"insert into feedback ({_COLUMNS}) values ({', '.join(['%s'] * len(names))}) on conflict do nothing",
            values,
        ).rowcount
        > 0
    )


def get_feedback(db: Connection, feedback_id: str) -> Feedback:
    """Return a judgement that exists."""
    row = db.execute(f"select {_COLUMNS} from feedback where feedback_id = %s", [feedback_id]).fetchone()
    assert row is not None
    return Feedback(**row)


def hold_traces(db: Connection, trace_ids: Collection[str]) -> None:
    """Be the only one to say what counts about these traces until this transaction ends.

    Traces share 64 locks, taken in one order: a large batch does not fill the server's table of locks, and two do not
    wait for each other in a circle. Call it before rows are changed, and again only for the same traces.
    """
    db.execute(
        """select pg_advisory_xact_lock(place) from (
            select distinct hashtextextended('feedback|' || current_setting('treadle.project') || '|'
                || (hashtext(trace_id) & 63), 0) as place from unnest(%s::text[]) as trace_id order by place) places""",
        [list(trace_ids)],
    )


def hold_publisher(db: Connection, actor_id: str) -> None:
    """Be the only one to count what a publishable key sends until this transaction ends."""
    db.execute("select pg_advisory_xact_lock(hashtextextended('publisher|' || %s, 0))", [actor_id])


def count_since(db: Connection, actor_id: str, since: datetime) -> int:
    """Count what a key sent since then."""
    row = db.execute(
        "select count(*) as sent from feedback where actor_id = %s and created_at > %s", [actor_id, since]
    ).fetchone()
    assert row is not None
    return int(row["sent"])


_SAME_VOICE = """trace_id = %s and span_id is not distinct from %s and name = %s and source = %s
    and coalesce('u' || user_id, 'a' || actor_id) = %s"""


def _voice(feedback: Feedback) -> list[Any]:
    """Who says it about what: the newest of these counts."""
    who = f"a{feedback.actor_id}" if feedback.user_id is None else f"u{feedback.user_id}"
    return [feedback.trace_id, feedback.span_id, feedback.name, feedback.source, who]


def follow(db: Connection, newest: Feedback) -> None:
    """Make what the same voice said before about the same thing history."""
    db.execute(
        f"update feedback set is_current = false where is_current and {_SAME_VOICE} and feedback_id <> %s",
        [*_voice(newest), newest.feedback_id],
    )


def list_traces_of(db: Connection, feedback_ids: Sequence[str]) -> set[str]:
    """Return the traces that some judgements are about."""
    rows = db.execute("select distinct trace_id from feedback where feedback_id = any(%s)", [list(feedback_ids)])
    return {row["trace_id"] for row in rows}


def withdraw(db: Connection, feedback_ids: Sequence[str]) -> list[Feedback]:
    """Take judgements back; return those that were not taken back before."""
    rows = db.execute(
        f"""update feedback set is_current = false, withdrawn_at = now()
        where feedback_id = any(%s) and withdrawn_at is null returning {_COLUMNS}""",
        [list(feedback_ids)],
    )
    return [Feedback(**row) for row in rows]


def make_newest_current(db: Connection, taken_back: Feedback) -> None:
    """Let the newest that the same voice said and did not take back count again."""
    db.execute(
        f"""update feedback set is_current = true where seq = (
            select max(seq) from feedback where withdrawn_at is null and {_SAME_VOICE})""",
        _voice(taken_back),
    )


def list_counting(db: Connection, trace_id: str, name: str, source: str) -> list[dict[str, Any]]:
    """Return value, label and scale of what counts about a whole trace, newest first."""
    return db.execute(
        """select value, label, low, high from feedback where trace_id = %s and span_id is null and name = %s and source = %s
        and is_current order by seq desc""",
        [trace_id, name, source],
    ).fetchall()


def list_feedback(
    db: Connection, wanted: FeedbackFilter, *, limit: int, before_seq: int | None
) -> list[tuple[int, Feedback]]:
    """Return judgements that match with their positions, newest first."""
    conditions, values = ["true"], list[Any]()
    for name in ("trace_id", "name", "source", "endpoint"):
        if getattr(wanted, name) is not None:
            conditions.append(f"{name} = %s")
            values.append(getattr(wanted, name))
    if wanted.is_correction is not None:
        conditions.append("(expected_output is not null) = %s")
        values.append(wanted.is_correction)
    if wanted.is_of_whole is not None:
        conditions.append("(span_id is null) = %s")
        values.append(wanted.is_of_whole)
    if wanted.is_current is not None:
        conditions.append("is_current = %s")
        values.append(wanted.is_current)
    if before_seq is not None:
        conditions.append("seq < %s")
        values.append(before_seq)
    rows = db.execute(
        f"select seq, {_COLUMNS} from feedback where {' and '.join(conditions)} order by seq desc limit %s",
        [*values, limit],
    )
    return [(row.pop("seq"), Feedback(**row)) for row in rows]


def hold_outcome_order(db: Connection) -> None:
    """Be the only one to hand out places among the project's outcomes until this transaction ends."""
    db.execute("select pg_advisory_xact_lock(hashtextextended('outcomes|' || current_setting('treadle.project'), 0))")


def list_unjoined(db: Connection) -> list[tuple[int, str, str | None]]:
    """Return position, trace and step of the newest feedback that still waits for what it judges, in the order it came.

    The newest: what is said of traces that nobody sends would otherwise stand before all that came later.
    """
    rows = db.execute(
        f"""select seq, trace_id, span_id from feedback where outcome_seq is null
        and created_at > now() - interval '{JOIN_DAYS} days' order by seq desc limit {_JOIN_AT_ONCE}"""
    ).fetchall()
    return [(row["seq"], row["trace_id"], row["span_id"]) for row in reversed(rows)]


def join_origins(db: Connection, origins: Mapping[int, tuple[Origin, str | None]]) -> None:
    """Write down where judged answers came from and which they are, and give each its place, in the order given."""
    with db.cursor() as cursor:
        cursor.executemany(
            """update feedback set outcome_seq = nextval('feedback_outcomes'), endpoint = %s, release_id = %s,
                rollout_id = %s, arm = %s, arm_weight = %s, unit = %s, answer_span_id = %s where seq = %s""",
            [
                (at.endpoint, at.release_id, at.rollout_id, at.arm, at.arm_weight, at.unit, answer_span_id, seq)
                for seq, (at, answer_span_id) in origins.items()
            ],
        )


def list_outcomes(
    db: Connection, *, after_seq: int, limit: int, endpoint: str | None, rollout_id: str | None
) -> list[Outcome]:
    """Return joined feedback after a place, in order."""
    rows = db.execute(
        f"""select {_OUTCOME} from feedback where outcome_seq > %s and (span_id is null or span_id = answer_span_id)
            and (%s::text is null or endpoint = %s)
            and (%s::text is null or rollout_id = %s) order by outcome_seq limit %s""",
        [after_seq, endpoint, endpoint, rollout_id, rollout_id, limit],
    )
    return [Outcome(**row) for row in rows]


def count_corrections(db: Connection, endpoint: str, after_seq: int) -> tuple[int, int]:
    """Return how many answers were corrected after a place, and the place of the last one."""
    row = db.execute(
        """select count(distinct trace_id) as answers, coalesce(max(outcome_seq), 0) as last from feedback
        where outcome_seq > %s and endpoint = %s and expected_output is not null and source <> 'signal' and is_current
        and span_id is null""",
        [after_seq, endpoint],
    ).fetchone()
    assert row is not None
    return int(row["answers"]), int(row["last"])


MIGRATIONS = (
    Migration(
        "feedback",
        """
        create sequence feedback_outcomes;
        grant usage on sequence feedback_outcomes to treadle_app, treadle_system;
        create table feedback (
            project_id text not null default current_setting('treadle.project'),
            feedback_id text not null,
            seq bigint generated always as identity,
            trace_id text not null,
            name text not null,
            value double precision,
            label text,
            comment text,
            expected_output text,
            source text not null,
            actor_id text not null,
            created_at timestamptz not null,
            outcome_seq bigint,
            endpoint text,
            release_id text,
            rollout_id text,
            arm text,
            arm_weight double precision,
            unit text,
            primary key (project_id, feedback_id)
        );
        create index feedback_newest on feedback (project_id, seq);
        create index feedback_by_trace on feedback (project_id, trace_id, seq);
        create index feedback_outcome_order on feedback (project_id, outcome_seq) where outcome_seq is not null;
        create index feedback_unjoined on feedback (project_id, seq) where outcome_seq is null;
        select treadle_isolate('feedback');
        """,
    ),
    Migration(
        "feedback_has_history",
        """
        alter table feedback add column span_id text, add column low double precision, add column high double precision,
            add column user_id text, add column is_current boolean not null default true,
            add column withdrawn_at timestamptz;
        update feedback old set is_current = false where exists (
            select from feedback newer where newer.project_id = old.project_id and newer.trace_id = old.trace_id
            and newer.name = old.name and newer.source = old.source and newer.actor_id = old.actor_id and newer.seq > old.seq);
        create index feedback_by_actor on feedback (project_id, actor_id, created_at);
        """,
    ),
    Migration("feedback_names_its_answer", "alter table feedback add column answer_span_id text"),
    Migration(
        "scores_on_their_scales",
        """
        set local role treadle_system;
        update trace_scores s set low = f.low, high = f.high from (
            select project_id, trace_id, name, source, min(low) as low, max(high) as high from feedback
            where is_current and span_id is null and value is not null group by project_id, trace_id, name, source
            having count(*) = count(low) and min(low) = max(low) and min(high) = max(high)) f
        where f.project_id = s.project_id and f.trace_id = s.trace_id and f.name = s.name and f.source = s.source;
        reset role;
        """,
    ),
)
