"""Batches and the answers of those under way, in PostgreSQL; the schema of files too, see `file_store.py`."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import datetime
from typing import Any, NamedTuple

from psycopg.types.json import Jsonb

from treadle.gateway.batches.lines import Answer
from treadle.gateway.batches.types import (
    Batch,
    BatchErrors,
    BatchStatus,
    BatchUsage,
    NewBatch,
    RequestCounts,
)
from treadle.storage.database import Connection, Migration

READ_AT_ONCE = 500
_MOMENTS = (
    "created_at",
    "in_progress_at",
    "expires_at",
    "finalizing_at",
    "completed_at",
    "failed_at",
    "expired_at",
    "cancelling_at",
    "cancelled_at",
)


class KeptBatch(NamedTuple):
    """A batch with what its callers do not see."""

    batch: Batch
    key_id: str | None
    """The key that it was started with, and that its requests count against; None for a person's session."""
    expires_at: datetime
    output_seconds: int | None
    """How long its output files are kept; None for good."""


def insert_batch(
    db: Connection, batch_id: str, new: NewBatch, key_id: str | None, run_id: str, now: datetime, expires: datetime
) -> None:
    """Keep a batch that starts."""
    db.execute(
        """insert into gateway_batches (batch_id, endpoint, input_file_id, completion_window, status, metadata, key_id, run_id,
            output_seconds, created_at, expires_at)
        values (%s, %s, %s, %s, 'validating', %s, %s, %s, %s, %s, %s)""",
        [
            batch_id, new.endpoint, new.input_file_id, new.completion_window,
            None if new.metadata is None else Jsonb(new.metadata), key_id, run_id,
            new.output_expires_after.seconds if new.output_expires_after else None, now, expires,
        ],
    )  # fmt: skip


def find_batch(db: Connection, batch_id: str, *, only: str | None = None, lock: bool = False) -> KeptBatch | None:
    """Return a batch, or None. only: the key whose batches are looked at; None looks at all."""
    row = db.execute(
        _BATCHES + " where batch_id = %s and (%s::text is null or key_id = %s)" + (" for update of b" if lock else ""),
        [batch_id, only, only],
    ).fetchone()
    return _batch(row) if row else None


def list_batches(db: Connection, *, after: str | None, limit: int, only: str | None) -> list[Batch]:
    """Return batches, newest first. only: of this key; None of all."""
    rows = db.execute(
        _BATCHES
        + """ where (%s::text is null or (created_at, batch_id) < (select created_at, batch_id from gateway_batches where batch_id = %s))
        and (%s::text is null or key_id = %s)
        order by created_at desc, batch_id desc limit %s""",
        [after, after, only, only, limit],
    )
    return [_batch(row).batch for row in rows]


def set_status(
    db: Connection, batch_id: str, status: BatchStatus, now: datetime, *, before: Sequence[BatchStatus]
) -> bool:
    """Move a batch on from one of the statuses; return whether it was in one."""
    moment = f"{status}_at"
    assert moment in _MOMENTS
    done = db.execute(
        f"update gateway_batches set status = %s, {moment} = coalesce({moment}, %s) where batch_id = %s and status = any(%s)",
        [status, now, batch_id, list(before)],
    )
    return done.rowcount == 1


def set_checked(db: Connection, batch_id: str, total: int, model: str | None) -> None:
    """Keep what the check of the file found."""
    db.execute("update gateway_batches set total = %s, model = %s where batch_id = %s", [total, model, batch_id])


def append_answers(db: Connection, batch_id: str, answers: Sequence[Answer]) -> None:
    """Keep answers; one that is there stays."""
    with db.cursor() as cursor:
        cursor.executemany(
            "insert into gateway_batch_answers (batch_id, line, is_ok, answer) values (%s, %s, %s, %s) on conflict do nothing",
            [(batch_id, answer.number, answer.is_ok, answer.text) for answer in answers],
        )


def answered_lines(db: Connection, batch_id: str) -> set[int]:
    """Return the lines that have an answer."""
    return {row["line"] for row in db.execute("select line from gateway_batch_answers where batch_id = %s", [batch_id])}


def iter_answers(db: Connection, batch_id: str) -> Iterator[Answer]:
    """Yield the answers by line, some hundred in memory at a time."""
    after = 0
    while True:
        rows = db.execute(
            "select line, is_ok, answer from gateway_batch_answers where batch_id = %s and line > %s order by line limit %s",
            [batch_id, after, READ_AT_ONCE],
        ).fetchall()
        yield from (Answer(row["line"], row["is_ok"], row["answer"]) for row in rows)
        if len(rows) < READ_AT_ONCE:
            return
        after = rows[-1]["line"]


