"""Destinations in PostgreSQL, with what became of what was sent. One process of a database sends at a time (the one with its work)."""

from __future__ import annotations

from datetime import datetime
from typing import Any, NamedTuple

from treadle.gateway.forwarding.types import Forward, NewForward
from treadle.storage.database import Connection, Migration
from treadle.traces.followers import Waiting

_SETTINGS = ("name", "url", "encoding", "compressed", "q", "share", "capture", "keep_hours", "private")
_COUNTS = ("sent", "left_out", "refused", "given_up", "last_sent_at", "error", "error_at")
_READ = ", ".join((*_SETTINGS, *_COUNTS, "header_names", "created_at", "is_paused", "failures", "next_try_at"))


class Kept(NamedTuple):
    """A destination as it is kept."""

    new: NewForward
    """As it was stated, without its headers' values."""
    has_headers: bool
    is_paused: bool
    failures: int
    """Attempts that failed in a row."""
    next_try_at: datetime
    """Aware UTC: no attempt before then."""
    row: dict[str, Any]


class Outcome(NamedTuple):
    """What became of one batch."""

    sent: int = 0
    left_out: int = 0
    refused: int = 0
    given_up: int = 0
    error: str | None = None
    """What the destination said about those it refused."""


def insert_forward(db: Connection, new: NewForward, now: datetime) -> bool:
    """Keep a destination; returns False when its name is taken."""
    values = [getattr(new, name) for name in _SETTINGS]
    return (
        db.execute(
            f"""insert into forwards ({", ".join(_SETTINGS)}, header_names, created_at, next_try_at)
            values ({", ".join(["%s"] * len(values))}, %s, %s, %s) on conflict do nothing""",
            [*values, sorted(name.lower() for name in new.headers), now, now],
        ).rowcount
        > 0
    )


def find_forward(db: Connection, name: str) -> Kept | None:
    """Return a destination."""
    row = db.execute(f"select {_READ} from forwards where name = %s", [name]).fetchone()
    if row is None:
        return None
    new = NewForward(**{each: row[each] for each in _SETTINGS})
    return Kept(new, bool(row["header_names"]), row["is_paused"], row["failures"], row["next_try_at"], row)


def list_forwards(db: Connection, after: str | None, limit: int) -> list[dict[str, Any]]:
    """Return destinations by name, as rows for `told`."""
    return db.execute(
        f"select {_READ} from forwards where (%s::text is null or name > %s) order by name limit %s",
        [after, after, limit],
    ).fetchall()


def count_forwards(db: Connection) -> int:
    """Return how many destinations the project has."""
    row = db.execute("select count(*) as count from forwards").fetchone()
    return int(row["count"]) if row else 0


def told(row: dict[str, Any], waiting: Waiting | None) -> Forward:
    """Return a destination as it is listed."""
    fields = {name: row[name] for name in (*_SETTINGS, *_COUNTS, "header_names", "created_at")}
    is_failing = row["failures"] > 0
    return Forward(
        **fields,
        state="paused" if row["is_paused"] else "failing" if is_failing else "sending",
        next_try_at=row["next_try_at"] if is_failing and not row["is_paused"] else None,
        waiting=0 if waiting is None else waiting.spans,
        waiting_since=None if waiting is None else waiting.since,
    )


def pause_forward(db: Connection, name: str, *, is_paused: bool, now: datetime) -> None:
    """Send nothing more, or again at once."""
    db.execute(
        "update forwards set is_paused = %s, failures = 0, next_try_at = %s where name = %s", [is_paused, now, name]
    )


def delete_forward(db: Connection, name: str) -> None:
    """Forget a destination."""
    db.execute("delete from forwards where name = %s", [name])


def count_batch(db: Connection, name: str, outcome: Outcome, now: datetime) -> None:
    """Add up what became of a batch; the destination has answered, so it is not failing."""
    db.execute(
        """update forwards set sent = sent + %s, left_out = left_out + %s, refused = refused + %s,
            given_up = given_up + %s, failures = 0, next_try_at = %s,
            last_sent_at = case when %s > 0 then %s else last_sent_at end,
            error = coalesce(%s, error), error_at = case when %s::text is null then error_at else %s end
            where name = %s""",
        [outcome.sent, outcome.left_out, outcome.refused, outcome.given_up, now, outcome.sent, now, outcome.error,
         outcome.error, now, name],
    )  # fmt: skip


def add_given_up(db: Connection, name: str, count: int) -> None:
    """Count spans that waited too long."""
    db.execute("update forwards set given_up = given_up + %s where name = %s", [count, name])


def note_failure(db: Connection, name: str, error: str, *, now: datetime, next_try_at: datetime) -> None:
    """Write down that an attempt came to nothing."""
    db.execute(
        "update forwards set failures = failures + 1, error = %s, error_at = %s, next_try_at = %s where name = %s",
        [error, now, next_try_at, name],
    )


def list_due(db: Connection) -> set[tuple[str, str]]:
    """Return the destinations, with their projects, that may be sent to now. System role: across projects."""
    rows = db.execute("select project_id, name from forwards where not is_paused and next_try_at <= now()")
    return {(row["project_id"], row["name"]) for row in rows}


def sum_up(db: Connection) -> dict[str, int]:
    """Return sums over all projects, for the platform's own figures. System role."""
    row = db.execute(
        """select coalesce(sum(sent), 0)::bigint as sent, coalesce(sum(refused), 0)::bigint as refused,
            coalesce(sum(given_up), 0)::bigint as given_up, count(*) filter (where is_paused) as paused,
            count(*) filter (where failures > 0 and not is_paused) as failing,
            count(*) filter (where failures = 0 and not is_paused) as sending from forwards"""
    ).fetchone()
    return {name: int(value) for name, value in (row or {}).items()}


MIGRATIONS = (
    Migration(
        "forwards",
        """
        create table forwards (
            project_id text not null default current_setting('treadle.project'),
            name text not null,
            url text not null,
            encoding text not null,
            compressed boolean not null,
            q text,
            share double precision not null,
            capture text not null,
            keep_hours integer not null,
            private boolean not null,
            header_names text[] not null,
            created_at timestamptz not null,
            is_paused boolean not null default false,
            failures integer not null default 0,
            next_try_at timestamptz not null,
            sent bigint not null default 0,
            left_out bigint not null default 0,
            refused bigint not null default 0,
            given_up bigint not null default 0,
            last_sent_at timestamptz,
            error text,
            error_at timestamptz,
            primary key (project_id, name)
        );
        select treadle_isolate('forwards');
        """,
    ),
)
