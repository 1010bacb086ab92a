"""Runs, their logs and curves in PostgreSQL."""

from __future__ import annotations

from datetime import datetime

from psycopg.types.json import Jsonb

from treadle.core.types import JsonValue
from treadle.http.actor import Actor
from treadle.jobs.types import LogLine, MetricPoint, NewRun, Run, RunError, RunStatus, Unfinished
from treadle.storage.database import Connection, Migration
from treadle.storage.notes import tell_change

COLUMNS = (
    "run_id, kind, title, status, params, outputs, error, parent_run_id, step, progress, progress_text, attempts, retries, once, "
    "actor_id, rights->>'name' as actor_name, created_at, started_at, ended_at"
)


def insert_run(
    db: Connection, run_id: str, new: NewRun, actor: Actor, now: datetime, parent_run_id: str | None, step: str | None
) -> Run:
    """Write down work to do; safe to repeat for the same id. Wakes whoever takes up work when this commits."""
    db.execute(
        """insert into runs (run_id, kind, title, params, actor_id, rights, created_at, parent_run_id, step, once)
        values (%s, %s, %s, %s, %s, %s, %s, %s, %s, %s) on conflict do nothing""",
        [
            run_id,
            new.kind,
            new.title,
            Jsonb(new.params),
            actor.actor_id,
            Jsonb(actor.model_dump(mode="json")),
            now,
            parent_run_id,
            step,
            new.once,
        ],
    )
    db.execute("notify treadle_runs")
    tell_change(db, "run", run_id)
    run = find_run(db, run_id)
    assert run is not None
    return run


def find_run(db: Connection, run_id: str) -> Run | None:
    """Return a run, or None."""
    row = db.execute(f"select {COLUMNS} from runs where run_id = %s", [run_id]).fetchone()
    return Run(**row) if row else None


def get_rights(db: Connection, run_id: str) -> Actor:
    """Return who started a run, with what they were allowed then: the work may do no more."""
    # Runs that were begun before this release hold is_local, which an actor no longer has.
    row = db.execute("select rights - 'is_local' as rights from runs where run_id = %s", [run_id]).fetchone()
    assert row is not None
    return Actor.model_validate(row["rights"])


def list_runs(
    db: Connection,
    *,
    kind: str | None,
    status: RunStatus | None,
    text: str | None,
    is_step: bool | None,
    parent_run_id: str | None,
    before: tuple[str, str] | None,
    limit: int,
) -> list[Run]:
    """Return runs, newest first; the steps of a parent oldest first. `text`: part of a title, or an id."""
    order = "asc" if parent_run_id else "desc"
    sign = ">" if parent_run_id else "<"
    after_time, after_id = before or (None, None)
    rows = db.execute(
        f"""select {COLUMNS} from runs where (%s::text is null or kind = %s) and (%s::text is null or parent_run_id = %s)
        and (%s::bool is null or (parent_run_id is not null) = %s)
        and (%s::text is null or status = %s) and (%s::text is null or position(lower(%s) in lower(title)) > 0 or run_id = %s)
        and (%s::timestamptz is null or (created_at, run_id) {sign} (%s::timestamptz, %s))
        order by created_at {order}, run_id {order} limit %s""",
        [
            *(kind, kind, parent_run_id, parent_run_id),
            *(is_step, is_step, status, status, text, text, text),
            *(after_time, after_time, after_id, limit),
        ],
    )
    return [Run(**row) for row in rows]


def run_ids(db: Connection, kind: str, status: RunStatus) -> list[str]:
    """Return the runs of a kind that stand so."""
    rows = db.execute("select run_id from runs where kind = %s and status = %s", [kind, status])
    return [row["run_id"] for row in rows]


def list_unfinished(db: Connection) -> list[Unfinished]:
    """Return the runs that are not over, oldest first, across projects. System role only."""
    rows = db.execute(
        """select run.project_id, run.run_id, run.parent_run_id, parent.status as parent_status, run.retries from runs run
        left join runs parent on parent.project_id = run.project_id and parent.run_id = run.parent_run_id
        where run.status in ('pending', 'running') order by run.created_at, run.run_id limit 1000"""
    )
    return [Unfinished(**row) for row in rows]


def list_cancelled(db: Connection, run_ids: list[str]) -> list[str]:
    """Return those of some runs that were cancelled, across projects. System role only."""
    rows = db.execute("select run_id from runs where run_id = any(%s) and status = 'cancelled'", [run_ids])
    return [row["run_id"] for row in rows]


def begin_run(db: Connection, run_id: str, now: datetime) -> Run | None:
    """Mark a run as begun (again); returns it, or None when it has ended already."""
    row = db.execute(
        f"""update runs set status = 'running', attempts = attempts + 1, progress_text = '',
        started_at = coalesce(started_at, %s)
        where run_id = %s and status in ('pending', 'running') returning {COLUMNS}""",
        [now, run_id],
    ).fetchone()
    tell_change(db, "run", run_id)
    return Run(**row) if row else None


