"""From parts to a manifest, and from a manifest back to parts that must still be there."""

from __future__ import annotations

import msgspec

from treadle.core.errors import Conflict, InvalidInput
from treadle.gateway.guarding.rules import rule_fault
from treadle.gateway.providers.kinds import BUILT_IN
from treadle.gateway.providers.service import find_served
from treadle.gateway.refine import refinement_fault
from treadle.gateway.types import GuardRule, Refinement
from treadle.http.context import Context
from treadle.models import service as models
from treadle.models.types import ADAPTER_PREFIX, GGUF_FILE, WEIGHTS_PREFIX
from treadle.models.types import Version as ModelVersion
from treadle.prompts import service as prompts
from treadle.prompts.types import Examples
from treadle.prompts.types import Version as PromptVersion
from treadle.releases.packaging.manifest import digest_of_manifest, model_versions_of
from treadle.releases.packaging.types import ENGINE, ManifestTarget, NewTarget
from treadle.releases.types import Manifest, ManifestFile, ManifestMessage, NewRelease
from treadle.storage.database import Connection


class NotServable(InvalidInput):
    """A model version that no engine can run and no provider is named for."""

    code = "releases.model_not_servable"


class PartsUnsound(InvalidInput):
    """A guard or a refinement that could never work."""

    code = "releases.parts_unsound"


class PartsChanged(Conflict):
    """A manifest whose parts are not what they were."""

    code = "releases.parts_changed"


async def compose(ctx: Context, new: NewRelease) -> Manifest:
    """Return the manifest of a release that was asked for. Raises NotFound for unknown parts, NotServable, PartsUnsound."""
    _require_sound(new)
    model = await models.get_version_by_id(ctx, new.model_version_id)
    if new.targets:
        targets = [await _target(ctx, wanted) for wanted in new.targets]
        _require_own_model(model, targets)
    else:
        targets = [_resolved(model, NewTarget(model_version_id=model.model_version_id))]
        if targets[0].provider == ENGINE:
            targets = []  # said by the model version alone, as it always was
    await _require_providers(ctx, targets)
    prompt = await prompts.get_version_by_id(ctx, new.prompt_version_id) if new.prompt_version_id else None
    return Manifest(
        model_version_id=new.model_version_id,
        model_digest=model.digest,
        prompt_version_id=new.prompt_version_id,
        messages=[ManifestMessage(role=part.role, template=part.template) for part in prompt.messages]
        if prompt
        else [],
        parameters=new.parameters,
        targets=targets,
        guards=new.guards,
        refinement=new.refinement,
        index_id=new.index_id,
        code=new.code,
        prompt_engine=prompt.engine if prompt else "mustache",
        examples=chosen_examples(prompt),
    )


def chosen_examples(prompt: PromptVersion | None) -> Examples | None:
    """Return the examples that are chosen for each request; fixed ones stand in the messages."""
    examples = None if prompt is None else prompt.examples
    return examples if examples is not None and examples.selection == "nearest" else None


def _require_sound(new: NewRelease) -> None:
    faults = [rule_fault(msgspec.convert(guard.model_dump(), GuardRule)) for guard in new.guards]
    faults.append(refinement_fault(msgspec.convert(new.refinement.model_dump(), Refinement)))
    told = "; ".join(fault for fault in faults if fault is not None)
    if told:
        raise PartsUnsound(
            f"{told}; correct it and bundle the release again (docs/guards.md lists what each check takes)"
        )


