"""Register model versions, read them, move aliases, and lay their files out for engines and trainers."""

from __future__ import annotations

import shutil
from datetime import datetime
from pathlib import Path
from typing import NamedTuple

import anyio.to_thread

from treadle.core.canonical import digest_of
from treadle.core.errors import InvalidInput, NotFound
from treadle.core.ids import derive_id, new_id
from treadle.core.revisions import ALWAYS, When
from treadle.core.types import JsonObject, Page
from treadle.governance import audit, editing
from treadle.governance.editing import Audited
from treadle.http.context import Context
from treadle.http.paging import decode_cursor, page_of
from treadle.lineage import service as lineage
from treadle.models import store
from treadle.models.card import card_of
from treadle.models.types import (
    ADAPTER_PREFIX,
    GGUF_FILE,
    WEIGHTS_PREFIX,
    Alias,
    Card,
    Description,
    File,
    Measurement,
    Model,
    NewProviderVersion,
    Version,
)
from treadle.storage.database import Connection

NEWEST = "latest"


class ModelNotFound(NotFound):
    """No model has the name."""

    code = "models.not_found"


class VersionNotFound(NotFound):
    """The model has no such version."""

    code = "models.version_not_found"


class FileNotInVersion(NotFound):
    """The version has no such file."""

    code = "models.file_not_found"


class Prepared(NamedTuple):
    """A version laid out on this machine for an engine."""

    model_version_id: str
    place: Path
    """A GGUF file, or a folder of weights or of an adapter."""
    engine: JsonObject
    """How it wants to be served: the `engine` of its facts."""
    base: tuple[str, Path] | None
    """For an adapter: the version it belongs on, and the folder of that one's weights."""


async def register_version(ctx: Context, name: str, description: Description) -> Version:
    """Add a version to a model, making the model when it is the first; with lineage and audit in the same transaction.

    Idempotent: a second call with the same `run_id` and name returns the version that the first made; without a run,
    the same files or pointer again return the version that has them.
    """
    ctx.require("models.write")
    digest = digest_of(
        {
            "files": sorted([file.path, file.digest] for file in description.files),
            "provider": description.provider.model_dump() if description.provider else None,
        }
    )

    def write(db: Connection) -> Version:
        model_id = store.ensure_model(db, new_id("mdl"), name, ctx.clock.now())
        version_id = derive_id("mdv", model_id, description.run_id or digest)
        existing = store.find_version_by_id(db, version_id)
        if existing is not None:
            return existing
        model = store.find_model(db, name)
        assert model is not None
        version = Version(
            **description.model_dump(),
            model_version_id=version_id,
            model_name=name,
            version=model.latest_version + 1,
            digest=digest,
            created_at=ctx.clock.now(),
        )
        store.insert_version(db, model_id, version)
        _draw_lineage(db, version)
        audit.record(
            db,
            ctx,
            action="models.register",
            object_id=version_id,
            detail={"model": name, "version": version.version, "digest": digest, "run_id": version.run_id},
        )
        return version

    return await ctx.db.write(write)


async def register_provider_version(ctx: Context, name: str, new: NewProviderVersion) -> Version:
    """Register a provider's model as a version, so that releases can point at it."""
    return await register_version(
        ctx,
        name,
        Description(
            kind="provider",
            provider=new.provider,
            licence=new.licence,
            context_length=new.context_length,
            limits=new.limits,
        ),
    )


async def list_models(
    ctx: Context, *, text: str | None = None, alias: str | None = None, limit: int, cursor: str | None
) -> Page[Model]:
    """Return models by name; text: in the name; alias: on a version of it."""
    ctx.require("models.read")
    after = decode_cursor(cursor, str)
    rows = await ctx.db.read(lambda db: store.list_models(db, text, alias, str(after[0]) if after else None, limit + 1))
    return page_of(rows, limit, lambda model: (model.name,))


async def get_model(ctx: Context, name: str) -> Model:
    """Return a model. Raises ModelNotFound."""
    ctx.require("models.read")
    return await ctx.db.read(lambda db: _require_model(db, name))


async def list_versions(ctx: Context, name: str) -> list[Version]:
    """Return the versions of a model, newest first. Raises ModelNotFound."""
    ctx.require("models.read")

    def read(db: Connection) -> list[Version]:
        _require_model(db, name)
        return store.list_versions(db, name)

    return await ctx.db.read(read)


