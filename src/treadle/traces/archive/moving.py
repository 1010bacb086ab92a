"""Days on their way to the archive: one file at a time, each complete on the object store before its spans are deleted.

A file is written beside, announced in the database, stored, read again and compared (count and digest); then one
transaction counts on it and deletes exactly the blocks that it holds. Killed anywhere, the next round erases what was
announced and not kept, and writes it again. Spans that arrive meanwhile are in other blocks, for the next file.
Memory is bounded by the pieces of a file, whatever the day.
"""

from __future__ import annotations

import logging
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import date, timedelta
from functools import partial
from pathlib import Path
from typing import TypeVar

import msgspec
import psycopg
import zstandard

from treadle.core.errors import Unavailable
from treadle.storage.blobs import Blobs
from treadle.storage.database import SYSTEM_ROLE, Connection, Database
from treadle.traces.archive import store
from treadle.traces.archive.parquet import FILE_BYTES, ArchiveDamaged, Part, Summary, Written, content_of
from treadle.traces.blocks import unpack_block
from treadle.traces.schema import OTHER_DAY

T = TypeVar("T")
log = logging.getLogger("treadle.traces.archive")


def part_of(blobs: Blobs, project_id: str) -> Blobs:
    """Return where a project's archive is."""
    return blobs.within(f"trace-archive/{project_id}")


@contextmanager
def alone(database: Database) -> Iterator[bool]:
    """Tell whether nobody else archives this database's days, and keep it so meanwhile."""
    with psycopg.connect(database.url, autocommit=True) as connection:
        row = connection.execute("select pg_try_advisory_lock(hashtextextended('treadle archive', 0))").fetchone()
        yield bool(row and row[0])


class Mover:
    """Moves one project's days."""

    def __init__(self, database: Database, blobs: Blobs, project_id: str, *, file_bytes: int = FILE_BYTES) -> None:
        self._database = database
        self._blobs = part_of(blobs, project_id)
        self._project_id = project_id
        self._file_bytes = file_bytes

    def clean(self, before: date | None) -> None:
        """Erase what is from before a day, and what was never finished. Safe to repeat and to kill."""
        if before is not None:
            self._do(lambda db: store.leave(db, before))
        for digest in self._do(store.list_unkept):
            self._blobs.erase(digest)
            self._do(partial(_strike, digest))

    def move(self, day: date, before: date) -> int:
        """Move what of a day has been followed, of odd days what came before another; return how many spans."""
        moved = 0
        blocks = self._do(lambda db: store.list_blocks(db, day, before))
        while blocks:
            with tempfile.TemporaryDirectory(prefix="treadle-archive-") as folder:
                part = Part(Path(folder), day)
                counts_from, taken = day, 0
                for block_id, came in blocks:
                    if part.size_bytes >= self._file_bytes:
                        break
                    taken += 1
                    data = self._do(partial(_find, day, block_id))
                    if data is None:
                        continue  # forgotten meanwhile
                    try:
                        part.add(block_id, unpack_block(data), self._do(partial(_summaries, day, block_id)))
                    except (zstandard.ZstdError, ValueError, msgspec.MsgspecError) as error:
                        raise ArchiveDamaged(
                            f"block {block_id} of {day} cannot be read ({error}), so that day is not archived and not forgotten; "
                            f"restore it from a backup, or forget it with: treadle trace keep --days N --no-archive"
                        ) from error
                    if day == date.fromisoformat(OTHER_DAY):
                        counts_from = max(counts_from, came)
                blocks = blocks[taken:]
                if part.size_bytes:
                    moved += self._store(part.finish(), day, counts_from)
        return moved

    def _store(self, written: Written, day: date, counts_from: date) -> int:
        digest, size_bytes = _digest(written.path), written.path.stat().st_size
        file = store.File(day, digest, size_bytes, written.content.span_count)
        self._do(lambda db: store.announce(db, file, written, counts_from))
        self._blobs.put_file(written.path)
        self._blobs.let_go(digest)  # so that what is read now is what the store holds
        if content_of(self._blobs.fetch(digest)) != written.content:
            raise ArchiveDamaged(
                f"the archived file '{digest}' of {day} does not hold what was written, so nothing was deleted; "
                f"it is written again within the hour; look at the object store"
            )
        self._blobs.let_go(digest)

        def keep(db: Connection) -> int:
            deleted = store.keep(db, file, written.blocks)
            if deleted != written.content.span_count:
                raise ArchiveDamaged(
                    f"{written.content.span_count} spans of {day} were archived and {deleted} would be deleted, so nothing was"
                )
            return deleted

        return self._do(keep)

    def _do(self, work: Callable[[Connection], T]) -> T:
        return self._database.transact(work, SYSTEM_ROLE, self._project_id)


def archive(
    database: Database,
    blobs: Blobs,
    project_id: str,
    days: list[date],
    *,
    keep_days: int,
    archive_days: int | None,
    today: date,
) -> int:
    """Move a project's days that are over, and let go of archived ones that are; return how many spans were moved.

    What cannot be moved is said, stays where it is, and stops nobody else.
    """
    moved = 0
    before = today - timedelta(days=keep_days)
    mover = Mover(database, blobs, project_id)
    try:
        mover.clean(None if archive_days is None else today - timedelta(days=archive_days))
        for day in days:
            if day < before:
                moved += mover.move(day, before)
    except ArchiveDamaged as error:
        log.error("project %s: %s", project_id, error.message)
    except Unavailable as error:
        log.warning("archiving of project %s waits: %s", project_id, error.message)
    return moved


def _digest(path: Path) -> str:
    import hashlib

    with path.open("rb") as file:
        return f"sha256:{hashlib.file_digest(file, 'sha256').hexdigest()}"


def _strike(digest: str, db: Connection) -> None:
    store.strike(db, digest)


def _summaries(day: date, block_id: int, db: Connection) -> dict[int, Summary]:
    return store.find_summaries(db, day, block_id)


def _find(day: date, block_id: int, db: Connection) -> bytes | None:
    return store.find_block(db, day, block_id)