async def require_parts(ctx: Context, file: ManifestFile) -> Manifest:
    """Return a file's manifest once all of its parts are here and are what it says.

    Raises NotFound for parts that do not exist, NotServable, PartsChanged naming what differs.
    """
    manifest = file.manifest
    if file.digest is not None and file.digest != digest_of_manifest(manifest):
        raise PartsChanged(
            f"the manifest's own digest is '{digest_of_manifest(manifest)}' and the file says '{file.digest}'; it was "
            f"changed after it was written: export it again, or leave the digest out to bundle the changed parts"
        )
    digests = {target.model_version_id: target.digest for target in manifest.targets}
    digests[manifest.model_version_id] = manifest.model_digest
    for model_version_id in model_versions_of(manifest):
        version = await models.get_version_by_id(ctx, model_version_id)
        _require_same(f"model version '{model_version_id}'", version.digest, digests[model_version_id])
        if version.kind != "provider" and _needs_engine(manifest, model_version_id):
            _require_runnable(version)
    if manifest.prompt_version_id is not None:
        prompt = await prompts.get_version_by_id(ctx, manifest.prompt_version_id)
        here = [ManifestMessage(role=part.role, template=part.template) for part in prompt.messages]
        same = (prompt.engine, chosen_examples(prompt)) == (manifest.prompt_engine, manifest.examples)
        if here != manifest.messages or not same:
            raise PartsChanged(
                f"prompt version '{manifest.prompt_version_id}' says something else here than in the manifest; "
                f"versions never change, so one of the two is not what it claims: treadle prompt versions"
            )
    elif manifest.messages:
        raise PartsChanged("the manifest has messages and no prompt version; name the version they are of")
    await _require_providers(ctx, manifest.targets)
    return manifest


async def _target(ctx: Context, wanted: NewTarget) -> ManifestTarget:
    if wanted.model_version_id is not None:
        return _resolved(await models.get_version_by_id(ctx, wanted.model_version_id), wanted)
    assert wanted.provider is not None
    assert wanted.model is not None
    if wanted.provider == ENGINE:
        raise NotServable(
            f"a target of our own engines names its model_version_id, not model '{wanted.model}'; "
            f"list versions with: treadle model versions"
        )
    return ManifestTarget(
        provider=wanted.provider, model=wanted.model, **wanted.model_dump(include=_CHOSEN, exclude_none=True)
    )


def _resolved(version: ModelVersion, wanted: NewTarget) -> ManifestTarget:
    provider, model = ENGINE, version.model_version_id
    if version.provider is not None:
        provider, model = version.provider.provider, version.provider.model
    else:
        _require_runnable(version)
    return ManifestTarget(
        provider=provider,
        model=model,
        model_version_id=version.model_version_id,
        digest=version.digest,
        **wanted.model_dump(include=_CHOSEN, exclude_none=True),
    )


_CHOSEN = {"weight", "priority", "region", "price"}
"""What whoever asks for a target decides about it."""


async def _require_providers(ctx: Context, targets: list[ManifestTarget]) -> None:
    named = {target.provider for target in targets} - BUILT_IN

    def read(db: Connection) -> list[str]:
        return sorted(name for name in named if find_served(db, name) is None)

    missing = await ctx.db.read(read) if named else []
    if missing:
        raise NotServable(
            f"provider '{missing[0]}' is not configured in this project, so nothing could answer for it; "
            f"add it with: treadle provider add",
            providers=missing,
        )


def _require_own_model(model: ModelVersion, targets: list[ManifestTarget]) -> None:
    if model.model_version_id not in {target.model_version_id for target in targets}:
        raise NotServable(
            f"none of the targets is the release's own model version '{model.model_version_id}'; the one that is judged "
            f"and approved must be one of those that answer: add it to the targets",
            model_version_id=model.model_version_id,
        )


def _require_runnable(version: ModelVersion) -> None:
    """Check that an engine can be made to serve a version: llama.cpp its GGUF, vLLM its weights, or its adapter on a base."""
    has_weights = any(file.path.startswith(WEIGHTS_PREFIX) for file in version.files)
    has_adapter = any(file.path.startswith(ADAPTER_PREFIX) for file in version.files)
    if version.find_file(GGUF_FILE) or has_weights or (has_adapter and version.base_version_id is not None):
        return
    raise NotServable(
        f"version {version.version} of model '{version.model_name}' has no '{GGUF_FILE}', no '{WEIGHTS_PREFIX}' and no "
        f"adapter on a base, so no engine can serve it; release a version that was exported: "
        f"treadle model versions {version.model_name}",
        model_version_id=version.model_version_id,
    )


def _require_same(what: str, here: str, there: str | None) -> None:
    if there is not None and here != there:
        raise PartsChanged(
            f"{what} has the digest '{here}' here and '{there}' in the manifest; bundle it from the workspace that it is of"
        )


def _needs_engine(manifest: Manifest, model_version_id: str) -> bool:
    return not manifest.targets or any(
        target.provider == ENGINE and target.model == model_version_id for target in manifest.targets
    )
