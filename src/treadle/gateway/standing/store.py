"""What workers said of targets, in PostgreSQL: one row per project, worker and target."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import msgspec
from psycopg.types.json import Jsonb

from treadle.gateway.routing.health import TargetHealth as Reported
from treadle.gateway.standing.types import WorkerView
from treadle.storage.database import Connection, Migration

HEARD_SECONDS = 30.0
"""A worker that was not heard of for so long is gone: it was killed, or the database was away."""


class Worker(NamedTuple):
    """Who reports."""

    worker_id: str
    host: str
    pid: int


def put_reports(db: Connection, worker: Worker, reports: Sequence[Reported]) -> list[tuple[str, str]]:
    """Keep what a worker says of its targets; return those (project, target) whose breaker it is asked to close.

    System role only.
    """
    db.execute("set local synchronous_commit = off")
    asked = db.execute(
        """update gateway_targets set is_reset_asked = false where worker_id = %s and is_reset_asked
        returning project_id, target""",
        [worker.worker_id],
    ).fetchall()
    with db.cursor() as cursor:
        cursor.executemany(
            """insert into gateway_targets (project_id, worker_id, target, host, pid, state, report)
            values (%s, %s, %s, %s, %s, %s, %s)
            on conflict (project_id, worker_id, target) do update
                set state = excluded.state, report = excluded.report, reported_at = clock_timestamp()""",
            [
                (each.scope, worker.worker_id, each.key, worker.host, worker.pid, each.state, Jsonb(_told(each)))
                for each in reports
            ],
        )
    return [(row["project_id"], row["target"]) for row in asked]


def forget_silent(db: Connection) -> None:
    """Forget what workers said that are long gone. System role only."""
    db.execute("delete from gateway_targets where reported_at < now() - interval '1 hour'")


def forget_worker(db: Connection, worker_id: str) -> None:
    """Forget what a worker said, because it ends. System role only."""
    db.execute("delete from gateway_targets where worker_id = %s", [worker_id])


def list_views(db: Connection) -> list[tuple[str, WorkerView]]:
    """Return what living workers say, with the target that it is about."""
    rows = db.execute(
        """select target, worker_id, host, pid, state, is_reset_asked, reported_at, report,
            reported_at + (report->>'opens_in_seconds')::float8 * interval '1 second' as probe_at,
            reported_at - (report->>'failed_ago_seconds')::float8 * interval '1 second' as last_failed_at
        from gateway_targets where reported_at > clock_timestamp() - %s * interval '1 second'
        order by target, worker_id""",
        [HEARD_SECONDS],
    )
    found = []
    for row in rows:
        said = row["report"]
        view = WorkerView(
            worker_id=row["worker_id"],
            host=row["host"],
            pid=row["pid"],
            state=row["state"],
            why=said["why"],
            probe_at=None if row["state"] == "closed" else row["probe_at"],
            is_reset_asked=row["is_reset_asked"],
            in_flight=said["in_flight"],
            attempts=said["attempts"],
            failures=said["failures"],
            attempts_lately=said["lately"],
            failures_lately=said["failed_lately"],
            latency_ms=said["latency_ms"],
            first_token_ms=said["first_token_ms"],
            first_token_p95_ms=said["first_token_p95_ms"],
            last_failure=said["failure"],
            last_failed_at=row["last_failed_at"],
            reported_at=row["reported_at"],
        )
        found.append((row["target"], view))
    return found


def ask_reset(db: Connection, target: str) -> int:
    """Ask every worker whose breaker for a target is not closed to close it; return how many are asked."""
    rows = db.execute(
        "update gateway_targets set is_reset_asked = true where target = %s and state <> 'closed' returning worker_id",
        [target],
    )
    return len(rows.fetchall())


def _told(report: Reported) -> dict[str, object]:
    told: dict[str, object] = msgspec.to_builtins(report)
    return told


MIGRATIONS = (
    Migration(
        "targets",
        """
        create table gateway_targets (
            project_id text not null default current_setting('treadle.project'),
            worker_id text not null,
            target text not null,
            host text not null,
            pid int not null,
            state text not null,
            report jsonb not null,
            is_reset_asked boolean not null default false,
            reported_at timestamptz not null default clock_timestamp(),
            primary key (project_id, worker_id, target)
        ) with (fillfactor = 70);
        create index gateway_targets_worker on gateway_targets (worker_id);
        select treadle_isolate('gateway_targets');
        """,
    ),
)
