"""Calibrations of judges in PostgreSQL; their table stands in `evals/store.py`."""

from __future__ import annotations

from psycopg.types.json import Jsonb

from treadle.evals.judges.types import Calibration
from treadle.storage.database import Connection


def insert_calibration(db: Connection, judge: str, calibration: Calibration) -> None:
    """Keep a calibration; safe to repeat. judge: the digest of what was measured."""
    db.execute(
        """insert into judge_calibrations (calibration_id, judge, body, created_at) values (%s, %s, %s, %s)
        on conflict do nothing""",
        [calibration.calibration_id, judge, Jsonb(calibration.model_dump(mode="json")), calibration.created_at],
    )


def find_calibration(db: Connection, calibration_id: str) -> Calibration | None:
    """Return a calibration, or None."""
    row = db.execute("select body from judge_calibrations where calibration_id = %s", [calibration_id]).fetchone()
    return None if row is None else Calibration.model_validate(row["body"])


def find_newest(db: Connection, judge: str) -> Calibration | None:
    """Return the newest calibration of a judge that fitted something, or None: one that had too little replaces none."""
    row = db.execute(
        """select body from judge_calibrations where judge = %s and body->>'method' is not null
        order by created_at desc limit 1""",
        [judge],
    ).fetchone()
    return None if row is None else Calibration.model_validate(row["body"])


def list_calibrations(db: Connection, before: tuple[str, str] | None, limit: int) -> list[Calibration]:
    """Return calibrations, newest first."""
    created, calibration_id = before or (None, None)
    rows = db.execute(
        """select body from judge_calibrations
        where (%(created)s::timestamptz is null or (created_at, calibration_id) < (%(created)s, %(id)s))
        order by created_at desc, calibration_id desc limit %(limit)s""",
        {"created": created, "id": calibration_id, "limit": limit},
    )
    return [Calibration.model_validate(row["body"]) for row in rows]
