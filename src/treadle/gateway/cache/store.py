"""Cached answers in PostgreSQL: shared by all workers of a project, with an end in time and in number.

A purge leaves a mark, so that an answer from before it, still on its way from a worker, is not kept after it.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import NamedTuple

from treadle.gateway.cache.memory import Entry
from treadle.storage.database import Connection, Migration

CHANNEL = "treadle_cache"
MAX_ROWS = 100_000
"""Answers of a project that are kept; the oldest go first."""


class Row(NamedTuple):
    """An answer with what finds it."""

    key: bytes
    entry: Entry
    rest: bytes | None
    """All but the question; None for one that only its exact request finds."""
    vector: bytes | None
    """The question's vector, float32."""
    embedder: str | None
    """Name and digest of what made the vector."""


class Counted(NamedTuple):
    """What happened on one endpoint."""

    endpoint: str
    exact_hits: int = 0
    semantic_hits: int = 0
    misses: int = 0


class Checked(NamedTuple):
    """Similar answers that were asked for all the same."""

    endpoint: str
    threshold: float
    checked: int
    wrong: int


class Held(NamedTuple):
    """What is kept for one endpoint."""

    endpoint: str
    entries: int
    size_bytes: int


def find_entry(db: Connection, key: bytes, now: float) -> Entry | None:
    """Return an answer that has not expired."""
    row = db.execute(
        "select project_id, endpoint, whole, events, created_at, expires_at from gateway_cache"
        " where key = %s and expires_at > %s",
        [key, _at(now)],
    ).fetchone()
    if row is None:
        return None
    return Entry(
        project_id=row["project_id"],
        endpoint=row["endpoint"],
        whole=bytes(row["whole"]),
        events=bytes(row["events"]),
        created_at=row["created_at"].timestamp(),
        expires_at=row["expires_at"].timestamp(),
    )


def list_questions(db: Connection, rest: bytes, embedder: str, now: float, limit: int) -> list[tuple[bytes, bytes]]:
    """Return key and vector of the newest questions that share all the rest."""
    rows = db.execute(
        "select key, vector from gateway_cache where rest = %s and embedder = %s and expires_at > %s"
        " order by created_at desc limit %s",
        [rest, embedder, _at(now), limit],
    )
    return [(bytes(row["key"]), bytes(row["vector"])) for row in rows]


def put_entries(db: Connection, rows: Sequence[Row]) -> None:
    """Keep answers; those from before a purge of their endpoint are left out."""
    db.execute("set local synchronous_commit = off")
    db.cursor().executemany(
        """
        insert into gateway_cache (key, endpoint, whole, events, rest, vector, embedder, created_at, expires_at)
        select %(key)s, %(endpoint)s, %(whole)s, %(events)s, %(rest)s, %(vector)s, %(embedder)s, %(created_at)s, %(expires_at)s
        where not exists (
            select from gateway_cache_purges where endpoint = %(endpoint)s and purged_at >= %(created_at)s
        )
        on conflict (project_id, key) do update set whole = excluded.whole, events = excluded.events, rest = excluded.rest,
            vector = excluded.vector, embedder = excluded.embedder, created_at = excluded.created_at,
            expires_at = excluded.expires_at
        """,
        [
            {
                "key": row.key,
                "endpoint": row.entry.endpoint,
                "whole": row.entry.whole,
                "events": row.entry.events,
                "rest": row.rest,
                "vector": row.vector,
                "embedder": row.embedder,
                "created_at": _at(row.entry.created_at),
                "expires_at": _at(row.entry.expires_at),
            }
            for row in rows
        ],
    )


def delete_stale(db: Connection, now: float) -> None:
    """Forget what has expired, and the oldest of too many."""
    db.execute("delete from gateway_cache where expires_at <= %s", [_at(now)])
    db.execute(
        "delete from gateway_cache where key in (select key from gateway_cache order by created_at desc offset %s)",
        [MAX_ROWS],
    )


