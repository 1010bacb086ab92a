"""Keep files, give them back, forget them: OpenAI's verbs, under the right to call endpoints.

A key that may call some endpoints only sees the files that it uploaded and those of its batches; everybody else sees all
of the project. Content lies in a part of the blob store that only the project's files use, so it is erased when the last
file that has it is gone: at once after a deletion, within a minute after an expiry.
"""

from __future__ import annotations

from contextlib import suppress
from datetime import timedelta
from pathlib import Path

import anyio.to_thread

from treadle.core.errors import InvalidInput, NotFound, Unavailable
from treadle.core.ids import new_id
from treadle.gateway.batches import file_store as store
from treadle.gateway.batches.file_store import KeptFile
from treadle.gateway.batches.types import MAX_FILE_BYTES, FileDeleted, FileList, FileObject, Purpose
from treadle.governance import audit
from treadle.http.context import Context
from treadle.storage.blobs import Blobs
from treadle.storage.database import Connection
from treadle.storage.errors import BlobNotFound

INVOKE = "gateway.invoke"
MAX_NAME = 255
SWEPT_AT_ONCE = 100


class FileNotFound(NotFound):
    """No file has the id."""

    code = "gateway.file_not_found"


def contents(ctx: Context) -> Blobs:
    """Return where the content of the project's files lies."""
    return ctx.blobs.within(f"files/{ctx.project_id}")


def whose(ctx: Context) -> str | None:
    """Return the key whose files and batches alone its holder sees; None for one that sees all of the project."""
    return None if ctx.actor.endpoints is None else ctx.actor.key_id or ""


async def create_file(
    ctx: Context, path: Path, *, name: str, purpose: Purpose, expires_seconds: int | None = None
) -> FileObject:
    """Keep a file. Raises InvalidInput when it is empty or too large."""
    ctx.require(INVOKE)
    size = path.stat().st_size
    if not 0 < size <= MAX_FILE_BYTES:
        mend = "split it" if size else "write at least one line into it"
        raise InvalidInput(
            f"the file '{name[:MAX_NAME]}' has {size:,} bytes; 1 byte to {MAX_FILE_BYTES >> 20} MiB are taken; {mend}",
            code="gateway.file_size",
        )
    place = contents(ctx)
    blob = await anyio.to_thread.run_sync(place.put_file, path)
    file_id, now = new_id("file"), ctx.clock.now()
    expires = None if expires_seconds is None else now + timedelta(seconds=expires_seconds)

    def write(db: Connection) -> FileObject:
        store.hold_content(db, blob.digest)
        if not place.has(blob.digest):  # the last file that had it was swept up meanwhile
            place.put_file(path)
        key_id = ctx.actor.key_id
        store.insert_file(db, file_id, name[:MAX_NAME], purpose, blob.digest, blob.size_bytes, now, expires, key_id)
        return require_file(db, ctx, file_id).file

    return await ctx.db.write(write)


async def get_file(ctx: Context, file_id: str) -> FileObject:
    """Return a file. Raises FileNotFound."""
    ctx.require(INVOKE)
    return (await ctx.db.read(lambda db: require_file(db, ctx, file_id))).file


async def fetch_content(ctx: Context, file_id: str) -> tuple[FileObject, Path]:
    """Return a file and a local copy of its content. Raises FileNotFound."""
    ctx.require(INVOKE)
    kept = await ctx.db.read(lambda db: require_file(db, ctx, file_id))

    def fetch() -> Path:
        try:
            return contents(ctx).fetch(kept.digest)
        except BlobNotFound:
            return ctx.blobs.fetch(kept.digest)  # where files lay before they had a part of the store to themselves

    return kept.file, await anyio.to_thread.run_sync(fetch)


async def list_files(
    ctx: Context, *, purpose: Purpose | None, after: str | None, newest_first: bool, limit: int
) -> FileList:
    """Return files by age."""
    ctx.require(INVOKE)
    now = ctx.clock.now()
    rows = await ctx.db.read(
        lambda db: store.list_files(
            db, purpose=purpose, after=after, newest_first=newest_first, limit=limit + 1, now=now, only=whose(ctx)
        )
    )
    shown = rows[:limit]
    first, last = (shown[0].id, shown[-1].id) if shown else (None, None)
    return FileList(data=shown, first_id=first, last_id=last, has_more=len(rows) > limit)


async def delete_file(ctx: Context, file_id: str) -> FileDeleted:
    """Forget a file, and its content unless another file of the project has the same. Raises FileNotFound."""
    ctx.require(INVOKE)

    def write(db: Connection) -> None:
        require_file(db, ctx, file_id)
        store.end_file(db, file_id, ctx.clock.now())
        audit.record(db, ctx, action="gateway.delete_file", object_id=file_id, detail={})

    await ctx.db.write(write)
    with suppress(Unavailable):  # then within a minute
        await sweep_files(ctx)
    return FileDeleted(id=file_id)


async def sweep_files(ctx: Context) -> int:
    """Forget the files of the project that have expired, with content that no other file has; return how many.

    Safe to repeat and to break off: a file that is still there is swept up the next time.
    """
    ended = await ctx.db.read(lambda db: store.list_ended_files(db, ctx.clock.now(), SWEPT_AT_ONCE))
    for file_id, digest in ended:

        def sweep(db: Connection, file_id: str = file_id, digest: str = digest) -> None:
            store.hold_content(db, digest)
            if store.delete_file(db, file_id, digest):
                contents(ctx).erase(digest)

        await ctx.db.write(sweep)
    return len(ended)


def require_file(db: Connection, ctx: Context, file_id: str) -> KeptFile:
    """Return a file that its caller may see. Raises FileNotFound."""
    kept = store.find_file(db, file_id, ctx.clock.now(), whose(ctx))
    if kept is None:
        raise FileNotFound(
            f"there is no file '{file_id[:100]}', or it has expired; upload it again with purpose 'batch'"
        )
    return kept
