"""Keep what work made as a version of a dataset: its files, its row in the database, its lineage and its audit entry.

A version is its content: the same content again is the version that has it, so all here is safe to repeat, after a kill too.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from pathlib import Path

import anyio.to_thread

from treadle.core.ids import derive_id, new_id
from treadle.core.types import JsonObject, JsonValue
from treadle.data import store
from treadle.data.errors import LicenceDiffers, VersionMoved
from treadle.data.types import UploadedFile, Version, VersionFile
from treadle.governance import audit
from treadle.http.context import Context
from treadle.lineage import service as lineage
from treadle.storage.database import Connection


async def keep_version(
    ctx: Context,
    name: str,
    made: JsonObject,
    *,
    run_id: str,
    parents: Sequence[Version] = (),
    source: UploadedFile | None = None,
    trace_ids: Sequence[str] = (),
    description: str = "",
    licence: str | None = None,
    newest: int | None = None,
) -> tuple[Version, bool]:
    """Keep what a worker made as a version of a dataset, with lineage and audit. Returns it, and whether it is new.

    made: what a function of worker.py returned. The same content again is the version that has it, so this is safe to
    repeat, after a kill too. licence: None takes the parent's. newest: the version that must be the newest still; None asks for none.
    Raises LicenceDiffers for the same content under another one, VersionMoved for one that came in between.
    """
    ctx.require("data.write")
    files = await anyio.to_thread.run_sync(partial(_put_files, ctx, made, source))
    licence = licence or next((parent.licence for parent in parents if parent.licence), None)

    def write(db: Connection) -> tuple[Version, bool]:
        dataset_id = store.ensure_dataset(db, new_id("ds"), name, description, ctx.clock.now())
        version_id = derive_id("dsv", dataset_id, str(made["digest"]))
        existing = store.find_version_by_id(db, version_id)
        if existing is not None:
            return _with_licence(db, ctx, existing, licence), False
        if newest is not None and (number := store.next_version(db, dataset_id) - 1) != newest:
            raise VersionMoved(name, newest=number, known=newest)
        version = Version.model_validate(
            {
                **{field: made[field] for field in ("digest", "num_rows", "parts", "num_labels")},
                "recipe": {**_recipe(made), **({"licence": licence} if licence else {})},
                "licence": licence,
                "version_id": version_id,
                "dataset": name,
                "version": store.next_version(db, dataset_id),
                "parents": [parent.version_id for parent in parents],
                "files": files,
                "run_id": run_id,
                "has_profile": False,
                "created_at": ctx.clock.now(),
            }
        )
        store.insert_version(db, dataset_id, version)
        _draw_lineage(db, version, parents, source, trace_ids)
        audit.record(
            db,
            ctx,
            action="data.create_version",
            object_id=version_id,
            detail={"dataset": name, "version": version.version, "digest": version.digest, "run_id": run_id},
        )
        return version, True

    return await ctx.db.write(write)


async def keep_profile(ctx: Context, version: Version, paths: Sequence[Path], *, run_id: str) -> list[VersionFile]:
    """Keep the files of a profile beside its version. Safe to repeat."""
    ctx.require("data.write")
    files = await anyio.to_thread.run_sync(lambda: [_put(ctx, path.name, path) for path in paths])
    await ctx.db.write(lambda db: store.put_profile(db, version.version_id, files, run_id, ctx.clock.now()))
    return files


def outputs_of(version: Version, *, is_new: bool) -> dict[str, JsonValue]:
    """Give what a run says about the version that it made."""
    return {
        "version_id": version.version_id,
        "dataset": version.dataset,
        "version": version.version,
        "digest": version.digest,
        "num_rows": version.num_rows,
        "parts": version.parts,
        "num_labels": version.num_labels,
        "is_new": is_new,
    }


def _with_licence(db: Connection, ctx: Context, version: Version, licence: str | None) -> Version:
    """State the licence of a version that had none. What was stated never changes."""
    if licence is None or licence == version.licence:
        return version
    if version.licence is not None:
        raise LicenceDiffers(
            f"these rows are version {version.version} of dataset '{version.dataset}' already, under '{version.licence}' and not "
            f"'{licence}', and what was stated never changes; give the import another name"
        )
    store.state_licence(db, version.version_id, licence)
    audit.record(db, ctx, action="data.state_licence", object_id=version.version_id, detail={"licence": licence})
    return version.model_copy(update={"licence": licence, "recipe": {**version.recipe, "licence": licence}})


def _recipe(made: JsonObject) -> JsonObject:
    recipe = made["recipe"]
    assert isinstance(recipe, dict)
    return recipe


def _put_files(ctx: Context, made: JsonObject, source: UploadedFile | None) -> list[VersionFile]:
    paths = [Path(str(made[name])) for name in ("examples", "changes", "manifest") if made.get(name)]
    files = [_put(ctx, path.name, path) for path in paths]
    if source is not None:
        files.append(VersionFile(name="source", digest=source.digest, size_bytes=source.size_bytes))
    return files


def _put(ctx: Context, name: str, path: Path) -> VersionFile:
    blob = ctx.blobs.put_file(path)
    return VersionFile(name=name, digest=blob.digest, size_bytes=blob.size_bytes)


def _draw_lineage(
    db: Connection, version: Version, parents: Sequence[Version], source: UploadedFile | None, trace_ids: Sequence[str]
) -> None:
    node = version.version_id
    lineage.describe(db, node, kind="dataset version", title=f"{version.dataset} v{version.version}")
    if source is not None:
        lineage.describe(db, source.digest, kind="file", title=source.file_name)
        lineage.add_edge(db, source_id=source.digest, target_id=node, relation="imported as", run_id=version.run_id)
    operation = str(version.recipe.get("operation"))
    relation = {"prepare": "prepared into", "curate": "extended into", "edit": "edited into"}.get(
        operation, "made into"
    )
    for parent in parents:
        lineage.add_edge(db, source_id=parent.version_id, target_id=node, relation=relation, run_id=version.run_id)
    for trace_id in trace_ids:
        lineage.describe(db, trace_id, kind="trace", title=f"trace {trace_id[:8]}")
        lineage.add_edge(db, source_id=trace_id, target_id=node, relation="became part of", run_id=version.run_id)