def purge(db: Connection, project_id: str, endpoint: str, now: datetime) -> int:
    """Forget an endpoint's answers, counts and checks, and tell every worker; return how many answers there were."""
    db.execute(
        "insert into gateway_cache_purges (endpoint, purged_at) values (%s, %s)"
        " on conflict (project_id, endpoint) do update set purged_at = excluded.purged_at",
        [endpoint, now],
    )
    deleted = db.execute("delete from gateway_cache where endpoint = %s", [endpoint]).rowcount
    db.execute("delete from gateway_cache_counts where endpoint = %s", [endpoint])
    db.execute("delete from gateway_cache_checks where endpoint = %s", [endpoint])
    db.execute("select pg_notify(%s, %s)", [CHANNEL, f"{project_id} {endpoint}"])
    return deleted


def add_counts(db: Connection, counts: Sequence[Counted]) -> None:
    """Add what happened since the last time."""
    db.cursor().executemany(
        """
        insert into gateway_cache_counts as c (endpoint, exact_hits, semantic_hits, misses) values (%s, %s, %s, %s)
        on conflict (project_id, endpoint) do update set exact_hits = c.exact_hits + excluded.exact_hits,
            semantic_hits = c.semantic_hits + excluded.semantic_hits, misses = c.misses + excluded.misses
        """,
        sorted(counts),
    )


def add_checks(db: Connection, checks: Sequence[Checked]) -> None:
    """Add what checks of similar answers gave since the last time."""
    db.cursor().executemany(
        """
        insert into gateway_cache_checks as c (endpoint, threshold, checked, wrong) values (%s, %s, %s, %s)
        on conflict (project_id, endpoint, threshold) do update set checked = c.checked + excluded.checked,
            wrong = c.wrong + excluded.wrong
        """,
        sorted(checks),
    )


def list_checks(db: Connection) -> list[Checked]:
    """Return the checks of a project, newest threshold of an endpoint last."""
    rows = db.execute("select endpoint, threshold, checked, wrong from gateway_cache_checks order by endpoint, since")
    return [Checked(row["endpoint"], row["threshold"], row["checked"], row["wrong"]) for row in rows]


def list_counts(db: Connection) -> list[Counted]:
    """Return the counts of a project."""
    rows = db.execute("select endpoint, exact_hits, semantic_hits, misses from gateway_cache_counts order by endpoint")
    return [Counted(row["endpoint"], row["exact_hits"], row["semantic_hits"], row["misses"]) for row in rows]


def list_held(db: Connection, now: datetime) -> list[Held]:
    """Return what is kept, by endpoint."""
    rows = db.execute(
        "select endpoint, count(*) as entries, sum(length(whole) + length(events)) as size_bytes from gateway_cache"
        " where expires_at > %s group by endpoint order by endpoint",
        [now],
    )
    return [Held(row["endpoint"], row["entries"], int(row["size_bytes"])) for row in rows]


def _at(seconds: float) -> datetime:
    return datetime.fromtimestamp(seconds, UTC)


MIGRATIONS = (
    Migration(
        "cache",
        """
        create table gateway_cache (
            project_id text not null default current_setting('treadle.project'),
            key bytea not null,
            endpoint text not null,
            whole bytea not null,
            events bytea not null,
            rest bytea,
            vector bytea,
            embedder text,
            created_at timestamptz not null,
            expires_at timestamptz not null,
            primary key (project_id, key)
        );
        create index gateway_cache_by_endpoint on gateway_cache (project_id, endpoint);
        create index gateway_cache_by_rest on gateway_cache (project_id, rest, created_at) where rest is not null;
        create index gateway_cache_by_expiry on gateway_cache (project_id, expires_at);
        create table gateway_cache_purges (
            project_id text not null default current_setting('treadle.project'),
            endpoint text not null,
            purged_at timestamptz not null,
            primary key (project_id, endpoint)
        );
        create table gateway_cache_counts (
            project_id text not null default current_setting('treadle.project'),
            endpoint text not null,
            exact_hits bigint not null default 0,
            semantic_hits bigint not null default 0,
            misses bigint not null default 0,
            primary key (project_id, endpoint)
        );
        create table gateway_cache_checks (
            project_id text not null default current_setting('treadle.project'),
            endpoint text not null,
            threshold float8 not null,
            checked bigint not null default 0,
            wrong bigint not null default 0,
            since timestamptz not null default now(),
            primary key (project_id, endpoint, threshold)
        );
        select treadle_isolate('gateway_cache');
        select treadle_isolate('gateway_cache_purges');
        select treadle_isolate('gateway_cache_counts');
        select treadle_isolate('gateway_cache_checks');
        """,
    ),
)
