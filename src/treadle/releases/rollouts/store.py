"""Rollouts, what is remembered of their units, and their evidence over time, in PostgreSQL."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Any, NamedTuple

from psycopg.types.json import Jsonb

from treadle.core.errors import NotFound
from treadle.releases.rollouts.intake import Unit
from treadle.releases.rollouts.keeping import seen_from, seen_to
from treadle.releases.rollouts.plans.types import Plan
from treadle.releases.rollouts.state import Position, Seen
from treadle.releases.rollouts.types import EvidencePoint, RolloutStatus
from treadle.storage.database import Connection

_POINT = ", ".join(EvidencePoint.model_fields)
_ARMS = ("weights", "dropped", "weighed_at_units", "winner")
"""What only rollouts with several arms keep of their position."""
_ROLLOUT_SQL = """
    select r.*, e.name as endpoint from rollouts r
    join endpoints e on e.project_id = r.project_id and e.endpoint_id = r.endpoint_id
"""


NEEDS_ATTENTION = """(r.status = 'held' or (r.status in ('running', 'paused') and r.stage = 'shadow'
    and r.seen->'shadow'->>'judge_problem' <> ''))"""
"""Which rollouts do not go on without a person; in words: `shown.attention_of`."""


class RolloutNotFound(NotFound):
    """No rollout has the id."""

    code = "releases.rollout_not_found"


class KeptRollout(NamedTuple):
    """A row of `rollouts`: the machine's position and evidence with the cursors up to which outcomes are in them."""

    rollout_id: str
    endpoint_id: str
    endpoint: str
    stable_release_id: str
    candidate_release_id: str
    plan: Plan
    position: Position
    seen: Seen
    request_seq: int
    """Last request's place in the order of traces that is counted."""
    feedback_seq: int
    """Last feedback's place in its order that is counted."""
    words: str
    reason: str | None
    created_by: str
    created_at: datetime
    started_at: datetime | None
    ended_at: datetime | None


def insert_rollout(db: Connection, kept: KeptRollout) -> None:
    """Keep a new rollout."""
    db.execute(
        """insert into rollouts (rollout_id, endpoint_id, stable_release_id, candidate_release_id, plan, status, step,
            units, step_units, step_started_at, limits_from, limits_from_units, stage, arms, seen, request_seq,
            feedback_seq, words, reason, created_by, created_at, started_at, ended_at)
        values (%s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s)""",
        [
            kept.rollout_id, kept.endpoint_id, kept.stable_release_id, kept.candidate_release_id,
            Jsonb(kept.plan.model_dump(mode="json")), *_position_values(kept.position), Jsonb(seen_to(kept.seen)),
            kept.request_seq, kept.feedback_seq, kept.words, kept.reason, kept.created_by, kept.created_at,
            kept.started_at, kept.ended_at,
        ],
    )  # fmt: skip


def save_rollout(db: Connection, kept: KeptRollout) -> None:
    """Keep where a rollout stands; position, evidence and cursors together."""
    db.execute(
        """update rollouts set status = %s, step = %s, units = %s, step_units = %s, step_started_at = %s,
            limits_from = %s, limits_from_units = %s, stage = %s, arms = %s, seen = %s, request_seq = %s,
            feedback_seq = %s, words = %s, reason = %s, started_at = %s, ended_at = %s, candidate_release_id = %s
            where rollout_id = %s""",
        [
            *_position_values(kept.position), Jsonb(seen_to(kept.seen)), kept.request_seq, kept.feedback_seq,
            kept.words, kept.reason, kept.started_at, kept.ended_at, kept.candidate_release_id, kept.rollout_id,
        ],
    )  # fmt: skip


def find_rollout(db: Connection, rollout_id: str, *, lock: bool = False) -> KeptRollout | None:
    """Return a rollout, or None. lock: hold it for this transaction."""
    suffix = " for update of r" if lock else ""
    row = db.execute(f"{_ROLLOUT_SQL} where r.rollout_id = %s{suffix}", [rollout_id]).fetchone()
    return _kept(row) if row else None


def require_rollout(db: Connection, rollout_id: str, *, lock: bool = False) -> KeptRollout:
    """Return a rollout. Raises RolloutNotFound."""
    kept = find_rollout(db, rollout_id, lock=lock)
    if kept is None:
        raise RolloutNotFound(f"there is no rollout '{rollout_id}'; list them with: treadle rollout list")
    return kept


