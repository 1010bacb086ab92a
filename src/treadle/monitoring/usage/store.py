"""What engines took, by minute, in PostgreSQL: sums of a few looks and their number."""

from __future__ import annotations

from datetime import datetime, timedelta

from treadle.monitoring.usage.measure import Taken
from treadle.monitoring.usage.types import EngineUsage
from treadle.storage.database import Connection, Migration

KEEP = timedelta(days=30)


def add_usage(db: Connection, model_version_id: str, minute: datetime, taken: Taken) -> None:
    """Add a look to its minute."""
    db.execute(
        """insert into engine_usage as u (model_version_id, at, looks, cpu_percent, memory_bytes, gpu_percent, gpu_memory_bytes)
            values (%s, %s, 1, %s, %s, %s, %s)
        on conflict (project_id, model_version_id, at) do update set looks = u.looks + 1,
            cpu_percent = u.cpu_percent + excluded.cpu_percent, memory_bytes = u.memory_bytes + excluded.memory_bytes,
            gpu_percent = u.gpu_percent + excluded.gpu_percent,
            gpu_memory_bytes = u.gpu_memory_bytes + excluded.gpu_memory_bytes""",
        [model_version_id, minute, *taken],
    )
    if minute.minute == 0:
        db.execute("delete from engine_usage where at < %s", [minute - KEEP])


def list_usage(
    db: Connection,
    model_version_id: str | None,
    since: datetime,
    until: datetime,
    after: tuple[str, str] | None,
    limit: int,
) -> list[EngineUsage]:
    """Return minutes, oldest first."""
    at, version = after or (None, None)
    rows = db.execute(
        """select at, model_version_id, cpu_percent / looks as cpu_percent, (memory_bytes / looks)::bigint as memory_bytes,
            gpu_percent / looks as gpu_percent, (gpu_memory_bytes / looks)::bigint as gpu_memory_bytes from engine_usage
        where at >= %s and at < %s and (%s::text is null or model_version_id = %s)
            and (%s::timestamptz is null or (at, model_version_id) > (%s::timestamptz, %s))
        order by at, model_version_id limit %s""",
        [since, until, model_version_id, model_version_id, at, at, version, limit],
    )
    return [EngineUsage(**row) for row in rows]


MIGRATIONS = (
    Migration(
        "engine_usage",
        """
        create table engine_usage (
            project_id text not null default current_setting('treadle.project'),
            model_version_id text not null,
            at timestamptz not null,
            looks integer not null,
            cpu_percent double precision not null,
            memory_bytes numeric not null,
            gpu_percent double precision,
            gpu_memory_bytes numeric,
            primary key (project_id, model_version_id, at)
        );
        create index engine_usage_by_time on engine_usage (project_id, at);
        select treadle_isolate('engine_usage');
        """,
    ),
)
