"""Runs of harnesses in PostgreSQL; their table stands in `evals/store.py`."""

from __future__ import annotations

from psycopg.types.json import Jsonb

from treadle.evals.suites.types import HarnessRun
from treadle.storage.database import Connection


def insert_run(db: Connection, run: HarnessRun) -> None:
    """Keep a run."""
    db.execute(
        "insert into harness_runs (harness_run_id, endpoint, body, created_at) values (%s, %s, %s, %s)",
        [run.harness_run_id, run.endpoint, Jsonb(run.model_dump(mode="json")), run.created_at],
    )


def find_run(db: Connection, harness_run_id: str) -> HarnessRun | None:
    """Return a run, or None."""
    row = db.execute("select body from harness_runs where harness_run_id = %s", [harness_run_id]).fetchone()
    return None if row is None else HarnessRun.model_validate(row["body"])


def list_runs(db: Connection, endpoint: str | None, before: tuple[str, str] | None, limit: int) -> list[HarnessRun]:
    """Return runs, newest first; those of an endpoint when asked for."""
    created, run_id = before or (None, None)
    rows = db.execute(
        """select body from harness_runs
        where (%(endpoint)s::text is null or endpoint = %(endpoint)s)
            and (%(created)s::timestamptz is null or (created_at, harness_run_id) < (%(created)s, %(id)s))
        order by created_at desc, harness_run_id desc limit %(limit)s""",
        {"endpoint": endpoint, "created": created, "id": run_id, "limit": limit},
    )
    return [HarnessRun.model_validate(row["body"]) for row in rows]
