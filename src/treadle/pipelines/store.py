"""Turns that somebody refused at the gate, in PostgreSQL; all else about turns is in their runs."""

from __future__ import annotations

from treadle.pipelines.types import Refusal
from treadle.storage.database import Connection, Migration


def insert_refusal(db: Connection, refusal: Refusal) -> None:
    """Keep who refused a turn and why; whoever was first counts."""
    names = list(Refusal.model_fields)
    db.execute(
        f"insert into turn_refusals ({', '.join(names)}) values ({', '.join(['%s'] * len(names))}) on conflict do nothing",
        [getattr(refusal, name) for name in names],
    )


def find_refusal(db: Connection, run_id: str) -> Refusal | None:
    """Return who refused a turn and why, or None."""
    row = db.execute(
        f"select {', '.join(Refusal.model_fields)} from turn_refusals where run_id = %s", [run_id]
    ).fetchone()
    return Refusal(**row) if row else None


MIGRATIONS = (
    Migration(
        "turn_refusals",
        """
        create table turn_refusals (
            project_id text not null default current_setting('treadle.project'),
            run_id text not null, reason text not null, actor_id text not null, actor_name text not null,
            refused_at timestamptz not null,
            primary key (project_id, run_id)
        );
        select treadle_isolate('turn_refusals');
        """,
    ),
)
