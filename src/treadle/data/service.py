"""Read datasets and their versions, and start the work on them. The work is in handlers.py; keeping.py keeps what it made."""

from __future__ import annotations

from functools import partial
from pathlib import Path

import anyio.to_thread

from treadle.core.errors import InvalidInput, NotFound
from treadle.core.ids import new_id
from treadle.core.types import JsonObject, Page
from treadle.data import browse, store
from treadle.data.errors import (
    DatasetNotFound,
    NameTaken,
    UploadNotFound,
    VersionNotFound,
)
from treadle.data.profile_types import Profile
from treadle.data.types import (
    Change,
    ChangeFilter,
    CurateRequest,
    Dataset,
    Example,
    ExampleFilter,
    Mapping,
    NewDataset,
    PrepareSettings,
    UploadedFile,
    Version,
)
from treadle.feedback.queues import service as queues
from treadle.governance import audit
from treadle.http.context import Context
from treadle.http.paging import decode_cursor, page_of
from treadle.jobs import service as jobs
from treadle.jobs.types import NewRun, Run
from treadle.storage.database import Connection
from treadle.traces.asking import views
from treadle.traces.capture import service as capture
from treadle.traces.types import TraceFilter

LATEST = "latest"
EXAMPLES_FILE = "examples.parquet"
CHANGES_FILE = "changes.parquet"
PROFILE_FILE = "profile.json"
REPORT_FILE = "profile.html"


class ProfileNotFound(NotFound):
    """A version that has not been explored."""

    code = "data.profile_not_found"


class ChangesNotFound(NotFound):
    """A version that changed nothing, such as an import."""

    code = "data.changes_not_found"


async def create_dataset(ctx: Context, new: NewDataset) -> Dataset:
    """Make a dataset without versions. Raises NameTaken."""
    ctx.require("data.write")

    def write(db: Connection) -> Dataset:
        if store.find_dataset(db, new.name) is not None:
            raise NameTaken(
                f"there is a dataset '{new.name}' already; import into it with: treadle data import FILE --name {new.name}",
                name=new.name,
            )
        dataset_id = store.ensure_dataset(db, new_id("ds"), new.name, new.description, ctx.clock.now())
        audit.record(db, ctx, action="data.create", object_id=dataset_id, detail={"name": new.name})
        return _require_dataset(db, new.name)

    return await ctx.db.write(write)


async def list_datasets(ctx: Context, *, text: str | None = None, limit: int, cursor: str | None) -> Page[Dataset]:
    """Return datasets by name; text: in the name or in what it is for."""
    ctx.require("data.read")
    after = decode_cursor(cursor, str)
    rows = await ctx.db.read(lambda db: store.list_datasets(db, text, str(after[0]) if after else None, limit + 1))
    return page_of(rows, limit, lambda dataset: (dataset.name,))


async def get_dataset(ctx: Context, name: str) -> Dataset:
    """Return a dataset. Raises DatasetNotFound."""
    ctx.require("data.read")
    return await ctx.db.read(lambda db: _require_dataset(db, name))


async def list_versions(ctx: Context, name: str, *, limit: int, cursor: str | None) -> Page[Version]:
    """Return the versions of a dataset, newest first. Raises DatasetNotFound."""
    ctx.require("data.read")
    before = decode_cursor(cursor, int)

    def read(db: Connection) -> list[Version]:
        _require_dataset(db, name)
        return store.list_versions(db, name, int(before[0]) if before else None, limit + 1)

    return page_of(await ctx.db.read(read), limit, lambda version: (version.version,))


async def get_version(ctx: Context, name: str, version: int | str = LATEST) -> Version:
    """Return a version by number, 'latest' the newest. Raises DatasetNotFound, VersionNotFound."""
    ctx.require("data.read")

    def read(db: Connection) -> Version:
        dataset = _require_dataset(db, name)
        number = dataset.latest_version if version == LATEST else int(version) if str(version).isdigit() else None
        found = store.find_version(db, name, number) if number is not None and number < 2**31 else None
        if found is None:
            newest = f"newest is {dataset.latest_version}" if dataset.latest_version else "it has none yet"
            raise VersionNotFound(
                f"dataset '{name}' has no version {version} ({newest}); list them with: treadle data versions {name}",
                version=version,
            )
        return found

    return await ctx.db.read(read)


