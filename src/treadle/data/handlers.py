"""What runs do with datasets: import, explore, prepare, curate, edit, draw. Each calls a child process and keeps what it made.

A run that is begun again after a kill does the same work in the same folder and finds the version that it made, because
a version's id comes from its content. Feedback may have grown in between, so curating asks first what it made before.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import anyio.to_thread

from treadle.core.errors import InvalidInput
from treadle.core.types import JsonObject, JsonValue
from treadle.data import keeping, maps, service
from treadle.data.gathering import gather
from treadle.data.types import CurateRequest, UploadedFile, Version
from treadle.jobs.scope import Handler, RunScope


async def import_file(scope: RunScope) -> dict[str, JsonValue]:
    """Do a 'data.import' run. params: dataset, digest, file_name, mapping, description, licence."""
    params = scope.params
    digest = str(params["digest"])
    path = await anyio.to_thread.run_sync(scope.ctx.blobs.fetch, digest)
    source = UploadedFile(digest=digest, file_name=str(params["file_name"]), size_bytes=path.stat().st_size)
    spec: JsonObject = {
        "source": str(path),
        "file_name": source.file_name,
        "mapping": params.get("mapping") or {},
        "folder": _folder(scope),
    }
    made = await scope.child("treadle.data.worker:import_file", spec)
    version, is_new = await keeping.keep_version(
        scope.ctx,
        str(params["dataset"]),
        made,
        run_id=scope.run_id,
        source=source,
        description=str(params.get("description") or ""),
        licence=str(params["licence"]) if params.get("licence") else None,
    )
    if not is_new:
        scope.log(f"the same rows are version {version.version} already, so no new version was made")
    return keeping.outputs_of(version, is_new=is_new)


async def profile(scope: RunScope) -> dict[str, JsonValue]:
    """Do a 'data.profile' run. params: version_id."""
    version = await service.get_version_by_id(scope.ctx, str(scope.params["version_id"]))
    (examples,) = await service.fetch_files(scope.ctx, version.version_id)
    spec: JsonObject = {
        "examples": str(examples),
        "folder": _folder(scope),
        "title": f"{version.dataset}, version {version.version}",
        "subtitle": f"{version.num_rows:,} rows, {version.digest}",
    }
    made = await scope.child("treadle.data.worker:profile", spec)
    paths = [Path(str(made[name])) for name in ("profile", "html", "duplicates")]
    files = await keeping.keep_profile(scope.ctx, version, paths, run_id=scope.run_id)
    kept: dict[str, JsonValue] = {file.name: file.digest for file in files}
    facts = {"version_id": version.version_id, "dataset": version.dataset, "version": version.version}
    return {**facts, "num_rows": version.num_rows, **kept}


async def prepare(scope: RunScope) -> dict[str, JsonValue]:
    """Do a 'data.prepare' run. params: version_id, settings."""
    parent = await service.get_version_by_id(scope.ctx, str(scope.params["version_id"]))
    (examples,) = await service.fetch_files(scope.ctx, parent.version_id)
    spec: JsonObject = {
        "examples": str(examples),
        "parent_digest": parent.digest,
        "settings": scope.params.get("settings") or {},
        "folder": _folder(scope),
    }
    made = await scope.child("treadle.data.worker:prepare", spec)
    version, is_new = await keeping.keep_version(scope.ctx, parent.dataset, made, run_id=scope.run_id, parents=[parent])
    return keeping.outputs_of(version, is_new=is_new) | {"counts": made["counts"]}


async def curate(scope: RunScope) -> dict[str, JsonValue]:
    """Do a 'data.curate' run. params: dataset, parent_version_id (or None), and the fields of CurateRequest.

    Raises InvalidInput when there is nothing to make rows of.
    """
    params = scope.params
    before = await service.find_made_by(scope.ctx, scope.run_id)
    if before is not None:
        return _curated(before, before.recipe, is_new=True)
    parent = await _parent(scope)
    request = CurateRequest.model_validate(
        {name: params[name] for name in CurateRequest.model_fields if name in params}
    )
    rows, selection = await gather(scope, request)
    if not rows and selection.is_asked:
        raise InvalidInput(
            f"none of {selection.num_selected:,} selected traces can become a row ({selection.left_out_in_words()}); "
            f"{selection.advice()}",
            code="data.nothing_selected",
        )
    if not rows:
        where = f"of endpoint '{params['endpoint']}' " if params.get("endpoint") else ""
        raise InvalidInput(
            f"no trace {where}has feedback that says the right answer, so there is nothing to learn from; "
            "send some with: treadle feedback add TRACE_ID correct --value 0 --expected TEXT",
            code="data.no_feedback",
        )
    spec: JsonObject = {
        "examples": str((await service.fetch_files(scope.ctx, parent.version_id))[0]) if parent else None,
        "parent_digest": parent.digest if parent else None,
        "feedback": [row.model_dump(mode="json") for row in rows],
        "selection": selection.facts(),
        "mask_personal_data": request.mask_personal_data,
        "folder": _folder(scope),
    }
    made = await scope.child("treadle.data.worker:curate", spec)
    added = made["trace_ids"]
    assert isinstance(added, list)
    version, is_new = await keeping.keep_version(
        scope.ctx,
        str(params["dataset"]),
        made,
        run_id=scope.run_id,
        parents=[parent] if parent else [],
        trace_ids=[str(trace_id) for trace_id in added],
    )
    recipe = made["recipe"]
    assert isinstance(recipe, dict)
    return _curated(version, recipe, is_new=is_new)


async def edit(scope: RunScope) -> dict[str, JsonValue]:
    """Do a 'data.edit' run. params: version_id, edits (the digest of an Edits as JSON), newest_version."""
    params = scope.params
    parent = await service.get_version_by_id(scope.ctx, str(params["version_id"]))
    (examples,) = await service.fetch_files(scope.ctx, parent.version_id)
    edits = await anyio.to_thread.run_sync(scope.ctx.blobs.fetch, str(params["edits"]))
    spec: JsonObject = {
        "examples": str(examples),
        "parent_digest": parent.digest,
        "edits": str(edits),
        "folder": _folder(scope),
    }
    made = await scope.child("treadle.data.worker:edit", spec)
    newest = int(str(params["newest_version"]))
    version, is_new = await keeping.keep_version(
        scope.ctx, parent.dataset, made, run_id=scope.run_id, parents=[parent], newest=newest
    )
    if not is_new:
        scope.log(f"the edited rows are version {version.version} already, so no new version was made")
    return keeping.outputs_of(version, is_new=is_new) | {"counts": made["counts"]}


async def draw_map(scope: RunScope) -> dict[str, JsonValue]:
    """Do a 'data.map' run. params: version_id."""
    version = await service.get_version_by_id(scope.ctx, str(scope.params["version_id"]))
    (examples,) = await service.fetch_files(scope.ctx, version.version_id)
    made = await scope.child("treadle.data.worker:draw_map", {"examples": str(examples), "folder": _folder(scope)})
    await maps.keep_map(scope.ctx, version, Path(str(made["map"])), run_id=scope.run_id)
    facts = {"version_id": version.version_id, "dataset": version.dataset, "version": version.version}
    return {**facts, "num_drawn": made["num_drawn"]}


HANDLERS: Mapping[str, Handler] = {
    "data.import": import_file,
    "data.profile": profile,
    "data.prepare": prepare,
    "data.curate": curate,
    "data.edit": edit,
    "data.map": draw_map,
}


def _curated(version: Version, recipe: Mapping[str, JsonValue], *, is_new: bool) -> dict[str, JsonValue]:
    selected: dict[str, JsonValue] = {"selection": recipe["selection"]} if "selection" in recipe else {}
    names = {"num_offered": "offered", "num_added": "added", "num_corrected": "corrected", "counts": "changes"}
    told = {name: recipe[key] for name, key in names.items()}
    judged = {"num_judged": recipe["judged"]} if "judged" in recipe else {}  # a version from before it was counted
    return keeping.outputs_of(version, is_new=is_new) | told | judged | selected


def _folder(scope: RunScope) -> str:
    folder = scope.folder / "made"
    folder.mkdir(parents=True, exist_ok=True)
    return str(folder)


async def _parent(scope: RunScope) -> Version | None:
    """Find the version to extend: the one named, else the dataset's newest, else none."""
    version_id = scope.params.get("parent_version_id")
    if version_id:
        return await service.get_version_by_id(scope.ctx, str(version_id))
    return await service.find_latest(scope.ctx, str(scope.params["dataset"]))