async def get_version(ctx: Context, name: str, version: int | str) -> Version:
    """Return a version by number or alias ('latest' is the newest). Raises ModelNotFound, VersionNotFound."""
    ctx.require("models.read")

    def read(db: Connection) -> Version:
        model = _require_model(db, name)
        number = model.latest_version if version == NEWEST else model.aliases.get(str(version))
        if number is None and str(version).isdigit():
            number = int(version)
        if number is None:
            aliases = ", ".join(repr(alias) for alias in sorted(model.aliases)) or "none"
            raise VersionNotFound(
                f"model '{name}' has no alias '{version}' (it has {aliases}); "
                f"list versions with: treadle model versions {name}"
            )
        return _require_version(db, model, number)

    return await ctx.db.read(read)


async def get_version_by_id(ctx: Context, model_version_id: str) -> Version:
    """Return a version by id. Raises VersionNotFound."""
    ctx.require("models.read")
    return await ctx.db.read(lambda db: _require_by_id(db, model_version_id))


async def set_alias(ctx: Context, name: str, alias: str, version: int, *, when: When = ALWAYS) -> Alias:
    """Point an alias at a version. Safe to repeat. Raises ModelNotFound, VersionNotFound, Outdated (see `editing.check`)."""
    ctx.require("models.write")
    if alias == NEWEST:
        raise InvalidInput(
            "'latest' always is the newest version and cannot be moved; try 'champion'", code="models.alias_reserved"
        )
    moved = Alias(name=alias, version=version, moved_at=ctx.clock.now())

    def write(db: Connection) -> None:
        called = f"alias '{alias}' of model '{name}'"
        editing.hold(db, called)
        model = _require_model(db, name)
        _require_version(db, model, version)
        audited = Audited("models.set_alias", model.model_id, "models.read", part={"alias": alias})
        editing.check(db, ctx, when, called, store.find_alias(db, model.model_id, alias), lambda _: audited)
        store.move_alias(db, model.model_id, moved)
        audit.record(
            db,
            ctx,
            action="models.set_alias",
            object_id=model.model_id,
            detail={"model": name, "alias": alias, "version": version},
        )

    await ctx.db.write(write)
    return moved


async def record_measurements(ctx: Context, model_version_id: str, measured: list[Measurement]) -> None:
    """Keep what a run or experiment measured of a version, for its card. Safe to repeat. Raises VersionNotFound."""
    ctx.require("models.write")

    def write(db: Connection) -> None:
        _require_by_id(db, model_version_id)
        for one in measured:
            store.put_measurement(db, model_version_id, one)

    await ctx.db.write(write)


async def get_card(ctx: Context, name: str, version: int | str) -> Card:
    """Return the card of a version, made from what is recorded now. Raises ModelNotFound, VersionNotFound."""
    found = await get_version(ctx, name, version)
    measured = await ctx.db.read(lambda db: store.list_measurements(db, found.model_version_id))
    return card_of(found, measured)


async def get_card_as_of(ctx: Context, model_version_id: str, moment: datetime) -> Card:
    """Return the card of a version as it was at a moment, so that it can be told again alike. Raises VersionNotFound."""
    found = await get_version_by_id(ctx, model_version_id)
    measured = await ctx.db.read(lambda db: store.list_measurements(db, model_version_id))
    return card_of(found, [one for one in measured if one.measured_at <= moment])


async def fetch_file(ctx: Context, name: str, version: int | str, path: str) -> Path:
    """Return a readable local copy of one file. Raises ModelNotFound, VersionNotFound, FileNotInVersion."""
    found = await get_version(ctx, name, version)
    return await _fetch(ctx, found, path)