async def get_version_by_id(ctx: Context, version_id: str) -> Version:
    """Return a version by id. Raises VersionNotFound."""
    ctx.require("data.read")
    version = await ctx.db.read(lambda db: store.find_version_by_id(db, version_id))
    if version is None:
        raise VersionNotFound(f"there is no dataset version '{version_id}'; list datasets with: treadle data list")
    return version


async def find_latest(ctx: Context, name: str) -> Version | None:
    """Return the newest version of a dataset, or None when there is no dataset or no version."""
    ctx.require("data.read")
    found = await ctx.db.read(lambda db: store.list_versions(db, name, None, 1))
    return found[0] if found else None


async def find_made_by(ctx: Context, run_id: str) -> Version | None:
    """Return the version that a run made, or None: work that is begun again asks this first."""
    ctx.require("data.read")
    return await ctx.db.read(lambda db: store.find_version_by_run(db, run_id))


async def fetch_files(ctx: Context, version_id: str) -> list[Path]:
    """Return readable local copies of a version's rows (Parquet). Raises VersionNotFound."""
    version = await get_version_by_id(ctx, version_id)
    return [await fetch_file(ctx, version, EXAMPLES_FILE)]


async def list_examples(
    ctx: Context, name: str, version: int | str, wanted: ExampleFilter, *, limit: int, cursor: str | None
) -> Page[Example]:
    """Return rows of a version in their order. Raises DatasetNotFound, VersionNotFound."""
    found = await get_version(ctx, name, version)
    after = decode_cursor(cursor, int)
    path = await fetch_file(ctx, found, EXAMPLES_FILE)
    listing = partial(
        browse.list_examples,
        path,
        after_row=int(after[0]) if after else 0,
        limit=limit + 1,
        part=wanted.part,
        label=wanted.label,
        text=wanted.text,
        row=wanted.row,
    )
    return page_of(await anyio.to_thread.run_sync(listing), limit, lambda example: (example.row,))


async def list_changes(
    ctx: Context, name: str, version: int | str, wanted: ChangeFilter, *, limit: int, cursor: str | None
) -> Page[Change]:
    """Return why rows were dropped, changed or flagged on the way to a version.

    Raises DatasetNotFound, VersionNotFound, ChangesNotFound for a version that was imported as it was.
    """
    found = await get_version(ctx, name, version)
    if not _has_file(found, CHANGES_FILE):
        raise ChangesNotFound(
            f"version {found.version} of dataset '{name}' was imported as it was, so nothing was changed; "
            f"prepare it with: treadle data prepare {name} --version {found.version}"
        )
    after = decode_cursor(cursor, int)
    path = await fetch_file(ctx, found, CHANGES_FILE)
    listing = partial(
        browse.list_changes,
        path,
        after=int(after[0]) if after else 0,
        limit=limit + 1,
        action=wanted.action,
        reason=wanted.reason,
    )
    page = page_of(await anyio.to_thread.run_sync(listing), limit, lambda placed: (placed[0],))
    return Page(items=[change for _, change in page.items], next_cursor=page.next_cursor)


async def get_profile(ctx: Context, name: str, version: int | str) -> Profile:
    """Return what a version is like. Raises DatasetNotFound, VersionNotFound, ProfileNotFound."""
    found = await get_version(ctx, name, version)
    return Profile.model_validate_json(await _read(ctx, found, PROFILE_FILE))


async def get_report(ctx: Context, name: str, version: int | str) -> str:
    """Return the profile as one HTML page. Raises as `get_profile`."""
    found = await get_version(ctx, name, version)
    return (await _read(ctx, found, REPORT_FILE)).decode("utf-8")


async def keep_upload(ctx: Context, path: Path, file_name: str) -> UploadedFile:
    """Put a received file into the blob store, for this project to use. Safe to repeat. Raises DiskFull."""
    ctx.require("data.write")
    blob = await anyio.to_thread.run_sync(ctx.blobs.put_file, path)
    file = UploadedFile(digest=blob.digest, file_name=file_name, size_bytes=blob.size_bytes)
    await ctx.db.write(lambda db: store.put_upload(db, file, ctx.clock.now()))
    return file


