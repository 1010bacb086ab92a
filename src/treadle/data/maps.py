"""Maps of versions: start drawing one, keep it beside its version, read it."""

from __future__ import annotations

from pathlib import Path

import anyio.to_thread

from treadle.data import service, store
from treadle.data.errors import MapNotFound
from treadle.data.types import Version, VersionFile
from treadle.data.versions.types import EmbeddingMap
from treadle.http.context import Context
from treadle.jobs.types import Run

MAP_FILE = "map.json"


async def start_map(ctx: Context, name: str, version: int | str) -> Run:
    """Start drawing a version's texts as a map. Safe to repeat. Raises DatasetNotFound, VersionNotFound."""
    return await service.start_on_version(ctx, name, version, "data.map", "Map", {})


async def keep_map(ctx: Context, version: Version, path: Path, *, run_id: str) -> None:
    """Keep the file of a map beside its version. Safe to repeat."""
    ctx.require("data.write")
    blob = await anyio.to_thread.run_sync(ctx.blobs.put_file, path)
    file = VersionFile(name=MAP_FILE, digest=blob.digest, size_bytes=blob.size_bytes)
    await ctx.db.write(lambda db: store.put_map(db, version.version_id, file, run_id, ctx.clock.now()))


async def get_map(ctx: Context, name: str, version: int | str) -> EmbeddingMap:
    """Return a version's map. Raises DatasetNotFound, VersionNotFound, MapNotFound."""
    found = await service.get_version(ctx, name, version)
    if not found.has_map:
        raise MapNotFound(
            f"version {found.version} of dataset '{name}' has not been drawn as a map; "
            f"do it with: treadle data map {name} --version {found.version}"
        )
    path = await service.fetch_file(ctx, found, MAP_FILE)
    return EmbeddingMap.model_validate_json(await anyio.to_thread.run_sync(path.read_bytes))