def finish_batch(
    db: Connection,
    batch_id: str,
    *,
    output_file_id: str | None,
    error_file_id: str | None,
    errors: BatchErrors | None,
    usage: BatchUsage | None,
) -> None:
    """Keep what came of a batch and forget its single answers: they are in its files."""
    db.execute(
        """update gateway_batches b set output_file_id = %s, error_file_id = %s, errors = %s, usage = %s,
            completed = (select count(*) from gateway_batch_answers a where a.batch_id = b.batch_id and is_ok),
            failed = (select count(*) from gateway_batch_answers a where a.batch_id = b.batch_id and not is_ok)
        where batch_id = %s""",
        [
            output_file_id, error_file_id, Jsonb(errors.model_dump()) if errors else None,
            Jsonb(usage.model_dump()) if usage else None, batch_id,
        ],
    )  # fmt: skip
    db.execute("delete from gateway_batch_answers where batch_id = %s", [batch_id])


_BATCHES = """
    select b.*,
        coalesce(b.completed, (select count(*) from gateway_batch_answers a where a.batch_id = b.batch_id and is_ok))
            as completed_count,
        coalesce(b.failed, (select count(*) from gateway_batch_answers a where a.batch_id = b.batch_id and not is_ok))
            as failed_count
    from gateway_batches b
"""


def _batch(row: dict[str, Any]) -> KeptBatch:
    moments = {name: int(row[name].timestamp()) if row[name] else None for name in _MOMENTS}
    batch = Batch.model_validate(
        {
            **moments,
            "id": row["batch_id"],
            "request_counts": RequestCounts(
                total=row["total"], completed=row["completed_count"], failed=row["failed_count"]
            ),
            **{
                name: row[name]
                for name in (
                    "endpoint", "model", "errors", "input_file_id", "completion_window", "status", "output_file_id",
                    "error_file_id", "usage", "metadata", "run_id",
                )
            },
        }
    )  # fmt: skip
    return KeptBatch(batch, row["key_id"], row["expires_at"], row["output_seconds"])


MIGRATIONS = (
    Migration(
        "files_and_batches",
        """
        create table gateway_files (
            project_id text not null default current_setting('treadle.project'),
            file_id text not null, filename text not null, purpose text not null, digest text not null,
            size_bytes bigint not null, created_at timestamptz not null, expires_at timestamptz,
            primary key (project_id, file_id)
        );
        create index gateway_files_newest on gateway_files (project_id, created_at desc, file_id desc);
        create table gateway_batches (
            project_id text not null default current_setting('treadle.project'),
            batch_id text not null, endpoint text not null, input_file_id text not null, completion_window text not null,
            status text not null, errors jsonb, output_file_id text, error_file_id text, model text, metadata jsonb,
            key_id text, run_id text not null, output_seconds int, usage jsonb,
            total int not null default 0, completed int, failed int,
            created_at timestamptz not null, in_progress_at timestamptz, expires_at timestamptz not null,
            finalizing_at timestamptz, completed_at timestamptz, failed_at timestamptz, expired_at timestamptz,
            cancelling_at timestamptz, cancelled_at timestamptz,
            primary key (project_id, batch_id)
        );
        create index gateway_batches_newest on gateway_batches (project_id, created_at desc, batch_id desc);
        create table gateway_batch_answers (
            project_id text not null default current_setting('treadle.project'),
            batch_id text not null, line int not null, is_ok boolean not null, answer text not null,
            primary key (project_id, batch_id, line)
        );
        select treadle_isolate('gateway_files'), treadle_isolate('gateway_batches'), treadle_isolate('gateway_batch_answers');
        """,
    ),
    Migration(
        "whose_files",
        """
        alter table gateway_files add column key_id text;
        create index gateway_files_by_content on gateway_files (project_id, digest);
        create index gateway_files_by_end on gateway_files (project_id, expires_at) where expires_at is not null;
        set local role treadle_system;
        update gateway_files f set key_id = b.key_id from gateway_batches b
            where b.project_id = f.project_id and f.file_id in (b.input_file_id, b.output_file_id, b.error_file_id);
        reset role;
        """,
    ),
)
