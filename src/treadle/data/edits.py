"""Edit a version into the next one, hold two versions against each other, see which rows of one are alike."""

from __future__ import annotations

from functools import partial

import anyio.to_thread

from treadle.core.types import Page
from treadle.data import service
from treadle.data.difference import find_difference
from treadle.data.duplicates import read_duplicates
from treadle.data.errors import VersionMoved
from treadle.data.versions.types import DUPLICATES_FILE, DifferenceKind, DuplicateGroup, Edits, VersionDifference
from treadle.http.context import Context
from treadle.http.paging import decode_cursor, page_of
from treadle.jobs.types import Run


async def start_edit(ctx: Context, name: str, version: int | str, edits: Edits) -> Run:
    """Start laying edits on a version; the result is the dataset's next version.

    Raises DatasetNotFound, VersionNotFound, VersionMoved when there is a newer version than the editor knew of; it is asked
    again when the version is made. Rows that are gone fail the run with data.edits_lost.
    """
    ctx.require("data.write")
    newest = await service.get_version(ctx, name)
    if newest.version != edits.newest_version:
        raise VersionMoved(name, newest=newest.version, known=edits.newest_version)
    # A file and not a parameter: it may be long, and a run's page is for people.
    blob = await anyio.to_thread.run_sync(ctx.blobs.put_bytes, edits.model_dump_json().encode())
    more: dict[str, object] = {
        "edits": blob.digest,
        "message": edits.message,
        "newest_version": edits.newest_version,
        "num_changed": len(edits.changed),
        "num_deleted": len(edits.deleted),
        "num_added": len(edits.added),
    }
    return await service.start_on_version(ctx, name, version, "data.edit", "Edit", more)


async def list_duplicates(
    ctx: Context, name: str, version: int | str, *, limit: int, cursor: str | None
) -> Page[DuplicateGroup]:
    """Return the groups of like rows of a version, largest first. Raises DatasetNotFound, VersionNotFound, ProfileNotFound."""
    found = await service.get_version(ctx, name, version)
    if all(file.name != DUPLICATES_FILE for file in found.files):
        raise service.ProfileNotFound(
            f"version {found.version} of dataset '{name}' has not been searched for duplicates; "
            f"do it with: treadle data duplicates {name} --version {found.version}"
        )
    behind = decode_cursor(cursor, int)
    paths = [await service.fetch_file(ctx, found, file) for file in (DUPLICATES_FILE, service.EXAMPLES_FILE)]
    reading = partial(read_duplicates, *paths, after=int(behind[0]) if behind else 0, limit=limit + 1)
    return page_of(await anyio.to_thread.run_sync(reading), limit, lambda group: (group.group,))


async def get_difference(
    ctx: Context,
    name: str,
    version: int | str,
    against: int | str,
    *,
    kind: DifferenceKind | None,
    limit: int,
    cursor: str | None,
) -> VersionDifference:
    """Return how a version differs from another of its dataset. Raises DatasetNotFound, VersionNotFound."""
    after = await service.get_version(ctx, name, version)
    before = await service.get_version(ctx, name, against)
    behind = decode_cursor(cursor, int)
    paths = [await service.fetch_file(ctx, one, service.EXAMPLES_FILE) for one in (before, after)]
    finding = partial(
        find_difference,
        *paths,
        is_child=after.parents == [before.version_id],
        kind=kind,
        behind=int(behind[0]) if behind else 0,
        limit=limit + 1,
    )
    found = await anyio.to_thread.run_sync(finding)
    page = page_of(found.rows, limit, lambda placed: (placed[0],))
    return VersionDifference(
        version=after.version,
        against=before.version,
        num_added=found.counts.get("added", 0),
        num_removed=found.counts.get("removed", 0),
        num_changed=found.counts.get("changed", 0),
        num_moved=found.counts.get("moved", 0),
        num_same=found.counts.get("same", 0),
        items=[row for _, row in page.items],
        next_cursor=page.next_cursor,
    )