def end_run(
    db: Connection,
    run_id: str,
    status: RunStatus,
    now: datetime,
    outputs: dict[str, JsonValue],
    error: RunError | None,
    *,
    retries: int,
) -> None:
    """Mark a run as ended; the first end stays, and what ends late says nothing of a retry that has begun meanwhile."""
    problem = error.model_copy(update={"message": _keepable(error.message)}) if error else None
    db.execute(
        """update runs set status = %s, ended_at = %s, outputs = %s, error = %s, progress_text = '',
        progress = case when %s = 'succeeded' then 1 else progress end
        where run_id = %s and retries = %s and status in ('pending', 'running')""",
        [status, now, Jsonb(outputs), Jsonb(problem.model_dump()) if problem else None, status, run_id, retries],
    )
    tell_change(db, "run", run_id)


def cancel_tree(db: Connection, run_id: str, now: datetime) -> list[str]:
    """Mark a run and every step below it as cancelled, where it has not ended; returns their ids."""
    rows = db.execute(
        """with recursive tree(run_id) as (
            select %s::text union select runs.run_id from runs join tree on runs.parent_run_id = tree.run_id
        )
        update runs set status = 'cancelled', ended_at = %s, progress_text = '' from tree
        where runs.run_id = tree.run_id and status in ('pending', 'running') returning runs.run_id""",
        [run_id, now],
    )
    return [row["run_id"] for row in rows]


def retry_tree(db: Connection, run_id: str) -> None:
    """Have a run and those steps below it that did not end well wait to be done; what ended well stays. Wakes who does it."""
    db.execute(
        """with recursive tree(run_id) as (
            select %s::text union select runs.run_id from runs join tree on runs.parent_run_id = tree.run_id
        )
        update runs set status = 'pending', retries = retries + 1, error = null, started_at = null, ended_at = null,
            progress_text = ''
        from tree where runs.run_id = tree.run_id and status in ('failed', 'cancelled')""",
        [run_id],
    )
    db.execute("notify treadle_runs")


def set_progress(db: Connection, run_id: str, fraction: float, text: str) -> None:
    """Keep how far a run is, until it is over."""
    db.execute(
        "update runs set progress = %s, progress_text = %s where run_id = %s and status in ('pending', 'running')",
        [fraction, _keepable(text[:200]), run_id],
    )


def append_logs(db: Connection, run_id: str, lines: list[tuple[datetime, str]]) -> None:
    """Keep what a run said."""
    with db.cursor() as cursor:
        cursor.executemany(
            "insert into run_logs (run_id, at, text) values (%s, %s, %s)",
            [(run_id, at, _keepable(text[:4000])) for at, text in lines],
        )


def list_logs(db: Connection, run_id: str, after: int, limit: int) -> list[LogLine]:
    """Return a run's lines after a sequence number, oldest first."""
    rows = db.execute(
        "select sequence, at, text from run_logs where run_id = %s and sequence > %s order by sequence limit %s",
        [run_id, after, limit],
    )
    return [LogLine(**row) for row in rows]


def put_metrics(db: Connection, run_id: str, points: list[MetricPoint]) -> None:
    """Keep points of curves; a point written again replaces the old one."""
    with db.cursor() as cursor:
        cursor.executemany(
            """insert into run_metrics (run_id, name, step, value, at) values (%s, %s, %s, %s, %s)
            on conflict (project_id, run_id, name, step) do update set value = excluded.value, at = excluded.at""",
            [(run_id, _keepable(point.name), point.step, point.value, point.at) for point in points],
        )


def list_metrics(db: Connection, run_id: str) -> list[MetricPoint]:
    """Return every point of a run's curves, by name and step."""
    rows = db.execute("select name, step, value, at from run_metrics where run_id = %s order by name, step", [run_id])
    return [MetricPoint(**row) for row in rows]


def _keepable(text: str) -> str:
    """Return a text as PostgreSQL takes it: what work says may quote anything, NUL and broken Unicode too."""
    return text.replace("\0", "\ufffd").encode("utf-8", "replace").decode()


MIGRATIONS = (
    Migration(
        "runs",
        """
        create table runs (
            project_id text not null default current_setting('treadle.project'),
            run_id text not null, kind text not null, title text not null, status text not null default 'pending',
            params jsonb not null, outputs jsonb not null default '{}', error jsonb, parent_run_id text, step text,
            progress double precision not null default 0, progress_text text not null default '', attempts int not null default 0,
            actor_id text not null, rights jsonb not null, created_at timestamptz not null, started_at timestamptz, ended_at timestamptz,
            primary key (project_id, run_id)
        );
        create index runs_newest on runs (project_id, created_at desc, run_id desc);
        create index runs_steps on runs (project_id, parent_run_id, created_at) where parent_run_id is not null;
        create index runs_pending on runs (created_at) where status = 'pending';
        create table run_logs (
            project_id text not null default current_setting('treadle.project'),
            run_id text not null, sequence bigint generated always as identity, at timestamptz not null, text text not null,
            primary key (project_id, run_id, sequence)
        );
        create table run_metrics (
            project_id text not null default current_setting('treadle.project'),
            run_id text not null, name text not null, step bigint not null, value double precision not null, at timestamptz not null,
            primary key (project_id, run_id, name, step)
        );
        select treadle_isolate('runs'), treadle_isolate('run_logs'), treadle_isolate('run_metrics');
        """,
    ),
    Migration(
        "unfinished",
        """
        create index runs_unfinished on runs (created_at, run_id) where status in ('pending', 'running');
        drop index runs_pending;
        """,
    ),
    Migration(
        "retries",
        """
        alter table runs add column retries int not null default 0, add column once text not null default '';
        """,
    ),
)
