"""Requests under an `Idempotency-Key` in PostgreSQL: who answers each, and what was answered, until it lapses.

A row says that a worker is at it, until it holds the answer. Nobody's words are in it: what names the request is a keyed
hash, the answer is sealed. Times are the database's. What a crash of the database loses may be asked again: no commit
waits for the disk.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from treadle.storage.database import Connection, Migration


class Claimed(NamedTuple):
    """A request that another one with the same name came before."""

    digest: bytes
    """Of its body, keyed."""
    is_stream: bool
    answer: bytes | None
    """Sealed; None while a worker is at it."""
    seconds_left: float
    """Until it lapses."""


def claim(
    db: Connection, name: bytes, digest: bytes, worker_id: str, *, is_stream: bool, seconds: float
) -> Claimed | None:
    """Return what a request's name stands for; None when it now stands for this request, of this worker."""
    db.execute("set local synchronous_commit = off")
    while True:
        row = db.execute(
            """
            insert into gateway_repeats as r (name, digest, worker_id, is_stream, lapses_at)
            values (%(name)s, %(digest)s, %(worker_id)s, %(is_stream)s, clock_timestamp() + make_interval(secs => %(seconds)s))
            on conflict (project_id, name) do update set digest = excluded.digest, worker_id = excluded.worker_id,
                is_stream = excluded.is_stream, answer = null, lapses_at = excluded.lapses_at
                where r.lapses_at <= clock_timestamp()
            returning name
            """,
            {"name": name, "digest": digest, "worker_id": worker_id, "is_stream": is_stream, "seconds": seconds},
        ).fetchone()
        if row is not None:
            return None
        row = db.execute(
            "select digest, is_stream, answer, extract(epoch from lapses_at - clock_timestamp())::float8 as seconds_left"
            " from gateway_repeats where name = %s",
            [name],
        ).fetchone()
        if row is not None:  # else it was let go in between
            answer = None if row["answer"] is None else bytes(row["answer"])
            return Claimed(bytes(row["digest"]), row["is_stream"], answer, row["seconds_left"])


def put_answer(db: Connection, name: bytes, worker_id: str, answer: bytes, seconds: float) -> None:
    """Keep the answer to a request that this worker is at."""
    db.execute("set local synchronous_commit = off")
    db.execute(
        "update gateway_repeats set answer = %s, lapses_at = clock_timestamp() + make_interval(secs => %s)"
        " where name = %s and worker_id = %s",
        [answer, seconds, name, worker_id],
    )


def delete(db: Connection, name: bytes, worker_id: str) -> None:
    """Let go of what this worker holds under a name."""
    db.execute("set local synchronous_commit = off")
    db.execute("delete from gateway_repeats where name = %s and worker_id = %s", [name, worker_id])


def renew(db: Connection, names: Sequence[bytes], worker_id: str, seconds: float) -> None:
    """Say that a worker is still at these requests; system role only."""
    db.execute(
        "update gateway_repeats set lapses_at = clock_timestamp() + make_interval(secs => %s)"
        " where worker_id = %s and answer is null and name = any(%s)",
        [seconds, worker_id, list(names)],
    )


def delete_names(db: Connection, names: Sequence[bytes], worker_id: str) -> None:
    """Let go of answers that this worker gave; system role only."""
    db.execute("delete from gateway_repeats where worker_id = %s and name = any(%s)", [worker_id, list(names)])


def delete_lapsed(db: Connection) -> None:
    """Forget what has lapsed; system role only."""
    db.execute("delete from gateway_repeats where lapses_at <= clock_timestamp()")


MIGRATIONS = (
    Migration(
        "repeats",
        """
        create table gateway_repeats (
            project_id text not null default current_setting('treadle.project'),
            name bytea not null,
            digest bytea not null,
            worker_id text not null,
            is_stream boolean not null,
            answer bytea,
            lapses_at timestamptz not null,
            primary key (project_id, name)
        );
        create index gateway_repeats_by_lapse on gateway_repeats (lapses_at);
        create index gateway_repeats_by_worker on gateway_repeats (worker_id);
        select treadle_isolate('gateway_repeats');
        """,
    ),
)
