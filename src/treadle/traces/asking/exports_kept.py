"""Files of exports, for as long as they are kept: in a part of the object store of their own, a week long, then erased.

A file is announced before it is stored, so that one that a kill left half-done is erased like the rest. Whoever wants it
for longer has fetched it by then; the spans themselves are where they were.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from pathlib import Path

from treadle.storage.blobs import Blobs
from treadle.storage.database import SYSTEM_ROLE, Connection, Database

KEPT_FOR = timedelta(days=7)


def part_of(blobs: Blobs, project_id: str) -> Blobs:
    """Return where a project's exports are."""
    return blobs.within(f"trace-exports/{project_id}")


def digest_of(path: Path) -> str:
    """Return what a file is stored under."""
    import hashlib

    with path.open("rb") as file:
        return f"sha256:{hashlib.file_digest(file, 'sha256').hexdigest()}"


def announce(db: Connection, run_id: str, digest: str, ends_at: datetime) -> None:
    """Say that a file will be there, and until when. Safe to repeat."""
    db.execute(
        """insert into trace_exports (run_id, digest, ends_at) values (%s, %s, %s)
        on conflict (project_id, run_id) do update set digest = excluded.digest, ends_at = excluded.ends_at""",
        [run_id, digest, ends_at],
    )


def find(db: Connection, run_id: str, now: datetime) -> str | None:
    """Return the digest of an export's file; None once its time is over."""
    row = db.execute("select digest from trace_exports where run_id = %s and ends_at > %s", [run_id, now]).fetchone()
    return None if row is None else str(row["digest"])


def end(database: Database, blobs: Blobs, now: datetime) -> int:
    """Erase the files of all projects whose time is over; return how many. Safe to repeat and to kill.

    Raises Unavailable when the database or the object store does not answer.
    """
    ended = database.transact(lambda db: _list_ended(db, now), SYSTEM_ROLE, "")
    for project_id, digest in ended:
        part_of(blobs, project_id).erase(digest)
        database.transact(lambda db, p=project_id, d=digest: _strike(db, p, d, now), SYSTEM_ROLE, "")  # type: ignore[misc]
    return len(ended)


def _list_ended(db: Connection, now: datetime) -> list[tuple[str, str]]:
    """A file that two exports share ends with the later one."""
    rows = db.execute(
        "select project_id, digest from trace_exports group by 1, 2 having max(ends_at) <= %s order by 1, 2", [now]
    )
    return [(row["project_id"], row["digest"]) for row in rows]


def _strike(db: Connection, project_id: str, digest: str, now: datetime) -> None:
    db.execute(
        "delete from trace_exports where project_id = %s and digest = %s and ends_at <= %s", [project_id, digest, now]
    )