async def require_upload(ctx: Context, digest: str) -> UploadedFile:
    """Return a file that this project handed over. Raises UploadNotFound, also for one that another project did.

    The blob store is shared, so a digest alone gives nobody a file.
    """
    ctx.require("data.write")
    file = await ctx.db.read(lambda db: store.find_upload(db, digest))
    if file is None:
        raise UploadNotFound(
            f"this project was handed no file '{digest}'; upload it first, with: POST /api/v1/turns/files",
            digest=digest,
        )
    return file


async def start_import(
    ctx: Context, new: NewDataset, file: UploadedFile, mapping: Mapping, *, licence: str | None = None
) -> Run:
    """Start reading an uploaded file into a version of a dataset, which is made when it does not exist. Raises UploadNotFound."""
    await require_upload(ctx, file.digest)
    params: JsonObject = {
        "dataset": new.name,
        "description": new.description,
        "digest": file.digest,
        "file_name": file.file_name,
        "mapping": mapping.model_dump(mode="json"),
        "licence": licence,
    }
    return await jobs.start(ctx, kind="data.import", title=f"Import {file.file_name} into {new.name}", params=params)


async def start_profile(ctx: Context, name: str, version: int | str) -> Run:
    """Start exploring a version. Raises DatasetNotFound, VersionNotFound."""
    return await start_on_version(ctx, name, version, "data.profile", "Explore", {})


async def start_prepare(ctx: Context, name: str, version: int | str, settings: PrepareSettings) -> Run:
    """Start preparing a version; the result is the dataset's next version. Raises DatasetNotFound, VersionNotFound."""
    more: JsonObject = {"settings": settings.model_dump(mode="json")}
    return await start_on_version(ctx, name, version, "data.prepare", "Prepare", more)


async def start_curate(ctx: Context, name: str, request: CurateRequest) -> Run:
    """Start joining traffic with feedback to a dataset. Raises DatasetNotFound, VersionNotFound for an unknown parent."""
    ctx.require("data.write")
    ctx.require("traces.read")
    ctx.require("feedback.read")
    if request.view is not None:
        wanted = await views.narrow(ctx, request.wanted or TraceFilter(), request.view)
        request = request.model_copy(update={"wanted": wanted})
    if request.queue is not None:
        await queues.get_queue(ctx, request.queue)
    if not request.mask_personal_data and (level := (await capture.get_capture(ctx)).capture) != "on":
        raise InvalidInput(
            f"this project captures content '{level}', so personal data does not stay in datasets; leave "
            "mask_personal_data on, or have what is captured changed with: treadle trace capture --level on",
            code="data.masking_required",
        )
    params: JsonObject = {"dataset": name, **request.model_dump(mode="json", exclude={"parent_version"})}
    if request.parent_version is not None:
        params["parent_version_id"] = (await get_version(ctx, name, request.parent_version)).version_id
    return await jobs.start(ctx, kind="data.curate", title=f"Traffic back to {name}", params=params)


async def start_on_version(ctx: Context, name: str, version: int | str, kind: str, verb: str, more: JsonObject) -> Run:
    """Start work on a version. Raises DatasetNotFound, VersionNotFound."""
    ctx.require("data.write")
    found = await get_version(ctx, name, version)
    title = f"{verb} {name} v{found.version}"
    new = NewRun(kind=kind, title=title, params={"version_id": found.version_id, **more})
    return await ctx.db.write(lambda db: jobs.enqueue(db, ctx, new))


def _has_file(version: Version, name: str) -> bool:
    return any(file.name == name for file in version.files)


async def fetch_file(ctx: Context, version: Version, name: str) -> Path:
    """Return a readable local copy of one of a version's files."""
    digest = next(file.digest for file in version.files if file.name == name)
    return await anyio.to_thread.run_sync(ctx.blobs.fetch, digest)


async def _read(ctx: Context, version: Version, name: str) -> bytes:
    if not version.has_profile:
        raise ProfileNotFound(
            f"version {version.version} of dataset '{version.dataset}' has not been explored; "
            f"do it with: treadle data profile {version.dataset} --version {version.version}"
        )
    return (await fetch_file(ctx, version, name)).read_bytes()


def _require_dataset(db: Connection, name: str) -> Dataset:
    dataset = store.find_dataset(db, name)
    if dataset is None:
        raise DatasetNotFound(f"there is no dataset '{name}'; list them with: treadle data list", name=name)
    return dataset
