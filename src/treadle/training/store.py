"""Pre-flight reports in PostgreSQL: kept also when they refused their run."""

from __future__ import annotations

from datetime import datetime

from psycopg.types.json import Jsonb

from treadle.storage.database import Connection, Migration
from treadle.training.preflight_report import Preflight


def put_preflight(db: Connection, run_id: str, report: Preflight, now: datetime) -> None:
    """Keep a run's report; a second attempt replaces the first's."""
    db.execute(
        """insert into training_preflights (run_id, report, created_at) values (%s, %s, %s)
        on conflict (project_id, run_id) do update set report = excluded.report, created_at = excluded.created_at""",
        [run_id, Jsonb(report.model_dump(mode="json")), now],
    )


def find_preflight(db: Connection, run_id: str) -> Preflight | None:
    """Return a run's report, or None."""
    row = db.execute("select report from training_preflights where run_id = %s", [run_id]).fetchone()
    return Preflight.model_validate(row["report"]) if row else None


MIGRATIONS = (
    Migration(
        "training",
        """
        create table training_preflights (
            project_id text not null default current_setting('treadle.project'),
            run_id text not null, report jsonb not null, created_at timestamptz not null,
            primary key (project_id, run_id)
        );
        select treadle_isolate('training_preflights');
        """,
    ),
)
