"""Who has which page open, across server processes: a row per stream, kept alive by a heartbeat; lost with a crash, as it should."""

from __future__ import annotations

from typing import NamedTuple

from treadle.live.types import Presence
from treadle.storage.database import Connection, Migration

EXPIRES_SECONDS = 45


class Here(NamedTuple):
    """One stream that has a page open."""

    stream_id: str
    project_id: str
    page: str
    actor_name: str


def put_here(db: Connection, here: list[Here]) -> None:
    """Note who has pages open now, or still. System role."""
    with db.cursor() as cursor:
        cursor.executemany(
            """insert into presences (project_id, stream_id, page, actor_name, seen_at) values (%s, %s, %s, %s, now())
            on conflict (project_id, stream_id) do update set seen_at = now()""",
            [(one.project_id, one.stream_id, one.page, one.actor_name) for one in here],
        )


def delete_here(db: Connection, stream_ids: list[str]) -> None:
    """Note that streams have ended. System role."""
    db.execute("delete from presences where stream_id = any(%s)", [stream_ids])


def delete_expired(db: Connection) -> None:
    """Forget streams whose process has not been heard of. System role."""
    db.execute("delete from presences where seen_at < now() - make_interval(secs => %s)", [EXPIRES_SECONDS])


def find_presence(db: Connection, project_id: str, page: str) -> Presence:
    """Return who has a page open. System role."""
    rows = db.execute(
        """select distinct actor_name from presences where project_id = %s and page = %s
        and seen_at > now() - make_interval(secs => %s)""",
        [project_id, page, EXPIRES_SECONDS],
    )
    return Presence(page=page, names=sorted(row["actor_name"] for row in rows))


MIGRATIONS = (
    Migration(
        "presences",
        """
        create unlogged table presences (
            project_id text not null default current_setting('treadle.project'),
            stream_id text not null, page text not null, actor_name text not null, seen_at timestamptz not null,
            primary key (project_id, stream_id)
        );
        create index presences_on on presences (project_id, page);
        select treadle_isolate('presences');
        """,
    ),
)
