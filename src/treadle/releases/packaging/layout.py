"""A release as an OCI image layout, for any registry or tool that speaks OCI: one artifact, one layer per file. Pure.

The artifact is a CNCF ModelPack (`application/vnd.cncf.model.manifest.v1+json`) with raw layers: a file's digest is its
layer's digest, so weights are neither packed nor hashed again, and the same release has the same digest everywhere.
Sources: OCI image-spec 1.1 (image-layout, manifest, descriptor), modelpack/model-spec.
"""

from __future__ import annotations

from collections.abc import Sequence

from treadle.core.canonical import canonical_json
from treadle.core.types import JsonObject
from treadle.models.types import Version as ModelVersion
from treadle.releases.packaging.entries import Entry, entry_of
from treadle.releases.types import Release

INDEX = "application/vnd.oci.image.index.v1+json"
MANIFEST = "application/vnd.oci.image.manifest.v1+json"
ARTIFACT = "application/vnd.cncf.model.manifest.v1+json"
CONFIG = "application/vnd.cncf.model.config.v1+json"
WEIGHTS = "application/vnd.cncf.model.weight.v1.raw"
WEIGHTS_CONFIG = "application/vnd.cncf.model.weight.config.v1.raw"
DOCUMENT = "application/vnd.cncf.model.doc.v1.raw"
CODE = "application/vnd.cncf.model.code.v1.raw"

_WEIGHT_ENDS = (".gguf", ".safetensors")
_CODE_NAMES = ("Dockerfile", "serve.py")


def layout_of(release: Release, version: ModelVersion, files: Sequence[Entry]) -> list[Entry]:
    """Return the files of the layout. files: the release's folder."""
    config = entry_of("", canonical_json(_config(release, version, files)))
    manifest = entry_of("", canonical_json(_manifest(release, config, files)))
    index = canonical_json(_index(release, manifest))
    blobs = {entry.digest: entry for entry in (*files, config, manifest)}
    return sorted(
        [
            entry_of("oci-layout", canonical_json({"imageLayoutVersion": "1.0.0"})),
            entry_of("index.json", index),
            *(entry._replace(path=f"blobs/{digest.replace(':', '/')}") for digest, entry in blobs.items()),
        ]
    )


def media_type_of(path: str) -> str:
    """Return what kind of layer a file of the folder is."""
    if path.endswith(_WEIGHT_ENDS):
        return WEIGHTS
    if path in _CODE_NAMES:
        return CODE
    return WEIGHTS_CONFIG if path.startswith(("model/", "models/")) and not path.endswith(".md") else DOCUMENT


def _manifest(release: Release, config: Entry, files: Sequence[Entry]) -> JsonObject:
    return {
        "schemaVersion": 2,
        "mediaType": MANIFEST,
        "artifactType": ARTIFACT,
        "config": _descriptor(config, CONFIG),
        "layers": [
            {
                **_descriptor(entry, media_type_of(entry.path)),
                "annotations": {
                    "org.cncf.model.filepath": entry.path,
                    "org.opencontainers.image.title": entry.path,
                },
            }
            for entry in files
        ],
        "annotations": _annotations(release),
    }


def _config(release: Release, version: ModelVersion, files: Sequence[Entry]) -> JsonObject:
    descriptor: JsonObject = {"name": release.name, "version": f"v{release.version}", "title": version.model_name}
    if version.licence is not None:
        descriptor["licenses"] = [version.licence]
    config: JsonObject = {"format": "gguf" if any(entry.path.endswith(".gguf") for entry in files) else "safetensors"}
    if version.parameters_count:
        config["paramSize"] = _in_short(version.parameters_count)
    return {
        "descriptor": descriptor,
        "config": config,
        "modelfs": {"type": "layers", "diffIds": [entry.digest for entry in files]},
    }


def _index(release: Release, manifest: Entry) -> JsonObject:
    described = {
        **_descriptor(manifest, MANIFEST),
        "artifactType": ARTIFACT,
        "annotations": {"org.opencontainers.image.ref.name": f"v{release.version}"},
    }
    return {"schemaVersion": 2, "mediaType": INDEX, "manifests": [described]}


def _annotations(release: Release) -> JsonObject:
    return {
        "org.opencontainers.image.title": release.name,
        "org.opencontainers.image.version": f"v{release.version}",
        "dev.treadle.release.digest": release.digest,
    }


def _descriptor(entry: Entry, media_type: str) -> JsonObject:
    return {"mediaType": media_type, "digest": entry.digest, "size": entry.size_bytes}


def _in_short(count: int) -> str:
    """Return '7b' for seven billion, with one digit behind the point where it says something."""
    for scale, letter in ((1e12, "t"), (1e9, "b"), (1e6, "m"), (1e3, "k")):
        if count >= scale:
            return f"{round(count / scale, 1):g}{letter}"
    return f"{round(count / 1e3, 1):g}k"
