"""A manifest as a document: its canonical content, its digest, and which engines it needs. Pure.

Parts that came to manifests later are left out of the document while they say nothing, so a release that was bundled
before them has the digest that it always had.
"""

from __future__ import annotations

from treadle.core.canonical import digest_of
from treadle.core.types import JsonObject
from treadle.releases.packaging.types import ENGINE
from treadle.releases.types import Manifest

_ALWAYS = ("model_version_id", "model_digest", "prompt_version_id", "messages", "parameters")


def document_of(manifest: Manifest) -> JsonObject:
    """Return a manifest as JSON, without what says nothing."""
    whole = manifest.model_dump(mode="json")
    silent = Manifest(
        model_version_id="", model_digest="", prompt_version_id=None, messages=[], parameters={}
    ).model_dump(mode="json")
    return {name: value for name, value in whole.items() if name in _ALWAYS or value != silent[name]}


def digest_of_manifest(manifest: Manifest) -> str:
    """Return 'sha256:…' of a manifest's content: the same parts give the same digest."""
    return digest_of(document_of(manifest))


def engines_of(manifest: Manifest) -> list[str]:
    """Return the model versions that need an engine of ours, in order, each once; none where providers answer."""
    if not manifest.targets:
        return [manifest.model_version_id]
    return list(dict.fromkeys(target.model for target in manifest.targets if target.provider == ENGINE))


def model_versions_of(manifest: Manifest) -> list[str]:
    """Return every registered model version that may answer, the release's own first."""
    others = [target.model_version_id for target in manifest.targets if target.model_version_id is not None]
    return list(dict.fromkeys([manifest.model_version_id, *others]))
