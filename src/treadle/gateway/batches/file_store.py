"""Files in PostgreSQL: what each is called, whose it is, when it ends. Their content is in the blob store."""

from __future__ import annotations

from datetime import datetime
from typing import Any, NamedTuple

from treadle.gateway.batches.types import FINAL, FileObject, Purpose
from treadle.storage.database import Connection


class KeptFile(NamedTuple):
    """A file with the name of its content."""

    file: FileObject
    digest: str


def insert_file(
    db: Connection,
    file_id: str,
    name: str,
    purpose: Purpose,
    digest: str,
    size: int,
    now: datetime,
    expires: datetime | None,
    key_id: str | None,
) -> None:
    """Keep a file; safe to repeat. key_id: the key whose file it is; None for a person's session."""
    db.execute(
        """insert into gateway_files (file_id, filename, purpose, digest, size_bytes, created_at, expires_at, key_id)
        values (%s, %s, %s, %s, %s, %s, %s, %s) on conflict do nothing""",
        [file_id, name, purpose, digest, size, now, expires, key_id],
    )


def find_file(db: Connection, file_id: str, now: datetime, only: str | None) -> KeptFile | None:
    """Return a file that has not expired, or None. only: the key whose files are looked at; None looks at all."""
    row = db.execute(
        """select * from gateway_files where file_id = %s and (expires_at is null or expires_at > %s)
        and (%s::text is null or key_id = %s)""",
        [file_id, now, only, only],
    ).fetchone()
    return KeptFile(_file(row), row["digest"]) if row else None


def list_files(
    db: Connection,
    *,
    purpose: str | None,
    after: str | None,
    newest_first: bool,
    limit: int,
    now: datetime,
    only: str | None,
) -> list[FileObject]:
    """Return files by age. only: of this key; None of all."""
    order, sign = ("desc", "<") if newest_first else ("asc", ">")
    rows = db.execute(
        f"""select * from gateway_files where (expires_at is null or expires_at > %s) and (%s::text is null or purpose = %s)
        and (%s::text is null or key_id = %s)
        and (%s::text is null or (created_at, file_id) {sign} (select created_at, file_id from gateway_files where file_id = %s))
        order by created_at {order}, file_id {order} limit %s""",
        [now, purpose, purpose, only, only, after, after, limit],
    )
    return [_file(row) for row in rows]


def end_file(db: Connection, file_id: str, now: datetime) -> None:
    """Let a file have expired; what has is found no more, and swept up soon."""
    db.execute("update gateway_files set expires_at = %s where file_id = %s", [now, file_id])


def list_ended_files(db: Connection, now: datetime, limit: int) -> list[tuple[str, str]]:
    """Return id and digest of files that have expired, but for those that a batch under way reads."""
    rows = db.execute(
        """select file_id, digest from gateway_files f where expires_at <= %s and not exists (
            select from gateway_batches b where b.input_file_id = f.file_id and b.status <> all(%s)
        ) order by expires_at limit %s""",
        [now, sorted(FINAL), limit],
    )
    return [(row["file_id"], row["digest"]) for row in rows]


def hold_content(db: Connection, digest: str) -> None:
    """Let nobody else begin or end to need a content of the project until this transaction ends."""
    db.execute(
        "select pg_advisory_xact_lock(hashtextextended(current_setting('treadle.project') || ' ' || %s, 0))", [digest]
    )


def delete_file(db: Connection, file_id: str, digest: str) -> bool:
    """Forget a file; return whether no other file has its content."""
    db.execute("delete from gateway_files where file_id = %s", [file_id])
    return db.execute("select 1 from gateway_files where digest = %s limit 1", [digest]).fetchone() is None


def _file(row: dict[str, Any]) -> FileObject:
    return FileObject(
        id=row["file_id"],
        bytes=row["size_bytes"],
        created_at=int(row["created_at"].timestamp()),
        expires_at=int(row["expires_at"].timestamp()) if row["expires_at"] else None,
        filename=row["filename"],
        purpose=row["purpose"],
    )