def list_rollouts(
    db: Connection,
    *,
    endpoint: str | None = None,
    statuses: Iterable[RolloutStatus] | None = None,
    needs_attention: bool = False,
    before: tuple[str, str] | None = None,
    limit: int | None = None,
) -> list[KeptRollout]:
    """Return rollouts, newest first."""
    created, rollout_id = before or (None, None)
    rows = db.execute(
        _ROLLOUT_SQL
        + f""" where (%(endpoint)s::text is null or e.name = %(endpoint)s)
            and (not %(needs_attention)s or {NEEDS_ATTENTION})
            and (%(statuses)s::text[] is null or r.status = any(%(statuses)s))
            and (%(created)s::timestamptz is null or (r.created_at, r.rollout_id) < (%(created)s, %(id)s))
            order by r.created_at desc, r.rollout_id desc limit %(limit)s""",
        {
            "endpoint": endpoint,
            "needs_attention": needs_attention,
            "statuses": None if statuses is None else list(statuses),
            "created": created,
            "id": rollout_id,
            "limit": limit,
        },
    )
    return [_kept(row) for row in rows]


def load_units(db: Connection, rollout_id: str, names: Iterable[str]) -> dict[str, Unit]:
    """Return what is remembered of the named units."""
    rows = db.execute(
        "select unit, arms, bad, marks from rollout_units where rollout_id = %s and unit = any(%s)",
        [rollout_id, list(names)],
    )
    return {row["unit"]: Unit(*map(frozenset, (row["arms"], row["bad"], row["marks"]))) for row in rows}


def save_units(db: Connection, rollout_id: str, units: Mapping[str, Unit]) -> None:
    """Remember units."""
    with db.cursor() as cursor:
        cursor.executemany(
            """insert into rollout_units (rollout_id, unit, arms, bad, marks) values (%s, %s, %s, %s, %s)
            on conflict (project_id, rollout_id, unit) do update set arms = excluded.arms, bad = excluded.bad,
                marks = excluded.marks""",
            [
                (rollout_id, name, sorted(unit.arms), sorted(unit.bad), sorted(unit.marks))
                for name, unit in units.items()
            ],
        )


def forget_units(db: Connection, rollout_id: str) -> None:
    """Drop what is remembered of units: a rollout that has ended counts no more."""
    db.execute("delete from rollout_units where rollout_id = %s", [rollout_id])


def newest_point(db: Connection, rollout_id: str) -> EvidencePoint | None:
    """Return the last point of a rollout's evidence, or None."""
    row = db.execute(
        f"select {_POINT} from rollout_points where rollout_id = %s order by sequence desc limit 1", [rollout_id]
    ).fetchone()
    return EvidencePoint.model_validate(row) if row else None


def insert_point(db: Connection, point: EvidencePoint) -> None:
    """Keep a point of a rollout's evidence."""
    values: dict[str, Any] = point.model_dump() | {"evidence": Jsonb([one.model_dump() for one in point.evidence])}
    for name in ("target", "shadow", "readout"):
        values[name] = None if values[name] is None else Jsonb(values[name])
    db.execute(
        f"insert into rollout_points ({_POINT}) values ({', '.join(f'%({name})s' for name in EvidencePoint.model_fields)})",
        values,
    )


def list_points(db: Connection, rollout_id: str, *, after: int, limit: int) -> list[EvidencePoint]:
    """Return points after a sequence number, in order."""
    rows = db.execute(
        f"select {_POINT} from rollout_points where rollout_id = %s and sequence > %s order by sequence limit %s",
        [rollout_id, after, limit],
    )
    return [EvidencePoint.model_validate(row) for row in rows]


def _position_values(position: Position) -> list[object]:
    return [
        position.status, position.step, position.units, position.step_units, position.step_started_at,
        position.limits_from, position.limits_from_units, position.stage,
        Jsonb({name: value for name in _ARMS if (value := getattr(position, name))}),
    ]  # fmt: skip


def _kept(row: dict[str, Any]) -> KeptRollout:
    return KeptRollout(
        rollout_id=row["rollout_id"],
        endpoint_id=row["endpoint_id"],
        endpoint=row["endpoint"],
        stable_release_id=row["stable_release_id"],
        candidate_release_id=row["candidate_release_id"],
        plan=Plan.model_validate(row["plan"]),
        position=Position(
            status=row["status"],
            step=row["step"],
            units=row["units"],
            step_units=row["step_units"],
            step_started_at=row["step_started_at"],
            limits_from=row["limits_from"],
            limits_from_units=row["limits_from_units"],
            stage=row["stage"],
            **row["arms"],
        ),
        seen=seen_from(row["seen"]),
        request_seq=row["request_seq"],
        feedback_seq=row["feedback_seq"],
        words=row["words"],
        reason=row["reason"],
        created_by=row["created_by"],
        created_at=row["created_at"],
        started_at=row["started_at"],
        ended_at=row["ended_at"],
    )
