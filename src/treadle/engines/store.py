"""Where engines listen, for processes that did not start them: one row per running engine, kept alive by a heartbeat.

The table belongs to the machinery and not to a project, so only the system role sees it. Times are the database's own.
"""

from __future__ import annotations

from collections.abc import Sequence

from treadle.engines.types import Engine
from treadle.storage.database import Connection, Migration

CHANNEL = "treadle_engines"


def replace_engines(db: Connection, server_id: str, machine: str, engines: Sequence[Engine], *, seconds: float) -> None:
    """State what a server runs now, for so many seconds; tells every listener when that is not what it stated before."""
    before = {
        (row["model_version_id"], row["url"])
        for row in db.execute(
            "select model_version_id, url from engine_addresses where server_id = %s and expires_at > now()",
            [server_id],
        )
    }
    db.execute(
        "delete from engine_addresses where (server_id = %s and not (model_version_id = any(%s))) "
        "or expires_at < now() - interval '1 hour'",
        [server_id, [engine.model_version_id for engine in engines]],
    )
    with db.cursor() as cursor:
        cursor.executemany(
            """insert into engine_addresses
                (model_version_id, server_id, machine, url, pid, context_length, kind, started_at, expires_at)
            values (%s, %s, %s, %s, %s, %s, %s, now(), now() + make_interval(secs => %s))
            on conflict (model_version_id, server_id) do update set
                url = excluded.url, pid = excluded.pid, context_length = excluded.context_length, kind = excluded.kind,
                started_at = case when engine_addresses.url = excluded.url then engine_addresses.started_at else now() end,
                expires_at = excluded.expires_at""",
            [
                (e.model_version_id, server_id, machine, e.url, e.pid, e.context_length, e.kind, seconds)
                for e in engines
            ],
        )
    if before != {(engine.model_version_id, engine.url) for engine in engines}:
        db.execute(f"notify {CHANNEL}")


def list_engines(db: Connection, machine: str) -> list[Engine]:
    """Return the engines that a process on this machine can reach, the one to prefer of each version last.

    A row whose heartbeat stopped comes first: after an outage of the database it may be all there is, and an engine that is
    gone refuses the connection, which costs nothing.
    """
    rows = db.execute(
        """select model_version_id, url, pid, context_length, kind from engine_addresses
        where expires_at > now() - interval '10 minutes' and (machine = %s or url !~ '^https?://(127[.]|localhost|\\[::1\\])')
        order by expires_at > now(), started_at, server_id""",
        [machine],
    )
    return [Engine(**row) for row in rows]


MIGRATIONS = (
    Migration(
        "addresses",
        """
        create table engine_addresses (
            model_version_id text not null, server_id text not null, machine text not null, url text not null,
            pid int not null, context_length int not null, kind text not null,
            started_at timestamptz not null, expires_at timestamptz not null,
            primary key (model_version_id, server_id)
        );
        grant select, insert, update, delete on engine_addresses to treadle_system;
        """,
    ),
)