async def prepare(ctx: Context, model_version_id: str) -> Prepared:
    """Return what an engine needs to serve a version: hand it to `Supervisor.ensure(*prepared)`.

    A version with a GGUF is served from that file, unless its facts ask for vLLM (`{"engine": {"kind": "vllm"}}`) and it holds weights;
    one without gets a folder of its weights, an adapter also that of its base. Raises VersionNotFound, FileNotInVersion.
    """
    version = await get_version_by_id(ctx, model_version_id)
    stated = version.facts.get("engine")
    engine = dict(stated) if isinstance(stated, dict) else {}
    weights = _below(version, WEIGHTS_PREFIX)
    if version.find_file(GGUF_FILE) and not (engine.get("kind") == "vllm" and weights):
        return Prepared(model_version_id, await _fetch(ctx, version, GGUF_FILE), engine, None)
    if weights:
        return Prepared(model_version_id, await _lay_out(ctx, weights), engine, None)
    adapter = _below(version, ADAPTER_PREFIX)
    if adapter and version.base_version_id is not None:
        base = await get_version_by_id(ctx, version.base_version_id)
        if under := _below(base, WEIGHTS_PREFIX):
            place = await _lay_out(ctx, adapter)
            return Prepared(model_version_id, place, engine, (base.model_version_id, await _lay_out(ctx, under)))
    raise FileNotInVersion(
        f"version {version.version} of model '{version.model_name}' ({version.kind}) holds nothing that an engine can serve; "
        f"it needs '{GGUF_FILE}' for llama.cpp or '{WEIGHTS_PREFIX}' for vLLM: treadle model versions {version.model_name}"
    )


async def lay_out_weights(ctx: Context, model_version_id: str, folder: Path) -> Path:
    """Put the transformers folder of a version below `folder`, for a trainer; returns it. Safe to repeat."""
    version = await get_version_by_id(ctx, model_version_id)
    files = [file for file in version.files if file.path.startswith(WEIGHTS_PREFIX)]
    if not files:
        raise FileNotInVersion(
            f"version {version.version} of model '{version.model_name}' is of kind '{version.kind}' and holds no weights; "
            f"tune from one that does: treadle model versions {version.model_name}"
        )

    def copy() -> Path:
        target = folder / WEIGHTS_PREFIX.rstrip("/")
        for file in files:
            place = folder / file.path
            place.parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(ctx.blobs.fetch(file.digest), place)
        return target

    return await anyio.to_thread.run_sync(copy)


async def keep_files(ctx: Context, folder: Path, *, patterns: tuple[str, ...]) -> list[File]:
    """Put files of a folder into the blob store; returns them by path, sorted. Safe to repeat."""

    def keep() -> list[File]:
        paths = sorted({path for pattern in patterns for path in folder.glob(pattern) if path.is_file()})
        files = []
        for path in paths:
            blob = ctx.blobs.put_file(path)
            files.append(File(path=path.relative_to(folder).as_posix(), digest=blob.digest, size_bytes=blob.size_bytes))
        return files

    return await anyio.to_thread.run_sync(keep)


def _below(version: Version, prefix: str) -> dict[str, str]:
    """Return the digests of the files below a folder of a version, by their place in it."""
    return {file.path.removeprefix(prefix): file.digest for file in version.files if file.path.startswith(prefix)}


async def _lay_out(ctx: Context, files: dict[str, str]) -> Path:
    return await anyio.to_thread.run_sync(lambda: ctx.blobs.lay_out(files))


async def _fetch(ctx: Context, version: Version, path: str) -> Path:
    file = version.find_file(path)
    if file is None:
        names = ", ".join(repr(each.path) for each in version.files) or "none"
        raise FileNotInVersion(
            f"version {version.version} of model '{version.model_name}' has no file '{path}' (it has {names})",
            path=path,
        )
    digest = file.digest
    return await anyio.to_thread.run_sync(lambda: ctx.blobs.fetch(digest))


def _draw_lineage(db: Connection, version: Version) -> None:
    node = version.model_version_id
    lineage.describe(db, node, kind="model version", title=f"{version.model_name} v{version.version}")
    for source, relation in (
        (version.dataset_version_id, "trained"),
        (version.base_version_id, "tuned into"),
        (version.prompt_version_id, "rendered for"),
        (version.run_id, "made"),
    ):
        if source:
            lineage.add_edge(db, source_id=source, target_id=node, relation=relation, run_id=version.run_id)


def _require_model(db: Connection, name: str) -> Model:
    model = store.find_model(db, name)
    if model is None:
        raise ModelNotFound(f"there is no model '{name}'; list them with: treadle model list", name=name)
    return model


def _require_version(db: Connection, model: Model, number: int) -> Version:
    version = store.find_version(db, model.name, number)
    if version is None:
        raise VersionNotFound(
            f"model '{model.name}' has no version {number} (newest is {model.latest_version}); "
            f"list them with: treadle model versions {model.name}",
            version=number,
        )
    return version


def _require_by_id(db: Connection, model_version_id: str) -> Version:
    version = store.find_version_by_id(db, model_version_id)
    if version is None:
        raise VersionNotFound(f"there is no model version '{model_version_id}'; list models with: treadle model list")
    return version
