"""Take a release out of the platform: as a folder, as an OCI layout, or as what Kubernetes is told."""

from __future__ import annotations

from typing import Literal

import anyio.to_thread

from treadle.core.errors import InvalidInput
from treadle.core.types import JsonObject
from treadle.governance import audit
from treadle.http.context import Context
from treadle.models import service as models
from treadle.models.types import Version as ModelVersion
from treadle.releases.packaging.entries import Entry, fetch_all
from treadle.releases.packaging.folder import BASE_IMAGE, folder_of
from treadle.releases.packaging.kubernetes import WEIGHTS_OF, render
from treadle.releases.packaging.layout import layout_of
from treadle.releases.packaging.manifest import model_versions_of
from treadle.releases.packaging.types import KubernetesOptions
from treadle.releases.service import get_release
from treadle.releases.types import Release

Layout = Literal["folder", "oci"]


class NothingToRun(InvalidInput):
    """A rendering of a release whose weights are not there to run."""

    code = "releases.nothing_to_run"


async def list_export(
    ctx: Context, release_id: str, layout: Layout, *, base_image: str = BASE_IMAGE
) -> tuple[Release, list[Entry]]:
    """Return a release and the files that it is exported as; the same release gives the same bytes. Audited.

    Every file is at hand then, fetched from the object store if need be, so that a stream which begins can end.
    Raises ReleaseNotFound, BlobNotFound.
    """
    ctx.require("models.read")
    release = await get_release(ctx, release_id)
    versions = await _versions(ctx, release)
    cards = {
        version.model_version_id: (
            await models.get_card_as_of(ctx, version.model_version_id, release.created_at)
        ).markdown
        for version in versions
    }
    files = folder_of(release, versions, cards, base_image=base_image)
    entries = files if layout == "folder" else layout_of(release, versions[0], files)
    await anyio.to_thread.run_sync(fetch_all, entries, ctx.blobs)
    detail: JsonObject = {"layout": layout, "files": len(entries), "bytes": sum(entry.size_bytes for entry in entries)}
    await ctx.db.write(lambda db: audit.record(db, ctx, action="releases.export", object_id=release_id, detail=detail))
    return release, entries


async def render_kubernetes(ctx: Context, release_id: str, options: KubernetesOptions) -> str:
    """Return the manifests that run a release's weights on Kubernetes, as YAML. Raises ReleaseNotFound, NothingToRun."""
    ctx.require("models.read")
    release = await get_release(ctx, release_id)
    own = (await _versions(ctx, release))[0]
    needs_folder = options.ray or options.engine == "vllm"
    wanted = WEIGHTS_OF["vllm" if needs_folder else "llama.cpp"]
    if own.kind == "provider":
        raise NothingToRun(
            f"version {own.version} of model '{own.model_name}' is a provider's, who runs it: there are no weights to run "
            f"elsewhere; render a release of weights"
        )
    if not any(file.path.startswith(wanted) for file in own.files):
        kept = ", ".join(f"'{file.path}'" for file in own.files[:5]) or "none"
        raise NothingToRun(
            f"version {own.version} of model '{own.model_name}' has no '{wanted}' (it has {kept}), so there is nothing "
            f"for {'vLLM' if needs_folder else 'llama.cpp'} to run; try the other engine, or release a version with it"
        )
    return render(release, own, options)


async def _versions(ctx: Context, release: Release) -> list[ModelVersion]:
    return [await models.get_version_by_id(ctx, each) for each in model_versions_of(release.manifest)]
