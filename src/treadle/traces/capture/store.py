"""SQL of the setting; a project without a row lets everything be sent."""

from __future__ import annotations

from treadle.guards.capture import Capture as Level
from treadle.storage.database import Connection, Migration
from treadle.traces.capture.types import Capture

MIGRATIONS = (
    Migration(
        "trace_capture",
        """
        create table trace_capture (
            project_id text not null default current_setting('treadle.project') primary key,
            capture text not null check (capture in ('off', 'masked', 'on'))
        );
        select treadle_isolate('trace_capture');
        """,
    ),
    Migration("watched", "select treadle_watch('trace_capture');"),
)


def get_capture(db: Connection) -> Capture:
    """Return what the project lets be sent."""
    row = db.execute("select capture from trace_capture").fetchone()
    return Capture(capture=row["capture"]) if row else Capture()


def put_capture(db: Connection, new: Capture) -> None:
    """Let so much be sent."""
    db.execute(
        "insert into trace_capture (capture) values (%s)"
        " on conflict (project_id) do update set capture = excluded.capture",
        [new.capture],
    )


def list_captures(db: Connection) -> dict[str, Level]:
    """Return what each project keeps that does not keep everything. System role: across projects."""
    return {
        row["project_id"]: row["capture"]
        for row in db.execute("select project_id, capture from trace_capture where capture <> 'on'")
    }
